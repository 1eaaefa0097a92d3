"""Tiny agents from Hugging Face's Hub: ``hub:OWNER/AGENT``, pinned by ``hub:OWNER/AGENT@REVISION``."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..runtime.team import Team
from ..settings import Settings
from .document import MAX_FILE_BYTES
from .origin import fetched_from
from .section import did_you_mean
from .tiny_agents.loader import AGENT_JSON
from .tiny_agents.loader import load_tiny_agent
from .tiny_agents.loader import PROMPT_FILES

PREFIX = "hub:"
"""How a source says that it is on the Hub: nothing is ever looked up there without it."""

REPOSITORY = "tiny-agents/tiny-agents"
"""The dataset that holds the agents, a folder for each."""

SECONDS = 10.0
"""How long the Hub may take to say what a file is."""

_COMMIT = re.compile("[0-9a-f]{40}")
_SOURCE = re.compile(r"hub:(?P<id>\w[\w.-]*(?:/\w[\w.-]*)+)(?:@(?P<revision>\w[\w./-]*))?")


def load_from_hub(source: str, settings: Settings) -> Team:
    """The agent that ``source`` names, a team of one. Without ``remote-files`` allowed it can do nothing but talk.

    Fetches its ``agent.json`` and prompt file, and nothing else, into the library's cache; what is there serves when
    the Hub cannot be reached. ``HF_ENDPOINT`` and ``HF_TOKEN`` are honoured. Needs the extra ``hub``. Raises
    :class:`ConfigError`.
    """
    named = _SOURCE.fullmatch(source)
    if named is None:
        raise ConfigError(f"{source}: expected hub:OWNER/AGENT, or hub:OWNER/AGENT@REVISION")
    folder, commit = _Fetch(source, named["id"], named["revision"]).agent()
    team = load_tiny_agent(folder, settings, origin=fetched_from(source, settings))
    return replace(team, path=f"{PREFIX}{named['id']}@{commit}")


class _Fetch:
    """Gets the files of one agent, all of the same commit."""

    def __init__(self, source: str, id: str, revision: str | None) -> None:
        try:
            import huggingface_hub
            import huggingface_hub.errors
        except ModuleNotFoundError as exc:
            raise ConfigError(f"{source}: needs huggingface_hub: pip install 'flask-agent-api[hub]'") from exc
        self._hub: Any = huggingface_hub
        self._source = source
        self._id = id
        self._revision = revision
        self._is_up: bool | None = None  # not known yet
        self._endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None

    def agent(self) -> tuple[Path, str]:
        """The folder of the agent in the cache, and its commit."""
        file = self._file(AGENT_JSON, self._revision)
        if file is None:
            raise self._error(f"there is no such agent at {REPOSITORY}{self._near()}")
        commit = file.parents[self._id.count("/") + 1].name
        next((name for name in PROMPT_FILES if self._file(name, commit)), None)  # the first is there now, if any
        return file.parent, commit

    def _file(self, name: str, revision: str | None) -> Path | None:
        """A file in the cache; None if the repository does not have it."""
        path = f"{self._id}/{name}"
        if revision and _COMMIT.fullmatch(revision):
            known = self._hub.try_to_load_from_cache(REPOSITORY, path, repo_type="dataset", revision=revision)
            if known is not None:
                return Path(known) if isinstance(known, str) else None
        errors = self._hub.errors
        try:
            return Path(self._download(path, revision))
        except ConfigError:
            raise
        except errors.LocalEntryNotFoundError as exc:  # the library's word for: not here, and nobody to ask
            raise self._error(f"the Hub cannot be reached, and {name} is not in the cache") from exc
        except errors.EntryNotFoundError:
            return None
        except errors.RevisionNotFoundError as exc:
            raise self._error(f"{REPOSITORY} has no revision {revision}") from exc
        except errors.HfHubHTTPError as exc:
            raise self._error(f"the Hub answered {exc.response.status_code}; is HF_TOKEN a valid key?") from exc
        except Exception as exc:
            raise self._error(f"{name} could not be fetched from the Hub: {type(exc).__name__}") from exc

    def _download(self, path: str, revision: str | None) -> str:
        where = {"repo_type": "dataset", "revision": revision, "endpoint": self._endpoint}
        if self._is_up is None:
            self._is_up = self._answers(self._hub.hf_hub_url(REPOSITORY, path, **where))
        download: str = self._hub.hf_hub_download(REPOSITORY, path, local_files_only=not self._is_up, **where)
        return download

    def _answers(self, url: str) -> bool:
        """Whether the Hub is up: by itself the library would go on trying for minutes, and the start with it."""
        try:
            size = self._hub.get_hf_file_metadata(url, timeout=SECONDS).size
        except self._hub.errors.HfHubHTTPError as exc:
            return bool(exc.response.status_code < 500 and exc.response.status_code != 429)
        except Exception:
            return False
        if size and size > MAX_FILE_BYTES:
            raise self._error(f"larger than {MAX_FILE_BYTES // 1024} KiB, the limit for a file that describes agents")
        return True

    def _near(self) -> str:
        """A hint at the agent that may be meant."""
        api = self._hub.HfApi(endpoint=self._endpoint)
        try:
            names = api.list_repo_files(REPOSITORY, repo_type="dataset", revision=self._revision)
        except Exception:  # of whatever kind: the error is that there is no such agent
            return ""
        end = f"/{AGENT_JSON}"
        return did_you_mean(self._id, [name.removesuffix(end) for name in names if name.endswith(end)])

    def _error(self, problem: str) -> ConfigError:
        return ConfigError(f"{self._source}: {problem}")
