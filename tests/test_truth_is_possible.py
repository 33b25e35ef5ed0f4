"""The engine never calls true data impossible, and what it proves holds for them.

Oracle: patients who are known. They are described as a paper would, and forgotten but for one thing: the
order model is left no other order than theirs. What it then proves, it proves of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import pandas as pd
import pytest

from known_patients import known
from recohort.cohort import members
from recohort.describe import describe
from recohort.estimators import kaplan_meier
from recohort.ledger import Ledger
from recohort.solve import bounds, cases, order_bounds, parts
from recohort.solve.audit import audit
from recohort.solve.bounds_rows import SAME
from recohort.solve.clashes import clash
from recohort.solve.demands import build
from recohort.solve.instance import WEIGHTS, Settings
from recohort.solve.quantities import Quantity, asked
from recohort.validate.datasets import DATASETS, sample
from test_validation import dataset_of
from true_order import imposing

QUICK = Settings(seconds=2)


Impose = Callable[[pd.DataFrame], None]


@pytest.fixture
def impose(monkeypatch: pytest.MonkeyPatch) -> Impose:
    """Leave the order model no order but that of some patients; bounds are not helped by finding them."""

    def use(patients: pd.DataFrame) -> None:
        for module in (parts, order_bounds, cases):
            monkeypatch.setattr(module, "OrderModel", imposing(patients))
        monkeypatch.setattr(order_bounds, "cohort_of", lambda _model, _trace: None)

    return use


def assert_possible(ledger: Ledger) -> None:
    assert clash(ledger) == ()
    found = audit(ledger, settings=QUICK)
    assert [f.conflicts for f in found.findings if f.conflicts] == []
    assert found.fewest == 0


@pytest.mark.parametrize("seed", range(16))
def test_a_paper_on_known_patients_does_not_contradict_itself(seed: int, impose: Impose) -> None:
    patients, design = known(seed)
    impose(patients)
    assert_possible(describe(patients, design))


@pytest.mark.parametrize("name", DATASETS)
def test_a_paper_on_patients_of_an_open_data_set(name: str, impose: Impose) -> None:
    dataset = dataset_of(name)
    patients = sample(dataset, 16, seed=1)
    impose(patients)
    assert_possible(describe(patients, dataset.design(16)))


@pytest.mark.parametrize("seed", [8, 15])
def test_bounds_hold_what_is_true_of_known_patients(seed: int, impose: Impose) -> None:
    patients, design = known(seed)
    ledger = describe(patients, design)
    impose(patients)
    found = {row.name: row for row in bounds.run(ledger, jobs=1, only="arm b")}
    some = [q for q in asked(build(ledger, outer=True, rank_tests=WEIGHTS)) if q.name in found]
    assert len(some) == len(found) > 0
    for quantity in some:
        row, truth = found[quantity.name], _true(quantity, patients, ledger)
        assert math.isnan(truth) or row.low - SAME <= truth <= row.high + SAME, row


def _true(quantity: Quantity, patients: pd.DataFrame, ledger: Ledger) -> float:
    """Count, or estimate, a quantity from the patients."""
    mine = patients[members(patients, quantity.population, ledger)]
    if quantity.kind == "patients":
        return len(mine)
    assert quantity.time is not None
    endpoint = ledger.endpoints[str(quantity.endpoint)]
    time, event = mine[endpoint.time].round(6), mine[endpoint.event]
    if quantity.kind == "at risk":
        return int((time >= quantity.time).sum())
    if quantity.kind == "events":
        return int(event[time <= quantity.time].sum())
    return kaplan_meier(time, event).at(quantity.time) if len(mine) else math.nan
