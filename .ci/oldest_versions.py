"""Prints the oldest versions that setup.cfg admits.

Without arguments as constraints for pip, for an installation without extras; with ``extras`` for one with all of them,
which may need newer versions; with ``python`` the oldest Python.
"""

from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path

COMPANIONS = {"flask==2.2": "werkzeug==2.2"}
"""Flask 2.2 sets no upper bound, but does not start with the Werkzeug of today: apps that have it pin both."""


def oldest(extras: bool) -> list[str]:
    """Of each package the highest of its lower bounds; what has none is free."""
    bounds = (found for line in _requirements(extras) if (found := re.fullmatch(r"([\w.-]+)(\[.*\])?>=([\d.]+)", line)))
    highest: dict[str, str] = {}
    for bound in bounds:
        name, version = bound[1].lower(), bound[3]
        highest[name] = max(version, highest.get(name, "0"), key=lambda text: [int(part) for part in text.split(".")])
    pins = [f"{name}=={version}" for name, version in sorted(highest.items())]
    return pins + [COMPANIONS[pin] for pin in pins if pin in COMPANIONS]


def _requirements(extras: bool) -> list[str]:
    groups = [_setup["options"]["install_requires"]]
    if extras:
        groups += _setup["options.extras_require"].values()
    else:
        groups.append(_setup["options.extras_require"]["dev"])  # the tests' own tools, as far as they are installed
    return [line.strip() for group in groups for line in group.splitlines() if line.strip()]


_setup = configparser.ConfigParser(interpolation=None)
_setup.read(Path(__file__).parent.parent / "setup.cfg")

if __name__ == "__main__":
    if "python" in sys.argv:
        print(_setup["options"]["python_requires"].removeprefix(">="))
    else:
        print("\n".join(oldest("extras" in sys.argv)))
