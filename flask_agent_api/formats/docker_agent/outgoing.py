"""The toolsets ``webhook`` and ``open_url`` of docker-agent files: addresses of the file for messages and for users."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from ...errors import ToolError
from ...tools.base import Toolset
from ...tools.http.client import SECONDS
from ...tools.http.url import parse_url
from ...tools.names import fit_name
from ...tools.open_url import OpenURLToolset
from ...tools.webhook.payloads import PAYLOADS
from ...tools.webhook.toolset import Destination
from ...tools.webhook.toolset import WebhookToolset
from ..section import Section
from .requests import left_out
from .requests import url_of
from .toolset_fields import WEBHOOK
from .toolsets import Maker
from .web import WebToolsets

_ALIASES = {
    "google_chat": "googlechat",
    "gchat": "googlechat",
    "msteams": "teams",
    "microsoftteams": "teams",
    "microsoft_teams": "teams",
    "rocket.chat": "rocketchat",
    "rocket_chat": "rocketchat",
}


class OutgoingToolsets:
    """Makes these toolsets; ``web`` reads their headers."""

    def __init__(self, web: WebToolsets, environ: Mapping[str, str]) -> None:
        self._web = web
        self._environ = environ

    def makers(self) -> Mapping[str, Maker]:
        """By type."""
        return {"webhook": self._webhook, "open_url": self._open_url}

    def _webhook(self, agent: str, entry: Section) -> Toolset:
        config = entry.section("webhook_config")
        config.check(WEBHOOK)
        provider = _provider(config)
        if provider == "telegram" and not config.text("chat_id"):
            raise config.error(None, "telegram needs a `chat_id`")
        headers = self._web.headers(config, of_requests=False)
        try:
            url = parse_url(url_of(config, "url", self._environ))
        except (ValueError, ToolError) as exc:
            return left_out(config, "url", "webhook", provider, str(exc))
        seconds = float(entry.data.get("timeout") or SECONDS)
        return WebhookToolset(Destination(provider, url, headers, config.text("chat_id"), seconds))

    def _open_url(self, agent: str, entry: Section) -> Toolset:
        name = fit_name(entry.text("name")) or "open_url"
        try:
            url = url_of(entry, "url", self._environ)
        except ValueError as exc:
            return left_out(entry, "url", "open_url", name, str(exc))
        if not urlsplit(url).scheme:
            return left_out(entry, "url", "open_url", name, "it needs a `url`, with its scheme, such as https://")
        return OpenURLToolset(url, name)


def _provider(config: Section) -> str:
    name = config.text("provider").strip().lower() or "generic"
    name = _ALIASES.get(name, name)
    if name not in PAYLOADS:
        raise config.error("provider", f"expected one of {', '.join(PAYLOADS)}")
    return name
