"""The toolsets ``api`` and ``openapi`` of docker-agent files: hosts that the file names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ConfigError
from ...errors import ToolError
from ...tools.api import APIToolset
from ...tools.api import Endpoint
from ...tools.api import METHODS
from ...tools.base import Toolset
from ...tools.http.client import SECONDS
from ...tools.http.templates import URLTemplate
from ...tools.http.url import parse_url
from ...tools.names import fit_name
from ...tools.openapi.toolset import OpenAPIToolset
from ...tools.openapi.toolset import Source
from ...tools.unavailable import UnavailableToolset
from ..placeholders import expand_templates
from ..section import found
from ..section import Section
from ..yaml_loader import parse_yaml
from .toolset_fields import API
from .toolsets import Maker
from .web import WebToolsets

_MAX_YAML_CHARS = 1024 * 1024


class RequestToolsets:
    """Makes these toolsets for a file in ``folder``; ``web`` reads their headers."""

    def __init__(self, web: WebToolsets, folder: Path, environ: Mapping[str, str]) -> None:
        self._web = web
        self._folder = folder
        self._environ = environ

    def makers(self) -> Mapping[str, Maker]:
        """By type."""
        return {"api": self._api, "openapi": self._openapi}

    def _api(self, agent: str, entry: Section) -> Toolset:
        config = entry.section("api_config")
        config.check(API)
        name, method = fit_name(config.text("name")), config.text("method", "GET").upper()
        if not name or not config.text("endpoint"):
            return left_out(entry, "api_config", "api", name or "api", "it needs a `name` and an `endpoint`")
        if method not in METHODS:
            raise config.error("method", f"expected one of {', '.join(METHODS)}")
        try:
            url = URLTemplate.parse(url_of(config, "endpoint", self._environ))
        except ValueError as exc:
            return left_out(config, "endpoint", "api", name, str(exc))
        return APIToolset(
            Endpoint(
                name=name,
                method=method,
                url=url,
                instruction=config.text("instruction"),
                arguments=_arguments(config),
                required=config.texts("required"),
                headers=self._web.headers(config),
                seconds=_seconds(entry),
                private=entry.data.get("allow_private_ips"),
            )
        )

    def _openapi(self, agent: str, entry: Section) -> Toolset:
        if not entry.text("url"):
            return left_out(entry, "url", "openapi", "openapi", "it needs a `url`, where the API is described")
        headers = self._web.headers(entry)
        try:
            address = url_of(entry, "url", self._environ)
            remote = "://" in address
            name = parse_url(address).host if remote else address
        except (ValueError, ToolError) as exc:
            return left_out(entry, "url", "openapi", "openapi", str(exc))
        folder = None if remote else self._folder
        private = entry.data.get("allow_private_ips")
        return OpenAPIToolset(name, Source(address, headers, parse_description, folder, _seconds(entry), private))


def url_of(entry: Section, key: str, environ: Mapping[str, str]) -> str:
    """A URL with its ``${env.X}``. Raises ValueError for a variable that is not set."""
    expanded = expand_templates(entry.text(key), environ)
    if expanded.missing:
        raise ValueError(f"{', '.join(expanded.missing)} is not set in the environment")
    return expanded.text


def left_out(entry: Section, key: str, kind: str, name: str, problem: str) -> Toolset:
    """A toolset without tools, and a warning that says why."""
    entry.warn(key, f"{problem}; the agent runs without it")
    return UnavailableToolset(kind, name, f"the {kind} toolset {name} cannot be used: {problem}")


def _arguments(config: Section) -> dict[str, Any]:
    arguments = config.section("args")
    for name, value in arguments.data.items():
        if not isinstance(value, dict):
            raise arguments.error(name, f"expected a mapping, found {found(value)}")
    for name in config.texts("required"):
        if name not in arguments.data:
            config.warn("required", f"`args` has no {name}")
    return dict(arguments.data)


def _seconds(entry: Section) -> float:
    return float(entry.data.get("timeout") or SECONDS)


def parse_description(text: str) -> Any:
    """A description in YAML. Raises :class:`ToolError`."""
    if len(text) > _MAX_YAML_CHARS:
        raise ToolError("the OpenAPI description is no JSON, and too long for YAML")
    try:
        return parse_yaml(text, Path("openapi.yaml")).data
    except ConfigError as exc:
        raise ToolError(f"the OpenAPI description is neither JSON nor YAML: {exc.message}") from None
