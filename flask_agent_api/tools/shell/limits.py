"""What each process of a command may take of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

_OPTIONS = {"cpu": ("-t", 1), "memory": ("-v", 1024), "file_size": ("-f", 2048), "open_files": ("-n", 1)}


def limited(argv: Sequence[str], limits: Mapping[str, int]) -> Sequence[str]:
    """The command line that sets the limits of ``AGENT_API_COMMAND_LIMITS`` and then becomes ``argv``.

    A shell sets them: nothing of our own code can run in a child between fork and exec, where other threads may have
    held locks, and set from outside they would come late. POSIX knows ``-f`` alone, in blocks of 512 bytes; dash, bash
    and BusyBox know all four. A limit that the server itself has may be lower, and then stays.
    """
    if not limits:
        return argv
    lines = [_line(name, value) for name, value in limits.items()]
    return ("/bin/sh", "-c", "\n".join([*lines, 'exec "$@"']), "sh", *argv)


def _line(name: str, value: int) -> str:
    option, unit = _OPTIONS[name]
    return f"ulimit {option} {value * unit} 2>/dev/null"
