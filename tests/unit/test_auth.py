from __future__ import annotations

from typing import Any

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from flask_agent_api.context import ANONYMOUS
from flask_agent_api.context import Principal
from flask_agent_api.errors import AccessDenied
from flask_agent_api.errors import AuthenticationError
from flask_agent_api.web.auth import Door
from flask_agent_api.web.keyring import Keyring
from flask_agent_api.web.this_machine import Places

KEY = "key-0123456789abcdef"
OTHER = "other-0123456789abcdef"


def request(address: str = "127.0.0.1", path: str = "/v1/models", **headers: str) -> Request:
    builder = EnvironBuilder(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    return Request({**builder.get_environ(), "REMOTE_ADDR": address})


def raw(authorization: bytes) -> Request:
    """A request with these bytes in its header, as a WSGI server passes them on."""
    built = request("203.0.113.9")
    built.environ["HTTP_AUTHORIZATION"] = authorization.decode("latin-1")
    return Request(built.environ)


def keyed(*keys: str, **options: Any) -> Door:
    places = Places(options.get("hosts", ()), options.get("origins", ()))
    return Door(Keyring(keys), options.get("authenticate"), options.get("insecure", False), places)


@pytest.mark.parametrize("key", [KEY, OTHER])
@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_each_key_lets_in_whatever_the_case_of_the_scheme(key: str, scheme: str) -> None:
    principal = keyed(KEY, OTHER).principal(raw(f"{scheme}{key} ".encode()))
    assert principal.id.startswith("key:")
    assert key not in repr(principal)


def test_keys_have_names_of_their_own() -> None:
    door = keyed(KEY, OTHER)
    assert door.principal(raw(f"Bearer {KEY}".encode())) != door.principal(raw(f"Bearer {OTHER}".encode()))


@pytest.mark.parametrize(
    "authorization",
    [
        "", "Bearer", "Bearer ", f"Bearer {KEY[:-1]}", f"Bearer {KEY}x", f"Bearer {KEY.upper()}", KEY, f"Basic {KEY}",
        f"Token {KEY}", f"Bearer{KEY}", f"Bearer {KEY},Bearer {KEY}", f"Bearer {KEY}, Bearer {OTHER}", "Bearer é",
        f"Bearer {KEY}\xa0",
    ],
)  # fmt: skip
@pytest.mark.parametrize("insecure", [True, False])
def test_anything_else_is_refused_even_from_this_machine(authorization: str, insecure: bool) -> None:
    with pytest.raises(AuthenticationError):
        keyed(KEY, insecure=insecure).principal(request(Authorization=authorization))


def test_other_places_for_a_key_are_ignored() -> None:
    with pytest.raises(AuthenticationError):
        keyed(KEY).principal(request(path=f"/v1/models?api_key={KEY}&key={KEY}", x_api_key=KEY, api_key=KEY))


@pytest.mark.parametrize("key", ["clé-0123456789abcdé", "clé-0123456789abcdà"])
def test_latin_1_and_utf_8_forms_of_a_key_name_the_same_caller(key: str) -> None:
    door = keyed(key)
    utf8, latin1 = (door.principal(raw(f"Bearer {key}".encode(encoding))) for encoding in ("utf-8", "latin-1"))
    assert utf8 == latin1


def test_key_beyond_latin_1() -> None:
    door = keyed("ключ-0123456789abcdef")
    assert door.principal(raw("Bearer ключ-0123456789abcdef".encode())).id.startswith("key:")
    with pytest.raises(AuthenticationError):
        door.principal(raw(b"Bearer ????-0123456789abcdef"))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_without_keys_this_machine_is_served(address: str) -> None:
    assert keyed().principal(request(address)) is ANONYMOUS
    assert keyed().principal(request(address, Authorization="Bearer sk-anything")) is ANONYMOUS


@pytest.mark.parametrize("address", ["", "10.0.0.1", "203.0.113.9", "::", "0.0.0.0", "::ffff:10.0.0.1", "localhost"])
def test_without_keys_others_are_refused(address: str) -> None:
    with pytest.raises(AccessDenied, match="AGENT_API_INSECURE_NO_AUTH"):
        keyed().principal(request(address))
    assert keyed(insecure=True).principal(request(address)) is ANONYMOUS


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"]
)
def test_without_keys_what_a_proxy_forwarded_is_refused(header: str) -> None:
    with pytest.raises(AccessDenied, match="AGENT_API_INSECURE_NO_AUTH"):
        keyed().principal(request(**{header: ""}))


@pytest.mark.parametrize("origin", ["http://evil.example:8000", "https://localhost.evil.example", "null", "http://["])
def test_without_keys_pages_from_elsewhere_are_refused(origin: str) -> None:
    with pytest.raises(AccessDenied):
        keyed().principal(request(Origin=origin))


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:5", "http://a.localhost"]
)
def test_without_keys_pages_from_this_machine_are_served(origin: str) -> None:
    assert keyed().principal(request(Origin=origin)) is ANONYMOUS


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:80", "a.localhost", "LOCALHOST", ""])
def test_without_keys_this_machines_own_names_are_served(host: str) -> None:
    assert keyed().principal(request(Host=host)) is ANONYMOUS


@pytest.mark.parametrize(
    "host",
    [
        "evil.example:8000", "localhost.evil.example", "10.0.0.1", "x/#", "localhost/#", "a@localhost", "[::1", "::1",
        "localhost:8000, evil.example", "evil.example#localhost", " ",
    ],
)  # fmt: skip
def test_a_name_that_was_made_to_resolve_to_this_machine_is_refused(host: str) -> None:
    with pytest.raises(AccessDenied, match="AGENT_API_ALLOWED_HOSTS"):
        keyed().principal(request(Host=host, Origin=f"http://{host}"))
    with pytest.raises(AccessDenied, match="AGENT_API_ALLOWED_HOSTS"):
        keyed(insecure=True, hosts=["agents.example"]).principal(request("203.0.113.9", Host=host))
    assert keyed(insecure=True).principal(request(Host=host)) is ANONYMOUS
    assert keyed(KEY).principal(request(Host=host, Authorization=f"Bearer {KEY}")).id.startswith("key:")


def test_listed_hosts_and_origins_are_as_good_as_this_machine() -> None:
    door = keyed(hosts=["agents.example"], origins=["https://chat.example.com"])
    assert door.principal(request(Host="Agents.Example:8000", Origin="http://agents.example:8000")) is ANONYMOUS
    assert door.principal(request(Origin="https://chat.example.com")) is ANONYMOUS
    for origin in ("https://chat.example.com:444", "http://chat.example.com", "https://other.example"):
        with pytest.raises(AccessDenied, match="AGENT_API_CORS_ORIGINS"):
            door.principal(request(Origin=origin))
    with pytest.raises(AccessDenied, match="AGENT_API_KEYS"):
        door.principal(request("10.0.0.1", Host="agents.example"))


def test_authenticate_comes_first_and_keys_beside_it() -> None:
    ada = Principal("ada")
    door = keyed(KEY, authenticate=lambda request: ada if "Cookie" in request.headers else None)
    assert door.principal(request("203.0.113.9", Cookie="x")) is ada
    assert door.principal(request(Cookie="x", Authorization=f"Bearer {KEY}")) is ada
    assert door.principal(request(Authorization=f"Bearer {KEY}")).id.startswith("key:")
    with pytest.raises(AuthenticationError):
        door.principal(request(Authorization="Bearer wrong"))


@pytest.mark.parametrize("insecure", [True, False])
def test_authenticate_alone_makes_nobody_anonymous(insecure: bool) -> None:
    with pytest.raises(AuthenticationError):
        keyed(authenticate=lambda request: None, insecure=insecure).principal(request())


@pytest.mark.parametrize("user", [True, False, "ada", object()])
def test_authenticate_must_return_a_principal(user: object) -> None:
    with pytest.raises(TypeError, match="Principal"):
        keyed(authenticate=lambda request: user).principal(request())
