"""Starts and ends processes, and reads in ``/proc`` what they used."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
START_SECONDS = 30.0


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server: ours, without proxies and what would configure gunicorn or the library."""
    foreign = ("FLASK_", "GUNICORN_", "WEB_CONCURRENCY", "PORT", "OPENAI_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return {key: value for key, value in kept.items() if not key.lower().endswith("_proxy")} | dict(extra)


@contextlib.contextmanager
def running(command: Sequence[str], port: int, log: Path, env: Mapping[str, str] | None = None) -> Iterator[int]:
    """Runs a server, in a process group of its own, until the block is left. Gives its pid once it listens.

    Raises SystemExit with the end of its output if it does not.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=HERE.parent, env=environment(env or {}), stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} does not listen on port {port}\n{log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield process.pid
    finally:
        _end(process)


@contextlib.contextmanager
def upstream(folder: Path) -> Iterator[int]:
    """Runs the provider of models; gives its port."""
    port = free_port()
    with running([sys.executable, str(HERE / "upstream.py"), str(port)], port, folder / "upstream.log"):
        yield port


def end_on_sigterm() -> None:
    """Lets SIGTERM end this process as Ctrl-C does, with its servers."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def children(pid: int) -> list[int]:
    """The child processes of a process."""
    with contextlib.suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    return []


def descendants(pid: int) -> list[int]:
    """The child processes of a process, and theirs."""
    return [each for child in children(pid) for each in (child, *descendants(child))]


@dataclass(frozen=True, slots=True)
class Memory:
    """Of a process, in KiB: all that is resident, and that with an Nth of each page that N processes share."""

    rss: int = 0
    pss: int = 0

    def __add__(self, other: Memory) -> Memory:
        return Memory(self.rss + other.rss, self.pss + other.pss)


def memory(pid: int) -> Memory:
    """The memory of one process, without its descendants; nothing if it is gone."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        found = {line.partition(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
        return Memory(found["Rss"], found["Pss"])
    return Memory()


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process and its descendants have used."""
    ticks = 0
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK") + sum(map(cpu_seconds, children(pid)))


def resident_kib(pid: int) -> int:
    """The resident memory of a process and its descendants, in KiB."""
    pages = 0
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024 + sum(map(resident_kib, children(pid)))


def descriptors(pid: int) -> int:
    """How many file descriptors a process has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process group; what its leader leaves behind is killed."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
