"""What the tests of tools that make requests share."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from flask_agent_api.tools.http import client

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class Names:
    """A name service: ``known`` has the addresses that each look at a name finds, the last ones from then on."""

    def __init__(self, **known: list[list[str]]) -> None:
        self.known = known
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, **options: Any) -> list[Any]:
        self.asked.append(host)
        answers = self.known.get(host.replace(".", "_"))
        if not answers:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port)) for each in found]


def use_names(monkeypatch: pytest.MonkeyPatch, **known: list[list[str]]) -> Names:
    """Answers for the system's name service: ``public_test=[["127.0.0.1"]]`` is what public.test has."""
    names = Names(**known)
    monkeypatch.setattr("flask_agent_api.tools.http.addresses.socket.getaddrinfo", names)
    return names


def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what the environment says of proxies."""
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def this_machine_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real rules, but for 127.0.0.1, which stands for the internet."""
    real: Callable[[str], bool] = client.is_public
    monkeypatch.setattr(client, "is_public", lambda address: address == "127.0.0.1" or real(address))
