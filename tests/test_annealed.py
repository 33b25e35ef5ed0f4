"""Patients found by annealing. Oracle: the checker, and the order model, which proves that there are none."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from recohort.ledger import Ledger
from recohort.solve import annealed
from recohort.solve.annealed import applies, patients_for
from recohort.solve.instance import Settings
from recohort.solve.parts import Part, parts_of
from recohort.solve.printed_units import loosened, met_by
from recohort.solve.search import Schedule
from recohort.solve.witness import met_claims

SETTINGS = Settings(seconds=20)


def _part(claims: list[dict[str, Any]], test: str = "log-rank") -> Part:
    document = {
        "study": {"title": "made up", "patients": 12,
                  "time": {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 89.9}},
        "attributes": {"arm": {"levels": ["a", "b", "c"]}, "sex": {"levels": ["f", "m"]}},
        "endpoints": {"rfs": {"time": "rfs_t", "event": "rfs_e", "not_after": "os"},
                      "os": {"time": "os_t", "event": "os_e"}},
        "conventions": {"survival_test": {"value": test, "options": ["log-rank", "gehan"]}},
        "claims": [{"id": f"c{i}", "at": "nowhere"} | claim for i, claim in enumerate(claims)],
    }  # fmt: skip
    return max(parts_of(Ledger.model_validate(document)), key=lambda part: len(part.statements))


def _random_part(seed: int) -> Part:
    rng = random.Random(seed)
    rates = ["25%", "33%", "50%", "60%", "67%", "75%", "80%", "100%"]
    groups: list[dict[str, Any]] = [{"arm": "a"}, {"arm": "b"}, {"sex": "f"}, {"arm": ["a", "b"]}]
    rated = [
        {"survival": rng.choice(rates), "endpoint": rng.choice(["rfs", "os"]), "month": 24, "where": where}
        for where in groups
    ]
    median = {"median_survival": f"{rng.randint(5, 30)} months", "endpoint": "os", "where": {"arm": "a"}}
    counts = [("6", {"arm": "a"}), ("4", {"arm": "b"}), ("5", {"sex": "f"}), ("2", {"arm": "a", "sex": "f"})]
    return _part([*rated, median, *({"count": count, "where": where} for count, where in counts)])


def test_who_is_found_meets_the_statements_and_nobody_is_found_where_there_are_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(annealed, "COOLING", Schedule(30_000, 0.1, 0.005))
    found, possible = 0, 0
    for seed in range(16):
        part = _random_part(seed)
        kept = set(range(len(part.statements)))
        patients = patients_for(part, kept, SETTINGS)
        status = part.model(kept, SETTINGS).solve().status
        if patients is not None:
            assert status == "feasible"
            ids = {claim_id for k in kept for claim_id in part.statements[k].ids}
            assert ids <= met_claims(patients, part.problem.ledger)
            counted = {claim_id for count in part.counts for claim_id in count.claims}
            assert counted
            assert counted <= met_claims(patients, part.problem.ledger)
        found, possible = found + (patients is not None), possible + (status == "feasible")
    assert 0 < possible < 16
    assert found > 0.8 * possible


def test_the_same_question_finds_the_same_patients() -> None:
    part = next(
        part for part in map(_random_part, range(60)) if patients_for(part, {0, 1}, SETTINGS) is not None
    )
    one, other = (patients_for(part, {0, 1}, SETTINGS) for _ in range(2))
    assert one is not None
    assert other is not None
    assert one.equals(other)


def test_counts_that_contradict_each_other_leave_nobody() -> None:
    rate = {"survival": "50%", "endpoint": "os", "month": 24, "where": {"arm": "a"}}
    counts = [{"count": count, "where": {"arm": arm}} for count, arm in (("8", "a"), ("8", "b"))]
    assert patients_for(_part([rate, *counts]), {0}, SETTINGS) is None


@pytest.mark.parametrize("test", ["log-rank", "gehan"])
def test_other_conventions_are_left_alone(test: str) -> None:
    rates = [{"survival": "50%", "endpoint": "os", "month": 24, "where": {"arm": arm}} for arm in "ab"]
    both = {"survival": "50%", "endpoint": "os", "month": 24, "where": {"arm": ["a", "b"]}}
    p_value = {"p_value": "0.5", "endpoint": "os", "groups": [{"arm": "a"}, {"arm": "b"}]}
    part = _part([*rates, both, p_value], test)
    assert applies(part, SETTINGS) == (test == "log-rank")
    assert applies(part.without_tests(), SETTINGS)
    assert not applies(part, replace(SETTINGS, one_contact=False))
    assert not applies(part, replace(SETTINGS, inner_counts_outer=False))


@pytest.mark.parametrize(("units", "found"), [(44, False), (45, True)])
def test_a_number_may_be_as_far_off_as_its_slack(units: int, found: bool) -> None:
    """One patient lives or dies: printed as 45%, that is 45 units off, by hand."""
    rate = {"survival": "45%", "endpoint": "os", "month": 24, "where": {"arm": "a"}}
    part = _part([rate, {"count": "1", "where": {"arm": "a"}}])
    loose = replace(part, statements=(loosened(part.statements[0], units, part),))
    patients = patients_for(loose, {0}, SETTINGS)
    assert (patients is not None) == found
    if patients is not None:
        assert met_by(loose.statements, patients, part.problem.ledger) == {0}
        assert not met_by(part.statements, patients, part.problem.ledger)
