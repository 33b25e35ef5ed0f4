"""Starts near the printed rates: they obey the rules, and their curves pass where they should."""

from __future__ import annotations

import numpy as np
import pytest

from recohort import estimators
from recohort.ledger import Claim, Ledger
from recohort.solve.demands import build
from recohort.solve.reconstruct import Budget, reconstruct, rules_of, start_state
from recohort.solve.search import Schedule, anneal
from recohort.solve.starts import likely_state, printed_curve
from test_search import toy


def steep(patients: int = 200) -> Ledger:
    """One group that nearly all die out of: 80 %, 30 % and 5 %, median 15.0."""
    return Ledger.model_validate(
        {
            "study": {
                "title": "Steep", "patients": patients,
                "time": {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 60},
            },
            "attributes": {"arm": {"levels": ["a", "b"]}},
            "endpoints": {"os": {"time": "os_months", "event": "os_event"}},
            "conventions": {"ties": {"value": "allowed"}},
            "claims": [
                {"id": "n", "at": "text", "count": str(patients // 2), "where": {"arm": "a"}},
                {"id": "r6", "at": "text", "survival": "80%", "endpoint": "os", "month": 6},
                {"id": "m", "at": "text", "median_survival": "15.0", "endpoint": "os"},
                {"id": "r24", "at": "text", "survival": "30%", "endpoint": "os", "month": 24},
                {"id": "r36", "at": "text", "survival": "5%", "endpoint": "os", "month": 36},
            ],
        }
    )  # fmt: skip


def test_the_printed_points_of_a_type() -> None:
    problem = build(steep())
    ticks, survival = printed_curve(problem, "os", 0, rules_of(problem))
    # the median of 15.0 months is S > 1/2 just before 14.95, and at most 1/2 at 15.05
    assert ticks.tolist() == [0, 60, 149, 150, 240, 360]
    assert survival == pytest.approx([1, 0.8, 0.5, 0.5, 0.3, 0.05], abs=1e-6)


def test_starts_pass_near_the_printed_points() -> None:
    problem = build(steep())
    rules = rules_of(problem)
    kinds = np.zeros(20_000, np.int64)
    between = []
    for seed in range(10):
        state = likely_state(problem, kinds, rules, np.random.default_rng(seed))
        curve = estimators.kaplan_meier(state.time[0] / 10, state.event[0])
        assert [curve.at(t) for t in (6, 15, 24, 36)] == pytest.approx([0.8, 0.5, 0.3, 0.05], abs=0.02)
        between.append(curve.at(3))
    # between (0, 1) and (6, 0.8) a share s of the fall is done at x = s + b s (1 - s), for a bend of b
    assert min(between) > 0.8 + 0.2 * (1 - 0.5**0.5) - 0.02  # b = -1: s = x ** 0.5
    assert max(between) < 0.9 + 0.05  # b = 0.5: s = 0.38
    assert max(between) - min(between) > 0.02


def test_half_of_the_patients_are_followed_for_the_printed_follow_up() -> None:
    claims = {"id": "f", "at": "text", "follow_up": "20.0", "endpoint": "os"}
    never = {"id": "never", "at": "text", "survival": "100%", "endpoint": "os", "month": 1}
    ledger = steep().with_claims([Claim.model_validate(claim) for claim in (claims, never)])
    problem = build(ledger)
    kinds = np.zeros(5_000, np.int64)
    state = likely_state(problem, kinds, rules_of(problem), np.random.default_rng(2))
    assert state.event.mean() < 0.2
    reverse = estimators.reverse_kaplan_meier(state.time[0] / 10, state.event[0])
    assert estimators.median_survival(reverse) == pytest.approx(20.0, abs=1)


@pytest.mark.parametrize("seed", range(20))
def test_a_start_obeys_the_rules_per_patient(seed: int) -> None:
    problem = build(toy())
    rules = rules_of(problem)
    kinds = np.random.default_rng(seed).integers(0, len(problem.types), 200)
    state = likely_state(problem, kinds, rules, np.random.default_rng(seed))
    (rfs, os), (relapse, death) = state.time, state.event.astype(bool)
    assert ((state.time >= rules.first) & (state.time <= rules.last)).all()
    assert (rfs <= os).all()
    assert relapse[death].all()
    assert (rfs == os)[~relapse].all()


def test_rates_out_of_reach_from_nothing_are_met_from_near() -> None:
    """From nobody with an event the loss is flat; a plain anneal of the same length stays there."""
    problem = build(steep())
    rules, tracks = rules_of(problem), problem.tracks()
    kinds = np.zeros(200, np.int64)
    random = np.random.default_rng(3)
    schedule = Schedule(30_000, 0.1, 0.02)
    far = anneal(tracks, rules, start_state(problem, kinds, rules, random), schedule, 1)[1]
    near = anneal(tracks, rules, likely_state(problem, kinds, rules, random), schedule, 1)[1]
    assert near < far
    assert near == 0


def test_such_a_ledger_is_solved() -> None:
    quick = Budget(Schedule(30_000, 0.1, 0.02), Schedule(30_000, 0.1, 0.02), rounds_per_part=4, rounds=1)
    cohort = reconstruct(steep(), 1, budget=quick)
    assert len(cohort) == 200
