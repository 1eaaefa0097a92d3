"""What is filled in where, and what stays as it is."""

from __future__ import annotations

import pytest

from flask_agent_api.formats.placeholders import expand_inputs
from flask_agent_api.formats.placeholders import expand_path
from flask_agent_api.formats.placeholders import expand_templates
from flask_agent_api.formats.placeholders import expand_variables
from flask_agent_api.formats.placeholders import header_template

ENVIRON = {"TOKEN": "t0k", "EMPTY": "", "HOME": "/home/ann", "TRICK": "${env.TOKEN} $TOKEN", "HF_TOKEN": "hf"}


@pytest.mark.parametrize(
    ("text", "expanded", "missing"),
    [
        ("Bearer ${env.TOKEN}", "Bearer t0k", ()),
        ("${ env.TOKEN }", "t0k", ()),
        ("${env.GONE}!", "!", ("GONE",)),
        ("${env.GONE} ${env.GONE}", " ", ("GONE",)),
        ("${env.GONE || 'd'}", "d", ()),
        ('${env.GONE || "it\'s"}', "it's", ()),
        ("${env.GONE||''}", "", ()),
        ("${env.EMPTY || 'd'}", "d", ()),
        ("${env.GONE || env.TOKEN}", "t0k", ()),
        ("${env.GONE || env.EMPTY || `d` || 'e'}", "d", ()),
        ("${env.EMPTY || env.GONE}", "", ("GONE",)),
        ("${env.EMPTY}", "", ()),
        ("${env.TOKEN || 'd'}", "t0k", ()),
        ("${env.TRICK}", "${env.TOKEN} $TOKEN", ()),
        ("$TOKEN costs $5", "$TOKEN costs $5", ()),
    ],
)
def test_templates_are_filled_in(text: str, expanded: str, missing: tuple[str, ...]) -> None:
    result = expand_templates(text, ENVIRON)
    assert (result.text, result.missing, result.unknown) == (expanded, missing, ())


@pytest.mark.parametrize(
    "expression", ["${headers.AUTH}", "${1 + 1}", "${env.A ? 'x' : 'y'}", "${TOKEN}", "${env.A || f()}"]
)
def test_templates_keep_and_report_other_expressions(expression: str) -> None:
    result = expand_templates(f"a {expression} b", ENVIRON)
    assert result.text == f"a {expression} b"
    assert result.unknown == (expression,)


@pytest.mark.parametrize(
    ("text", "expanded", "missing"),
    [
        ("$TOKEN", "t0k", ()),
        ("${TOKEN}/x", "t0k/x", ()),
        ("${env.TOKEN}", "t0k", ()),
        ("$TOKENS", "", ("TOKENS",)),
        ("${GONE}", "", ("GONE",)),
        ("$EMPTY", "", ()),
        ("$5 and ${}", "$5 and ${}", ()),
        ("$TRICK", "${env.TOKEN} $TOKEN", ()),
    ],
)
def test_variables_are_filled_in(text: str, expanded: str, missing: tuple[str, ...]) -> None:
    result = expand_variables(text, ENVIRON)
    assert (result.text, result.missing) == (expanded, missing)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [("~", "/home/ann"), ("~/x", "/home/ann/x"), ("~bob/x", "~bob/x"), ("a~/b", "a~/b"), ("$HOME/x", "/home/ann/x")],
)
def test_paths_know_the_home_folder(text: str, expanded: str) -> None:
    assert expand_path(text, ENVIRON).text == expanded


@pytest.mark.parametrize(
    ("text", "expanded", "missing"),
    [
        ("Bearer ${input:hf-token}", "Bearer hf", ()),
        ("${input:hf_token}${input:hf-token}", "hfhf", ()),
        ("${input:other-key}", "", ("OTHER_KEY",)),
        ("${HF_TOKEN} $TOKEN", "${HF_TOKEN} $TOKEN", ()),
    ],
)
def test_inputs_come_from_the_environment(text: str, expanded: str, missing: tuple[str, ...]) -> None:
    result = expand_inputs(text, ENVIRON)
    assert (result.text, result.missing) == (expanded, missing)


@pytest.mark.parametrize(
    ("text", "headers", "filled"),
    [
        ("Bearer ${headers.X-Token}", {"x-token": "t"}, "Bearer t"),
        ("${ headers.token }", {"token": "t"}, "t"),
        ("${headers['X-Token']}/${headers[\"B\"]}", {"x-token": "t", "b": "u"}, "t/u"),
        ("${headers.A || 'none'}", {}, "none"),
        ("${headers.A || 'none'}", {"a": ""}, "none"),
        ("${headers.A || 'none'}", {"a": "1"}, "1"),
        ("x${headers.A}y", {"b": "1"}, "xy"),
        ("${headers.A}", {"a": "${headers.B}", "b": "no"}, "${headers.B}"),
    ],
)
def test_places_for_headers_are_filled_from_a_request(text: str, headers: dict[str, str], filled: str) -> None:
    template = header_template(text)
    assert template is not None
    assert template.fill(headers) == filled


def test_a_header_without_value_and_default_is_missing() -> None:
    template = header_template("${headers.A}${headers.B || 'b'}${headers.C}")
    assert template is not None
    assert (template.names, template.missing({"a": "1", "c": ""})) == (("a", "b", "c"), ("c",))


@pytest.mark.parametrize("text", ["plain", "${env.headers}", "${headers}", "${headers.A + 1}", "${headers.a b}"])
def test_other_texts_have_no_places_for_headers(text: str) -> None:
    assert header_template(text) is None
