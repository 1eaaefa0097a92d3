"""Stands in for the command ``docker`` with its plugin ``mcp``: notes how it is called, then is an MCP server.

``DOCKER_FAKE_NOTES`` is a file for the notes: the arguments and, by option, what is in the files that they name.
``DOCKER_FAKE_SERVER`` are the arguments, as JSON, with which Python is the server.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

arguments = sys.argv[1:]
if arguments == ["mcp", "version"]:
    print("v0.40.0")
elif arguments[:3] == ["mcp", "gateway", "run"]:
    options = dict(zip(arguments[3::2], arguments[4::2], strict=True))
    files = {name: Path(options[name]) for name in ("--secrets", "--config")}
    seen = {
        "options": {name: value for name, value in options.items() if name not in files},
        "files": {name: file.read_text() for name, file in files.items()},
        "modes": [stat.S_IMODE(file.parent.stat().st_mode) for file in files.values()],
        "paths": [str(file) for file in files.values()],
        "variables": sorted(os.environ),
        "cwd": str(Path.cwd()),
    }
    Path(os.environ["DOCKER_FAKE_NOTES"]).write_text(json.dumps(seen))
    os.execv(sys.executable, [sys.executable, *json.loads(os.environ["DOCKER_FAKE_SERVER"])])
else:
    sys.exit(f"docker: unknown command: docker {' '.join(arguments)}")
