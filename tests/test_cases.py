"""Questions case by case. Oracle: the whole question asked at once, and shares counted by hand."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from recohort.ledger import Ledger
from recohort.solve import cases
from recohort.solve.changes import _halve
from recohort.solve.instance import Settings
from recohort.solve.order_demands import OrderModel
from recohort.solve.orders import Answer
from recohort.solve.parts import Part, parts_of
from recohort.solve.witness import cohort_of, met_claims

PATIENT = Settings(seconds=5, patience=5)


def _part(claims: list[dict[str, Any]], patients: int = 8) -> Part:
    document = {
        "study": {"title": "made up", "patients": patients,
                  "time": {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 89.9}},
        "attributes": {"arm": {"levels": ["a", "b", "c"]}, "sex": {"levels": ["f", "m"]}},
        "endpoints": {"os": {"time": "os_t", "event": "os_e"}},
        "claims": [{"id": f"c{i}", "at": "nowhere"} | claim for i, claim in enumerate(claims)],
    }  # fmt: skip
    parts = parts_of(Ledger.model_validate(document))
    return max(parts, key=lambda part: len(part.statements))


def _rate(printed: str, **where: object) -> dict[str, Any]:
    return {"survival": printed, "endpoint": "os", "month": 24, "where": where}


def _whole(part: Part) -> OrderModel:
    """Return the whole question, for which the solver itself has no time."""
    model = part.model(range(len(part.statements)), PATIENT)
    model.solve = lambda **_: Answer("unknown")  # type: ignore[method-assign]
    return model


def test_the_cases_are_all_ways_to_share_the_patients_out() -> None:
    """Five in arm a, three women, of eight: how many women are in arm a says it all, and three can be."""
    part = _part([_rate("60%", arm="a"), _rate("67%", sex="f"), _rate("50%", arm="b"),
                  {"count": "5", "where": {"arm": "a"}}, {"count": "3", "where": {"arm": "b"}},
                  {"count": "3", "where": {"sex": "f"}}])  # fmt: skip
    model = part.model(range(3), PATIENT)
    assert len(model.classes) == 5
    sizes = {tuple(count.low for count in case.counts[-5:]) for case in cases.cases(model)}
    by_hand = set()
    for women_in_a in range(4):
        inside = {("a", "f"): women_in_a, ("a", "m"): 5 - women_in_a, ("b", "f"): 3 - women_in_a,
                  ("b", "m"): women_in_a, ("c", "f"): 0}  # fmt: skip
        types = part.problem.types
        by_hand.add(tuple(inside[types[kinds[0]]["arm"], types[kinds[0]]["sex"]] for kinds in model.classes))
    assert sizes == by_hand


@pytest.mark.parametrize("seed", range(12))
def test_all_cases_together_say_what_the_whole_says(seed: int) -> None:
    rng = random.Random(seed)
    rates = ["25%", "33%", "50%", "60%", "67%", "75%", "80%"]
    groups = [{"arm": "a"}, {"arm": "b"}, {"sex": "f"}, {"arm": "a", "sex": "m"}]
    part = _part([*(_rate(rng.choice(rates), **group) for group in groups),
                  {"count": "5", "where": {"arm": "a"}}, {"count": "3", "where": {"arm": "b"}},
                  {"count": "3", "where": {"sex": "f"}}])  # fmt: skip
    whole = part.model(range(4), Settings(seconds=20)).solve()
    model, answer = cases.solve(_whole(part))
    assert answer.status == whole.status
    if answer.trace is not None:
        patients = cohort_of(model, answer.trace)
        assert patients is not None
        assert met_claims(patients, part.problem.ledger) >= {f"c{k}" for k in range(4)}


def _halves(whole: str) -> Part:
    """Make a part of two arms, each with three of four alive, and of some women among them."""
    arms = [_rate("75%", arm="a"), _rate("75%", arm="b"), _rate(whole, arm=["a", "b"]), _rate("50%", sex="f")]
    counts = [{"count": "4", "where": {"arm": arm}} for arm in ("a", "b")]
    return _part([*arms, *counts], patients=10)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(("whole", "status"), [("50%", "infeasible"), ("75%", "feasible")])
def test_both_answers_occur(whole: str, status: str, threads: int) -> None:
    """If three of four live in either arm, half of both together cannot have died."""
    part = _halves(whole)
    settings = replace(PATIENT, threads=threads)
    answers = [cases.solve(part.model(range(len(part.statements)), s))[1] for s in (settings, PATIENT)]
    assert {answer.status for answer in answers} == {status}
    assert answers[0].seconds == answers[1].seconds


def test_without_time_or_with_too_many_cases_nothing_is_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    part = _halves("50%")
    assert cases.solve(_whole(part))[1].status == "infeasible"
    monkeypatch.setattr(OrderModel, "solve", lambda self: Answer("unknown", None, self.settings.seconds))
    _, answer = cases.solve(part.model(range(len(part.statements)), PATIENT))
    assert answer.status == "unknown"
    assert answer.seconds <= PATIENT.patience * PATIENT.seconds
    monkeypatch.undo()
    monkeypatch.setattr(cases, "MOST_CASES", 3)
    assert cases.solve(_whole(part))[1].status == "unknown"


@pytest.mark.parametrize(("spare", "status"), [(0, "infeasible"), (-2, "unknown")])
def test_time_may_end_with_the_last_case(monkeypatch: pytest.MonkeyPatch, spare: int, status: str) -> None:
    """The whole and each case take a second, and the last may take longer than there is left."""
    part = _halves("50%")
    whole = part.model(range(len(part.statements)), PATIENT)
    whole.settings = Settings(seconds=1, patience=1 + len(cases.cases(whole)) + spare)

    def answer(model: OrderModel) -> Answer:
        return Answer("unknown" if model is whole else "infeasible", None, 1.0)

    monkeypatch.setattr(OrderModel, "solve", answer)
    assert cases.solve(whole)[1].status == status


def test_a_hard_case_is_given_more_time_once_the_others_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[int, list[float]] = {}
    solve = OrderModel.solve

    def hard(model: OrderModel) -> Answer:
        if model is whole:
            return Answer("unknown", None, 0.1)
        given.setdefault(id(model), []).append(model.settings.seconds)
        first = id(model) == next(iter(given))
        return Answer("unknown", None, 0.1) if first and len(given[id(model)]) < 3 else solve(model)

    monkeypatch.setattr(OrderModel, "solve", hard)
    part = _halves("50%")
    whole = part.model(range(len(part.statements)), PATIENT)
    assert cases.solve(whole)[1].status == "infeasible"
    times = list(given.values())
    assert times[0] == [PATIENT.seconds / 4, PATIENT.seconds, 4 * PATIENT.seconds]
    assert len(times) > 1
    assert all(len(other) == 1 for other in times[1:])


def test_no_case_is_asked_when_those_left_open_could_not_be_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A moment is a quarter of a second, the next one a second: of two there is time for one open case."""
    asked = []

    def open_(model: OrderModel) -> Answer:
        asked.append(model)
        return Answer("unknown", None, 0.1)

    monkeypatch.setattr(OrderModel, "solve", open_)
    part = _halves("50%")
    whole = part.model(range(len(part.statements)), Settings(seconds=1, patience=2))
    assert len(cases.cases(whole)) > 2
    assert cases.solve(whole)[1].status == "unknown"
    assert len(asked) == 3  # the whole, and two cases


def test_medians_that_a_rate_implies_are_left_out() -> None:
    part = _part([
        _rate("60%", arm="a"),
        {"median_survival": "not reached", "endpoint": "os", "where": {"arm": "a"}},
        {"median_survival": "not reached", "endpoint": "os", "where": {"arm": "b"}},
        {"median_survival": "20 months", "endpoint": "os", "where": {"arm": ["a", "b"]}},
        _rate("50%", sex="f"),
        {"count": "5", "where": {"arm": "a"}},
    ])  # fmt: skip
    assert part.without_implied(range(5)) == {0, 2, 3, 4}
    assert part.without_implied([1, 2, 3]) == {1, 2, 3}


@pytest.mark.parametrize(
    ("smallest", "solver_knows", "cases_know", "units", "proven"),
    [
        (7, True, True, 7, True),
        (7, False, True, 7, True),
        (7, False, False, 9, False),
        (1, False, True, 1, True),
    ],
)
def test_the_last_question_of_a_search_is_asked_once_more(
    smallest: int, solver_knows: bool, cases_know: bool, units: int, proven: bool
) -> None:
    """A number must move by `smallest` units; below 9 the solver may not know."""

    def ask(most: int, effort: str) -> tuple[float, ...] | str:
        if most < 9 and not (cases_know if effort == "patient" else solver_knows):
            return "unknown"
        return (float(most),) if most >= smallest else "infeasible"

    best, sure = _halve(ask, lambda shown: int(shown[0]), (32.0,))
    assert (best, sure) == ((float(units),), proven)
