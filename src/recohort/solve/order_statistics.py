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
    """

    model: cp_model.CpModel
    numbers: Sequence[cp_model.IntVar]
    inside: Sequence[cp_model.LiteralT]
    bounds: tuple[int, int]
    scale: int

    def add(self, role: str, window: Interval, on: cp_model.LiteralT) -> None:
        """Let one printed number hold while a switch is on.

        Parameters
        ----------
        role : {"median", "low", "high"}
        window : Interval
            What the printed number may stand for, in the attribute's unit.
        on : literal
        """
        if role == "median":
            self._median(window, on)
        else:
            self._extreme(window, on, highest=role == "high")

    def _median(self, window: Interval, on: cp_model.LiteralT) -> None:
        """Let the mean of the two middle values lie in the window; in an odd number they are the same.

        Of n values the lower middle one is that with at least n/2 values at or below it and more than
        n/2 at or above it; for the upper one it is the other way round. So n need not be known.
        """
        first, last = steps(window, 2 * self.scale)
        lower, upper = (self.model.new_int_var(*self.bounds, "") for _ in range(2))
        self.model.add(lower <= upper)
        self.model.add(lower + upper >= first).only_enforce_if(on)
        self.model.add(lower + upper <= last).only_enforce_if(on)
        size = sum(self.inside)
        for middle, more_below, more_above in ((lower, 0, 1), (upper, 1, 0)):
            below, above = self._subset(), self._subset()
            for number, b, a in zip(self.numbers, below, above, strict=True):
                self.model.add(number <= middle).only_enforce_if(b)
                self.model.add(number >= middle).only_enforce_if(a)
            self.model.add(2 * sum(below) >= size + more_below).only_enforce_if(on)
            self.model.add(2 * sum(above) >= size + more_above).only_enforce_if(on)

    def _extreme(self, window: Interval, on: cp_model.LiteralT, *, highest: bool) -> None:
        """Let nobody pass the printed end of a range, and somebody attain it."""
        first, last = steps(window, self.scale)
        attains = self._subset()
        for number, member, here in zip(self.numbers, self.inside, attains, strict=True):
            inner, outer = (number >= first, number <= last) if highest else (number <= last, number >= first)
            self.model.add(inner).only_enforce_if(here)
            self.model.add(outer).only_enforce_if([on, member])
        self.model.add_bool_or(attains).only_enforce_if(on)

    def _subset(self) -> list[cp_model.IntVar]:
        """Return literals, one a patient, that only members can have."""
        chosen = [self.model.new_bool_var("") for _ in self.inside]
        for literal, member in zip(chosen, self.inside, strict=True):
            self.model.add_implication(literal, member)
        return chosen
