"""Which model an agent of a docker-agent file gets, with which settings and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent_models import ModelLoader
from flask_agent_api.formats.section import Section
from flask_agent_api.formats.yaml_loader import parse_yaml
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.settings import Settings

FILE = """
env: {FILE_KEY: from-file}
providers:
  house: {base_url: https://house.example.com/v1, token_key: HOUSE_KEY, temperature: 0.1, max_tokens: 500}
  open_house: {base_url: http://127.0.0.1:9/v1}
  wrapped: {provider: anthropic, token_key: WRAPPED_KEY}
  responses: {base_url: https://r.example.com/v1, api_type: openai_responses}
  nowhere: {token_key: X}
models:
  plain: {provider: openai, model: gpt-4o, temperature: 0, max_tokens: 9, top_p: 0.5, thinking_budget: low}
  elsewhere: {provider: openai, model: gpt-4o, base_url: https://models.example.com, token_key: OTHER_KEY}
  filed: {provider: openai, model: gpt-4o, token_key: FILE_KEY}
  old: {type: openai, model: gpt-4o, env: {OPENAI_API_KEY: from-model}}
  housed: {provider: house, model: big, temperature: 0.7, parallel_tool_calls: false}
  azured: {provider: azure, model: big, base_url: https://a.example.com, provider_opts: {api_version: v1, region: x}}
  picked: {first_available: [mistral/small, plain, elsewhere]}
  local: {first_available: [mistral/small, dmr/ai/qwen3, plain]}
  nothing: {first_available: []}
  circle: {first_available: [circle]}
  routed: {provider: openai, model: gpt-4o, routing: [{model: plain, examples: [a]}]}
  direct: {provider: openai, model: gpt-4o, bypass_models_gateway: true}
"""


def config(reference: str, environ: dict[str, str] | None = None, gateway: str = "") -> tuple[ModelConfig, str]:
    """What a reference means, and all warnings."""
    document = parse_yaml(FILE, Path("team.yaml"))
    top = Section(document, (), document.data, [])
    loader = ModelLoader(top, Settings(gateway=gateway), environ or {})
    found = loader.config(reference, Section(document, ("agents", "root"), {}, top.warnings), "model")
    return found, "\n".join(top.warnings)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("anthropic/claude", ("anthropic", "claude", "", "", "")),
        ("dmr/ai/qwen3", ("dmr", "ai/qwen3", "", "", "")),
        ("plain", ("openai", "gpt-4o", "", "", "")),
        ("elsewhere", ("openai", "gpt-4o", "https://models.example.com", "OTHER_KEY", "")),
        ("filed", ("openai", "gpt-4o", "", "FILE_KEY", "from-file")),
        ("old", ("openai", "gpt-4o", "", "", "from-model")),
        ("house/small", ("house", "small", "https://house.example.com/v1", "HOUSE_KEY", "")),
        ("open_house/anthropic/claude", ("open_house", "anthropic/claude", "http://127.0.0.1:9/v1", "", "")),
        ("wrapped/claude", ("anthropic", "claude", "", "WRAPPED_KEY", "")),
    ],
)
def test_references_name_provider_model_and_key(reference: str, expected: tuple[str, ...]) -> None:
    found, _ = config(reference)
    assert (found.provider, found.model, found.base_url, found.token_key, found.api_key) == expected


def test_a_key_of_the_environment_wins_over_one_in_the_file() -> None:
    assert config("filed", {"FILE_KEY": "real"})[0].api_key == ""
    assert config("old", {"OPENAI_API_KEY": "real"})[0].api_key == ""


def test_sampling_settings_come_from_the_model_then_from_the_provider() -> None:
    plain = config("plain")[0].params
    assert plain == {"temperature": 0, "max_tokens": 9, "top_p": 0.5, "reasoning_effort": "low"}
    assert config("housed")[0].params == {"temperature": 0.7, "max_tokens": 500, "parallel_tool_calls": False}
    assert config("house/small")[0].params == {"temperature": 0.1, "max_tokens": 500}


@pytest.mark.parametrize(
    ("environ", "provider"),
    [
        ({}, "mistral"),
        ({"OPENAI_API_KEY": "k"}, "openai"),
        ({"MISTRAL_API_KEY": "k", "OPENAI_API_KEY": "k"}, "mistral"),
    ],
)
def test_first_available_takes_the_first_with_a_key(environ: dict[str, str], provider: str) -> None:
    assert config("picked", environ)[0].provider == provider


def test_models_without_a_key_are_always_available() -> None:
    assert config("local", {"OPENAI_API_KEY": "k"})[0].provider == "dmr"


def test_behind_a_gateway_every_model_is_available() -> None:
    assert config("picked", {"OPENAI_API_KEY": "k"}, "https://gateway.example.com/v1")[0].provider == "mistral"
    assert config("direct")[0].bypass_gateway is True
    assert config("plain")[0].bypass_gateway is False


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("dmr", "ai/qwen3")),
        ({"GOOGLE_API_KEY": "k"}, ("google", "gemini-2.5-flash")),
        ({"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k"}, ("anthropic", "claude-sonnet-4-5")),
        ({"ANTHROPIC_API_KEY": "k", "DOCKER_AGENT_DEFAULT_MODEL": "house/big"}, ("house", "big")),
    ],
)
def test_auto_takes_the_first_provider_with_a_key(environ: dict[str, str], expected: tuple[str, str]) -> None:
    found, _ = config("auto", environ)
    assert (found.provider, found.model) == expected


@pytest.mark.parametrize(
    ("reference", "warning"),
    [
        ("azured", "team.yaml:15: models.azured.provider_opts.region: not supported yet"),
        ("responses/x", "providers.responses.api_type: the Responses API is not supported yet"),
        ("old", "models.old.env: from version 0 of the format"),
        ("routed", "models.routed.routing: not supported yet"),
    ],
)
def test_what_has_no_effect_is_a_warning(reference: str, warning: str) -> None:
    assert warning in config(reference)[1]
    assert warning not in config("plain")[1]


def test_azure_gets_its_version() -> None:
    assert config("azured")[0].api_version == "v1"


@pytest.mark.parametrize(
    ("reference", "environ", "message"),
    [
        ("nothing", {}, "models.nothing.first_available: expected at least one model"),
        ("circle", {}, 'models.circle.first_available: "circle" refers to itself'),
        ("auto", {"DOCKER_AGENT_DEFAULT_MODEL": "auto"}, '"auto" refers to itself'),
        ("nowhere/x", {}, "providers.nowhere: a provider needs a `base_url`"),
        ("plian", {}, 'agents.root.model: there is no model "plian", did you mean "plain"?'),
        ("open_houes/x", {}, 'unknown provider "open_houes", did you mean "open_house"?'),
        ("openai/", {}, 'there is no model "openai/"'),
    ],
)
def test_wrong_references_are_errors(reference: str, environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config(reference, environ)
    assert message in caught.value.message
