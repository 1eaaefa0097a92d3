"""Warnings that every request would repeat, and that are worth one line."""

from __future__ import annotations

import functools
import logging


@functools.lru_cache(maxsize=1000)
def warn_once(logger: logging.Logger, message: str, *args: object) -> None:
    """Logs a warning unless this process has logged the same one before.

    After a thousand others it may be logged again.
    """
    logger.warning(message, *args)
