"""Where Chromium is; for the scripts beside this file and the browser tests."""

from __future__ import annotations

import shutil

__all__ = ["NO_CHROMIUM", "find_chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome")
NO_CHROMIUM = "no chromium on the path (Debian: apt-get install chromium)"


def find_chromium() -> str | None:
    """Return the browser's executable, or None if there is none on the path."""
    return next(filter(None, map(shutil.which, NAMES)), None)
