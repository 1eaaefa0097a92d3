"""Arithmetic on text from strangers: only numbers and operators, and never long to compute."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from typing import Any

from ..errors import ToolError

MAX_LENGTH = 200
"""Characters of an expression, at the most."""

MAX_BITS = 4000
"""Bits of an integer, intermediate results included, at the most: about 1,200 digits."""

_ALLOWED = re.compile(r"[0-9eE.()+\-*/%^ \t]+")
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}


def evaluate(expression: str) -> str:
    """The value as text; a float has 15 digits at the most. Raises :class:`ToolError` for anything else."""
    text = expression.strip()
    if not text:
        raise ToolError("The expression is empty.")
    if len(text) > MAX_LENGTH:
        raise ToolError(f"The expression is longer than {MAX_LENGTH} characters.")
    if not _ALLOWED.fullmatch(text):
        raise ToolError("Only numbers, parentheses and the operators + - * / // % ** are allowed.")
    value = _computed(_parsed(text.replace("^", "**")))
    return str(value) if isinstance(value, int) else format(value, ".15g")


def _parsed(text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ToolError("This is not a valid arithmetic expression.") from None


def _computed(node: ast.expr) -> int | float:
    try:
        return _value(node)
    except ZeroDivisionError:
        raise ToolError("Division by zero.") from None
    except OverflowError:
        raise ToolError("The result is too large.") from None


def _value(node: ast.expr) -> int | float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return _checked(node.value)
    if isinstance(node, ast.UnaryOp) and type(node.op) in _OPERATORS:
        return _checked(_OPERATORS[type(node.op)](_value(node.operand)))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        return _power(_value(node.left), _value(node.right))
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _checked(_OPERATORS[type(node.op)](_value(node.left), _value(node.right)))
    raise ToolError("Only numbers, parentheses and the operators + - * / // % ** are allowed.")


def _power(base: int | float, exponent: int | float) -> int | float:
    """The size of a power of integers is known beforehand, so that none is computed only to be refused."""
    if isinstance(base, int) and isinstance(exponent, int) and (base.bit_length() - 1) * abs(exponent) > MAX_BITS:
        raise OverflowError
    return _checked(base**exponent)


def _checked(value: object) -> int | float:
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise OverflowError
        return value
    if not isinstance(value, float):
        raise ToolError("The result is not a real number.")
    if not math.isfinite(value):
        raise OverflowError
    return value
