"""Import strings are looked up from the current folder too, as Flask and gunicorn do it."""

from __future__ import annotations

import os
import sys


def make_folder_importable() -> None:
    """Puts the current folder first on ``sys.path`` if it is not there. It stays: modules may import others later."""
    folder = os.getcwd()
    if not {folder, ""} & set(sys.path):
        sys.path.insert(0, folder)
