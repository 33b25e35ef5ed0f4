"""Many cohorts made small for a page. Oracle: the panels of each cohort, unpacked again and compared."""

from __future__ import annotations

import gzip
import json

import pytest

from recohort import ensemble
from recohort.conditions import Condition
from recohort.exhibits import open_exhibits
from recohort.exhibits.curves import panel_data
from recohort.exhibits.layout import Group
from recohort.exhibits.other_cohorts import curve_of_each, other_cohorts
from recohort.paths import ENSEMBLE

STUDY = open_exhibits()
PAIRS = {"all": ("fig1a", "fig1b"), "landmark": ("fig2a", "fig2b"), "inotuzumab": ("supp2e", "supp2f")}
PANELS = {label: [STUDY.panel(name) for name in pair] for label, pair in PAIRS.items()}


@pytest.fixture(scope="module")
def cohorts() -> dict[int, object]:
    whole = ensemble.read(ENSEMBLE, STUDY.ledger)
    some = whole[whole[ensemble.NUMBER] <= 3]
    return dict(ensemble.each(some))


def test_every_patient_comes_back_in_his_curve(cohorts: dict) -> None:
    packed = json.loads(json.dumps(other_cohorts(cohorts, PANELS, STUDY.ledger)))
    assert [entry["number"] for entry in packed["cohorts"]] == [1, 2, 3]
    for entry in packed["cohorts"]:
        for split, (label, pair) in enumerate(PAIRS.items()):
            assert packed["splits"][split]["label"] == label
            for name in pair:
                panel = STUDY.layout.panels[name]
                data = panel_data(panel, cohorts[entry["number"]], STUDY.ledger, STUDY.cells)
                codes = zip(entry["times"][panel.endpoint], entry["curves"][split], strict=True)
                found = sorted((curve, code // 2 / packed["perUnit"], code % 2) for code, curve in codes)
                ours = sorted(
                    (str(number), float(time), int(event))
                    for number, curve in enumerate(data.curves)
                    for time, event in zip(curve.time, curve.event, strict=True)
                )
                assert [row for row in found if row[0] != "-"] == ours


def test_printed_numbers_come_once_and_with_their_reading(cohorts: dict) -> None:
    packed = other_cohorts(cohorts, PANELS, STUDY.ledger)
    for split, several in zip(packed["splits"], PANELS.values(), strict=True):
        for shown, data in zip(split["panels"], several, strict=True):
            for group, curve in zip(shown["groups"], data.curves, strict=True):
                for name, cells in curve.printed.items():
                    text = group["printed"][name]
                    assert bool(text) == bool(cells)
                    assert all(cell.printed.lower() in text.lower() for cell in cells)
                    assert all(cell.reading in text for cell in cells)
                    assert len(set(text.lower().split("; "))) == len(text.split("; "))


def test_groups_that_overlap_are_refused(cohorts: dict) -> None:
    panel = STUDY.layout.panels["fig1a"]
    twice = panel.model_copy(update={"groups": (panel.groups[0], Group(label="Anybody", where=Condition()))})
    with pytest.raises(ValueError, match="Anybody"):
        curve_of_each(twice, cohorts[1], STUDY.ledger)


def test_panels_of_other_patients_are_not_put_together(cohorts: dict) -> None:
    mixed = {"mixed": [PANELS["all"][0], PANELS["landmark"][1]]}
    with pytest.raises(ValueError, match="same patients"):
        other_cohorts(cohorts, mixed, STUDY.ledger)


def test_a_cohort_takes_few_bytes(cohorts: dict) -> None:
    packed = other_cohorts(cohorts, PANELS, STUDY.ledger)
    entries = json.dumps(packed["cohorts"], separators=(",", ":")).encode()
    assert len(gzip.compress(entries)) / len(cohorts) < 1_500  # 80 cohorts stay far below 150 KB
