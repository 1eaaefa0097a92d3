"""How settings are read: from the text of an environment variable, or from what a host app has set.

Each function returns the value that the setting has, and raises ValueError, or TypeError, for one that it cannot have.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .grants import GRANTS
from .keys import parse_key
from .mcp_stand_ins import parse_stand_ins
from .params import INPUTS
from .params import nearest
from .params import PARAMS
from .permissions import parse_rules
from .permissions import Permissions
from .platform_store import has_redis
from .platform_store import is_redis

COMMAND_LIMITS = ("cpu", "memory", "file_size", "open_files")
"""What a process of a command can be limited in."""

_HEADER_NAME = re.compile(r"[a-z0-9-]+")
_HOST_NAME = re.compile(r"[a-z0-9._-]{1,253}|[0-9a-f:.]{2,45}")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
_PORTS = {"http": ":80", "https": ":443"}


def text(value: object) -> str:
    return str(value).strip()


def texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list | tuple | set | frozenset) else str(value).split(",")
    return tuple(text for item in items if (text := str(item).strip()))


def keys(value: object) -> tuple[str, ...]:
    keys = texts(value)
    for number, key in enumerate(keys, 1):
        try:
            parse_key(key)
        except ValueError as exc:
            raise ValueError(f"key {number} of {len(keys)} {exc}") from None
    return keys


def url(value: object) -> str:
    url = text(value)
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("expected a URL that starts with http:// or https://")
    return url


def store(value: object) -> str:
    url = text(value)
    if is_redis(url) and not has_redis():
        raise ValueError("needs the package redis: pip install 'flask-agent-api[redis]'")
    return url


def model(value: object) -> str:
    name = text(value)
    provider, _, model = name.partition("/")
    if name and not (provider and model):
        raise ValueError("expected provider/model, for example openai/gpt-5-nano")
    return name


def sources(value: object) -> tuple[Any, ...]:
    if isinstance(value, str):
        return texts(value)
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def switch(value: object) -> bool:
    text = str(value).strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("expected true or false")


def switch_for(package: str, extra: str) -> Callable[[object], bool]:
    """A switch that only works where a package of one of our extras is installed."""

    def parse(value: object) -> bool:
        on = switch(value)
        if on and importlib.util.find_spec(package) is None:
            raise ValueError(f"needs a package that is not here: pip install 'flask-agent-api[{extra}]'")
        return on

    return parse


def seconds(value: object) -> float:
    seconds = float(str(value))
    if not 0 < seconds < float("inf"):
        raise ValueError("expected a number of seconds above 0")
    return seconds


def seconds_or_off(value: object) -> float:
    return 0.0 if str(value).strip() in {"0", "0.0"} else seconds(value)


def count(value: object) -> int:
    text = str(value).strip()
    if not text.isdecimal():
        raise ValueError("expected a whole number, 0 or more")
    return int(text)


def positive(value: object) -> int:
    if (number := count(value)) == 0:
        raise ValueError("expected 1 or more")
    return number


def choice(*names: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        text = str(value).strip().lower()
        if text not in names:
            raise ValueError(f"expected one of {', '.join(names)}")
        return text

    return parse


def json_object(value: object) -> Mapping[str, Any]:
    read = json.loads(value) if isinstance(value, str) and value.strip() else value or {}
    if not isinstance(read, Mapping) or not all(isinstance(key, str) for key in read):
        raise ValueError("expected a JSON object")
    return read


def params(value: object) -> Mapping[str, Any]:
    params = json_object(value)
    for name in params:
        if name not in PARAMS:
            raise ValueError(f"unknown parameter {name!r}{nearest(name, PARAMS)}")
    return params


def param_names(value: object) -> tuple[str, ...]:
    names, known = texts(value), [*PARAMS, *INPUTS]
    for name in names:
        if name not in known:
            raise ValueError(f"unknown parameter {name!r}{nearest(name, known)}")
    return names


def grants(value: object) -> tuple[str, ...]:
    names = texts(value)
    for name in names:
        if name != "*" and name not in GRANTS:
            raise ValueError(f"unknown word {name!r}{nearest(name, GRANTS)}. There are: {', '.join(GRANTS)}, *")
    return tuple(GRANTS) if "*" in names else tuple(dict.fromkeys(names))


def permissions(value: object) -> Permissions:
    if isinstance(value, Permissions):
        return value
    lists = json_object(value)
    for name, patterns in lists.items():
        if name not in {"allow", "ask", "deny"}:
            raise ValueError(f"unknown list {name!r}; there are allow, ask and deny")
        if not isinstance(patterns, list) or not all(isinstance(pattern, str) for pattern in patterns):
            raise ValueError(f"{name}: expected a list of texts")
    return Permissions(**{name: parse_rules(patterns) for name, patterns in lists.items()})


def command_limits(value: object) -> Mapping[str, int]:
    limits = json_object(value)
    for name in limits:
        if name not in COMMAND_LIMITS:
            raise ValueError(f"unknown limit {name!r}{nearest(name, COMMAND_LIMITS)}")
    return {name: positive(number) for name, number in limits.items()}


def mcp_servers(value: object) -> Mapping[str, Any]:
    return parse_stand_ins(json_object(value))


def header_names(value: object) -> tuple[str, ...]:
    names = tuple(name.lower() for name in texts(value))
    for name in names:
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a header")
    return names


def hosts(value: object) -> tuple[str, ...]:
    """Names of hosts without ports, an IPv6 address without its brackets."""
    names = tuple(name.lower().strip("[]") for name in texts(value))
    for name in names:
        if not _HOST_NAME.fullmatch(name):
            raise ValueError(f"{name!r}: expected the name of a host, without a port, for example agents.example.com")
    return names


def origins(value: object) -> tuple[str, ...]:
    """Origins as browsers send them: in lower case, and without a port that goes without saying."""
    lower = (origin.lower().rstrip("/") for origin in texts(value))
    origins = tuple(origin.removesuffix(_PORTS.get(origin.partition(":")[0], "/")) for origin in lower)
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r}: expected an origin, for example https://chat.example.com. Each is listed: there are no "
                "patterns, and `*` would let every page in"
            )
    return origins


def model_map(value: object) -> Mapping[str, str]:
    """Models by the model, or the pattern of models, that they replace; each as ``provider/model``."""
    table = {str(key): str(target) for key, target in json_object(value).items()}
    for key, target in table.items():
        for text in (key, target):
            if not all(text.partition("/")):
                raise ValueError(f"{text!r}: expected provider/model, for example openai/gpt-5-nano")
        if "*" in target:
            raise ValueError(f"{target!r}: a pattern can only be replaced, it is no model")
    return table
