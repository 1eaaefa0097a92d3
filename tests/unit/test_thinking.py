"""How much a model thinks, in each provider's words."""

from __future__ import annotations

from typing import Any

import pytest

from flask_agent_api.models.thinking import read_thinking
from flask_agent_api.models.thinking import Style
from flask_agent_api.models.thinking import thinking_fields

SONNET_4_5 = "claude-sonnet-4-5-20250929"
NO_TEMPLATE = {"chat_template_kwargs": {"enable_thinking": False}}


def effort(value: str) -> dict[str, Any]:
    return {"reasoning_effort": value}


def tokens(value: int) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": value}}


def adaptive(value: str = "") -> dict[str, Any]:
    return {"thinking": {"type": "adaptive"}} | ({"output_config": {"effort": value}} if value else {})


def gemini(value: int) -> dict[str, Any]:
    return {"extra_body": {"google": {"thinking_config": {"thinking_budget": value}}}}


@pytest.mark.parametrize(
    ("style", "model", "budget", "expected"),
    [
        ("openai", "gpt-5-mini", "minimal", effort("minimal")),
        ("openai", "gpt-5-mini", "HIGH", effort("high")),
        ("openai", "gpt-5-mini", "none", {}),
        ("openai", "gpt-5-mini", "max", effort("high")),
        ("openai", "gpt-5.1", 0, effort("none")),
        ("openai", "gpt-5.1", "minimal", effort("low")),
        ("openai", "gpt-5.4-mini", "xhigh", effort("xhigh")),
        ("openai", "gpt-5.4", "max", effort("xhigh")),
        ("openai", "gpt-5.6-sol", "max", effort("max")),
        ("openai", "gpt-5", 2_048, effort("low")),
        ("openai", "gpt-5", "8192", effort("medium")),
        ("openai", "gpt-5", 8_193, effort("high")),
        ("openai", "gpt-5", "adaptive", {}),
        ("openai", "gpt-5", "adaptive/low", effort("low")),
        ("openai", "gpt-5-chat-latest", "low", {}),
        ("openai", "gpt-4o", "low", {}),
        ("openai", "o3-mini", "xhigh", effort("high")),
        ("openai", "o3-mini", "minimal", effort("low")),
        ("openai", "o3-mini", "none", {}),
        ("anthropic", SONNET_4_5, 1_024, tokens(1_024)),
        ("anthropic", SONNET_4_5, "medium", tokens(8_192)),
        ("anthropic", SONNET_4_5, "adaptive", tokens(8_192)),
        ("anthropic", SONNET_4_5, 1_023, {}),
        ("anthropic", SONNET_4_5, 0, {}),
        ("anthropic", "claude-opus-4-20250514", 2_000, tokens(2_000)),
        ("anthropic", "claude-opus-4-6", 16_000, adaptive()),
        ("anthropic", "claude-opus-4-6", "adaptive/max", adaptive("max")),
        ("anthropic", "claude-sonnet-5", "minimal", adaptive("low")),
        ("anthropic", "claude-sonnet-5", "none", {}),
        ("google", "gemini-2.5-flash", -1, gemini(-1)),
        ("google", "gemini-2.5-flash", 0, gemini(0)),
        ("google", "gemini-2.5-flash", "none", gemini(0)),
        ("google", "gemini-2.5-flash", "low", effort("low")),
        ("google", "gemini-3-flash", "minimal", effort("low")),
        ("google", "gemini-3-flash", "max", effort("high")),
        ("google", "gemini-3-flash", 9_000, effort("high")),
        ("google", "gemini-3-flash", "none", {}),
        ("effort", "anthropic/claude-sonnet-5", "xhigh", effort("xhigh")),
        ("effort", "anthropic/claude-sonnet-5", 0, effort("none")),
        ("local", "qwen3", 0, NO_TEMPLATE),
        ("local", "qwen3", "low", effort("low")),
        ("local", "gpt-oss-20b", "low", effort("low")),
        ("local", "openai/gpt-5", "none", {}),
        ("local", "openai/gpt-4o", "low", {}),
        ("", "grok-4", "high", {}),
    ],
)  # fmt: skip
def test_a_budget_in_the_words_of_a_provider(style: Style, model: str, budget: Any, expected: dict[str, Any]) -> None:
    assert thinking_fields(read_thinking(budget), style, model) == expected


@pytest.mark.parametrize("budget", ["hihg", "", "adaptive/", "adaptive/much", "-2", -2, "1.5"])
def test_other_budgets_are_refused(budget: Any) -> None:
    with pytest.raises(ValueError, match="expected none, minimal, low, medium, high, xhigh, max, adaptive"):
        read_thinking(budget)
