"""Flavors are merged into a file before it is read, and messages lead to the line that is at fault."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flask_agent_api.errors import ConfigError
from flask_agent_api.formats.docker_agent.loader import load_docker_agent
from flask_agent_api.formats.flavors import with_flavors
from flask_agent_api.formats.yaml_loader import parse_yaml
from flask_agent_api.runtime.agent import ModelAgent
from flask_agent_api.runtime.team import Team
from flask_agent_api.settings import Settings

BASE = "a: 1\nb: {c: 2, d: [1, 2, {t: x, u: y}]}\ns: text\n"


def merged(flavor: str, *names: str) -> dict[str, Any]:
    """The file above with flavors, written as one line of YAML, merged in; without the flavors themselves."""
    document = parse_yaml(f"{BASE}flavors: {flavor}", Path("team.yaml"))
    data = with_flavors(document, names or ("f",)).data
    return {name: value for name, value in data.items() if name != "flavors"}


@pytest.mark.parametrize(
    ("flavor", "changes"),
    [
        ("{}", {}),
        ("null", {}),
        ("{a: 2}", {"a": 2}),
        ("{a: null}", {"a": ...}),
        ("{none: null}", {}),
        ("{b: {c: 3}}", {"b": {"c": 3, "d": [1, 2, {"t": "x", "u": "y"}]}}),
        ("{b: 5}", {"b": 5}),
        ("{a: {x: {y: 1, z: null}}}", {"a": {"x": {"y": 1}}}),
        ("{new: {l+: [1]}}", {"new": {"l": [1]}}),
        ("{b: {d: [9]}}", {"b": {"c": 2, "d": [9]}}),
        ("{b: {d+: [9, {e: f}]}}", {"b": {"c": 2, "d": [1, 2, {"t": "x", "u": "y"}, 9, {"e": "f"}]}}),
        ("{s+: [more]}", {"s": ["text", "more"]}),
        ("{b: {d-: [2, 7]}}", {"b": {"c": 2, "d": [1, {"t": "x", "u": "y"}]}}),
        ("{b: {d-: [{t: x}]}}", {"b": {"c": 2, "d": [1, 2]}}),
        ("{b: {d-: [{t: x, u: z}, {t: x, v: null}]}}", {}),
        ("{b: {d-: ['1', true]}}", {}),
        ("{b-: [c, none]}", {"b": {"d": [1, 2, {"t": "x", "u": "y"}]}}),
        ("{none-: [c]}", {}),
    ],
)
def test_a_flavor_is_a_merge_patch(flavor: str, changes: dict[str, Any]) -> None:
    plain = merged("{f: {}}")
    expected = {name: value for name, value in (plain | changes).items() if value is not ...}
    assert merged(f"{{f: {flavor}}}") == expected


def test_flavors_are_merged_in_the_order_of_their_names() -> None:
    flavors = "{x: {a: 2, b: null}, y: {a: 3, b: {c: 1}}}"
    assert merged(flavors, "x", "y") == {"a": 3, "b": {"c": 1}, "s": "text"}
    assert merged(flavors, "y", "x") == {"a": 2, "s": "text"}


def test_a_flavor_cannot_change_those_that_come_after_it() -> None:
    assert merged("{x: {flavors: {y: {a: 9}}}, y: {a: 2}}", "x", "y")["a"] == 2


@pytest.mark.parametrize(
    ("flavors", "message"),
    [
        ("{cheap: {}}", 'flavors: there is no flavor "f"; there are cheap'),
        ("{flavour: {}, ff: {}}", "there is no flavor"),
        ("{f: [a]}", "flavors.f: expected a mapping, found a list"),
        ("[f]", "flavors: expected a mapping, found a list"),
        ("{f: {b+: [1]}}", "flavors.f.b+: there is a mapping, to which nothing can be appended"),
        ("{f: {s+: more}}", "flavors.f.s+: expected a list of what to append, found text"),
        ("{f: {b: {d-: 1}}}", "flavors.f.b.d-: expected a list of what to take out, found 1"),
        ("{f: {b-: [{c: 2}]}}", "flavors.f.b-: there is a mapping: list the names"),
        ("{f: {s-: [text]}}", "flavors.f.s-: there is text, from which nothing can be taken out"),
    ],
)
def test_what_cannot_be_merged_is_an_error_with_its_place(flavors: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        merged(flavors)
    assert caught.value.message.startswith("team.yaml:4: ")
    assert message in caught.value.message


TEAM = """\
agents:
  root:
    model: demo/demo
    instruction: Be.
    toolsets:
      - {type: think}
      - {type: todo}
flavors:
  verbose:
    agents:
      root:
        instruction+:
          - Say more.
        toolsets-:
          - {type: think}
        toolsets+:
          - {type: shell}
  wrong:
    agents:
      root:
        toolsets+:
          - {type: todos}
"""


def load(folder: Path, *flavors: str, text: str = TEAM) -> Team:
    (folder / "team.yaml").write_text(text)
    settings = Settings.from_mapping({"AGENT_API_FLAVORS": ",".join(flavors)}, {})
    return load_docker_agent(folder / "team.yaml", settings, {})


def test_a_team_is_loaded_with_its_flavors(tmp_path: Path) -> None:
    root = load(tmp_path, "verbose").agents["root"]
    assert isinstance(root, ModelAgent)
    assert root.instruction == "Be.\n\nSay more."
    assert [toolset.kind for toolset in root.toolsets][:1] == ["todo"]
    plain = load(tmp_path).agents["root"]
    assert isinstance(plain, ModelAgent)
    assert (plain.instruction, [toolset.kind for toolset in plain.toolsets]) == ("Be.", ["think", "todo"])


def test_messages_lead_to_the_lines_of_the_flavor(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "verbose", "wrong")
    assert f"{tmp_path / 'team.yaml'}:22: agents.root.toolsets[2].type: unknown type" in caught.value.message
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "verbose", text=TEAM.replace("{type: todo}", "{type: todo, shard: true}"))
    assert f"{tmp_path / 'team.yaml'}:7: agents.root.toolsets[0].shard: unknown field" in caught.value.message


def test_a_file_without_flavors_says_that_they_change_nothing(tmp_path: Path) -> None:
    (warning,) = load(tmp_path, "verbose", text="agents: {root: {model: demo/demo}}").warnings
    assert "has no flavors, AGENT_API_FLAVORS=verbose changes nothing here" in warning


def test_the_nearest_flavor_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='there is no flavor "verbos", did you mean "verbose"'):
        load(tmp_path, "verbos")
