"""A real nginx with the configuration that operators are given."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType

import pytest

from ..ports import free_port
from ..ports import listens
from ..waiting import wait_until

CONF = Path(__file__).parents[2] / "examples" / "deploy" / "nginx.conf"
OUTER = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ }}
http {{
access_log off;
{temp}
{conf}
}}
"""
KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


class Nginx:
    """nginx in front of the Unix socket ``upstream``, with ``examples/deploy/nginx.conf`` but for what ``left_out`` is.

    It listens on ``port`` as well as, with TLS, on ``tls_port``.
    """

    def __init__(self, folder: Path, upstream: Path, *, left_out: str = "") -> None:
        program = shutil.which("nginx") or "/usr/sbin/nginx"
        if not Path(program).exists():
            pytest.skip("needs nginx")
        self.port, self.tls_port = free_port(), free_port()
        conf = self._adapted(CONF.read_text(), folder, upstream)
        assert left_out in conf
        temp = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in KINDS)
        user = "user root;" if os.geteuid() == 0 else ""
        path = folder / "nginx.conf"
        path.write_text(OUTER.format(folder=folder, user=user, temp=temp, conf=conf.replace(left_out, "")))
        self._process = subprocess.Popen([program, "-c", str(path), "-e", str(folder / "error.log")])

    def _adapted(self, conf: str, folder: Path, upstream: Path) -> str:
        """The configuration with this test's addresses; each that is replaced must be there."""
        certificate = ["-subj", "/CN=localhost", "-keyout", f"{folder}/key", "-out", f"{folder}/crt", "-days", "2"]
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        subprocess.run([*command, *certificate], check=True, capture_output=True)
        listen = f"listen 127.0.0.1:{self.port}; listen 127.0.0.1:{self.tls_port} ssl http2;"
        for given, ours in {
            "unix:/run/agents/gunicorn.sock": f"unix:{upstream}",
            "listen 443 ssl http2;": listen,
            "/etc/nginx/agents.crt": f"{folder}/crt",
            "/etc/nginx/agents.key": f"{folder}/key",
        }.items():
            assert given in conf
            conf = conf.replace(given, ours)
        return conf

    def __enter__(self) -> Nginx:
        wait_until(lambda: listens(self.port))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(10)
