"""The demo team's tools: the time in a city, and a calculator."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from ..errors import ToolError
from ..models.demo_cities import find_timezone
from ..models.demo_cities import has_timezones
from ..tools.function import tool
from .arithmetic import evaluate


@tool(read_only=True)
def current_time(timezone: str) -> str:
    """Tells the current time and date in a time zone or a city.

    Args:
        timezone: An IANA name such as "Europe/Berlin", or a well-known city such as "Tokyo".
    """
    if not has_timezones():
        raise ToolError("This machine has no time zone data. Install it with: pip install tzdata")
    name = find_timezone(timezone)
    if name is None:
        raise ToolError(f'No time zone or city is called "{timezone[:100]}". Use an IANA name such as "Europe/Berlin".')
    now = datetime.now(ZoneInfo(name))
    offset = now.strftime("%z")
    return f"{now:%H:%M} on {now:%A}, {now.day} {now:%B %Y} in {name} (UTC{offset[:3]}:{offset[3:5]})"


@tool(read_only=True)
def calculate(expression: str) -> str:
    """Works out an arithmetic expression.

    Args:
        expression: Numbers, parentheses and the operators + - * / // % ** (or ^ for powers).
    """
    return evaluate(expression)
