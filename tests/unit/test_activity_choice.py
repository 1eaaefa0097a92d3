"""Which mode a request gets."""

from __future__ import annotations

from typing import Any

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import RequestError
from flask_agent_api.settings import Settings
from flask_agent_api.settings import TOOL_ACTIVITY
from flask_agent_api.web.activity.choice import split_model
from flask_agent_api.web.activity.choice import with_choice

CONFIG = {"AGENT_API_TOOL_ACTIVITY": "tags", "AGENT_API_AGENT_OPTIONS": {"root": {"tool_activity": "details"}}}


@pytest.mark.parametrize("mode", TOOL_ACTIVITY)
def test_server_and_agent_choose_any_mode(mode: str) -> None:
    server = Settings.from_mapping({"AGENT_API_TOOL_ACTIVITY": mode.upper()}, {})
    options = {"AGENT_API_AGENT_OPTIONS": f'{{"root": {{"tool_activity": "{mode}"}}}}'}
    agent = Settings.from_mapping(options, {}).for_agent("root")
    for settings in (server, agent):
        assert with_choice(settings, None, "", None, {}).tool_activity == mode


@pytest.mark.parametrize(
    ("body", "header", "suffix", "agent", "expected"),
    [
        ("events", "none", "reasoning", "root", "events"),
        (None, "none", "reasoning", "root", "none"),
        (None, "", "reasoning", "root", "reasoning"),
        (None, "", None, "root", "details"),
        (None, "", None, "clerk", "tags"),
    ],
)
def test_the_nearest_word_counts(body: str | None, header: str, suffix: str | None, agent: str, expected: str) -> None:
    settings = Settings.from_mapping(CONFIG, {}).for_agent(agent)
    assert with_choice(settings, body, header, suffix, {}).tool_activity == expected


@pytest.mark.parametrize("config", [{"AGENT_API_TOOL_ACTIVITY": "loud"},
                                    {"AGENT_API_AGENT_OPTIONS": {"a": {"tool_activity": "loud"}}}])  # fmt: skip
def test_unknown_mode_stops_the_start(config: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="expected one of events, none, reasoning"):
        Settings.from_mapping(config, {})


@pytest.mark.parametrize("body", ["loud", "", 0, False, [], {"events": 1}])
def test_unknown_mode_of_a_request_is_refused_and_not_repeated(body: object) -> None:
    with pytest.raises(RequestError, match=r"^tool_activity must be one of events, none, ") as caught:
        with_choice(Settings(), body, "", None, {})
    assert (caught.value.param, "loud" in caught.value.message) == ("tool_activity", False)
    with pytest.raises(RequestError, match=r"^X-Agent-Tool-Activity must be one of"):
        with_choice(Settings(), None, "loud", None, {})


@pytest.mark.parametrize("kind", ["json_object", "json_schema"])
@pytest.mark.parametrize(("mode", "expected"), [("details", "events"), ("tags", "events"), ("reasoning", "reasoning")])
def test_content_that_must_be_json_is_left_alone(kind: str, mode: str, expected: str) -> None:
    params = {"response_format": {"type": kind}}
    assert with_choice(Settings(tool_activity=mode), None, "", None, params).tool_activity == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("root", ("root", None)),
        ("root:none", ("root", "none")),
        ("root:NONE", ("root:NONE", None)),
        ("a:none", ("a:none", None)),
        ("a:none:tags", ("a:none", "tags")),
        ("gpt-4:events", ("gpt-4", "events")),
        (":events", ("", "events")),
        ("none", ("none", None)),
        ("llama3:8b", ("llama3:8b", None)),
        ("", ("", None)),
    ],
)
def test_mode_behind_a_name(model: str, expected: tuple[str, str | None]) -> None:
    assert split_model(model, {"root", "a:none"}) == expected
