"""What must hold of every cohort that a command writes: the book's, the ensemble's, and fresh ones.

What the engine counts and what a page prints is held against the rows themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recohort import cohort, ensemble, paths
from recohort.check import check
from recohort.cli import main
from recohort.estimators import kaplan_meier
from recohort.exhibits.curves import risk_table
from recohort.ledger import Ledger, load


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load(paths.LEDGER)


@pytest.fixture(scope="module")
def whole(ledger: Ledger) -> list[pd.DataFrame]:
    return [table for _, table in ensemble.each(ensemble.read(paths.ENSEMBLE, ledger))]


def assert_invariants(table: pd.DataFrame, ledger: Ledger) -> None:
    n = ledger.study.patients
    assert len(table) == n == table["patient"].nunique()
    for endpoint in ledger.endpoints.values():
        time = np.round(table[endpoint.time].to_numpy(float) / ledger.study.time.resolution).astype(int)
        event = table[endpoint.event].to_numpy(int)
        assert set(event.tolist()) <= {0, 1}
        days = np.arange(time.min() - 1, time.max() + 2)  # before the first patient leaves, after the last
        months = np.round(days * ledger.study.time.resolution, 6)
        at_risk = (time >= days[:, None]).sum(axis=1).tolist()
        assert at_risk[0] == n
        assert at_risk[-1] == 0
        printed = risk_table(table[endpoint.time], event, months.tolist())
        assert printed["at_risk"].tolist() == at_risk
        assert (printed.sum(axis=1) == n).all()
        curve = kaplan_meier(table[endpoint.time], event)
        assert [curve.at_risk_at(month) for month in months.tolist()] == at_risk
        assert (np.diff(at_risk) <= 0).all()
        assert curve.events.sum() == printed["events"].iloc[-1] == event.sum()  # no invented event
        if endpoint.not_after is not None:
            outer = ledger.endpoints[endpoint.not_after]
            assert (table[endpoint.time] <= table[outer.time]).all()
            assert (table[endpoint.event] >= table[outer.event]).all()


def orders(table: pd.DataFrame, ledger: Ledger) -> tuple[object, ...]:
    """Who has an event after whom: the rows' attributes that survival claims use, endpoint by endpoint."""
    used = {
        name
        for claim in ledger.claims
        for condition in (claim.where, *(claim.groups or ()))
        if claim.endpoint is not None
        for name, _ in condition.tests
    }
    kinds = list(map(tuple, table[sorted(used)].astype(str).to_numpy()))
    found = []
    for endpoint in ledger.endpoints.values():
        events: dict[float, list[tuple[str, ...]]] = {}
        for kind, time, event in zip(kinds, table[endpoint.time], table[endpoint.event], strict=True):
            if event:
                events.setdefault(time, []).append(kind)
        found.append(tuple(tuple(sorted(events[time])) for time in sorted(events)))
    return tuple(found)


def same_order(tables: Iterable[pd.DataFrame], ledger: Ledger) -> list[int]:
    """Return the numbers of the cohorts whose order of events an earlier one has."""
    seen: set[object] = set()
    again = []
    for number, table in enumerate(tables, 1):
        order = orders(table, ledger)
        again += [number] if order in seen else []
        seen.add(order)
    return again


def test_the_cohort_of_the_book(ledger: Ledger) -> None:
    assert_invariants(cohort.read(paths.COHORT, ledger), ledger)


def test_the_ensemble(ledger: Ledger, whole: list[pd.DataFrame]) -> None:
    """Reading it has held every row against the rules; every claim is checked again for one cohort in 25."""
    for table in whole:
        assert_invariants(table, ledger)
    assert not same_order(whole, ledger)
    for table in whole[::25]:
        assert "not reproduced" not in {row.verdict for row in check(table, ledger)}


@pytest.mark.slow
def test_fresh_cohorts(ledger: Ledger, tmp_path: Path) -> None:
    out = tmp_path / "fresh.parquet"
    assert main(["sample", "-n3", "--seed=77", "--jobs=1", f"--out={out}"]) == 0
    for _, table in ensemble.each(ensemble.read(out, ledger)):
        cohort.validate(table, ledger)
        assert_invariants(table, ledger)
        assert "not reproduced" not in {row.verdict for row in check(table, ledger)}


@pytest.mark.slow
def test_the_first_cohorts_of_the_ensemble_come_again(
    ledger: Ledger, whole: list[pd.DataFrame], tmp_path: Path
) -> None:
    out = tmp_path / "again.parquet"
    seed = ensemble.facts(paths.ENSEMBLE)["seed"]
    assert main(["sample", "-n15", f"--seed={seed}", "--jobs=1", f"--out={out}"]) == 0
    again = [table for _, table in ensemble.each(ensemble.read(out, ledger))]
    for fresh, committed in zip(again, whole[:15], strict=True):
        pd.testing.assert_frame_equal(fresh, committed)
