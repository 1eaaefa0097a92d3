from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
from pathlib import Path

import pytest

from flask_agent_api.allowance import Allowance
from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.keys_file import load_keys
from flask_agent_api.keys import caller_of
from flask_agent_api.keys import hash_of
from flask_agent_api.keys import new_key
from flask_agent_api.keys import parse_key
from flask_agent_api.web import keyring
from flask_agent_api.web.keyring import Keyring

KEY = "key-0123456789abcdef"
OTHER = "other-0123456789abcdef"


def file_of(tmp_path: Path, text: str, name: str = "keys.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def caller(keyring: Keyring, key: str) -> str | None:
    principal = keyring.find(key.encode())
    return None if principal is None else principal.id


def test_new_keys_are_long_unlike_each_other_and_known_by_their_hash() -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100
    assert min(map(len, keys)) >= 43 + len("sk-agent-")
    key = keys.pop()
    assert caller(Keyring([f"alice:{hash_of(key)}"]), key) == "key:alice"


def test_named_hash_and_plain_key_stand_side_by_side() -> None:
    ring = Keyring([KEY, f"alice:{hash_of(OTHER)}"])
    assert caller(ring, OTHER) == "key:alice"
    assert caller(ring, KEY) == f"key:{hashlib.sha256(KEY.encode()).hexdigest()[:12]}"
    assert caller(ring, hash_of(OTHER)) is None
    assert caller(ring, f"alice:{hash_of(OTHER)}") is None


def test_a_key_that_is_replaced_and_the_new_one_are_the_same_caller() -> None:
    ring = Keyring([f"alice:{hash_of(KEY)}", f"alice:{hash_of(OTHER)}"])
    assert caller(ring, KEY) == caller(ring, OTHER) == "key:alice"
    assert len(list(ring)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "hunter2", "alice:sha256:", "alice:sha256:abc", f"alice:sha256:{'g' * 64}", f"alice:sha256:{'a' * 65}",
        f":sha256:{'a' * 64}", f"al ice:sha256:{'a' * 64}", f"0123456789ab:sha256:{'a' * 64}",
        f"{'a' * 65}:sha256:{'a' * 64}",
    ],
)  # fmt: skip
def test_what_is_neither_a_key_nor_a_named_hash_is_an_error_that_does_not_quote_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"shorter than|NAME:sha256:HEX") as caught:
        parse_key(text)
    assert text not in str(caught.value)


def test_digests_stay_out_of_reprs() -> None:
    assert hash_of(KEY)[7:20] not in repr(parse_key(KEY))
    assert repr(parse_key(KEY).digests[0]) not in repr(parse_key(KEY))


@pytest.mark.parametrize("name", ["keys.yaml", "keys.json"])
def test_file_says_what_each_key_may_do(tmp_path: Path, name: str) -> None:
    entries = {
        "alice": {
            "hash": hash_of(KEY), "agents": ["support", "ops/*"], "tools": ["search"], "tool_activity": ["none"],
            "requests_per_minute": 60, "streams": 2, "tokens_per_day": 100_000,
        },
        "bob": {"hash": [hash_of(OTHER), hash_of("a" * 16)]},
    }  # fmt: skip
    alice, bob = load_keys(file_of(tmp_path, json.dumps(entries), name))
    assert alice.allowance == Allowance(("support", "ops/*"), ("search",), ("none",), 60, 2, 100_000)
    assert (alice.caller, bob.caller) == ("key:alice", "key:bob")
    assert bob.allowance == Allowance()
    assert len(bob.digests) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected names of keys, found a list"),
        ("alice: sha256:x", "alice: expected a mapping with `hash`, found text"),
        ("alice: {agents: [a]}", "alice.hash: is missing; make a key and its hash with: flask-agent-api keys new NAME"),
        ("alice: {hash: secret-key-0123456789}", "alice.hash: expected sha256: and 64 hexadecimal digits"),
        (
            "alice:\n  hash: HASH\n  request_per_minute: 5",
            ":3: alice.request_per_minute: unknown field, did you",
        ),
        ("alice: {hash: HASH, colour: red}", "alice.colour: unknown field. There are: hash, agents, tools"),
        ("alice: {hash: HASH, agents: }", "alice.agents: is empty; leave it out where there is to be no limit"),
        ("alice: {hash: HASH, streams: 0}", "alice.streams: expected a whole number, 1 or more, found 0"),
        ("alice: {hash: HASH, tokens_per_day: 1.5}", "alice.tokens_per_day: expected a whole number"),
        ("alice: {hash: HASH, agents: support}", "alice.agents: expected a list of texts, found text"),
        ("alice: {hash: HASH, tool_activity: [evnts]}", "alice.tool_activity: unknown mode 'evnts', did you mean"),
        ("alice: {hash: HASH, tools: [':cmd=ls']}", "alice: the rule ':cmd=ls' names no tool"),
        ("'al ice': {hash: HASH}", "al ice: the name of a key has"),
        ("alice: {hash: HASH}\nalice: {hash: HASH}", "alice"),
    ],
)
def test_wrong_file_is_an_error_with_file_place_and_remedy(tmp_path: Path, text: str, message: str) -> None:
    path = file_of(tmp_path, text.replace("HASH", hash_of(KEY)))
    with pytest.raises(ConfigError) as caught:
        load_keys(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert "secret-key" not in str(caught.value)


def test_name_or_key_that_means_two_stops_the_start(tmp_path: Path) -> None:
    path = file_of(tmp_path, f"alice: {{hash: {hash_of(KEY)}}}")
    with pytest.raises(ConfigError, match="both have a key of key:alice"):
        Keyring([f"alice:{hash_of(OTHER)}"], str(path))
    with pytest.raises(ConfigError, match="key:bob and key:alice have the same key"):
        Keyring([f"bob:{hash_of(KEY)}"], str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        Keyring([], str(tmp_path / "missing.yaml"))


def test_edited_file_counts_and_a_wrong_one_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(keyring, "LOOK_SECONDS", 0.0)
    caplog.set_level(logging.INFO, "flask_agent_api.keys")
    path = file_of(tmp_path, f"alice: {{hash: {hash_of(KEY)}}}")
    ring = Keyring([], str(path))
    assert (caller(ring, KEY), caller(ring, OTHER)) == ("key:alice", None)
    path.write_text(f"alice: {{hash: {hash_of(OTHER)}}}\n# edited")
    assert (caller(ring, KEY), caller(ring, OTHER)) == (None, "key:alice")
    path.write_text("alice: {}")
    assert caller(ring, OTHER) == "key:alice"
    os.remove(path)
    assert caller(ring, OTHER) == "key:alice"
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR", "ERROR"]
    path.write_text("{}")
    assert caller(ring, OTHER) is None
    assert ring, "a file without keys must not open the door"


def test_every_key_is_compared_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    ring = Keyring([f"caller{number}:{hash_of(f'{number:020}')}" for number in range(50)])
    compared = []
    compare_digest = hmac.compare_digest

    def compare(known: bytes, sent: bytes) -> bool:
        compared.append((known, sent))
        return compare_digest(known, sent)

    monkeypatch.setattr(keyring.hmac, "compare_digest", compare)
    for key in (f"{0:020}", f"{49:020}", "wrong", ""):
        compared.clear()
        caller(ring, key)
        assert len(compared) == 50
        assert {sent for _, sent in compared} == {hashlib.sha256(key.encode()).digest()}


@pytest.mark.parametrize("name", ["alice", "a", "Alice.B-c_d@example.org", "0", "0123456789abc", "a" * 64])
def test_names_of_keys(name: str) -> None:
    assert caller_of(name) == f"key:{name}"


def test_agents_that_do_not_exist_are_told_with_the_nearest_name(tmp_path: Path) -> None:
    path = file_of(tmp_path, f"alice: {{hash: {hash_of(KEY)}, agents: [suport, ops/*, other]}}")
    (message,) = Keyring([], str(path)).unknown_agents(["support", "other"])
    assert "key:alice" in message
    assert "did you mean 'support'?" in message
