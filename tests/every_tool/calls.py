"""Sensible calls of tools, in the order in which they can be made: what one gives may be what the next one needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any
from typing import TypeAlias

Arguments: TypeAlias = "dict[str, Any]"
Given: TypeAlias = "Arguments | list[Arguments]"
Results: TypeAlias = "Mapping[str, str]"
Schema: TypeAlias = "Mapping[str, Any]"


@dataclass(frozen=True)
class Call:
    """The arguments of a call, or those of several calls in one reply, and what the results must have in them.

    Arguments may be made of the results so far, by the name of the tool, and of the tool's schema.
    """

    arguments: Given | Callable[[Results, Schema], Given] = field(default_factory=dict)
    expected: str = ""

    def filled(self, results: Results, schema: Schema) -> list[Arguments]:
        """The arguments of each call."""
        given = self.arguments(results, schema) if callable(self.arguments) else self.arguments
        return given if isinstance(given, list) else [given]


def sensible_calls(web: str) -> dict[str, Call]:
    """By name, for agents that work in a folder of :func:`tests.every_tool.place.working_folder`.

    ``web`` is the base URL of a :class:`tests.every_tool.web.Web`.
    """
    return {
        **_files(),
        "think": Call({"thought": "It is all there."}, "It is all there."),
        "create_todo": Call({"description": "Sweep"}, "todo_1"),
        "create_todos": Call({"descriptions": ["Dust", "Rest"]}, "Dust"),
        "update_todos": Call({"updates": [{"id": "todo_1", "status": "completed"}]}, "completed"),
        "list_todos": Call({}, "Rest"),
        "shell": Call({"cmd": "echo done"}, "done"),
        "run_background_job": Call({"cmd": "echo begun; sleep 60"}, "job_1"),
        "list_background_jobs": Call({}, "running"),
        "view_background_job": Call({"job_id": "job_1"}, "running"),
        "stop_background_job": Call({"job_id": "job_1"}, "was stopped"),
        "wait_background_job": Call({"job_id": "job_1"}, "stopped"),
        "get_ip": Call({}, "192.0.2.1"),
        "docker_images": Call({"img": "busybox"}, "busybox"),
        "github_user_repos": Call({"username": "octocat"}, '"hello"'),
        "mcp-list": Call({}, "duckduckgo"),
        "get_environment_info": Call({}, '"os"'),
        "fetch": Call({"urls": [f"{web}/page.html"], "format": "markdown"}, "# Cats"),
        "git_status": Call({}, "## main"),
        "git_log": Call({"limit": 5}, "Keep notes"),
        "git_branches": Call({}, "* main"),
        "git_show": Call({"ref": "HEAD"}, "Keep notes"),
        "git_blame": Call({"path": "notes.txt"}, "tea"),
        **_kept(),
        **_planned(),
        "send_webhook": Call({"message": "It is done."}, "Delivered to the slack webhook (attempt 1/4)"),
        "open_url": Call({}, f"{web}/page.html"),
        "user_prompt": Call({"message": "Which one?"}, "decline"),
        "change_model": Call(lambda results, schema: {"model": _choices(schema, "model")[-1]}, "Model changed to"),
        "revert_model": Call({}, "Model"),
        **{name: Call({"query": "where do blorks live"}, "caves") for name in _COLLECTIONS},
        "codebase": Call({"query": "All done."}, "blork.go"),
        **_language_server(),
        "games_play": Call({"message": "e4"}, "You said e4"),
        "get_weather": Call({"city": "Rome"}, "sunny in Rome"),
        "getPetById": Call({"petId": 7}, '"id": 7'),
        "addPet": Call({"body_name": "Rex", "body_photoUrls": []}, "Rex"),
        "findPetsByStatus": Call({"status": "sold"}, "sold"),
        "deletePet": Call({"petId": 7}, "{}"),
        "calculate": Call({"expression": "2 * 21"}, "42"),
        "read_skill": Call({"name": "tidy"}, "rooms.md"),
        "read_skill_file": Call({"name": "tidy", "path": "rooms.md"}, "attic"),
        "run_skill": Call({"name": "report", "task": "Say how it went."}, "All done."),
        **_found(),
        **_team(),
    }


_COLLECTIONS = ("blork_knowledge_base", "knowledge_base")


def _files() -> dict[str, Call]:
    return {
        "write_file": Call({"path": "letter.txt", "content": "Dear all\n"}, "letter.txt"),
        "read_file": Call({"path": "letter.txt"}, "Dear all"),
        "read_multiple_files": Call({"paths": ["notes.txt", "code.py"]}, "old = 1"),
        "edit_file": Call({"path": "letter.txt", "edits": [{"oldText": "all", "newText": "you"}]}, "letter.txt"),
        "create_directory": Call({"paths": ["made/empty"]}, "made/empty"),
        "remove_directory": Call({"paths": ["made/empty"]}, "made/empty"),
        "list_directory": Call({"path": "."}, "notes.txt"),
        "directory_tree": Call({"path": "."}, "notes.txt"),
        "search_files_content": Call({"path": ".", "query": "tea"}, "notes.txt"),
    }


def _language_server() -> dict[str, Call]:
    file = {"file": "code.py"}
    here = {**file, "line": 1, "character": 1}
    return {
        "lsp_workspace": Call({}, "Server: fake"),
        "lsp_hover": Call(here, "old = 1"),
        "lsp_definition": Call(here, "a b.py"),
        "lsp_references": Call(here, "code.py:1:1"),
        "lsp_implementations": Call(here, "code.py:1:1"),
        "lsp_signature_help": Call(here, "f(a, b)"),
        "lsp_call_hierarchy": Call({**here, "direction": "incoming"}, "g"),
        "lsp_type_hierarchy": Call({**here, "direction": "supertypes"}, "f"),
        "lsp_workspace_symbols": Call({"query": "f"}, "f"),
        "lsp_document_symbols": Call(file, "f"),
        "lsp_inlay_hints": Call(file, ": int"),
        "lsp_code_actions": Call({**file, "start_line": 1}),
        "lsp_diagnostics": Call(file),
        "lsp_rename": Call({**here, "new_name": "new"}, "Renamed to new"),
        "lsp_format": Call(file, "Formatted"),
    }


def _kept() -> dict[str, Call]:
    """Notes and tasks, whose ids are in the result of what adds them."""

    def note(results: Results, schema: Schema) -> Arguments:
        return {"id": re.findall(r"\d+", results["add_memory"])[-1]}

    def task(results: Results, schema: Schema) -> Arguments:
        return {"id": re.findall(r'"id": ?"([^"]+)"', results["create_task"])[0]}

    def both(results: Results, schema: Schema) -> Arguments:
        first, second = re.findall(r'"id": ?"([^"]+)"', results["create_task"])
        return {"taskId": first, "dependsOnId": second}

    return {
        "add_memory": Call({"memory": "Likes tea", "category": "preference"}, "ID: "),
        "get_memories": Call({}, "Likes tea"),
        "search_memories": Call({"query": "tea"}, "Likes tea"),
        "update_memory": Call(lambda results, schema: note(results, schema) | {"memory": "Likes cake"}, "updated"),
        "delete_memory": Call(note, "deleted"),
        "create_task": Call([{"title": "Buy milk", "priority": "high"}, {"title": "Go out"}], "Buy milk"),
        "get_task": Call(task, "Buy milk"),
        "update_task": Call(lambda results, schema: task(results, schema) | {"title": "Buy bread"}, "Buy bread"),
        "list_tasks": Call({}, "Buy bread"),
        "next_task": Call({}, "Buy bread"),
        "add_dependency": Call(both),
        "remove_dependency": Call(both),
        "delete_task": Call(task),
    }


def _planned() -> dict[str, Call]:
    plan = {"name": "house"}
    file = {**plan, "path": "house.md"}
    return {
        "write_plan": Call({**plan, "content": "Walls, then a roof"}, '"revision": 1'),
        "set_plan_status": Call({**plan, "status": "open"}, '"revision": 2'),
        "get_plan_status": Call(plan, "open"),
        "export_plan_to_file": Call(file, '"bytesWritten": 18'),
        "update_plan_from_file": Call({**file, "last_known_revision": 2}, '"revision": 3'),
        "read_plan": Call(plan, "then a roof"),
        "list_plans": Call({}, "house"),
        "delete_plan": Call(plan, "deleted"),
        "list_sessions": Call({}, "[]"),
        "write_session_plan": Call({"content": "First the walls"}, "saved"),
        "read_session_plan": Call({}, "First the walls"),
        "exit_plan_mode": Call({}, "ready for review"),
    }


def _found() -> dict[str, Call]:
    """Tools that are looked for first."""
    return {
        "search_tool": Call({"query": ""}, "name"),
        "add_tool": Call(
            lambda results, schema: [{"name": name} for name in _names(results["search_tool"])], "was added"
        ),
    }


def _team() -> dict[str, Call]:
    """Others of the team; the conversation is handed over last."""

    def tasks(results: Results, schema: Schema) -> list[Arguments]:
        return [
            {"agent": name, "task": "Say hello.", "expected_output": "A word."} for name in _choices(schema, "agent")
        ]

    return {
        "transfer_task": Call(tasks, "All done."),
        "run_background_agent": Call(lambda r, s: {**tasks(r, s)[0], "task": "Take your time."}, "has begun"),
        "list_background_agents": Call({}, "running"),
        "view_background_agent": Call(_background_task, "running"),
        "stop_background_agent": Call(_background_task),
        "wait_background_agents": Call(lambda r, s: {"task_ids": [_background_task(r, s)["task_id"]]}, "stopped"),
        "handoff": Call(lambda results, schema: {"agent": _choices(schema, "agent")[0]}),
    }


def _background_task(results: Results, schema: Schema) -> Arguments:
    return {"task_id": re.findall(r"ID: (\S+)", results["run_background_agent"])[0]}


def _choices(schema: Schema, name: str) -> list[Any]:
    """What an argument may be."""
    return list(schema["properties"][name]["enum"])


def _names(found: str) -> list[str]:
    return [str(name) for name in re.findall(r'"name": "([^"]+)"', found)]
