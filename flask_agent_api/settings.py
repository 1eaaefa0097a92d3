"""Every setting: its name, type, default and meaning. Nothing else reads the environment or ``app.config``.

In ``app.config`` the keys start with ``AGENT_API_``; in the environment with ``FLASK_AGENT_API_``. Values from the
environment are strings: lists are comma-separated, switches are ``1``/``true``/``yes``/``on`` or their opposites.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import setting_values as read
from .errors import ConfigError
from .grants import GRANTS
from .params import nearest
from .permissions import Permissions
from .platform_store import platform_store
from .platform_store import warn_if_it_does_not_last
from .prices import read_prices
from .redaction import keep_secret
from .redaction import keep_url

PREFIX = "AGENT_API_"
ENV_PREFIX = "FLASK_AGENT_API_"

TOOL_ACTIVITY = ("events", "none", "reasoning", "details", "openwebui", "tags", "tool_calls", "tool_role")
"""The modes in which an answer can show what its agent does."""

SAFETY = ("strict", "balanced", "restricted", "autonomous")
"""The safety modes, the one that lets the least run first."""


def _agent_options(value: object) -> Mapping[str, Mapping[str, Any]]:
    """By agent, the settings that differ for it, read like the settings themselves."""
    return {agent: _options_of(agent, read.json_object(options)) for agent, options in read.json_object(value).items()}


def _options_of(agent: str, options: Mapping[str, Any]) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(Settings) if field.metadata["per_agent"]]
    for name in options:
        if name not in names:
            raise ValueError(f"{agent}: unknown option {name!r}{nearest(name, names)}")
    parsed = {name: _parse(name, value) for name, value in options.items()}
    if "remote-files" in parsed.get("allow", ()) and "*" not in read.texts(options["allow"]):
        raise ValueError(f"{agent}: `remote-files` is for the setting AGENT_API_ALLOW: files are loaded for all agents")
    return parsed


def _setting(
    parse: Callable[[object], Any], default: Any, doc: str, *, secret: bool = False, per_agent: bool = False
) -> Any:
    metadata = {"parse": parse, "doc": doc, "per_agent": per_agent, "secret": secret}
    if isinstance(default, dict):
        return dataclasses.field(default_factory=default.copy, repr=not secret, metadata=metadata)
    return dataclasses.field(default=default, repr=not secret, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one registration of the API. Build one with :meth:`from_mapping`."""

    agents: tuple[Any, ...] = _setting(
        read.sources,
        (),
        "Where the agents come from: files, folders, import strings `module:attr`, and tiny agents of Hugging Face's "
        "Hub: `hub:OWNER/AGENT`, pinned by `@REVISION` (extra `hub`). Empty: the demo team.",
    )
    flavors: tuple[str, ...] = _setting(
        read.texts, (), "Which `flavors` of docker-agent files are merged into them, in this order."
    )
    working_dir: str = _setting(
        read.text, "",
        "The folder that agents work in (docs/tools/filesystem.md). Empty: the folder of each agent's file.",
    )  # fmt: skip
    data_dir: str = _setting(
        read.text, "",
        "The folder for what agents keep: notes and tasks (docs/tools/memory.md), indexes of documents "
        "(docs/tools/rag.md). Empty: `agent_api` in the app's instance folder.",
    )  # fmt: skip
    store: str = _setting(
        read.store, "",
        "Where conversations are kept, as a URL: `sqlite:///FILE` (in the data folder; with four slashes anywhere), "
        "`redis://HOST:PORT/DATABASE` (docs/conversations.md; extra `redis`), or `memory://` (in one process, until it "
        "ends). Empty: the variable `REDIS_URL`, and without it `sqlite:///conversations.sqlite3`.",
        secret=True,
    )  # fmt: skip
    conversation_headers: tuple[str, ...] = _setting(
        read.header_names, ("x-conversation-id", "x-openwebui-chat-id"),
        "Headers in which clients name their conversation (docs/conversations.md); the first that a request has "
        "counts. Empty: no conversation is kept.",
    )  # fmt: skip
    conversation_wait: float = _setting(
        read.seconds_or_off, 0.0,
        "Seconds that a request waits while another one is at work on its conversation, before it is answered 409.",
    )  # fmt: skip
    conversation_ttl: float = _setting(
        read.seconds, 30 * 86_400.0, "Seconds that a conversation is kept after its last turn."
    )
    conversation_max_age: float = _setting(
        read.seconds_or_off, 0.0, "Seconds after its first turn when a conversation begins anew. 0: never."
    )
    conversation_max_turns: int = _setting(read.positive, 1_000, "Turns of a conversation, at the most.")
    conversation_max_bytes: int = _setting(
        read.positive, 8 * 1024 * 1024, "Bytes of a conversation, calls and results of tools included, at the most."
    )
    max_conversations: int = _setting(
        read.positive, 100_000,
        "Conversations that a store keeps, at the most. Those that were not used for the longest are forgotten first.",
    )  # fmt: skip
    idempotency_ttl: float = _setting(
        read.seconds, 86_400.0, "Seconds that an answer is kept for its `Idempotency-Key` (docs/retries.md)."
    )
    idempotency_max_bytes: int = _setting(
        read.positive, 4 * 1024 * 1024,
        "Bytes of an answer that is kept for its `Idempotency-Key`. A larger one is sent, but cannot be sent again.",
    )  # fmt: skip
    keys: tuple[str, ...] = _setting(
        read.keys, (),
        "Keys that clients send as `Authorization: Bearer KEY`: 16 characters or more each, or `NAME:sha256:HEX`, as "
        "`flask-agent-api keys new NAME` makes it (docs/keys.md).",
        secret=True,
    )  # fmt: skip
    keys_file: str = _setting(
        read.text, "",
        "A YAML or JSON file with more keys: named, stored as hashes, each with what its holder may do and how much "
        "of it (docs/keys.md). It is looked at each second.",
    )  # fmt: skip
    insecure_no_auth: bool = _setting(
        read.switch, False, "Serve requests from other machines although no keys are configured."
    )
    allowed_hosts: tuple[str, ...] = _setting(
        read.hosts, (),
        "Host names, beside this machine's own, under which the server may be called without keys (docs/cors.md).",
    )  # fmt: skip
    cors_origins: tuple[str, ...] = _setting(
        read.origins, (),
        "Origins whose web pages may call the API from a browser (docs/cors.md), such as `https://chat.example.com`.",
    )  # fmt: skip
    cors_credentials: bool = _setting(
        read.switch, False, "Let pages of these origins send cookies as well, for the login of a host app."
    )
    reload: bool = _setting(
        read.switch,
        False,
        "Take over agent files that are edited while they are served. They are looked at each second.",
    )
    unknown_model: str = _setting(
        read.choice("default", "error"), "default",
        "What a `model` that names no agent means: `default` runs the default agent, `error` answers 404.",
    )  # fmt: skip
    allow: tuple[str, ...] = _setting(
        read.grants, (),
        "What agents may do beyond harmless tools, whatever their files say (docs/safety.md): "
        f"{', '.join(f'`{word}`' for word in GRANTS)}, or `*` for all of it. What an agent's own option allows is "
        "added, in the runs that clients ask it for.",
        per_agent=True,
    )  # fmt: skip
    permissions: Permissions = _setting(  # noqa: RUF009 -- it is immutable
        read.permissions, Permissions(),
        "The operator's rules about tool calls, which no file overrides (docs/safety.md), as JSON: "
        '`{"deny": ["delete_*"], "allow": ["write_file:path=/srv/*"]}`.',
    )  # fmt: skip
    safety: str = _setting(
        read.choice(*SAFETY), SAFETY[-1],
        "What runs where no rule decides: `autonomous` whatever `ALLOW` leaves, `restricted` and `balanced` only what "
        "changes nothing, `strict` nothing. Files can only be stricter.",
    )  # fmt: skip
    mcp_servers: Mapping[str, Mapping[str, Any]] = _setting(
        read.mcp_servers, {},
        "What runs in the place of MCP servers that files name with `ref`, as JSON (docs/tools/mcp.md): "
        '`{"docker:duckduckgo": "uvx duckduckgo-mcp-server"}`.',
        secret=True,
    )  # fmt: skip
    mcp_per_run: bool = _setting(
        read.switch, False,
        "Each run has connections to MCP servers of its own, and processes where they are programs, instead of sharing "
        "them with all callers of its worker. What that costs is in docs/tools/mcp.md.",
        per_agent=True,
    )  # fmt: skip
    gateway: str = _setting(
        read.url, "", "Base URL of one OpenAI-compatible endpoint that serves every model, whatever its provider.",
        secret=True,
    )  # fmt: skip
    gateway_key: str = _setting(read.text, "", "Key for the gateway. Empty: none is sent.", secret=True)
    model_map: Mapping[str, str] = _setting(
        read.model_map, {},
        'Models to use in the place of those that files name, as JSON: `{"anthropic/*": "openai/gpt-5"}`.',
    )  # fmt: skip
    prices: Mapping[str, Mapping[str, float]] = _setting(
        read_prices, {},
        "What models cost in US dollars for a million tokens, as JSON: "
        '`{"openai/gpt-5": {"input": 1.25, "output": 10, "cached_input": 0.125}}`. The key may be a pattern. Answers '
        "then have the cost in `usage`, and the log has it (docs/observability.md).",
    )  # fmt: skip
    tasks: bool = _setting(
        read.switch, True,
        "Answer chat UIs' requests for titles, tags and the like by one model call, not by the agent.", per_agent=True,
    )  # fmt: skip
    task_model: str = _setting(
        read.model, "", "The model for these requests, as `provider/model`. Empty: the agent's own.", per_agent=True
    )
    agent_options: Mapping[str, Mapping[str, Any]] = _setting(
        _agent_options, {},
        'Settings that differ by agent, as JSON: `{"root": {"run_timeout": 60, "tool_activity": "none"}}`. For those '
        "marked with *.",
    )  # fmt: skip
    client_tools: str = _setting(
        read.choice("always", "forced", "never"), "always",
        "When the `tools` of a request are offered to the agent's model: `always`, `forced` (only when `tool_choice` "
        "forces one), or `never`.", per_agent=True,
    )  # fmt: skip
    forward_headers: tuple[str, ...] = _setting(
        read.header_names, (),
        "Headers of a request that tools may pass on, where an agent's file says `${headers.NAME}` (docs/safety.md).",
        per_agent=True,
    )  # fmt: skip
    max_model_calls: int = _setting(read.positive, 25, "Model calls per run, at the most.", per_agent=True)
    tiny_agents_loop: bool = _setting(
        read.switch, False,
        "Run tiny-agents' folders by its own loop: after an answer that follows tool calls the model is called once "
        "more, and the run goes on if it begins with a tool call. Costs a model call for each such answer.",
        per_agent=True,
    )  # fmt: skip
    max_tool_calls: int = _setting(read.positive, 128, "Tool calls per run, at the most.", per_agent=True)
    tool_timeout: float = _setting(
        read.seconds,
        60.0,
        "Seconds that one tool call may take. A command of `shell` may ask for more.",
        per_agent=True,
    )
    tool_output_chars: int = _setting(
        read.positive, 30_000, "Characters of a tool's result that the model gets to read.", per_agent=True
    )
    command_limits: Mapping[str, int] = _setting(
        read.command_limits, {"file_size": 4096},
        "What each process of `shell`, `background_jobs` and `script` may take (docs/tools/shell.md), as JSON: "
        '`{"memory": 1024, "file_size": 100, "cpu": 60, "open_files": 256}`, in MiB and seconds.',
        per_agent=True,
    )  # fmt: skip
    run_timeout: float = _setting(read.seconds, 300.0, "Seconds that one run may take.", per_agent=True)
    model_connect_timeout: float = _setting(read.seconds, 5.0, "Seconds to connect to a model's endpoint.")
    model_first_byte_timeout: float = _setting(read.seconds, 60.0, "Seconds a model may take to begin its answer.")
    model_idle_timeout: float = _setting(read.seconds, 60.0, "Seconds a model's stream may be silent.")
    model_retries: int = _setting(
        read.count, 2, "How often a failed model call is tried again before it showed anything."
    )
    model_failures: int = _setting(
        read.count, 10,
        "Failed attempts in a row after which a model is not asked for `MODEL_REST`, by each worker for itself "
        "(docs/errors.md). 0: it always is.",
    )  # fmt: skip
    model_rest: float = _setting(
        read.seconds, 15.0, "Seconds that such a model is left alone; then one call may try whether it answers again."
    )
    model_concurrency: int = _setting(
        read.count, 0,
        "Calls that a worker makes to one model at a time; others wait, for `MODEL_FIRST_BYTE_TIMEOUT` at the most. "
        "0: no limit.",
    )  # fmt: skip
    keep_alive: float = _setting(
        read.seconds, 15.0, "Seconds of silence after which a stream carries a keep-alive comment."
    )
    write_timeout: float = _setting(
        read.seconds, 60.0, "Seconds a client may take nothing of a stream before its connection is closed."
    )
    half_close: bool = _setting(
        read.switch, False,
        "Serve clients on that close their sending side. Those that go away are then noticed later "
        "(docs/configuration.md#when-a-client-goes-away).",
    )  # fmt: skip
    status_wait: float = _setting(
        read.seconds, 2.0, "Seconds a stream waits for a first event, so that an early failure keeps its HTTP status."
    )
    json_timeout: float = _setting(
        read.seconds_or_off, 0.0,
        "Seconds a run may take whose answer is not streamed, before the client is told to stream. 0: no such limit.",
    )  # fmt: skip
    max_streams: int = _setting(
        read.positive, 4_000, "Runs at a time in a worker process, streamed or not. One more is answered 503."
    )
    drain: bool = _setting(
        read.switch,
        True,
        "On SIGTERM a worker takes in no more and ends its runs in good order, after `DRAIN_TIMEOUT`.",
    )
    drain_timeout: float = _setting(
        read.seconds, 20.0,
        "Seconds that runs may go on in a worker that shuts down, at the most 4/5 of gunicorn's `graceful_timeout`.",
    )  # fmt: skip
    hub_stall_seconds: float = _setting(
        read.seconds_or_off, 1.0,
        "Seconds that a worker of gevent may stand still, because a tool computes for example, before the log says "
        "where (docs/tools/python.md). 0: it never does.",
    )  # fmt: skip
    log_format: str = _setting(
        read.choice("human", "json"), "human",
        "How `create_app` and `serve` write their log to stderr: lines for people, or a JSON object a line "
        "(docs/observability.md).",
    )  # fmt: skip
    log_level: str = _setting(
        read.choice("auto", "debug", "info", "warning", "error"), "auto",
        "The least level that they log. `info` has a line for each run, `warning` for those alone that failed. `auto` "
        "is `info` on a terminal and for JSON, and `warning` elsewhere.",
    )  # fmt: skip
    log_content: bool = _setting(
        read.switch, False,
        "Log what models are sent and say, and arguments and results of tools. For debugging: what callers confide to "
        "agents is then in the log.",
    )  # fmt: skip
    metrics: bool = _setting(
        read.switch_for("prometheus_client", "metrics"), False,
        "Count runs, tokens, calls of models and tools, and serve the figures to Prometheus at `/metrics` "
        "(docs/observability.md; extra `metrics`).",
    )  # fmt: skip
    metrics_keys: tuple[str, ...] = _setting(
        read.keys, (), "Keys for `/metrics`, in the forms of `KEYS`. Empty: only this machine gets the figures.",
        secret=True,
    )  # fmt: skip
    traces: bool = _setting(
        read.switch_for("opentelemetry", "otel"), False,
        "Make spans of OpenTelemetry of runs, calls of models and tools (docs/observability.md; extra `otel`).",
    )  # fmt: skip
    body_timeout: float = _setting(read.seconds, 10.0, "Seconds a request body may take to arrive.")
    max_body_bytes: int = _setting(read.positive, 4 * 1024 * 1024, "Bytes of a request body, at the most.")
    max_messages: int = _setting(read.positive, 2_000, "Messages of a request, at the most.")
    max_images: int = _setting(read.count, 100, "Images in the messages of a request, at the most.")
    tool_activity: str = _setting(
        read.choice(*TOOL_ACTIVITY), "events",
        "How answers show what the agent does, unless the request says so (docs/tool-activity.md): "
        f"{', '.join(f'`{mode}`' for mode in TOOL_ACTIVITY)}.",
        per_agent=True,
    )  # fmt: skip
    params: Mapping[str, Any] = _setting(
        read.params, {},
        'Parameters of the model call that replace what clients send, as JSON: `{"temperature": 0, "seed": null}`. '
        "Null takes one away.",
        per_agent=True,
    )  # fmt: skip
    forbid_params: tuple[str, ...] = _setting(
        read.param_names, (),
        "Parameters that clients may not set: a request that does is answered 400. Also content parts: `image_url`, "
        "`input_audio`, `file`.",
        per_agent=True,
    )  # fmt: skip
    activity_preview: int = _setting(
        read.count, 0, "Characters of a tool call's arguments and of its result that clients are shown; 0 shows none.",
        per_agent=True,
    )  # fmt: skip
    show_reasoning: bool = _setting(
        read.switch, False, "Forward the model's own reasoning, as `reasoning_content`.", per_agent=True
    )

    def __post_init__(self) -> None:
        """Whatever is secret here stays out of logs."""
        for field in dataclasses.fields(self):
            if field.metadata["secret"]:
                _keep(getattr(self, field.name))

    @classmethod
    def from_mapping(cls, config: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Settings:
        """Reads ``AGENT_API_*`` of ``config``, then ``FLASK_AGENT_API_*`` of ``environ`` for keys not set there.

        ``STORE`` is the platform's ``REDIS_URL`` if it is set in neither. Raises :class:`ConfigError` that names the
        key, for a bad value and for an unknown key.
        """
        environ = os.environ if environ is None else environ
        raw = {key.removeprefix(ENV_PREFIX): value for key, value in environ.items() if key.startswith(ENV_PREFIX)}
        raw |= {
            name: value
            for key, value in config.items()
            if key.startswith(PREFIX) and value is not None
            if not _is_reading_of(value, raw.get(name := key.removeprefix(PREFIX)))
        }
        if "STORE" not in raw and (url := platform_store(environ)):
            raw["STORE"] = url
        settings = cls(**{_known(name): _parse(name, value) for name, value in raw.items()})
        warn_if_it_does_not_last(settings.store, environ)
        return settings

    @property
    def ever_forwarded(self) -> frozenset[str]:
        """The headers that tools of any agent may pass on."""
        options = self.agent_options.values()
        return frozenset(self.forward_headers).union(*(each.get("forward_headers", ()) for each in options))

    def unknown_agents(self, names: Collection[str]) -> list[str]:
        """What is wrong with ``AGENT_API_AGENT_OPTIONS`` if the agents are called ``names``: a message for each."""
        unknown = (name for name in self.agent_options if name not in names)
        return [f"Setting {PREFIX}AGENT_OPTIONS: there is no agent {name!r}{nearest(name, names)}" for name in unknown]

    def for_agent(self, name: str) -> Settings:
        """The settings as they are for one agent, by the name that clients use."""
        options = dict(self.agent_options.get(name, {}))
        if "allow" in options:  # to take away here what others have would not hold: they may delegate to this agent
            options["allow"] = tuple(dict.fromkeys([*self.allow, *options["allow"]]))
        return dataclasses.replace(self, **options) if options else self


def _keep(value: object) -> None:
    """Keeps the texts of a secret setting out of logs. Servers do the same with what they are given."""
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str):
            keep_url(text) if "://" in text else keep_secret(text)


def _is_reading_of(value: object, text: str | None) -> bool:
    """Whether a config value is what Flask made of the environment's text.

    The text itself is what was meant: the key ``12345678901234e5`` is no number.
    """
    if text is None or type(value) not in {int, float}:
        return False
    try:
        read = json.loads(text)
    except ValueError:
        return False
    return type(read) is type(value) and bool(read == value)


def _known(name: str) -> str:
    names = [field.name for field in dataclasses.fields(Settings)]
    if name.lower() in names:
        return name.lower()
    near = difflib.get_close_matches(name.lower(), names, 1)
    hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
    raise ConfigError(f"Unknown setting {PREFIX}{name}{hint}")


def _parse(name: str, value: object) -> Any:
    field = next(field for field in dataclasses.fields(Settings) if field.name == _known(name))
    try:
        return field.metadata["parse"](value)
    except (TypeError, ValueError) as exc:
        raise ConfigError(f"Setting {PREFIX}{name}: {exc}") from exc
