"""What an agent is, and the declarative kind: a model with an instruction and tools."""

from __future__ import annotations

from collections.abc import Generator
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Protocol

from ..context import RunContext
from ..models.base import Model
from ..tools.base import Toolset
from ..types import Batch
from ..types import Event
from ..types import RunRequest
from .command import Command
from .exit_tools import ExitTool
from .limits import AgentLimits
from .policy import Policy
from .prompt_files import PromptFiles
from .structured_output import StructuredOutput


class Agent(Protocol):
    """Anything that can answer a conversation. One object serves all requests at once: keep no state of a run in it."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    def run(self, request: RunRequest, ctx: RunContext) -> Iterable[Batch | Event | str]:
        """Yields text, events or batches of them. A ``Done`` may be left out; nothing may follow it."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ModelAgent:
    """An agent that files declare: model, instruction, tools, and the agents of its team that it may delegate to.

    ``sub_agents`` may get tasks from it, ``handoffs`` take the whole conversation over if its model says so, and
    ``force_handoff`` does whenever it has answered: all are names in ``team``. ``max_iterations`` caps its model calls
    in one conversation, 0 leaves that to the server's setting. ``commands`` are the prompts that replace a user's
    ``/name``, by name. ``working_dir`` is what ``add_environment_info`` reports, ``prompt_files`` are read for each
    run. ``warnings`` lists what the file asks for and this server does not do. ``policy`` is what the file says about
    what the agent may do, ``limits`` how far it may go. A call of one of the ``exit_tools`` ends a run.
    ``structured_output`` is the format of its answers where the request names none; ``title_model`` makes titles in the
    place of ``model``.
    """

    name: str
    model: Model
    description: str = ""
    instruction: str = ""
    toolsets: tuple[Toolset, ...] = ()
    sub_agents: tuple[str, ...] = ()
    handoffs: tuple[str, ...] = ()
    force_handoff: str = ""
    team: Mapping[str, Agent] = field(default_factory=dict, repr=False)
    max_iterations: int = 0
    add_date: bool = False
    add_environment_info: bool = False
    working_dir: str = ""
    prompt_files: PromptFiles | None = None
    welcome_message: str = ""
    commands: Mapping[str, Command] = field(default_factory=dict)
    exit_tools: tuple[ExitTool, ...] = ()
    limits: AgentLimits = field(default_factory=AgentLimits)
    warnings: tuple[str, ...] = ()
    policy: Policy = field(default_factory=Policy)
    structured_output: StructuredOutput | None = None
    title_model: Model | None = None

    def run(self, request: RunRequest, ctx: RunContext) -> Generator[Batch, None, None]:
        """Runs the loop of model calls and tool calls."""
        from .runner import run_agent  # which has to know what a ModelAgent is

        return run_agent(self, request, ctx)
