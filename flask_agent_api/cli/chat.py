"""``chat``: talk to an agent in the terminal, served elsewhere or run here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import click

from ..errors import AgentAPIError

Piece = tuple[str, str]
"""What to show: ``text`` or ``note``, and the words."""


@click.command()
@click.argument("target", required=False, metavar="[PATH or URL]")
@click.option("-a", "--agent", metavar="NAME", help="The agent to talk to; default: the default agent.")
@click.option("-m", "--message", metavar="TEXT", help="Ask this, print the answer and end.")
@click.option("--key", envvar="FLASK_AGENT_API_KEY", metavar="KEY", help="Key for a URL. [env: FLASK_AGENT_API_KEY]")
def chat(target: str | None, agent: str | None, message: str | None, key: str | None) -> None:
    """Talk to an agent.

    A URL is that of an OpenAI-compatible server, for example http://127.0.0.1:8083/v1. Anything else is run here.
    Ctrl-C ends an answer, a second one the conversation; so does Ctrl-D.
    """
    is_url = bool(target) and str(target).startswith(("http://", "https://"))
    peer: _Remote | _Local = _Remote(str(target), agent, key) if is_url else _Local(target, agent)
    history: list[dict[str, Any]] = []
    questions = [message] if message is not None else _questions()
    for question in questions:
        history.append({"role": "user", "content": question})
        answer = _show(peer, history)
        if answer is None:
            history.pop()
            if message is not None:
                sys.exit(1)
        else:
            history.append({"role": "assistant", "content": answer})


def _questions() -> Iterator[str]:
    """Lines from the terminal or from a pipe, until the end."""
    interactive = sys.stdin.isatty()
    while True:
        try:
            line = input(click.style("> ", fg="green") if interactive else "")
        except (EOFError, KeyboardInterrupt):
            click.echo()
            return
        if line.strip():
            yield line


def _show(peer: _Remote | _Local, history: list[dict[str, Any]]) -> str | None:
    """Prints an answer as it comes; returns its text, or None if it failed or was interrupted."""
    answer = ""
    try:
        for kind, words in peer.ask(history):
            if kind == "text":
                answer += words
                click.echo(words, nl=False)
            else:
                click.echo(click.style(f"{'' if answer.endswith(chr(10)) or not answer else chr(10)}{words}", dim=True))
        click.echo()
    except KeyboardInterrupt:
        click.echo()
        return None
    except AgentAPIError as exc:
        click.echo(f"{click.style('Error', fg='red')}: {exc}", err=True)
        return None
    return answer


class _Local:
    """An agent of a path, run in this process."""

    def __init__(self, target: str | None, agent: str | None) -> None:
        if "flask" not in sys.modules:
            from ..concurrency import patch_all

            patch_all()
        from .apps import make_app
        from .apps import service_of

        self._service = service_of(make_app([target] if target else [], agent))

    def ask(self, history: list[dict[str, Any]]) -> Iterator[Piece]:
        """Runs the agent. Raises :class:`AgentAPIError`."""
        import time

        from ..context import RunContext
        from ..runtime.cancel_reason import REQUESTED
        from ..runtime.run import Run
        from ..types import RunRequest

        settings = self._service.settings
        context = RunContext(
            settings=settings, deadline=time.monotonic() + settings.run_timeout, scope=self._service.app.app_context
        )
        run = Run(self._service.registry.pick("")[1], RunRequest(list(history)), context).start()
        try:
            for batch in run.batches():
                for event in batch:
                    yield from _pieces(event)
        finally:
            run.cancel(REQUESTED)


def _pieces(event: Any) -> Iterator[Piece]:
    from ..types import Error
    from ..types import RefusalDelta
    from ..types import TextDelta
    from ..web.activity.events import agent_event

    if isinstance(event, str):
        yield "text", event
    elif isinstance(event, TextDelta | RefusalDelta):
        if event.depth == 0:
            yield "text", event.text
    elif isinstance(event, Error):
        raise event.error
    elif (activity := agent_event(event, 200)) is not None:
        yield "note", _note(activity)


class _Remote:
    """An agent behind an OpenAI-compatible URL."""

    def __init__(self, url: str, agent: str | None, key: str | None) -> None:
        from openai import OpenAI

        # Whoever sits in front of it learns at once of a failure, and asks again. Whatever the server shows to others,
        # events are what _note can read.
        headers = {"X-Agent-Tool-Activity": "events"}
        self._client = OpenAI(base_url=url, api_key=key or "none", max_retries=0, default_headers=headers)
        self._model = agent or ""

    def ask(self, history: list[dict[str, Any]]) -> Iterator[Piece]:
        """Asks the server. Raises :class:`AgentAPIError`."""
        import openai

        try:
            messages: Any = history
            stream = self._client.chat.completions.create(model=self._model, messages=messages, stream=True)
            for chunk in stream:
                extra = chunk.model_extra or {}
                if isinstance(extra.get("agent_event"), dict):
                    yield "note", _note(extra["agent_event"])
                if chunk.choices and chunk.choices[0].delta.content:
                    yield "text", chunk.choices[0].delta.content
        except openai.APIConnectionError:
            raise AgentAPIError(f"Nothing answers at {self._client.base_url}. Is the server running?") from None
        except openai.APIError as exc:
            raise AgentAPIError(exc.message) from None


def _note(activity: dict[str, Any]) -> str:
    """An activity in one line."""
    kind = activity.get("type")
    if kind == "tool_start":
        return f"[{activity.get('name')} {activity.get('arguments', '')}".rstrip() + "]"
    if kind == "tool_end":
        seconds = activity.get("duration_ms", 0) / 1000
        result = " ".join(str(activity.get("result", "")).split())
        return f"[{activity.get('name')}: {activity.get('status')} in {seconds:.2f} s] {result}".rstrip()
    if kind in {"agent_start", "agent_end"}:
        return f"[{activity.get('from')} -> {activity.get('agent')}]"
    return f"[{kind}: {activity.get('toolset', '')} {activity.get('reason', '')}]"
