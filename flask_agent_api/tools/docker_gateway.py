"""Servers of Docker's MCP catalogue, which Docker's MCP gateway runs in containers, as docker-agent has it do."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TYPE_CHECKING

from ..child_process import start_child
from ..errors import ToolError
from ..redaction import keep_secret
from .mcp.config import MCPServerConfig
from .process import end_process
from .process import environment

if TYPE_CHECKING:
    from .docker_catalogue import Entry

CATALOGUE = "https://desktop.docker.com/mcp/catalog/v3/catalog.yaml"
"""Where the gateway finds the catalogue."""

_PROBE_SECONDS = 5.0
_SECRETS, _CONFIG = "{secrets}", "{config}"


@dataclass(frozen=True, slots=True)
class DockerServer:
    """A server of the catalogue by its name there.

    ``config`` is its own configuration, as YAML; ``environ`` are the variables where its secrets may be.
    """

    name: str
    config: str = field(repr=False)
    environ: Mapping[str, str] = field(repr=False)

    def launch(self, config: MCPServerConfig) -> MCPServerConfig:
        """The gateway that runs the server, or the server's own URL if it has one.

        Reads the catalogue, so it may take seconds. Raises :class:`ToolError` if the catalogue cannot be read or has
        no such server, and if a secret is missing.
        """
        from .docker_catalogue import read_catalogue  # which needs the extra, as does all that a server is for

        entry = read_catalogue().get(self.name)
        if entry is None:
            raise ToolError(f"there is no server {self.name!r} in Docker's MCP catalogue")
        if entry.url:
            return replace(
                config, transport="sse" if entry.transport == "sse" else "http", url=entry.url, launcher=None
            )
        args = ("mcp", "gateway", "run", "--servers", self.name, "--catalog", CATALOGUE)
        return replace(
            config,
            args=(*args, "--secrets", _SECRETS, "--config", _CONFIG),
            env={**_variables_of_docker(), **config.env},
            files={_SECRETS: self._secrets(entry), _CONFIG: self.config},
            launcher=None,
        )

    def _secrets(self, entry: Entry) -> str:
        lines = []
        for name, variable in entry.secrets.items():
            value = self.environ.get(variable, "")
            if not value:
                raise ToolError(f"the environment variable {variable} is not set, which {self.name} needs")
            if "\n" in value or "\r" in value:
                raise ToolError(f"the environment variable {variable} has more than one line")
            keep_secret(value)
            lines.append(f"{name}={value}")
        return "\n".join(lines)


def why_no_gateway() -> str:
    """Why this machine cannot run servers of the catalogue, in a few words; empty if it can."""
    docker = shutil.which("docker")
    if docker is None:
        return "there is no command docker here"
    return "" if _has_plugin(docker) else "docker has no plugin mcp here"


@functools.cache
def _has_plugin(docker: str) -> bool:
    """Asked once: plugins do not come and go while a server runs."""
    variables = environment(_variables_of_docker())
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    try:
        probe = start_child([docker, "mcp", "version"], env=variables, start_new_session=True, **silent)
    except OSError:
        return False
    try:
        return bool(probe.wait(_PROBE_SECONDS) == 0)
    except subprocess.TimeoutExpired:
        return False
    finally:
        end_process(probe, 0.0)


def _variables_of_docker() -> dict[str, str]:
    """What says where Docker is and how it is reached."""
    return {name: value for name, value in os.environ.items() if name.startswith(("DOCKER_", "XDG_"))}
