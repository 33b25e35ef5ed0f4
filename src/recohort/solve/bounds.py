"""What the claims determine: for each quantity a proven minimum and maximum.

No cohort that meets the ledger, as read, goes beyond a bound: each is proven by a solver over all orders
of events that meet some of the claims (:mod:`recohort.solve.order_bounds`). P values take part for small
groups only, the follow-up of all patients never; so these are outer bounds. An end is *reached* if
patients are known who show it: a cohort given that meets every claim, or patients found on the way who
meet every rate and median of their part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from recohort.conditions import Condition, Population
from recohort.ledger import Ledger
from recohort.solve.bounds_rows import SAME, Bounds, Verdict, as_json, digest, read, summary, write
from recohort.solve.count_bounds import PrintedCounts, known_counts
from recohort.solve.demands import build
from recohort.solve.instance import WEIGHTS
from recohort.solve.order_bounds import Contradiction, Extreme, extreme, relaxations
from recohort.solve.problem import Problem
from recohort.solve.quantities import Quantity, asked, values
from recohort.solve.quick_bounds import Ends, implied, narrow, quick_bounds
from recohort.solve.workers import Workers, local

__all__ = ["Bounds", "as_json", "bounds_of", "digest", "read", "run", "summary", "write"]

T = TypeVar("T")
Task = tuple[list[Quantity], dict[Quantity, Ends], dict[Quantity, npt.NDArray[np.float64]]]
Floats = npt.NDArray[np.float64]
ARITHMETIC = "arithmetic"
"""What a bound rests on that needed no search over orders."""


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
        everybody = self.bound[1].get(Quantity("patients", quantity.population), math.inf)
        top = 1.0 if quantity.kind == "survival" else everybody
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


def _tighter(row: Bounds, other: Bounds) -> Bounds:
    """Return a row with the narrower ends of two, each proven, and the furthest patients of both."""
    low, low_claims = _narrower((row.low, row.low_claims), (other.low, other.low_claims), -1)
    high, high_claims = _narrower((row.high, row.high_claims), (other.high, other.high_claims), 1)
    determined = high - low < SAME
    verdict: Verdict = "determined" if determined else "bounded"
    known = [
        value
        for each in (row, other)
        for value in (each.low_found, each.high_found, each.low_inner, each.high_inner)
        if low - SAME <= value <= high + SAME
    ]
    return replace(
        row,
        low=low,
        high=high,
        low_claims=low_claims,
        high_claims=high_claims,
        low_found=min(known, default=low if determined else math.nan),
        high_found=max(known, default=high if determined else math.nan),
        verdict=row.verdict if (low, high) == (row.low, row.high) else verdict,
    )


def _narrower(one: tuple[float, str], other: tuple[float, str], sense: int) -> tuple[float, str]:
    """Return the narrower of two ends; of two alike the one that says on which claims it rests."""
    if abs(one[0] - other[0]) < SAME:
        return (one[0], other[1] if one[1] == ARITHMETIC else one[1])
    return min(one, other, key=lambda end: sense * end[0])


def _parts(problem: Problem) -> tuple[npt.NDArray[np.bool_], ...]:
    """Return groups of types that rates do not tie to each other; all in one if all share a curve."""
    shared = any(problem.members(q.curve).all() for q in problem.queries if not q.curve.reverse)
    return (np.ones(len(problem.types), bool),) if shared else problem.parts


def _tidy(number: float) -> float:
    return number if math.isinf(number) else round(float(number), 8)


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


def run(
    ledger: Ledger,
    out: Path | None = None,
    *,
    only: str = "",
    cohorts: Sequence[pd.DataFrame] = (),
    before: Iterable[Bounds] = (),
    jobs: int = 2,
    effort: float = 1.0,
    tell: Callable[[str, float], None] = lambda _what, _share: None,
) -> list[Bounds]:
    """Bound everything a reader may ask of a ledger.

    Parameters
    ----------
    ledger : Ledger
    out : Path, optional
        A CSV file, kept up to date as populations are finished; what it holds of this ledger is kept.
    only : str
        Keep to quantities whose name has this in it.
    cohorts : sequence of DataFrame
        Cohorts that meet every claim.
    before : iterable of Bounds
        Proven before: of this ledger's, no end comes out wider.
    jobs : int
        Processes; the result does not depend on it.
    effort : float
    tell : callable, optional

    Raises
    ------
    Contradiction
    """
    problem = build(ledger, outer=True, rank_tests=WEIGHTS)
    everything = asked(problem)
    quantities = [q for q in everything if only in q.name]
    known = {} if out is None else {row.name: row for row in read(out) if row.ledger == digest(ledger)}
    groups: dict[Population, list[Quantity]] = {}
    for quantity in quantities:
        groups.setdefault(quantity.population, []).append(quantity)
    waiting = [group for group in groups.values() if any(q.name not in known for q in group)]
    if not waiting:
        return [known[q.name] for q in quantities]
    if math.isinf(PrintedCounts(ledger, problem.attributes).extreme(Condition(), 1)):
        raise Contradiction(
            tuple(claim for count in known_counts(ledger, problem.types) for claim in count.claims)
        )
    tell("arithmetic", 0.0)
    proven = {row.name: row for row in before if row.ledger == digest(ledger)}
    ends = {q: (proven[q.name].low, proven[q.name].high) for q in everything if q.name in proven}
    start = quick_bounds(problem, _related(everything, quantities), ends)
    inner = _values(quantities, ledger, cohorts)
    tasks = tuple((group, _kept(start, group), _kept(inner, group)) for group in waiting)
    workers: Workers[list[Bounds]] = local(min(jobs, len(tasks)))
    made = workers(partial(_task, problem, tasks, effort), iter(range(len(tasks))))

    def keep(rows: Iterable[Bounds]) -> None:
        known.update({row.name: _tighter(row, proven.get(row.name, row)) for row in rows})
        if out is not None:
            write(out, [known[q.name] for q in everything if q.name in known])

    for number, (_, rows) in enumerate(made, 1):
        keep(rows)
        tell(f"{number} of {len(waiting)} populations", number / len(waiting))
    ends = {q: (known[q.name].low, known[q.name].high) for q in everything if q.name in known}
    limits = narrow(problem, start | ends)
    keep(
        _tighter(row, replace(row, low=low, high=high, low_claims=ARITHMETIC, high_claims=ARITHMETIC))
        for row, (low, high) in ((known[q.name], limits[q]) for q in ends)
    )
    return [known[q.name] for q in quantities]


def _task(problem: Problem, tasks: Sequence[Task], effort: float, number: int) -> list[Bounds]:
    return bounds_of(problem, *tasks[number], effort)


def _kept(of: Mapping[Quantity, T], group: Iterable[Quantity]) -> dict[Quantity, T]:
    return {quantity: of[quantity] for quantity in group if quantity in of}


def _related(everything: Sequence[Quantity], quantities: Sequence[Quantity]) -> tuple[Quantity, ...]:
    """Return these quantities and the like ones of other populations, which help to bound them."""
    like = {(q.kind, q.endpoint, q.time) for q in quantities}
    return tuple(q for q in everything if (q.kind, q.endpoint, q.time) in like)


def _values(
    quantities: Sequence[Quantity], ledger: Ledger, cohorts: Sequence[pd.DataFrame]
) -> dict[Quantity, Floats]:
    if not cohorts:
        return {}
    whole = pd.concat(cohorts, ignore_index=True)
    return {q: values(q, whole, ledger, len(cohorts)) for q in quantities}
