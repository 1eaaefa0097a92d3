"""The folder in which gunicorn's workers leave their figures for each other (``AGENT_API_METRICS``).

For ``gunicorn.conf.py``: this imports nothing that gevent would have to patch first.
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_PREFIX = "agent-api-metrics-"
_own: list[str] = []


def prepare(wanted: str | None = None) -> None:
    """Makes a folder for this server, unless the operator names one. Call it before the app is loaded.

    ``wanted`` is the setting METRICS, by default that of the environment. A folder of an earlier server, whose variable
    this process has inherited, is left to that one.
    """
    wanted = os.environ.get("FLASK_AGENT_API_METRICS", "") if wanted is None else wanted
    known = os.environ.get(VARIABLE, "")
    if known in _own or (known and not os.path.basename(known).startswith(_PREFIX)):
        return
    if wanted.strip().lower() in {"1", "true", "yes", "on"}:
        _own.append(tempfile.mkdtemp(prefix=_PREFIX))
        os.environ[VARIABLE] = _own[-1]


def worker_ended(pid: int) -> None:
    """Forgets what a worker had in progress: gunicorn's hook ``child_exit``. What it has counted stays."""
    if folder := os.environ.get(VARIABLE):
        for path in glob.glob(os.path.join(glob.escape(folder), f"gauge_live*_{pid}.db")):
            os.remove(path)


def remove() -> None:
    """Removes the folder that :func:`prepare` made: gunicorn's hook ``on_exit``."""
    while _own:
        shutil.rmtree(_own.pop(), ignore_errors=True)
