"""How the log looks where we write it ourselves: a line for people, or a JSON object, for each entry.

Nothing that is logged can break out of its line: a name with line breaks forges no entry, and one with escape codes
moves no cursor.
"""

from __future__ import annotations

import logging
import os
import time
from datetime import datetime
from datetime import timezone

from .json_text import json_text
from .visible import visible

_COLOURS = {logging.DEBUG: "2", logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31;1"}


def log_to_stderr(format: str, level: str) -> None:
    """Writes our log to stderr, where the process that imports us has set up no logging.

    ``format`` is ``human`` or ``json``, ``level`` the name of the least level; ``auto`` depends on who reads it.
    """
    logger = logging.getLogger("flask_agent_api")
    if logger.hasHandlers():
        return
    handler = logging.StreamHandler()
    on_terminal = handler.stream.isatty()
    if level == "auto":
        level = "info" if on_terminal or format == "json" else "warning"
    coloured = on_terminal and "NO_COLOR" not in os.environ
    handler.setFormatter(JSONFormatter() if format == "json" else HumanFormatter(coloured=coloured))
    # A server may set up logging once it has imported us, as waitress does, and then has our entries as well.
    handler.addFilter(lambda record: not (logger.propagate and logging.root.handlers))
    logger.addHandler(handler)
    logger.setLevel(level.upper())


class HumanFormatter(logging.Formatter):
    """``TIME LEVEL LOGGER: MESSAGE``. What has several lines, as a stack has, is indented behind the first."""

    def __init__(self, *, coloured: bool = False) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._coloured = coloured
        self._second = 0
        self._time = ""

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        """The local time; the text for a second is made once."""
        second = int(record.created)
        if second != self._second:
            self._second, self._time = second, time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
        return f"{self._time},{record.msecs:03.0f}"

    def format(self, record: logging.LogRecord) -> str:
        """The entry, its control characters written out."""
        text = super().format(record)
        if not text.isprintable():
            text = "\n  ".join([visible(line) for line in text.splitlines()])
        if self._coloured and (colour := _COLOURS.get(record.levelno)):
            text = f"\x1b[{colour}m{text}\x1b[0m"
        return text


class JSONFormatter(logging.Formatter):
    """An object a line: ``time`` (UTC), ``level``, ``logger``, and ``message`` or the fields of an event.

    Events are what has a name and fields rather than a message: ``run``, ``refused``. ``exception`` is a stack.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The entry in ASCII, its control characters escaped."""
        at = datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")
        entry = {"time": at, "level": record.levelname.lower(), "logger": record.name}
        fields = getattr(record, "fields", None)
        entry |= fields if isinstance(fields, dict) else {"message": record.getMessage()}
        if record.exc_info or record.exc_text:  # the text alone where secrets were struck out of it
            entry["exception"] = record.exc_text or self.formatException(record.exc_info)  # type: ignore[arg-type]
        if record.stack_info:
            entry["stack"] = record.stack_info
        return json_text(entry)
