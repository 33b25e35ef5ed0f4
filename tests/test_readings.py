"""Audits under other conventions. Oracle: ledgers whose conflicts, and what ends them, are known by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import recohort.solve.audit
import recohort.solve.readings
from recohort import estimators
from recohort.cli import main
from recohort.ledger import Ledger
from recohort.solve import conflicts
from recohort.solve.audit import Audit, audit
from recohort.solve.conventions import Alternative, alternatives, under
from recohort.solve.demands import build
from recohort.solve.instance import Settings
from recohort.solve.parts import parts_of
from recohort.solve.readings import (
    MOST_OF_PART,
    MOST_WHERE_WORSE,
    Readings,
    best,
    in_words,
    readings,
    shown,
)
from recohort.solve.statements import Finding
from recohort.solve.table_conflicts import audit_tables
from recohort.solve.witness import cohort_of, met_claims

FAST = Settings(seconds=5)

CONVENTIONS = {
    "rate_reading": {
        "value": "two-years",
        "options": ["two-years", "three-years"],
        "amounts_to": {"three-years": {"months": {24: 36}}},
    },
    "events": {
        "value": "relapse-or-death",
        "options": ["relapse-or-death", "relapse-only", "relapse-or-transplant"],
        "amounts_to": {"relapse-only": {"outer_event_counts": False}},
    },
    "rounding": {"value": "half-up", "options": ["half-up", "truncated"]},
    "survival_test": {"value": "log-rank", "options": ["log-rank", "gehan", "peto"]},
}
CLAIMS: list[dict[str, Any]] = [
    {"count": "5", "where": {"arm": "a"}},
    {"count": "5", "where": {"arm": "b"}},
    # below one half before the median; read at three years it is not
    {"survival": "40%", "endpoint": "os", "month": 24, "where": {"arm": "a"}},
    {"median_survival": "30 months", "endpoint": "os", "where": {"arm": "a"}},
    # nobody had an event, but somebody died; if only a relapse is an event, that can be
    {"survival": "100%", "endpoint": "rfs", "month": 24, "where": {"arm": "b"}},
    {"survival": "80%", "endpoint": "os", "month": 24, "where": {"arm": "b"}},
    # two of twelve are 16.67 %, cut off 16
    {"count_percent": "2 (16)", "where": {"arm": "c"}},
]


def made_up(claims: list[dict[str, Any]] = CLAIMS, **conventions: Any) -> Ledger:
    return Ledger.model_validate(document(claims, **conventions))


def document(claims: list[dict[str, Any]] = CLAIMS, **conventions: Any) -> dict[str, Any]:
    return {
        "study": {"title": "made up", "patients": 12,
                  "time": {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 89.9}},
        "attributes": {"arm": {"levels": ["a", "b", "c"]}},
        "endpoints": {"rfs": {"time": "rfs_t", "event": "rfs_e", "not_after": "os"},
                      "os": {"time": "os_t", "event": "os_e"}},
        "conventions": CONVENTIONS | conventions,
        "claims": [{"id": f"c{i}", "at": "nowhere"} | claim for i, claim in enumerate(claims)],
    }  # fmt: skip


@pytest.fixture(scope="module")
def found() -> tuple[Audit, Readings]:
    base = audit(made_up(), settings=FAST)
    return base, readings(base, settings=FAST)


def test_each_convention_ends_its_own_conflict_and_together_they_end_all(
    found: tuple[Audit, Readings],
) -> None:
    base, others = found
    assert base.fewest == 3
    fewest = {tuple(option for _, option in one.changed): one.audit.fewest for one in others.tried}
    assert fewest == {
        ("three-years",): 2,
        ("relapse-only",): 2,
        ("truncated",): 2,
        ("gehan",): 3,
        ("three-years", "relapse-only"): 1,
        ("three-years", "truncated"): 1,
        ("relapse-only", "truncated"): 1,
        ("three-years", "relapse-only", "truncated"): 0,
    }


def test_the_best_reading_explains_most_with_least(found: tuple[Audit, Readings]) -> None:
    base, others = found
    chosen = best(base, others)
    assert chosen is not None
    assert [option for _, option in chosen.changed] == ["three-years", "relapse-only", "truncated"]
    useless = Readings(tuple(o for o in others.tried if o.changed[0].option == "gehan"), ())
    assert best(base, useless) is None


def test_what_is_left_to_amend_is_named(found: tuple[Audit, Readings]) -> None:
    _, others = found
    (cut,) = (one.audit for one in others.tried if [option for _, option in one.changed] == ["truncated"])
    left = {
        frozenset(claim.id for k in repair for claim in finding.statements[k].claims)
        for finding in cut.findings
        for repair in finding.repairs
    }
    assert left >= {frozenset({"c2"}), frozenset({"c3"}), frozenset({"c4"}), frozenset({"c5"})}


def test_options_that_nothing_follows_are_listed(found: tuple[Audit, Readings]) -> None:
    assert found[1].not_followed == (
        Alternative("events", "relapse-or-transplant"),
        Alternative("survival_test", "peto"),
    )


def test_what_makes_things_worse_is_asked_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twelve, 2 are 17 % and 5 are 42 % if rounded: cut off, three are wrong instead of one."""
    limits = []

    def noting(*asked: Any, most: int) -> Finding:
        limits.append(most)
        return conflicts.audit_again(*asked, most=most)

    monkeypatch.setattr(recohort.solve.readings, "audit_again", noting)
    rounded = [{"count_percent": "2 (17)", "where": {"arm": "c"}}]
    rounded += [{"count_percent": "5 (42)", "where": {"arm": arm}} for arm in "ab"]
    cut = {"conventions": {"rounding": CONVENTIONS["rounding"]}}
    base = audit(Ledger.model_validate(document([*CLAIMS[2:4], *rounded]) | cut), settings=FAST)
    (worse,) = readings(base, settings=FAST).tried
    assert (base.fewest, worse.audit.fewest) == (1, 4)
    assert limits == [MOST_WHERE_WORSE]
    other = {"conventions": {"rate_reading": CONVENTIONS["rate_reading"]}}
    base = audit(Ledger.model_validate(document(CLAIMS[2:4]) | other), settings=FAST)
    assert [one.audit.fewest for one in readings(base, settings=FAST).tried] == [0]
    assert limits == [MOST_WHERE_WORSE, MOST_OF_PART]


def test_several_processes_find_the_same(found: tuple[Audit, Readings]) -> None:
    base, others = found
    again = readings(base, settings=FAST, jobs=2)
    assert [(o.changed, o.audit.fewest, o.audit.findings) for o in again.tried] == [
        (o.changed, o.audit.fewest, o.audit.findings) for o in others.tried
    ]


def test_an_option_changes_what_it_says_and_nothing_else() -> None:
    ledger = made_up()
    for name, option in alternatives(ledger)[0]:
        other, _ = under(ledger, FAST, [Alternative(name, option)])
        assert other.convention(name) == option
        months = {claim.month for claim in other.claims if claim.month is not None}
        assert months == ({36} if option == "three-years" else {24})
        assert {n: c for n, c in other.conventions.items() if n != name} == {
            n: c for n, c in ledger.conventions.items() if n != name
        }
    assert ledger == made_up()


def test_a_time_by_name_is_followed() -> None:
    conventions = {
        "landmark": {"value": 3.0, "options": [2.0, 3.0]},
        "cycles": {"value": 4, "options": [4, 5]},
    }
    claims = [*CLAIMS, {"count": "4", "where": {"arm": "a"}, "at_risk": {"rfs": "landmark"}}]
    known, unknown = alternatives(made_up(claims, **conventions))
    assert Alternative("landmark", 2.0) in known
    assert Alternative("cycles", 5) in unknown


def test_with_ties_p_values_take_no_part() -> None:
    p_value = {"p_value": "0.5", "endpoint": "os", "groups": [{"arm": "a"}, {"arm": "b"}]}
    everybody = {"survival": "70%", "endpoint": "os", "month": 24, "where": {"arm": ["a", "b"]}}
    ties = {"ties": {"value": "distinct", "options": ["distinct", "allowed"]}}
    base = audit(made_up([*CLAIMS[:2], p_value, everybody], **ties), settings=FAST)
    (tied,) = (o.audit for o in readings(base, settings=FAST).tried if o.changed == (("ties", "allowed"),))
    assert "c2" not in base.left_out
    assert "c2" in tied.left_out
    assert not shown(tied, base)


@given(st.lists(st.tuples(st.integers(1, 120), st.booleans()), min_size=2, max_size=9))
@settings(max_examples=300, deadline=None)
def test_a_proof_about_a_median_by_midpoint_asks_no_more_than_is_printed(
    patients: list[tuple[int, bool]],
) -> None:
    """Whatever the estimator gives as the median, the outer demands hold for these patients."""
    time = np.array([t / 10 for t, _ in patients])
    curve = estimators.kaplan_meier(time, np.array([int(event) for _, event in patients]))
    median = estimators.median_survival(curve, rule="midpoint")
    printed = "not reached" if np.isinf(median) else f"{median:.1f}"
    claim = {"median_survival": printed, "endpoint": "os"}
    ledger = made_up([claim], median_rule={"value": "midpoint"}, ties={"value": "allowed"})
    for query in build(ledger, outer=True).queries:
        assert query.low <= curve.at(query.tick / 10) <= query.high


def test_the_command_says_and_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, out = tmp_path / "ledger.yaml", tmp_path / "conflicts.json"
    file.write_text(yaml.safe_dump(document(), sort_keys=False))
    asked = ["conflicts", "--ledger", str(file), "--seconds", "5", "--out", str(out)]
    assert main([*asked, "--conventions", "--jobs", "1"]) == 1
    said = capsys.readouterr().out
    assert "Most with least: rate_reading: three-years, events: relapse-only, rounding: truncated, 0" in said
    written = json.loads(out.read_text())["conventions"]
    assert [one["changed"] for one in written["tried"] if one["best"]] == [
        {"rate_reading": "three-years", "events": "relapse-only", "rounding": "truncated"}
    ]
    assert written["not_followed"] == [{"events": "relapse-or-transplant"}, {"survival_test": "peto"}]
    assert main([*asked, "--conventions", "--only", "c2"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# --- interrupted ---------------------------------------------------------------------------------


def _interrupting(monkeypatch: pytest.MonkeyPatch, most: int) -> list[str]:
    """Let Ctrl-C come when so many readings were begun; return the list in which they are noted."""
    begun: list[str] = []

    def audited(ledger: Ledger, *arguments: Any, **named: Any) -> Finding:
        if len(begun) == most:
            raise KeyboardInterrupt
        begun.append(str([ledger.convention(name) for name in CONVENTIONS]))
        return audit_tables(ledger, *arguments, **named)

    monkeypatch.setattr(recohort.solve.readings, "audit_tables", audited)
    return begun


def test_goes_on_where_it_was_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Oracle: one run that nothing interrupts."""
    file = tmp_path / "ledger.yaml"
    file.write_text(yaml.safe_dump(document(), sort_keys=False))
    asked = ["conflicts", "--ledger", str(file), "--seconds", "5", "--conventions", "--jobs", "1", "--out"]
    out, whole = tmp_path / "conflicts.json", tmp_path / "whole.json"
    begun = _interrupting(monkeypatch, 3)
    assert main([*asked, str(out)]) == 130
    assert capsys.readouterr().err == (
        f"recohort conflicts: interrupted; the same command goes on from {out}.readings\n"
    )
    assert not out.exists()
    monkeypatch.setattr(recohort.solve.audit, "audit_tables", None)  # the audit itself is kept, too
    again = _interrupting(monkeypatch, 99)
    assert main([*asked, str(out)]) == 1
    assert len({*begun, *again}) == len(begun) + len(again)  # none twice
    monkeypatch.undo()
    assert main([*asked, str(whole)]) == 1
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(f.name for f in tmp_path.iterdir()) == ["conflicts.json", "ledger.yaml", "whole.json"]


def test_readings_in_work_are_told(found: tuple[Audit, Readings]) -> None:
    told: list[tuple[str, float]] = []
    readings(found[0], settings=FAST, tell=lambda what, share: told.append((what, share)))
    assert [share for _, share in told] == sorted(share for _, share in told)
    assert told[0] == ("rate_reading: three-years", 0.0)
    for one in found[1].tried:
        assert any(what == in_words(one.changed) for what, _ in told)


# --- many statements that fail alone -------------------------------------------------------------


def test_a_convention_under_which_many_statements_fail_alone_ends() -> None:
    """By hand: a percentage that was rounded up is no truncated one, one that was rounded down may be."""
    yes = {f"x{i}": (5 * i) % 37 + 1 for i in range(20)}
    counts = [(name, level, n if level else 38 - n) for name, n in yes.items() for level in (0, 1)]
    claims: list[dict[str, Any]] = [
        {"count_percent": f"{n} ({(200 * n + 38) // 76})", "where": {name: level}}
        for name, level, n in counts
    ]
    large = document(claims)
    large["study"]["patients"] = 38
    large["attributes"] = {name: {"levels": [0, 1]} for name in yes}
    base = audit(Ledger.model_validate(large), settings=FAST)
    (cut,) = (o.audit for o in readings(base, settings=FAST).tried if o.changed[0].option == "truncated")
    rounded_up = sum((200 * n + 38) // 76 > 100 * n // 38 for _, _, n in counts)
    assert rounded_up > 12
    assert base.fewest == 0
    assert (cut.fewest, shown(cut, base)) == (rounded_up, True)
    assert [len(conflict) for finding in cut.findings for conflict in finding.conflicts] == [1] * rounded_up


def test_an_effect_of_an_option_that_is_none_gets_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ledger.yaml"
    wrong = CONVENTIONS["rate_reading"] | {"amounts_to": {"thre-years": {"months": {24: 36}}}}
    file.write_text(yaml.safe_dump(document(rate_reading=wrong)))
    assert main(["conflicts", "--ledger", str(file)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "'thre-years' is no option of it" in said
    assert "three-years" in said


RULE = {"when": {"arm": "c"}, "then": {"sex": "f"}}


def choosy(**effect: Any) -> dict[str, Any]:
    """A ledger in which both of arm c are women by our choice, and one is printed to be a man."""
    page = document(
        [{"count": "2", "where": {"arm": "c"}}, {"count": "1", "where": {"arm": "c", "sex": "m"}}]
    )
    page["attributes"]["sex"] = {"levels": ["f", "m"]}
    choice = {"value": "women", "options": ["women", "open"], "amounts_to": {"open": effect}}
    return page | {"rules": [RULE], "conventions": {"who": choice}}


def test_a_rule_that_is_a_choice_is_dropped() -> None:
    base = audit(Ledger.model_validate(choosy(drops=[RULE])), settings=FAST)
    (freer,) = readings(base, settings=FAST).tried
    assert (base.fewest, freer.audit.fewest, shown(freer.audit, base)) == (1, 0, True)


def test_a_rule_that_is_none_cannot_be_dropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ledger.yaml"
    file.write_text(yaml.safe_dump(choosy(drops=[{"when": {"arm": "c"}, "then": {"sex": "m"}}])))
    assert main(["conflicts", "--ledger", str(file)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "conventions.who.amounts_to: drops a rule that the ledger has not" in said


def _patients(rng: np.random.Generator, n: int, convention: str) -> dict[str, tuple[Any, Any]]:
    """Times (in tenths of months, none on a printed month) and events of patients at random."""
    relapse, death, last, seen = (rng.permutation(60)[:n] * 5 + k for k in (1, 2, 3, 4))
    contact = np.minimum(last, seen) if convention == "per-endpoint" else last
    first = relapse if convention == "relapse-only" else np.minimum(relapse, death)
    end = np.minimum(contact, np.minimum(death, last))
    return {"rfs": (np.minimum(first, end), first <= end), "os": (np.minimum(death, last), death < last)}


def _printed(endpoint: str, time: Any, event: Any) -> list[dict[str, Any]]:
    """What a paper would print of them."""
    curve = estimators.kaplan_meier(time / 10, event.astype(int))
    median = estimators.median_survival(curve)
    about = {"endpoint": endpoint, "where": {"arm": "a"}}
    rates = [{"survival": f"{100 * curve.at(t):.1f}%", "month": t} for t in (8.0, 16.0, 24.0)]
    medians = [{"median_survival": "not reached" if np.isinf(median) else f"{median:.1f}"}]
    return [about | claim for claim in [*rates, *medians]]


@pytest.mark.parametrize("convention", ["one-date", "per-endpoint", "relapse-only"])
def test_no_proof_against_patients_who_exist(convention: str) -> None:
    """What patients print who are made under a convention is never called impossible under it."""
    contact = {
        "value": "one-date", "options": ["one-date", "per-endpoint"],
        "amounts_to": {"per-endpoint": {"one_last_contact": False}},
    }  # fmt: skip
    changed = {"per-endpoint": ["contact"], "relapse-only": ["events"]}.get(convention, [])
    shown = 0
    for seed in range(40):
        patients = _patients(np.random.default_rng(seed), 5, convention)
        claims = [{"count": "5", "where": {"arm": "a"}}]
        claims += [claim for name, (time, event) in patients.items() for claim in _printed(name, time, event)]
        ways = under(
            made_up(claims, contact=contact), FAST, [Alternative(name, convention) for name in changed]
        )
        (part,) = (part for part in parts_of(ways.ledger) if part.statements)
        model = part.model(range(len(part.statements)), ways.settings)
        answer = model.solve()
        assert answer.status == "feasible", claims
        assert answer.trace is not None
        cohort = cohort_of(model, answer.trace)
        if cohort is not None:
            shown += 1
            assert met_claims(cohort, ways.ledger) >= {c.id for c in ways.ledger.claims if c.endpoint}, claims
    assert shown >= 35
