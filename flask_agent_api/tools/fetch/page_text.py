"""A script: HTML from stdin as Markdown or text to stdout.

It runs in a process of its own because what a page takes to convert is up to whoever wrote the page: a megabyte of
unclosed tags can keep a parser busy for hours, and only a process can be ended for certain.
"""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from typing import Any

_SILENT = ["script", "style", "noscript", "template", "svg", "iframe", "title"]
_LAYOUT = ["br", "div", "dd", "dl", "dt", "li", "ol", "p", "pre", "table", "td", "th", "tr", "ul"]
_XML = re.compile(r"\A\s*<\?xml[^>]*>", re.IGNORECASE)
_GAP = re.compile(r"\n[ \t]*\n\s*\n")


def page_text(html: str, output: str) -> str:
    """The page as ``markdown`` or ``text``, its title first."""
    from bs4 import BeautifulSoup
    from markdownify import MarkdownConverter

    if "<" not in html:
        return html
    soup = BeautifulSoup(_XML.sub("", html, count=1), "html.parser")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for element in soup(_SILENT):
        element.decompose()
    options: dict[str, Any] = {"heading_style": "atx"}
    if output == "text":
        headings = [f"h{level}" for level in range(1, 7)]
        for element in soup(headings):
            element.name = "p"
        options = {"convert": _LAYOUT, "escape_asterisks": False, "escape_underscores": False, "escape_misc": False}
    try:
        body = MarkdownConverter(**options).convert_soup(soup)
    except RecursionError:
        body = soup.get_text("\n", strip=True)
    return _GAP.sub("\n\n", f"{title}\n\n{body}").strip()


if __name__ == "__main__":
    import resource

    with suppress(ValueError, OSError):  # not every system has this limit, or lets it be set
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    text = page_text(sys.stdin.buffer.read().decode(errors="replace"), sys.argv[1])
    sys.stdout.buffer.write(text.encode(errors="replace"))
