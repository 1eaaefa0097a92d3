"""Tools by which an agent changes its own model while it works."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from ..context import RunContext
from ..errors import ToolError
from ..models.base import Model
from ..types import JSONSchema
from .arguments import text
from .base import Tool


class ModelPickerToolset:
    """``change_model`` and ``revert_model``: another model makes the agent's next call and all that follow.

    That ends with ``revert_model``, with the run, and when another agent takes the conversation over. ``models`` are
    those that there are to choose from, by the names that the agent's model reads.
    """

    kind = "model_picker"

    def __init__(self, models: Mapping[str, Model], name: str = "model_picker") -> None:
        self.name = name
        self.models = dict(models)
        self._tools = (_ChangeModel(self.models), _RevertModel())

    def tools(self, ctx: RunContext) -> Sequence[Tool]:
        """The two tools."""
        return self._tools

    def instructions(self, ctx: RunContext) -> str:
        """Which models there are."""
        return (
            f"You can change your own model while you work: {', '.join(self.models)} can be had. Call change_model "
            "before a step that another one is better for, be it cheaper or more able, and revert_model to be yourself "
            "again afterwards. Each answer begins with your own model."
        )


class _ChangeModel:
    name = "change_model"
    read_only = True  # of anything but the run, as in docker-agent
    timeout: float | None = None
    needs = ""

    def __init__(self, models: Mapping[str, Model]) -> None:
        self._models = models
        self.description = f"Go on with another model, one of {', '.join(models)}."
        self.parameters: JSONSchema = {
            "type": "object",
            "properties": {"model": {"type": "string", "enum": list(models), "description": "The model."}},
            "required": ["model"],
        }

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Changes the model. Raises :class:`ToolError` for one that is not listed."""
        name = text(arguments, "model").strip()
        model = self._models.get(name)
        if model is None:
            raise ToolError(f"there is no model {name!r} to change to, only {', '.join(self._models)}")
        ctx.next_call.picked = model
        return f"Model changed to {name}"


class _RevertModel:
    name = "revert_model"
    description = "Go on with your own model again."
    read_only = True
    timeout: float | None = None
    needs = ""
    parameters: JSONSchema = {"type": "object", "properties": {}, "required": []}

    def call(self, arguments: dict[str, Any], ctx: RunContext) -> str:
        """Goes back to the agent's own model; harmless if it is at work already."""
        ctx.next_call.picked = None
        return "Model reverted to the agent's default model"
