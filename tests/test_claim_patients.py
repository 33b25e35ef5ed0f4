"""Patients behind a printed number. Oracles: the twelve patients of the made-up study, counted by hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from recohort.check import check
from recohort.cohort import members
from recohort.exhibits import open_exhibits
from recohort.exhibits.claim_patients import claim_data, claim_script, patient_groups, shown_columns

if TYPE_CHECKING:
    import pandas as pd

    from recohort.ledger import Ledger


@pytest.fixture(scope="module")
def data(small_cohort: pd.DataFrame, small_ledger: Ledger) -> dict[str, Any]:
    return claim_data(check(small_cohort, small_ledger), small_cohort, small_ledger, ["response"])


def numbered(groups: list[Any]) -> dict[str, list[int]]:
    """Patients by their number, P01 as 1."""
    return {title: [i + 1 for i in found] for title, found in groups}


BY_HAND = {
    "context.screened": {},
    "text.n": {"12 of 12 counted": list(range(1, 13))},
    "text.responders": {"5 of 7 counted": [1, 2, 3, 4, 5], "2 of 7 not counted": [6, 7]},
    "table.age.elderly": {
        "4 of 12 counted": [6, 7, 11, 12],
        "8 of 12 not counted": [1, 2, 3, 4, 5, 8, 9, 10],
    },
    "table.surgery.median": {"3 patients, lowest first": [2, 6, 9]},
    "table.response.p": {
        "arm: active: 5 of 7 response: responder": [1, 2, 3, 4, 5],
        "arm: active: 2 of 7 not response: responder": [6, 7],
        "arm: control: 1 of 5 response: responder": [8],
        "arm: control: 4 of 5 not response: responder": [9, 10, 11, 12],
    },
    "fig1.pfs.p": {
        "arm: active: 7 patients, shortest time first": [7, 4, 3, 6, 5, 2, 1],
        "arm: control: 5 patients, shortest time first": [12, 10, 11, 9, 8],
    },
    "fig2.surgery.2y": {"3 patients, shortest time first": [9, 6, 2]},
    "fig2.surgery.n": {"3 of 11 counted": [2, 6, 9], "8 of 11 not counted": [1, 3, 4, 5, 8, 10, 11, 12]},
}


@pytest.mark.parametrize("claim", BY_HAND)
def test_a_claim_shows_its_patients(claim: str, data: dict[str, Any]) -> None:
    assert numbered(data["claims"][claim]["groups"]) == BY_HAND[claim]


def test_patients_without_a_value_stand_apart(small_cohort: pd.DataFrame, small_ledger: Ledger) -> None:
    everybody = small_ledger.claim("table.surgery.median").model_copy(
        update={"where": small_ledger.claim("text.n").where}
    )
    groups = numbered(patient_groups(everybody, small_cohort, small_ledger))
    assert groups["3 patients, lowest first"] == [2, 6, 9]
    assert sorted(groups["not known"]) == [1, 3, 4, 5, 7, 8, 10, 11, 12]


def test_an_entry_says_how_a_number_is_read(data: dict[str, Any]) -> None:
    entry = data["claims"]["fig1.os.active.2y"]
    assert entry["place"] == "Figure 1"
    assert entry["what"] == "Overall survival at 24 months: arm: active"
    assert entry["numbers"] == [["54 percent", "54 at 25", "53.57", "if re-read", "reproduced as read"]]
    assert entry["because"] == "5/7 until the death at 25 months, then 15/28"


def test_columns_start_with_what_the_claim_speaks_of(small_ledger: Ledger) -> None:
    def shown(name: str) -> list[str]:
        return shown_columns(small_ledger.claim(name), small_ledger, ["response", "arm"])

    assert shown("table.grade.high") == ["patient", "stage", "grade", "response", "arm", "pfs", "os"]
    assert shown("fig2.surgery.2y") == ["patient", "surgery", "os", "pfs", "response", "arm"]
    assert shown("table.surgery.range") == [
        "patient", "surgery", "surgery_months", "response", "arm", "pfs", "os",
    ]  # fmt: skip
    assert shown("context.screened") == []


def test_columns_are_written_for_a_reader(data: dict[str, Any]) -> None:
    columns = {name: (heading, texts[:4]) for name, (heading, texts) in data["columns"].items()}
    assert columns["patient"] == ("Patient", ["P01", "P02", "P03", "P04"])
    assert columns["stage"] == ("Stage", ["one", "two", "two", "three"])
    assert columns["grade"] == ("grade", ["–", "low", "high", "high"])
    assert columns["surgery_months"] == ("surgery_months", ["–", "2.0", "–", "–"])
    assert columns["pfs"] == ("Progression-free survival, months", ["30.0+", "26.5+", "14.0", "9.5"])
    assert columns["os"] == ("Overall survival, months", ["30.0+", "26.5+", "25.0", "28.0+"])


def test_the_script_holds_the_data_and_the_warning(data: dict[str, Any]) -> None:
    script = claim_script(data)
    line = script.splitlines()[1]
    assert json.loads(line.removeprefix("recohort.claims = ").removesuffix(";"))["claims"].keys() == (
        data["claims"].keys()
    )
    assert data["warning"] == "Reconstructed patients, not real."


def test_an_unknown_column_is_refused(small_cohort: pd.DataFrame, small_ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="no attribute 'hair'"):
        claim_data([], small_cohort, small_ledger, ["hair"])


def test_counts_in_the_book_are_the_lengths_of_their_lists() -> None:
    """Oracle: the checker's own count for every claim of the paper that counts patients."""
    study = open_exhibits()
    entries = claim_data(study.rows, study.cohort, study.ledger)["claims"]
    assert entries.keys() == {claim.id for claim in study.ledger.claims}
    counted = [row for row in study.rows if row.part in ("count", "denominator") and row.computed is not None]
    assert counted
    for row in counted:
        groups = entries[row.claim]["groups"]
        part = [found for title, found in groups if not title.endswith("not counted")]
        listed = part if row.part == "count" else [found for _, found in groups]
        assert sum(map(len, listed)) == row.computed, row.claim
    for claim in study.ledger.claims:
        if claim.kind == "survival":
            inside = members(study.cohort, study.ledger.population(claim), study.ledger)
            assert sorted(entries[claim.id]["groups"][0][1]) == inside.nonzero()[0].tolist()
