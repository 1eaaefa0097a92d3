"""How much a model is to think: docker-agent's ``thinking_budget``, in the words of each provider's API."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from typing import Literal

EFFORTS = ("minimal", "low", "medium", "high", "xhigh", "max")
EXPECTED = f"none, {', '.join(EFFORTS)}, adaptive, adaptive/EFFORT, or a number of tokens"
"""What a budget may be, for messages."""

Style = Literal["", "effort", "openai", "anthropic", "google", "local"]
"""How a provider wants to be told; empty: it has no field for it."""

_TOKENS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 32_768}
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2})(?!\d))?")
_GPT = re.compile(r"gpt-(\d+)(?:\.(\d+))?(?![\d.])(?!-chat)")
_O_SERIES = re.compile(r"o\d")


@dataclass(frozen=True, slots=True)
class Thinking:
    """A budget that was read: ``tokens`` (0 is none, -1 is as many as the model likes), an ``effort``, or both empty.

    ``adaptive``: the model decides how much of the effort it makes.
    """

    tokens: int | None = None
    effort: str = ""
    adaptive: bool = False

    @property
    def off(self) -> bool:
        """Whether the model is not to think at all."""
        return self.tokens == 0

    @property
    def nearest_effort(self) -> str:
        """The effort, or the one that a number of tokens is nearest to; empty where the model decides."""
        if self.tokens is None or self.tokens < 0:
            return self.effort
        return "low" if self.tokens <= 2_048 else "medium" if self.tokens <= 8_192 else "high"


def read_thinking(value: str | int) -> Thinking:
    """What ``thinking_budget`` means. Raises ValueError for what it cannot be."""
    text = str(value).strip().lower()
    if text.lstrip("-").isdecimal() and int(text) >= -1:
        return Thinking(int(text))
    if text == "none":
        return Thinking(0)
    adaptive, slash, effort = text.partition("/")
    if adaptive == "adaptive" and (effort in EFFORTS if slash else True):
        return Thinking(effort=effort, adaptive=True)
    if text not in EFFORTS:
        raise ValueError(f"expected {EXPECTED}")
    return Thinking(effort=text)


def thinking_fields(thinking: Thinking, style: Style, model: str) -> dict[str, Any]:
    """The fields of the body that tell a provider; none where there is nothing to tell or no way to."""
    name = model.rpartition("/")[2].lower()
    if style == "openai" or (style == "local" and is_openai_model(name)):
        effort = _openai_effort(thinking, name)
        return {"reasoning_effort": effort} if effort else {}
    if style == "anthropic":
        return _anthropic(thinking, name)
    if style == "google":
        return _google(thinking, name)
    effort = "none" if thinking.off else thinking.nearest_effort
    if style == "local" and thinking.off:
        return {"chat_template_kwargs": {"enable_thinking": False}}
    return {"reasoning_effort": effort} if style and effort else {}


def is_openai_model(name: str) -> bool:
    """Whether a model's name is one of OpenAI's."""
    return (name.startswith(("gpt-", "chatgpt-")) and "oss" not in name) or bool(_O_SERIES.match(name))


def claude_version(model: str) -> tuple[int, int]:
    """The generation of a Claude model, (4, 5) for instance; (0, 0) for others."""
    return _version(_CLAUDE, model)


def _openai_effort(thinking: Thinking, name: str) -> str:
    """The nearest effort that the model takes: each generation has its own; empty for models that do not think."""
    wanted = "none" if thinking.off else thinking.nearest_effort
    if _O_SERIES.match(name):
        return {"none": "", "minimal": "low", "xhigh": "high", "max": "high"}.get(wanted, wanted)
    version = _version(_GPT, name)
    if version < (5, 0):
        return ""
    known = {
        "none": version >= (5, 1),
        "minimal": version < (5, 1),
        "xhigh": version >= (5, 2),
        "max": version >= (5, 6),
    }
    if known.get(wanted, True):
        return wanted
    nearest = {"none": "", "minimal": "low", "xhigh": "high", "max": "xhigh" if version >= (5, 2) else "high"}
    return nearest[wanted]


def _anthropic(thinking: Thinking, name: str) -> dict[str, Any]:
    """Tokens up to Claude 4.5, an effort from 4.6 on; what a file has of the other is translated."""
    if thinking.off:
        return {}
    if claude_version(name) >= (4, 6):
        effort = {"minimal": "low"}.get(thinking.effort, thinking.effort)
        return {"thinking": {"type": "adaptive"}} | ({"output_config": {"effort": effort}} if effort else {})
    tokens = thinking.tokens if thinking.tokens is not None else _TOKENS.get(thinking.effort, 8_192)
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}} if tokens >= 1_024 else {}


def _google(thinking: Thinking, name: str) -> dict[str, Any]:
    """Tokens for Gemini 2.5, an effort for those after it, which cannot do without."""
    if thinking.tokens is not None and "gemini-2" in name:
        return {"extra_body": {"google": {"thinking_config": {"thinking_budget": thinking.tokens}}}}
    effort = "" if thinking.off else thinking.nearest_effort
    effort = {"minimal": "low", "xhigh": "high", "max": "high"}.get(effort, effort)
    return {"reasoning_effort": effort} if effort else {}


def _version(pattern: re.Pattern[str], name: str) -> tuple[int, int]:
    found = pattern.search(name)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)
