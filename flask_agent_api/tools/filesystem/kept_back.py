"""What no agent gets to see, wherever it is in a folder that it may read: secrets, by their usual names."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from fnmatch import fnmatchcase

KEPT_BACK: Mapping[str, str] = {
    ".env": "variables with keys and passwords",
    ".env.*": "variables with keys and passwords",
    ".envrc": "variables with keys and passwords",
    ".ssh": "SSH keys",
    "id_rsa*": "SSH keys",
    "id_dsa*": "SSH keys",
    "id_ecdsa*": "SSH keys",
    "id_ed25519*": "SSH keys",
    ".gnupg": "GnuPG keys",
    "*.pem": "private keys",
    "*.key": "private keys",
    "*.p12": "private keys",
    "*.pfx": "private keys",
    "*.jks": "private keys",
    "*.keystore": "private keys",
    "*.kdbx": "passwords",
    ".netrc": "passwords",
    ".pgpass": "passwords",
    ".htpasswd": "passwords",
    ".git-credentials": "passwords",
    ".npmrc": "tokens of package registries",
    ".pypirc": "tokens of package registries",
    ".aws": "keys of a cloud",
    ".azure": "keys of a cloud",
    ".config/gcloud": "keys of a cloud",
    ".kube": "keys of clusters",
    ".docker/config.json": "tokens of image registries",
    ".git/config": "addresses of remotes, with tokens in some of them",
    "/instance": "Flask's instance folder: the app's own secrets and databases",
}
"""Patterns with their reasons. Of files and folders of that name anywhere, in any case; of a path where there is a
slash, with one in front from the root on."""

READ_ONLY: Mapping[str, str] = {
    ".git": "git runs what is written in there",
    ".agentsignore": "it says what agents may not touch",
    "*.db": "a database is no text",
    "*.db-*": "a database is no text",
    "*.sqlite": "a database is no text",
    "*.sqlite3": "a database is no text",
    "*.sqlite*-*": "a database is no text",
}
"""The same, of what may be read but never written."""


def reason(parts: Sequence[str], table: Mapping[str, str]) -> str:
    """Why a table keeps a path back, or what is in a folder of it; empty if it does not."""
    names = [part.casefold() for part in parts]
    return next((why for pattern, why in table.items() if _fits(pattern, names)), "")


def _fits(pattern: str, names: Sequence[str]) -> bool:
    wanted = pattern.strip("/").split("/")
    starts = [0] if pattern.startswith("/") else range(len(names) - len(wanted) + 1)
    return any(_fits_at(wanted, names[start : start + len(wanted)]) for start in starts)


def _fits_at(wanted: Sequence[str], names: Sequence[str]) -> bool:
    return len(wanted) == len(names) and all(map(fnmatchcase, names, wanted))
