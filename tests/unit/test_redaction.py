from __future__ import annotations

import logging
import re
import time
from pathlib import Path

import pytest

import flask_agent_api
from flask_agent_api import redaction
from flask_agent_api.redaction import keep_secret
from flask_agent_api.redaction import keep_secrets
from flask_agent_api.redaction import keep_url
from flask_agent_api.redaction import redacted
from flask_agent_api.settings import Settings

logger = logging.getLogger("flask_agent_api.web")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_known", set())
    monkeypatch.setattr(redaction, "_of_callers", redaction.deque(maxlen=500))
    monkeypatch.setattr(redaction, "_longest_first", ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a canary-0123 sings", "a *** sings"),
        ("canary-0123-and-more", "***"),
        ("Authorization: Bearer canary-0123", "Authorization: Bearer ***"),
        ("sent with scheme-less-9", "sent with ***"),
        ("short stays", "short stays"),
        ("a key sk-proj-abcdefghijkl in it", "a key *** in it"),
        ("Bearer abc.def-ghi~jkl, and so on", "Bearer ***, and so on"),
        ("send 'Authorization: Bearer KEY'", "send 'Authorization: Bearer KEY'"),
        ("redis://user:pass@host:6379/0", "redis://***@host:6379/0"),
        ("https://host:8000/v1 is an address", "https://host:8000/v1 is an address"),
        ("task-force-abcdefghijkl and request req_0123456789abcdef0123456789abcdef", None),
    ],
)
def test_what_is_known_and_what_looks_like_a_key_is_struck_out(text: str, expected: str | None) -> None:
    keep_secret("canary-0123", "canary-0123-and-more", "Token scheme-less-9", "short", "")
    assert redacted(text) == (text if expected is None else expected)


def test_headers_and_variables_are_secret_unless_they_look_harmless() -> None:
    keep_secrets(
        {"X-Api-Key": "plainword", "X-Tenant": "acme-4711-beta", "LOG_FOLDER": "/var/log/agents", "MODE": "production",
         "Content-Type": "application/json", "User-Agent": "agents/1.0 (x86)", "PORTS": "8000,8001"}
    )  # fmt: skip
    text = "plainword acme-4711-beta /var/log/agents production application/json agents/1.0 (x86) 8000,8001"
    assert redacted(text) == "*** *** /var/log/agents production application/json agents/1.0 (x86) 8000,8001"


def test_parts_of_an_address_are_secret() -> None:
    keep_url("https://user:p%40ssw0rd-1@host/path?token=canary-0123&page=1")
    assert redacted("p%40ssw0rd-1 p@ssw0rd-1 canary-0123 host /path page=1") == "*** *** *** host /path page=1"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host:8000/v1", "https://host:8000/v1"),
        ("https://me:secret@host/v1@x?key=secret", "https://host/v1@x?***"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert redaction.public_url(url) == shown


def test_lines_of_a_secret_are_secret() -> None:
    keep_secret("-----BEGIN KEY-----\nabcdefghijklmnop\n-----END KEY-----")
    assert redacted("it is abcdefghijklmnop") == "it is ***"


def test_of_what_callers_send_only_the_last_is_remembered() -> None:
    keep_secret("forever-0123")
    for number in range(501):
        keep_secret(f"caller-{number:04}", passing=True)
    assert redacted("forever-0123 caller-0000 caller-0001 caller-0500") == "*** caller-0000 *** ***"


def test_secret_settings_are_known_and_not_shown() -> None:
    settings = Settings.from_mapping(
        {
            "AGENT_API_KEYS": "first-key-0123456789,second-key-0123456789",
            "AGENT_API_GATEWAY": "https://me:gateway-login@gateway.example/v1?key=gateway-query",
            "AGENT_API_GATEWAY_KEY": "gateway-key-0123456789",
            "AGENT_API_STORE": "redis://:redis-password@127.0.0.1:1/0",
            "AGENT_API_MCP_SERVERS": '{"docker:x": {"url": "http://127.0.0.1/?k=mcp-query-0123", '
            '"headers": {"Authorization": "Bearer mcp-header-0123"}}}',
        },
        {},
    )
    shown = repr(settings)
    for secret in ("first-key", "second-key", "gateway-login", "gateway-query", "gateway-key", "redis-pass", "mcp-"):
        assert secret not in shown
    text = (
        "first-key-0123456789 second-key-0123456789 gateway-login gateway-query gateway-key-0123456789 redis-password"
    )
    assert redacted(text) == " ".join(["***"] * 6)


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """What any handler would write, by the standard formatter."""
    return "\n".join(logging.Formatter().format(record) for record in caplog.records)


def test_records_and_their_tracebacks(caplog: pytest.LogCaptureFixture) -> None:
    keep_secret("canary-0123")
    caplog.set_level("DEBUG", "flask_agent_api")
    logger.info("in the canary-0123 line")
    logger.info("in %s and %r", "a canary-0123", {"key": "canary-0123"})
    try:
        try:
            raise ValueError("canary-0123 in the cause")
        except ValueError as exc:
            raise RuntimeError("canary-0123 in the error") from exc
    except RuntimeError:
        logger.exception("failed")
    text = logged(caplog)
    assert "canary" not in text
    assert text.count("***") == 7  # of the traceback the lines of the source, too
    assert "RuntimeError: *** in the error" in text


def test_a_traceback_without_secrets_stays_with_its_record(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("plain")
    except ValueError:
        logger.exception("failed")
    assert caplog.records[0].exc_info is not None


def test_what_others_choose_stays_on_its_line_and_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("tool %s: %s", "a\n2026-01-01 ERROR forged \x1b[31m", ValueError("b\r\nc\u2028d"))
    logger.warning("model %s and %d", "x" * 1_000_000, 5)
    first, second = (record.getMessage() for record in caplog.records)
    assert first == "tool a\\n2026-01-01 ERROR forged \\x1b[31m: b\\r\\nc\\u2028d"
    assert len(second) < 10_000
    assert second.endswith("x... and 5")


def test_a_text_of_several_lines_stays_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    logger.warning("it is here:\n%s", "one\ntwo")
    assert caplog.records[0].getMessage() == "it is here:\none\ntwo"


def test_every_logger_of_the_package_is_covered() -> None:
    sources = "".join(path.read_text() for path in Path(flask_agent_api.__file__).parent.rglob("*.py"))
    names = set(re.findall(r'getLogger\("([^"]+)"\)', sources))
    assert len(names) > 10
    assert names - set(redaction.LOGGERS) == set()
    assert "getLogger(__name__)" not in sources


@pytest.mark.parametrize(
    "piece",
    [
        "sk-",
        "Bearer ",
        "Bearer a ",
        "://a:",
        "://",
        "AIza-",
        "a",
        "-",
        "://a@",
        "Basic =",
        "eyJ.",
        "sk-aaaaaaaaaaa ",
        " ",
    ],
)
def test_a_long_text_is_looked_through_in_no_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    seconds = []
    for _ in range(5):
        start = time.thread_time()
        redacted(text)
        seconds.append(time.thread_time() - start)
    assert min(seconds) < 0.01
