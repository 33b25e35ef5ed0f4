"""Diversity of an ensemble: against an analysis of variance by hand and by statsmodels, and simulation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from statsmodels.formula.api import ols

from conftest import TOY
from recohort import ensemble, paths
from recohort.diversity import (
    COLUMNS,
    VARIANTS,
    effective_size,
    intraclass_correlation,
    measure,
    overview,
    shift,
)
from recohort.ledger import load
from recohort.solve.draws import Plan, Settings
from recohort.solve.sample import Folder, sample
from recohort.solve.workers import local

TABLE = paths.DATA / "ensemble_diversity.csv"


def test_correlation_by_hand() -> None:
    """Starts (1, 3), (5, 7): between 16 on 1 df, within 4 on 2 df, so r = (16 - 2) / (16 + 2) = 7/9."""
    values, start = np.array([1.0, 3, 5, 7]), np.array([0, 0, 1, 1])
    assert intraclass_correlation(values, start) == pytest.approx(7 / 9)
    assert effective_size(7 / 9, start) == pytest.approx(4 / (1 + 7 / 9))


def test_correlation_of_unequal_starts_is_that_of_an_analysis_of_variance() -> None:
    random = np.random.default_rng(1)
    start = np.repeat(np.arange(9), [1, 2, 3, 4, 5, 6, 7, 8, 9])
    values = random.normal(size=9)[start] + random.normal(size=start.size)
    frame = pd.DataFrame({"x": values, "start": start})
    squares = sm.stats.anova_lm(ols("x ~ C(start)", frame).fit())["mean_sq"]
    n0 = (start.size - sum(k * k for k in range(1, 10)) / start.size) / 8
    between, within = squares.iloc[0], squares.iloc[1]
    expected = (between - within) / (between + (n0 - 1) * within)
    assert intraclass_correlation(values, start) == pytest.approx(expected)


def test_extremes() -> None:
    start = np.repeat(np.arange(5), 4)
    assert intraclass_correlation(start.astype(float), start) == pytest.approx(1)
    assert effective_size(1.0, start) == pytest.approx(5)  # all alike within a start: one each
    assert effective_size(0.0, start) == pytest.approx(20)
    assert math.isnan(intraclass_correlation(np.ones(20), start))


def test_effective_size_predicts_the_error_of_a_mean() -> None:
    """1,000 simulated ensembles with r = 0.5: the variance of their means is 1 / effective size."""
    random = np.random.default_rng(2)
    start = np.repeat(np.arange(20), 10)
    share = np.sqrt(0.5)
    means = [
        (share * random.normal(size=20)[start] + share * random.normal(size=200)).mean() for _ in range(1000)
    ]
    assert 1 / np.var(means) == pytest.approx(effective_size(0.5, start), rel=0.15)


def test_measures_of_a_small_ensemble(tmp_path: Path) -> None:
    file = tmp_path / "toy.yaml"
    file.write_text(TOY, encoding="utf-8")
    plan = Plan(load(file), 1, Settings(cohorts=3))
    made = sample(plan, 9, local(1), Folder(tmp_path / "starts", plan))
    table = measure(made.cohorts, made.starts, plan.ledger)
    assert list(table.columns) == COLUMNS
    assert list(zip(table["endpoint"], table["group"], strict=True)) == [("rfs", "arm a"), ("os", "arm a")]
    assert set(table["patients"]) == {6}
    assert table["histories"].between(1, 9).all()
    assert (table["low"] <= table["high"]).all()
    assert np.allclose(shift(table, table).astype(float), 0)
    same = measure([made.cohorts[0]] * 4, [2, 2], plan.ledger)
    assert set(same["histories"]) == {1}
    assert set(same["distance_between_starts"]) == {0}


def test_the_committed_table_is_that_of_the_committed_ensemble() -> None:
    """The first rows are derived again; the other ways of drawing take minutes and are named."""
    table = pd.read_csv(TABLE)
    assert list(dict.fromkeys(table["drawn"])) == ["as committed", *VARIANTS]
    ledger = load(paths.LEDGER)
    whole = ensemble.read(paths.ENSEMBLE, ledger)
    starts: list[int] = ensemble.facts(paths.ENSEMBLE)["starts"]  # type: ignore[assignment]
    again = measure([t for _, t in ensemble.each(whole)], starts, ledger).round(3)
    committed = table[table["drawn"] == "as committed"][COLUMNS]
    pd.testing.assert_frame_equal(committed.reset_index(drop=True), again, check_dtype=False)


def test_overview_of_a_table_by_hand() -> None:
    report = pd.DataFrame(
        {
            "drawn": ["a", "b", "b"], "cohorts": [9, 4, 4], "starts": [3, 2, 2], "effective": [5, 2, 4],
            "distance_within_start": [0, 1, 2], "distance_between_starts": [0, 2, 4],
            "shift": [0.0, -2.5, math.nan],
        }
    )  # fmt: skip
    last = overview(report).iloc[1]
    assert last.tolist() == ["b", 4, 2, 2, 3, 1.5, 3, 1, 1, 2.5]
