"""What is built for others to install: all of the repository, nothing else, and nothing that runs by itself."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BUILD = "import sys; from setuptools import build_meta as b; to = sys.argv[1]; b.build_sdist(to); b.build_wheel(to)"
MADE = {"PKG-INFO", "setup.cfg"}
"""What setuptools writes into a source distribution itself; setup.cfg gains a section."""


@pytest.fixture(scope="module")
def tracked() -> set[str]:
    """The files of the repository, but for those of its own house."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split("\n")
    files = {name for name in listed if name and (ROOT / name).exists()}
    if not files:
        pytest.skip("needs the repository")
    return {name for name in files if not name.startswith((".git", ".ci/", ".ruff"))}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, tracked: set[str]) -> Path:
    """A folder with both distributions, built from a copy, so that nothing is left in the repository."""
    pytest.importorskip("setuptools", "70.1")  # which makes wheels itself
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("built")
    for name in tracked:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-W", "ignore", "-c", BUILD, str(out)], cwd=copy, check=True, capture_output=True)
    return out


@pytest.mark.slow
def test_source_distribution_is_the_repository(built: Path, tracked: set[str]) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        members = {name.partition("/")[2]: archive.extractfile(name) for name in archive.getnames() if "/" in name}
        contents = {name: file.read() for name, file in members.items() if file is not None}
    contents = {name: data for name, data in contents.items() if ".egg-info/" not in name}
    assert contents.keys() - MADE == tracked - MADE
    assert all(contents[name] == (ROOT / name).read_bytes() for name in tracked - MADE)


@pytest.mark.slow
def test_wheel_is_the_package_and_nothing_that_runs_by_itself(built: Path, tracked: set[str]) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    package = {name for name in names if ".dist-info/" not in name}
    assert package == {name for name in tracked if name.startswith("flask_agent_api/")}
    assert not [name for name in names if name.endswith(".pth") or "/data/" in name or ".data/" in name]


def test_dependencies_have_lower_bounds_and_no_others() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = [
        line for name in config["options.extras_require"] for line in config["options.extras_require"][name].split("\n")
    ]
    needed = [line for line in [*config["options"]["install_requires"].split("\n"), *extras] if line]
    wrong = [line for line in needed if not re.fullmatch(r"%\(\w+\)s|types-\w+|[\w-]+(\[\w+\])?>=[\d.]+", line)]
    assert wrong == []


def test_requirements_name_extras_that_there_are() -> None:
    config = configparser.RawConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = re.fullmatch(r"\.\[([\w,]+)\]\n", (ROOT / "requirements.txt").read_text())
    assert extras is not None
    assert set(extras[1].split(",")) <= set(config["options.extras_require"])
