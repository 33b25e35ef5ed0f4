"""Read pages side by side: the book's command line has no option for it, and notebooks take their time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, object]:
    """Let Sphinx use every core (at most four) to read and write pages."""
    app.parallel = max(app.parallel, min(os.cpu_count() or 1, 4))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
