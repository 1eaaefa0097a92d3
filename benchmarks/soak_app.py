"""What the soak serves: a team from a file, its tool, and a route that counts what is alive in the worker."""

from __future__ import annotations

from flask_agent_api.concurrency import patch_all

patch_all()

import gc  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from typing import Any  # noqa: E402

from greenlet import greenlet  # noqa: E402

from flask_agent_api import create_app  # noqa: E402
from flask_agent_api import reused_greenlets  # noqa: E402
from flask_agent_api import tool  # noqa: E402


@tool(read_only=True)
def lookup(key: str) -> str:
    """Looks something up, which takes a while.

    Args:
        key: What to look up.
    """
    time.sleep(0.2)
    return key * 2000


app = create_app()


@app.get("/alive")
def alive() -> dict[str, Any]:
    """How many greenlets live, those apart that wait for a task; blocks of Python's memory; objects of each type."""
    gc.collect()
    objects = gc.get_objects()
    types = Counter(f"{type(found).__module__}.{type(found).__qualname__}" for found in objects)
    greenlets = sum(isinstance(found, greenlet) and not found.dead for found in objects)
    return {"greenlets": greenlets - reused_greenlets.idle(), "blocks": sys.getallocatedblocks(), "types": types}
