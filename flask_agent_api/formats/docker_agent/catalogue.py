"""References to servers of Docker's MCP catalogue in docker-agent files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ...tools.docker_gateway import DockerServer
from ...tools.docker_gateway import why_no_gateway
from ...tools.mcp.toolset import MCPServerConfig
from ..placeholders import expand_path
from ..placeholders import expand_variables
from ..section import Section

PREFIX = "docker:"
"""How a reference to the catalogue begins."""


def catalogue_server(entry: Section, folder: Path, environ: Mapping[str, str]) -> MCPServerConfig | None:
    """The server of an entry's ``ref``, which Docker's gateway runs; None, and a warning, if that cannot be done here.

    Nothing is looked up: which secrets it needs, and whether there is such a server, turns out when it starts.
    """
    ref = entry.text("ref")
    name = ref.removeprefix(PREFIX)
    why = why_no_gateway() if ref != name else f"it does not begin with {PREFIX}"
    if why:
        setting = f'AGENT_API_MCP_SERVERS={{"{ref}": "COMMAND OR URL"}}'
        entry.warn("ref", f'"{ref}" is left out: {why}. The operator can run another server in its place: {setting}')
        return None
    own = {key: expand_variables(value, environ).text for key, value in entry.text_map("env").items()}
    working_dir = expand_path(entry.text("working_dir"), environ)
    return MCPServerConfig(
        name=entry.text("name") or name,
        command="docker",
        cwd=str(folder / working_dir.text),
        launcher=DockerServer(name, json.dumps({name: entry.data.get("config")}), {**environ, **own}),
    )
