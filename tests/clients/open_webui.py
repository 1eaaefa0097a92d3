"""Open WebUI itself, headless: its own server, driven as its page drives it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

from ..ports import free_port
from ..waiting import wait_until
from .environments import python_environment

TASKS = ("title_generation", "tags_generation", "follow_up_generation")
SETTINGS = {
    "ANONYMIZED_TELEMETRY": "false",
    "BYPASS_EMBEDDING_AND_RETRIEVAL": "true",
    "ENABLE_OLLAMA_API": "False",
    "ENABLE_PERSISTENT_CONFIG": "False",
    "ENABLE_VERSION_UPDATE_CHECK": "false",
    "HF_HUB_OFFLINE": "1",
    "OFFLINE_MODE": "true",
    "RAG_EMBEDDING_ENGINE": "openai",
    "WEBUI_AUTH": "False",
    "WEBUI_SECRET_KEY": "a-key-that-is-only-there-for-tests",
}


def python() -> str | None:
    """A Python that this version of Open WebUI runs on."""
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        return sys.executable
    return shutil.which("python3.12") or shutil.which("python3.11")


class OpenWebUI:
    """A running Open WebUI with one connection for each of ``headers``, all to ``url``.

    The models of the first connection have their own names, those of the others ``NAME.`` before them.
    """

    def __init__(self, folder: Path, url: str, headers: dict[str, dict[str, str]]) -> None:
        # Without torch and the like, which it imports only for files and speech.
        environment = python_environment("open_webui", "--no-deps", python=python() or "")
        self.port = free_port()
        self._token = ""
        self._log = folder / "open_webui.log"
        configs = {
            str(number): {"enable": True, "headers": each, "prefix_id": name if number else ""}
            for number, (name, each) in enumerate(headers.items())
        }
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DATA_DIR": str(folder / "data"),
            "OPENAI_API_BASE_URLS": ";".join(url for _ in headers),
            "OPENAI_API_KEYS": ";".join(headers),
            "OPENAI_API_CONFIGS": json.dumps(configs),
        }
        command = [environment / "bin" / "open-webui", "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=SETTINGS | env, stdout=log, stderr=log, start_new_session=True
            )

    def __enter__(self) -> OpenWebUI:
        try:
            wait_until(self._is_healthy, 120.0)
            self._token = self._call("/api/v1/auths/signin", {"email": "", "password": ""})["token"]
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Kills it."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(5.0)

    def models(self) -> list[str]:
        """The models that a user can choose."""
        return [model["id"] for model in self._call("/api/models")["data"]]

    def send(self, model: str, text: str) -> str:
        """Sends the first message of a new chat, as the page does; returns the chat's id."""
        user = {"id": str(uuid.uuid4()), "parentId": None, "role": "user", "content": text, "models": [model]}
        body = {
            "stream": True,
            "model": model,
            "messages": [{"role": "user", "content": text}],
            "parent_id": None,
            "user_message": user | {"timestamp": int(time.time())},
            "id": str(uuid.uuid4()),
            "session_id": "lab",
            "background_tasks": dict.fromkeys(TASKS, True),
        }
        return str(self._call("/api/chat/completions", body)["chat_id"])

    def go_on(self, id: str, model: str, text: str, after: int = -1) -> Any:
        """Sends another message in a chat, behind one of its answers; returns the answer to it."""
        self.answer(id)
        known = self.chat(id)["history"]["messages"]
        answers = [message for message in known.values() if message["role"] == "assistant"]
        message = answers[after]
        said = [{"role": "user", "content": text}]
        while message is not None:
            said.insert(0, {"role": message["role"], "content": message["content"]})
            message = known.get(message["parentId"])
        user = {"id": str(uuid.uuid4()), "parentId": answers[after]["id"], "role": "user", "content": text}
        body = {
            "stream": True, "model": model, "chat_id": id, "parent_id": user["id"], "id": str(uuid.uuid4()),
            "messages": said, "session_id": "lab", "background_tasks": {},
            "user_message": user | {"models": [model], "timestamp": int(time.time())},
        }  # fmt: skip
        self._call("/api/chat/completions", body)
        wait_until(lambda: not self._call(f"/api/tasks/chat/{id}")["task_ids"], 60.0)
        messages = self.chat(id)["history"]["messages"].values()
        return next(each for each in messages if each["role"] == "assistant" and each["id"] not in known)

    def chat(self, id: str) -> Any:
        """A chat as it is stored."""
        return self._call(f"/api/v1/chats/{id}")["chat"]

    def answer(self, id: str) -> Any:
        """A chat's answer, once it and what is generated after it are done."""
        wait_until(lambda: not self._call(f"/api/tasks/chat/{id}")["task_ids"], 60.0)
        messages = self.chat(id)["history"]["messages"].values()
        return next(message for message in messages if message["role"] == "assistant")

    def _is_healthy(self) -> bool:
        assert self._process.poll() is None, self._log.read_text(errors="replace")
        try:
            return bool(self._call("/health")["status"])
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
            return False

    def _call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)
