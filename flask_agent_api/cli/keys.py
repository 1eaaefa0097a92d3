"""``keys``: makes keys for clients, and lists those that there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from typing import TYPE_CHECKING

import click

from ..allowance import Allowance
from ..keys import caller_of
from ..keys import hash_of
from ..keys import new_key
from ..setting_values import texts
from ..settings import TOOL_ACTIVITY

if TYPE_CHECKING:
    from ..keys import Key

_LISTS = ("agents", "tools", "tool_activity")


@click.group()
def keys() -> None:
    """Make keys for clients, and list those that there are."""


@keys.command()
@click.argument("name")
@click.option("--agents", metavar="NAMES", help="The agents that it may use, comma-separated.")
@click.option("--tools", metavar="RULES", help="The tools that may be called for it, comma-separated.")
@click.option("--tool-activity", metavar="MODES", help="The modes of tool activity that it may ask for.")
@click.option("--rpm", type=click.IntRange(1), metavar="N", help="Requests a minute.")
@click.option("--streams", type=click.IntRange(1), metavar="N", help="Requests at the same time.")
@click.option("--tokens-per-day", type=click.IntRange(1), metavar="N", help="Tokens a day.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def new(name: str, as_json: bool, rpm: int | None, **limits: Any) -> None:
    """Make a key and print it, this once, with what to store of it.

    NAME says whose key it is, in logs and as the owner of conversations: who gets a new key of the same name keeps
    them.
    """
    entry = _entry({**limits, "requests_per_minute": rpm})
    try:
        caller_of(name)
        Allowance(tools=entry.get("tools"))
    except ValueError as exc:
        raise click.UsageError(str(exc)) from exc
    key = new_key()
    hash = hash_of(key)
    if as_json:
        click.echo(json.dumps({"name": name, "key": key, "entry": {name: {"hash": hash, **entry}}}, indent=2))
        return
    click.echo(key)
    for line in _to_store(name, hash, entry):
        click.echo(line, err=True)


@keys.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
def list_(as_json: bool) -> None:
    """List the names of the keys and their limits, as the settings have them; never a key."""
    from .apps import make_app
    from .apps import service_of

    keys = list(service_of(make_app(())).door.keys)
    if as_json:
        click.echo(json.dumps({"object": "list", "data": [_object(key) for key in keys]}, indent=2))
        return
    width = max((len(key.caller) for key in keys), default=0)
    for key in keys:
        click.echo(f"{key.caller:{width}}  {'; '.join(_limits(key)) or 'no limits'}")
    if not keys:
        click.echo("There are no keys. Make one with: flask-agent-api keys new NAME", err=True)


def _entry(limits: dict[str, Any]) -> dict[str, Any]:
    """The limits as a file of keys has them."""
    given = {name: value for name, value in limits.items() if value is not None}
    entry = {name: texts(value) if name in _LISTS else value for name, value in given.items()}
    for mode in entry.get("tool_activity", ()):
        if mode not in TOOL_ACTIVITY:
            raise click.UsageError(f"there is no mode {mode!r}; there are {', '.join(TOOL_ACTIVITY)}")
    return entry


def _to_store(name: str, hash: str, entry: dict[str, Any]) -> Iterator[str]:
    yield "\nThis is the only time that the key is shown. Store its hash in the file of FLASK_AGENT_API_KEYS_FILE:\n"
    yield f"{json.dumps(name)}:"
    for field, value in {"hash": hash, **entry}.items():
        yield f"  {field}: {value if field == 'hash' else json.dumps(value)}"
    if not entry:
        yield f"\nor in FLASK_AGENT_API_KEYS:\n\n{name}:{hash}"


def _object(key: Key) -> dict[str, Any]:
    limits = {name: getattr(key.allowance, name) for name in Allowance.__slots__}
    return {"caller": key.caller, "hashes": len(key.digests), **limits}


def _limits(key: Key) -> Iterator[str]:
    allowance = key.allowance
    for name in _LISTS:
        if (values := getattr(allowance, name)) is not None:
            yield f"{name}: {', '.join(values) or 'none'}"
    numbers = {
        "requests a minute": allowance.requests_per_minute,
        "streams": allowance.streams,
        "tokens a day": allowance.tokens_per_day,
    }
    yield from (f"{number} {what}" for what, number in numbers.items() if number)
