"""Arithmetic in a user's words: "17 plus 25", "What is 12 * (3 + 4)?"."""

from __future__ import annotations

import ast
import re

_WORDS = (
    (r"(?<=\d),(?=\d{3}\b)", ""),
    (r"%\s*of\b", "/ 100 *"),
    (r"\bplus\b", "+"),
    (r"\bminus\b|[\u2212\u2013]", "-"),
    (r"\b(?:times|multiplied by)\b|\u00d7|(?<=\d)\s*x\s*(?=\d)", "*"),
    (r"\b(?:divided by|over)\b|\u00f7", "/"),
    (r"\b(?:raised )?to the power of\b|\^", "**"),
    (r"\bsquared\b", "** 2"),
    (r"\bcubed\b", "** 3"),
    (r"\b(?:mod|modulo)\b", "%"),
)
_REPLACEMENTS = tuple((re.compile(pattern, re.IGNORECASE), symbol) for pattern, symbol in _WORDS)
_QUESTION = re.compile(
    r"(?:\b(?:what(?:['\u2019]?s|\s+is)|calculate|compute|evaluate|how much is|work out)\s+|^\s*)"
    r"(?P<expression>[-+(]*\d[0-9.()+\-*/%\s]*)",
    re.IGNORECASE,
)


def find_expression(text: str) -> str | None:
    """The first expression that ``text`` asks for or begins with, in Python's operators; None if there is none."""
    for pattern, symbol in _REPLACEMENTS:
        text = pattern.sub(symbol, text)
    for match in _QUESTION.finditer(text):
        expression = " ".join(match["expression"].rstrip(" .\t\n").split())
        if _is_calculation(expression):
            return expression
    return None


def _is_calculation(expression: str) -> bool:
    """Whether there is something to compute; dates with leading zeros and lone numbers are nothing."""
    try:
        body = ast.parse(expression, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return isinstance(body, ast.BinOp)
