"""Open WebUI, unchanged, in front of a real server. Run it with: pytest -m openwebui"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ..support import Server
from ..waiting import wait_until
from .lab import posts
from .lab import serving
from .open_webui import OpenWebUI
from .open_webui import python
from .open_webui import TASKS

pytestmark = [
    pytest.mark.openwebui,
    pytest.mark.skipif(python() is None, reason="Open WebUI needs Python 3.11 or 3.12"),
]

CONNECTIONS = {
    "root-connection": {"X-Agent-Task": "{{TASK}}", "X-Agent-Tool-Activity": "openwebui"},
    "cards": {"X-Agent-Tool-Activity": "details", "X-Conversation-Id": "{{CHAT_ID}}"},
}
"""The headers of each connection, whose name is also its key. The second one leaves its tasks to be recognised."""

QUESTION = "What is 12 * (3 + 4)?"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture(scope="module")
def open_webui(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenWebUI]:
    with OpenWebUI(tmp_path_factory.mktemp("open-webui"), server.url, CONNECTIONS) as running:
        yield running


def test_it_lists_the_agents(open_webui: OpenWebUI) -> None:
    assert {"root", "mathematician", "cards.root", "cards.broken"} <= {*open_webui.models()}


def test_a_tool_shows_as_status_lines(open_webui: OpenWebUI) -> None:
    answer = open_webui.answer(open_webui.send("root", QUESTION))
    assert answer["content"].startswith("The tool calculate says: 84")
    lines = answer["statusHistory"]
    assert lines[0]["description"] == "Calling calculate ..."
    assert lines[-1]["done"] is True


def test_a_tool_shows_as_a_card(open_webui: OpenWebUI) -> None:
    answer = open_webui.answer(open_webui.send("cards.root", QUESTION))
    before, _, after = answer["content"].partition("</details>")
    assert '<details type="tool_calls" done="true"' in before
    assert 'name="calculate"' in before
    assert "The tool calculate says: 84" in after


@pytest.mark.parametrize(("connection", "model"), [*zip(CONNECTIONS, ["root", "cards.root"], strict=True)])
def test_one_message_is_one_run_of_the_agent(
    connection: str, model: str, open_webui: OpenWebUI, server: Server
) -> None:
    before = posts(server)

    def more() -> dict[str, int]:
        return {key: count - before.get(key, 0) for key, count in posts(server).items() if count > before.get(key, 0)}

    chat = open_webui.send(model, "What is 2 + 3, please?")
    open_webui.answer(chat)
    wait_until(lambda: sum(more().values()) >= 4, 30.0)
    assert more() == {connection: 1, **{f"{connection} {task}": 1 for task in TASKS}}
    wait_until(lambda: open_webui.chat(chat)["title"] == "What is 2 + 3, please?", 10.0)


def test_a_failure_is_shown_after_the_text_that_came(open_webui: OpenWebUI) -> None:
    answer = open_webui.answer(open_webui.send("broken", "Hello"))
    assert "the model went away" in str(answer["error"])
    assert answer["content"] == "The beginning"


def test_a_tool_of_its_own_is_called_between_those_of_the_server(open_webui: OpenWebUI, server: Server) -> None:
    runs = posts(server)["root-connection"]
    question = "use calculate with expression 6*7 then use get_current_timestamp then use calculate with expression 5*7"
    answer = open_webui.answer(open_webui.send("root", question))
    assert posts(server)["root-connection"] == runs + 2
    calls = [item["name"] for item in answer["output"] if item["type"] == "function_call"]
    assert calls == ["get_current_timestamp"]
    lines = [status["description"] for status in answer["statusHistory"]]
    assert lines.count("Calling calculate ...") == 2
    said = answer["content"].split("\n\n")
    assert said[0] == "The tool calculate says: 42"
    assert said[1].startswith("The tool get_current_timestamp says: ")
    assert said[2] == "The tool calculate says: 35"


def test_its_chats_are_conversations(open_webui: OpenWebUI) -> None:
    """Its requests for titles and the like name the chat as well, and are no turns of it."""
    chat = open_webui.send("cards.recalls", "What do you know?")
    assert open_webui.answer(chat)["content"] == "I know 0 of 1 messages."
    assert open_webui.go_on(chat, "cards.recalls", "And now?")["content"] == "I know 2 of 3 messages."
    assert open_webui.go_on(chat, "cards.recalls", "And now?")["content"] == "I know 4 of 5 messages."
    other = open_webui.go_on(chat, "cards.recalls", "Something else", after=0)
    assert other["content"] == "I know 2 of 3 messages.", "a branch goes on from where it leaves the other one"
