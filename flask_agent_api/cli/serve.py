"""``serve``: gunicorn with the gevent worker, in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from typing import TYPE_CHECKING

import click

from .. import metrics_folder
from ..concurrency import patch_all
from ..errors import ConfigError
from .code_reload import code_watch
from .code_reload import in_another_process
from .env_file import load_env_file

if TYPE_CHECKING:
    from flask import Flask


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@click.option("-a", "--agent", metavar="NAME", help="Serve only this agent.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("-p", "--port", default=8083, show_default=True, type=click.IntRange(0, 65535), envvar="PORT",
              help="Port to listen on.")  # fmt: skip
@click.option("-w", "--workers", default=1, show_default=True, type=click.IntRange(1), envvar="WEB_CONCURRENCY",
              help="Worker processes.")  # fmt: skip
@click.option("--reload", is_flag=True, help="Take over agent files, and code, that are edited.")
@click.option("--env-file", type=click.Path(exists=True, dir_okay=False), help="Read KEY=VALUE lines first.")
@click.option("--insecure-no-auth", is_flag=True, help="Serve other machines without keys.")
def serve(
    paths: tuple[str, ...],
    agent: str | None,
    host: str,
    port: int,
    workers: int,
    reload: bool,
    env_file: str | None,
    insecure_no_auth: bool,
) -> None:
    """Serve agents at http://HOST:PORT/v1."""
    if "flask" not in sys.modules:
        patch_all()
    if env_file:
        load_env_file(env_file)
    metrics_folder.prepare()
    config = {"AGENT_API_INSECURE_NO_AUTH": True} if insecure_no_auth else {}
    config |= {"AGENT_API_RELOAD": True} if reload else {}

    def make() -> Flask:
        from .apps import make_app

        return make_app(paths, agent, config)

    def prepare() -> Flask:
        app = make()
        _require_agents(app)
        _require_keys(app, host)
        _announce(app, host, port)
        return app

    if reload:
        in_another_process(prepare)
        _run_gunicorn(make, host, port, workers, preload=False, watch=code_watch(paths))
    else:
        app = prepare()
        _run_gunicorn(lambda: app, host, port, workers, preload=True)


def _require_agents(app: Flask) -> None:
    """Here all agents are known, so options for one that does not exist are a mistake."""
    from .apps import service_of

    for message in service_of(app).unknown_agents():
        raise ConfigError(message)


def _require_keys(app: Flask, host: str) -> None:
    from .apps import service_of

    if host in {"127.0.0.1", "::1", "localhost"} or not service_of(app).door.lacks_keys:
        return
    raise click.UsageError(
        f"Without keys, {host} would let everybody in. Make one with `flask-agent-api keys new NAME` and set "
        "FLASK_AGENT_API_KEYS, or add --insecure-no-auth."
    )


def _announce(app: Flask, host: str, port: int) -> None:
    from .apps import described
    from .apps import service_of

    shown = f"[{host}]" if ":" in host else host
    click.echo(f"Serving at {click.style(f'http://{shown}:{port}/v1', bold=True)}")
    for line in described(service_of(app).registry):
        click.echo(f"  {line}")
    sys.stdout.flush()


def _run_gunicorn(
    load: Callable[[], Flask], host: str, port: int, workers: int, *, preload: bool,
    watch: Callable[[object], None] | None = None,
) -> None:  # fmt: skip
    """Runs until a signal ends it. ``load`` makes the app: here, for all workers, or without ``preload`` in each.

    ``watch`` is called in each worker.
    """
    from gunicorn.app.base import BaseApplication

    from ..gunicorn_worker import tune

    def post_worker_init(worker: Any) -> None:
        tune(worker)
        if watch is not None:
            watch(worker)

    options: dict[str, Any] = {
        "bind": f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        "workers": workers,
        "worker_class": "gevent",
        "worker_connections": 4500,
        "graceful_timeout": 25,
        "loglevel": "warning",
        "proc_name": "flask-agent-api",
        "control_socket_disable": True,
        "preload_app": preload,
        "post_worker_init": post_worker_init,
        "child_exit": lambda server, worker: metrics_folder.worker_ended(worker.pid),
        "on_exit": lambda server: metrics_folder.remove(),
    }

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in options.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> Flask:
            return load()

    Server().run()
