"""The parameters of a model call that clients may set, by their names on the wire.

An agent passes them on to its model. Settings pin and forbid them by these names, and the wire's models
(``web/schemas.py``) say which values they take.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from collections.abc import Mapping

PARAMS: Mapping[str, str] = {
    "temperature": "How random the answer is, 0 to 2.",
    "top_p": "The share of likely tokens that is sampled from, 0 to 1.",
    "max_tokens": "Tokens of one answer of the model, at the most. 0 counts as not sent.",
    "max_completion_tokens": "The same under its newer name: a model gets the one that its provider knows.",
    "stop": "A text or list of texts that end the answer. An empty list counts as not sent.",
    "seed": "Asks for the same answer to the same request.",
    "frequency_penalty": "Makes repetition less likely, -2 to 2.",
    "presence_penalty": "Makes new topics more likely, -2 to 2.",
    "logit_bias": "Token ids and how much likelier each is to be.",
    "reasoning_effort": "How much a reasoning model thinks. Names that are not known here pass, too.",
    "verbosity": "How long the answer should be.",
    "response_format": "The answer is text, JSON, or JSON of a schema; see [structured output](structured-output.md).",
    "service_tier": "What the provider is to make of the request's urgency.",
    "parallel_tool_calls": "Whether the model may call several tools at once. Left out where an agent has no tools.",
    "user": "Who asks, for the provider. Of an object, as Open WebUI sends it, its `id` or else its `email`.",
    "safety_identifier": "Who asks, for the provider's abuse checks.",
    "prompt_cache_key": "Helps the provider to find the cached prompt.",
}
"""What goes on to the model call, with its meaning."""

HINTS = ("user", "safety_identifier", "prompt_cache_key")
"""Those that change nothing about the answer: left out where a provider would refuse them."""

OUTPUT_LIMITS = ("max_tokens", "max_completion_tokens")
"""Two names for one thing: of both, a model gets one."""

INPUTS: Mapping[str, str] = {
    "image_url": "Images.",
    "input_audio": "Audio.",
    "file": "Files.",
}
"""Content parts other than text, by their ``type``. They can be forbidden, too."""


def nearest(name: str, names: Collection[str]) -> str:
    """``; did you mean ...?`` with the one of ``names`` that is most like ``name``; empty if none is like it."""
    near = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
