"""A real redis-server of the tests' own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.ports import free_port
from tests.ports import listens
from tests.waiting import wait_until


class RedisServer:
    """A redis-server that keeps what it has in ``folder``; ``options`` are those of its command line."""

    def __init__(self, folder: Path, *options: str, password: str = "", port: int = 0) -> None:
        self.program = shutil.which("redis-server")
        if not self.program:
            if os.environ.get("NEEDS_REDIS"):
                pytest.fail("there is no redis-server")
            pytest.skip("needs a redis-server")
        self.port = port or free_port()
        self.socket = folder / "redis.sock"
        self.folder = folder
        self.options = [*options, *(["--requirepass", password] if password else [])]
        self.url = f"redis://{f':{password}@' if password else ''}127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Starts it, again after :meth:`stop` or :meth:`kill`, and waits until it answers."""
        where = ["--port", str(self.port), "--unixsocket", str(self.socket), "--bind", "127.0.0.1"]
        files = ["--dir", str(self.folder), "--save", "", "--loglevel", "warning"]
        self.process = subprocess.Popen([str(self.program), *where, *files, *self.options], stdout=subprocess.DEVNULL)
        wait_until(lambda: listens(self.port))
        wait_until(lambda: "LOADING" not in self.ask("EXISTS", "x"))

    def ask(self, *command: str | bytes) -> str:
        """What redis-cli says to a command."""
        run = ["redis-cli", "-u", self.url, "--no-auth-warning", *command]
        return subprocess.run(run, capture_output=True, check=True, text=True).stdout.strip()

    def stop(self) -> None:
        """Ends it in good order."""
        self.process.terminate()
        self.process.wait(10)

    def kill(self) -> None:
        """Ends it at once, with nothing written any more."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)
