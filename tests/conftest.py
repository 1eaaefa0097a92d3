"""Patches gevent before anything else is imported, as a gunicorn worker does."""

from __future__ import annotations

import gc
import logging
import os

from flask_agent_api.concurrency import patch_all

patch_all()
gc.disable()
os.environ.setdefault("FLASK_AGENT_API_STORE", "memory://")  # for apps in this process: no test finds another's turns

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402

from flask_agent_api.models import connection  # noqa: E402
from tests import canaries  # noqa: E402
from tests.support import Server  # noqa: E402
from tests.wire import check_everything  # noqa: E402

check_everything()
logging.getLogger().addHandler(canaries.Listener())


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--corpus PATH`` names a folder with public agent files; tests that load them skip without it."""
    parser.addoption("--corpus", type=Path, default=None, help="folder with public agent files to load")
    parser.addoption(
        "--worker",
        choices=("gevent", "gthread", "flask"),
        default="gevent",
        help="server to run tests marked wire under",
    )
    parser.addoption("--kills", type=int, default=20, help="workers that the test of torn turns kills (20)")


def pytest_collection_finish() -> None:
    """All that is imported by now stays, so that the garbage collector need not look at it over and over."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """No test may have a secret told."""
    leaks = canaries.told()
    assert not leaks, "\n".join(leaks)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nor may any be among the figures of all of them. What idles is closed, or Python complains of it at the end."""
    connection.IDLE_SECONDS = 0.0
    connection.pool.get().sweep()
    canaries.look_at_figures()
    if leaks := canaries.told():
        print("\n".join(leaks))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``--worker`` leaves out what only gevent can do, and all that is not about a server as such."""
    Server.default_kind = config.getoption("--worker")
    if Server.default_kind == "gevent":
        return
    needs = {"needs_gevent"} | ({"needs_gunicorn"} if Server.default_kind == "flask" else set())
    left = [item for item in items if not item.get_closest_marker("wire") or any(map(item.get_closest_marker, needs))]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if item not in left]
