"""All survival claims of one cohort: the kernel beside three libraries, on the same work (`make bench`).

The work: every survival rate and median the ledger asks about, every log-rank test, on cohorts of the
ensemble. Before anything is timed, all four must give the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from typing import NamedTuple

import lifelines
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from lifelines.statistics import logrank_test
from sksurv.compare import compare_survival
from sksurv.nonparametric import kaplan_meier_estimator
from sksurv.util import Surv
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from recohort import cohort, ensemble, paths
from recohort.kernel import compiled
from recohort.ledger import Ledger, load
from recohort.solve.demands import build
from recohort.solve.objective import Layout, State, Work, evaluate, orders_of, pack, scratch
from recohort.solve.problem import Curve, Problem

COHORTS = 200
LIBRARY_COHORTS = 5
Floats = npt.NDArray[np.float64]
Group = tuple[Floats, npt.NDArray[np.bool_]]


class Task(NamedTuple):
    """One cohort, as a library gets it: the groups, and what is asked of them."""

    rates: list[tuple[Group, float]]
    tests: list[tuple[Group, Group]]


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load(paths.LEDGER)


@pytest.fixture(scope="module")
def problem(ledger: Ledger) -> Problem:
    return build(ledger)


@pytest.fixture(scope="module")
def tables(ledger: Ledger) -> list[pd.DataFrame]:
    whole = ensemble.read(paths.ENSEMBLE, ledger)
    last = int(whole["cohort"].max())
    chosen = np.linspace(1, last, COHORTS).astype(int)
    by_number = dict(ensemble.each(whole))
    return [by_number[number] for number in chosen.tolist()]


def group_of(curve: Curve, table: pd.DataFrame, ledger: Ledger) -> Group:
    inside = cohort.members(table, curve.population, ledger)
    endpoint = ledger.endpoints[curve.endpoint]
    event = table[endpoint.event].to_numpy(dtype=bool)[inside]
    return table[endpoint.time].to_numpy(dtype=float)[inside], ~event if curve.reverse else event


def task_of(problem: Problem, table: pd.DataFrame) -> Task:
    resolution = problem.ledger.study.time.resolution
    rates, tests = [], []
    for endpoint, reverse in problem.track_keys:
        queries, pairs, _ = problem.demands_of(endpoint, reverse)
        # just after the tick, and clear of rounding
        rates += [
            (group_of(q.curve, table, problem.ledger), (q.tick + 0.5) * resolution)
            for q in sorted(queries, key=lambda q: q.tick)
        ]
        tests += [tuple(group_of(c, table, problem.ledger) for c in (p.a, p.b)) for p in pairs]
    return Task(rates, tests)


def state_of(problem: Problem, table: pd.DataFrame) -> State:
    rows = table[list(problem.attributes)].astype(object).where(table[list(problem.attributes)].notna(), None)
    kinds = [problem.type_of(row) for row in rows.to_dict("records")]
    resolution = problem.ledger.study.time.resolution
    ends = list(problem.ledger.endpoints.values())
    time = np.array([np.round(table[e.time].to_numpy(float) / resolution) for e in ends]).astype(np.int64)
    event = np.array([table[e.event].to_numpy() for e in ends]).astype(np.uint8)
    return State(np.array(kinds, np.int64), time, event)


@compiled
def all_claims(layout: Layout, work: Work, orders, types, time, event, loss) -> float:
    """Evaluate cohort after cohort: a call from Python would cost more than the work."""
    total = 0.0
    for k in range(orders.shape[0]):
        total += evaluate(layout, work, orders[k], State(types[k], time[k], event[k]), loss)
    return total


# --- the same work by libraries ----------------------------------------------------------


def by_lifelines(task: Task) -> tuple[list[float], list[float]]:
    rates = [
        float(lifelines.KaplanMeierFitter().fit(*group).survival_function_at_times(at).iloc[0])
        for group, at in task.rates
    ]
    return rates, [float(logrank_test(a[0], b[0], a[1], b[1]).test_statistic) for a, b in task.tests]


def by_sksurv(task: Task) -> tuple[list[float], list[float]]:
    rates = []
    for (time, event), at in task.rates:
        times, survival = kaplan_meier_estimator(event, time)
        rates.append(float(np.append(1.0, survival)[np.searchsorted(times, at, side="right")]))
    tests = []
    for a, b in task.tests:
        groups = np.repeat([0, 1], [a[0].size, b[0].size])
        y = Surv.from_arrays(np.concatenate([a[1], b[1]]), np.concatenate([a[0], b[0]]))
        tests.append(float(compare_survival(y, groups)[0]))
    return rates, tests


def by_statsmodels(task: Task) -> tuple[list[float], list[float]]:
    rates = []
    for (time, event), at in task.rates:
        curve = SurvfuncRight(time, event.astype(int))
        place = np.searchsorted(curve.surv_times, at, side="right")
        rates.append(float(np.append(1.0, curve.surv_prob)[place]))
    tests = []
    for a, b in task.tests:
        groups = np.repeat([0, 1], [a[0].size, b[0].size])
        time, event = (np.concatenate([x, y]) for x, y in zip(a, b, strict=True))
        tests.append(float(survdiff(time, event.astype(int), groups)[0]))
    return rates, tests


LIBRARIES = {"lifelines": by_lifelines, "scikit-survival": by_sksurv, "statsmodels": by_statsmodels}


def by_kernel(problem: Problem, table: pd.DataFrame) -> tuple[list[float], list[float]]:
    """What the kernel computes, track by track, in the order of `task_of`."""
    state = state_of(problem, table)
    rates, tests = [], []
    for track in problem.tracks():
        layout = pack((track,))
        work = scratch(layout, state.types.size)
        evaluate(layout, work, orders_of(state), state, np.zeros(1))
        rates += work.survival.tolist()
        tests += [oe**2 / v for oe, v in zip(work.oe, work.v, strict=True)]
    return rates, tests


def test_the_committed_table_is_of_these_versions() -> None:
    table = pd.read_csv(paths.DATA / "benchmark.csv")
    assert table["Package"].iloc[0] == "recohort"
    assert sorted(table["Package"]) == sorted(["recohort", *LIBRARIES])
    assert {name: version(name) for name in table["Package"]} == dict(
        table[["Package", "Version"]].to_numpy()
    )
    assert table["Microseconds"].is_monotonic_increasing
    assert table["Microseconds"].iloc[0] <= 5


# --- how long it takes -------------------------------------------------------------------


def test_kernel(benchmark, problem: Problem, tables: list[pd.DataFrame]) -> None:
    states = [state_of(problem, table) for table in tables]
    layout = pack(problem.tracks())
    work, loss = scratch(layout, states[0].types.size), np.zeros(len(problem.tracks()))
    arrays = [np.array([orders_of(s) for s in states]), *map(np.array, zip(*states, strict=True))]
    benchmark.extra_info.update(package="recohort", cohorts=len(states))
    met = benchmark.pedantic(all_claims, (layout, work, *arrays, loss), rounds=300, warmup_rounds=5)
    assert met == 0  # of an ensemble's cohorts no claim is missed


@pytest.mark.parametrize("library", LIBRARIES)
def test_library(benchmark, library: str, problem: Problem, tables: list[pd.DataFrame]) -> None:
    chosen = tables[:: COHORTS // LIBRARY_COHORTS]
    tasks = [task_of(problem, table) for table in chosen]
    for task, table in zip(tasks, chosen, strict=True):
        for ours, theirs in zip(by_kernel(problem, table), LIBRARIES[library](task), strict=True):
            assert len(ours) > 5
            assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    work: Callable[[], object] = lambda: [LIBRARIES[library](task) for task in tasks]  # noqa: E731
    benchmark.extra_info.update(package=library, cohorts=len(tasks))
    benchmark.pedantic(work, rounds=5)
