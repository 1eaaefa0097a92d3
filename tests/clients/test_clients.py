"""The laboratory: well-known clients, unchanged, against a real server. Run it with: pytest -m clients"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from ..support import RawClient
from ..support import Server
from .environments import CLIENTS
from .environments import has_node
from .lab import report
from .lab import serving
from .lab import start
from .scenarios import Scenario
from .scenarios import SCENARIOS
from .scenarios import Seen

pytestmark = pytest.mark.clients

RESULTS = Path(__file__).parents[2] / "docs" / "clients.json"
NO_NODE = "there is no node and npm on this machine"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture(scope="module")
def played(request: pytest.FixtureRequest, server: Server) -> Iterator[dict[str, Future[dict[str, Seen]]]]:
    """The clients that were selected. A run of all of them renews what the documentation says of them."""
    wanted = {item.callspec.params.get("client") for item in request.session.items if hasattr(item, "callspec")}
    names = [name for name in CLIENTS if name in wanted and (has_node() or CLIENTS[name].requirements)]
    clients = start(server, names)
    yield clients
    if names == [*CLIENTS]:
        results = {name: future.result() for name, future in clients.items()}
        RESULTS.write_text(json.dumps(report(results), indent=2, ensure_ascii=False) + "\n")


def test_keep_alives_come(server: Server) -> None:
    """What the clients get through in the scenario of that name."""
    with RawClient(server.port) as client:
        client.post(stream=True, model="slow")
        assert client.response("POST").read().count(b": keep-alive\n\n") > 4


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
@pytest.mark.parametrize("client", CLIENTS)
def test_client(client: str, scenario: Scenario, played: dict[str, Future[dict[str, Seen]]]) -> None:
    if client not in played:
        pytest.skip(NO_NODE)
    seen = played[client].result()
    if scenario.name not in seen:
        pytest.skip("the client has no such thing")
    print(json.dumps(seen[scenario.name], indent=2))
    assert scenario.check(seen[scenario.name])
