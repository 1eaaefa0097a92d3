"""What a platform's environment says about where conversations are kept."""

from __future__ import annotations

import pytest

from flask_agent_api.once import warn_once
from flask_agent_api.settings import Settings

LOST = "lost at each restart"
APART = "conversations of its own"
REDIS = "redis://h:6379/0"


@pytest.fixture(autouse=True)
def _nothing_was_warned_of_yet() -> None:
    warn_once.cache_clear()


def store(**environ: str) -> str:
    return Settings.from_mapping({}, environ).store


@pytest.mark.parametrize(
    ("environ", "warned"),
    [
        ({"DYNO": "web.1"}, LOST),
        ({"DYNO": "web.1", "FLASK_AGENT_API_STORE": "sqlite:///kept.db"}, LOST),
        ({"DYNO": "web.1", "FLASK_AGENT_API_STORE": "memory://"}, LOST),
        ({"DYNO": "web.1", "REDIS_URL": REDIS}, ""),
        ({"DYNO": "web.1", "FLASK_AGENT_API_STORE": REDIS}, ""),
        ({"WEB_CONCURRENCY": "2", "FLASK_AGENT_API_STORE": "memory://"}, APART),
        ({"WEB_CONCURRENCY": "1", "FLASK_AGENT_API_STORE": "memory://"}, ""),
        ({"WEB_CONCURRENCY": "many", "FLASK_AGENT_API_STORE": "memory://"}, ""),
        ({"WEB_CONCURRENCY": "2"}, ""),
        ({}, ""),
    ],
)
def test_what_does_not_last_is_warned_of_once(
    environ: dict[str, str], warned: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        store(**environ)
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == bool(warned)
    assert all(warned in message for message in warnings)


def test_certificates_of_a_dynos_redis_are_not_checked_unless_its_url_says_how(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    url = "rediss://:sesame@h:6380"
    assert store(DYNO="web.1", REDIS_URL=url) == f"{url}?ssl_cert_reqs=none"
    assert "is not checked" in caplog.text
    assert "sesame" not in caplog.text
    for environ in (
        {"REDIS_URL": url},
        {"DYNO": "web.1", "FLASK_AGENT_API_STORE": url},
        {"DYNO": "web.1", "REDIS_URL": f"{url}?ssl_ca_certs=/ca.pem"},
        {"DYNO": "web.1", "REDIS_URL": REDIS},
    ):
        assert store(**environ) == environ.get("FLASK_AGENT_API_STORE", environ.get("REDIS_URL"))
