"""New workers for edited code: gunicorn starts them beside the old ones, which still finish what they have begun.

gunicorn's own reloader ends a worker in the middle of its answers. Agent files need no new worker, see ``web.reload``.
"""

from __future__ import annotations

import contextvars
import logging
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from ..child_process import start_child
from ..concurrency import offload
from ..concurrency import sleep
from ..concurrency import spawn

logger = logging.getLogger("flask_agent_api.reload")

LOOK_SECONDS = 1.0
"""How often the code is looked at."""

_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def in_another_process(function: Callable[[], object]) -> None:
    """Calls a function in a fork of this process, and ends as it does if it fails.

    What it imports is not imported here then, so that workers import it as it will be when they start.
    """
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        function()
        sys.stdout.flush()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        sys.exit(os.waitstatus_to_exitcode(status))


def code_watch(paths: Sequence[str]) -> Callable[[object], None]:
    """gunicorn's hook for a worker that has loaded the app of these sources of agents."""

    def hook(worker: object) -> None:
        contextvars.Context().run(spawn, _watch, paths, _modules())

    return hook


def _watch(paths: Sequence[str], seen: dict[str, float]) -> None:
    """Asks the master for new workers when a module is not as it was seen, unless it cannot be imported any more."""
    while True:
        now = offload(_modules)
        changed = [path for path, time in now.items() if seen.get(path, time) != time]
        seen |= now
        if changed and _loads(paths):
            logger.info("%s has changed: starting new workers", ", ".join(changed))
            os.kill(os.getppid(), signal.SIGHUP)
        sleep(LOOK_SECONDS)


def _modules() -> dict[str, float]:
    """When the modules were edited that are neither installed nor Python's own."""
    return {path: os.stat(path).st_mtime for path in _files() if os.path.exists(path)}


def _files() -> Iterator[str]:
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and path.endswith(".py") and not path.startswith(_INSTALLED):
            yield str(Path(path))


def _loads(paths: Sequence[str]) -> bool:
    """Whether the agents can be loaded anew: what ``flask-agent-api agents`` says, run as this server was."""
    start = sys.orig_argv.index("serve")
    command = [*sys.orig_argv[:start], "agents", *paths]
    child = start_child(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with child.stderr as pipe:
        complaint = pipe.read().decode(errors="replace").strip()
    if failed := child.wait():
        logger.error("the edited code cannot be used, the old one goes on: %s", complaint)
    return not failed
