"""The response around the body of a stream."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import Protocol
from typing import TYPE_CHECKING

from flask import Response
from werkzeug.datastructures import Headers

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse


class StreamBody(Protocol):
    """What a streamed response consists of; ``on_close`` is called once, when all else is closed."""

    on_close: Callable[[], object] | None

    def goes_through(self, start_response: Any) -> None: ...

    def __iter__(self) -> Iterator[bytes]: ...


class StreamResponse(Response):
    """A response that is never collected: a hook of the host app that reads its data finds none.

    Werkzeug's own class would either give such a hook the whole answer, when it has ended, or raise an error. Nor can
    a hook put another body in the stream's place, one that compresses it for example, and so holds it back.
    """

    def __init__(self, body: StreamBody, *args: Any, **options: Any) -> None:
        super().__init__(body, *args, **options)
        self._body = body

    def get_data(self, as_text: bool = False) -> Any:
        """Nothing."""
        return "" if as_text else b""

    def get_wsgi_headers(self, environ: dict[str, Any]) -> Headers:
        """The headers as they are: a stream has no length, leads nowhere else and is sent as it was written."""
        self.headers.remove("Content-Encoding")
        return self.headers

    def get_app_iter(self, environ: dict[str, Any]) -> Iterable[bytes]:
        """The stream itself, with what hooks want to be called when it has ended."""
        self._body.on_close = self.close
        return self._body

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """The response as a WSGI application."""
        body = super().__call__(environ, start_response)
        self._body.goes_through(start_response)
        return body
