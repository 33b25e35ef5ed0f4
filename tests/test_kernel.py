"""Tests of recohort.kernel: the compiled arithmetic is that of recohort.estimators."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recohort.estimators import kaplan_meier, median_survival, rank_test
from recohort.kernel import curve_lists, evaluate_batch, evaluate_endpoint, per_curve, rank_order

CURVES = 4
# One patient: (tick, event, memberships). Curves 0 and 1 never share a patient, 2 and 3 are free.
memberships = st.tuples(st.sampled_from([(1, 0), (0, 1), (0, 0)]), st.integers(0, 1), st.integers(0, 1))
patients = st.tuples(st.integers(0, 10), st.integers(0, 1), memberships)
cohorts = st.lists(patients, min_size=1, max_size=38)
queries = st.lists(st.tuples(st.integers(0, 12), st.integers(0, CURVES - 1)), max_size=6)


def arrays(cohort):
    """Return time, event and member of a drawn cohort, in the kernel's types."""
    time = np.array([tick for tick, _, _ in cohort], dtype=np.int64)
    event = np.array([event for _, event, _ in cohort], dtype=np.uint8)
    member = np.array([[*arm, *rest] for _, _, (arm, *rest) in cohort], dtype=np.uint8)
    return time, event, member


def evaluate(cohort, asked, tests, order=None):
    """Run the kernel into fresh arrays, filled with nonsense to begin with."""
    time, event, member = arrays(cohort)
    ticks, curves = np.array(sorted(asked), dtype=np.int64).reshape(-1, 2).T.copy()
    a, b = np.array(tests, dtype=np.uint64).T.copy()
    running, rates, oe, v = per_curve(CURVES), np.empty(len(ticks)), np.empty(len(a)), np.empty(len(a))
    for array in (*running, rates, oe, v):
        array.fill(9)
    order = rank_order(time, event) if order is None else order
    asked_for = curves.astype(np.uint64), ticks, a, b
    evaluate_endpoint(order, time, event, *curve_lists(member), *asked_for, running, rates, oe, v)
    return rates, running.median, running.size, oe, v


@pytest.fixture(scope="module", autouse=True)
def _compile_first():
    """Compile before Hypothesis holds a stop-watch to the examples."""
    evaluate([(1, 1, ((1, 0), 0, 0))], [], [(0, 1)])


def test_order_puts_events_before_censorings():
    time = np.array([5, 3, 5, 3], dtype=np.int64)
    event = np.array([0, 0, 1, 1], dtype=np.uint8)
    assert rank_order(time, event).tolist() == [3, 1, 2, 0]


def test_five_patients_by_hand():
    """The five of test_estimators (S = 4/5 at 2, 2/5 at 5), against three who never have an event.

    At 2: 5 of 8 at risk, one dies: E = 5/8, V = 15/64. At 5: 4 of 7 at risk, two die:
    E = 8/7, V = 2 x 4/7 x 3/7 x 5/6 = 20/49.
    """
    five = [(t, e, ((1, 0), 0, 0)) for t, e in [(5, 0), (2, 1), (5, 1), (7, 0), (5, 1)]]
    three = [(9, 0, ((0, 1), 0, 0))] * 3
    survival, median, size, oe, v = evaluate(
        five + three, [(1, 0), (2, 0), (4, 0), (5, 0), (99, 0), (99, 1)], [(0, 1)]
    )
    assert survival == pytest.approx([1, 0.8, 0.8, 0.4, 0.4, 1])
    assert median.tolist() == [5, -1, -1, -1]
    assert size.tolist() == [5, 3, 0, 0]
    assert oe == pytest.approx([3 - 5 / 8 - 8 / 7])
    assert v == pytest.approx([15 / 64 + 20 / 49])


@given(cohorts, queries)
def test_curves_are_those_of_the_estimators(cohort, asked):
    time, event, member = arrays(cohort)
    survival, median, size, _, _ = evaluate(cohort, asked, [(0, 1)])
    assert size.tolist() == member.sum(axis=0).tolist()
    for curve in range(CURVES):
        inside = member[:, curve] == 1
        fitted = kaplan_meier(time[inside], event[inside]) if inside.any() else None
        expected = median_survival(fitted) if fitted else math.inf
        assert median[curve] == (expected if math.isfinite(expected) else -1)
        for (tick, queried), found in zip(sorted(asked), survival, strict=True):
            if queried == curve:
                assert found == pytest.approx(fitted.at(tick) if fitted else 1.0, abs=1e-14)


@given(cohorts)
def test_log_rank_sums_are_those_of_the_estimators(cohort):
    time, event, member = arrays(cohort)
    _, _, _, oe, v = evaluate(cohort, [], [(0, 1), (1, 0)])
    both = member[:, :2].any(axis=1)
    if member[:, 0].any() and member[:, 1].any():
        test = rank_test(time[both], event[both], member[both, 1])
        assert oe[0] == pytest.approx(test.observed[0] - test.expected[0], abs=1e-12)
        assert v[0] == pytest.approx(test.variance[0, 0], abs=1e-12)
    else:
        assert (oe[0], v[0]) == (0, 0)
    assert (oe[1], v[1]) == pytest.approx((-oe[0], v[0]), abs=1e-12)


@given(cohorts, st.randoms(use_true_random=False))
def test_the_order_within_a_tie_does_not_matter(cohort, random):
    time, _, _ = arrays(cohort)
    shuffled = random.sample(range(len(cohort)), len(cohort))
    any_order = np.array(sorted(shuffled, key=lambda patient: time[patient]), dtype=np.int64)
    asked = [(5, 0), (6, 2)]
    for one, other in zip(
        evaluate(cohort, asked, [(0, 1)]), evaluate(cohort, asked, [(0, 1)], any_order), strict=True
    ):
        assert one.tolist() == other.tolist()


def test_a_batch_is_its_cohorts_one_by_one():
    rng = np.random.default_rng(7)
    cohorts, patients = 5, 20
    time = rng.integers(0, 15, (cohorts, patients))
    event = rng.integers(0, 2, (cohorts, patients)).astype(np.uint8)
    member = rng.integers(0, 2, (cohorts, patients, CURVES)).astype(np.uint8)
    member[:, :, 1] = 1 - member[:, :, 0]
    lists, sizes = curve_lists(member)
    order = np.array([rank_order(t, e) for t, e in zip(time, event, strict=True)])
    both = np.array([0, 1], np.uint64)
    asked = both, np.array([4, 9]), both[:1], both[1:]

    def empty(*lead):
        return per_curve(*lead, CURVES), np.empty((*lead, 2)), np.empty((*lead, 1)), np.empty((*lead, 1))

    batch = empty(cohorts)
    evaluate_batch(order, time, event, lists, sizes, *asked, *batch)
    for k in range(cohorts):
        alone = empty()
        evaluate_endpoint(order[k], time[k], event[k], lists[k], sizes[k], *asked, *alone)
        for together, single in zip((*batch[0], *batch[1:]), (*alone[0], *alone[1:]), strict=True):
            assert (together[k] == single).all()
