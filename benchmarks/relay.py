"""What it costs to relay a model's stream: this library, the relay of every tutorial, and nginx, on the same work.

Each server is one worker on 127.0.0.1, the model is a script in a process of its own, all streams are checked to
their end. Four loads, after a warm-up:

  paced    streams side by side, chunks 50 ms apart: what they cost, and how much later than the model's they come
  burst    16 clients, turns of 200 chunks that the model sends at once
  short    16 clients, turns of one chunk
  history  the same, with 40 earlier messages of 300 characters in each request

CPU time is of all processes of the server. Compare within one run, never numbers of two runs. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import sys
import tempfile
from pathlib import Path

from load import paced
from load import repeated
from processes import end_on_sigterm
from processes import free_port
from processes import running
from processes import upstream
from servers import installed
from servers import SERVERS

GAP_SECONDS = 0.05
BURST_CHUNKS = 200
CLIENTS = 16

Figures = dict[str, dict[str, float]]


def main() -> int:
    """Runs the benchmark; the exit status is 1 if a turn failed."""
    options = _options()
    end_on_sigterm()
    figures = {}
    with tempfile.TemporaryDirectory() as folder, upstream(Path(folder)) as port:
        for name in options.only:
            print(f"measuring {name} ...", file=sys.stderr)
            figures[name] = _measure(name, port, Path(folder), options.streams, options.seconds)
    if options.json:
        print(json.dumps(figures, indent=1))
    else:
        print(_markdown(figures) if options.markdown else _table(figures))
    failures = sum(load["failures"] for loads in figures.values() for load in loads.values())
    return 1 if failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=300, help="streams of the paced load (300)")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each load (5)")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"a comma list of {', '.join(SERVERS)}")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    options = parser.parse_args()
    if unknown := set(options.only or ()) - SERVERS.keys():
        parser.error(f"there is no server {', '.join(sorted(unknown))}; there are {', '.join(SERVERS)}")
    if not Path("/proc/self/statm").exists():
        parser.error("it reads /proc, which this system lacks")
    for name in [name for name in options.only or SERVERS if not installed(name)]:
        print(f"{name} is not installed: left out", file=sys.stderr)
    options.only = [name for name in options.only or SERVERS if installed(name)]
    return options


def _measure(name: str, upstream_port: int, folder: Path, streams: int, seconds: float) -> Figures:
    chunks = max(1, round(seconds / GAP_SECONDS))
    models = {"paced": f"stream-{chunks}-{GAP_SECONDS * 1000:.0f}", "burst": f"stream-{BURST_CHUNKS}-0"}
    models["short"] = "stream-1-0"
    port = free_port()
    server = SERVERS[name](port, upstream_port, folder, list(models.values()))
    log = folder / f"{name}.log"
    with running(server.command, port, log, server.env) as pid:
        figures = asyncio.run(_loads(port, pid, models, streams, seconds, chunks))
        if any(load["failures"] for load in figures.values()):
            print(f"{name}: turns failed; its output ends:\n{log.read_text()[-2000:]}", file=sys.stderr)
    return figures


async def _loads(port: int, pid: int, models: dict[str, str], streams: int, seconds: float, chunks: int) -> Figures:
    """Memory grows when the streams are there for the first time, so it is the warm-up that tells how much."""
    await repeated(port, pid, models["short"], CLIENTS, min(1.0, seconds), 1)
    first = await paced(port, pid, models["paced"], streams, chunks, GAP_SECONDS)
    second = await paced(port, pid, models["paced"], streams, chunks, GAP_SECONDS)
    second["KiB per stream"] = first["KiB per stream"]
    second["failures"] += first["failures"]
    figures = {"paced": second}
    rate, cpu, failures = await repeated(port, pid, models["burst"], CLIENTS, seconds, BURST_CHUNKS)
    figures["burst"] = {"chunks per s": rate * BURST_CHUNKS, "CPU us per chunk": cpu / BURST_CHUNKS * 1e6}
    figures["burst"]["failures"] = failures
    for load in ("short", "history"):
        rate, cpu, failures = await repeated(port, pid, models["short"], CLIENTS, seconds, 1, history=load == "history")
        figures[load] = {"turns per s": rate, "CPU us per turn": cpu * 1e6, "failures": failures}
    return figures


def _rows(figures: dict[str, Figures]) -> list[list[str]]:
    servers = list(figures.values())
    rows = [["", *figures]]
    for load in servers[0]:
        for label in servers[0][load]:
            values = [server[load][label] for server in servers]
            rows.append([f"{load}: {label}", *map(_shown, values)])
    return rows


def _shown(value: float) -> str:
    return f"{value:,.{1 if abs(value) < 10 and value % 1 else 0}f}"


def _table(figures: dict[str, Figures]) -> str:
    return "\n".join(f"{row[0]:38}" + "".join(f"{cell:>12}" for cell in row[1:]) for row in _rows(figures))


def _markdown(figures: dict[str, Figures]) -> str:
    head, *rows = [f"| {' | '.join(row)} |" for row in _rows(figures)]
    columns = " --- |" + " ---: |" * len(figures)
    machine = f"{_cpu_model()}, {len(_cpus())} CPUs, Python {platform.python_version()}"
    return "\n".join([head, f"|{columns}", *rows, "", machine])


def _cpus() -> list[str]:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]


def _cpu_model() -> str:
    return next(iter(_cpus()), platform.machine())


if __name__ == "__main__":
    sys.exit(main())
