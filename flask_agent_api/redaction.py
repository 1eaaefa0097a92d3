"""Keeps secrets out of logs and error messages: those that are known, and what looks like one.

Known are the secret settings, the keys of models, and what agent files give to servers and commands: the values of
``headers`` and ``env``, and the variables that they name there. Whoever reads one tells :func:`keep_secret`. A filter
on our loggers then strikes it out of every record, tracebacks included. It works only where something is logged.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections import deque
from collections.abc import Iterator
from collections.abc import Mapping
from threading import Lock
from urllib.parse import parse_qsl
from urllib.parse import unquote
from urllib.parse import urlsplit

from .visible import visible

_TOPICS = """
audit content conversations drain health hooks hub keys loop_thread lsp mcp metrics models rag reload run runner
signals tools tracing watchdog web
"""

LOGGERS = ("flask_agent_api", *(f"flask_agent_api.{topic}" for topic in _TOPICS.split()))
"""All loggers of this package."""

LIBRARIES = ("asyncio", "httpx", "httpx2", "mcp.client.sse", "mcp.client.streamable_http")
"""Loggers of libraries that get to know secrets of ours: addresses with keys in them, for example."""

STRUCK = "***"
"""What stands in the place of a secret."""

_SHORTEST = 8  # what is shorter would strike out words
_LONGEST = 8_000  # characters of a value in a line
_MOST = 20_000  # characters that are looked through
_NAMED = re.compile(r"key|token|secret|pass|pwd|auth|cookie|credential|session|dsn|private|signature", re.IGNORECASE)
_PLAIN = re.compile(r"|[./~][^\n]*|[A-Za-z]+|[0-9.,:/ -]+|[a-z]+/[a-z0-9.+-]+|true|false")
_HARMLESS = {"accept", "accept-language", "content-type", "user-agent", "lang", "path", "home", "no_proxy"}
_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|hf|xai|nvapi|ghp|gho|glpat|xoxb|xoxp)[-_][\w-]{12,}"  # the usual prefixes
    r"|\b(?:AIza|AKIA)[\w-]{16,}"
    r"|(?<=\bBearer )[\w.~+/=-]{8,}|(?<=\bBasic )[A-Za-z0-9+/=]{8,}"
    r"|(?<=://)[^\s/@:]{0,64}:[^\s/@]{1,256}(?=@)"  # a login in an address
)

_lock = Lock()
_known: set[str] = set()
_of_callers: deque[str] = deque(maxlen=500)
_longest_first: tuple[str, ...] = ()


def keep_secret(*values: str, passing: bool = False) -> None:
    """From now on these do not get into logs; what is shorter than 8 characters counts as no secret.

    ``passing`` is for what callers send along: of that, the last 500 are remembered.
    """
    global _longest_first
    new = {part for value in values for part in _parts(value) if len(part) >= _SHORTEST}
    if new <= _known or (passing and new.issubset(_of_callers)):
        return
    with _lock:
        if passing:
            _of_callers.extend(new)
        else:
            _known.update(new)
        _longest_first = tuple(sorted(_known.union(_of_callers), key=len, reverse=True))


def mark_secret(*values: str) -> None:
    """For tools and agents that get to know a secret: from now on it is struck out of logs and error messages.

    What is shorter than 8 characters counts as no secret. Of all that is marked, and of what callers send along, the
    last 500 values are remembered. A model that is given a secret knows it all the same.
    """
    keep_secret(*values, passing=True)


def _parts(value: str) -> Iterator[str]:
    """A secret, without the name of its scheme (``Bearer``) as well, and each line of one that has several."""
    yield value
    scheme, _, rest = value.partition(" ")
    if scheme.isalpha() and " " not in rest:
        yield rest
    if "\n" in value:
        yield from value.splitlines()


def keep_secrets(values: Mapping[str, str], *, passing: bool = False) -> None:
    """The same for headers or variables, but for plain words, numbers and paths under harmless names."""
    keep_secret(*(text for name, text in values.items() if is_secret(name, text)), passing=passing)


def is_secret(name: str, value: str) -> bool:
    """Whether the value of a header or variable of that name is to be kept secret."""
    return name.lower() not in _HARMLESS and bool(_NAMED.search(name) or not _PLAIN.fullmatch(value))


def keep_url(url: str) -> None:
    """The same for what an address may hold: a password, and the values of its query."""
    try:
        parts = urlsplit(url)
        password, query = parts.password or "", parse_qsl(parts.query)
    except ValueError:
        return
    keep_secret(password, unquote(password), *(value for _, value in query))


def public_url(url: str) -> str:
    """An address as it may be shown: without a login and the values of its query."""
    head, mark, _ = url.partition("?")
    scheme, slashes, rest = head.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{slashes}{host.rpartition('@')[2]}{slash}{path}{mark and '?' + STRUCK}"


def redacted(text: str) -> str:
    """The text without secrets; of one of more than 20,000 characters, both ends."""
    if len(text) > _MOST:
        text = f"{text[: _MOST // 2]}\n...\n{text[-_MOST // 2 :]}"
    for secret in _longest_first:
        if secret in text:
            text = text.replace(secret, STRUCK)
    return _KEY_LIKE.sub(STRUCK, text)


class _Filter(logging.Filter):
    """Strikes secrets out of records. In ``ours``, what is put into a line stays on it and is cut: others choose it."""

    def __init__(self, ours: bool) -> None:
        super().__init__()
        self._ours = ours

    def filter(self, record: logging.LogRecord) -> bool:
        one_line = self._ours and "\n" not in str(record.msg)
        if one_line and isinstance(record.args, tuple):
            record.args = tuple(map(_cut, record.args))
        try:
            message = record.getMessage()
        except Exception:
            return True  # logging itself tells whoever wrote it
        safe = redacted(message)
        if one_line:
            safe = visible(safe)
        if safe != message:
            record.msg, record.args = safe, None
        if record.exc_info and record.exc_info[0] is not None:
            trace = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            if (safe := redacted(trace)) != trace:
                record.exc_info, record.exc_text = None, safe
        return True


def _cut(value: object) -> object:
    return f"{value[:_LONGEST]}..." if isinstance(value, str) and len(value) > _LONGEST else value


def _install() -> None:
    for name in LOGGERS:
        logging.getLogger(name).addFilter(_Filter(ours=True))
    for name in LIBRARIES:
        logging.getLogger(name).addFilter(_Filter(ours=False))


_install()
