"""Where conversations are kept on a platform: in the Redis that it offers, or on a disk that does not last."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from .once import warn_once

logger = logging.getLogger("flask_agent_api.conversations")

_REDIS = ("redis:", "rediss:", "unix:")


def is_redis(url: str) -> bool:
    """Whether a URL of a store means a Redis."""
    return url.startswith(_REDIS)


def has_redis() -> bool:
    """Whether the package for it is installed."""
    return importlib.util.find_spec("redis") is not None


def platform_store(environ: Mapping[str, str]) -> str:
    """The store that a platform offers: ``REDIS_URL``, where the extra is installed. A warning says where it is not.

    Heroku's Redis signs its certificates itself, so on a dyno they are not checked, unless the URL's query says how.
    """
    url = environ.get("REDIS_URL", "").strip()
    if not is_redis(url):
        return ""
    if not has_redis():
        warn_once(logger, "REDIS_URL is not used for conversations: that needs pip install 'flask-agent-api[redis]'")
        return ""
    if on_dyno(environ) and url.startswith("rediss:") and not urlsplit(url).query:
        logger.info("The certificate of REDIS_URL is not checked, since Heroku's Redis signs its own")
        return f"{url}?ssl_cert_reqs=none"
    return url


def warn_if_it_does_not_last(store: str, environ: Mapping[str, str]) -> None:
    """Says of a store what the environment tells about it: a disk that is wiped, memory that workers do not share."""
    if on_dyno(environ) and not is_redis(store):
        warn_once(
            logger,
            "Conversations are lost at each restart of this dyno, and other dynos do not see them: its disk does not "
            "last. Add a Redis, whose REDIS_URL is then used, or set AGENT_API_STORE",
        )
    elif store.startswith("memory:") and _workers(environ) > 1:
        warn_once(
            logger,
            "AGENT_API_STORE is memory://, so each worker has conversations of its own. With more than one worker use "
            "sqlite:///conversations.sqlite3 or a Redis",
        )


def on_dyno(environ: Mapping[str, str]) -> bool:
    """Whether this is a dyno of Heroku, or of a platform that does as Heroku does."""
    return bool(environ.get("DYNO"))


def _workers(environ: Mapping[str, str]) -> int:
    text = environ.get("WEB_CONCURRENCY", "").strip()
    return int(text) if text.isdecimal() else 1
