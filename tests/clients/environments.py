"""The clients of the lab, each installed for real in an environment of its own, from files that pin every package."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = HERE / "scripts"


@dataclass(frozen=True)
class Client:
    """A client: the script that plays the scenarios with it, and its package, whose version is shown.

    ``requirements`` names its file of pinned packages; without one it is a package of Node.
    """

    title: str
    script: str
    package: str
    requirements: str = ""

    @property
    def version(self) -> str:
        """The pinned version."""
        if not self.requirements:
            return str(json.loads((HERE / "node" / "package.json").read_text())["dependencies"][self.package])
        pins = dict(line.split("==") for line in _pins(self.requirements).read_text().splitlines())
        return pins[self.package]

    def command(self) -> list[str]:
        """Runs its script; installs it first where that has not been done."""
        if self.requirements:
            return [str(python_environment(self.requirements) / "bin" / "python"), "-Es", str(SCRIPTS / self.script)]
        return ["node", str(node_environment() / self.script)]


CLIENTS = {
    "openai2": Client("openai (Python), 2.x", "openai_sdk.py", "openai", "openai2"),
    "openai3": Client("openai (Python), 3.x", "openai_sdk.py", "openai", "openai3"),
    "openai_node": Client("openai (Node)", "openai_node.mjs", "openai"),
    "langchain": Client("LangChain, langchain-openai", "langchain_openai_chat.py", "langchain-openai", "langchain"),
    "langchain_js": Client("LangChain, @langchain/openai", "langchain_js.mjs", "@langchain/openai"),
    "vercel": Client("Vercel AI SDK, @ai-sdk/openai-compatible", "vercel_ai.mjs", "@ai-sdk/openai-compatible"),
    "litellm": Client("LiteLLM", "litellm_completion.py", "litellm", "litellm"),
    "pydantic_ai": Client("pydantic-ai", "pydantic_ai_agent.py", "pydantic-ai-slim", "pydantic_ai"),
    "openai_agents": Client("openai-agents, chat model", "openai_agents_chat.py", "openai-agents", "openai_agents"),
    "instructor": Client("instructor", "instructor_modes.py", "instructor", "instructor"),
    "llm": Client("llm", "llm_model.py", "llm", "llm"),
}


def cache_folder() -> Path:
    """Where the environments are kept: ``CLIENTS_CACHE``, or a folder in the user's cache."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "flask-agent-api-clients"
    return Path(os.environ.get("CLIENTS_CACHE") or default)


def has_node() -> bool:
    """Whether the clients for Node can be installed and run."""
    return bool(shutil.which("node") and shutil.which("npm"))


def python_environment(name: str, *options: str, python: str = sys.executable) -> Path:
    """A virtual environment of ``python`` with the packages of ``requirements/NAME.txt``; ``options`` are pip's."""
    pins = _pins(name)
    folder = _folder(name, pins.read_bytes() + f"{sys.version} {python} {options}".encode())
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        _run([python, "-m", "venv", "--without-pip", str(folder)])
        install = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
        _run([*install, *options, "-r", str(pins)])
        (folder / "complete").touch()
    return folder


@cache
def node_environment() -> Path:
    """A folder with the packages of ``node/package-lock.json`` and the scripts, which look for packages beside them."""
    lock = HERE / "node" / "package-lock.json"
    folder = _folder("node", lock.read_bytes())
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(HERE / "node", folder)
        _run(["npm", "ci", "--prefix", str(folder), "--no-audit", "--no-fund", "--loglevel=error"])
        (folder / "complete").touch()
    for script in SCRIPTS.glob("*.mjs"):
        shutil.copy(script, folder)
    return folder


def _pins(name: str) -> Path:
    return HERE / "requirements" / f"{name}.txt"


def _folder(name: str, content: bytes) -> Path:
    return cache_folder() / f"{name}-{hashlib.sha256(content).hexdigest()[:12]}"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
