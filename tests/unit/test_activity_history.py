"""What a mode writes into the content, the history loses again: and nothing else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import example
from hypothesis import given
from hypothesis import strategies as st

from flask_agent_api.json_text import well_formed
from flask_agent_api.settings import Settings
from flask_agent_api.types import ToolCall
from flask_agent_api.types import ToolFinished
from flask_agent_api.types import ToolResult
from flask_agent_api.web.activity.history import without_activity
from flask_agent_api.web.activity.modes import MODES
from flask_agent_api.web.activity.modes import renderer_for
from flask_agent_api.web.activity.pieces import Text
from flask_agent_api.web.schemas import parse_request
from flask_agent_api.web.schemas import run_request

CARD = (
    '<details type="tool_calls" done="true" id="c" name="n" arguments="&quot;{}&quot;" result="">\n'
    "<summary>Tool Executed</summary>\n</details>"
)
TAG = "<tool_call_info>Tool[n] c\nresult</tool_call_info>"
PIECES = [
    "</details>",
    "<details",
    CARD,
    TAG,
    "<tool_call_info>",
    "</tool_call_info>",
    "Tool[",
    "] ",
    "\n",
    '"',
    "&",
    ">",
]
ANY = st.text(st.characters(exclude_categories=())) | st.lists(st.sampled_from(PIECES)).map("".join)
CALLS = st.builds(
    lambda id, name, arguments, result: ToolFinished(ToolCall(id, name, arguments), ToolResult(result), 0.0),
    ANY, ANY, ANY, ANY,
)  # fmt: skip
WORDS = st.lists(
    st.sampled_from(["a", " ", "\n", "\n\n", "<", "<details", "</tool_call_info>", "<tool_call_info>", "é"])
)
TEXT = WORDS.map("".join)


def written(mode: str, call: ToolFinished, preview: int) -> str:
    (piece,) = renderer_for(Settings(tool_activity=mode, activity_preview=preview)).pieces(call)
    assert isinstance(piece, Text)
    return piece.text


def stripped(content: Any, role: str = "assistant") -> Any:
    return without_activity({"role": role, "content": content})["content"]


@pytest.mark.parametrize("mode", [name for name, mode in MODES.items() if mode.content])
@given(TEXT, CALLS, TEXT, CALLS, TEXT, st.integers(0, 50))
@example("a\n", ToolFinished(ToolCall("]", "\n", '"'), ToolResult("</details>\n\ud800"), 0.0), "\n",
         ToolFinished(ToolCall("", "", ""), ToolResult(TAG + CARD), 0.0), "\n\nb", 50)  # fmt: skip
def test_reader_undoes_writer(
    mode: str, before: str, first: ToolFinished, between: str, second: ToolFinished, after: str, preview: int
) -> None:
    content = before + written(mode, first, preview) + between + written(mode, second, preview) + after
    assert stripped(well_formed(content)) == before + between + after


@given(TEXT, CALLS, CALLS)
def test_modes_may_follow_each_other(text: str, first: ToolFinished, second: ToolFinished) -> None:
    content = text + written("details", first, 50) + text + written("tags", second, 50)
    assert stripped(well_formed(content)) == text + text


def test_client_that_trims_loses_nothing_else() -> None:
    assert stripped(f"Hello\n\n{CARD}") == "Hello"
    assert stripped(f"{CARD}\n\nHello") == "Hello"


@pytest.mark.parametrize(
    "text",
    [
        "<details><summary>Mine</summary>\nx\n</details>",
        '<details type="reasoning" done="true">\n<summary>Thought</summary>\n> hm\n</details>',
        CARD.replace("Tool Executed", "Tool"),
        CARD.replace(' result="">', ' result="" files="">'),
        "<tool_call_info>mine</tool_call_info>",
        "<tool_call_info>Tool[n] c\nnever ends",
        "<think>hm</think>",
    ],
)
def test_what_no_mode_wrote_stays(text: str) -> None:
    assert stripped(text) == text


@pytest.mark.parametrize("role", ["user", "system", "developer", "tool"])
def test_others_may_speak_of_cards(role: str) -> None:
    assert stripped(f"What is {CARD}{TAG}?", role) == f"What is {CARD}{TAG}?"


def test_text_parts_are_read_too() -> None:
    image = {"type": "image_url", "image_url": {"url": "x"}}
    parts = [{"type": "text", "text": f"a{CARD}"}, image, {"type": "text", "text": TAG}, {"type": "text"}]
    expected = [{"type": "text", "text": "a"}, image, {"type": "text", "text": ""}, {"type": "text"}]
    assert stripped(parts) == expected


def test_agent_gets_the_history_without_activity_and_reasoning() -> None:
    messages = [
        {"role": "user", "content": TAG},
        {"role": "assistant", "content": f"Let me look.\n\n{CARD}\n\nDone.", "reasoning_content": "\nCalling n ...\n"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
        {"role": "user", "content": "Thanks"},
    ]
    request = run_request(parse_request(json.dumps({"messages": messages}).encode(), 10))
    assert list(request.messages) == [
        messages[0], {"role": "assistant", "content": "Let me look.Done."}, messages[2], messages[3],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call_info>Tool[" * 50_000,
        "</tool_call_info>" * 60_000,
        "<tool_call_info>Tool[" + "] " * 500_000 + "</tool_call_info>",
        CARD.partition("name")[0] * 15_000,
        CARD.partition(">")[0] * 10_000,
        "\n" * 1_000_000,
        "\n\n<details" * 100_000,
    ],
)
def test_a_megabyte_of_lures_takes_no_time(text: str) -> None:
    start = time.process_time()
    assert stripped(f"{text}\n\n{CARD}") == text
    assert time.process_time() - start < 0.5
