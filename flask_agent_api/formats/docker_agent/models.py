"""The models of a docker-agent file: named, written inline as ``provider/model``, picked by the keys there are.

Several of them can be one model: a list with commas, rules for which one answers what, others to fall back to.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

from ...errors import ConfigError
from ...models.alloy import AlloyModel
from ...models.base import Model
from ...models.config import Limits
from ...models.config import ModelConfig
from ...models.fallback import COOLDOWN
from ...models.fallback import FallbackModel
from ...models.providers import AUTO_FALLBACK
from ...models.providers import AUTO_MODELS
from ...models.providers import build_model
from ...models.providers import has_credentials
from ...models.providers import UnavailableModel
from ...models.routing import Route
from ...models.routing import RoutedModel
from ...settings import Settings
from ..durations import seconds
from ..section import did_you_mean
from ..section import Section
from .model_config import ModelConfigReader
from .model_fields import FALLBACK
from .model_fields import MODEL
from .model_fields import ROUTE

DEFAULT_MODEL_VARIABLE = "DOCKER_AGENT_DEFAULT_MODEL"
"""The environment variable that says what ``auto`` means instead."""


@dataclass(frozen=True, slots=True)
class _Found:
    """What a reference leads to; ``entry`` is that in ``models``, or an empty one."""

    config: ModelConfig
    entry: Section


@dataclass(frozen=True, slots=True)
class _Reference:
    """One model that is named, and where."""

    name: str
    user: Section
    key: str


class ModelLoader:
    """Makes the models of one team; agents that name the same one share it.

    What an entry of ``models`` asks for in vain is a warning of the team, if the entry is used.
    """

    def __init__(self, top: Section, settings: Settings, environ: Mapping[str, str]) -> None:
        self._models = top.section("models")
        self._reader = ModelConfigReader(top, environ)
        self._settings = settings
        self._environ = environ
        self._open: list[str] = []
        self._routed: list[str] = []
        self._built: dict[tuple[str, Limits | None], Model] = {}

    def model_of(self, agent: Section) -> Model:
        """The model that an agent names, with its fallbacks; ``auto`` if it names none."""
        if agent.data.get("harness"):
            return UnavailableModel("harness", "This agent needs a coding program, which this server does not run.")
        if not agent.text("model"):
            agent.warn(None, "has no `model`, `auto` is used")
        references = agent.text("model") or "auto"
        if agent.has("fallback"):
            return self._with_fallbacks(references, agent, agent.section("fallback"))
        return self.model(references, agent, "model")

    def model(self, references: str, user: Section, key: str, limits: Limits | None = None) -> Model:
        """The model that a field of ``user`` means: one reference, or several with commas between them.

        Of several, those that cannot be called are left out, unless none can. Raises :class:`ConfigError`.
        """
        named = list(self._named_in(references, user, key))
        if not named:
            raise user.error(key, "expected a name in `models`, or provider/model")
        if len(named) == 1:
            return self._single(named[0], limits)
        able = [each for each in named if self._has_key(self.config(each.name, each.user, each.key))]
        for each in named if able else ():
            if each not in able:
                each.user.warn(each.key, f'"{each.name}" lacks its key or its address, it takes no part')
        members = [self._single(each, limits) for each in able or named]
        return AlloyModel(members) if len(members) > 1 else members[0]

    def choice(self, user: Section, key: str) -> dict[str, Model]:
        """The models that a list names, by these names; those that cannot be called are left out.

        Raises :class:`ConfigError` for one that there is not.
        """
        models: dict[str, Model] = {}
        for name in user.texts(key):
            if "," in name or self._has_key(self.config(name, user, key)):
                models[name] = self.model(name, user, key)
            else:
                user.warn(key, f'"{name}" lacks its key or its address, it cannot be chosen')
        return models

    def config(self, reference: str, user: Section, key: str) -> ModelConfig:
        """What a reference means: a name in ``models``, ``auto`` or ``provider/model``.

        Raises :class:`ConfigError` if it is none of them.
        """
        return self._find(reference, user, key).config

    def title_model_of(self, agent: Section) -> Model | None:
        """The model for titles that the agent's model names, of several the first that does."""
        for each in self._named_in(agent.text("model"), agent, "model"):
            if each.name in self._models.data:
                entry = self._find(each.name, each.user, each.key).entry
                if entry.has("title_model"):
                    return self.model(entry.text("title_model"), entry, "title_model")
        return None

    def _with_fallbacks(self, references: str, agent: Section, fallback: Section) -> Model:
        """``retries`` 0 is the server's own number, -1 is none."""
        fallback.check(FALLBACK)
        others, retries = fallback.texts("models"), fallback.data.get("retries") or 0
        limits = replace(Limits.from_settings(self._settings), retry_limited=not others)
        if retries:
            limits = replace(limits, retries=max(retries, 0))
        members = [self.model(references, agent, "model", limits)]
        members += [self.model(name, fallback, "models", limits) for name in others]
        cooldown = seconds(fallback.data.get("cooldown") or 0)
        return FallbackModel(members, cooldown or COOLDOWN) if len(members) > 1 else members[0]

    def _named_in(self, references: str, user: Section, key: str) -> Iterator[_Reference]:
        """Each model of a list with commas. An entry of ``models`` without a provider is such a list with a name."""
        for name in filter(None, map(str.strip, references.split(","))):
            entry = self._models.data.get(name) or {}
            if isinstance(entry, dict) and _is_list(entry):
                with _guarded(self._open, name, user, key):
                    yield from self._named_in(entry["model"], self._models.section(name), "model")
            else:
                yield _Reference(name, user, key)

    def _single(self, named: _Reference, limits: Limits | None) -> Model:
        reference, user, key = named.name, named.user, named.key
        if (reference, limits) not in self._built:
            found = self._find(reference, user, key)
            try:
                model = build_model(found.config, self._settings, limits)
            except ConfigError as exc:
                raise user.error(key, exc.message) from exc
            if found.entry.has("routing"):
                with _guarded(self._routed, reference, user, key):
                    model = RoutedModel(model, [self._route(rule, limits) for rule in found.entry.sections("routing")])
            self._built[reference, limits] = model
        return self._built[reference, limits]

    def _route(self, rule: Section, limits: Limits | None) -> Route:
        rule.check(ROUTE)
        if not rule.text("model"):
            raise rule.error(None, "a rule needs a `model`")
        if not rule.texts("examples"):
            rule.warn(None, "has no `examples`, so nothing leads to it")
        return Route(self.model(rule.text("model"), rule, "model", limits), tuple(rule.texts("examples")))

    def _find(self, reference: str, user: Section, key: str) -> _Found:
        with _guarded(self._open, reference, user, key):
            if reference == "auto" and reference not in self._models.data:
                return self._automatic(user, key)
            if reference in self._models.data:
                return self._named(self._models.section(reference))
        provider, slash, model = reference.partition("/")
        if not slash or not model or not provider:
            hint = did_you_mean(reference, [*self._models.data, "auto"])
            raise user.error(
                key, f'there is no model "{reference}"{hint or "; `models` defines names, or write provider/model"}'
            )
        nothing = Section(user.document, (*user.where, key), {}, user.warnings)
        return _Found(self._reader.of(nothing, provider, model), nothing)

    def _named(self, entry: Section) -> _Found:
        entry.check(MODEL)
        if not entry.has("first_available"):
            return _Found(self._reader.read(entry), entry)
        candidates = [self._find(name, entry, "first_available") for name in entry.texts("first_available")]
        if not candidates:
            raise entry.error("first_available", "expected at least one model")
        return self._first_with_key(candidates, candidates[0])

    def _automatic(self, user: Section, key: str) -> _Found:
        if chosen := self._environ.get(DEFAULT_MODEL_VARIABLE):
            return self._find(chosen, user, key)
        references = [f"{provider}/{model}" for provider, model in (*AUTO_MODELS.items(), AUTO_FALLBACK)]
        candidates = [self._find(reference, user, key) for reference in references]
        return self._first_with_key(candidates, candidates[-1])

    def _first_with_key(self, candidates: list[_Found], default: _Found) -> _Found:
        """Where none has one: the first that a file names, so that its error names the key, or our own last resort."""
        return next((found for found in candidates if self._has_key(found.config)), default)

    def _has_key(self, config: ModelConfig) -> bool:
        """Whether a model can be called as far as is known at the start."""
        return not config.unset and has_credentials(config, self._environ, self._settings)


def _is_list(entry: Mapping[str, Any]) -> bool:
    return "," in str(entry.get("model") or "") and not any(entry.get(key) for key in ("provider", "type"))


@contextmanager
def _guarded(open_references: list[str], reference: str, user: Section, key: str) -> Iterator[None]:
    """Raises :class:`ConfigError` for a reference that leads back to itself."""
    if reference in open_references:
        raise user.error(key, f'"{reference}" refers to itself')
    open_references.append(reference)
    try:
        yield
    finally:
        open_references.pop()
