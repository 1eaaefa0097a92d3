"""Which model an agent of a docker-agent file gets, with which settings and key."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.models import ModelLoader
from flask_agent_api.formats.docker_agent.structured import load_structured_output
from flask_agent_api.formats.section import Section
from flask_agent_api.formats.yaml_loader import parse_yaml
from flask_agent_api.models.config import Cost
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.fallback import FallbackModel
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.models.routing import RoutedModel
from flask_agent_api.runtime.structured_output import StructuredOutput
from flask_agent_api.settings import Settings

FILE = """
env: {FILE_KEY: from-file}
providers:
  house: {base_url: https://house.example.com/v1, token_key: HOUSE_KEY, temperature: 0.1, max_tokens: 500}
  open_house: {base_url: http://127.0.0.1:9/v1, headers: {X-Team: "${env.TEAM}", X-Plain: a}}
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
  routed: {provider: openai, model: gpt-4o, routing: [{model: plain, examples: [a]}, {model: x/y, examples: []}]}
  round: {provider: openai, model: gpt-4o, routing: [{model: trip, examples: [a]}]}
  trip: {provider: openai, model: gpt-4o, routing: [{model: "openai/gpt-4o,round", examples: [a]}]}
  aimless: {provider: openai, model: gpt-4o, routing: [{examples: [a]}]}
  opted:
    provider: openai
    model: gpt-5
    thinking_budget: minimal
    task_budget: 9
    capabilities: {image: false, pdf: true}
    cost: {input: 2, output: 10, cache_read: 0.5}
    track_usage: false
    provider_opts:
      {seed: 1, service_tier: flex, top_k: 3, transport: websocket, colour: red, http_headers: {X-A: 1},
       extra_body: {store: false}}
  local_opted: {provider: open_house, model: "${env.SIZE}", provider_opts: {top_k: 3, min_p: 0.1}}
  thoughtless: {provider: openai, model: gpt-5, thinking_budget: hihg}
  dear: {provider: openai, model: gpt-5, cost: {input: -1}}
  titled: {provider: openai, model: gpt-5, title_model: anthropic/claude-haiku}
  direct: {provider: openai, model: gpt-4o, bypass_models_gateway: true}
"""


def loader(environ: dict[str, str], **settings: Any) -> tuple[ModelLoader, Section]:
    """The file's loader, and the section of an agent; warnings gather in it."""
    document = parse_yaml(FILE, Path("team.yaml"))
    top = Section(document, (), document.data, [])
    return ModelLoader(top, Settings(**settings), environ), Section(document, ("agents", "root"), {}, top.warnings)


def config(reference: str, environ: dict[str, str] | None = None, gateway: str = "") -> tuple[ModelConfig, str]:
    """What a reference means, and all warnings."""
    models, agent = loader(environ or {}, gateway=gateway)
    found = models.config(reference, agent, "model")
    return found, "\n".join(agent.warnings)


def model(agent: dict[str, Any], environ: dict[str, str] | None = None, **settings: Any) -> tuple[Any, str]:
    """The model of an agent, and all warnings."""
    models, section = loader(environ or {}, **settings)
    section = Section(section.document, section.where, agent, section.warnings)
    return models.model_of(section), "\n".join(section.warnings)


def names(several: Any) -> list[str]:
    return [member.name for member in several.members]


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
    assert plain == {"temperature": 0, "max_tokens": 9, "top_p": 0.5}
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
        ("azured", "team.yaml:15: models.azured.provider_opts.region: takes AWS's own API; it has no effect"),
        ("plain", "models.plain.thinking_budget: openai/gpt-4o cannot be told, it has no effect"),
        ("opted", "models.opted.provider_opts.top_k: openai does not know it, it has no effect"),
        ("opted", "models.opted.provider_opts.transport: takes the Responses API; it has no effect"),
        ("opted", "models.opted.provider_opts.colour: not known here; what the endpoint takes can stand under"),
        ("opted", "models.opted.task_budget: not supported yet"),
        ("responses/x", "providers.responses.api_type: the Responses API is not supported yet"),
        ("old", "models.old.env: from version 0 of the format"),
    ],
)
def test_what_has_no_effect_is_a_warning(reference: str, warning: str) -> None:
    assert warning in config(reference)[1]
    assert warning not in config("elsewhere")[1]


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


def test_a_list_is_a_model_of_those_with_a_key() -> None:
    listed = {"model": "openai/a, anthropic/b ,mistral/c"}
    assert names(model(listed)[0]) == ["openai/a", "anthropic/b", "mistral/c"]
    some, warnings = model(listed, {"OPENAI_API_KEY": "k", "MISTRAL_API_KEY": "k"})
    assert names(some) == ["openai/a", "mistral/c"]
    assert 'agents.root.model: "anthropic/b" lacks its key or its address, it takes no part' in warnings
    one, _ = model(listed, {"MISTRAL_API_KEY": "k"})
    assert isinstance(one, OpenAIChatModel)
    assert one.name == "mistral/c"
    assert names(model(listed, {}, gateway="http://gateway/v1")[0]) == ["gateway/a", "gateway/b", "gateway/c"]


def test_rules_lead_to_named_and_inline_models() -> None:
    routed, warnings = model({"model": "routed"})
    assert isinstance(routed, RoutedModel)
    assert names(routed) == ["openai/gpt-4o", "openai/gpt-4o", "x/y"]
    assert "models.routed.routing[1]: has no `examples`, so nothing leads to it" in warnings


def test_fallbacks_have_their_own_limits() -> None:
    fallback = {"models": ["plain", "anthropic/claude"], "retries": 5, "cooldown": "1m30s"}
    chained, _ = model({"model": "housed", "fallback": fallback})
    assert isinstance(chained, FallbackModel)
    assert names(chained) == ["house/big", "openai/gpt-4o", "anthropic/claude"]
    assert chained._cooldown == 90
    assert [(member._limits.retries, member._limits.retry_limited) for member in chained.members] == [(5, False)] * 3


@pytest.mark.parametrize(("retries", "expected"), [(0, 4), (None, 4), (-1, 0), (7, 7)])
def test_retries_are_the_servers_unless_the_agent_says_otherwise(retries: int | None, expected: int) -> None:
    alone, _ = model({"model": "plain", "fallback": {"retries": retries}}, {}, model_retries=4)
    assert isinstance(alone, OpenAIChatModel)
    assert (alone._limits.retries, alone._limits.retry_limited) == (expected, True)


def test_options_go_where_they_belong() -> None:
    found, _ = config("opted")
    assert found.params == {"seed": 1, "service_tier": "flex"}
    assert (found.headers, found.extra_body) == ({"X-A": "1"}, {"store": False})
    assert (found.thinking, found.unreadable, found.track_usage) == ("minimal", ("image",), False)
    assert found.cost == Cost(input=2, output=10, cache_read=0.5)


def test_variables_are_filled_in_where_models_are_named_and_reached() -> None:
    found, _ = config("local_opted", {"SIZE": "big", "TEAM": "blue"})
    assert (found.model, found.unset) == ("big", ())
    assert found.headers == {"X-Team": "blue", "X-Plain": "a"}
    assert found.params == {"top_k": 3, "min_p": 0.1}
    found, warnings = config("local_opted")
    assert found.unset == ("SIZE",)
    assert found.headers == {"X-Plain": "a"}
    assert "providers.open_house.headers: TEAM is not set in the environment, X-Team is left out" in warnings


def test_the_operators_map_decides_which_keys_are_needed() -> None:
    listed = {"model": "openai/a,anthropic/b"}
    some, _ = model(listed, {"MISTRAL_API_KEY": "k"}, model_map={"anthropic/*": "mistral/c"})
    assert some.name == "mistral/c"


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ({"model": "round"}, '"round" refers to itself'),
        ({"model": "aimless"}, "models.aimless.routing[0]: a rule needs a `model`"),
        ({"model": " , "}, "agents.root.model: expected a name in `models`, or provider/model"),
        ({"model": "openai/a,plian"}, 'there is no model "plian", did you mean "plain"?'),
        ({"model": "plain", "fallback": {"models": ["plian"]}}, "agents.root.fallback.models: there is no model"),
        ({"model": "plain", "fallback": {"cooldown": "1 minute"}}, "cooldown: expected a length of time like 500ms"),
        ({"model": "plain", "fallback": {"retries": -2}}, "retries: expected a whole number, -1 or more"),
        ({"model": "plain", "fallback": {"model": ["x/y"]}}, 'unknown field, did you mean "models"?'),
        ({"model": "thoughtless"}, "models.thoughtless.thinking_budget: expected none, minimal, low"),
        ({"model": "dear"}, "models.dear.cost.input: expected a number from 0"),
    ],
)
def test_wrong_models_are_errors(agent: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        model(agent)
    assert message in caught.value.message


def structured(**fields: Any) -> StructuredOutput | None:
    """What ``structured_output`` of an agent becomes."""
    _, agent = loader({})
    agent = Section(agent.document, agent.where, {"structured_output": fields}, agent.warnings)
    return load_structured_output(agent)


OBJECT = {"type": "object", "properties": {"n": {"type": "integer"}}}


def test_an_agents_format_becomes_openais() -> None:
    output = structured(name="my answer!", description="Numbers.", strict=True, schema=OBJECT)
    assert output is not None
    named = {"name": "my_answer_", "description": "Numbers.", "strict": True, "schema": OBJECT}
    assert output.response_format == {"type": "json_schema", "json_schema": named}
    assert output.format.read('{"n": 1}')
    assert not output.by_tool
    assert (output := structured(schema=OBJECT, mode="tool")) is not None
    assert output.by_tool
    assert output.response_format["json_schema"] == {"name": "answer", "schema": OBJECT}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "x"}, "agents.root.structured_output: expected a `schema`"),
        ({"schema": {"type": "nothing"}}, "structured_output.schema: the schema breaks"),
        ({"schema": {"$ref": "http://x/"}}, "structured_output.schema: the schema has a $ref that leads out of it"),
        ({"schema": {"const": date(2026, 1, 1)}}, "the schema holds what JSON has no word for"),
        ({"schema": {"type": "array"}, "mode": "tool"}, "with mode `tool` the answer must be an object"),
        ({"schema": OBJECT, "mode": "both"}, "mode: expected one of native, tool"),
        ({"schemas": OBJECT}, 'unknown field, did you mean "schema"?'),
    ],
)
def test_a_wrong_format_is_an_error(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        structured(**fields)
    assert message in caught.value.message


def test_titles_may_have_a_model_of_their_own() -> None:
    models, agent = loader({})
    titled = Section(agent.document, agent.where, {"model": "openai/a, titled"}, agent.warnings)
    model = models.title_model_of(titled)
    assert model is not None
    assert model.name == "anthropic/claude-haiku"
    assert models.title_model_of(Section(agent.document, agent.where, {"model": "plain"}, agent.warnings)) is None
