"""Patches gevent before anything else is imported, as a gunicorn worker does."""

from __future__ import annotations

from flask_agent_api.concurrency import patch_all

patch_all()

from pathlib import Path  # noqa: E402

import pytest  # noqa: E402


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--corpus PATH`` names a folder with public agent files; tests that load them skip without it."""
    parser.addoption("--corpus", type=Path, default=None, help="folder with public agent files to load")
