"""Reference pages: every claim, column and convention is there, in words that say who is meant."""

from __future__ import annotations

import pytest
from bs4 import BeautifulSoup

from recohort.check import check
from recohort.cohort import SOURCE, columns
from recohort.cohort import read as read_cohort
from recohort.conditions import Condition
from recohort.exhibits.reference import (
    about,
    claims_table,
    columns_table,
    computed_in_words,
    conventions_list,
    in_words,
    rules_list,
)
from recohort.ledger import Ledger, load
from recohort.ledger_checks import ACTING_CONVENTIONS
from recohort.paths import COHORT, LEDGER


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load(LEDGER)


def parsed(html: object) -> BeautifulSoup:
    return BeautifulSoup(str(html), "lxml")


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({}, "all patients"),
        ({"response": "responder"}, "NGS MRD responder"),
        ({"tp53": 1}, "TP53 mutation: yes"),
        ({"ecog": 2}, "ECOG performance status: 2"),
        ({"age": ">=60"}, "Age ≥ 60"),
        ({"remission": ["CR2", "CR3"]}, "(second remission or third remission)"),
        ({"hsct": 0, "response": "nonresponder"}, "no HSCT, NGS MRD non-responder"),
    ],
)
def test_conditions_in_words(ledger: Ledger, condition: dict[str, object], words: str) -> None:
    assert in_words(Condition.from_mapping(condition), ledger) == words


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        ("fig1.os.nonresponder.2y", "overall survival at 24 months: NGS MRD non-responder"),
        ("fig1.rfs.responder.median", "median of relapse-free survival: NGS MRD responder"),
        ("table1.frontline.mini_cvd", "patients: mini-CVD-based, low intensity; among first remission"),
        ("table1.age", "Age, median and range: all patients"),
        ("text.follow_up", "median follow-up: all patients"),
        (
            "text.response.ph.p",
            "P, Fisher's exact test, NGS MRD responder: Ph-positive against Ph-negative",
        ),
        (
            "supp2.high.rfs.p",
            (
                "P, log-rank test, relapse-free survival: "
                "high risk: NGS MRD responder against NGS MRD non-responder"
            ),
        ),
        (
            "fig2key.rfs.nonresponder.hsct.n",
            "patients: HSCT, NGS MRD non-responder; at risk for relapse-free survival at 4.1 months",
        ),
    ],
)
def test_claims_in_words(ledger: Ledger, claim: str, words: str) -> None:
    assert about(ledger.claim(claim), ledger) == words


def test_every_claim_can_be_linked_to_and_every_number_stands_there(ledger: Ledger) -> None:
    rows = check(read_cohort(COHORT, ledger), ledger)
    page = parsed(claims_table(rows, ledger))
    bodies = page.select("tbody[id]")
    assert [body["id"] for body in bodies] == [f"claim-{claim.id}" for claim in ledger.claims]
    numbers = page.select("tbody[id] tr:not(.because)")
    assert len(numbers) == len(rows)
    for line, row in zip(numbers, rows, strict=True):
        cells = {cell["data-label"]: cell.get_text() for cell in line.select("td")}
        assert row.printed in cells["Printed"]
        assert cells["Read as"] == row.read_as
        assert cells["Computed"] == computed_in_words(row)
        assert cells["Computed"].startswith(row.computed_text)
        assert row.verdict.replace(" ", "-") in line.select_one("a.verdict")["class"]
    why = [line.get_text() for line in page.select("tr.because")]
    assert len(why) == len({row.claim for row in rows if row.read_as})
    assert all(line.startswith("Why: ") and len(line) > 20 for line in why)
    places = [line.get_text() for line in page.select("tbody.place")]
    assert places == list(dict.fromkeys(claim.at for claim in ledger.claims))


def test_every_column_is_in_the_dictionary(ledger: Ledger) -> None:
    lines = parsed(columns_table(ledger)).select("tbody tr")
    assert [line.th.get_text() for line in lines] == columns(ledger)
    text = {line.th.get_text(): line.get_text(" ") for line in lines}
    assert "Empty unless Ph-negative" in text["risk"]
    assert "Empty unless" not in text["age"]
    assert SOURCE in text["source"]
    assert "0.1 to 122 months, 1 decimal" in text["rfs_months"]
    for name, attribute in ledger.attributes.items():
        assert all(str(level) in text[name] for level in attribute.levels or ())


def test_every_convention_is_listed_with_its_options(ledger: Ledger) -> None:
    page = parsed(conventions_list(ledger, ACTING_CONVENTIONS))
    assert [term["id"] for term in page.select("dt")] == [f"convention-{name}" for name in ledger.conventions]
    for term, entry, (name, convention) in zip(
        page.select("dt"), page.select("dd"), ledger.conventions.items(), strict=True
    ):
        assert entry.strong.get_text() == str(convention.value)
        assert all(str(option) in entry.get_text() for option in convention.options)
        assert ("changes the computations" in term.get_text()) == (name in ACTING_CONVENTIONS)


def test_rules_say_what_must_hold(ledger: Ledger) -> None:
    rules = [item.get_text() for item in parsed(rules_list(ledger)).select("li")]
    assert "rfs_months is at most os_months." in rules
    assert "where os_event is 1, rfs_event is 1." in rules
    assert "hsct_months is at most rfs_months." in rules
    assert "NGS MRD after cycle 1: negative means NGS MRD responder." in rules
    assert sum(rule.startswith("high risk if ") for rule in rules) == 1


def test_texts_of_a_ledger_are_escaped(ledger: Ledger) -> None:
    claim = ledger.claims[0].model_copy(update={"at": "<b>Table</b> & more"})
    row = check(read_cohort(COHORT, ledger), ledger.with_claims([claim]))
    html = str(claims_table(row, ledger))
    assert "<b>" not in html
    assert "&lt;b&gt;Table&lt;/b&gt; &amp; more" in html


def test_an_exact_half_is_said_to_be_one(ledger: Ledger) -> None:
    """With an even number of patients the median lies between two: 5.85 may be printed as 5.8 or 5.9."""
    said = {
        row.claim: computed_in_words(row)
        for row in check(read_cohort(COHORT, ledger), ledger)
        if "half" in computed_in_words(row) and row.part == "median"
    }
    assert said["table1.wbc"] == "5.850 (an exact half, which may be rounded either way)"
    for row in check(read_cohort(COHORT, ledger), ledger):
        if row.computed is not None and "half" in computed_in_words(row):
            decimals = len(row.printed.partition(".")[2])
            assert f"{row.computed:.{decimals + 1}f}"[-1] == "5"
            assert row.verdict == "reproduced"
