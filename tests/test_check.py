"""The checker against hand-worked numbers, against lifelines, and against every small change.

The last part is a mutation check. A second computation (`second_opinion.py`, which shares no code with
the checker) says for each changed patient and each changed claim which printed numbers still come out;
the checker must give the same verdict on every one of them.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from pydantic import ValidationError

import second_opinion
from recohort import cohort as cohorts
from recohort.check import VERDICTS, Row, check, compute, scorecard, scorecard_line, to_frame
from recohort.ledger import Claim, Convention, Ledger, load

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
FILES = {
    "small": (HERE / "fixtures" / "small_ledger.yaml", HERE / "fixtures" / "small_cohort.csv"),
    "paper": (HERE.parent / "data" / "claims.yaml", HERE.parent / "data" / "reconstructed_cohort.csv"),
}
MET, READ, MISSED, CONTEXT = VERDICTS


# --- by hand -----------------------------------------------------------------------------

# the arithmetic stands in the comments of small_ledger.yaml
BY_HAND: dict[str, tuple[float, ...]] = {
    "text.n": (12,),
    "text.active": (7, 700 / 12),
    "text.responders": (500 / 7,),
    "text.early": (400 / 9, 4, 9),
    "table.age": (53.5, 34, 70),
    "table.age.elderly": (4, 100 / 3),
    "table.stage.1": (3, 25),
    "table.stage.2": (5, 500 / 12),
    "table.stage.3": (4, 100 / 3),
    "table.grade.high": (6, 9, 200 / 3),
    "table.response.p": (192 / 792,),
    "table.surgery.median": (2.6,),
    "table.surgery.range": (2.0, 3.0),
    "fig1.follow_up": (27.0,),
    "fig1.pfs.all.median": (12.0,),
    "fig1.pfs.all.1y": (50,),
    "fig1.pfs.active.2y": (300 / 7,),
    "fig1.pfs.control.2y": (20,),
    "fig1.os.active.median": (math.inf,),
    "fig1.os.control.median": (16.0,),
    "fig1.os.active.2y": (1500 / 28,),  # at 25 months, as read
    "fig2.surgery.n": (3,),
    "fig2.surgery.2y": (100 / 3,),
    "fig2.none.2y": (100 / 3,),
}


@pytest.mark.parametrize("claim", BY_HAND)
def test_values_by_hand(claim: str, small_ledger: Ledger, small_cohort: pd.DataFrame) -> None:
    assert compute(small_ledger.claim(claim), small_cohort, small_ledger) == pytest.approx(
        BY_HAND[claim], abs=1e-12
    )


def test_every_claim_is_worked_by_hand_but_rank_tests_and_context(small_ledger: Ledger) -> None:
    rest = [claim.id for claim in small_ledger.claims if claim.id not in BY_HAND]
    assert rest == ["context.screened", "fig1.pfs.p", "fig1.os.p"]


def rows_of(claim: str, printed: str | None, ledger: Ledger, cohort: pd.DataFrame) -> list[Row]:
    """Verdicts on one claim, with another string printed in its place if one is given."""
    original = ledger.claim(claim)
    changed = original.model_copy(update={original.kind: printed or original.printed})
    return check(cohort, ledger.with_claims([changed]))


# claim, what it prints, verdict on each of its numbers
FORMS = [
    ("text.n", "Twelve", [MET]),
    ("text.n", "12", [MET]),
    ("text.n", "N = 12 patients", [MET]),
    ("text.n", "Eleven", [MISSED]),
    ("text.active", "7 of 12 [58%]", [MET, MET, MET]),
    ("text.active", "6/12 (58)", [MISSED, MET, MET]),
    ("text.active", "7/11 (58)", [MET, MISSED, MET]),
    ("text.active", "7/12 (59)", [MET, MET, MISSED]),
    ("text.active", "7 (58.3)", [MET, MET]),
    ("text.active", "7 (58.4)", [MET, MISSED]),
    ("text.active", "7 (58.33)", [MET, MET]),
    ("text.active", "58% (7/12)", [MET, MET, MET]),
    ("text.responders", "71%", [MET]),
    ("text.responders", "71.4%", [MET]),
    ("text.responders", "71.0%", [MISSED]),  # the zero promises a digit
    ("text.responders", "72%", [MISSED]),
    ("text.early", "44% [4/8 patients]", [MET, MET, MISSED]),
    ("table.age", "54 [34-70]", [MET, MET, MET]),  # 53.5 may be rounded up,
    ("table.age", "53 [34-70]", [MET, MET, MET]),  # or to the even number
    ("table.age", "52 [34-70]", [MISSED, MET, MET]),
    ("table.age", "53.5 (range, 35 to 71)", [MET, MISSED, MISSED]),
    ("table.surgery.median", "2.6", [MET]),
    ("table.surgery.median", "3 months", [MET]),
    ("table.surgery.median", "2.60 months", [MET]),
    ("table.surgery.median", "2.7", [MISSED]),
    ("table.surgery.range", "2-3", [MET, MET]),
    ("table.surgery.range", "2.1-3.0", [MISSED, MET]),
    ("table.response.p", "0.24", [MET]),
    ("table.response.p", "0.2424", [MET]),
    ("table.response.p", "0.25", [MISSED]),
    ("table.response.p", "<0.3", [MET]),
    ("table.response.p", "<0.2", [MISSED]),
    ("table.response.p", ">0.2", [MET]),
    ("fig1.pfs.p", "0.244", [MET]),
    ("fig1.pfs.p", "P = 0.243", [MISSED]),
    ("fig1.follow_up", "27.0 months", [MET]),
    ("fig1.follow_up", "27 mo", [MET]),
    ("fig1.follow_up", "23.0 months", [MISSED]),  # the median of the observed times
    ("fig1.pfs.all.1y", "50%", [MET]),
    ("fig1.pfs.all.1y", "58%", [MISSED]),  # what it was just before the event at 12 months
    ("fig1.pfs.all.median", "12 months", [MET]),
    ("fig1.pfs.all.median", "not reached", [MISSED]),
    ("fig1.os.active.median", "NR", [MET]),
    ("fig1.os.active.median", "30 months", [MISSED]),
    ("fig1.os.control.median", "16.0", [MET]),
    ("table.stage.2", "5 (41)", [MET, READ]),  # read as truncated
    ("table.stage.2", "5 (42)", [MET, MET]),
    ("table.stage.2", "5 (40)", [MET, MISSED]),
    ("table.stage.3", "5 (33)", [READ, MET]),  # read as 4
    ("table.stage.3", "4 (33)", [MET, MET]),
    ("fig1.os.active.2y", "54%", [READ]),  # read at 25 months
    ("fig1.os.active.2y", "71%", [MET]),  # what it is at 24
    ("fig1.os.active.2y", "53%", [MISSED]),
    ("context.screened", "31", [CONTEXT]),
]


@pytest.mark.parametrize(("claim", "printed", "expected"), FORMS, ids=[f"{c}: {p}" for c, p, _ in FORMS])
def test_each_printed_form(claim: str, printed: str, expected: list[str], small_ledger, small_cohort) -> None:
    assert [row.verdict for row in rows_of(claim, printed, small_ledger, small_cohort)] == expected


def test_readings_are_named(small_ledger: Ledger, small_cohort: pd.DataFrame) -> None:
    def last(claim: str) -> Row:
        return rows_of(claim, None, small_ledger, small_cohort)[-1]

    truncated = last("table.stage.2")
    assert (truncated.printed, truncated.read_as, truncated.computed_text) == ("41", "41, truncated", "41.67")
    assert truncated.because == "5/12 is 41.67%"
    count, percent = rows_of("table.stage.3", None, small_ledger, small_cohort)
    assert (count.printed, count.read_as, count.computed) == ("5", "4", 4)
    assert (percent.read_as, percent.because) == ("", "")  # 33% needs no other reading
    later = last("fig1.os.active.2y")
    assert (later.printed, later.read_as, later.computed_text) == ("54", "54 at 25", "53.57")
    unreached = last("fig1.os.active.median")
    assert (unreached.computed, unreached.computed_text) == (math.inf, "not reached")
    context = last("context.screened")
    assert (context.computed, context.because) == (None, "nobody says who they were")


# by hand
CONVENTIONS = [
    ("rounding", "truncated", "text.responders", "71%", MET),
    ("rounding", "truncated", "text.responders", "72%", MISSED),
    ("rounding", "truncated", "table.stage.2", "5 (41)", MET),
    ("rounding", "truncated", "table.grade.high", "6/9 (67)", MISSED),
    ("median_rule", "midpoint", "fig1.pfs.all.median", "13.0 months", MET),  # one half from 12 to 14
    ("median_rule", "midpoint", "fig1.pfs.all.median", "12.0 months", MISSED),
    ("follow_up", "observed-time", "fig1.follow_up", "23.0 months", MET),  # between 22 and 24
    ("count_test", "chi-squared", "table.response.p", "0.079", MET),  # 12 (20 - 2)² / (7 5 6 6) = 3.09
]


@pytest.mark.parametrize(
    ("name", "value", "claim", "printed", "expected"),
    CONVENTIONS,
    ids=[f"{v}: {p}" for _, v, _, p, _ in CONVENTIONS],
)
def test_conventions_act(name, value, claim, printed, expected, small_ledger: Ledger, small_cohort) -> None:
    conventions = {**small_ledger.conventions, name: Convention(value=value)}
    ledger = small_ledger.model_copy(update={"conventions": conventions})
    assert rows_of(claim, printed, ledger, small_cohort)[-1].verdict == expected


@pytest.mark.parametrize(
    ("name", "weightings"), [("gehan", "wilcoxon"), ("tarone-ware", "tarone-ware"), ("peto", "peto")]
)
def test_weighted_tests_agree_with_lifelines(name: str, weightings: str, small_ledger, small_cohort) -> None:
    conventions = {**small_ledger.conventions, "survival_test": Convention(value=name)}
    ledger = small_ledger.model_copy(update={"conventions": conventions})
    one, other = (small_cohort[small_cohort["arm"] == arm] for arm in ("active", "control"))
    expected = logrank_test(
        one["pfs_months"], other["pfs_months"], one["pfs_event"], other["pfs_event"], weightings=weightings
    )
    assert compute(ledger.claim("fig1.pfs.p"), small_cohort, ledger) == pytest.approx((expected.p_value,))


def test_nobody_in_a_population_is_undefined_not_an_error(small_ledger: Ledger, small_cohort) -> None:
    nobody = small_cohort.assign(arm="control", surgery=0, response="nonresponder", early=None, stage=1)
    rows = check(nobody, small_ledger)
    empty = {row.claim: row for row in rows if row.computed is not None and math.isnan(row.computed)}
    assert {
        "text.responders",
        "text.early",
        "table.surgery.median",
        "fig1.pfs.p",
        "fig2.surgery.2y",
    } < empty.keys()
    assert {(row.computed_text, row.verdict) for row in empty.values()} == {("undefined", MISSED)}


def test_scorecard_and_frame(small_ledger: Ledger, small_cohort: pd.DataFrame) -> None:
    rows = check(small_cohort, small_ledger)
    assert scorecard(rows) == {MET: 35, READ: 3, MISSED: 0, CONTEXT: 1}
    assert scorecard_line(rows) == (
        "Of 38 printed numbers: 35 reproduced, 3 reproduced as read, 0 not reproduced. "
        "Listed as context, not tested: 1."
    )
    frame = to_frame(rows)
    assert len(frame) == len(rows)
    assert list(frame["claim"].unique()) == [claim.id for claim in small_ledger.claims]
    assert list(to_frame([]).columns) == list(frame.columns)


# --- mutations ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One ledger and cohort, as the checker has them and as the second opinion has them."""

    ledger: Ledger
    cohort: pd.DataFrame
    study: second_opinion.Study


@pytest.fixture(scope="module", params=list(FILES))
def case(request: pytest.FixtureRequest) -> Case:
    ledger_file, cohort_file = FILES[request.param]
    ledger = load(ledger_file)
    study = second_opinion.Study.read(ledger_file, cohort_file)
    return Case(ledger, cohorts.read(cohort_file, ledger), study)


def test_the_second_opinion_agrees_with_lifelines(case: Case) -> None:
    """So that the judge of the mutation check is judged itself."""
    frame = pd.DataFrame(case.study.patients)
    seen: Counter[str] = Counter()
    for claim in case.study.raw["claims"]:
        if "endpoint" not in claim or not set(second_opinion.tokens(claim[second_opinion.kind_of(claim)])):
            continue
        spec = case.study.raw["endpoints"][claim["endpoint"]]
        inside = [second_opinion.belongs(case.study, claim, patient) for patient in case.study.patients]
        time, event = (
            frame.loc[inside, spec["time"]].astype(float),
            frame.loc[inside, spec["event"]].astype(int),
        )
        [value] = second_opinion.values(case.study, claim, case.study.patients)
        kind = second_opinion.kind_of(claim)
        if kind == "p_value":
            code = [
                next((k for k, g in enumerate(claim["groups"]) if second_opinion.meets(p, g)), None)
                for p, kept in zip(case.study.patients, inside, strict=True)
                if kept
            ]
            one, other = ([c == k for c in code] for k in (0, 1))
            expected = logrank_test(time[one], time[other], event[one], event[other]).p_value
        else:
            fitter = KaplanMeierFitter().fit(time, 1 - event if kind == "follow_up" else event)
            month = claim.get("month")
            expected = (
                100 * float(fitter.predict(float(case.study.month(month))))
                if kind == "survival"
                else fitter.median_survival_time_
            )
        assert (math.inf if value is None else float(value)) == pytest.approx(expected, rel=1e-9), claim["id"]
        seen[kind] += 1
    assert seen.keys() >= {"p_value", "survival", "median_survival", "follow_up"}


def mentions(claim: dict[str, Any], column: str, study: second_opinion.Study) -> bool:
    """Whether a claim can depend on a column."""
    endpoint = study.raw["endpoints"].get(claim.get("endpoint"), {})
    conditions = json.dumps([claim.get(key) for key in ("where", "of", "groups", "outcome", "attribute")])
    return f'"{column}"' in conditions or column == endpoint.get("event")


def changes(case: Case) -> Iterator[tuple[str, int, Any]]:
    """Every patient with other levels, no level, the ends of a numeric column, the other event indicator."""
    for name, attribute in case.ledger.attributes.items():
        for row, patient in enumerate(case.study.patients):
            if attribute.levels is None:
                known = case.cohort[name].dropna()
                others = [known.min().item(), known.max().item()]
            else:
                others = [*_neighbours(attribute.levels, patient[name]), None]
            yield from ((name, row, other) for other in others if other != patient[name])
    for endpoint in case.ledger.endpoints.values():
        for row, patient in enumerate(case.study.patients):
            yield endpoint.event, row, 1 - int(patient[endpoint.event])


def _neighbours(levels: tuple[Any, ...], level: Any) -> list[Any]:
    """The levels before and after one, in a circle: two stand for all."""
    at = levels.index(level) if level in levels else 0
    return list(dict.fromkeys([levels[at - 1], levels[(at + 1) % len(levels)]]))


def changed_cohort(case: Case, column: str, row: int, value: Any) -> pd.DataFrame:
    series = case.cohort[column].copy()
    series.iloc[row] = pd.NA if value is None and series.dtype != object else value
    return case.cohort.assign(**{column: series})


def test_every_change_of_one_patient_gets_the_right_verdicts(case: Case) -> None:
    noticed: Counter[str] = Counter()
    changed_numbers = 0
    by_patient: Counter[int] = Counter()
    raw = {claim["id"]: claim for claim in case.study.raw["claims"]}
    touched: dict[str, list[str]] = {}
    for column, row, value in changes(case):
        ids = touched.setdefault(column, [i for i in raw if mentions(raw[i], column, case.study)])
        patients = list(case.study.patients)
        patients[row] = {**patients[row], column: value}
        expected = [v for i in ids for v in second_opinion.verdicts(case.study, raw[i], tuple(patients))]
        ledger = case.ledger.with_claims([case.ledger.claim(i) for i in ids])
        found = [r.verdict for r in check(changed_cohort(case, column, row, value), ledger)]
        assert found == expected, (column, row, value)
        missed = found.count(MISSED)
        changed_numbers += missed
        noticed[column] += missed > 0
        by_patient[row] += missed > 0
    mentioned = {column for column, ids in touched.items() if ids}
    assert {column for column in noticed if noticed[column]} == mentioned
    assert all(by_patient[row] for row in range(len(case.study.patients)))
    assert changed_numbers > 100


def test_claims_that_do_not_mention_a_column_do_not_depend_on_it(case: Case) -> None:
    """So that the test above looks at every claim that a change can touch."""
    before = {row.claim: row for row in check(case.cohort, case.ledger)}
    one_of_each = {column: (row, value) for column, row, value in changes(case)}
    for column, (row, value) in one_of_each.items():
        after = check(changed_cohort(case, column, row, value), case.ledger)
        raw = {claim["id"]: claim for claim in case.study.raw["claims"]}
        other = {
            r.claim
            for r in after
            if r != before[r.claim] and len(raw[r.claim]) and r.part == before[r.claim].part
        }
        assert all(mentions(raw[claim], column, case.study) for claim in other)


def test_every_flipped_response_is_noticed(case: Case) -> None:
    for row, patient in enumerate(case.study.patients):
        value = "nonresponder" if patient["response"] == "responder" else "responder"
        rows = check(changed_cohort(case, "response", row, value), case.ledger)
        assert scorecard(rows)[MISSED] > 0, patient["patient"]


def shifted(text: str) -> Iterator[tuple[int, str]]:
    """A printed string with one of its numbers one unit of its last digit up or down."""
    for position, found in enumerate(second_opinion.TOKEN.finditer(text)):
        token = found[0]
        number = second_opinion.number(token)
        if number is None:
            continue
        decimals = len(token.partition(".")[2])
        for step in (-1, 1):
            other = number + step * second_opinion.Fraction(1, 10**decimals)
            if other >= 0:
                sign = token[0] if token[0] in "<>" else ""
                yield (
                    position,
                    f"{text[: found.start()]}{sign}{float(other):.{decimals}f}{text[found.end() :]}",
                )


def test_every_shift_of_a_claim_by_one_last_digit_gets_the_right_verdicts(case: Case) -> None:
    noticed: Counter[bool] = Counter()
    for claim in case.study.raw["claims"]:
        kind = second_opinion.kind_of(claim)
        if kind == "context":
            continue
        reading = claim.get("read_as", {})
        versions = [(n, claim | {kind: text}) for n, text in shifted(claim[kind])]
        if "printed" in reading:
            versions += [
                (n, claim | {"read_as": reading | {"printed": text}})
                for n, text in shifted(reading["printed"])
            ]
        numbers: Counter[int] = Counter()
        for position, version in versions:
            try:
                ledger = case.ledger.with_claims([Claim.model_validate(version)])
            except ValidationError:  # 101%, or 9 of 8: not even a claim
                missed = True
            else:
                found = [row.verdict for row in check(case.cohort, ledger)]
                assert found == second_opinion.verdicts(case.study, version, case.study.patients), version
                missed = MISSED in found
            noticed[missed] += 1
            numbers[position] += missed
        # where a reading holds the print may be anything, and 0.5 is as much above 0.1 as above 0.2
        if not reading and not set("<>") & set(claim[kind]):
            assert all(numbers.values()), f"{claim['id']}: a number that may be shifted both ways"
    assert noticed[True] > 5 * noticed[False]
