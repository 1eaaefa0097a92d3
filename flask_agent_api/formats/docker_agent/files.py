"""The toolsets ``filesystem`` and ``file`` of docker-agent files: where they work, and what narrows that."""

from __future__ import annotations

import os
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from ...errors import ToolError
from ...settings import Settings
from ...tools.base import Toolset
from ...tools.filesystem.ignored import AgentsIgnored
from ...tools.filesystem.jail import Jail
from ...tools.filesystem.jail import Parts
from ...tools.filesystem.post_edit import NEEDS
from ...tools.filesystem.post_edit import PostEdit
from ...tools.filesystem.toolset import FilesystemToolset
from ...tools.unavailable import UnavailableToolset
from ..placeholders import expand_path
from ..section import Section
from .toolset_fields import POST_EDIT

_ELSEWHERE = "the operator can have agents work in another folder with AGENT_API_WORKING_DIR"


class FileToolsets:
    """Makes the file tools of one team. They work in the folder of the team's file, or where the operator says.

    What the file says can only narrow that: ``working_dir`` and ``allow_list`` lead no further.
    """

    def __init__(self, file: Path, settings: Settings, environ: Mapping[str, str]) -> None:
        self._root = working_dir(file.parent, settings)
        self._environ = environ
        self._allow = settings.allow
        self._kept = Path(os.path.realpath(settings.data_dir or os.devnull))
        self._protects = _agent_files([file, *(Path(each) for each in settings.agents if isinstance(each, str))])

    def toolset(self, agent: str, entry: Section) -> Toolset:
        """The toolset of an entry; one without tools, and a warning, where what it asks for cannot be had."""
        kind, post_edits = entry.text("type"), list(self._post_edits(entry))
        try:
            jail = self.jail(entry)
        except (ToolError, OSError) as exc:
            reason = f"a path of the toolset {kind}: {exc.strerror}" if isinstance(exc, OSError) else str(exc)
            entry.warn(None, f"{reason}. The agent runs without these tools")
            return UnavailableToolset(kind, kind, reason)
        ignore_vcs = entry.data.get("ignore_vcs") is not False
        return FilesystemToolset(kind, jail, kind=kind, ignore_vcs=ignore_vcs, post_edits=post_edits)

    def jail(self, entry: Section) -> Jail:
        """Where the tools of an entry work. Raises :class:`ToolError` where what it asks for cannot be had."""
        root = self._narrowed_root(entry)
        return Jail(
            root,
            within=[*self._allowed(entry, root), *self._single(entry, root)],
            denied=[parts for path in self._denied(entry, root) if (parts := _below(root, path)) is not None],
            protects=lambda parts: self._protects(root.joinpath(*parts)),
            excluded=AgentsIgnored(str(root)),
        )

    def _post_edits(self, entry: Section) -> Iterator[PostEdit]:
        """The commands to run after changes; warns if they do not. Raises :class:`ConfigError` for wrong ones."""
        for inner in entry.sections("post_edit"):
            inner.check(POST_EDIT)
            for key in POST_EDIT:
                if not inner.text(key).strip():
                    raise inner.error(None, f"a command after changes needs a `{key}`")
            post_edit = PostEdit(inner.text("path"), inner.text("cmd"))
            try:
                post_edit.fits(("x",))
            except ValueError:
                raise inner.error("path", "expected a pattern of files, like *.py") from None
            yield post_edit
        if entry.data.get("post_edit") and NEEDS not in self._allow:
            entry.warn("post_edit", f"runs only with AGENT_API_ALLOW={NEEDS}")

    def _narrowed_root(self, entry: Section) -> Path:
        root = Path(os.path.realpath(self._root / self._filled(entry, "working_dir", entry.text("working_dir"))))
        if not root.is_relative_to(self._root):
            raise ToolError(f"the working directory {root} is outside of {self._root}; {_ELSEWHERE}")
        if root == Path(root.anchor):
            raise ToolError(f"{root} is too much to work in: put the file into a folder of its own, or {_ELSEWHERE}")
        return root

    def _allowed(self, entry: Section, root: Path) -> Iterator[Parts]:
        """The folders of ``allow_list`` below the root. Raises :class:`ToolError` if the list leaves nothing."""
        inside = []
        for text in entry.texts("allow_list"):
            path = _real(root, self._filled(entry, "allow_list", text))
            if not path.is_relative_to(root):
                entry.warn("allow_list", f"what of {path} is outside of {root} stays out of reach; {_ELSEWHERE}")
            if (parts := _below(root, path)) is not None:
                inside.append(parts)
        if entry.texts("allow_list") and not inside:
            raise ToolError(f"nothing of `allow_list` is in {root}; {_ELSEWHERE}")
        yield from inside

    def _denied(self, entry: Section, root: Path) -> Iterator[Path]:
        """What ``deny_list`` names, and what the server keeps for agents, which is not for all callers."""
        if self._kept.is_relative_to(root):
            yield self._kept
        for text in entry.texts("deny_list"):
            yield _real(root, self._filled(entry, "deny_list", text))

    def _single(self, entry: Section, root: Path) -> Iterator[Parts]:
        """The one file, or folder, of a ``file`` toolset that has a ``path``."""
        if not entry.has("path"):
            return
        path = _real(root, self._filled(entry, "path", entry.text("path")))
        if not path.is_relative_to(root):
            raise ToolError(f"the path {path} is outside of {root}; {_ELSEWHERE}")
        yield path.relative_to(root).parts

    def _filled(self, entry: Section, key: str, text: str) -> str:
        """The text with its variables. Raises :class:`ToolError` for one that is not set: it may have been a limit."""
        expanded = expand_path(text, self._environ)
        if expanded.missing:
            entry.warn_of_unset(key, expanded.missing, "the path is not known")
            raise ToolError(f"`{key}` needs the variable {', '.join(expanded.missing)}, which is not set")
        return expanded.text


def working_dir(folder: Path, settings: Settings) -> Path:
    """Where the agents of a file in ``folder`` work, all links followed."""
    return Path(os.path.realpath(os.path.expanduser(settings.working_dir) or folder))


def _real(root: Path, text: str) -> Path:
    return Path(os.path.realpath(root / text))


def _below(root: Path, path: Path) -> Parts | None:
    """A path from the root on; the root itself for one that has it in it, None for one elsewhere."""
    if root.is_relative_to(path):
        return ()
    return path.relative_to(root).parts if path.is_relative_to(root) else None


def _agent_files(sources: list[Path]) -> Callable[[Path], bool]:
    """What no agent may write: the files that say what agents may do, and in served folders those that would."""
    real = [Path(os.path.realpath(source)) for source in sources]
    files = {source for source in real if not source.is_dir()}
    folders = [source for source in real if source.is_dir()]

    def protects(path: Path) -> bool:
        served = any(path.parent == folder or path.parent.parent == folder for folder in folders)
        return path in files or (served and (path.suffix in {".yaml", ".yml"} or path.name == "agent.json"))

    return protects
