from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from flask_agent_api.testing import FakeUpstream


@pytest.fixture(scope="session")
def sdk() -> Iterator[openai.OpenAI]:
    """The official client, to be pointed at a server with ``with_options``; to make one takes a while.

    It raises for an answer that its types do not describe.
    """
    with openai.OpenAI(
        base_url="http://127.0.0.1:1/v1", api_key="x", max_retries=0, timeout=10, _strict_response_validation=True
    ) as client:
        yield client


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    """A scripted provider of models, one for all tests of a module."""
    with FakeUpstream() as upstream:
        yield upstream
