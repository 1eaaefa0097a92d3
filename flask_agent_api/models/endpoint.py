"""Where a model's calls go and with which headers, as the ``openai`` client says."""

from __future__ import annotations

import os
import sys
from typing import Any
from urllib.parse import parse_qsl
from urllib.parse import urlsplit

from ..errors import ConfigError
from ..errors import ModelUnavailable
from ..errors import NO_RETRY
from ..redaction import keep_secret
from ..redaction import keep_secrets
from ..redaction import keep_url
from .config import ModelConfig
from .route import Target

_KEY = "key-goes-here"
_OF_THE_CLIENT = "x-stainless-"
_OURS = {"host", "connection", "content-length", "accept-encoding", "user-agent"}


class Endpoint:
    """The URL and the headers of one model, for the calls of one ``path``. Building one opens no socket.

    Raises :class:`ConfigError` if the base URL or a header is wrong.
    """

    def __init__(self, config: ModelConfig, path: str = "/chat/completions") -> None:
        self._config = config
        keep_secrets(config.headers)
        keep_url(config.base_url)
        url, self._headers = _sample_request(config, path)
        self.target = Target.parse(url)
        self._head: tuple[str | None, bytes] = (None, b"")

    def head(self) -> bytes:
        """The request up to the length of its body.

        Raises :class:`ModelUnavailable` if the key is missing; it is read each time, so it may change.
        """
        key = self._key()
        if self._head[0] != key:
            self._head = (key, self._head_with(key))
        return self._head[1]

    def _key(self) -> str:
        config = self._config
        key = config.api_key or os.environ.get(config.token_key or "", "").strip()
        if key or config.key_optional or not config.token_key:
            return key
        message = f"The agent's model needs the environment variable {config.token_key}"
        raise ModelUnavailable(message, code="missing_api_key", headers=NO_RETRY)

    def _head_with(self, key: str) -> bytes:
        keep_secret(key)
        headers = {name: value.replace(_KEY, key) for name, value in self._headers.items() if key or _KEY not in value}
        try:
            return self.target.head(headers)
        except ValueError:
            source = self._config.token_key or "its configuration"
            message = f"The agent's model has a key or header that HTTP cannot carry, in {source}"
            raise ModelUnavailable(message, code="invalid_api_key_value", headers=NO_RETRY) from None


def _sample_request(config: ModelConfig, path: str) -> tuple[str, dict[str, str]]:
    """Lets an ``openai`` client make the request, and catches it where it would leave."""
    import openai

    # Version 2 of the client is built on httpx, version 3 on httpx2: take the one that it uses.
    http: Any = sys.modules[openai.DefaultHttpxClient.__mro__[1].__module__.partition(".")[0]]
    requests = []

    def catch(request: Any) -> Any:
        requests.append(request)
        return http.Response(200, json={})

    with http.Client(transport=http.MockTransport(catch)) as http_client:
        try:
            client = _client(config, http_client)
            client.post(path, body={"model": config.model}, cast_to=object)
        except (openai.OpenAIError, http.InvalidURL, ValueError) as exc:
            raise ConfigError(f"Model {config.name}: its base URL or one of its headers cannot be used") from exc
    return str(requests[0].url), _wanted(config, requests[0].headers) | {"user-agent": "flask-agent-api"}


def _client(config: ModelConfig, http_client: Any) -> Any:
    import openai

    parts = urlsplit(config.base_url)
    options: dict[str, Any] = {
        "api_key": _KEY,
        "http_client": http_client,
        "max_retries": 0,
        "default_headers": dict(config.headers),
        "default_query": dict(parse_qsl(parts.query)),
    }
    base_url = parts._replace(query="", fragment="").geturl()
    if config.provider == "azure":
        options["base_url" if parts.path.strip("/") else "azure_endpoint"] = base_url
        return openai.AzureOpenAI(api_version=config.api_version, **options)
    if config.provider != "openai":
        # OPENAI_CUSTOM_HEADERS is meant for OpenAI: its Authorization must not go elsewhere.
        options["default_headers"] = {"Authorization": f"Bearer {_KEY}", **config.headers}
    return openai.OpenAI(base_url=base_url, **options)


def _wanted(config: ModelConfig, headers: Any) -> dict[str, str]:
    """The headers that say something: not those about the client's own machinery and the connection.

    Another provider than OpenAI gets none of what the environment has for OpenAI (organization, project, ...).
    """
    wanted = {name: value for name, value in headers.items() if name not in _OURS}
    if "api-key" in wanted and "authorization" not in {name.lower() for name in config.headers}:
        wanted.pop("authorization", None)  # Azure's header says it all; older clients send the key twice
    if config.provider in {"openai", "azure"}:
        return {name: value for name, value in wanted.items() if not name.startswith(_OF_THE_CLIENT)}
    known = {"accept", "content-type", "authorization", *(name.lower() for name in config.headers)}
    return {name: value for name, value in wanted.items() if name in known}
