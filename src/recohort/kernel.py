"""The compiled kernel: every curve and test of one endpoint in one pass over the patients.

A search tries millions of cohorts, so it cannot afford the arrays that
:mod:`recohort.estimators` builds. The functions here do the same arithmetic on
preallocated arrays, can be called from other compiled code, and are tested to agree
with the readable versions.

No fast-math: the order of floating-point operations is fixed, so the same input gives
the same bits on every machine of one architecture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import numba
import numpy as np

from recohort.estimators import HALF

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]
    Counts = NDArray[np.int32]
    Floats = NDArray[np.float64]

__all__ = ["compiled", "evaluate_batch", "evaluate_endpoint", "rank_order"]

_Function = TypeVar("_Function", bound="Callable[..., Any]")


def compiled(function: _Function) -> _Function:
    """Compile a function with numba: cached on disk, releasing the GIL, IEEE arithmetic.

    A division by zero gives an infinity instead of an exception, as in numpy: the check
    would cost time in the innermost loops.
    """
    return cast("_Function", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def rank_order(time: Ints, event: Bytes) -> Ints:
    """Return the patients sorted by time, events before censorings at the same time, then by index.

    Parameters
    ----------
    time : int64 array, shape (n_patients,)
        Times in ticks.
    event : uint8 array, shape (n_patients,)
        1 for an event, 0 for a censoring.
    """
    return np.lexsort((1 - event.astype(np.int64), time)).astype(np.int64)


@compiled
def _apply_events(now: int, at_risk: Counts, deaths: Counts, survival: Floats, median_out: Ints) -> None:
    """Let every curve with deaths at this tick take its Kaplan-Meier step."""
    for curve in range(survival.size):
        if deaths[curve]:
            survival[curve] *= (at_risk[curve] - deaths[curve]) / at_risk[curve]
            if median_out[curve] < 0 and survival[curve] <= HALF:
                median_out[curve] = now


@compiled
def _add_tests(
    at_risk: Counts, deaths: Counts, test_a: Ints, test_b: Ints, oe_out: Floats, v_out: Floats
) -> None:
    """Add this tick's observed minus expected, and variance, to every test it concerns."""
    for test in range(test_a.size):
        a, b = test_a[test], test_b[test]
        died = deaths[a] + deaths[b]
        if died and at_risk[a] and at_risk[b]:  # alone in the risk set, a group expects what it gets
            n = float(at_risk[a] + at_risk[b])
            share = at_risk[a] / n
            oe_out[test] += deaths[a] - died * share
            v_out[test] += died * share * (1.0 - share) * ((n - died) / (n - 1.0))


@compiled
def evaluate_endpoint(
    order: Ints,
    time: Ints,
    event: Bytes,
    member: Bytes,
    query_curve: Ints,
    query_tick: Ints,
    test_a: Ints,
    test_b: Ints,
    survival_out: Floats,
    median_out: Ints,
    oe_out: Floats,
    v_out: Floats,
) -> None:
    """Fill the survival rates, medians and log-rank sums of one endpoint.

    Parameters
    ----------
    order : int64, (n_patients,)
        Patients by time; within one time the order does not matter.
    time : int64, (n_patients,)
        Time of each patient in ticks, at least 0.
    event : uint8, (n_patients,)
        1 for an event, 0 for a censoring.
    member : uint8, (n_patients, n_curves)
        1 where a patient belongs to a curve. C-contiguous: the inner loops run over curves.
    query_curve, query_tick : int64, (n_queries,)
        Where survival is asked for, `query_tick` ascending.
    test_a, test_b : int64, (n_tests,)
        The two curves of each log-rank test; they must share no patient.
    survival_out : float64, (n_queries,)
        Filled with S just after each queried tick: a drop at the tick is included.
    median_out : int64, (n_curves,)
        Filled with the first tick with S at most one half, -1 if there is none.
    oe_out, v_out : float64, (n_tests,)
        Filled with observed minus expected events in curve a, and its hypergeometric
        variance, ties included. The test's chi-squared is ``oe**2 / v`` on one degree of
        freedom; ``v`` is 0 where the two curves never meet at an event.

    Notes
    -----
    An empty curve has survival 1 throughout and no median. Nothing is checked here:
    wrong shapes read past the end of an array.
    """
    n_patients, n_curves = member.shape
    at_risk = np.zeros(n_curves, np.int32)
    deaths = np.zeros(n_curves, np.int32)
    survival = np.ones(n_curves)
    for patient in range(n_patients):
        for curve in range(n_curves):
            at_risk[curve] += member[patient, curve]
    median_out[:] = -1
    oe_out[:] = 0.0
    v_out[:] = 0.0

    query = 0
    first = 0
    while first < n_patients:
        now = time[order[first]]
        while query < query_tick.size and query_tick[query] < now:
            survival_out[query] = survival[query_curve[query]]
            query += 1
        happened = False
        last = first  # the patients at this tick are order[first:last]
        while last < n_patients and time[order[last]] == now:
            patient = order[last]
            if event[patient]:
                happened = True
                for curve in range(n_curves):
                    deaths[curve] += member[patient, curve]
            last += 1
        if happened:
            _apply_events(now, at_risk, deaths, survival, median_out)
            _add_tests(at_risk, deaths, test_a, test_b, oe_out, v_out)
            deaths[:] = 0
        for place in range(first, last):
            patient = order[place]
            for curve in range(n_curves):
                at_risk[curve] -= member[patient, curve]
        first = last
    while query < query_tick.size:
        survival_out[query] = survival[query_curve[query]]
        query += 1


@compiled
def evaluate_batch(
    order: Ints,
    time: Ints,
    event: Bytes,
    member: Bytes,
    query_curve: Ints,
    query_tick: Ints,
    test_a: Ints,
    test_b: Ints,
    survival_out: Floats,
    median_out: Ints,
    oe_out: Floats,
    v_out: Floats,
) -> None:
    """Do :func:`evaluate_endpoint` for many cohorts.

    `order`, `time`, `event`, `member` and the four outputs have a leading axis of cohorts;
    queries and tests are the same for all.
    """
    for cohort in range(order.shape[0]):
        evaluate_endpoint(
            order[cohort],
            time[cohort],
            event[cohort],
            member[cohort],
            query_curve,
            query_tick,
            test_a,
            test_b,
            survival_out[cohort],
            median_out[cohort],
            oe_out[cohort],
            v_out[cohort],
        )
