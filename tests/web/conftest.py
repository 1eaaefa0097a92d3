from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def apps_last_as_long_as_their_test() -> Iterator[None]:
    """A response of Flask 2.2 refers to its app, which is full of circles, only weakly."""
    gc.disable()
    yield
    gc.enable()
