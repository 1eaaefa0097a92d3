"""Prompts of commands: their placeholders, and the words that a user types behind their names."""

from __future__ import annotations

import pytest

from flask_agent_api.runtime.command import Command
from flask_agent_api.runtime.command import split_arguments
from flask_agent_api.runtime.command_template import parse_command
from flask_agent_api.runtime.command_template import parse_template


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  one  two\n three\t", ["one", "two", "three"]),
        ('"one two" three', ["one two", "three"]),
        ("'one two' three", ["one two", "three"]),
        ('path="my file" x', ["path=my file", "x"]),
        ("don't stop", ["don't", "stop"]),
        ("rock 'n' roll", ["rock", "n", "roll"]),
        ('"" x', ["", "x"]),
        ('say "hi', ["say", '"hi']),
        ("it's \"a 'b' c\"", ["it's", "a 'b' c"]),
    ],
)
def test_quotes_keep_words_together(text: str, words: list[str]) -> None:
    assert split_arguments(text) == words


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("Fix it", 'Fix it one "two three" four'),
        ("Fix ${args[0]}", "Fix one"),
        ("Fix ${args[1]} and ${args[0]}", "Fix two three and one"),
        ("${args[7]}, ${args[7] || 'none'}, ${args[7] || args[2] || \"x\"}", ", none, four"),
        ("All: ${args}", "All: one two three four"),
        ('All: ${args.join(" ")}', "All: one two three four"),
        ("All: ${args.join(', ')}", "All: one, two three, four"),
        ("All: ${args.join()}", "All: one,two three,four"),
        ("Rest: ${args.slice(1).join(' ')}; ${args.slice(0, 1)}", "Rest: two three four; one"),
        ("${ args.length } words", "3 words"),
        ("${env.NAME} does ${args[0]}", "Ann does one"),
        ("${env.NAME} does", 'Ann does one "two three" four'),
        ("$NAME does", 'Ann does one "two three" four'),
        ("${env.NOBODY || 'Bob'}: ${args[0]}", "Bob: one"),
        ("${env.NOBODY || args[0]}", "one"),
        ("$1 and $nobody", '$1 and $nobody one "two three" four'),
        ("`${args[0]}`", "`one`"),
        ("${'a}b'} ${args[0]}", "a}b one"),
        ("${ not closed", '${ not closed one "two three" four'),
    ],
)
def test_placeholders_are_filled_in(prompt: str, text: str) -> None:
    template = parse_template(prompt, {"NAME": "Ann"}).template
    assert Command(template).text('one "two three" four') == text


@pytest.mark.parametrize(
    ("prompt", "unknown"),
    [
        ('Lint: ${shell({cmd: "task lint"})}', '${shell({cmd: "task lint"})}'),
        ("${go_diagnostics()}", "${go_diagnostics()}"),
        ('Status: !shell(cmd="git status")', "!shell(...)"),
        ("${env.A ? 'x' : 'y'}", "${env.A ? 'x' : 'y'}"),
        ("${process.env}", "${process.env}"),
        ("${args.constructor('x')()}", "${args.constructor('x')()}"),
        ("${args[-1]}", "${args[-1]}"),
    ],
)
def test_what_is_no_placeholder_stays(prompt: str, unknown: str) -> None:
    parsed = parse_template(prompt, {"A": "1"})
    assert parsed.unknown == (unknown,)
    assert Command(parsed.template).text("") == prompt


def test_variables_that_are_not_set_are_told_unless_they_have_a_default() -> None:
    assert parse_template("${env.A} ${env.B || ''} ${env.A} $C", {}).missing == ("A",)


@pytest.mark.parametrize("typed", ["${args[1]}", "${env.NAME}", "$NAME", "!shell(cmd=1)", "${args}", "\\1", "{0}"])
def test_what_is_typed_is_never_expanded(typed: str) -> None:
    template = parse_template("$NAME: ${args[0]} | ${args}", {"NAME": "Ann"}).template
    assert Command(template).text(f"{typed} b") == f"Ann: {typed} | {typed} b"
    assert parse_command("Do").text(typed) == f"Do {typed}"


def test_what_a_variable_holds_is_never_expanded() -> None:
    environ = {"A": "${args[0]} ${env.B} $B", "B": "secret"}
    assert Command(parse_template("${env.A} / $A", environ).template).text("") == f"{environ['A']} / {environ['A']}"


def test_without_a_prompt_the_text_behind_the_name_counts() -> None:
    assert parse_command("", description="Reviews").text("my code") == "my code"
    assert parse_command("", description="Reviews").text("") == "Reviews"
    assert parse_command("").text("") == ""


def test_a_long_text_full_of_openings_is_read_in_no_time() -> None:
    assert parse_template("${" * 50_000, {}).template == ("${" * 50_000,)
    assert split_arguments("'\" " * 20_000)
