from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import flask
import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.once import warn_once
from flask_agent_api.settings import Settings

KEY = "0123456789abcdef"
OTHER_KEY = "fedcba9876543210"


def read(config: dict[str, Any] | None = None, **environ: str) -> Settings:
    return Settings.from_mapping(config or {}, environ)


def test_defaults_need_neither_config_nor_environment() -> None:
    settings = read()
    assert (settings.keys, settings.max_model_calls, settings.run_timeout) == ((), 25, 300.0)


def test_environment_is_read_for_keys_that_config_leaves_out() -> None:
    settings = read({"AGENT_API_MAX_MODEL_CALLS": 3}, FLASK_AGENT_API_MAX_TOOL_CALLS="4")
    assert (settings.max_model_calls, settings.max_tool_calls) == (3, 4)


@pytest.mark.parametrize("value", ["7", 7])
def test_config_wins_over_environment(value: object) -> None:
    assert read({"AGENT_API_MAX_MODEL_CALLS": value}, FLASK_AGENT_API_MAX_MODEL_CALLS="9").max_model_calls == 7


def test_config_of_none_leaves_the_key_to_the_environment() -> None:
    assert read({"AGENT_API_MAX_MODEL_CALLS": None}, FLASK_AGENT_API_MAX_MODEL_CALLS="9").max_model_calls == 9


def test_other_keys_of_the_app_are_left_alone() -> None:
    assert read({"SECRET_KEY": "x", "AGENT": "y"}, FLASK_DEBUG="1", AGENT_API_KEYS="short") == Settings()


@pytest.mark.parametrize("text", ["1234567890123456", "12345678901234e5", "1234567890.12345000", "-1234567890123456"])
def test_key_that_flask_read_as_a_number_is_the_text_of_the_environment(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_AGENT_API_KEYS", text)
    app = flask.Flask(__name__)
    app.config.from_prefixed_env()
    assert not isinstance(app.config["AGENT_API_KEYS"], str)
    assert Settings.from_mapping(app.config).keys == (text,)


@pytest.mark.parametrize("value", [1234567890123456, 1234567890123456.5])
def test_number_that_the_app_set_itself_wins_over_the_environment(value: float) -> None:
    assert read({"AGENT_API_KEYS": value}, FLASK_AGENT_API_KEYS="9999999999999999").keys == (str(value),)


@pytest.mark.parametrize("text", ["no json", "{", '"9"'])
def test_number_in_config_wins_over_text_that_is_no_number(text: str) -> None:
    assert read({"AGENT_API_MAX_MODEL_CALLS": 3}, FLASK_AGENT_API_MAX_MODEL_CALLS=text).max_model_calls == 3


@pytest.mark.parametrize(
    "value", [f"{KEY}, {OTHER_KEY},", [KEY, OTHER_KEY], (KEY, f" {OTHER_KEY} ", ""), f"\n{KEY},{OTHER_KEY}\n"]
)
def test_keys_are_a_list_or_comma_separated(value: object) -> None:
    assert read({"AGENT_API_KEYS": value}).keys == (KEY, OTHER_KEY)


def test_short_key_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ConfigError, match=r"AGENT_API_KEYS: key 2 of 3 is shorter than 16 characters") as caught:
        read({"AGENT_API_KEYS": [KEY, "hunter2hunter2!", OTHER_KEY]})
    assert "hunter2" not in f"{caught.value}{caught.value.__cause__}"
    assert "flask-agent-api keys new" in str(caught.value)


def test_keys_are_not_in_the_repr() -> None:
    settings = read({"AGENT_API_KEYS": KEY, "AGENT_API_GATEWAY_KEY": OTHER_KEY})
    assert (settings.keys, settings.gateway_key) == ((KEY,), OTHER_KEY)
    assert KEY not in repr(settings)
    assert OTHER_KEY not in repr(settings)


def test_sources_are_split_but_paths_and_objects_are_not() -> None:
    agent, path = object(), Path("a,b.yaml")
    assert read({"AGENT_API_AGENTS": "a.yaml, b"}).agents == ("a.yaml", "b")
    assert read({"AGENT_API_AGENTS": path}).agents == (path,)
    assert read({"AGENT_API_AGENTS": ["a.yaml", agent]}).agents == ("a.yaml", agent)
    assert read({"AGENT_API_AGENTS": agent}).agents == (agent,)


@pytest.mark.parametrize(
    ("expected", "values"),
    [(True, ["1", "true", "YES", " on ", True, 1]), (False, ["0", "false", "No", "off", "", False, 0])],
)
def test_switches(expected: bool, values: list[object]) -> None:
    read_values = [read({"AGENT_API_INSECURE_NO_AUTH": each}).insecure_no_auth for each in values]
    assert read_values == [expected] * len(values)


@pytest.mark.parametrize("url", ["", "http://localhost:4000/v1", "https://gateway.example/v1", " https://a.example "])
def test_gateway_is_a_url(url: str) -> None:
    assert read({"AGENT_API_GATEWAY": url}).gateway == url.strip()


@pytest.mark.parametrize("url", ["localhost:4000", "gateway.example/v1", "ftp://a.example", "https://", "http://[x"])
def test_gateway_that_is_no_http_url_is_an_error(url: str) -> None:
    with pytest.raises(ConfigError, match="AGENT_API_GATEWAY"):
        read({"AGENT_API_GATEWAY": url})


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("INSECURE_NO_AUTH", "maybe", "true or false"),
        ("UNKNOWN_MODEL", "ignore", "default, error"),
        ("TOOL_TIMEOUT", 0, "above 0"),
        ("TOOL_TIMEOUT", "inf", "above 0"),
        ("TOOL_TIMEOUT", "nan", "above 0"),
        ("TOOL_TIMEOUT", "soon", "soon"),
        ("MAX_MODEL_CALLS", 0, "1 or more"),
        ("MAX_MODEL_CALLS", True, "whole number"),
        ("MODEL_RETRIES", -1, "whole number"),
        ("MODEL_RETRIES", 1.5, "whole number"),
        ("MODEL_RETRIES", [1], "whole number"),
    ],
)
@pytest.mark.parametrize("from_environment", [False, True])
def test_bad_value_is_an_error_that_names_the_key(name: str, value: object, says: str, from_environment: bool) -> None:
    config = {} if from_environment else {f"AGENT_API_{name}": value}
    environ = {f"FLASK_AGENT_API_{name}": str(value)} if from_environment else {}
    with pytest.raises(ConfigError, match=f"AGENT_API_{name}: .*{says}"):
        read(config, **environ)


@pytest.mark.parametrize(
    ("config", "environ"), [({"AGENT_API_KEY": KEY}, {}), ({}, {"FLASK_AGENT_API_KEY": KEY})], ids=["config", "environ"]
)
def test_unknown_key_is_an_error_that_names_the_nearest(config: dict[str, Any], environ: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"AGENT_API_KEY; did you mean AGENT_API_KEYS\?") as caught:
        read(config, **environ)
    assert KEY not in str(caught.value)


def test_unknown_key_that_is_like_no_other_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"Unknown setting AGENT_API_ZZZ$"):
        read({"AGENT_API_ZZZ": 1})


@pytest.mark.parametrize("value", [{"temperature": 0, "seed": None}, '{"temperature": 0, "seed": null}'])
def test_pinned_parameters_are_a_json_object(value: object) -> None:
    assert read({"AGENT_API_PARAMS": value}).params == {"temperature": 0, "seed": None}


def test_forbidden_parameters_are_names() -> None:
    settings = read({"AGENT_API_FORBID_PARAMS": "seed, image_url", "AGENT_API_AGENT_OPTIONS": OPTIONS})
    assert settings.forbid_params == ("seed", "image_url")
    assert settings.for_agent("free").forbid_params == ()
    assert settings.for_agent("free").params == {"top_p": 0.5}


def test_limits_of_commands() -> None:
    assert Settings().command_limits == {"file_size": 4096}
    assert Settings.from_mapping({"AGENT_API_COMMAND_LIMITS": '{"cpu": "60"}'}, {}).command_limits == {"cpu": 60}
    assert Settings.from_mapping({"AGENT_API_COMMAND_LIMITS": "{}"}, {}).command_limits == {}
    with pytest.raises(ConfigError, match="did you mean 'memory'"):
        Settings.from_mapping({"AGENT_API_COMMAND_LIMITS": '{"memroy": 1}'}, {})
    with pytest.raises(ConfigError, match="expected 1 or more"):
        Settings.from_mapping({"AGENT_API_COMMAND_LIMITS": '{"cpu": 0}'}, {})


OPTIONS = {"free": {"forbid_params": "", "params": {"top_p": 0.5}}}


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PARAMS", {"temprature": 1}, "unknown parameter 'temprature'; did you mean 'temperature'?"),
        ("PARAMS", {"image_url": 1}, "unknown parameter 'image_url'"),
        ("PARAMS", "[1]", "expected a JSON object"),
        ("FORBID_PARAMS", "seed,max_token", "unknown parameter 'max_token'; did you mean 'max_tokens'?"),
        ("FORBID_PARAMS", "messages", "unknown parameter 'messages'"),
    ],
)
def test_what_is_no_parameter_can_be_neither_pinned_nor_forbidden(name: str, value: object, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"AGENT_API_{name}: {says}")):
        read({f"AGENT_API_{name}": value})


def test_headers_to_pass_on_are_names_in_lower_case() -> None:
    settings = Settings.from_mapping(
        {
            "AGENT_API_FORWARD_HEADERS": "X-User, authorization",
            "AGENT_API_AGENT_OPTIONS": {"root": {"forward_headers": "X-Other"}},
        },
        {},
    )
    assert settings.forward_headers == ("x-user", "authorization")
    assert settings.for_agent("root").forward_headers == ("x-other",)
    assert settings.ever_forwarded == {"x-user", "authorization", "x-other"}
    assert Settings().ever_forwarded == frozenset()


@pytest.mark.parametrize("names", ["X User", "*", "X-User: 1", "a,b;c"])
def test_what_is_no_name_of_a_header_cannot_be_passed_on(names: str) -> None:
    with pytest.raises(ConfigError, match="is no name of a header"):
        Settings.from_mapping({"AGENT_API_FORWARD_HEADERS": names}, {})


def test_options_of_an_agent_that_does_not_exist_name_the_nearest() -> None:
    settings = read({"AGENT_API_AGENT_OPTIONS": {"rot": {"run_timeout": 1}, "helper": {"run_timeout": 1}, "zz": {}}})
    assert settings.unknown_agents(["root", "helper"]) == [
        "Setting AGENT_API_AGENT_OPTIONS: there is no agent 'rot'; did you mean 'root'?",
        "Setting AGENT_API_AGENT_OPTIONS: there is no agent 'zz'",
    ]


def test_options_of_an_agent_are_read_like_settings() -> None:
    options = '{"team/root": {"run_timeout": "12", "activity_preview": 5}}'
    for settings in (
        Settings.from_mapping({"AGENT_API_AGENT_OPTIONS": json.loads(options), "AGENT_API_TOOL_TIMEOUT": 7}, {}),
        Settings.from_mapping({"AGENT_API_TOOL_TIMEOUT": 7}, {"FLASK_AGENT_API_AGENT_OPTIONS": options}),
    ):
        root = settings.for_agent("team/root")
        assert (root.run_timeout, root.activity_preview, root.tool_timeout) == (12.0, 5, 7.0)
        assert settings.for_agent("other") is settings


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ('{"root": {"run_timout": 1}}', "did you mean 'run_timeout'"),
        ('{"root": {"keys": "x"}}', "unknown option 'keys'"),
        ('{"root": {"run_timeout": 0}}', "run_timeout"),
        ('{"root": 1}', "expected a JSON object"),
        ("[1]", "expected a JSON object"),
        ("{", "AGENT_API_AGENT_OPTIONS"),
    ],
)
def test_wrong_option_of_an_agent_is_an_error_that_names_it(options: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        Settings.from_mapping({"AGENT_API_AGENT_OPTIONS": options}, {})


def test_the_redis_of_a_platform_is_the_store_unless_another_is_set() -> None:
    assert read(REDIS_URL="rediss://h:6380").store == "rediss://h:6380"
    assert read(REDIS_URL="rediss://h:6380", FLASK_AGENT_API_STORE="memory://").store == "memory://"
    assert read({"AGENT_API_STORE": "memory://"}, REDIS_URL="redis://h").store == "memory://"
    assert (read(REDIS_URL="").store, read(REDIS_URL="http://h").store) == ("", "")


def test_redis_without_its_package_is_an_error_only_where_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    warn_once.cache_clear()
    assert read(REDIS_URL="redis://:sesame@h").store == ""
    assert "flask-agent-api[redis]" in caplog.text
    with pytest.raises(ConfigError, match=re.escape("pip install 'flask-agent-api[redis]'")) as caught:
        read({"AGENT_API_STORE": "redis://:sesame@h"})
    assert "sesame" not in f"{caplog.text} {caught.value}"
