"""Histories of one curve. Oracles: products multiplied out by hand, and every subset tried in turn."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recohort.estimators import kaplan_meier
from recohort.histories import History, best_pooled, histories, printable, prints_as
from recohort.printed import Interval

# patients, printed, numbers at risk at the events; worked by hand
BY_HAND = [
    (5, "27%", [(5, 3, 2)]),  # 4/5 x 2/3 x 1/2 = 4/15 = 26.7 %
    (5, "20%", [(5, 4, 3, 2)]),  # 1/5
    (5, "100%", [()]),
    (5, "0%", None),  # the last patient at risk has an event: every ladder that ends in 1
    (7, "86%", [(7,)]),  # 6/7 = 85.7 %
    (7, "71%", [(7, 6)]),  # 5/7 = 71.4 %
    (7, "51%", [(7, 5, 4)]),  # 6/7 x 4/5 x 3/4 = 18/35 = 51.4 %
    (23, "95%", [(22,), (21,), (20,), (19,)]),  # 22/23 = 95.7 % is too high, 17/18 = 94.4 % too low
    (12, "79%", [(12, 7), (10, 8)]),  # 11/14 = 78.6 % and 63/80 = 78.75 %
    (5, "70%", []),  # 4/5 x 3/4 = 60 %, 4/5 x 2/3 = 53 %, 2/3 = 67 %, 3/4 = 75 %
]


@pytest.mark.parametrize(("patients", "printed", "expected"), BY_HAND)
def test_by_hand(patients: int, printed: str, expected: list[tuple[int, ...]] | None) -> None:
    found = [history.at_risk for history in histories(patients, printed)]
    if expected is None:
        assert len(found) == 2 ** (patients - 1)
        assert all(ladder[-1] == 1 for ladder in found)
    else:
        assert found == expected


def _by_trying(patients: int, low: Fraction, high: Fraction) -> set[tuple[int, ...]]:
    """Every set of numbers at risk, multiplied out."""
    ladders = (
        ladder for size in range(patients + 1) for ladder in combinations(range(patients, 0, -1), size)
    )
    return {
        ladder
        for ladder in ladders
        if low <= 100 * math.prod((Fraction(m - 1, m) for m in ladder), start=Fraction(1)) <= high
    }


@pytest.mark.parametrize(("patients", "percent"), [(12, 43), (12, 57), (13, 52), (13, 48), (10, 50), (14, 8)])
def test_complete_against_every_subset(patients: int, percent: int) -> None:
    found = [history.at_risk for history in histories(patients, f"{percent}%")]
    assert len(found) == len(set(found))
    assert set(found) == _by_trying(patients, Fraction(2 * percent - 1, 2), Fraction(2 * percent + 1, 2))
    assert found  # none of these is vacuous


def test_a_large_group_leaves_many() -> None:
    found = list(histories(25, "73%"))
    assert len(found) > 1000
    assert {len(history.at_risk) for history in found} > {3, 4, 5}


def test_a_half_may_go_either_way_and_decimals_are_exact() -> None:
    assert (8, 7, 6) in [h.at_risk for h in histories(8, "63%")]  # 5/8 = 62.5 %
    assert (8, 7, 6) in [h.at_risk for h in histories(8, "62%")]
    assert (8, 7, 6) in [h.at_risk for h in histories(8, "62.5%")]
    # 66.65 as a binary float lies a shade above 66.65; two thirds is 66.67 in any case
    assert [h.at_risk for h in histories(3, "66.7%")] == [(3,)]
    assert prints_as(Fraction("0.6665"), Interval(66.65, 66.75))
    assert not prints_as(Fraction("0.6665") - Fraction(1, 10**18), Interval(66.65, 66.75))


def test_truncated_excludes_the_next_unit() -> None:
    assert [h.at_risk for h in histories(4, "75%", rounding="truncated")] == [(4,)]
    assert not list(histories(4, "74%", rounding="truncated"))
    assert [h.at_risk for h in histories(7, "85%", rounding="truncated")] == [(7,)]  # 85.7 %


def test_what_a_history_tells() -> None:
    history = History(5, (5, 3, 2))
    assert history.factors == (Fraction(4, 5), Fraction(2, 3), Fraction(1, 2))
    assert history.survival == Fraction(4, 15)
    assert history.censored == (0, 1, 0)
    assert history.remaining == 1
    assert (History(4).survival, History(4).censored, History(4).remaining) == (1, (), 4)


@pytest.mark.parametrize("ladder", [(6,), (3, 3), (2, 3), (3, 0), (-1,)])
def test_impossible_ladders_are_refused(ladder: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must fall from 5"):
        History(5, ladder)


@pytest.mark.parametrize(("patients", "printed"), [(0, "27%"), (5, "twice"), (5, "140%")])
def test_bad_questions_are_refused(patients: int, printed: str) -> None:
    with pytest.raises(ValueError, match=r"at least 1|not a survival|exceed 100"):
        list(histories(patients, printed))


@settings(deadline=None)
@given(st.integers(1, 11), st.data())
def test_agrees_with_the_estimator(patients: int, data: st.DataObject) -> None:
    """Oracle: the Kaplan-Meier estimator on one patient after another."""
    event = data.draw(st.lists(st.integers(0, 1), min_size=patients, max_size=patients))
    history = History(patients, tuple(patients - i for i, happened in enumerate(event) if happened))
    curve = kaplan_meier(np.arange(1, patients + 1), event)
    assert float(history.survival) == pytest.approx(curve.survival[-1], abs=1e-12)
    assert sum(history.censored) + len(history.at_risk) + history.remaining == patients
    percent = f"{float(100 * history.survival):.2f}%"
    if float(100 * history.survival) > 1:
        assert history in list(histories(patients, percent))


@settings(deadline=None)
@given(st.integers(2, 6), st.integers(1, 4), st.data())
def test_best_pooled_is_never_beaten(size: int, others: int, data: st.DataObject) -> None:
    """Oracle: one random merged cohort after another; none has a higher pooled estimate."""
    n = size + others
    mine = data.draw(st.permutations([True] * size + [False] * others))
    event = data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    own = [happened for happened, inside in zip(event, mine, strict=True) if inside]
    history = History(size, tuple(size - i for i, happened in enumerate(own) if happened))
    pooled = kaplan_meier(np.arange(1, n + 1), event).survival[-1]
    assert pooled <= float(best_pooled(history, others)) + 1e-12


def test_best_pooled_by_hand() -> None:
    # events with 7 and 2 of 12 at risk, 13 others: 19/20 x 14/15
    assert best_pooled(History(12, (7, 2)), 13) == Fraction(19, 20) * Fraction(14, 15)


def test_printable_by_hand() -> None:
    # products of 1/2 and 2/3 and 0: 1, 2/3, 1/2, 1/3, and 0 in four ways
    assert printable(3) == {0: 4, 33: 1, 50: 1, 67: 1, 100: 1}
    # 3/8 = 37.5 % is 37 or 38
    assert printable(8)[37] >= 1
    assert printable(8)[38] >= 1


@pytest.mark.parametrize("patients", [1, 2, 4, 5, 8, 10])
def test_printable_counts_the_listed_histories(patients: int) -> None:
    listed = {percent: len(list(histories(patients, f"{percent}%"))) for percent in range(101)}
    assert printable(patients) == {percent: count for percent, count in listed.items() if count}
