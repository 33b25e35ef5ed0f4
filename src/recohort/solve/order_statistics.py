"""Medians and ranges of a column of numbers as CP-SAT constraints, whoever belongs to it.

Numbers are integers here: steps of an attribute's last decimal, so 5.8 with one decimal is 58.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from ortools.sat.python import cp_model

from recohort.printed import Interval

__all__ = ["Column", "exact", "steps"]

Whole = int | cp_model.IntVar


def exact(number: float) -> Fraction:
    """Return the decimal that a float was written as: 0.1 is one tenth."""
    return Fraction(repr(float(number)))


def steps(interval: Interval, scale: int) -> tuple[int, int]:
    """Return the first and the last integer k with k / scale in an interval; first > last if none."""
    low, high = exact(interval.low) * scale, exact(interval.high) * scale
    first = math.ceil(low) if interval.low_closed else math.floor(low) + 1
    last = math.floor(high) if interval.high_closed else math.ceil(high) - 1
    return first, last


@dataclass(frozen=True)
class Column:
    """The numbers of one attribute in a population.

    Attributes
    ----------
    model : CpModel
    numbers : sequence of IntVar, shape (n_patients,)
        In steps.
    inside : sequence of literals, shape (n_patients,)
        Who belongs to the population and has a number.
    bounds : (int, int)
        Least and greatest value that any number can have.
    scale : int
        Steps per unit of the attribute.
    plain_medians : bool
        Keep both middle values of an even number within the median's window, not only their mean.
    """

    model: cp_model.CpModel
    numbers: Sequence[cp_model.IntVar]
    inside: Sequence[cp_model.LiteralT]
    bounds: tuple[int, int]
    scale: int
    plain_medians: bool = False

    def add(self, role: str, window: Interval) -> None:
        """Let one printed number hold.

        Parameters
        ----------
        role : {"median", "low", "high"}
        window : Interval
            What the printed number may stand for, in the attribute's unit.
        """
        self._between(role, *steps(window, self.steps(role)))

    def show(self, role: str) -> cp_model.IntVar:
        """Return a variable for what the numbers show, `steps` to the unit; they need not be printed."""
        double = self.steps(role) // self.scale
        value = self.model.new_int_var(double * self.bounds[0], double * self.bounds[1], role)
        self._between(role, value, value)
        return value

    def steps(self, role: str) -> int:
        """Return the steps per unit that make a statistic a whole number: a median may lie halfway."""
        return 2 * self.scale if role == "median" else self.scale

    def _between(self, role: str, first: Whole, last: Whole) -> None:
        """Let a statistic lie from `first` to `last`, in its own steps."""
        if role == "median":
            self._median(first, last)
        else:
            self._extreme(first, last, highest=role == "high")

    def _median(self, first: Whole, last: Whole) -> None:
        """Let the mean of the two middle values lie in a window; in an odd number they are the same.

        At most half of the values lie below the window, at most half above. If it is less than half on
        both sides, the middle values are in the window themselves. If not, they lie about it.
        """
        size = cp_model.LinearExpr.sum(self.inside)
        below, above = self._subset(), self._subset()
        for number, member, b, a in zip(self.numbers, self.inside, below, above, strict=True):
            self.model.add(2 * number >= first).only_enforce_if([member, ~b])
            self.model.add(2 * number <= last).only_enforce_if([member, ~a])
        about = self.model.new_constant(0) if self.plain_medians else self.model.new_bool_var("")
        for side in (below, above):
            self.model.add(2 * cp_model.LinearExpr.sum(side) <= size)
            self.model.add(2 * cp_model.LinearExpr.sum(side) <= size - 1).only_enforce_if(~about)
        if not self.plain_medians:
            self._middle_values(first, last, about)

    def _middle_values(self, first: Whole, last: Whole, on: cp_model.LiteralT) -> None:
        """Let twice the median lie from `first` to `last` while a switch is on: find the two middle values.

        Of n values the lower middle one is that with at least n/2 values at or below it and more than
        n/2 at or above it; for the upper one it is the other way round. So n need not be known.
        """
        size = cp_model.LinearExpr.sum(self.inside)
        lower, upper = (self.model.new_int_var(*self.bounds, "") for _ in range(2))
        self.model.add(lower <= upper)
        self.model.add(lower + upper >= first).only_enforce_if(on)
        self.model.add(lower + upper <= last).only_enforce_if(on)
        for middle, more_below, more_above in ((lower, 0, 1), (upper, 1, 0)):
            below, above = self._subset(), self._subset()
            for number, b, a in zip(self.numbers, below, above, strict=True):
                self.model.add(number <= middle).only_enforce_if(b)
                self.model.add(number >= middle).only_enforce_if(a)
            self.model.add(2 * cp_model.LinearExpr.sum(below) >= size + more_below).only_enforce_if(on)
            self.model.add(2 * cp_model.LinearExpr.sum(above) >= size + more_above).only_enforce_if(on)

    def _extreme(self, first: Whole, last: Whole, *, highest: bool) -> None:
        """Let nobody pass the end of a range, and somebody attain it."""
        attains = self._subset()
        for number, member, here in zip(self.numbers, self.inside, attains, strict=True):
            inner, outer = (number >= first, number <= last) if highest else (number <= last, number >= first)
            self.model.add(inner).only_enforce_if(here)
            self.model.add(outer).only_enforce_if(member)
        self.model.add_bool_or(attains)

    def _subset(self) -> list[cp_model.IntVar]:
        """Return literals, one a patient, that only members can have."""
        chosen = [self.model.new_bool_var("") for _ in self.inside]
        for literal, member in zip(chosen, self.inside, strict=True):
            self.model.add_implication(literal, member)
        return chosen
