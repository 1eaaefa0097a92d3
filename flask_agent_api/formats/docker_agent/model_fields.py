"""The fields of docker-agent's files that are about models: see :mod:`.fields`."""

from __future__ import annotations

from ..durations import DURATION
from ..section import ANY
from ..section import Fields
from ..section import FLAG
from ..section import is_integer
from ..section import Kind
from ..section import LIST
from ..section import MAPPING
from ..section import number
from ..section import one_of
from ..section import POSITIVE
from ..section import TEXT
from ..section import TEXT_MAP
from ..section import TEXTS

_PRICE = number(0, 1_000_000)

_SAMPLING = {
    "temperature": number(0, 2),
    "max_tokens": POSITIVE,
    "top_p": number(0, 1),
    "frequency_penalty": number(-2, 2),
    "presence_penalty": number(-2, 2),
    "parallel_tool_calls": FLAG,
}

SAMPLING_NAMES = tuple(_SAMPLING)
"""The fields of a model, and of a provider as defaults, that go into each call as they are."""

_DEFAULTS = {
    **_SAMPLING,
    "thinking_budget": Kind(
        "text or a whole number",
        lambda value: isinstance(value, str) or is_integer(value),
        {"type": ["string", "integer"]},
    ),
    "track_usage": FLAG,
    "provider_opts": MAPPING,
    "bypass_models_gateway": FLAG,
}

MODEL = Fields(
    supported={
        "provider": TEXT,
        "model": TEXT,
        "base_url": TEXT,
        "token_key": TEXT,
        "headers": TEXT_MAP,
        "first_available": TEXTS,
        "routing": LIST,
        "description": TEXT,
        "title_model": TEXT,
        "capabilities": MAPPING,
        "cost": MAPPING,
        "type": TEXT,
        "env": TEXT_MAP,
        **_DEFAULTS,
    },
    later={
        "task_budget": ANY,
        "compaction_model": TEXT,
        "compaction_threshold": ANY,
        "output_capabilities": ANY,
        "auth": ANY,
    },
)

PROVIDER = Fields(
    supported={
        "base_url": TEXT,
        "token_key": TEXT,
        "api_type": one_of("openai_chatcompletions", "openai_responses"),
        "provider": TEXT,
        "headers": TEXT_MAP,
        **_DEFAULTS,
    },
    later={"task_budget": ANY, "auth": ANY, "compaction_model": TEXT, "unload_api": TEXT},
)

ROUTE = Fields({"model": TEXT, "examples": TEXTS})

CAPABILITIES = Fields({"image": FLAG, "pdf": FLAG, "audio": FLAG, "video": FLAG})

COST = Fields({"input": _PRICE, "output": _PRICE, "cache_read": _PRICE, "cache_write": _PRICE})

FALLBACK = Fields(
    {
        "models": TEXTS,
        "retries": Kind(
            "a whole number, -1 or more",
            lambda value: is_integer(value) and value >= -1,
            {"type": "integer", "minimum": -1},
        ),
        "cooldown": DURATION,
    },
    {"no_fallback_status_codes": LIST},
)

STRUCTURED_OUTPUT = Fields(
    {"name": TEXT, "description": TEXT, "schema": MAPPING, "strict": FLAG, "mode": one_of("native", "tool")}
)
