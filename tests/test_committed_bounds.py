"""The committed bounds are those of the ledger. Oracle: the engine, asked again; the committed cohorts."""

from __future__ import annotations

import math

import pytest

from recohort import cohort, paths
from recohort import ledger as ledgers
from recohort.solve import bounds
from recohort.solve.demands import build
from recohort.solve.quantities import asked, values


@pytest.fixture(scope="module")
def committed() -> list[bounds.Bounds]:
    return bounds.read(paths.DATA / "bounds.csv")


def test_committed_bounds_are_of_this_ledger(committed: list[bounds.Bounds]) -> None:
    ledger = ledgers.load(paths.LEDGER)
    assert [row.name for row in committed] == [q.name for q in asked(build(ledger))]
    assert {row.ledger for row in committed} == {bounds.digest(ledger)}


def test_committed_bounds_hold_the_cohort(committed: list[bounds.Bounds]) -> None:
    ledger = ledgers.load(paths.LEDGER)
    patients = cohort.read(paths.COHORT, ledger)
    for row, quantity in zip(committed, asked(build(ledger)), strict=True):
        (here,) = values(quantity, patients, ledger)
        assert math.isnan(here) or row.low - 1e-8 <= here <= row.high + 1e-8, row.name


def test_committed_bounds_come_out_again(committed: list[bounds.Bounds]) -> None:
    """Of the smallest groups, so that it takes seconds."""
    ledger = ledgers.load(paths.LEDGER)
    sample = [row for row in committed if "response nonresponder, risk standard" in row.population]
    sample = [row for row in sample if row.endpoint == "rfs" and row.kind == "at risk"]
    assert sample
    for row in sample:
        (again,) = bounds.run(ledger, only=row.name, jobs=1)
        assert (again.low, again.high) == pytest.approx((row.low, row.high), abs=1e-7)
