"""The preference for even curves, against the exponential law and by hand."""

from __future__ import annotations

import numpy as np
import pytest

from recohort import estimators
from recohort.ledger import Ledger
from recohort.solve.demands import build
from recohort.solve.pace import NEVER, TURN, even_pace
from recohort.solve.reconstruct import rules_of
from recohort.solve.search import Schedule, anneal
from recohort.solve.starts import likely_state


def half_by_a_year(patients: int) -> Ledger:
    """One rate of 50 % at 12 months, followed for 48 months at the median."""
    return Ledger.model_validate(
        {
            "study": {
                "title": "Half", "patients": patients,
                "time": {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 240},
            },
            "attributes": {},
            "endpoints": {"os": {"time": "os_months", "event": "os_event"}},
            "conventions": {"ties": {"value": "allowed"}},
            "claims": [
                {"id": "r12", "at": "text", "survival": "50%", "endpoint": "os", "month": 12},
                {"id": "f", "at": "text", "follow_up": "48", "endpoint": "os"},
            ],
        }
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_the_table_is_of_patients_who_die_at_a_pace_and_enter_evenly(seed: int) -> None:
    problem = build(half_by_a_year(40))
    rules = rules_of(problem)
    even = even_pace(problem, rules, np.random.default_rng(seed))
    table = even.likely
    assert table.shape == (1, 1, even.last + 1, 2)
    censored, died = (table[0, 0] - NEVER).T
    assert censored.sum() + died.sum() == pytest.approx(1)
    # who is at risk of an event at a tick: all less those who left before
    at_risk = 1 - np.concatenate([[0], np.cumsum(censored + died)[:-1]])
    seen = at_risk > 1e-6
    survival = np.cumprod(1 - np.where(seen, died / np.where(seen, at_risk, 1), 0))
    assert survival[120] == pytest.approx(0.5)
    # S(24) = 0.5 ** (2 ** exponent)
    exponent = np.log2(np.log(survival[240]) / np.log(0.5))
    assert 2**-TURN <= exponent <= 2**TURN


def test_without_a_printed_number_all_patients_are_alike() -> None:
    ledger = half_by_a_year(40)
    problem = build(ledger.with_claims([]))
    assert np.ptp(even_pace(problem, rules_of(problem), np.random.default_rng(0)).likely) == 0


def test_a_search_goes_on_at_the_pace_that_is_printed() -> None:
    """With 50 % at 12 months the even curve is at 84 % at 3 and at 25 % at 24; others stay higher."""
    problem = build(half_by_a_year(40))
    kinds = np.zeros(40, np.int64)
    later: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for even, found in later.items():
        for seed in range(30):
            random = np.random.default_rng(seed)
            rules = rules_of(problem)
            rules = even_pace(problem, rules, random) if even else rules
            start = likely_state(problem, kinds, rules, random)
            state, loss, _ = anneal(problem.tracks(), rules, start, Schedule(200_000, 0.1, 0.02), seed)
            walk = Schedule(20_000, 0.0, 0.0, 1)
            state, loss, _ = anneal(problem.tracks(), rules, state, walk, seed)
            assert loss == 0
            curve = estimators.kaplan_meier(state.time[0] / 10, state.event[0])
            assert curve.at(12) == pytest.approx(0.5, abs=0.00501)
            found.append((curve.at(3), curve.at(24)))
    assert np.mean(later[True], axis=0) == pytest.approx([0.5**0.25, 0.25], abs=0.04)
    assert np.mean(later[False], axis=0)[1] > 0.3
