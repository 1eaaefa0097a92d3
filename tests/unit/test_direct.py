"""When pieces of a stream go straight to the client's socket."""

from __future__ import annotations

import threading

from flask_agent_api.web.direct import direct_writer


class Server(threading.Thread):
    """Calls us from as far up as uWSGI does, which calls from C: there are fewer frames than of gunicorn alone."""

    found: object = "nothing yet"

    def run(self) -> None:
        self.found = direct_writer({"SERVER_PROTOCOL": "HTTP/1.1"})


def test_servers_that_call_from_c_have_no_frames_to_look_at() -> None:
    server = Server()
    server.start()
    server.join(5)
    assert server.found is None
