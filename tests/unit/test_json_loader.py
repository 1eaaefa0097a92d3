"""JSON files are read with the line of each key, and refused with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.tiny_agents.loader import load_tiny_agent
from flask_agent_api.settings import Settings


def test_places_have_lines(tmp_path: Path) -> None:
    (tmp_path / "agent.json").write_bytes(
        b'\xef\xbb\xbf{\r\n\t"model": "m",\r\n\t"servers": [\r\n\t\t{"type": "stdio",\r\n\t\t "command": 1}\r\n\t]\r\n}'
    )
    with pytest.raises(ConfigError, match=r"agent\.json:5: servers\[0\]\.command: expected text, found 1"):
        load_tiny_agent(tmp_path, Settings(), {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n  "model": "x",\n}', r"agent\.json:3:1: not valid JSON: there is a comma behind the last item"),
        ('{\n  "model": "x" // what else\n}', r"agent\.json:2:16: not valid JSON: it has no comments"),
        (
            '{"servers": [\n{"env": {"A": "1",\n"A": "2"}}]}',
            r"agent\.json:3: servers\[0\]\.env\.A: the key 'A' stands twice here; the first is on line 2",
        ),
        ('{"a": {"b": 1}, "c": {"b": 1}, "a": 2}', r"agent\.json:1: a: the key 'a' stands twice"),
        ("[" * 100_000, "not valid JSON: nested too deep"),
        ('{"a":' * 100 + "1" + "}" * 100, "nested deeper than 64 levels"),
        ("[]", "expected an object, found a list"),
        ("null", "expected an object, found nothing"),
        ('"text"', "expected an object, found text"),
        ("", r"agent\.json:1:1: not valid JSON"),
        ('{"model": NaN}', "not valid JSON"),
        ("9" * 5000, "not valid JSON"),
        ('{"a": [' + "1," * 100_001 + "1]}", "more than 100000 values"),
        (" " * 1024 * 1024 + "{}", "larger than 1024 KiB"),
        ('{"model":\n "\\ud800"}', r"agent\.json:2: model: a text holds a character that cannot be passed on"),
        ('{"servers": [{"command": "\\u0000"}]}', r"servers\[0\]\.command: a text holds a character"),
        ('{"// model": "\\"{[,:", "modle": 1}', 'modle: unknown field, did you mean "model"'),
    ],
)
def test_broken_json_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "agent.json").write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_tiny_agent(tmp_path, Settings(), {})
