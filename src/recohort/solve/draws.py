"""Cohorts from one independent start: found from nothing, then a walk among the cohorts that fit.

How cohorts are drawn
---------------------
1. *Start.* Attributes are solved with preferences of the start's own, then times and events are annealed
   until every survival claim holds, as for a single cohort. Starts with an even number begin where nobody
   has an event, odd ones near the printed rates; one that fails goes on from the other beginning.
2. *Walk.* From there on a proposal is accepted if every survival claim still holds and refused if not. A
   first stretch also trades attributes between patients; then the types of patients stay as they are.
3. *Attributes.* The types decide what the survival claims see of the attributes. All other attributes are
   solved once around the types; patients of one type are exchangeable, so each cohort deals these
   rows out anew among the patients of a type. A row with a time of its own (a transplant, say) goes to
   nobody who left before it.
4. *Keep.* Every so many proposals the cohort is kept if its order of events is new to the start, and only
   if the checker finds every claim met.

What that does not give: cohorts of equal probability. Proposals are not symmetric, the walk cannot
cross from one island of fitting cohorts to another (hence many starts), and starts do not fall on
islands by their size. An ensemble shows what is possible; how often something occurs in it is no
probability.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment

from recohort.check import check
from recohort.cohort import GRID_SLACK, CohortError
from recohort.solve import baseline
from recohort.solve.demands import build
from recohort.solve.moves import MIX
from recohort.solve.objective import State
from recohort.solve.reconstruct import Budget, Unsatisfiable, assemble, rules_of, survive
from recohort.solve.search import Schedule, anneal

if TYPE_CHECKING:
    from recohort.ledger import Ledger
    from recohort.solve.moves import Rules
    from recohort.solve.problem import Problem, Track

__all__ = ["Drawn", "Plan", "Settings", "deal", "draw", "order_of_events", "shuffled", "walk"]

Order = tuple[tuple[tuple[int, ...], ...], ...]
"""For each endpoint, tick by tick, the types of the patients with an event."""

START = Budget(joined=Schedule(400_000, 0.2, 0.02), rounds=16, chains=1)
TIRED = 4
"""How many times as many stretches as cohorts a walk takes before it is given up."""


@dataclass(frozen=True)
class Settings:
    """How a start is made into cohorts.

    Attributes
    ----------
    cohorts : int
        How many are wanted from one start.
    mixing : int
        Proposals, trades of attributes among them, before the first cohort.
    stretch : int
        Proposals between one cohort and the next.
    start : Budget
        How long to search for the start, and where to begin; odd starts take its beginnings in
        opposite order.
    mix : tuple of float
        What the walk proposes; see :class:`recohort.solve.moves.Rules`.
    """

    cohorts: int = 12
    mixing: int = 100_000
    stretch: int = 20_000
    start: Budget = field(default_factory=lambda: START)
    mix: tuple[float, float] = (float(MIX[0]), float(MIX[1]))


@dataclass(frozen=True)
class Plan:
    """What all starts of an ensemble have in common."""

    ledger: Ledger
    seed: int
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class Drawn:
    """What came of a start.

    Attributes
    ----------
    cohorts : tuple of DataFrame
        Each meets every claim as read; no two have the same order of events.
    orders : tuple of str
        A digest of each cohort's order of events, the same for the same order in any start.
    missed : tuple of str
        Ids of claims that the start could not meet; then there are no cohorts.
    """

    cohorts: tuple[pd.DataFrame, ...] = ()
    orders: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


def draw(plan: Plan, start: int) -> Drawn:
    """Draw the cohorts of one start; the same plan and start give the same cohorts, wherever it runs.

    Raises
    ------
    Unsatisfiable
        If a solver proves that the claims on attributes conflict.
    """
    ledger = plan.ledger
    random = np.random.default_rng([plan.seed, start])
    own = int(random.integers(2**31))
    problem = build(ledger)
    budget = plan.settings.start
    if start % 2:
        budget = replace(budget, begin=budget.begin[::-1])
    try:
        attributes = baseline.solve_baseline(ledger, baseline.Settings(seed=own))
        if not ledger.endpoints:
            return _without_survival(problem, attributes)
        state = survive(problem, attributes, own, budget, lambda _what, _share: None)
    except baseline.Infeasible as error:
        raise Unsatisfiable(error.claims, proven=True) from None
    except baseline.Unfinished:
        return Drawn()
    except Unsatisfiable as error:
        return Drawn(missed=error.claims)
    rules = rules_of(problem)._replace(mix=np.array(plan.settings.mix))
    state = walk(problem.tracks(), rules, state, plan.settings.mixing, random)
    pairs = list(_cohorts(problem, rules, state, plan.settings, own, random))
    return Drawn(tuple(cohort for cohort, _ in pairs), tuple(order for _, order in pairs))


def _without_survival(problem: Problem, attributes: pd.DataFrame) -> Drawn:
    """Take the solved attributes for a cohort; without events, cohorts differ by their rows, in any order."""
    cohort = assemble(problem, None, attributes)
    missed = _missed(cohort, problem.ledger)
    rows = sorted(map(repr, attributes.astype(object).itertuples(index=False, name=None)))
    return Drawn(missed=missed) if missed else Drawn((cohort,), (_digest(rows),))


def _missed(cohort: pd.DataFrame, ledger: Ledger) -> tuple[str, ...]:
    missed = [row.claim for row in check(cohort, ledger) if row.verdict == "not reproduced"]
    return tuple(dict.fromkeys(missed))


def _digest(order: object) -> str:
    return hashlib.sha256(repr(order).encode()).hexdigest()[:32]


def _cohorts(
    problem: Problem,
    rules: Rules,
    state: State,
    settings: Settings,
    seed: int,
    random: np.random.Generator,
) -> Iterator[tuple[pd.DataFrame, str]]:
    """Walk on with the types of a state; yield cohorts and their orders of events, all different."""
    state = _by_type(state)
    types = [problem.types[kind] for kind in state.types]
    try:
        rows = baseline.solve_baseline(problem.ledger, baseline.Settings(seed=seed), types)
    except (baseline.Infeasible, baseline.Unfinished):
        return  # no attributes fit around these types, or none were found in time
    tracks = problem.tracks()
    rules = rules._replace(exchanges=rules.exchanges[:0])
    seen: set[str] = set()
    for _ in range(TIRED * settings.cohorts):
        state = walk(tracks, rules, state, settings.stretch, random)
        order = _digest(order_of_events(state))
        if order in seen:
            continue
        cohort = _dressed(problem, state, rows, random)
        if cohort is not None:
            seen.add(order)
            yield cohort, order
        if len(seen) == settings.cohorts:
            return


def walk(
    tracks: tuple[Track, ...], rules: Rules, state: State, steps: int, random: np.random.Generator
) -> State:
    """Go on from a cohort that meets every survival claim to another one."""
    seed = int(random.integers(2**32))
    return anneal(tracks, rules, state, Schedule(steps, 0.0, 0.0, go_on=1), seed)[0]


def order_of_events(state: State) -> Order:
    """Who has an event after whom, for each endpoint, patients of one type being the same.

    Censored patients, and when exactly an event happens, do not count: two cohorts that differ in their
    order differ in more than that.
    """
    orders = []
    for time, event in zip(state.time, state.event, strict=True):
        kinds, ticks = state.types[event == 1], time[event == 1]
        orders.append(tuple(tuple(np.sort(kinds[ticks == tick]).tolist()) for tick in np.unique(ticks)))
    return tuple(orders)


def _dressed(
    problem: Problem, state: State, rows: pd.DataFrame, random: np.random.Generator
) -> pd.DataFrame | None:
    """Deal attribute rows out to the patients of a state; None unless the checker finds every claim met.

    Row i of `rows` belongs to the type of patient i; so do the rows of all others of that type.
    """
    given = deal(problem, state, rows, random)
    if given is None:
        return None
    state, place = shuffled(state, random)
    try:
        cohort = assemble(problem, state, rows.iloc[given[place]])
    except CohortError:
        return None
    return None if _missed(cohort, problem.ledger) else cohort


def deal(
    problem: Problem, state: State, rows: pd.DataFrame, random: np.random.Generator
) -> npt.NDArray[np.int64] | None:
    """Give each patient one of the rows of their type at random, none with a time after the patient's own.

    The assignment of least random cost: where any row may go to anybody, all are equally likely.

    Returns
    -------
    int64 array, shape (n_patients,), or None
        The row of each patient; None if some row fits nobody.
    """
    given = np.full(state.types.size, -1, np.int64)
    fits = _fits(problem, state, rows)
    for kind in np.unique(state.types):
        mine = np.flatnonzero(state.types == kind)
        cost = np.where(fits[np.ix_(mine, mine)], random.random((mine.size, mine.size)), mine.size + 1.0)
        patients, chosen = linear_sum_assignment(cost)
        if cost[patients, chosen].max() > mine.size:
            return None
        given[mine[patients]] = mine[chosen]
    return given


def _fits(problem: Problem, state: State, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether patient i may have row j, as far as times among the attributes go."""
    resolution = problem.ledger.study.time.resolution
    fits = np.ones((state.types.size, len(rows)), bool)
    for name, attribute in problem.ledger.attributes.items():
        if attribute.not_after is not None:
            end = state.time[problem.endpoints.index(attribute.not_after)] * resolution
            value = rows[name].to_numpy(dtype=float, na_value=-np.inf)
            fits &= value[None, :] <= end[:, None] + GRID_SLACK
    return fits


def _by_type(state: State) -> State:
    order = np.argsort(state.types, kind="stable")
    return State(state.types[order], state.time[:, order], state.event[:, order])


def shuffled(state: State, random: np.random.Generator) -> tuple[State, npt.NDArray[np.int64]]:
    """Put patients in random order; also return where each one was before."""
    place = random.permutation(state.types.size).astype(np.int64)
    return State(state.types[place], state.time[:, place], state.event[:, place]), place
