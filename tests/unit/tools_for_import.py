"""Functions that tests import as tools by import string. Its annotations are strings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from flask_agent_api.tools.function import tool

if TYPE_CHECKING:
    from decimal import Decimal

    from flask_agent_api.context import RunContext


@dataclasses.dataclass
class Place:
    city: str
    country: str = "DE"


def weather(place: Place, ctx: RunContext) -> Decimal:
    """The weather."""
    return f"{place.city}, {place.country}, {ctx.run_id}"  # type: ignore[return-value]


def unknown_type(price: Decimal) -> str:
    return str(price)


@tool(name="decorated_name", read_only=True)
def decorated(text: str) -> str:
    """Repeats."""
    return text


NOT_A_TOOL = 1
