"""Contradictions found before a search. Oracle: pairs of claims known by hand, and ledgers known to hold."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from recohort import ledger as ledgers
from recohort import paths
from recohort.check import check, scorecard
from recohort.cohort import read
from recohort.solve.clashes import clash
from recohort.solve.statements import as_printed
from test_readings import made_up

OS = {"endpoint": "os", "month": 24, "where": {"arm": "a"}}
COUNTS = [{"count": "5", "where": {"arm": arm}} for arm in "ab"]
BOTH = {"where": {"arm": ["a", "b"]}}
P = {"endpoint": "os", "groups": [{"arm": "a"}, {"arm": "b"}]}


@pytest.mark.parametrize(
    ("claims", "names"),
    [
        # the same number at two places
        ([{"survival": "60%"} | OS, {"survival": "40%"} | OS], {"c2", "c3"}),
        ([{"p_value": "0.20"} | P, {"p_value": "0.30"} | P | {"groups": P["groups"][::-1]}], {"c2", "c3"}),
        ([{"count": n, "where": {"arm": "a"}, "at_risk": {"rfs": 3}} for n in ("4", "3")], {"c2", "c3"}),
        # a curve that would have to rise
        ([{"survival": "60%"} | OS | {"month": 36}, {"survival": "40%"} | OS], {"c2", "c3"}),
        ([{"survival": "40%"} | OS, {"median_survival": "30 months"} | OS | {"month": None}], {"c2", "c3"}),
        # of five, 4/5 x 3/4 or 4/5 x 2/3, but nothing between
        ([{"survival": "57%"} | OS], {"c2"}),
        # nobody relapsed or died, but somebody died
        ([{"survival": "100%"} | OS | {"endpoint": "rfs"}, {"survival": "80%"} | OS], {"c2", "c3"}),
        # of ten at most 4/5 x 3/4 x ... of the five, and the others all alive: 60%
        ([{"survival": "20%"} | OS, {"survival": "90%"} | OS | BOTH], {"c2", "c3"}),
    ],
)  # fmt: skip
def test_clashes_are_found_and_named(claims: list[dict[str, Any]], names: set[str]) -> None:
    kept = [{k: v for k, v in claim.items() if v is not None} for claim in claims]
    assert {claim.id for claim in clash(made_up([*COUNTS, *kept]))} == names


@pytest.mark.parametrize("folder", [paths.DATA, Path(__file__).parents[1] / "examples" / "freireich_1963"])
def test_what_patients_meet_is_no_clash(folder: Path) -> None:
    ledger = ledgers.load(folder / "claims.yaml")
    file = "reconstructed_cohort.csv" if folder == paths.DATA else "patients.csv"
    assert not scorecard(check(read(folder / file, ledger), ledger))["not reproduced"]
    start = time.process_time()
    assert clash(ledger) == ()
    assert time.process_time() - start < 4  # about one second on one core


def test_the_printed_numbers_of_the_book_clash() -> None:
    found = clash(as_printed(ledgers.load(paths.LEDGER)))
    assert {claim.endpoint for claim in found} == {"os"}
    assert {claim.kind for claim in found} == {"survival", "median_survival"}
