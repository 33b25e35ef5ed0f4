"""Ladders: which numbers at risk at its events give a curve a survival within bounds, in exact fractions.

The scale for logarithms in whole numbers lives here too, for curves that have too many ladders to list.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

__all__ = ["SCALE", "Ladder", "LogWindow", "ladders", "log_steps", "log_window", "survival"]

Ladder = tuple[int, ...]
"""Numbers at risk at the events of one curve, falling."""

SCALE = 2**40
"""Whole-number units per natural logarithm."""
MOST_STEPS = 60_000
"""Give up listing ladders after so many partial ones."""


def survival(ladder: Ladder) -> Fraction:
    """Kaplan-Meier estimate after the events of a ladder."""
    return math.prod((Fraction(m - 1, m) for m in ladder), start=Fraction(1))


@lru_cache(maxsize=4096)
def ladders(patients: int, low: Fraction, high: Fraction, most: int) -> tuple[Ladder, ...] | None:
    """List the ladders of at most `patients` patients whose survival lies in [low, high].

    Returns
    -------
    tuple of Ladder, or None
        None if there are more than `most` or finding them takes too long.
    """
    found: list[Ladder] = []
    for steps, (ladder, value) in enumerate(_extend((), Fraction(1), patients, low)):
        if value <= high:
            found.append(ladder)
        if len(found) > most or steps > MOST_STEPS:
            return None
    return tuple(found)


def _extend(ladder: Ladder, value: Fraction, below: int, low: Fraction) -> Iterator[tuple[Ladder, Fraction]]:
    """Yield every ladder that goes on from here with survival at least `low`."""
    yield ladder, value
    for m in range(below, 0, -1):
        after = value * Fraction(m - 1, m)
        if after < low:
            return  # fewer at risk would take even more away
        yield from _extend((*ladder, m), after, m - 1, low)


def log_steps(patients: int) -> list[int]:
    """Scaled log of (m - 1)/m for m = 2 .. patients, each off by at most one half."""
    return [round(math.log((m - 1) / m) * SCALE) for m in range(2, patients + 1)]


@dataclass(frozen=True)
class LogWindow:
    """Bounds for a sum of scaled logarithms, widened by what rounding may have done to it.

    `low` is None where survival may come down to 0.
    """

    low: int | None
    high: int


def log_window(patients: int, low: Fraction, high: Fraction) -> LogWindow:
    """Bounds that every ladder with survival in [low, high] keeps."""
    slip = patients + 2  # one half for each event, and one for the bound itself
    return LogWindow(
        None if low <= 0 else math.floor(math.log(low) * SCALE) - slip,
        -(2**62) if high < 0 else math.ceil(math.log(high) * SCALE) + slip if high > 0 else -(2**61),
    )
