"""From a described ledger alone, back to cohorts: ours, and those of the competitors.

Each method gives, for everybody and for every subgroup, an ensemble of groups of patients. The true
patients are nowhere in sight here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recohort.conditions import Condition
from recohort.design import EVERYONE
from recohort.solve.baseline import Settings, solve_baseline
from recohort.solve.demands import build
from recohort.solve.pace import even_pace
from recohort.solve.reconstruct import rules_of
from recohort.solve.search import Schedule, anneal
from recohort.solve.starts import likely_state
from recohort.validate.competitors import Weibull, fit_weibull, naive_group, printed_points, simulate
from recohort.validate.measures import Group

if TYPE_CHECKING:
    import numpy.typing as npt

    from recohort.ledger import Ledger
    from recohort.solve.moves import Rules
    from recohort.solve.objective import State
    from recohort.solve.problem import Problem
    from recohort.validate.datasets import Dataset

    Ints = npt.NDArray[np.int64]

__all__ = ["Effort", "Ensemble", "naive", "parametric", "rebuild"]

Ensemble = dict[str, list[Group]]
"""For each population, by name, one group of patients per cohort."""


SCHEDULE = Schedule(100_000, 0.1, 0.02)
LONG_SCHEDULE = Schedule(500_000, 0.2, 0.02)


@dataclass(frozen=True)
class Effort:
    """How many cohorts to reconstruct, and how long to try.

    Attributes
    ----------
    cohorts : int
        Size of an ensemble.
    tries : int
        Independent searches at most. If they find fewer cohorts than asked for, walks from those found,
        among the cohorts that meet every claim, give the others.
    last_tries : int
        Long searches at most, if the others found nothing.
    walk : int
        Proposals between two cohorts of a walk.
    """

    cohorts: int = 24
    tries: int = 24
    last_tries: int = 4
    walk: int = 20_000


def rebuild(
    ledger: Ledger, dataset: Dataset, seed: int, effort: Effort | None = None, *, even: bool = False
) -> tuple[Ensemble, int]:
    """Reconstruct an ensemble of cohorts that meet every claim of a ledger.

    Parameters
    ----------
    ledger : Ledger
        With one endpoint.
    dataset : Dataset
        For the names of the subgroups only.
    seed : int
        The same seed gives the same cohorts.
    effort : Effort, optional
    even : bool
        Whether to prefer curves that go on at an even pace, see :mod:`recohort.solve.pace`. Otherwise one
        cohort is as good as another, as for the cohorts of the book.

    Returns
    -------
    ensemble : dict
        Empty lists if no cohort was found.
    independent : int
        How many of its cohorts were found each on its own; the others are walks from them.
    """
    effort = effort or Effort()
    problem = build(ledger)
    found = _searches(problem, ledger, seed, effort, even=even)
    states = _walks(problem, found, seed, effort)
    resolution = ledger.study.time.resolution
    ensemble: Ensemble = {}
    for name, where in _populations(dataset).items():
        inside = np.array([where.holds(kind) for kind in problem.types])
        ensemble[name] = [_group(state, inside, resolution) for state in states]
    return ensemble, len(found)


def parametric(
    ledger: Ledger, dataset: Dataset, cohorts: int, seed: int
) -> tuple[Ensemble, dict[str, Weibull]]:
    """Fit a curve to each population's printed numbers, and draw cohorts from it.

    Returns
    -------
    ensemble : dict
    curves : dict
        The fitted curve of each population that has any printed number; the others are in neither.
    """
    curves = {name: fit_weibull(printed_points(ledger, name)) for name in _populations(dataset)}
    known = {name: curve for name, curve in curves.items() if curve is not None}
    resolution, longest = ledger.study.time.resolution, _longest(ledger, dataset)
    ensemble = _drawn(
        ledger,
        known,
        cohorts,
        seed,
        lambda name, size, random: simulate(known[name], size, longest, resolution, random),
    )
    return ensemble, known


def naive(ledger: Ledger, dataset: Dataset, cohorts: int, seed: int) -> Ensemble:
    """Draw cohorts that know the number of patients and the length of follow-up, and nothing else."""
    resolution, longest = ledger.study.time.resolution, _longest(ledger, dataset)
    return _drawn(
        ledger,
        _populations(dataset),
        cohorts,
        seed,
        lambda _, size, random: naive_group(size, longest, resolution, random),
    )


def _drawn(
    ledger: Ledger,
    names: Mapping[str, object],
    cohorts: int,
    seed: int,
    draw: Callable[[str, int, np.random.Generator], Group],
) -> Ensemble:
    """Draw groups of the printed sizes, one stream of random numbers for each population."""
    ensemble: Ensemble = {}
    for number, name in enumerate(names):
        claim = ledger.claim("text.patients" if name == EVERYONE else f"text.{name}")
        size = int(claim.numbers[0].value)
        random = np.random.default_rng([seed, number])
        if size:
            ensemble[name] = [draw(name, size, random) for _ in range(cohorts)]
    return ensemble


def _populations(dataset: Dataset) -> dict[str, Condition]:
    named = {name: Condition.from_mapping(group["where"]) for name, group in dataset.subgroups.items()}
    return {EVERYONE: Condition()} | named


def _longest(ledger: Ledger, dataset: Dataset) -> float:
    """Twice the printed follow-up: with even entry, when the first patient entered."""
    printed = [c.numbers[0].value for c in ledger.claims if c.kind == "follow_up"]
    median = next(iter(printed), math.inf)
    return 2 * median if math.isfinite(median) else 3 * dataset.rate_at


# --- ours ----------------------------------------------------------------------------------------


def _searches(
    problem: Problem, ledger: Ledger, seed: int, effort: Effort, *, even: bool
) -> list[tuple[State, Rules]]:
    """Cohorts that meet every claim, each searched for on its own, and the rules of its search."""
    kinds = _kinds(problem, solve_baseline(ledger, Settings(seed=seed)))
    rules, tracks = rules_of(problem), problem.tracks()
    random = np.random.default_rng(seed)
    found: list[tuple[State, Rules]] = []
    schedules = [SCHEDULE] * effort.tries + [LONG_SCHEDULE] * effort.last_tries
    for number, schedule in enumerate(schedules):
        if len(found) == effort.cohorts or (found and number >= effort.tries):
            break
        mine = even_pace(problem, rules, random) if even else rules
        start = likely_state(problem, kinds, mine, random)
        state, loss, _ = anneal(tracks, mine, start, schedule, int(random.integers(2**32)))
        if loss == 0:
            found.append((state, mine))
    return found


def _walks(problem: Problem, found: list[tuple[State, Rules]], seed: int, effort: Effort) -> list[State]:
    """Add cohorts to those found until there are enough."""
    tracks = problem.tracks()
    random = np.random.default_rng([seed, 1])
    step = Schedule(effort.walk, 0.0, 0.0, 1)
    reached = list(found)
    while found and len(reached) < effort.cohorts:
        before, rules = reached[-len(found)]
        state, loss, _ = anneal(tracks, rules, before, step, int(random.integers(2**32)))
        assert loss == 0
        reached.append((state, rules))
    return [state for state, _ in reached]


def _kinds(problem: Problem, attributes: pd.DataFrame) -> Ints:
    columns = [attributes[name].tolist() for name in problem.attributes]
    return np.array(
        [
            problem.type_of(dict(zip(problem.attributes, row, strict=True)))
            for row in zip(*columns, strict=True)
        ],
        np.int64,
    )


def _group(state: State, inside: npt.NDArray[np.bool_], resolution: float) -> Group:
    mine = inside[state.types]
    return Group(state.time[0][mine] * resolution, state.event[0][mine].astype(np.int64))
