"""The compiled kernel: every curve and test of one endpoint in one pass over the patients.

A search tries millions of cohorts, so it cannot afford the arrays that
:mod:`recohort.estimators` builds. The functions here do the same arithmetic on
preallocated arrays, can be called from other compiled code, and are tested to agree
with the readable versions.

No fast-math: the order of floating-point operations is fixed, so the same input gives
the same bits on every machine of one architecture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast

import numba
import numpy as np

from recohort.estimators import HALF

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Bytes = NDArray[np.uint8]
    Indices = NDArray[np.uint64]
    Floats = NDArray[np.float64]

__all__ = [
    "PerCurve",
    "compiled",
    "curve_lists",
    "evaluate_batch",
    "evaluate_endpoint",
    "inlined",
    "per_curve",
    "rank_order",
]

_Function = TypeVar("_Function", bound="Callable[..., Any]")


def compiled(function: _Function) -> _Function:
    """Compile a function with numba: cached on disk, releasing the GIL, IEEE arithmetic.

    A division by zero gives an infinity instead of an exception, as in numpy: the check
    would cost time in the innermost loops.
    """
    return cast("_Function", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def inlined(function: _Function) -> _Function:
    """Compile a function like `compiled`, but into each compiled function that calls it.

    A call counts references for every array that it passes, which takes longer than the
    work of the smallest functions.
    """
    options = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
    return cast("_Function", options(function))


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


class PerCurve(NamedTuple):
    """What a pass keeps of each curve, every array of shape (n_curves,); `median` and `size` outlive it."""

    size: Ints
    """Number of patients."""
    median: Ints
    """First tick with S at most one half, -1 if there is none."""
    at_risk: Ints
    deaths: Ints
    survival: Floats


def per_curve(*shape: int) -> PerCurve:
    """Allocate what a pass needs of so many curves; further axes may come before."""
    size, median, at_risk, deaths = np.zeros((4, *shape), np.int64)
    return PerCurve(size, median, at_risk, deaths, np.ones(shape))


def curve_lists(member: Bytes) -> tuple[Indices, Indices]:
    """Turn a table of memberships, shape (..., n_rows, n_curves), into each row's list of curves.

    Returns
    -------
    curves : uint64, shape of `member`
        The curves that a row belongs to, ascending, then the others.
    n_curves : uint64, (..., n_rows)
        How many it belongs to.
    """
    curves = np.argsort(member == 0, axis=-1, kind="stable").astype(np.uint64)
    return curves, member.sum(axis=-1, dtype=np.uint64)


@inlined
def _add_tests(
    at_risk: Ints, deaths: Ints, test_a: Indices, test_b: Indices, oe_out: Floats, v_out: Floats
) -> None:
    """Add this tick's observed minus expected, and variance, to every test it concerns."""
    for test in range(test_a.size):
        a, b = test_a[test], test_b[test]
        died = deaths[a] + deaths[b]
        if died and at_risk[a] and at_risk[b]:  # alone in the risk set, a group expects what it gets
            n = float(at_risk[a] + at_risk[b])
            share = at_risk[a] / n
            oe_out[test] += deaths[a] - died * share
            variance = died * share * (1.0 - share)
            v_out[test] += variance if died == 1 else variance * ((n - died) / (n - 1.0))


@inlined
def _start(curves: Indices, n_curves: Indices, running: PerCurve) -> None:
    """Count the patients of every curve; nobody has died."""
    for curve in range(running.size.size):
        running.size[curve], running.deaths[curve] = 0, 0
        running.median[curve], running.survival[curve] = -1, 1.0
    for patient in range(n_curves.size):
        for k in range(n_curves[patient]):
            running.size[curves[patient, k]] += 1
    for curve in range(running.size.size):
        running.at_risk[curve] = running.size[curve]


@inlined
def _leave(now: int, curves: Indices, n_curves: Indices, patient: int, running: PerCurve) -> None:
    """Take a patient out of the risk sets; the first to leave a curve that has deaths makes its step."""
    at_risk, deaths, survival = running.at_risk, running.deaths, running.survival
    for k in range(n_curves[patient]):
        curve = curves[patient, k]
        if deaths[curve]:
            survival[curve] *= (at_risk[curve] - deaths[curve]) / at_risk[curve]
            if survival[curve] <= HALF and running.median[curve] < 0:
                running.median[curve] = now
            deaths[curve] = 0
        at_risk[curve] -= 1


@inlined
def evaluate_endpoint(
    order: Ints,
    time: Ints,
    event: Bytes,
    curves: Indices,
    n_curves: Indices,
    query_curve: Indices,
    query_tick: Ints,
    test_a: Indices,
    test_b: Indices,
    running: PerCurve,
    survival_out: Floats,
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
    curves, n_curves : uint64, (n_patients, at least the longest list) and (n_patients,)
        The curves that each patient belongs to, and how many; see `curve_lists`.
    query_curve, query_tick : uint64 and int64, (n_queries,)
        Where survival is asked for, `query_tick` ascending.
    test_a, test_b : uint64, (n_tests,)
        The two curves of each log-rank test; they must share no patient.
    running : PerCurve
        Overwritten; its medians and sizes are results.
    survival_out : float64, (n_queries,)
        Filled with S just after each queried tick: a drop at the tick is included.
    oe_out, v_out : float64, (n_tests,)
        Filled with observed minus expected events in curve a, and its hypergeometric
        variance, ties included. The test's chi-squared is ``oe**2 / v`` on one degree of
        freedom; ``v`` is 0 where the two curves never meet at an event.

    Notes
    -----
    An empty curve has survival 1 throughout and no median. Nothing is checked here:
    wrong shapes read past the end of an array.

    A patient belongs to few of the curves, so lists are faster than a table of noughts and
    ones, and unsigned indices faster than signed ones, each of which might be negative.
    """
    _start(curves, n_curves, running)
    deaths, survival = running.deaths, running.survival
    for test in range(test_a.size):
        oe_out[test] = v_out[test] = 0.0
    query = 0
    first = 0
    while first < order.size:
        now = time[order[first]]
        while query < query_tick.size and query_tick[query] < now:
            survival_out[query] = survival[query_curve[query]]
            query += 1
        happened = False
        last = first  # the patients at this tick are order[first:last]
        while last < order.size and time[order[last]] == now:
            patient = order[last]
            if event[patient]:
                happened = True
                for k in range(n_curves[patient]):
                    deaths[curves[patient, k]] += 1
            last += 1
        if happened:
            _add_tests(running.at_risk, deaths, test_a, test_b, oe_out, v_out)
        for place in range(first, last):
            _leave(now, curves, n_curves, order[place], running)
        first = last
    while query < query_tick.size:
        survival_out[query] = survival[query_curve[query]]
        query += 1


@compiled
def evaluate_batch(
    order: Ints,
    time: Ints,
    event: Bytes,
    curves: Indices,
    n_curves: Indices,
    query_curve: Indices,
    query_tick: Ints,
    test_a: Indices,
    test_b: Indices,
    running: PerCurve,
    survival_out: Floats,
    oe_out: Floats,
    v_out: Floats,
) -> None:
    """Do :func:`evaluate_endpoint` for many cohorts.

    All but queries and tests have a leading axis of cohorts.
    """
    for cohort in range(order.shape[0]):
        evaluate_endpoint(
            order[cohort],
            time[cohort],
            event[cohort],
            curves[cohort],
            n_curves[cohort],
            query_curve,
            query_tick,
            test_a,
            test_b,
            PerCurve(
                running.size[cohort],
                running.median[cohort],
                running.at_risk[cohort],
                running.deaths[cohort],
                running.survival[cohort],
            ),
            survival_out[cohort],
            oe_out[cohort],
            v_out[cohort],
        )
