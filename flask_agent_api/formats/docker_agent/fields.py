"""Every field that docker-agent's files have had, and which of them are read here.

The union of the format's versions 0 to 16: what a file says in ``version`` makes no difference, as its authors seldom
set it. A field moves from ``later`` to ``supported`` when something reads it.
"""

from __future__ import annotations

from ...settings import SAFETY
from ..durations import DURATION
from ..section import ANY
from ..section import COUNT
from ..section import Fields
from ..section import FLAG
from ..section import INTEGER
from ..section import is_number
from ..section import Kind
from ..section import LIST
from ..section import MAPPING
from ..section import one_of
from ..section import POSITIVE
from ..section import TEXT
from ..section import TEXT_MAP
from ..section import TEXT_OR_TEXTS
from ..section import TEXTS

NEWEST_VERSION = 16
"""The newest version of the format whose fields are all in these tables."""

SAFETY_MODE = one_of(*SAFETY)

SKILLS = Kind("true, false or a list", lambda value: isinstance(value, bool | list), {"type": ["boolean", "array"]})

TOP = Fields(
    supported={
        "version": TEXT,
        "agents": MAPPING,
        "models": MAPPING,
        "providers": MAPPING,
        "metadata": MAPPING,
        "mcps": MAPPING,
        "commands": MAPPING,
        "toolsets": MAPPING,
        "skills": MAPPING,
        "flavors": MAPPING,
        "env": TEXT_MAP,
        "env_file": TEXT_OR_TEXTS,
        "permissions": MAPPING,
        "runtime": MAPPING,
        "budget": MAPPING,
        "budgets": MAPPING,
        "rag": MAPPING,
    },
    later={},
)

REFUSED = {
    "evaluators": "evaluators decide over tool calls, which this server cannot do; it would let through what they stop",
    "workflow": "workflows are not supported; describe the steps in an `instruction`, or use `force_handoff`",
    "workflows": "workflows are not supported; describe the steps in an `instruction`, or use `force_handoff`",
}
"""Fields at the top that cannot be left out without making something else of the file, and why."""

METADATA = Fields(
    {
        "author": TEXT,
        "license": TEXT,
        "readme": TEXT,
        "description": TEXT,
        "version": TEXT,
        "tags": ANY,
    }
)

HOOK_EVENTS = Fields(
    dict.fromkeys(("tool_guard", "pre_tool_use", "post_tool_use", "session_start", "session_end", "stop"), LIST),
    dict.fromkeys(
        (
            "after_agent_complete", "after_compaction", "after_llm_call", "before_agent_run", "before_compaction",
            "before_llm_call", "notification",
            "on_agent_switch", "on_error", "on_max_iterations", "on_session_resume", "on_tool_approval_decision",
            "on_user_input", "permission_request", "pre_compact", "prompt_file_guard", "skill_content_guard",
            "subagent_stop", "tool_input_transform",
            "tool_response_transform", "turn_end", "turn_start", "user_followup_submit", "user_prompt_submit",
            "user_steering_messages_submit", "worktree_create",
        ),
        ANY,
    ),
)  # fmt: skip

HOOK_MATCHER = Fields({"matcher": TEXT, "hooks": LIST}, {"preempt_yolo": FLAG})

HOOK = Fields(
    {"type": TEXT, "command": TEXT, "timeout": POSITIVE, "env": TEXT_MAP, "working_dir": TEXT, "name": TEXT},
    {
        **{"args": ANY, "on_error": TEXT, "strict_output": FLAG, "model": TEXT, "prompt": TEXT, "schema": ANY},
        **{"system_prompt": TEXT, "evaluator": TEXT, "evaluator_policy": MAPPING, "routing_policy": MAPPING},
    },
)

RUNTIME = Fields({"safety": SAFETY_MODE}, {"sandbox": ANY, "network_allowlist": ANY})

BUDGET = Fields(
    {
        "max_cost": Kind("a number, 0 or more", lambda value: is_number(value) and value >= 0, {"type": "number"}),
        "max_tokens": COUNT,
        "max_time": DURATION,
    }
)

PERMISSIONS = Fields({"allow": TEXTS, "ask": TEXTS, "deny": TEXTS})

AGENT = Fields(
    supported={
        "model": TEXT,
        "description": TEXT,
        "instruction": TEXT_OR_TEXTS,
        "instruction_file": TEXT_OR_TEXTS,
        "toolsets": LIST,
        "sub_agents": TEXTS,
        "handoffs": TEXTS,
        "force_handoff": TEXT,
        "max_iterations": COUNT,
        "max_consecutive_tool_calls": COUNT,
        "num_history_items": INTEGER,
        "max_old_tool_call_tokens": INTEGER,
        "max_tool_result_tokens": INTEGER,
        "budgets": TEXTS,
        "add_date": FLAG,
        "add_environment_info": FLAG,
        "add_prompt_files": TEXTS,
        "add_prompt_files_depth": COUNT,
        "welcome_message": TEXT,
        "commands": Kind(
            "a mapping, or a list of mappings",
            lambda value: isinstance(value, dict | list),
            {"type": ["object", "array"]},
        ),
        "use_commands": TEXTS,
        "use_toolsets": TEXTS,
        "skills": SKILLS,
        "use_skills": TEXTS,
        "readonly": FLAG,
        "add_description_parameter": FLAG,
        "safety": SAFETY_MODE,
        "hooks": MAPPING,
        "fallback": MAPPING,
        "structured_output": MAPPING,
        "think": FLAG,
        "todo": FLAG,
        "name": TEXT,
        "rag": TEXTS,
    },
    later={
        "harness": ANY,
        "routing": MAPPING,
        "session_compaction": ANY,
        "compaction_threshold": ANY,
        "compaction_model": TEXT,
        "code_mode_tools": FLAG,
        "redact_secrets": FLAG,
        "cache": ANY,
        "memory": ANY,
    },
    reasons={
        "code_mode_tools": "no effect: scripts of a model are not run here, for want of a JavaScript engine that can "
        "be stopped and shut in; the agent is given its tools one by one instead",
        "harness": "coding programs are not run here as agents; every request to this one is answered with 503",
    },
)

SKILL = Fields(
    {
        "name": TEXT,
        "description": TEXT,
        "instructions": TEXT,
        "context": TEXT,
        "model": TEXT,
        "allowed_tools": TEXT_OR_TEXTS,
        "toolsets": TEXT_OR_TEXTS,
    }
)

COMMAND = Fields({"description": TEXT, "instruction": TEXT, "agent": TEXT}, {"url": TEXT})

REMOTE = Fields({"url": TEXT, "transport_type": TEXT, "headers": TEXT_MAP}, {"oauth": ANY})
