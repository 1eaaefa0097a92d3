from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.app import create_app
from flask_agent_api.errors import ConfigError
from flask_agent_api.models.config import Cost
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.prices import priced
from flask_agent_api.models.providers import build_model
from flask_agent_api.settings import Settings
from flask_agent_api.testing import FakeUpstream

PRICES = {"openai/gpt-5": {"input": 1.25, "output": 10, "cached_input": 0.125}, "openai/*": {"input": 1}}
TEAM = """
agents:
  root:
    model: mine
    description: d
    instruction: i
models:
  mine: {{provider: openai, model: gpt-5, base_url: "{url}", token_key: KEY_OF_MINE}}
"""


def cost_of(name: str, **fields: Any) -> Cost | None:
    provider, _, model = name.partition("/")
    return priced(ModelConfig(provider=provider, model=model, **fields), PRICES).cost


def test_a_model_has_the_price_of_its_name_or_of_a_pattern() -> None:
    assert cost_of("openai/gpt-5") == Cost(input=1.25, output=10, cache_read=0.125)
    assert cost_of("openai/other") == Cost(input=1, output=0, cache_read=1)
    assert cost_of("anthropic/claude") is None


def test_the_operators_price_replaces_that_of_the_file() -> None:
    assert cost_of("openai/gpt-5", cost=Cost(input=99)) == Cost(input=1.25, output=10, cache_read=0.125)
    assert cost_of("mistral/x", cost=Cost(input=99)) == Cost(input=99)


def test_behind_a_gateway_a_model_keeps_its_price() -> None:
    settings = Settings(prices=PRICES, gateway="http://127.0.0.1:9/v1")
    model = build_model(ModelConfig(provider="openai", model="gpt-5"), settings)
    assert model.config.cost == Cost(input=1.25, output=10, cache_read=0.125)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('{"gpt-5": {"input": 1}}', "'gpt-5': expected provider/model"),
        ('{"openai/gpt-5": 1}', "openai/gpt-5: expected an object with input, output, cached_input"),
        ('{"openai/gpt-5": {"outputs": 1}}', "unknown field 'outputs'; did you mean 'output'?"),
        ('{"openai/gpt-5": {"input": -1}}', "input must be a number of dollars"),
        ('{"openai/gpt-5": {"input": "1"}}', "input must be a number of dollars"),
        ("[]1", "AGENT_API_PRICES"),
        ("[1]", "expected a JSON object"),
    ],
)
def test_what_is_no_price_stops_the_start(value: str, message: str) -> None:
    with pytest.raises(ConfigError, match="AGENT_API_PRICES") as caught:
        Settings.from_mapping({"AGENT_API_PRICES": value}, {})
    assert message in str(caught.value)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_MINE", "x")


@pytest.mark.parametrize("stream", [False, True])
def test_usage_has_the_cost(stream: bool, tmp_path: Path) -> None:
    with FakeUpstream() as upstream:
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_tokens_details": {"cached_tokens": 400}}
        upstream.text("hi", usage=usage)
        (tmp_path / "team.yaml").write_text(TEAM.format(url=upstream.url))
        app = create_app({"AGENT_API_AGENTS": [str(tmp_path / "team.yaml")], "AGENT_API_PRICES": PRICES})
        fields = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        body = {"messages": [{"role": "user", "content": "hi"}], **fields}
        text = app.test_client().post("/v1/chat/completions", json=body).get_data(as_text=True)
    frames = [frame.removeprefix("data: ") for frame in text.split("\n\n") if '"usage":{' in frame]
    (answer,) = map(json.loads, frames)
    assert answer["usage"]["cost"] == pytest.approx((600 * 1.25 + 400 * 0.125 + 100 * 10) / 1e6)


def test_without_a_price_usage_is_openais_alone(tmp_path: Path) -> None:
    with FakeUpstream() as upstream:
        upstream.text("hi", usage={"prompt_tokens": 1, "completion_tokens": 1})
        (tmp_path / "team.yaml").write_text(TEAM.format(url=upstream.url))
        app = create_app({"AGENT_API_AGENTS": [str(tmp_path / "team.yaml")]})
        answer = app.test_client().post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "hi"}]})
    assert "cost" not in answer.get_json()["usage"]
