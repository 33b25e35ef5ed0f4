"""An audit on a page. Oracle: a small audit whose conflicts and repairs are known by hand."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from bs4 import BeautifulSoup

from recohort import ledger as ledgers
from recohort.cli import main
from recohort.exhibits.audit_page import (
    conflict_lists,
    part_name,
    readings_in_words,
    readings_table,
    repair_lists,
)
from recohort.exhibits.conflicts import to_json
from recohort.ledger import Ledger
from recohort.paths import LEDGER
from recohort.solve.audit import audit
from recohort.solve.instance import Settings
from recohort.solve.readings import readings
from test_readings import document, made_up

FAST = Settings(seconds=5)


@pytest.fixture(scope="module")
def book() -> Ledger:
    return made_up()


@pytest.fixture(scope="module")
def found(book: Ledger) -> Any:
    base = audit(book, settings=FAST)
    return to_json(base, readings(base, settings=FAST))


def test_each_part_has_its_conflicts_with_links_to_their_claims(found: Any, book: Ledger) -> None:
    soup = BeautifulSoup(str(conflict_lists(found, book)), "lxml")
    folds = soup.find_all("details")
    assert len(folds) == len(found["parts"])
    for fold, part in zip(folds, found["parts"], strict=True):
        assert len(fold.ol.find_all("li", recursive=False)) == len(part["conflicts"])
        linked = {a["data-claim"] for a in fold.find_all("a")}
        assert linked == {ids[0] for conflict in part["conflicts"] for ids in conflict["claims"]}
        assert all(a["href"].endswith(f"#claim-{a['data-claim']}") for a in fold.find_all("a"))
    text = soup.get_text(" ")
    assert "is below one half there, so its median is 24 or less" in text
    assert "16.67%, which does not round to 16 (cut off instead of rounded, it fits). 17 would agree" in text


def test_each_conflict_has_a_line_that_finds_it_again(
    found: Any, book: Ledger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    soup = BeautifulSoup(str(conflict_lists(found, book)), "lxml")
    lines = [box.get_text() for box in soup.select("li .again pre")]
    conflicts = [conflict["claims"] for part in found["parts"] for conflict in part["conflicts"]]
    assert len(lines) == len(conflicts) > 1
    ledger = tmp_path / "ledger.yaml"
    ledger.write_text(yaml.safe_dump(document()), encoding="utf-8")
    for line, claims in zip(lines, conflicts, strict=True):
        program, *arguments = shlex.split(line)
        assert program == "recohort"
        assert main([*arguments, f"--ledger={ledger}", "--json", "--jobs=1"]) == 1
        again = json.loads(capsys.readouterr().out)
        assert [one["claims"] for part in again["parts"] for one in part["conflicts"]] == [claims]


def test_how_far_the_numbers_of_a_repair_must_move(found: Any, book: Ledger) -> None:
    """By hand: the median of arm a comes down to 24 at most, or its 40% up to 4/5 × 2/3, printed 53%."""
    said = BeautifulSoup(str(repair_lists(found, book)), "lxml").get_text(" ")
    assert "53% instead of “40%”" in " ".join(said.split())
    assert "24 instead of “30 months”" in " ".join(said.split())
    assert "Largest move: 6 printed units; less will not do. No other repair changes less." in said


def test_facts_that_other_conventions_explain(found: Any) -> None:
    groups = [["c6"], ["c2", "c3"], ["c4", "c5"]]
    rows = _rows(readings_table(found, groups))
    assert ["rounding: truncated", "2", "1", "0"] in rows
    assert ["events: relapse-only", "2", "3", "0"] in rows
    assert ["survival test: gehan", "3", "none", "0"] in rows
    assert [
        "rate reading: three-years; events: relapse-only; rounding: truncated",
        "0",
        "1, 2, 3",
        "0",
    ] in rows


def test_which_reading_explains_most_with_least(found: Any) -> None:
    said = readings_in_words(found)
    assert "conventions 3 statements must be amended" in said
    best = "rate reading: three-years; events: relapse-only; rounding: truncated"
    assert f"“{best}”: 0 are left" in said
    assert "events: relapse-or-transplant; survival test: peto" in said
    assert "not known exactly" not in said
    again = next(one for one in found["conventions"]["tried"] if one["best"]) | {"best": False}
    again["changed"] = {"rate_reading": "a", "events": "b", "rounding": "c"}
    twice = found | {"conventions": {"tried": [*found["conventions"]["tried"], again], "not_followed": []}}
    assert f"“{best}” or by “rate reading: a; events: b; rounding: c”: 0 are left" in readings_in_words(twice)


def test_no_reading_is_called_best_that_is_not_shown_to_be_better(found: Any) -> None:
    useless = [one for one in found["conventions"]["tried"] if one["changed"] == {"survival_test": "gehan"}]
    unsure = [one | {"fewest": 1, "fewest_is_enough": False, "enough": 4} for one in useless]
    for tried, marked in ((useless, False), (unsure, True)):
        said = readings_in_words(found | {"conventions": {"tried": tried, "not_followed": []}})
        assert "No other reading is shown to need fewer." in said
        assert "Most is explained" not in said
        assert ("not known exactly (1)" in said) == marked
    for enough, most in ((4, "1 to 4"), (None, "1 or more")):
        tried = [one | {"enough": enough} for one in unsure]
        rows = _rows(readings_table(found | {"conventions": {"tried": tried, "not_followed": []}}, []))
        assert rows == [["survival test: gehan", most, "not known", "not known"]]


def _rows(table: object) -> list[list[str]]:
    rows = BeautifulSoup(str(table), "lxml").find_all("tr")[1:]
    return [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in rows]


def test_a_part_is_named_as_the_ledger_names_its_patients() -> None:
    book = ledgers.load(LEDGER)
    assert part_name("response nonresponder, 13 patients", book) == "NGS MRD non-responder, 13 patients"
    assert part_name("tables", book) == "Tables"


def test_histories_say_of_what(found: Any, book: Ledger) -> None:
    part = found["parts"][-1]
    claim = next(c for c in book.claims if c.kind == "survival")
    rows = [{"claim": claim.id, "patients": 4, "number": 1, "at_risk": [[4, 2]]}]
    conflict = {**part["conflicts"][0], "histories": rows}
    text = str(conflict_lists({"parts": [{**part, "conflicts": [conflict]}]}, book))
    label = book.endpoints[str(claim.endpoint)].label or claim.endpoint
    assert f"{claim.printed} of 4, {label}</th>" in text
    assert ">4, 2</td>" in text
