"""A printed cell beside the cohort's own: the checker's rows, put back into the form of the print.

The checker gives one row per number; a reader compares cells: ``22/32 (69)`` beside ``22/32 (69)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recohort.check import Row, Verdict
from recohort.exhibits.claim_words import about
from recohort.exhibits.numbers import NOT_REACHED, p_number, rounded, times
from recohort.ledger import Claim, Ledger
from recohort.printed import Number

__all__ = ["WORST_FIRST", "Cell", "at_place", "cells", "form", "tally"]

WORST_FIRST: tuple[Verdict, ...] = ("not reproduced", "reproduced as read", "reproduced", "context")
"""A cell is as good as the worst of its numbers."""


@dataclass(frozen=True)
class Cell:
    """One claim of the ledger, as printed and as a cohort gives it.

    Attributes
    ----------
    claim, place : str
        Claim id, and where it is printed.
    printed : str
        The whole string as printed, ``"2/32 (9)"``.
    reproduced : str
        The same form filled with the cohort's numbers, ``"3/32 (9)"``; empty for context.
    verdict : str
        The worst verdict among the cell's numbers.
    reading : str
        How the ledger reads the number, ``"read as 3/32 (9)"``; empty where it is taken as printed.
    because : str
        The ledger's reason for the reading.
    computed : tuple of (float or None)
        The cohort's numbers, unrounded, in the order and unit printed.
    what : str
        What the claim states and of whom, for a reader: ``"Overall survival at 24 months: stage II"``.
    """

    claim: str
    place: str
    printed: str
    reproduced: str
    verdict: Verdict
    reading: str
    because: str
    computed: tuple[float | None, ...]
    what: str = ""

    @property
    def misprinted(self) -> bool:
        """Whether another number stands for the printed one, so that a drawing of it needs a mark."""
        return bool(self.reading) and self.reproduced != self.printed


def cells(rows: Iterable[Row], ledger: Ledger) -> dict[str, Cell]:
    """Join the checker's rows of each claim into one cell.

    Parameters
    ----------
    rows : iterable of Row
        As :func:`recohort.check.check` returns them for this ledger.
    ledger : Ledger

    Returns
    -------
    dict of str to Cell
        By claim id, in the order of the rows.
    """
    by_claim: dict[str, list[Row]] = {}
    for row in rows:
        by_claim.setdefault(row.claim, []).append(row)
    return {name: _cell(ledger.claim(name), found, ledger) for name, found in by_claim.items()}


def at_place(found: Mapping[str, Cell], place: str) -> list[Cell]:
    """Return the cells printed at a place.

    `place` is one of the parts that commas separate: ``"Figure 2A"`` finds ``"Figure 2A, key"``
    and ``"text, Results, Figure 2A"`` but not ``"Supplemental Figure 2A"``.
    """
    return [cell for cell in found.values() if place in cell.place.split(", ")]


def tally(found: Iterable[Cell]) -> dict[Verdict, int]:
    """Return how many cells have each verdict, best first, without the verdicts that do not occur."""
    verdicts = [cell.verdict for cell in found]
    order: tuple[Verdict, ...] = ("reproduced", "reproduced as read", "not reproduced", "context")
    return {verdict: verdicts.count(verdict) for verdict in order if verdict in verdicts}


def form(claim: Claim, values: Iterable[float | None], unit: str) -> str:
    """Return the printed string of a claim with other numbers in it.

    Where the printed number can stand for the value the print is repeated (an exact half may have
    been rounded either way); else the value is rounded half up to the digits printed.

    Parameters
    ----------
    claim : Claim
    values : iterable of (float or None)
        One per printed number, in the unit printed.
    unit : str
        Unit of time, for a median that is reached where the print says it is not.
    """
    text, done = claim.printed, 0
    for number, value in zip(claim.numbers, values, strict=True):
        if value is None:
            return ""
        if math.isnan(value):
            return "undefined"
        if math.isinf(value):
            return NOT_REACHED
        if math.isinf(number.value):
            return times(value, unit)
        new = _number(number, value)
        place = text.find(number.text, done)
        if place < 0:  # spaced oddly in print: give the numbers alone
            return "; ".join(
                _number(n, v) for n, v in zip(claim.numbers, values, strict=True) if v is not None
            )
        text = text[:place] + new + text[place + len(number.text) :]
        done = place + len(new)
    return text


def _number(number: Number, value: float) -> str:
    if number.part in ("count", "denominator"):
        return f"{value:.0f}"
    if value in number.interval():
        return number.text
    return p_number(value) if number.part == "p" else rounded(value, number.decimals)


def _cell(claim: Claim, rows: list[Row], ledger: Ledger) -> Cell:
    unit, what = ledger.study.time.unit, about(claim, ledger)
    verdict = next(verdict for verdict in WORST_FIRST if any(row.verdict == verdict for row in rows))
    values = tuple(row.computed for row in rows)
    reproduced = "" if verdict == "context" else form(claim, values, unit)
    read = [row for row in rows if row.verdict == "reproduced as read"]
    because = read[0].because if read else ""
    reading = _reading(claim, unit) if read else ""
    what = what[:1].upper() + what[1:]
    return Cell(claim.id, claim.at, claim.printed, reproduced, verdict, reading, because, values, what)


def _reading(claim: Claim, unit: str) -> str:
    """Say how a claim is read."""
    reading = claim.read_as
    words = []
    if reading and reading.printed is not None:
        words.append(f"read as {reading.printed}")
    if reading and reading.month is not None:
        words.append(f"read at {reading.month:g} {unit}")
    if reading and reading.rounding == "truncated":
        words.append("decimals cut, not rounded")
    elif reading and reading.rounding is not None:
        words.append(f"rounded {reading.rounding}")
    return ", ".join(words)
