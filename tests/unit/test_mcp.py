"""MCP servers as toolsets: a small server of our own over stdio, and real ones over every transport."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_agent_api import loop_thread
from flask_agent_api.concurrency import Cancelled
from flask_agent_api.concurrency import spawn
from flask_agent_api.context import RunContext
from flask_agent_api.errors import ConfigError
from flask_agent_api.errors import ToolError
from flask_agent_api.settings import Settings
from flask_agent_api.tools.mcp.toolset import MCPServerConfig
from flask_agent_api.tools.mcp.toolset import MCPTool
from flask_agent_api.tools.mcp.toolset import MCPToolset
from flask_agent_api.types import ToolResult
from tests.processes import runs
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

pytest.importorskip("mcp")

DATA = Path(__file__).parent.parent / "data"
FAKE = str(DATA / "mcp_fake_server.py")


def memory_mib() -> float:
    """The resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


class Fake:
    """A toolset on the fake server, and what that server notes down."""

    def __init__(self, notes: Path, *modes: str, **config: object) -> None:
        self._notes = notes
        args = (FAKE, f"notes={notes}", *modes)
        self.toolset = MCPToolset(MCPServerConfig("fake", command=sys.executable, args=args, **config))  # type: ignore[arg-type]

    def notes(self, start: str = "") -> list[str]:
        lines = self._notes.read_text().splitlines() if self._notes.exists() else []
        return [line for line in lines if line.startswith(start)]

    def tool(self, name: str, timeout: float | None = None) -> MCPTool:
        tool = next(tool for tool in self.toolset.tools(CTX) if tool.name == name)
        assert isinstance(tool, MCPTool)
        return dataclasses.replace(tool, timeout=timeout)

    def call(self, name: str, text: str | None = None, timeout: float | None = None) -> ToolResult:
        return self.tool(name, timeout).call({"text": text}, CTX)


CTX = RunContext(settings=Settings())
MakeFake = Callable[..., Fake]


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[MakeFake]:
    made: list[Fake] = []

    def make(*modes: str, **config: object) -> Fake:
        made.append(Fake(tmp_path / f"notes{len(made)}", *modes, **config))
        return made[-1]

    yield make
    for each in made:
        each.toolset.close()


@pytest.fixture(autouse=True, scope="module")
def loop() -> Iterator[None]:
    yield
    loop_thread.stop(3)


def failure(action: Callable[[], object]) -> str:
    with pytest.raises(ToolError) as caught:
        action()
    return str(caught.value)


# what a server offers


def test_tools_carry_what_the_server_says(fake: MakeFake) -> None:
    server = fake()
    tools = {tool.name: tool for tool in server.toolset.tools(CTX)}
    assert tools["echo"].description == "The echo tool"
    assert tools["echo"].parameters["properties"] == {"text": {"type": "string"}}
    assert tools["echo"].read_only
    assert not tools["crash"].read_only
    assert server.toolset.instructions(CTX) == "Be kind to the fake server."
    assert server.toolset.status() == f"running ({len(tools)} tools)"


def test_tools_come_from_all_pages_and_junk_on_stdout_is_skipped(fake: MakeFake) -> None:
    assert len(fake("pages", "junk").toolset.tools(CTX)) == len(fake().toolset.tools(CTX)) > 10


def test_only_allowed_tools_are_offered(fake: MakeFake, caplog: pytest.LogCaptureFixture) -> None:
    server = fake(allowed_tools=("echo", "null.check", "unheard-of"))
    assert [tool.name for tool in server.toolset.tools(CTX)] == ["echo", "null_check"]
    assert "toolset fake has no tool unheard-of, only echo, " in caplog.text


def test_a_configured_instruction_replaces_the_servers(fake: MakeFake) -> None:
    server = fake(instruction="Use with care. {ORIGINAL_INSTRUCTIONS}")
    server.toolset.tools(CTX)
    assert server.toolset.instructions(CTX) == "Use with care. Be kind to the fake server."


def test_tools_are_listed_once_until_they_change(fake: MakeFake) -> None:
    server = fake()
    before = len(server.toolset.tools(CTX))
    server.toolset.tools(CTX)
    assert len(server.notes("list")) == 1
    server.call("change")
    wait_until(lambda: len(server.toolset.tools(CTX)) == before + 1)
    assert len(server.notes("list")) == 2


# calls


def test_a_call_gives_the_servers_answer(fake: MakeFake) -> None:
    server = fake()
    token = server.call("random_token").content
    assert server.notes("token") == [f"token {token}"]
    assert server.call("echo", "grüße\u2028") == ToolResult("grüße\u2028")


def test_null_arguments_are_dropped_and_names_are_mapped_back(fake: MakeFake) -> None:
    assert json.loads(fake().tool("null_check").call({"a": None, "b": 0}, CTX).content) == {"b": 0}


def test_an_error_of_the_tool_is_marked(fake: MakeFake) -> None:
    server = fake()
    assert server.call("iserror") == ToolResult("it went wrong", is_error=True)
    assert failure(lambda: server.call("rpc_error")) == "the server refuses this"


def test_content_becomes_text(fake: MakeFake) -> None:
    server = fake()
    assert server.call("blocks").content.splitlines() == [
        "first",
        "[image, image/jpeg, 70 bytes]",
        "[image, image/png, 5 bytes, cannot be shown]",
        "[image, image/png, 6 bytes, cannot be shown]",
        "[audio, audio/wav, 5 bytes]",
        "inside",
        "[resource, a/b, 2 bytes, file:///b]",
        "[image, image/png, 70 bytes, file:///p]",
        "[resource link, a link, file:///c]",
    ]
    assert [image.media_type for image in server.call("blocks").images] == ["image/png"] * 2
    assert json.loads(server.call("structured").content) == {"answer": 42}
    many = server.call("structured", "12")
    assert many.content.splitlines() == [
        '{"answer": 42}', *["[image, image/png, 70 bytes]"] * 10, *["[image, image/png, 70 bytes, cannot be shown]"] * 2
    ]  # fmt: skip
    assert len(many.images) == 10
    assert server.call("nothing").content == ""


def test_a_server_that_asks_gets_an_answer(fake: MakeFake) -> None:
    ping, roots, elicitation = json.loads(fake().call("ask").content)
    assert ping == {}
    assert roots == {"roots": []}
    assert "not supported" in elicitation["message"]


def test_a_large_result_arrives_and_one_over_the_cap_fails_alone(fake: MakeFake) -> None:
    server = fake()
    assert len(server.call("big", "2000000").content) == 2_000_000
    assert "larger than" in failure(lambda: server.call("big", "5000000", timeout=10))
    assert server.call("echo", "still here").content == "still here"
    assert len(server.notes("start")) == 1


@pytest.mark.slow
def test_a_message_of_a_hundred_megabytes_is_dropped_and_takes_no_memory(fake: MakeFake) -> None:
    server = fake()
    server.call("echo", "warm")
    before = memory_mib()
    assert "larger than" in failure(lambda: server.call("big", "100000000", timeout=60))
    assert memory_mib() - before < 50
    assert server.call("echo", "still here").content == "still here"


def test_what_is_no_message_or_no_answer_is_skipped_in_the_middle_of_a_call(fake: MakeFake) -> None:
    server = fake()
    assert server.call("babble").content == "said"
    assert server.call("echo", "still here").content == "still here"
    assert len(server.notes("start")) == 1


def test_a_flood_on_stderr_does_not_block_the_server(fake: MakeFake) -> None:
    assert fake().call("stderr", timeout=20).content == "written"


def test_calls_of_many_tasks_run_at_once_on_one_server(fake: MakeFake) -> None:
    server = fake()
    results: list[str] = []
    started = time.monotonic()
    tasks = [spawn(lambda: results.append(server.call("sleep", "0.1").content)) for _ in range(50)]
    assert all(task.join(10) for task in tasks)
    assert results == ["slept"] * 50
    assert len(server.notes("start")) == 1
    assert time.monotonic() - started < 4


def test_a_call_that_times_out_is_cancelled_on_the_server(fake: MakeFake) -> None:
    server = fake()
    tool = server.tool("hang", timeout=0.1)
    assert failure(lambda: tool.call({}, CTX)) == "hang timed out after 0.1 s"
    wait_until(lambda: server.notes("cancelled"))
    assert server.call("echo", "fine").content == "fine"


def test_a_call_ends_with_its_run(fake: MakeFake) -> None:
    server = fake()
    tool = server.tool("hang")
    ctx = RunContext(settings=Settings(), deadline=time.monotonic() + 0.1)
    assert "timed out" in failure(lambda: tool.call({}, ctx))


def test_a_cancelled_task_cancels_its_call_on_the_server(fake: MakeFake) -> None:
    server = fake()
    tool = server.tool("hang")
    task = spawn(tool.call, {}, CTX)
    wait_until(lambda: server.notes("call hang"))
    task.cancel(Cancelled("client gone"))
    assert task.join(1)
    wait_until(lambda: server.notes("cancelled"))
    assert server.call("echo", "fine").content == "fine"


# crashes and starts that fail


def test_a_crash_fails_its_callers_fast_and_the_next_call_restarts(fake: MakeFake) -> None:
    server = fake(env={"SECRET_TOKEN": "sk-very-secret"})
    hang, messages = server.tool("hang"), []
    bystander = spawn(lambda: messages.append(failure(lambda: hang.call({}, CTX))))
    wait_until(lambda: server.notes("call hang"))
    started = time.monotonic()
    messages.append(failure(lambda: server.call("crash", "5")))
    assert bystander.join(1)
    assert time.monotonic() - started < 1
    assert messages == ["MCP server fake exited with code 5: about to crash with ***"] * 2
    assert server.call("echo", "back").content == "back"
    assert len(server.notes("start")) == 2


def test_a_killed_server_is_restarted_at_the_next_use(fake: MakeFake) -> None:
    server = fake()
    pid = int(server.call("pid").content)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: server.toolset.status().startswith("failed"))
    assert "signal 9" in server.toolset.status()
    assert int(server.call("pid").content) != pid


def test_a_server_that_crashes_leaves_nothing_behind(fake: MakeFake) -> None:
    server = fake("child")
    failure(lambda: server.call("crash"))
    child = int(server.notes("child")[0].split()[1])
    wait_until(lambda: not runs(child))


def test_a_server_that_does_not_come_up_is_ended(fake: MakeFake) -> None:
    server = fake("slow=60", "child", startup_timeout=1.0)
    assert "did not start within 1 s" in failure(lambda: server.toolset.tools(CTX))
    processes = [int(line.split()[1]) for line in (*server.notes("start"), *server.notes("child"))]
    assert len(processes) == 2
    wait_until(lambda: not any(map(runs, processes)))


def test_restarts_are_limited(fake: MakeFake) -> None:
    server = fake()
    crash = server.tool("crash")
    for _ in range(5):
        assert "exited with code 3" in failure(lambda: crash.call({}, CTX))
    assert "the next attempt is in" in failure(lambda: crash.call({}, CTX))
    assert len(server.notes("start")) == 5


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"command": "no-such-command"}, "command not found: no-such-command"),
        ({"command": sys.executable, "cwd": "/no/such/folder"}, "working directory not found: /no/such/folder"),
        ({"command": FAKE}, f"command cannot be executed: {FAKE}"),
        ({"command": sys.executable, "args": (FAKE, "exit=7")}, "exited with code 7: cannot go on"),
        ({"command": sys.executable, "args": (FAKE, "slow=9"), "startup_timeout": 0.3}, "did not start within 0.3 s"),
        ({"transport": "http", "url": "http://127.0.0.1:1/mcp"}, "cannot connect to 127.0.0.1:1"),
        ({"transport": "sse", "url": "http://127.0.0.1:1/sse"}, "cannot connect to 127.0.0.1:1"),
    ],
)
def test_a_failed_start_says_why_and_is_not_repeated_at_once(config: dict[str, object], reason: str) -> None:
    toolset = MCPToolset(MCPServerConfig("bad", **config))  # type: ignore[arg-type]
    assert toolset.status() == "not started"
    assert failure(lambda: toolset.tools(CTX)) == f"MCP server bad: {reason}"
    assert toolset.status() == f"failed: {reason}"
    started = time.monotonic()
    assert failure(lambda: toolset.tools(CTX)) == f"MCP server bad: {reason}; the next attempt is in 1 s"
    assert time.monotonic() - started < 0.5


def test_a_start_is_shared_by_all_who_wait_even_if_the_first_is_cancelled(fake: MakeFake) -> None:
    server = fake("slow=0.3")
    counts: list[int] = []
    tasks = [spawn(lambda: counts.append(len(server.toolset.tools(CTX)))) for _ in range(5)]
    wait_until(lambda: server.notes("start"))
    assert server.toolset.status() == "starting"
    tasks[0].cancel(Cancelled("client gone"))
    assert all(task.join(5) for task in tasks)
    assert len(counts) == 4
    assert len(server.notes("start")) == 1


# processes


def test_the_server_sees_a_short_environment(fake: MakeFake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    seen = json.loads(fake(env={"MODE": "test"}).call("environment").content)
    assert set(seen) <= {"HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "MODE", "LC_CTYPE"}
    assert seen["MODE"] == "test"
    assert seen["PATH"] == os.environ["PATH"]


@pytest.mark.slow
def test_close_ends_the_server_and_what_it_left_behind(fake: MakeFake) -> None:
    server = fake("ignore-eof", "child")
    pid, child = int(server.call("pid").content), int(server.notes("child")[0].split()[1])
    server.toolset.close()
    wait_until(lambda: not runs(pid) and not runs(child))
    assert server.toolset.status() == "not started"


def test_stopping_the_loop_ends_the_servers(fake: MakeFake) -> None:
    server = fake()
    pid = int(server.call("pid").content)
    loop_thread.stop(3)
    assert server.notes("eof")
    wait_until(lambda: not runs(pid))


FORK = """
import os, sys, time
if sys.argv[1] == "patched":
    from flask_agent_api.concurrency import patch_all
    patch_all()
sys.path.insert(0, sys.argv[2])
from pathlib import Path
import test_mcp

fake = test_mcp.Fake(Path(sys.argv[3]))
parents = int(fake.call("pid").content)
if os.fork():
    assert fake.call("pid").content == str(parents)
    print("parent", fake.call("echo", "keeps").content, flush=True)
    os.kill(os.getpid(), 9)
print("child", int(fake.call("pid").content) != parents, flush=True)
test_mcp.wait_until(lambda: not test_mcp.runs(parents))
print("alone", fake.call("echo", "works").content, flush=True)
"""


@pytest.mark.parametrize("mode", ["patched", pytest.param("plain", marks=pytest.mark.slow)])
def test_a_fork_has_its_own_server_and_does_not_keep_its_parents_alive(tmp_path: Path, mode: str) -> None:
    run = [sys.executable, "-W", "ignore", "-c", FORK, mode, str(Path(__file__).parent), str(tmp_path / "notes")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)
    assert sorted(done.stdout.splitlines()) == ["alone works", "child True", "parent keeps"], done.stderr


@pytest.mark.slow
def test_everything_works_without_gevent(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    started = time.monotonic()
    run = [sys.executable, "-X", "dev", str(DATA / "mcp_unpatched.py"), FAKE, str(notes)]
    done = subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["patched"] is False
    assert report["together"] == ["slept"] * 20
    assert report["seconds"] < 5
    assert report["hang"] == "ToolError: hang timed out after 0.2 s"
    assert report["crash"].startswith("ToolError: MCP server fake exited with code 3")
    assert report["again"] == "again"
    assert report["zombies"] == 0
    assert not runs(int(report["pid"]))
    assert notes.read_text().count("start") == 2
    assert time.monotonic() - started < 15


# configuration


def test_secrets_are_not_shown() -> None:
    config = MCPServerConfig(
        "remote", url="https://example.org/?key=sk-1", transport="http", env={"A": "sk-2"}, headers={"B": "sk-3"}
    )
    assert "sk-" not in repr(config)


def test_secrets_on_stderr_are_not_logged(fake: MakeFake, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "flask_agent_api"):
        server = fake(env={"SECRET_TOKEN": "sk-very-secret"})
        failure(lambda: server.call("crash"))
    assert "about to crash" in caplog.text
    assert "sk-very-secret" not in caplog.text


@pytest.mark.parametrize("config", [{}, {"transport": "http"}, {"transport": "sse", "url": "ftp://example.org"}])
def test_a_config_without_what_its_transport_needs_is_refused(config: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="MCP server"):
        MCPServerConfig("bad", **config)  # type: ignore[arg-type]
