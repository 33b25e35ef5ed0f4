"""Many cohorts for one page: what is printed about each panel once, and of each cohort only times and curves.

Everything is kept small, since it stands in the page itself: times are whole steps of the ledger's
resolution, and of a patient's attributes only the curve is told that he belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recohort.check import survival_columns
from recohort.cohort import members
from recohort.exhibits.cells import Cell
from recohort.exhibits.curves import PanelData
from recohort.exhibits.layout import Panel
from recohort.ledger import Ledger

__all__ = ["curve_of_each", "other_cohorts"]


def curve_of_each(panel: Panel, cohort: pd.DataFrame, ledger: Ledger) -> str:
    """Return a character for each patient: the position of the curve in its panel, "-" for none.

    Raises
    ------
    ValueError
        If a patient is in two of the panel's groups.
    """
    found = np.full(len(cohort), "-")
    for number, group in enumerate(panel.groups):
        inside = members(cohort, panel.population(ledger, group), ledger)
        if (found[inside] != "-").any():
            raise ValueError(f"panel {panel.letter}, {group.label}: a patient is in another group too")
        found[inside] = str(number)
    return "".join(found)


def other_cohorts(
    cohorts: Mapping[int, pd.DataFrame], panels: Mapping[str, Sequence[PanelData]], ledger: Ledger
) -> dict[str, Any]:
    """Return what a page needs to show the panels of one cohort after the other.

    Parameters
    ----------
    cohorts : mapping of int to DataFrame
        By their numbers.
    panels : mapping of str to sequence of PanelData
        The same groups of patients with one endpoint after the other, by a label for the patients.
    ledger : Ledger

    Returns
    -------
    dict
        ``unit``; ``perUnit``, steps of time in it; ``until``, the longest time; ``splits``, the panels;
        ``cohorts``, each with ``number``, for each endpoint ``times`` (twice the number of steps, and one
        more where the time ends with the event; one per patient), and for each split its ``curves``.
    """
    splits = [
        {"label": label, "panels": [_printed_about(data) for data in several]}
        for label, several in panels.items()
    ]
    endpoints = list(dict.fromkeys(data.panel.endpoint for several in panels.values() for data in several))
    entries = [
        {
            "number": number,
            "times": {endpoint: _steps(cohort, ledger, endpoint) for endpoint in endpoints},
            "curves": [_shared(several, cohort, ledger) for several in panels.values()],
        }
        for number, cohort in cohorts.items()
    ]
    last = max(survival_columns(cohort, ledger, e)[0].max() for cohort in cohorts.values() for e in endpoints)
    time = ledger.study.time
    per_unit = round(1 / time.resolution)
    return {
        "unit": time.unit, "perUnit": per_unit, "until": float(last), "splits": splits, "cohorts": entries,
    }  # fmt: skip


def _steps(cohort: pd.DataFrame, ledger: Ledger, endpoint: str) -> list[int]:
    time, event = survival_columns(cohort, ledger, endpoint)
    steps = np.rint(time / ledger.study.time.resolution).astype(int)
    return [int(code) for code in 2 * steps + event]


def _shared(several: Sequence[PanelData], cohort: pd.DataFrame, ledger: Ledger) -> str:
    found = {curve_of_each(data.panel, cohort, ledger) for data in several}
    if len(found) != 1:
        raise ValueError(f"panels {[data.panel.letter for data in several]} are not about the same patients")
    return found.pop()


def _printed_about(data: PanelData) -> dict[str, Any]:
    return {
        "name": data.endpoint,
        "endpoint": data.panel.endpoint,
        "month": data.panel.month,
        "groups": [
            {
                "label": curve.label,
                "style": curve.style,
                "month": curve.shown[0],
                "printed": {name: _as_printed(cells) for name, cells in curve.printed.items()},
            }
            for curve in data.curves
        ],
        "tests": [
            {"pair": comparison.pair, "name": comparison.test, "printed": _as_printed(comparison.printed)}
            for comparison in data.comparisons
        ],
    }


def _as_printed(cells: Sequence[Cell]) -> str:
    """Return each print of a number once, with its reading; empty if there is none."""
    texts = [f"{cell.printed}, {cell.reading}" if cell.reading else cell.printed for cell in cells]
    spellings = {text.lower(): text for text in reversed(texts)}
    return "; ".join(reversed(spellings.values()))
