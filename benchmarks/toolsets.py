"""What each toolset costs: the time to make it, to list its tools and to call one for the first time, and its memory.

Each is measured in processes of its own that hold what a worker of gunicorn holds once it has loaded a team, without
toolsets at first; the median of several is shown. Memory is what is resident (RSS). "Processes" are those that the
worker has started and that are still there after the call, its watchdog among them.

Then gunicorn serves a team with an MCP server over stdio, with 1, 2 and 4 workers, until each of them has its server.
PSS divides pages among the processes that share them: it is what all of them take together. Linux only.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection
from importlib.metadata import version
from pathlib import Path

from processes import children
from processes import descendants
from processes import end_on_sigterm
from processes import environment
from processes import free_port
from processes import HERE
from processes import Memory
from processes import memory
from processes import running
from processes import upstream
from servers import GUNICORN
from toolset_cases import BASE
from toolset_cases import Case
from toolset_cases import cases
from toolset_cases import write_documents

SERVER = "mcp_server_time"
WAIT_SECONDS = 60.0
COLUMNS = ["made, ms", "listed, ms", "first call, ms", "worker, MiB", "processes", "processes, MiB"]
WORKER_COLUMNS = ["servers", "workers, MiB", "servers, MiB", "all, MiB", "all PSS, MiB"]

Figures = dict[str, dict[str, float]]


def main() -> int:
    """Runs the benchmark; the exit status is 1 if a call failed."""
    options = _options()
    end_on_sigterm()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        chosen = _chosen(options, _servers(folder, stack))
        toolsets = {name: _measured(name, case, folder, options.repeats) for name, case in chosen.items()}
        workers = {str(count): _in_workers(count, folder) for count in options.workers}
    if options.json:
        print(json.dumps({"toolsets": toolsets, "workers": workers}, indent=1))
    else:
        print(_report(toolsets, workers, markdown=options.markdown))
    return 1 if any(figures["failures"] for figures in toolsets.values()) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="processes for each toolset (3)")
    parser.add_argument("--workers", type=_numbers, default=[1, 2, 4], help="how many workers, empty for none (1,2,4)")
    parser.add_argument("--only", type=lambda text: text.split(","), help="a comma list of types of toolsets")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    options = parser.parse_args()
    known = {case.type or name for name, case in cases("", "").items()}
    if unknown := set(options.only or ()) - known:
        parser.error(f"there is no toolset {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    if not Path("/proc/self/smaps_rollup").exists():
        parser.error("it reads /proc, which this system lacks")
    return options


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def _chosen(options: argparse.Namespace, every: dict[str, Case]) -> dict[str, Case]:
    chosen = {name: case for name, case in every.items() if not options.only or (case.type or name) in options.only}
    if "git" in chosen and not shutil.which("git"):
        print("git is not installed: left out", file=sys.stderr)
        del chosen["git"]
    return chosen


def _servers(folder: Path, stack: ExitStack) -> dict[str, Case]:
    """Starts what the toolsets talk to, and makes the folder that they work in."""
    write_documents(folder)
    if shutil.which("git"):
        subprocess.run(["git", "init", "-q", str(folder)], check=True)
    ports = {}
    for kind in ("web", "mcp"):
        ports[kind] = free_port()
        command = [sys.executable, str(HERE / "tool_servers.py"), kind, str(ports[kind])]
        stack.enter_context(running(command, ports[kind], folder / f"{kind}.log"))
    return cases(*(f"http://127.0.0.1:{port}" for port in ports.values()))


def _measured(name: str, case: Case, folder: Path, repeats: int) -> dict[str, float]:
    print(f"measuring {name} ...", file=sys.stderr)
    team = folder / "team.yaml"
    team.write_text(case.team(name), encoding="utf-8")
    (base := folder / "base.yaml").write_text(BASE, encoding="utf-8")
    env = environment({"FLASK_AGENT_API_AGENTS": str(base), "PYTHONPATH": str(HERE.parent)})
    probe = [sys.executable, str(HERE / "toolset_probe.py"), str(base), str(team)]
    command = [*probe, case.tool, json.dumps(case.arguments)]
    runs: list[dict[str, float]] = []
    for _ in range(repeats):
        shutil.rmtree(folder / "data", ignore_errors=True)
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=WAIT_SECONDS, cwd=folder)
        if done.returncode:
            raise SystemExit(f"{name} cannot be measured\n{done.stderr[-2000:]}")
        print(done.stderr, end="", file=sys.stderr)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    return {figure: statistics.median(run[figure] for run in runs) for figure in runs[0]}


def _in_workers(count: int, folder: Path) -> dict[str, float]:
    """The memory of a server with so many workers, each of which has started its MCP server."""
    print(f"measuring {count} workers ...", file=sys.stderr)
    with upstream(folder) as provider:
        entry = {"type": "mcp", "command": sys.executable, "args": ["-m", SERVER]}
        model = {"provider": "openai", "model": "stream-1-0", "base_url": f"http://127.0.0.1:{provider}/v1"}
        team = {"agents": {"root": {"model": "m", "toolsets": [entry]}}, "models": {"m": model}}
        (folder / "workers.yaml").write_text(json.dumps(team), encoding="utf-8")
        env = {"FLASK_AGENT_API_AGENTS": str(folder / "workers.yaml"), "OPENAI_API_KEY": "x"}
        port = free_port()
        command = [*GUNICORN, "-w", str(count), "-b", f"127.0.0.1:{port}", "flask_agent_api.wsgi:app"]
        with running(command, port, folder / "workers.log", env) as master:
            return _memory(master, _served(master, port, count))


def _served(master: int, port: int, count: int) -> list[int]:
    """The workers, once each has a server."""
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        with ThreadPoolExecutor(8 * count) as pool:
            list(pool.map(_ask, [port] * 8 * count))
        workers = children(master)
        if len(workers) == count and all(any(map(_is_server, descendants(worker))) for worker in workers):
            return workers
    raise SystemExit(f"not every one of {count} workers has started its server in {WAIT_SECONDS:.0f} s")


def _ask(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
    body = json.dumps({"model": "root", "messages": [{"role": "user", "content": "hi"}]})
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise SystemExit(f"the server answers {answer.status}: {answer.read()[:500]!r}")
    connection.close()


def _is_server(pid: int) -> bool:
    return SERVER in Path(f"/proc/{pid}/cmdline").read_text()


def _memory(master: int, workers: Sequence[int]) -> dict[str, float]:
    below = [pid for worker in workers for pid in descendants(worker)]
    servers = [pid for pid in below if _is_server(pid)]
    whole = sum(map(memory, [master, *workers, *below]), Memory())
    return {
        "servers": len(servers),
        "workers, KiB": sum(memory(pid).rss for pid in workers),
        "servers, KiB": sum(memory(pid).rss for pid in servers),
        "all, KiB": whole.rss,
        "all PSS, KiB": whole.pss,
    }


def _report(toolsets: Figures, workers: Figures, *, markdown: bool) -> str:
    tables = [_table("toolset", COLUMNS, toolsets, markdown)] if toolsets else []
    if workers:
        tables.append(_table("workers", WORKER_COLUMNS, workers, markdown))
    names = ("gunicorn", "gevent", "mcp")
    versions = ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])
    empty = statistics.median(each["empty worker, KiB"] for each in toolsets.values()) if toolsets else 0
    foot = (
        f"{time.strftime('%Y-%m-%d')}, {_machine()}, {versions}; a worker without toolsets has {empty / 1024:.0f} MiB"
    )
    return "\n\n".join([*tables, foot])


def _table(title: str, columns: Sequence[str], rows: Figures, markdown: bool) -> str:
    cells = [[name, *(_shown(figures, column) for column in columns)] for name, figures in rows.items()]
    if markdown:
        lines = [[title, *columns], ["---", *["---:"] * len(columns)], *cells]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return "\n".join(
        f"{line[0]:24}" + "".join(f"{cell:>16}" for cell in line[1:]) for line in [[title, *columns], *cells]
    )


def _shown(figures: dict[str, float], column: str) -> str:
    if column not in figures:
        value = figures[column.replace("MiB", "KiB")] / 1024
        return f"{max(value, 0):.0f}" if value >= 10 else f"{max(value, 0):.1f}"
    value = figures[column]
    return f"{value:,.0f}" if value >= 10 or float(value).is_integer() else f"{value:.1f}"


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.machine()}, {len(models)} CPUs"


if __name__ == "__main__":
    sys.exit(main())
