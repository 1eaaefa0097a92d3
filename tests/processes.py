"""What the system tells of processes. One that ends while it is looked at has ended."""

from __future__ import annotations

from pathlib import Path


def runs(pid: int) -> bool:
    """Whether there is such a process, as more than a zombie that nobody has waited for."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2]
    except OSError:
        return False
    return after_name.split()[0] != "Z"


def runs_from(file: Path) -> bool:
    """Whether the process runs whose id is in the file."""
    return runs(int(file.read_text()))


def children(pid: int) -> list[int]:
    """The processes that this one has started and not yet waited for."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command_line(pid: int) -> str:
    """What a process was started with; nothing of one that has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
