from __future__ import annotations

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ModelUnavailable
from flask_agent_api.models.base import ModelRequest
from flask_agent_api.models.config import ModelConfig
from flask_agent_api.models.openai_chat import OpenAIChatModel
from flask_agent_api.models.providers import build_model
from flask_agent_api.models.providers import first_available
from flask_agent_api.models.providers import has_credentials
from flask_agent_api.models.providers import huggingface_router
from flask_agent_api.models.providers import notes_for
from flask_agent_api.models.providers import PROVIDERS
from flask_agent_api.models.providers import resolve
from flask_agent_api.models.providers import UnavailableModel
from flask_agent_api.settings import Settings

PLAIN = Settings()
GATEWAY = Settings(gateway="http://gateway:4000/v1", gateway_key="gateway-key")


def config(provider: str, model: str = "m", **fields: object) -> ModelConfig:
    return ModelConfig(provider=provider, model=model, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("provider", "base_url", "token_key"),
    [
        ("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        ("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        ("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN"),
        ("ollama", "http://localhost:11434/v1", ""),
    ],
)
def test_a_known_provider_has_its_url_and_key(provider: str, base_url: str, token_key: str) -> None:
    resolved = resolve(config(provider), PLAIN, {})
    assert (resolved.base_url, resolved.token_key, resolved.key_optional) == (base_url, token_key, False)


def test_every_provider_of_the_table_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    built = {name: build_model(config(name), PLAIN) for name in PROVIDERS if name != "demo"}
    unavailable = {name for name, model in built.items() if isinstance(model, UnavailableModel)}
    assert unavailable == {"azure", "amazon-bedrock"}


def test_resolving_twice_changes_nothing() -> None:
    for name in PROVIDERS:
        for settings in (PLAIN, GATEWAY):
            once = resolve(config(name, base_url="http://x/v1"), settings, {})
            assert resolve(once, settings, {}) == once


def test_what_the_file_says_comes_first() -> None:
    resolved = resolve(config("openai", base_url="http://x/v1", token_key="MY_KEY"), PLAIN, {"OPENAI_API_KEY": "k"})
    assert (resolved.base_url, resolved.token_key, resolved.key_optional) == ("http://x/v1", "MY_KEY", False)


def test_an_alternate_key_variable_is_used_if_only_it_is_set() -> None:
    assert resolve(config("google"), PLAIN, {"GEMINI_API_KEY": "k"}).token_key == "GEMINI_API_KEY"
    assert (
        resolve(config("google"), PLAIN, {"GEMINI_API_KEY": "k", "GOOGLE_API_KEY": "k"}).token_key == "GOOGLE_API_KEY"
    )
    assert resolve(config("google"), PLAIN, {}).token_key == "GOOGLE_API_KEY"


def test_another_server_with_a_providers_api_can_do_without_a_key() -> None:
    assert resolve(config("openai", base_url="http://localhost:1234/v1"), PLAIN, {}).key_optional
    assert not resolve(config("openai"), PLAIN, {"OPENAI_BASE_URL": "http://x/v1"}).key_optional


def test_max_tokens_is_renamed_for_openai_only() -> None:
    assert resolve(config("openai"), PLAIN, {}).max_tokens_field == "max_completion_tokens"
    assert resolve(config("openai", base_url="http://x/v1"), PLAIN, {}).max_tokens_field == ""


def test_the_gateway_serves_every_model_but_the_demo() -> None:
    for name in [*PROVIDERS, "unheard-of"]:
        secret = config(
            name, api_key="secret", token_key="SECRET", headers={"x-secret": "1"}, params={"temperature": 1}
        )
        resolved = resolve(secret, GATEWAY, {})
        if name == "demo":
            assert resolved == secret
            continue
        assert (resolved.base_url, resolved.api_key, resolved.model) == ("http://gateway:4000/v1", "gateway-key", "m")
        assert (resolved.token_key, dict(resolved.headers), resolved.params) == ("", {}, {"temperature": 1})
    assert resolve(config("openai", bypass_gateway=True), GATEWAY, {}).base_url == "https://api.openai.com/v1"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ("dmr", "ai/qwen3")),
        ({"MISTRAL_API_KEY": "k"}, ("mistral", "mistral-small-latest")),
        ({"MISTRAL_API_KEY": "k", "OPENAI_API_KEY": "k"}, ("openai", "gpt-5-mini")),
        ({"GEMINI_API_KEY": "k", "MISTRAL_API_KEY": "k"}, ("google", "gemini-2.5-flash")),
        ({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}, ("anthropic", "claude-sonnet-4-5")),
        ({"ANTHROPIC_API_KEY": "k", "DOCKER_AGENT_DEFAULT_MODEL": "groq/a/b"}, ("groq", "a/b")),
    ],
)
def test_auto_picks_by_the_keys_there_are(environ: dict[str, str], expected: tuple[str, str]) -> None:
    resolved = resolve(config("auto", ""), PLAIN, environ)
    assert (resolved.provider, resolved.model) == expected
    assert resolved.base_url == PROVIDERS[expected[0]].base_url


def test_first_available_takes_the_first_with_a_key() -> None:
    candidates = [config("anthropic"), config("openai"), config("ollama")]
    assert first_available(candidates, {"OPENAI_API_KEY": "k"}).provider == "openai"
    assert first_available(candidates, {}).provider == "ollama"
    assert first_available(candidates[:2], {}).provider == "anthropic"
    assert has_credentials(config("openai", api_key="k"), {})
    assert has_credentials(config("demo"), {})
    assert not has_credentials(config("something-else-entirely"), {})
    assert not has_credentials(config("azure", api_key="k"), {})
    assert has_credentials(config("azure", api_key="k"), {"AZURE_OPENAI_ENDPOINT": "http://x"})


def test_a_misspelt_provider_is_an_error_with_the_name() -> None:
    with pytest.raises(ConfigError, match="'mistrall'; did you mean 'mistral'"):
        build_model(config("mistrall"), PLAIN)


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        ("amazon-bedrock", "needs a base_url: there is no known one for the provider 'amazon-bedrock'"),
        ("azure", "needs a base_url, or the environment variable AZURE_OPENAI_ENDPOINT"),
        ("something-else-entirely", "needs a base_url"),
    ],
)
def test_a_model_without_a_url_is_unavailable_when_called(
    provider: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT", raising=False)
    model = build_model(config(provider), PLAIN)
    assert model.name == f"{provider}/m"
    with pytest.raises(ModelUnavailable, match=reason) as error:
        next(model.stream(ModelRequest([])))
    assert error.value.status == 503


def test_an_unknown_provider_with_a_url_is_called_without_a_key() -> None:
    resolved = resolve(config("my-own", base_url="http://x/v1"), PLAIN, {"OPENAI_API_KEY": "k"})
    assert (resolved.base_url, resolved.token_key, resolved.api_key) == ("http://x/v1", "", "")


def test_the_demo_needs_no_network() -> None:
    assert not isinstance(build_model(config("demo", ""), GATEWAY), OpenAIChatModel | UnavailableModel)


@pytest.mark.parametrize(("provider", "model"), [("auto", "a/b"), ("", "a/b"), ("novita", "a/b:novita")])
def test_the_router_gets_the_inference_provider_with_the_model(provider: str, model: str) -> None:
    routed = huggingface_router("a/b", provider)
    assert (routed.model, routed.base_url, routed.token_key) == (model, "https://router.huggingface.co/v1", "HF_TOKEN")


def test_a_configuration_does_not_show_its_key() -> None:
    assert "secret" not in repr(config("openai", api_key="secret", headers={"authorization": "secret"}))


@pytest.mark.parametrize("name", ["mistral", "google"])
def test_strict_providers_get_no_hints_and_the_older_limit(name: str) -> None:
    resolved = resolve(config(name), PLAIN, {})
    assert set(resolved.refuses) >= {"user", "safety_identifier", "prompt_cache_key", "seed", "logit_bias"}
    assert resolved.max_tokens_field == "max_tokens"
    assert resolve(config("openai"), PLAIN, {}).refuses == ()


@pytest.mark.parametrize(
    ("model_map", "expected"),
    [
        ({}, "anthropic/claude-sonnet-4-0"),
        ({"anthropic/*": "openai/gpt-5"}, "openai/gpt-5"),
        ({"anthropic/*": "openai/gpt-5", "anthropic/claude-sonnet-4-0": "mistral/small"}, "mistral/small"),
        ({"anthropic/claude-opus-*": "openai/gpt-5", "*/*": "ollama/a/b"}, "ollama/a/b"),
        ({"openai/*": "mistral/small"}, "anthropic/claude-sonnet-4-0"),
    ],
)
def test_the_operator_may_replace_models(model_map: dict[str, str], expected: str) -> None:
    written = config("anthropic", "claude-sonnet-4-0", base_url="http://x/v1", api_key="k", params={"temperature": 1})
    model = build_model(written, Settings(model_map=model_map))
    assert isinstance(model, OpenAIChatModel)
    assert model.name == expected
    assert model.config.params == {"temperature": 1}
    assert (model.config.api_key == "k") == (not model_map or "openai/*" in model_map)


def test_a_replaced_model_needs_the_key_of_the_new_one() -> None:
    settings = Settings(model_map={"anthropic/*": "openai/gpt-5"})
    assert has_credentials(config("anthropic"), {"OPENAI_API_KEY": "k"}, settings)
    assert not has_credentials(config("anthropic"), {"ANTHROPIC_API_KEY": "k"}, settings)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ('{"anthropic": "openai/gpt-5"}', "'anthropic': expected provider/model"),
        ('{"anthropic/*": "gpt-5"}', "'gpt-5': expected provider/model"),
        ('{"anthropic/*": "openai/*"}', "a pattern can only be replaced"),
        ("[]", "expected a JSON object"),
    ],
)
def test_a_wrong_map_stops_the_start(value: str, problem: str) -> None:
    with pytest.raises(ConfigError, match="AGENT_API_MODEL_MAP") as caught:
        Settings.from_mapping({"AGENT_API_MODEL_MAP": value}, {})
    assert problem in caught.value.message


def test_what_an_endpoint_loses_is_said() -> None:
    assert any("thoughts" in note for note in notes_for(resolve(config("anthropic"), PLAIN, {})))
    assert notes_for(resolve(config("groq"), PLAIN, {})) == []
    assert notes_for(resolve(config("openai"), PLAIN, {}))
    assert notes_for(resolve(config("openai", base_url="http://x/v1"), PLAIN, {})) == []
    assert notes_for(resolve(config("anthropic"), GATEWAY, {})) == []


def test_a_model_whose_name_needs_a_variable_is_unavailable() -> None:
    model = build_model(config("dmr", "", unset=("MY_MODEL",)), PLAIN)
    with pytest.raises(ModelUnavailable, match="needs the environment variable MY_MODEL"):
        next(model.stream(ModelRequest([])))
