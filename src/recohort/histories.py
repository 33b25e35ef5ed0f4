"""Which histories print this percentage: one Kaplan-Meier curve taken apart, in exact fractions.

With distinct times a Kaplan-Meier estimate is a product of (m - 1)/m, one factor for each event, where m
patients are at risk just before it. A printed percentage is an interval. The two together ask a question
of whole numbers: which numbers at risk give a product inside the interval? For few patients there is
often one answer only.

Censored patients never stand in the product. They show as gaps: events at 5 and 3 of 5 at risk mean
that one patient was censored between them.

References
----------
Kaplan and Meier, J Am Stat Assoc 1958. The idea of asking which whole numbers can give a printed
fraction is that of Brown and Heathers, Soc Psychol Personal Sci 2017, there for means.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from recohort.printed import Interval, parse

__all__ = ["History", "best_pooled", "histories", "printable", "prints_as"]


@dataclass(frozen=True)
class History:
    """The events of one group, up to the time of a printed rate.

    Attributes
    ----------
    patients : int
        How many there are at the start.
    at_risk : tuple of int
        Patients at risk just before each event, in the order of time; strictly falling, as one
        patient at most leaves at a time.
    """

    patients: int
    at_risk: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        ladder = (self.patients + 1, *self.at_risk, 0)
        if any(above <= below for above, below in pairwise(ladder)):
            raise ValueError(
                f"numbers at risk {self.at_risk} must fall from {self.patients} or fewer to at least 1"
            )

    @property
    def factors(self) -> tuple[Fraction, ...]:
        """Share of those at risk who pass each event."""
        return tuple(Fraction(m - 1, m) for m in self.at_risk)

    @property
    def survival(self) -> Fraction:
        """The Kaplan-Meier estimate after the last event."""
        return math.prod(self.factors, start=Fraction(1))

    @property
    def censored(self) -> tuple[int, ...]:
        """Patients censored before the first event, and between each two events."""
        before = (self.patients, *(m - 1 for m in self.at_risk))
        return tuple(have - m for have, m in zip(before, self.at_risk, strict=False))

    @property
    def remaining(self) -> int:
        """Patients at risk just after the last event; when each of them leaves is not told."""
        return self.at_risk[-1] - 1 if self.at_risk else self.patients


def histories(patients: int, printed: str, *, rounding: str = "half-up") -> Iterator[History]:
    """List every history whose Kaplan-Meier estimate prints as a given percentage.

    Parameters
    ----------
    patients : int
        Size of the group at the start, at least 1.
    printed : str
        A percentage as printed, ``"27%"``.
    rounding : {"half-up", "truncated"}
        As in :mod:`recohort.printed`; an exact half may go either way.

    Yields
    ------
    History
        Early events first. There are few for small groups or high rates, and millions for a middling
        rate of 25 patients: take as many as are needed.

    Raises
    ------
    ValueError
        If there are no patients or the percentage cannot be read.
    """
    if patients < 1:
        raise ValueError(f"{patients} patients: give at least 1")
    interval = parse("survival", printed)[0].interval(rounding)
    yield from _extend(patients, (), Fraction(1), interval)


def printable(patients: int) -> dict[int, int]:
    """Count the histories behind each whole percentage that a group can print.

    Parameters
    ----------
    patients : int
        Up to about 16: there are 2 to the power of `patients` histories, though many share a product.

    Returns
    -------
    dict of int to int
        Percentage, ascending, to the number of its histories. A percentage that is missing cannot be
        printed. An exact half counts for both neighbours.
    """
    products = Counter({Fraction(1): 1})
    for m in range(1, patients + 1):
        products += Counter({survival * Fraction(m - 1, m): count for survival, count in products.items()})
    found: Counter[int] = Counter()
    for survival, count in products.items():
        doubled = math.floor(200 * survival)
        found[(doubled + 1) // 2] += count
        if 200 * survival == doubled and doubled % 2:
            found[doubled // 2] += count
    return dict(sorted(found.items()))


def prints_as(survival: Fraction, interval: Interval) -> bool:
    """Return whether a proportion, in percent, lies within an interval, exactly (without slack)."""
    low, high = _exact(interval.low), _exact(interval.high)
    percent = 100 * survival
    above = percent >= low if interval.low_closed else percent > low
    return above and (percent <= high if interval.high_closed else percent < high)


def best_pooled(history: History, others: int) -> Fraction:
    """Return the highest estimate for a larger group that holds this one.

    At an event with m of the group at risk, at most m + `others` are at risk in the larger group, and
    (m + others - 1)/(m + others) grows with `others`. Events among the others only take away. So the
    estimate is highest if all of them stay at risk and none has an event.

    Parameters
    ----------
    history : History
    others : int
        Patients of the larger group who are not in this one.
    """
    return math.prod((Fraction(m + others - 1, m + others) for m in history.at_risk), start=Fraction(1))


def _exact(end: float) -> Fraction:
    """Return the decimal number that a float was made from: 0.1 is 1/10, not the nearest binary."""
    return Fraction(repr(end))


def _extend(
    patients: int, events: tuple[int, ...], survival: Fraction, interval: Interval
) -> Iterator[History]:
    """Yield the histories that begin with these events; a product never rises again."""
    if prints_as(survival, interval):
        yield History(patients, events)
    for m in range(events[-1] - 1 if events else patients, 0, -1):
        after = survival * Fraction(m - 1, m)
        if 100 * after < _exact(interval.low):
            return  # fewer at risk would take even more away
        yield from _extend(patients, (*events, m), after, interval)
