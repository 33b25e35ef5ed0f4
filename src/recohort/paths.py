"""The only module that knows folders."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["BOOK", "COHORT", "DATA", "ENSEMBLE", "LEDGER", "ROOT", "downloads"]


def _root() -> Path:
    """Repository root: $RECOHORT_ROOT, else the first folder upwards that holds a ledger, else here."""
    if "RECOHORT_ROOT" in os.environ:
        return Path(os.environ["RECOHORT_ROOT"])
    here = Path.cwd()
    for folder in (here, *here.parents, *Path(__file__).resolve().parents):
        if (folder / "data" / "claims.yaml").is_file() and (folder / "pyproject.toml").is_file():
            return folder
    return here


ROOT = _root()
DATA = ROOT / "data"
BOOK = ROOT / "book"
LEDGER = DATA / "claims.yaml"
COHORT = DATA / "reconstructed_cohort.csv"
ENSEMBLE = DATA / "ensemble.parquet"


def downloads() -> Path | None:
    """Return where figures are saved while the book is built ($RECOHORT_DOWNLOADS), else nothing."""
    named = os.environ.get("RECOHORT_DOWNLOADS")
    return Path(named) if named else None
