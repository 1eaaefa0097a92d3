from __future__ import annotations

import pytest

from flask_agent_api.runtime.portable import portable
from flask_agent_api.types import Message

TOOL_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "user", "content": [{"type": "text", "text": "a"}], "name": "ada"}, None),
        ({"role": "assistant", "content": "x"}, None),
        ({"role": "assistant", "content": None, "tool_calls": [TOOL_CALL]}, None),
        ({"role": "assistant", "content": None, "audio": {"id": "a"}}, None),
        ({"role": "assistant", "content": None}, {"role": "assistant", "content": ""}),
        ({"role": "assistant", "content": None, "refusal": "No."}, {"role": "assistant", "content": "No."}),
        ({"role": "assistant", "content": "", "refusal": "No."}, {"role": "assistant", "content": "No."}),
        ({"role": "assistant", "content": "x", "refusal": "No."}, {"role": "assistant", "content": "x"}),
        (
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "refusal", "refusal": "No."}]},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "No."}]},
        ),
        ({"role": "developer", "content": " a\n", "name": "d"}, {"role": "system", "content": " a\n", "name": "d"}),
        (
            {"role": "system", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "system", "content": "a\nb"},
        ),
        (
            {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "a"}]},
            {"role": "tool", "tool_call_id": "c", "content": "a"},
        ),
        ({"role": "tool", "tool_call_id": "c", "content": [{"type": "image_url"}]}, None),
    ],
)
def test_each_message_as_every_provider_takes_it(message: Message, expected: Message | None) -> None:
    before = repr(message)
    assert portable([message]) == [expected or message]
    assert repr(message) == before
