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

import numpy as np
import numpy.typing as npt
import pandas as pd

from recohort.conditions import Condition, Population
from recohort.ledger import Ledger
from recohort.solve.bounds_rows import ARITHMETIC, Bounds, as_json, digest, read, summary, tighter, write
from recohort.solve.count_bounds import PrintedCounts, known_counts
from recohort.solve.demands import build
from recohort.solve.group_bounds import bounds_of
from recohort.solve.instance import WEIGHTS
from recohort.solve.order_bounds import Contradiction
from recohort.solve.problem import Problem
from recohort.solve.quantities import Quantity, asked, values
from recohort.solve.quick_bounds import Ends, narrow, quick_bounds
from recohort.solve.workers import Workers, local

__all__ = ["Bounds", "as_json", "digest", "read", "run", "summary", "write"]

Floats = npt.NDArray[np.float64]
Rows = Mapping[str, Bounds]
"""By the names of their quantities."""
Task = tuple[list[Quantity], dict[Quantity, Ends], dict[Quantity, Floats]]
"""The quantities of a population, what is known of each, and what each is in cohorts."""


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
        Multiplies the solver's time limits.
    tell : callable, optional

    Raises
    ------
    Contradiction
        If the claims cannot all hold.
    """
    problem = build(ledger, outer=True, rank_tests=WEIGHTS)
    everything = asked(problem)
    wanted = [q for q in everything if only in q.name]
    done = {} if out is None else _of(ledger, read(out))
    waiting = [group for group in _by_population(wanted) if any(q.name not in done for q in group)]
    if not waiting:
        return [done[q.name] for q in wanted]
    _refuse_nobody(problem)
    tell("arithmetic", 0.0)
    proven = _of(ledger, before)
    start = quick_bounds(problem, _related(everything, wanted), _ends(everything, proven))
    inner = _values(wanted, ledger, cohorts)
    tasks = [(group, {q: start[q] for q in group}, {q: inner[q] for q in group}) for group in waiting]

    def keep(rows: Iterable[Bounds]) -> None:
        done.update({row.name: tighter(row, proven.get(row.name, row)) for row in rows})
        if out is not None:
            write(out, [done[q.name] for q in everything if q.name in done])

    workers: Workers[list[Bounds]] = local(min(jobs, len(tasks)))
    made = workers(partial(_task, problem, tasks, effort), iter(range(len(tasks))))
    for number, (_, rows) in enumerate(made, 1):
        keep(rows)
        tell(f"{number} of {len(waiting)} populations", number / len(waiting))
    keep(_narrowed(problem, start, everything, done))
    return [done[q.name] for q in wanted]


def _task(problem: Problem, tasks: Sequence[Task], effort: float, number: int) -> list[Bounds]:
    return bounds_of(problem, *tasks[number], effort)


def _of(ledger: Ledger, rows: Iterable[Bounds]) -> dict[str, Bounds]:
    """Return the rows that are of a ledger, by the names of their quantities."""
    mine = digest(ledger)
    return {row.name: row for row in rows if row.ledger == mine}


def _ends(quantities: Iterable[Quantity], rows: Rows) -> dict[Quantity, Ends]:
    return {q: (rows[q.name].low, rows[q.name].high) for q in quantities if q.name in rows}


def _by_population(quantities: Iterable[Quantity]) -> list[list[Quantity]]:
    groups: dict[Population, list[Quantity]] = {}
    for quantity in quantities:
        groups.setdefault(quantity.population, []).append(quantity)
    return list(groups.values())


def _refuse_nobody(problem: Problem) -> None:
    """Raise if already the printed counts leave nobody at all."""
    if math.isinf(PrintedCounts(problem.ledger, problem.attributes).extreme(Condition(), 1)):
        counts = known_counts(problem.ledger, problem.types)
        raise Contradiction(tuple(claim for count in counts for claim in count.claims))


def _related(everything: Sequence[Quantity], quantities: Sequence[Quantity]) -> tuple[Quantity, ...]:
    """Return these quantities and the like ones of other populations, which help to bound them."""
    like = {(q.kind, q.endpoint, q.time) for q in quantities}
    return tuple(q for q in everything if (q.kind, q.endpoint, q.time) in like)


def _values(
    quantities: Sequence[Quantity], ledger: Ledger, cohorts: Sequence[pd.DataFrame]
) -> dict[Quantity, Floats]:
    """Return what each quantity is in cohorts, shape (n_cohorts,)."""
    if not cohorts:
        return {q: np.zeros(0) for q in quantities}
    whole = pd.concat(cohorts, ignore_index=True)
    return {q: values(q, whole, ledger, len(cohorts)) for q in quantities}


def _narrowed(
    problem: Problem, start: Mapping[Quantity, Ends], everything: Sequence[Quantity], rows: Rows
) -> list[Bounds]:
    """Narrow finished rows through each other and through what was known at the start."""
    found = _ends(everything, rows)
    limits = narrow(problem, {**start, **found})
    return [
        tighter(row, replace(row, low=low, high=high, low_claims=ARITHMETIC, high_claims=ARITHMETIC))
        for row, (low, high) in ((rows[q.name], limits[q]) for q in found)
    ]
