"""One entry of ``models`` in a docker-agent file, with its provider's defaults, as a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ...models.config import Cost
from ...models.config import ModelConfig
from ...models.provider_table import ALIASES
from ...models.provider_table import provider_of
from ...models.providers import PROVIDERS
from ...models.thinking import read_thinking
from ...models.thinking import thinking_fields
from ..placeholders import expand_address
from ..placeholders import expand_templates
from ..placeholders import expand_variables
from ..section import as_text
from ..section import did_you_mean
from ..section import Section
from .model_fields import CAPABILITIES
from .model_fields import COST
from .model_fields import MODEL
from .model_fields import PROVIDER
from .model_fields import SAMPLING_NAMES
from .provider_opts import read_options


class ModelConfigReader:
    """Reads the entries of one file.

    Raises :class:`ConfigError` for an entry of ``models`` or ``providers`` that is wrong, whether it is used or not.
    """

    def __init__(self, top: Section, environ: Mapping[str, str]) -> None:
        self._file_environ = top.text_map("env")
        self._environ = environ
        self._providers = top.section("providers")
        models = top.section("models")
        for name in models.data:
            models.section(name).with_warnings([]).check(MODEL)
        for name in self._providers.data:
            self._providers.section(name).with_warnings([]).check(PROVIDER)

    def read(self, entry: Section) -> ModelConfig:
        """The configuration of an entry that names a provider and a model."""
        provider = entry.text("provider")
        if not provider and entry.has("type"):
            entry.warn("type", "from version 0 of the format; write `provider`")
            provider = entry.text("type")
        if not provider or not entry.text("model"):
            raise entry.error(None, "a model needs `provider` and `model`")
        return self.of(entry, provider, entry.text("model"))

    def of(self, entry: Section, provider: str, model: str) -> ModelConfig:
        """The settings of a model: its own, then its provider's defaults in the file."""
        layers = [entry]
        if is_custom := provider in self._providers.data:
            layers.append(self._provider(provider))
        base_url, unset = self._expanded(layers, "base_url")
        token_key = as_text(first(layers, "token_key"))
        if is_custom:
            provider = layers[-1].text("provider", provider)
        wrapped = ALIASES.get(provider, provider)
        if not is_custom and wrapped not in PROVIDERS and not first(layers, "base_url"):
            self._warn_of_provider(entry, provider)
        moved = bool(base_url) and (wrapped not in PROVIDERS or base_url != PROVIDERS[wrapped].base_url)
        options = read_options(layers, wrapped, moved=moved)
        name = expand_templates(model, self._environ)
        config = ModelConfig(
            provider=wrapped,
            model=name.text,
            base_url=base_url,
            token_key=token_key,
            api_key=self._key_in_file(layers[0], token_key or _own_variable(wrapped)),
            headers={**self._headers(layers), **options.headers},
            params={**options.params, **_params(layers)},
            api_version=options.api_version,
            bypass_gateway=first(layers, "bypass_models_gateway") is True,
            thinking=first(layers, "thinking_budget"),
            extra_body=options.extra_body,
            unreadable=_unreadable(entry),
            track_usage=first(layers, "track_usage") is not False,
            cost=_cost(entry),
            unset=(*name.missing, *unset),
        )
        _check_thinking(layers, config)
        return config

    def _provider(self, name: str) -> Section:
        provider = self._providers.section(name)
        provider.check(PROVIDER)
        if provider.data.get("api_type") == "openai_responses":
            provider.warn("api_type", "the Responses API is not supported yet, Chat Completions is used")
        if not provider.has("base_url") and not provider.has("provider"):
            raise provider.error(None, "a provider needs a `base_url`, or the `provider` it is a variant of")
        return provider

    def _warn_of_provider(self, entry: Section, provider: str) -> None:
        key = "provider" if entry.has("provider") else None
        if hint := did_you_mean(provider, [*PROVIDERS, *self._providers.data]):
            raise entry.error(key, f'unknown provider "{provider}"{hint}')
        entry.warn(key, f'unknown provider "{provider}": set `base_url`; until then requests are answered with 503')

    def _expanded(self, layers: Sequence[Section], key: str) -> tuple[str, tuple[str, ...]]:
        """A text with its ``${env.X}`` filled in, and the variables that are not set."""
        expanded = expand_address(as_text(first(layers, key)), self._environ)
        return expanded.text, expanded.missing

    def _headers(self, layers: Sequence[Section]) -> dict[str, str]:
        """The headers of a provider, then the model's own; one whose variable is not set is left out."""
        headers = {}
        for layer in reversed(layers):
            for name, value in layer.text_map("headers").items():
                expanded = expand_address(value, self._environ)
                if expanded.missing:
                    missing = ", ".join(expanded.missing)
                    layer.warn("headers", f"{missing} is not set in the environment, {name} is left out")
                else:
                    headers[name] = expanded.text
        return headers

    def _key_in_file(self, entry: Section, variable: str) -> str:
        """The value that versions 0 and 1 of the format let a file hold, for a variable that is not set."""
        if entry.has("env"):
            entry.warn("env", "from version 0 of the format; set the variables in the environment")
        if variable in self._environ:
            return ""
        value = {**self._file_environ, **entry.text_map("env")}.get(variable, "")
        return expand_variables(value, self._environ).text


def first(layers: Sequence[Section], key: str) -> Any:
    """The value of the first layer that has the field; None if none has."""
    return next((layer.data[key] for layer in layers if layer.has(key)), None)


def _own_variable(provider: str) -> str:
    """The environment variable with the key of a provider; empty if it takes none."""
    return PROVIDERS[provider].token_key if provider in PROVIDERS else ""


def _params(layers: Sequence[Section]) -> dict[str, Any]:
    return {name: value for name in SAMPLING_NAMES if (value := first(layers, name)) is not None}


def _check_thinking(layers: Sequence[Section], config: ModelConfig) -> None:
    """Raises :class:`ConfigError` for what is no budget, and warns of one that the model cannot be told."""
    layer = next((layer for layer in layers if layer.has("thinking_budget")), None)
    if layer is None or config.thinking is None:
        return
    try:
        thinking = read_thinking(config.thinking)
    except ValueError as exc:
        raise layer.error("thinking_budget", str(exc)) from None
    wanted = thinking.tokens if thinking.tokens is not None else thinking.effort
    if wanted not in (0, -1, "") and not thinking_fields(thinking, provider_of(config).thinking, config.model):
        layer.warn("thinking_budget", f"{config.name} cannot be told, it has no effect")


def _unreadable(entry: Section) -> tuple[str, ...]:
    """The attachments that the file says the model cannot take; of others the provider will tell."""
    capabilities = entry.section("capabilities")
    capabilities.check(CAPABILITIES)
    return tuple(name for name, able in capabilities.data.items() if able is False)


def _cost(entry: Section) -> Cost | None:
    cost = entry.section("cost")
    cost.check(COST)
    if not entry.has("cost"):
        return None
    return Cost(**{name: float(price) for name, price in cost.data.items() if price is not None and name in COST})
