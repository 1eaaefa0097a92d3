from __future__ import annotations

import io
import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies

from flask_agent_api.logs import HumanFormatter
from flask_agent_api.logs import JSONFormatter
from flask_agent_api.logs import log_to_stderr
from flask_agent_api.visible import visible


def entry(message: str, *args: object, level: int = logging.INFO, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("flask_agent_api.x", level, __file__, 1, message, args, None)
    record.__dict__.update(extra)
    return record


@given(strategies.text(strategies.characters(exclude_categories=[])))
def test_any_text_is_one_line_of_ascii_json(text: str) -> None:
    line = JSONFormatter().format(entry("%s", text))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["message"] == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@given(strategies.text(strategies.characters(exclude_categories=[])))
def test_no_text_forges_an_entry_or_moves_the_cursor(text: str) -> None:
    first, *others = HumanFormatter().format(entry("%s", text)).split("\n")
    assert first.isprintable()
    assert all(line.startswith("  ") and line.isprintable() for line in others)


def test_an_event_is_its_fields() -> None:
    written = json.loads(JSONFormatter().format(entry("run r1", fields={"event": "run", "seconds": 0.5})))
    assert written.pop("time").endswith("+00:00")
    assert written == {"level": "info", "logger": "flask_agent_api.x", "event": "run", "seconds": 0.5}


def test_a_stack_stays_in_its_entry() -> None:
    try:
        raise LookupError("two\nlines \x1b[31m")
    except LookupError:
        record = entry("failed")
        record.exc_info = sys.exc_info()
    assert "two\nlines \x1b[31m" in json.loads(JSONFormatter().format(record))["exception"]
    head, *stack = HumanFormatter().format(record).split("\n")
    assert head.endswith("failed")
    assert stack[-1] == r"  lines \x1b[31m"


def test_a_stack_without_its_secrets_stays_in_its_entry() -> None:
    record = entry("failed")
    record.exc_text = "LookupError: ***"
    assert json.loads(JSONFormatter().format(record))["exception"] == "LookupError: ***"


@pytest.mark.parametrize(
    ("level", "begins"), [(logging.INFO, "20"), (logging.WARNING, "\x1b[33m"), (logging.ERROR, "\x1b[31m")]
)
def test_what_is_wrong_has_a_colour_on_terminals(level: int, begins: str) -> None:
    assert HumanFormatter(coloured=True).format(entry("x", level=level)).startswith(begins)
    assert visible(HumanFormatter().format(entry("x", level=level))).startswith("20")


@pytest.mark.parametrize(
    ("is_terminal", "no_colour", "coloured"), [(True, "", True), (True, "1", False), (False, "", False)]
)
def test_only_terminals_get_colours(
    is_terminal: bool, no_colour: str, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("flask_agent_api")
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: is_terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", False)
    monkeypatch.setattr(logger, "level", logging.NOTSET)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_colour:
        monkeypatch.setenv("NO_COLOR", no_colour)
    log_to_stderr("human", "warning")
    logger.handlers[0].handle(entry("x", level=logging.ERROR))
    assert ("\x1b[" in stream.getvalue()) is coloured
    assert logger.level == logging.WARNING


def test_logging_that_is_set_up_already_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logging.getLogger("flask_agent_api")
    own = logging.NullHandler()
    monkeypatch.setattr(logger, "handlers", [own])
    log_to_stderr("json", "debug")
    assert logger.handlers == [own]
