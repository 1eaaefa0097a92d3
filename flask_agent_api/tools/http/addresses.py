"""Which addresses a host has, and which of them belong to everybody."""

from __future__ import annotations

import ipaddress
import socket
from ipaddress import IPv4Address
from ipaddress import IPv6Address

from ...errors import ToolError

_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "100.64.0.0/10",  # shared by providers' customers; Alibaba's metadata
            "168.63.129.16/32",  # Azure's metadata, which looks public
            "192.0.0.0/24",  # Oracle's metadata among others
            "192.88.99.0/24",
            "2001::/23",  # protocols, Teredo among them
            "2001:db8::/32",
            "2002::/16",  # 6to4: an IPv4 address in disguise, with no use left
            "3fff::/20",
        ),
    )
)


def is_public(address: str) -> bool:
    """Whether an address is reached through the internet, as anybody would: no machine or network of the operator's.

    IPv4 addresses inside IPv6 ones count as themselves.
    """
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, IPv6Address):
        inner = _inner(parsed)
        if inner is None and parsed not in _PUBLIC_V6:
            return False
        parsed = inner or parsed
    if parsed.is_multicast or parsed.is_reserved or any(parsed in network for network in _SPECIAL):
        return False
    return parsed.is_global


def _inner(address: IPv6Address) -> IPv4Address | None:
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


def addresses_of(host: str, port: int) -> list[str]:
    """The addresses of a host, each once, the system's favourite first.

    Under gevent its own resolver is asked, which does not hold up the hub. Raises :class:`ToolError` if there are none.
    """
    try:
        return [str(ipaddress.ip_address(host))]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ToolError(f"there is no host {host}, or it cannot be looked up now") from None
    addresses = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    if not addresses:
        raise ToolError(f"the host {host} has no address")
    return list(addresses)
