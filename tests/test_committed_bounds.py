"""The committed bounds are those of the ledger. Oracle: the engine, asked again; the committed cohorts."""

from __future__ import annotations

import itertools
import math

import pandas as pd
import pytest

from recohort import cohort, paths
from recohort import ledger as ledgers
from recohort.check import check
from recohort.exhibits import open_exhibits
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


def test_bounds_of_one_curve_hold_patients_made_by_hand() -> None:
    """Of the 12 exposed responders five leave, one of seven relapses, and one of two at the median.

    6/7 x 1/2 prints as 43%. A solver with presolve said that by this curve's own claims three at least are at
    risk at half a year.
    """
    ledger = ledgers.load(paths.LEDGER)
    exposed = [c for c in ledger.claims if c.id.startswith("supp2.ino.rfs.exposed.")]
    time = [1.0, 1.1, 1.2, 1.3, 1.4, 2.0, 3.0, 3.1, 3.2, 3.3, 17.2, 30.0]
    event = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0]
    patients = pd.DataFrame({"rfs_months": time, "rfs_event": event, "os_months": time, "os_event": event})
    patients = patients.assign(response="responder", prior_ino=1)
    rows = check(patients, ledger.with_claims(exposed))
    assert {row.verdict for row in rows} == {"reproduced"}
    alone = ledger.with_claims([*(c for c in ledger.claims if c.endpoint is None), *exposed])
    group = "rfs: prior_ino 1, response responder"
    mine = {q.name: q for q in asked(build(alone)) if group in q.name and q.kind == "at risk"}
    bounded = [row for row in bounds.run(alone, only=group, jobs=1) if row.name in mine]
    assert len(bounded) == 4
    for row in bounded:
        (here,) = values(mine[row.name], patients, ledger)
        assert row.low - 1e-8 <= here <= row.high + 1e-8, row.name
    assert {row.name: row.low for row in bounded}[f"at risk at 6, {group}"] == 2


def test_every_curve_of_the_paper_has_bounds(committed: list[bounds.Bounds]) -> None:
    study = open_exhibits()
    known = {(row.population, row.endpoint) for row in committed if row.kind == "survival"}
    for panel in study.layout.panels.values():
        for group in panel.groups:
            shown = panel.where & group.where
            assert any(
                name.startswith(str(shown)) and endpoint == panel.endpoint for name, endpoint in known
            ), (panel.title, group.label)


def test_no_committed_bound_is_narrowed_by_another(committed: list[bounds.Bounds]) -> None:
    """Events add up, numbers at risk fall, and whoever died had an event of relapse-free survival."""
    rows = [row for row in committed if row.time is not None]
    for one, other in itertools.permutations(rows, 2):
        if (one.population, one.kind) != (other.population, other.kind) or one.time > other.time:
            continue
        if one.endpoint != other.endpoint and (other.endpoint != "rfs" or one.kind == "survival"):
            continue
        less, more = (one, other) if one.kind == "events" else (other, one)
        assert less.low <= more.low + 1e-6, (one.name, other.name)
        assert less.high <= more.high + 1e-6, (one.name, other.name)


def test_committed_bounds_come_out_again(committed: list[bounds.Bounds]) -> None:
    """Of one small group and endpoint together, since one bound may follow from another."""
    group = "rfs: response nonresponder, risk standard"
    kept = {row.name: (row.low, row.high) for row in committed if group in row.name}
    again = bounds.run(ledgers.load(paths.LEDGER), only=group, jobs=1)
    assert {row.name for row in again} == kept.keys()
    assert len(kept) > 5
    for row in again:
        assert (row.low, row.high) == pytest.approx(kept[row.name], abs=1e-7), row.name
