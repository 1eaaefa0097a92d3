"""The demo team's tools: real time, safe arithmetic."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime
from datetime import timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from flask_agent_api.context import RunContext
from flask_agent_api.demo.arithmetic import evaluate
from flask_agent_api.demo.tools import calculate
from flask_agent_api.demo.tools import current_time
from flask_agent_api.errors import ToolError
from flask_agent_api.models.demo_cities import find_timezone
from flask_agent_api.settings import Settings


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        ("Asia/Tokyo", "Asia/Tokyo"),
        ("asia/tokyo", "Asia/Tokyo"),
        ("tokyo", "Asia/Tokyo"),
        ("New York", "America/New_York"),
        ("  new_york ", "America/New_York"),
        ("São Paulo", "America/Sao_Paulo"),
        ("Zürich", "Europe/Zurich"),
        ("Paris, France", "Europe/Paris"),
        ("San Francisco", "America/Los_Angeles"),
        ("St. Petersburg", "Europe/Moscow"),
        ("Louisville", "America/Louisville"),
        ("utc", "UTC"),
        ("Atlantis", None),
        ("", None),
        ("../../etc/passwd", None),
        ("Europe", None),
        ("x" * 10_000, None),
    ],
)
def test_places_are_found(place: str, zone: str | None) -> None:
    assert find_timezone(place) == zone


def test_current_time_tells_time_date_and_offset() -> None:
    before = datetime.now(ZoneInfo("Asia/Kathmandu")).replace(second=0, microsecond=0)
    said = current_time("Kathmandu")
    after = datetime.now(ZoneInfo("Asia/Kathmandu"))
    found = re.fullmatch(r"(\d\d:\d\d on \w+day, \d+ \w+ \d{4}) in Asia/Kathmandu \(UTC\+05:45\)", said)
    assert found
    told = datetime.strptime(found[1], "%H:%M on %A, %d %B %Y").replace(tzinfo=ZoneInfo("Asia/Kathmandu"))
    assert before <= told <= after


def test_current_time_refuses_unknown_places() -> None:
    with pytest.raises(ToolError, match="Atlantis"):
        current_time("Atlantis")


def test_tools_describe_themselves_to_a_model() -> None:
    context = RunContext(Settings())
    assert current_time.read_only
    assert calculate.read_only
    assert current_time.parameters["required"] == ["timezone"]
    assert "IANA" in current_time.parameters["properties"]["timezone"]["description"]
    assert calculate.call({"expression": "6 * 7"}, context) == "42"
    assert f"{datetime.now(timezone.utc):%Y} in UTC (UTC+00:00)" in str(current_time.call({"timezone": "UTC"}, context))


def test_missing_time_zone_data_is_said_with_the_remedy() -> None:
    code = """
import sys
sys.modules["tzdata"] = None
from flask_agent_api.demo.tools import current_time
from flask_agent_api.errors import ToolError
try:
    print(current_time("Asia/Tokyo"))
except ToolError as exc:
    print(exc)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONTZPATH": ""}, capture_output=True, text=True, timeout=30
    )
    assert "pip install tzdata" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("12 * (3 + 4)", "84"),
        ("17 + 25", "42"),
        ("2^10", "1024"),
        ("2 ** 10", "1024"),
        ("7 // 2 + 7 % 2", "4"),
        ("12 / 4", "3"),
        ("0.1 + 0.2", "0.3"),
        ("-(+3)", "-3"),
        ("2 ** -1", "0.5"),
        ("1e3 * 2", "2000"),
        ("2 ** 3999", str(2**3999)),
        ("1 ** 4000", "1"),
    ],
)
def test_expressions_are_worked_out(expression: str, value: str) -> None:
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "empty"),
        ("1 +", "not a valid"),
        ("007", "not a valid"),
        ("(" * 190, "not a valid"),
        ("1" * 201, "longer than 200"),
        ("__import__('os')", "Only numbers"),
        ("1 if 2 else 3", "Only numbers"),
        ("e", "Only numbers"),
        ("3(4)", "Only numbers"),
        ("(1).e", "Only numbers"),
        ("1 / 0", "Division by zero"),
        ("0 ** -1", "Division by zero"),
        ("9 ** 9 ** 9", "too large"),
        ("2.5 ** 9999", "too large"),
        ("1e999", "too large"),
        ("10 ** 1000 / 3", "too large"),
        ("(2 ** 3999) * 8", "too large"),
        ("(-8) ** 0.5", "not a real number"),
    ],
)
def test_other_expressions_are_refused(expression: str, message: str) -> None:
    with pytest.raises(ToolError, match=message):
        calculate(expression)


@settings(deadline=500, max_examples=300)
@given(st.one_of(st.text(max_size=30), st.text("0123456789.eE()+-*/%^ ", max_size=60)))
def test_any_expression_gives_a_value_or_a_tool_error(expression: str) -> None:
    try:
        assert float(evaluate(expression)) == float(evaluate(expression))
    except (ToolError, OverflowError):
        pass


@given(st.integers(-(10**6), 10**6), st.integers(-(10**6), 10**6))
def test_integers_are_exact(left: int, right: int) -> None:
    assert evaluate(f"{left} * {right} - ({right})") == str(left * right - right)
