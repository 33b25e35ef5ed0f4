"""Bounds of the quantities of one population: each end asked of the solver, starting from what is known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from recohort.solve.bounds_rows import ARITHMETIC, SAME, Bounds, Verdict, digest
from recohort.solve.count_bounds import known_counts
from recohort.solve.order_bounds import Contradiction, Extreme, extreme, relaxations
from recohort.solve.problem import Problem
from recohort.solve.quantities import Quantity, values
from recohort.solve.quick_bounds import Ends, implied

__all__ = ["bounds_of"]

Floats = npt.NDArray[np.float64]


def bounds_of(
    problem: Problem,
    group: Sequence[Quantity],
    start: Mapping[Quantity, Ends],
    inner: Mapping[Quantity, Floats],
    effort: float = 1.0,
) -> list[Bounds]:
    """Bound the quantities of one population.

    Parameters
    ----------
    problem : Problem
    group : sequence of Quantity
        All of the same population.
    start : mapping
        Bounds known already.
    inner : mapping
        For each quantity what it is in cohorts that meet every claim.
    effort : float
        Multiplies the solver's time limits.

    Raises
    ------
    Contradiction
        If the claims cannot all hold.
    """
    return _Group(problem, group, start, inner, effort).solve()


class _Group:
    """The quantities of one population, which bound each other."""

    def __init__(
        self,
        problem: Problem,
        group: Sequence[Quantity],
        start: Mapping[Quantity, Ends],
        inner: Mapping[Quantity, Floats],
        effort: float,
    ) -> None:
        self.start = start
        self.problem, self.group, self.effort = problem, group, effort
        self.counts = known_counts(problem.ledger, problem.types)
        self.parts: list[npt.NDArray[np.bool_]] = []
        if problem.queries and group[0].population.where.attributes <= set(problem.attributes):
            inside = problem.members(group[0].curve)
            self.parts = [part for part in _parts(problem) if (inside & part).any()]
        self.inner = {q: [float(v) for v in np.unique(inner.get(q, np.zeros(0)))] for q in group}
        self.found = {q: list(known) for q, known in self.inner.items()}
        self.bound: dict[int, dict[Quantity, float]] = {-1: {}, 1: {}}
        self.claims: dict[tuple[Quantity, int], str] = {}

    def solve(self) -> list[Bounds]:
        """Bound every quantity."""
        order = sorted(self.group, key=lambda q: (q.kind != "patients", q.time or 0.0, -self._depth(q)))
        for sense, sequence in ((1, order), (-1, order[::-1])):
            for quantity in sequence:
                self._end(quantity, sense)
        name = digest(self.problem.ledger)
        return [self._row(q, name) for q in self.group]

    def _depth(self, quantity: Quantity) -> int:
        names = self.problem.endpoints
        return names.index(quantity.endpoint) if quantity.endpoint else 0

    def _end(self, quantity: Quantity, sense: int) -> None:
        known = self.bound[sense] | {quantity: self.start[quantity][int(sense > 0)]}
        bound, source = implied(self.problem, quantity, sense, known), ARITHMETIC
        if len(self.parts) != 1 and any(abs(v - bound) < SAME for v in self.inner[quantity]):
            pass  # known to be reached: no search can narrow it
        elif len(self.parts) != 1:
            sums = [self._part_end(quantity, sense, part)[0] for part in self.parts]
            whole = sum(sums) if self.parts and quantity.kind != "survival" else sense * math.inf
            if sense * whole < sense * bound:
                bound, source = whole, "rates"
        else:
            found = self._part_end(quantity, sense, self.parts[0], bound)
            if sense * found[0] < sense * bound:
                bound, source = found
        self.bound[sense][quantity], self.claims[quantity, sense] = bound, source

    def _part_end(
        self, quantity: Quantity, sense: int, part: npt.NDArray[np.bool_], bound: float | None = None
    ) -> tuple[float, str]:
        """Bound what one part contributes; of patients in one part, remember who was found."""
        alone = bound is not None
        best, source = (sense * math.inf if bound is None else bound), ARITHMETIC
        hopeless = False
        for step in relaxations(self.problem, self.counts, part, quantity.curve, self.effort):
            reached = self.found if step.name != "with P" else self.inner
            if alone and any(abs(v - best) < SAME for v in reached[quantity]):
                continue
            if hopeless and step.name == "rates":  # all of the endpoint's claims are among these
                continue
            end: Extreme = extreme(step, quantity, sense, best)
            hopeless = step.name == "endpoint" and not end.solved
            if sense * end.bound < sense * best - SAME:
                best, source = end.bound, step.name
            if alone and end.patients is not None and step.whole:
                self._remember(end.patients)
        return best, source

    def _remember(self, patients: pd.DataFrame) -> None:
        for quantity in self.group:
            self.found[quantity].extend(values(quantity, patients, self.problem.ledger))

    def _row(self, quantity: Quantity, ledger: str) -> Bounds:
        low, high = self.bound[-1][quantity], self.bound[1][quantity]
        if low > high + SAME:
            raise Contradiction(tuple(dict.fromkeys(c for d in self.problem.demands() for c in d.claims)))
        found = [v for v in self.found[quantity] if low - SAME <= v <= high + SAME]
        inner = [v for v in self.inner[quantity] if not math.isnan(v)]
        if quantity.kind == "patients":
            top: float = self.problem.ledger.study.patients
        elif quantity.kind == "survival":
            top = 1.0
        else:
            top = self.bound[1].get(Quantity("patients", quantity.population), math.inf)
        verdict: Verdict = "determined" if high - low < SAME else "bounded"
        if verdict == "bounded" and low <= SAME and high >= top - SAME:
            verdict = "free"
        return Bounds(
            quantity.name,
            quantity.kind,
            str(quantity.population),
            quantity.endpoint,
            quantity.time,
            _tidy(low),
            _tidy(high),
            self.claims[quantity, -1],
            self.claims[quantity, 1],
            _tidy(min(found, default=low if verdict == "determined" else math.nan)),
            _tidy(max(found, default=high if verdict == "determined" else math.nan)),
            _tidy(min(inner, default=math.nan)),
            _tidy(max(inner, default=math.nan)),
            verdict,
            ledger,
        )


def _parts(problem: Problem) -> tuple[npt.NDArray[np.bool_], ...]:
    """Return groups of types that rates do not tie to each other; all in one if all share a curve."""
    shared = any(problem.members(q.curve).all() for q in problem.queries if not q.curve.reverse)
    return (np.ones(len(problem.types), bool),) if shared else problem.parts


def _tidy(number: float) -> float:
    return number if math.isinf(number) else round(float(number), 8)
