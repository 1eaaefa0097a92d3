"""How an MCP server is reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Literal
from typing import Protocol

from ...errors import ConfigError
from ..header_template import HeaderTemplate
from .backoff import RestartPolicy


class Launcher(Protocol):
    """Finds out how a server is reached when it is started. Equal ones do the same."""

    def launch(self, config: MCPServerConfig) -> MCPServerConfig:
        """The configuration to start or connect to. Raises :class:`~flask_agent_api.errors.ToolError`."""
        ...


@dataclass(frozen=True, slots=True)
class MCPServerConfig:
    """One MCP server: a command that is started and spoken to over its pipes, or a URL.

    ``env`` is added to a short list of harmless variables: nothing else of this process's environment reaches
    the server. ``request_headers`` are headers that differ by caller: each caller then has a connection of its own.
    ``allowed_tools`` holds exact names, None allows all. ``instruction`` replaces what the server says
    about itself. Times are in seconds; ``call_timeout`` None means the setting ``tool_timeout``. ``restarts`` says when
    the server is started, or connected to, again. ``files`` are texts that a command is given as files, by the argument
    that the path of each replaces. A ``launcher`` completes the configuration at each start.

    Raises :class:`ConfigError` if what the transport needs is missing.
    """

    name: str
    command: str | None = None
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: str | None = None
    url: str | None = field(default=None, repr=False)  # may carry a key
    transport: Literal["stdio", "http", "sse"] = "stdio"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    request_headers: Mapping[str, HeaderTemplate] = field(default_factory=dict, repr=False)
    allowed_tools: tuple[str, ...] | None = None
    instruction: str | None = None
    startup_timeout: float = 30.0
    call_timeout: float | None = None
    restarts: RestartPolicy = field(default_factory=RestartPolicy)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    launcher: Launcher | None = None

    def __post_init__(self) -> None:
        if self.transport == "stdio" and not self.command:
            raise ConfigError(f'MCP server "{self.name}": set `command`, or `transport` "http" or "sse" with a `url`')
        if self.transport != "stdio" and not (self.url or "").startswith(("http://", "https://")):
            raise ConfigError(f'MCP server "{self.name}": `url` must begin with http:// or https://')
