"""YAML is data: hostile files are refused with one message, and every key knows its line."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.document import dotted
from flask_agent_api.formats.yaml_loader import load_yaml
from flask_agent_api.formats.yaml_loader import parse_yaml

LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10))
KEYED_LAUGHS = "a0: &a0 {k: x}\n" + "".join(
    f"a{n}: &a{n} {{{', '.join(f'k{i}: *a{n - 1}' for i in range(9))}}}\n" for n in range(1, 10)
)


def parse(text: str) -> Any:
    return parse_yaml(text, Path("team.yaml")).data


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("False", False),
        ("on", "on"),
        ("no", "no"),
        ("Yes", "Yes"),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("2026-03-14", "2026-03-14"),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("!!float 12", 12.0),
        ("gpt-4o", "gpt-4o"),
        ("=", "="),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    parsed = parse(f"key: {text}")["key"]
    assert parsed == value
    assert isinstance(parsed, type(value))


@pytest.mark.parametrize("text", ["1.10", "007", "0x1F", "1e3", ".5", "+4", "12", "-0.25", ".inf"])
def test_numbers_know_how_they_are_written(text: str) -> None:
    number = parse(f"key: {text}")["key"]
    assert isinstance(number, int | float)
    assert (str(number), f"{number}", str(copy.deepcopy(number))) == (text, text, text)
    if text != ".inf":
        assert json.loads(json.dumps(number)) == number


def test_keys_are_text() -> None:
    assert parse("{42: a, true: b, 'c': d}") == {"42": "a", "true": "b", "c": "d"}


def test_anchors_and_merge_keys_work() -> None:
    data = parse("base: &base {a: 1, b: 2}\nmore: &more {b: 3, c: 4}\nx: {<<: [*base, *more], a: 9}\ny: {<<: *more}\n")
    assert data["x"] == {"a": 9, "b": 2, "c": 4}
    assert data["y"] == {"b": 3, "c": 4}


def test_every_key_and_item_knows_its_line() -> None:
    document = parse_yaml("# first\nagents:\n  root:\n    tools:\n      - a\n      - b: 1\n", Path("t.yaml"))
    assert document.lines[("agents",)] == 2
    assert document.lines[("agents", "root", "tools", 1)] == 6
    assert document.at(("agents", "root", "tools", 1, "b")) == "t.yaml:6: agents.root.tools[1].b"
    assert document.at(("agents", "root", "absent")) == "t.yaml:3: agents.root.absent"
    assert document.at(()) == "t.yaml"


def test_dotted_path() -> None:
    assert dotted(("agents", "root", "toolsets", 2, "type")) == "agents.root.toolsets[2].type"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: !!python/object:os.system {}", "team.yaml:1: the tag !!python/object:os.system is not allowed"),
        ("a: !!python/object/apply:os.system ['id']", "is not allowed"),
        ("\na: !!python/name:os.system", "team.yaml:2: the tag"),
        ("a: !custom x", "the tag !custom is not allowed"),
        ("a: !!binary aGk=", "the tag !!binary is not allowed"),
        ("a: !!set {x}", "the tag !!set is not allowed"),
        ("a: !!timestamp 2026-03-14", "the tag !!timestamp is not allowed"),
        (LAUGHS, "aliases make more than 100000 values"),
        (KEYED_LAUGHS, "aliases make more than 100000 values"),
        ("a: &a [*a]", "aliases make more than"),
        ("a: &a {<<: *a}", "aliases make more than"),
        ("a: &a\n  b: *a", "aliases make more than"),
        ("[" * 200_000, "nested deeper than 64 levels"),
        ("{a: " * 50_000, "nested deeper than 64 levels"),
        ("- " * 50_000, "nested deeper than 64 levels"),
        ("a: 1\nb: 2\na: 3", "team.yaml:3: the key 'a' stands here twice; the first is on line 1"),
        ("a: {b: 1, 'b': 2}", "the key 'b' stands here twice"),
        ("a: b\x00c", "not valid YAML"),
        ("a: b: c", "team.yaml:1: not valid YAML: mapping values are not allowed here"),
        ("a: 1\n\tb: 2", "team.yaml:2: not valid YAML"),
        ("a: [1, 2", "not valid YAML"),
        ("a: 1\n---\nb: 2", "expected a single document"),
        ("? [a, b]\n: c", "a key must be plain text"),
        ("a: *nothing", "undefined alias"),
        (r'a: "\UFFFFFFFF"', "not valid YAML"),
        (r'a: "\U00110000"', "not valid YAML"),
        ("a: " + "9" * 5000, "put it in quotes"),
        ("a: !!int x", "'x' is no int here"),
        ("a: !!bool x", "'x' is no bool here"),
        ("<<: 3", "`<<` takes a mapping"),
        ("%YAML 3.0\n---\na: 1", "not valid YAML"),
    ],
)
def test_hostile_and_broken_files_are_refused_in_one_message(text: str, message: str) -> None:
    started = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.message.startswith("team.yaml")
    assert len(caught.value.message) < 300
    assert "\n" not in caught.value.message
    assert time.monotonic() - started < 10


def test_ten_megabytes_are_not_even_parsed(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text("a: 1\n" + "#" * 10_000_000)
    started = time.monotonic()
    with pytest.raises(ConfigError, match="larger than 1024 KiB"):
        load_yaml(path)
    assert time.monotonic() - started < 1


def test_what_is_not_utf8_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"a: 1\nb: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml:2: not UTF-8"):
        load_yaml(path)


def test_a_byte_order_mark_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "bom.yaml"
    path.write_bytes("\N{BOM}a: é".encode())
    assert load_yaml(path).data == {"a": "é"}


def test_a_file_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_yaml(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_yaml(tmp_path)
