"""Numbers that read like patients: drawn from a plausible spread, then moved as little as claims ask.

Who belongs to which population is settled before (the numbers that the first stage found serve as
witness), so each numeric attribute is a small problem of its own that surely has a solution.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from ortools.sat.python import cp_model

from recohort.ledger import Claim, Ledger
from recohort.solve.attribute_claims import SPREADS, windows
from recohort.solve.cpsat import run
from recohort.solve.order_statistics import Column, steps

if TYPE_CHECKING:
    from recohort.conditions import Level

__all__ = ["NumberProblem", "Spread"]

Row = Mapping[str, "Level | float | None"]
Pair = tuple[int, int]

WIDE = 100.0
"""A positive scale whose ends differ by this factor or more is spread evenly in its logarithm."""
NORMAL = NormalDist()


@dataclass(frozen=True)
class Spread:
    """A smooth distribution with a given median between two ends, skewed as these are.

    A value has a position from -1 (low) over 0 (median) to 1 (high), along a straight line or, when
    the median is not in the middle, an exponential curve. Positions are normal, the ends being where
    the outermost of so many patients are expected, or uniform when no such number is given.

    Attributes
    ----------
    low, median, high : float
        In the attribute's unit.
    patients : int
        How many patients the spread describes; 0 for a uniform one.
    """

    low: float
    median: float
    high: float
    patients: int = 0

    @classmethod
    def uniform(cls, low: float, high: float) -> Spread:
        """Spread evenly between two ends, in the logarithm if they differ widely."""
        wide = low > 0 and high / low >= WIDE
        return cls(low, math.sqrt(low * high) if wide else (low + high) / 2, high)

    def value(self, share: float) -> float:
        """Return the value below which a share of the patients, between 0 and 1, lies."""
        position = 2 * share - 1
        if self.patients:
            position = max(-1.0, min(1.0, NORMAL.inv_cdf(share) / self._widest))
        if self._curve is None:
            return (self.low + self.high + position * (self.high - self.low)) / 2
        origin, middle, ratio = self._curve
        return origin + middle * math.pow(ratio, position)

    def share(self, value: float) -> float:
        """Return the share of the patients below a value."""
        if value <= self.low or value >= self.high:
            return float(value >= self.high)
        if self._curve is None:
            position = (2 * value - self.low - self.high) / (self.high - self.low)
        else:
            origin, middle, ratio = self._curve
            position = math.log((value - origin) / middle, ratio)
        return NORMAL.cdf(position * self._widest) if self.patients else (1 + position) / 2

    @cached_property
    def _widest(self) -> float:
        """Return the normal score of the outermost of so many patients."""
        return max(1.0, NORMAL.inv_cdf(1 - 0.5 / max(self.patients, 1)))

    @cached_property
    def _curve(self) -> tuple[float, float, float] | None:
        """Return origin c, m and r of the curve c + m r^position; None for a straight line."""
        width = self.high - self.low
        median = min(max(self.median, self.low + width / 50), self.high - width / 50)
        bend = self.low + self.high - 2 * median
        if abs(bend) <= width / 1000:
            return None
        origin = (self.low * self.high - median**2) / bend
        return origin, median - origin, (self.high - origin) / (median - origin)


class NumberProblem:
    """One numeric attribute of patients whose memberships are settled.

    Parameters
    ----------
    ledger : Ledger
    name : str
        The attribute.
    rows : sequence of dict
        The patients; their numbers show to which populations they belong.
    limits : dict
        For each patient with a number the least and the greatest step that keep these memberships.
    """

    def __init__(self, ledger: Ledger, name: str, rows: Sequence[Row], limits: Mapping[int, Pair]) -> None:
        spec = ledger.attributes[name].number
        assert spec is not None
        self.ledger, self.name, self.scale = ledger, name, 10**spec.decimals
        claims = [c for c in ledger.claims if c.kind in SPREADS and c.attribute == name]
        self.claims: list[tuple[Claim, tuple[int, ...]]] = [
            (claim, tuple(p for p in limits if claim.where.holds(rows[p]))) for claim in claims
        ]
        self.limits = dict(limits)
        for claim, members in self.claims:
            for role, window in windows(claim, ledger).items():
                first, last = steps(window, self.scale)
                for p in members:
                    low, high = self.limits[p]
                    if role == "low":
                        self.limits[p] = max(low, first), high
                    elif role == "high":
                        self.limits[p] = low, min(high, last)

    def targets(self, rng: np.random.Generator) -> dict[int, int]:
        """Draw a plausible step for each patient, within the patient's limits.

        Patients of one spread and the same limits share out its quantiles, so that a printed median
        comes out nearly right before any claim is looked at.
        """
        groups: dict[tuple[Spread, Pair], list[int]] = defaultdict(list)
        for patient, spread in self._spreads().items():
            groups[spread, self.limits[patient]].append(patient)
        targets = {}
        for (spread, (low, high)), patients in groups.items():
            start, stop = spread.share((low - 0.5) / self.scale), spread.share((high + 0.5) / self.scale)
            strata = (rng.permutation(len(patients)) + rng.random(len(patients))) / len(patients)
            for patient, stratum in zip(patients, strata, strict=True):
                share = min(max(start + float(stratum) * (stop - start), 1e-9), 1 - 1e-9)
                targets[patient] = min(max(round(spread.value(share) * self.scale), low), high)
        return targets

    def _spreads(self) -> dict[int, Spread]:
        """Return for each patient the spread of the smallest claimed population, or else of the largest."""
        printed: dict[tuple[int, ...], dict[str, float]] = defaultdict(dict)
        for claim, members in self.claims:
            for number in claim.numbers_as_read:
                printed[members].setdefault(number.part, number.value)
        found: dict[int, Spread] = {}
        by_size = sorted(printed, key=len)
        for members in by_size:
            spread = self._spread(members, printed[members])
            for patient in members:
                found.setdefault(patient, spread)
        widest = by_size[-1] if by_size else tuple(self.limits)
        rest = self._spread(widest, printed.get(widest, {}))
        return {patient: found.get(patient, rest) for patient in self.limits}

    def _spread(self, members: tuple[int, ...], printed: Mapping[str, float]) -> Spread:
        low = printed.get("low", min(self.limits[p][0] for p in members) / self.scale)
        high = printed.get("high", max(self.limits[p][1] for p in members) / self.scale)
        if "median" not in printed:
            return Spread.uniform(low, high)
        return Spread(low, printed["median"], high, len(members))

    def solve(
        self, targets: Mapping[int, int], solver: cp_model.CpSolver, apart: Iterable[Pair] = ()
    ) -> dict[int, int] | None:
        """Move the targets as little as possible so that every claim holds.

        Parameters
        ----------
        targets : dict
            A step per patient.
        solver : CpSolver
            With its limits set.
        apart : iterable of (int, int)
            Patients who must not have the same number.

        Returns
        -------
        dict or None
            A step per patient; None if nothing was found within the solver's limits.
        """
        model = cp_model.CpModel()
        number = {p: model.new_int_var(low, high, "") for p, (low, high) in self.limits.items()}
        bounds = min(low for low, _ in self.limits.values()), max(high for _, high in self.limits.values())
        moved = []
        for p, variable in number.items():
            distance = model.new_int_var(0, bounds[1] - bounds[0], "")
            model.add(distance >= variable - targets[p])
            model.add(distance >= targets[p] - variable)
            model.add_hint(variable, targets[p])
            moved.append(distance)
        for claim, members in self.claims:
            column = Column(model, [number[p] for p in members], [True] * len(members), bounds, self.scale)
            for role, window in windows(claim, self.ledger).items():
                column.add(role, window)
        for a, b in apart:
            model.add(number[a] != number[b])
        model.minimize(sum(moved))
        if run(solver, model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return None
        return {p: solver.value(variable) for p, variable in number.items()}
