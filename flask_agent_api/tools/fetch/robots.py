"""What a site's robots.txt says about a page."""

from __future__ import annotations

from typing import Any

from ...errors import ToolError
from ..http.client import Admit
from ..http.client import Request
from ..http.client import send
from ..http.client import USER_AGENT
from ..http.url import WebURL

_MOST = 64 * 1024


class Robots:
    """The robots.txt files that one call has read, each site's once. ``seconds`` is for each of them."""

    def __init__(self, admit: Admit, own_headers: dict[str, str], seconds: float) -> None:
        self._admit = admit
        self._own_headers = own_headers
        self._seconds = seconds
        self._sites: dict[tuple[str, str, int], Any] = {}

    def check(self, url: WebURL) -> None:
        """Raises :class:`ToolError` for a page that the site keeps robots from.

        A site without a robots.txt, or whose robots.txt cannot be had, keeps nobody from anything; one that answers
        with an error is left alone.
        """
        if url.origin not in self._sites:
            self._sites[url.origin] = self._read(url)
        rules = self._sites[url.origin]
        if rules is not None and not rules.can_fetch(str(url), USER_AGENT):
            raise ToolError("URL blocked by robots.txt")

    def _read(self, url: WebURL) -> Any:
        from protego import Protego

        where = url.join("/robots.txt")
        request = Request("GET", where, {}, self._own_headers, seconds=self._seconds, limit=_MOST)
        try:
            response = send(request, self._admit)
        except ToolError:
            return None  # if the site itself may not be asked, or does not answer, that shows at the page
        if response.status == 404:
            return None
        if response.status != 200:
            raise ToolError(f"robots.txt check failed: unexpected status {response.status}")
        return Protego.parse(response.content.decode("utf-8", "replace"))
