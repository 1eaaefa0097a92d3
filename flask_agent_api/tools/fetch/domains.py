"""Patterns of hosts: which may be fetched from, and which may not."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from ipaddress import IPv6Network

from ...errors import ToolError


@dataclass(frozen=True, slots=True)
class Domain:
    """One pattern: a name with what is below it, only what is below it, or a range of addresses."""

    name: str = ""
    below_only: bool = False
    network: IPv4Network | IPv6Network | None = None

    @classmethod
    def parse(cls, text: str) -> Domain:
        """``example.com``, ``.example.com`` or ``*.example.com``, an address, or a range like ``10.0.0.0/8``.

        Raises ValueError for anything else, with what is wrong.
        """
        pattern = text.strip().lower().removesuffix(".")
        try:
            network = ipaddress.ip_network(pattern.strip("[]"), strict=False)
            inner = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
            return cls(network=ipaddress.ip_network(inner) if inner and network.prefixlen == 128 else network)
        except ValueError:
            pass
        below_only = pattern.startswith(("*.", "."))
        name = pattern.removeprefix("*").removeprefix(".")
        if not name or any(character in name for character in "*/:@ "):
            raise ValueError("expected a domain, `*.` and a domain, an IP address or a range of them")
        return cls(name if name.isascii() else name.encode("idna").decode(), below_only)

    def matches(self, host: str) -> bool:
        """Whether a host, as URLs have it here, is meant."""
        if self.network is None:
            return host.endswith(f".{self.name}") or (host == self.name and not self.below_only)
        try:
            return ipaddress.ip_address(host) in self.network
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class DomainRules:
    """``allowed``, if there are any, are the only hosts; ``blocked`` are none."""

    allowed: Sequence[Domain] = ()
    blocked: Sequence[Domain] = ()

    def check(self, host: str) -> None:
        """Raises :class:`ToolError` for a host that may not be asked."""
        if any(domain.matches(host) for domain in self.blocked):
            raise ToolError(f'URL host "{host}" is blocked by blocked_domains')
        if self.allowed and not any(domain.matches(host) for domain in self.allowed):
            raise ToolError(f'URL host "{host}" is not in allowed_domains')
