"""Patients for statements on a part, found by annealing: quick where it works, no proof where it does not."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from recohort.solve.instance import Settings
from recohort.solve.parts import Part
from recohort.solve.problem import Demand, Test
from recohort.solve.reconstruct import Budget, anneal_part, rules_of
from recohort.solve.search import Schedule

__all__ = ["applies", "patients_for"]

COOLING = Schedule(600_000, 0.3, 0.02)
ROUNDS = 2
"""One from each beginning."""


def applies(part: Part, settings: Settings) -> bool:
    """Whether the search knows the conventions: log-rank tests, deaths as inner events, one last contact."""
    tested = any(isinstance(statement.demands[0], Test) for statement in part.statements)
    known = not tested or part.problem.ledger.convention("survival_test") == "log-rank"
    return known and settings.inner_counts_outer and settings.one_contact


def patients_for(part: Part, kept: Collection[int], settings: Settings) -> pd.DataFrame | None:
    """Look for patients who meet some of a part's statements.

    Parameters
    ----------
    part : Part
    kept : collection of int
    settings : Settings
        Of the order model; see `applies`.

    Returns
    -------
    DataFrame or None
        One row per patient of the part: the attributes that survival depends on, and both columns of
        every endpoint. None, if none were found, proves nothing.
    """
    whole = part.searched
    problem = whole.with_demands(_demands(part, kept))
    kinds = np.array(part.kinds_of_patients, np.int64)
    if not kinds.size:
        return None
    budget = Budget(part=COOLING, rounds_per_part=ROUNDS, chains=1)
    random = np.random.default_rng(settings.seed)
    loss, state = anneal_part(problem, np.array(part.kinds, bool), kinds, rules_of(whole), random, budget)
    if loss > 0:
        return None
    columns: dict[str, object] = {
        name: [problem.types[kind][name] for kind in state.types] for name in problem.attributes
    }
    for e, endpoint in enumerate(problem.ledger.endpoints.values()):
        columns[endpoint.time] = np.round(state.time[e] * problem.ledger.study.time.resolution, 6)
        columns[endpoint.event] = state.event[e].astype(int)
    return pd.DataFrame(columns)


def _demands(part: Part, kept: Collection[int]) -> Iterator[Demand]:
    """Yield what the search is asked for: its own demands, and those of numbers that have some slack."""
    plain = {i for k in kept if not part.statements[k].slack for i in part.statements[k].ids}
    yield from (demand for demand in part.searched.demands() if plain & set(demand.claims))
    yield from (d for k in kept if part.statements[k].slack for d in part.statements[k].demands)
