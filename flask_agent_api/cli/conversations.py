"""``conversations``: what is kept of all callers' conversations, and what shall be kept no longer."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ..visible import visible

if TYPE_CHECKING:
    from ..conversations.base import ConversationStore
    from ..conversations.base import LogInfo
    from ..web.service import Service

_DAY = 86_400.0

_principal = click.option("--principal", metavar="CALLER", help="Only this caller's, as the log calls him.")
_model = click.option("--model", metavar="AGENT", help="Only those with this agent.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object, for programs.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
def conversations() -> None:
    """Look at the conversations that are kept, and delete them.

    They are found as the server finds them, by the settings FLASK_AGENT_API_STORE and FLASK_AGENT_API_DATA_DIR.
    """


@conversations.command("list")
@_principal
@_model
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="How many to list.")
@_json
def list_(principal: str | None, model: str | None, limit: int, as_json: bool) -> None:
    """List conversations, the one that was used last first."""
    from .conversation_text import as_object
    from .conversation_text import table

    with _opened() as service:
        found = list(itertools.islice(_chosen(service.store, principal, model), limit + 1))
    if as_json:
        data = [as_object(info) for info in found[:limit]]
        click.echo(json.dumps({"object": "list", "data": data, "has_more": len(found) > limit}, indent=2))
        return
    for line in table(found[:limit]):
        click.echo(line)
    if len(found) > limit:
        click.echo(f"There are more than {limit}; see --limit.", err=True)


@conversations.command()
@click.argument("id")
@_principal
@_model
@_json
def show(id: str, principal: str | None, model: str | None, as_json: bool) -> None:
    """Show a conversation with all that is kept of it, what tools found as well."""
    from ..conversations.conversation import turns_of
    from ..conversations.kept import whole_history
    from .conversation_text import as_object
    from .conversation_text import table
    from .conversation_text import told

    with _opened() as service:
        found = [info for info in _chosen(service.store, principal, model) if info.key.id == id]
        if len(found) > 1:
            raise click.ClickException("\n".join(["Choose one by --principal and --model:", *table(found)]))
        _require([id], found)
        messages = list(whole_history(turns_of(service.store.read(found[0].key).entries, id)))
    if as_json:
        click.echo(json.dumps({**as_object(found[0]), "messages": messages}, indent=2))
        return
    for line in itertools.chain(table(found), told(messages)):
        click.echo(line)


@conversations.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "all_", is_flag=True, help="All there are; with --principal or --model, all of these.")
@_principal
@_model
@_yes
def delete(ids: tuple[str, ...], all_: bool, principal: str | None, model: str | None, yes: bool) -> None:
    """Delete conversations by their ids, and with them what else is kept of them.

    A run that is at work on one ends. An id that several callers or agents have means all of these.
    """
    from ..conversations.kept import forget

    if bool(ids) == all_:
        raise click.UsageError("Give ids, or --all.")
    with _opened() as service:
        found = [info for info in _chosen(service.store, principal, model) if all_ or info.key.id in ids]
        _require(ids, found)
        if found and not yes:
            callers = sorted({visible(info.key.principal) for info in found})
            whose = callers[0] if len(callers) == 1 else f"{len(callers)} callers"
            click.confirm(f"Delete {_count(found)} of {whose}?", abort=True, err=True)
        deleted = [info for info in found if forget(service.store, info.key)]
    click.echo(f"{_count(deleted)} deleted")


@conversations.command()
@click.option("--unused-for", metavar="DAYS", type=click.FloatRange(0), help="Also those not used for so many days.")
@click.option("--most", metavar="N", type=click.IntRange(0), help="Keep the N that were used last at the most.")
def prune(unused_for: float | None, most: int | None) -> None:
    """Forget what is too old, or too much, as servers do from time to time.

    A conversation that a run is at work on stays.
    """
    from ..conversations.conversation import KIND
    from ..conversations.kept import conversations as kept
    from ..conversations.kept import forget

    with _opened() as service:
        store, forgotten = service.store, 0
        if unused_for is not None:
            before = time.time() - unused_for * _DAY
            old = [info.key for info in kept(store) if info.used < before]
            forgotten += sum(forget(store, key) for key in old if not store.read(key).leased)
        limit = service.settings.max_conversations if most is None else most
        while now := store.prune(KIND, limit):
            forgotten += now
    click.echo(f"{forgotten} conversation{'' if forgotten == 1 else 's'} forgotten")


@contextmanager
def _opened() -> Iterator[Service]:
    """The app's service, whose store can be looked into from this process."""
    from ..conversations.base import StoreUnavailable
    from .apps import make_app
    from .apps import service_of

    service = service_of(make_app(()))
    if service.settings.store.startswith("memory:"):
        message = (
            "AGENT_API_STORE is memory://: conversations are in the server's own memory, where nobody else can look"
        )
        raise click.ClickException(message)
    try:
        yield service
    except StoreUnavailable as exc:
        raise click.ClickException("The store cannot be reached, or refuses: see the lines above") from exc


def _chosen(store: ConversationStore, principal: str | None, model: str | None) -> Iterator[LogInfo]:
    from ..conversations.kept import conversations as kept

    return (info for info in kept(store, principal) if model in {None, info.key.agent})


def _require(ids: tuple[str, ...] | list[str], found: list[LogInfo]) -> None:
    missing = set(ids) - {info.key.id for info in found}
    if missing:
        raise click.ClickException(f"There is no conversation {', '.join(map(visible, sorted(missing)))}")


def _count(found: list[LogInfo]) -> str:
    return f"{len(found)} conversation{'' if len(found) == 1 else 's'}"
