"""Requests of tools: every address is checked where it is used, redirects included."""

from __future__ import annotations

import time
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from ...concurrency import Deadline
from ...errors import NotAllowed
from ...errors import ToolError
from ...grants import refusal
from .addresses import addresses_of
from .addresses import is_public
from .exchange import exchange
from .exchange import Response
from .exchange import Sent
from .url import WebURL

MAX_REDIRECTS = 5
"""Redirects that one request may lead through."""

MAX_BYTES = 1024 * 1024
"""What is read of an answer, decompressed."""

SECONDS = 30.0
"""How long a request may take, redirects and all, where nothing else is said."""

USER_AGENT = "flask-agent-api"
"""What servers, and their robots.txt, call us."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_KEEP_METHOD = frozenset({307, 308})

Admit = Callable[[WebURL], bool]
"""Looks at each URL before anybody is asked for it: raises :class:`ToolError`, or says whether it may be private."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be sent. ``own_headers`` are the agent file's: they win, and no other origin than the first gets them.

    ``seconds`` is for all of it, ``limit`` in bytes of the decompressed answer.
    """

    method: str
    url: WebURL
    headers: Mapping[str, str] = field(default_factory=dict)
    own_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    seconds: float = SECONDS
    limit: int = MAX_BYTES


def send(request: Request, admit: Admit) -> Response:
    """Sends a request and follows redirects. A status of 400 or more is an answer like any other.

    Raises :class:`ToolError` if there is no answer, and :class:`NotAllowed` where ``admit`` does not let it be private
    and the host has an address of this machine or its network.
    """
    until = time.monotonic() + request.seconds
    try:
        with Deadline(request.seconds):
            return _follow(request, admit, until)
    except TimeoutError:
        raise ToolError(f"{request.url.host} did not answer within {request.seconds:.3g} seconds") from None


def _follow(request: Request, admit: Admit, until: float) -> Response:
    method, url, body = request.method, request.url, request.body
    home = True
    for _ in range(MAX_REDIRECTS + 1):
        headers = _headers(request, own=home, body=body)
        sent = Sent(method, url, headers, body, request.limit, until)
        response = exchange(sent, _checked(url, admit))
        location = response.headers.get("location")
        if response.status not in _REDIRECTS or not location:
            return response
        url = url.join(location.encode("latin-1").decode("utf-8", "replace"))
        home = home and url.origin == request.url.origin  # once gone the headers stay away, wherever it leads
        if response.status not in _KEEP_METHOD and method != "HEAD":
            method, body = "GET", None
        elif body is not None and not home:
            raise ToolError(f"{request.url.host} wants what was sent to go to another host, {url.host}")
    raise ToolError(f"stopped after {MAX_REDIRECTS} redirects")


def _checked(url: WebURL, admit: Admit) -> list[str]:
    """The addresses to connect to, and to no others: a second look at the name could find different ones."""
    private = admit(url)
    addresses = addresses_of(url.host, url.port)
    if not private and not all(map(is_public, addresses)):
        what = f"A request to {url.host}, which is an address of this machine or its network,"
        raise NotAllowed(
            f"{refusal(what, 'private-network')}; where a model or a redirect chose the host, the agent's file has to "
            "say `allow_private_ips: true` as well",
            "AGENT_API_ALLOW lacks private-network, or the file allow_private_ips",
        )
    return addresses


def _headers(request: Request, *, own: bool, body: bytes | None) -> dict[str, str]:
    """The headers of one hop, the file's in the place of ours whatever their case."""
    headers = {"User-Agent": USER_AGENT, "Accept": "*/*", **request.headers}
    if body is not None:
        headers.setdefault("Content-Type", "application/json")
    if own:
        names = {name.lower() for name in request.own_headers}
        headers = {name: value for name, value in headers.items() if name.lower() not in names}
        headers.update(request.own_headers)
    return headers
