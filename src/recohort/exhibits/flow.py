"""What became of whom: a patient flow as a nested list, which a screen reader and a phone can follow."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from recohort.cohort import members
from recohort.exhibits.cells import Cell
from recohort.exhibits.layout import Step
from recohort.exhibits.markup import Html, element, verdict_link
from recohort.ledger import Ledger

__all__ = ["flow", "split"]

Mask = NDArray[np.bool_]


def flow(first: Step, cohort: pd.DataFrame, ledger: Ledger, cells: Mapping[str, Cell]) -> Html:
    """Return a flow as nested lists: each box with its count, printed and in the cohort.

    Parameters
    ----------
    first : Step
        The uppermost box.
    cohort, ledger, cells
        As for :func:`recohort.exhibits.curves.panel_data`.

    Raises
    ------
    ValueError
        If a box holds patients that the box above lacks.
    """

    def box(step: Step, inside: Mask) -> Html:
        parts: list[str | Html] = [element("span", step.label, class_="step"), " "]
        if step.claim is not None:
            cell = cells[step.claim]
            if cell.reproduced:
                parts += [element("b", cell.reproduced), " "]
            parts += [element("small", f"printed: {cell.printed}"), " ", verdict_link(cell)]
        else:
            parts += [element("b", str(int(inside.sum()))), " ", element("small", "not printed")]
        below = split(step, inside, cohort, ledger)
        deeper = [element("ul", *(box(later, part) for later, part in below))] if below else []
        return element("li", element("div", *parts, class_="box"), *deeper)

    everyone = np.ones(len(cohort), dtype=bool)
    return element("div", element("ul", box(first, everyone)), class_="exhibit flow")


def split(step: Step, inside: Mask, cohort: pd.DataFrame, ledger: Ledger) -> list[tuple[Step, Mask]]:
    """Return the boxes below a box, each with its patients as a mask, shape (n_patients,)."""
    masks: dict[int, Mask] = {}
    for position, later in enumerate(step.then):
        if later.claim is not None:
            claim = ledger.claim(later.claim)
            masks[position] = members(cohort, ledger.population(claim, claim.of), ledger)
        elif later.where is not None:
            masks[position] = inside & members(cohort, later.where, ledger)
    counted = np.logical_or.reduce([*masks.values(), np.zeros_like(inside)])
    if (counted & ~inside).any():
        raise ValueError(f"flow: below {step.label!r} are patients who are not in it")
    return [(later, masks.get(position, inside & ~counted)) for position, later in enumerate(step.then)]
