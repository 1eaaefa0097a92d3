"""The parts of docker-agent's files with their fields and what these mean, for the JSON Schema and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..section import Fields
from . import docs
from .fields import AGENT
from .fields import BUDGET
from .fields import COMMAND
from .fields import HOOK
from .fields import HOOK_EVENTS
from .fields import HOOK_MATCHER
from .fields import METADATA
from .fields import PERMISSIONS
from .fields import REMOTE
from .fields import RUNTIME
from .fields import SKILL
from .fields import TOP
from .model_fields import CAPABILITIES
from .model_fields import COST
from .model_fields import FALLBACK
from .model_fields import MODEL
from .model_fields import PROVIDER
from .model_fields import ROUTE
from .model_fields import STRUCTURED_OUTPUT
from .rag_fields import DOCS as RAG_DOCS
from .rag_fields import RAG
from .rag_fields import RAG_CHUNKING
from .rag_fields import RAG_FUSION
from .rag_fields import RAG_RERANKING
from .rag_fields import RAG_RESULTS
from .rag_fields import RAG_STRATEGY
from .rag_fields import RAG_TOOL
from .toolset_fields import API
from .toolset_fields import BACKOFF
from .toolset_fields import LATER
from .toolset_fields import LIFECYCLE
from .toolset_fields import POST_EDIT
from .toolset_fields import SCRIPT
from .toolset_fields import SUPPORTED
from .toolset_fields import WEBHOOK


@dataclass(frozen=True, slots=True)
class Part:
    """A mapping in the file: where it stands, its fields, and what each of them means."""

    where: str
    fields: Fields
    docs: Mapping[str, str]


PARTS: Mapping[str, Part] = {
    "file": Part("at the top", TOP, docs.TOP),
    "agent": Part("agents.NAME", AGENT, docs.AGENT),
    "command": Part("agents.NAME.commands.NAME", COMMAND, docs.COMMAND),
    "hooks": Part("agents.NAME.hooks", HOOK_EVENTS, docs.HOOK_EVENTS),
    "hook_matcher": Part(
        "agents.NAME.hooks.tool_guard, pre_tool_use and post_tool_use", HOOK_MATCHER, docs.HOOK_MATCHER
    ),
    "hook": Part("agents.NAME.hooks.EVENT", HOOK, docs.HOOK),
    "fallback": Part("agents.NAME.fallback", FALLBACK, docs.FALLBACK),
    "skill": Part("agents.NAME.skills", SKILL, docs.SKILL),
    "structured_output": Part("agents.NAME.structured_output", STRUCTURED_OUTPUT, docs.STRUCTURED_OUTPUT),
    "model": Part("models.NAME", MODEL, docs.MODEL),
    "route": Part("models.NAME.routing", ROUTE, docs.ROUTE),
    "capabilities": Part("models.NAME.capabilities", CAPABILITIES, docs.CAPABILITIES),
    "cost": Part("models.NAME.cost", COST, docs.COST),
    "provider": Part("providers.NAME", PROVIDER, docs.PROVIDER),
    "remote": Part("remote, of a toolset or in mcps.NAME", REMOTE, docs.REMOTE),
    "lifecycle": Part("lifecycle, of a toolset or in mcps.NAME", LIFECYCLE, docs.LIFECYCLE),
    "post_edit": Part("post_edit, of a toolset", POST_EDIT, docs.POST_EDIT),
    "backoff": Part("lifecycle.backoff", BACKOFF, docs.BACKOFF),
    "script": Part("shell.NAME, of a `script` toolset", SCRIPT, docs.SCRIPT),
    "api_config": Part("api_config, of an api toolset", API, docs.API),
    "webhook_config": Part("webhook_config, of a `webhook` toolset", WEBHOOK, docs.WEBHOOK),
    "rag": Part("rag.NAME", RAG, RAG_DOCS["rag"]),
    "rag_tool": Part("rag.NAME.tool", RAG_TOOL, RAG_DOCS["rag_tool"]),
    "rag_strategy": Part("rag.NAME.strategies", RAG_STRATEGY, RAG_DOCS["rag_strategy"]),
    "rag_chunking": Part("rag.NAME.strategies.chunking", RAG_CHUNKING, RAG_DOCS["rag_chunking"]),
    "rag_results": Part("rag.NAME.results", RAG_RESULTS, RAG_DOCS["rag_results"]),
    "rag_fusion": Part("rag.NAME.results.fusion", RAG_FUSION, RAG_DOCS["rag_fusion"]),
    "rag_reranking": Part("rag.NAME.results.reranking", RAG_RERANKING, RAG_DOCS["rag_reranking"]),
    "permissions": Part("permissions", PERMISSIONS, docs.PERMISSIONS),
    "runtime": Part("runtime", RUNTIME, docs.RUNTIME),
    "budget": Part("budget and budgets.NAME", BUDGET, docs.BUDGET),
    "metadata": Part("metadata", METADATA, docs.METADATA),
}

TOOLSETS: Mapping[str, Fields] = {**SUPPORTED, **LATER}
"""Every type of toolset."""
