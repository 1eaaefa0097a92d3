"""The fields of tiny-agents' ``agent.json``, and what each of them means."""

from __future__ import annotations

from collections.abc import Mapping

from ..section import Fields
from ..section import FLAG
from ..section import LIST
from ..section import MAPPING
from ..section import number
from ..section import STRING
from ..section import TEXT_MAP
from ..section import TEXTS

_SECONDS = number(0.1, 86_400)

AGENT = Fields(
    {
        "model": STRING,
        "provider": STRING,
        "endpointUrl": STRING,
        "apiKey": STRING,
        "inputs": LIST,
        "servers": LIST,
        "name": STRING,
        "description": STRING,
        "$schema": STRING,
    }
)

INPUT = Fields({"type": STRING, "id": STRING, "description": STRING, "password": FLAG})

STDIO = Fields(
    {"type": STRING, "command": STRING, "args": TEXTS, "env": TEXT_MAP, "cwd": STRING, "allowed_tools": TEXTS}
)

REMOTE = Fields(
    {
        "type": STRING,
        "url": STRING,
        "headers": TEXT_MAP,
        "allowed_tools": TEXTS,
        "timeout": _SECONDS,
        "sse_read_timeout": _SECONDS,
        "terminate_on_close": FLAG,
    }
)

OPTIONS = Fields({"requestInit": MAPPING}, {"sessionId": STRING})
"""``options`` of a server in the older nested form, and below what is in them."""

REQUEST = Fields({"headers": TEXT_MAP})

DOCS: Mapping[str, Mapping[str, str]] = {
    "agent": {
        "model": "What its provider, or the endpoint, calls the model.",
        "provider": "An inference provider of Hugging Face, or one that is called directly if its key is set.",
        "endpointUrl": "An OpenAI-compatible endpoint, instead of a provider.",
        "apiKey": "The key. Knows `${input:ID}`; without it `API_KEY` is taken, and `HF_TOKEN` for Hugging Face.",
        "inputs": "Values that the agent needs. They come from the environment.",
        "servers": "The MCP servers whose tools it has.",
        "name": "Read over: the agent is called like its folder.",
        "description": "What it does, for clients.",
        "$schema": "The JSON Schema that an editor checks the file by.",
    },
    "input": {
        "type": "Read over.",
        "id": "Its name in `${input:ID}`. The value is that of the variable of the same name in capitals, `_` for `-`.",
        "description": "What it is for.",
        "password": "Read over: no value is ever shown.",
    },
    "server": {
        "type": "`stdio`, `http` or `sse`.",
        "command": "The program to start. It is never installed.",
        "args": "Arguments of the program, word for word.",
        "env": "Variables of the program. Knows `${input:ID}`.",
        "cwd": "The folder where it works, from the agent's folder on. Knows `${input:ID}`.",
        "allowed_tools": "Names of the tools to offer; all others are left out.",
        "url": "Where the server is. Knows `${input:ID}`.",
        "headers": "Headers of each request. Knows `${input:ID}`.",
        "timeout": "Seconds that a request may take.",
        "sse_read_timeout": "Seconds that a stream may be silent.",
        "terminate_on_close": "Whether the session is ended at the server, too.",
    },
}
