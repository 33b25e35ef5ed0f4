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
    """Of one small group and endpoint together, since one bound may follow from another."""
    group = "rfs: response nonresponder, risk standard"
    kept = {row.name: (row.low, row.high) for row in committed if group in row.name}
    again = bounds.run(ledgers.load(paths.LEDGER), only=group, jobs=1)
    assert {row.name for row in again} == kept.keys()
    assert len(kept) > 5
    for row in again:
        assert (row.low, row.high) == pytest.approx(kept[row.name], abs=1e-7), row.name
