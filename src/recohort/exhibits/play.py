"""Places on a page that a script takes over: a still exhibit, and the data that the script needs.

Without scripts the exhibit stays. The data go into the page as JSON, because a page opened from disk may
not fetch a file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd

from recohort.check import survival_columns
from recohort.cohort import members
from recohort.exhibits.curves import PanelData
from recohort.exhibits.markup import Html, element
from recohort.ledger import Ledger

__all__ = ["life_rows", "stage"]


def life_rows(
    data: PanelData, groups: Sequence[int], cohort: pd.DataFrame, ledger: Ledger
) -> list[tuple[str, float, int, int]]:
    """List the patients of some groups of a panel.

    Parameters
    ----------
    data : PanelData
    groups : sequence of int
        Positions of the groups in the panel.
    cohort, ledger
        As for :func:`recohort.exhibits.curves.panel_data`.

    Returns
    -------
    list of (str, float, int, int)
        Patient, time, 1 if it ends with the event, position in `groups`; early times first.
    """
    time, event = survival_columns(cohort, ledger, data.panel.endpoint)
    rows: list[tuple[str, float, int, int]] = []
    for number, group in enumerate(groups):
        inside = members(cohort, data.panel.population(ledger, data.panel.groups[group]), ledger)
        rows += [
            (str(cohort["patient"].iloc[i]), float(time[i]), int(event[i]), number)
            for i in inside.nonzero()[0]
        ]
    return sorted(rows, key=lambda row: (row[3], row[1]))


def stage(name: str, data: object, *still: Html) -> Html:
    """Return a place for a script of ``book/_static/play``.

    Parameters
    ----------
    name : str
        By which the script finds its place.
    data
        Anything that JSON can hold; infinite and undefined numbers it cannot.
    *still : Html
        What stands there until the script comes, and for good where it does not.

    Raises
    ------
    ValueError
        If a number is infinite or undefined.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    # "</script>" would end the element, "<!--" would hide its end.
    source = Html(f'<script type="application/json">{text.replace("<", chr(92) + "u003c")}</script>')
    return element("div", *still, source, class_="exhibit play", data_play=name)
