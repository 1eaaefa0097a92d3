"""The tools for commands in the background: real commands, and one run each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.context import RunContext
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.shell import jobs
from flask_agent_api.tools.shell.place import Place
from flask_agent_api.tools.shell.toolset import BackgroundJobsToolset
from tests.processes import runs_from
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def ctx() -> Iterator[RunContext]:
    context = RunContext(Settings(tool_output_chars=1000))
    yield context
    context.on_end.close()


@pytest.fixture
def toolset(tmp_path: Path) -> BackgroundJobsToolset:
    return BackgroundJobsToolset("background_jobs", Place(tmp_path))


def call(toolset: BackgroundJobsToolset, name: str, ctx: RunContext, **arguments: Any) -> str:
    tool = next(tool for tool in toolset.tools(ctx) if tool.name == name)
    result = tool.call(arguments, ctx)
    assert isinstance(result, str)
    return result


def test_a_job_begins_at_once_and_can_be_looked_at(
    toolset: BackgroundJobsToolset, ctx: RunContext, tmp_path: Path
) -> None:
    assert call(toolset, "list_background_jobs", ctx) == "There are no jobs in the background."
    begun = call(toolset, "run_background_job", ctx, cmd="echo ready; sleep 60")
    assert begun == f"The job has begun in the background.\nID: job_1\nWorking directory: {tmp_path.resolve()}"
    wait_until(lambda: "\nready" in call(toolset, "view_background_job", ctx, job_id="job_1"))
    seen = call(toolset, "view_background_job", ctx, job_id="job_1")
    assert seen.startswith("job_1, running, 0 s\nCommand: echo ready; sleep 60\n")
    assert seen.endswith("\nready")


def test_a_job_that_has_ended_says_how(toolset: BackgroundJobsToolset, ctx: RunContext) -> None:
    call(toolset, "run_background_job", ctx, cmd="echo good")
    call(toolset, "run_background_job", ctx, cmd="echo bad >&2; exit 3")
    assert call(toolset, "wait_background_job", ctx, job_id="job_1").endswith("\ngood")
    assert call(toolset, "wait_background_job", ctx, job_id="job_2", timeout="5").endswith("\nbad")
    listed = call(toolset, "list_background_jobs", ctx).splitlines()
    assert listed == [
        "job_1, completed, exit code 0, 0 s: echo good",
        "job_2, failed, exit code 3, 0 s: echo bad >&2; exit 3",
    ]


def test_to_wait_in_vain_ends_nothing(toolset: BackgroundJobsToolset, ctx: RunContext) -> None:
    call(toolset, "run_background_job", ctx, cmd="echo so far; sleep 60")
    assert call(toolset, "wait_background_job", ctx, job_id="job_1", timeout=1).startswith("job_1, running, ")


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_a_job_that_is_stopped_is_gone_with_all_it_started(
    toolset: BackgroundJobsToolset, ctx: RunContext, tmp_path: Path, stubborn: str
) -> None:
    script = f"{stubborn}sh -c 'echo $$ > pid; sleep 60' & wait; while :; do sleep 60; done"
    call(toolset, "run_background_job", ctx, cmd=script)
    wait_until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text().endswith("\n"))
    assert call(toolset, "stop_background_job", ctx, job_id="job_1") == "The job job_1 was stopped."
    wait_until(lambda: not runs_from(tmp_path / "pid"))
    assert call(toolset, "view_background_job", ctx, job_id="job_1").startswith("job_1, stopped, ended by signal ")
    with pytest.raises(ToolError, match="not running any more: it is stopped"):
        call(toolset, "stop_background_job", ctx, job_id="job_1")


@pytest.mark.parametrize("stubborn", ["", "trap '' TERM; "])
def test_jobs_end_with_their_run(
    toolset: BackgroundJobsToolset, ctx: RunContext, tmp_path: Path, stubborn: str
) -> None:
    for number in range(3):
        call(toolset, "run_background_job", ctx, cmd=f"{stubborn}echo $$ > pid{number}; while :; do sleep 60; done")
    files = [tmp_path / f"pid{number}" for number in range(3)]
    wait_until(lambda: all(file.is_file() and file.read_text().endswith("\n") for file in files))
    begun = time.monotonic()
    ctx.on_end.close()
    assert time.monotonic() - begun < 2
    wait_until(lambda: not any(runs_from(file) for file in files))


def test_agents_of_a_run_see_the_same_jobs_and_no_others(toolset: BackgroundJobsToolset, ctx: RunContext) -> None:
    call(toolset, "run_background_job", ctx, cmd="true")
    child = ctx.child("helper", lambda batch: None)
    assert "job_1" in call(toolset, "list_background_jobs", child)
    with pytest.raises(ToolError, match="there is no job 'job_1'; the ids are none yet"):
        call(toolset, "view_background_job", RunContext(Settings()), job_id="job_1")


def test_there_are_only_so_many(
    toolset: BackgroundJobsToolset, ctx: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_RUNNING", 2)
    monkeypatch.setattr(jobs, "MAX_JOBS", 3)
    call(toolset, "run_background_job", ctx, cmd="sleep 60")
    for number in (2, 3, 4):
        call(toolset, "run_background_job", ctx, cmd="true")
        call(toolset, "wait_background_job", ctx, job_id=f"job_{number}")
    assert [job.id for job in jobs.jobs_of(ctx)] == ["job_1", "job_3", "job_4"]
    call(toolset, "run_background_job", ctx, cmd="sleep 60")
    with pytest.raises(ToolError, match="2 jobs are running"):
        call(toolset, "run_background_job", ctx, cmd="sleep 60")


def test_of_what_a_job_writes_beginning_and_end_are_kept(toolset: BackgroundJobsToolset, ctx: RunContext) -> None:
    call(toolset, "run_background_job", ctx, cmd="seq 1 100000")
    text = call(toolset, "wait_background_job", ctx, job_id="job_1")
    assert len(text) <= 1000
    assert "\n1\n2\n" in text
    assert text.endswith("\n99999\n100000")


@pytest.mark.parametrize("name", ["view_background_job", "stop_background_job", "wait_background_job"])
@pytest.mark.parametrize("arguments", [{}, {"job_id": "job_9"}, {"job_id": None}])
def test_no_such_job(toolset: BackgroundJobsToolset, ctx: RunContext, name: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ToolError, match="there is no job"):
        call(toolset, name, ctx, **arguments)


def test_a_job_may_not_leave_its_folder(toolset: BackgroundJobsToolset, ctx: RunContext) -> None:
    with pytest.raises(ToolError, match="`cwd` must be a folder in the working directory"):
        call(toolset, "run_background_job", ctx, cmd="true", cwd="..")
    assert call(toolset, "list_background_jobs", ctx) == "There are no jobs in the background."
