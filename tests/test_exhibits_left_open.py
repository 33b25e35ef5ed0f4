"""Drawings and tables of what is left open, on made-up rows and a cohort small enough to follow by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from lifelines import KaplanMeierFitter

from recohort.conditions import Population
from recohort.exhibits import left_open, open_exhibits, percent
from recohort.exhibits.left_open import at_risk_figure, bounds_table, envelope, envelopes, range_text
from recohort.ledger import Ledger
from recohort.solve.bounds import Bounds


def row(low: float, high: float, found: tuple[float, float], time: float = 6) -> Bounds:
    """Return how many are at risk at a time."""
    name = f"at risk at {time:g}"
    ends = (low, high, "rates", "rates", *found, *found)
    return Bounds(name, "at risk", "", "os", time, *ends, "bounded", "")


def test_range_text() -> None:
    assert range_text(3, 5, "events") == "3 to 5"
    assert range_text(4, 4, "events") == "4"
    assert range_text(0.2, 0.71, "survival") == "20% to 71%"
    assert range_text(math.nan, 5, "events") == "–"


def test_an_end_that_nobody_reaches_is_marked() -> None:
    text = bounds_table("Made up", [("all", row(1, 5, (2, 5)))]).text
    assert "1° to 5" in text
    assert "2 to 5" in text  # seen
    assert "1 to 5" not in text


def test_bars_show_both_ranges_in_words() -> None:
    drawn = at_risk_figure([row(0, 7, (1, 4)), row(0, 3, (0, 2), time=12)], "Made up", "made-up", "Nobody")
    assert 'aria-label="' in drawn.text
    assert "0 to 7" in drawn.text
    assert "1 to 4" in drawn.text
    assert cells(drawn.text) == [["6", "0 to 7", "1 to 4"], ["12", "0 to 3", "0 to 2"]]


def cells(page: str) -> list[list[str]]:
    """Return the table below a drawing, row by row."""
    rows = BeautifulSoup(page, "lxml").select("figure details > summary ~ .exhibit tbody tr")
    return [[cell.get_text() for cell in row.select("th, td")] for row in rows]


def test_an_envelope_is_a_table_too() -> None:
    study = open_exhibits()
    page = envelopes(study, study.cohort, 1, "fig1a", until=24.0).text
    table = cells(page)
    at = [float(row[0]) for row in table]
    assert {0, 12, 24} <= set(at)
    curves = [KaplanMeierFitter().fit(c.time, c.event).predict(at) for c in study.panel("fig1a").curves]
    for n, curve in enumerate(curves, 1):  # an envelope of one cohort is that cohort
        assert [row[n] for row in table] == [f"{(p := percent(s))} ({p})" for s in curve]


def test_envelope_by_hand() -> None:
    """Two cohorts of two: deaths at 1 and 3, and one death at 2; after each time the lower, the higher."""
    ledger = Ledger.model_validate(
        {
            "study": {
                "title": "Two",
                "patients": 2,
                "time": {"unit": "months", "resolution": 1, "min": 1, "max": 9},
            },
            "attributes": {"arm": {"levels": ["a"]}},
            "endpoints": {"os": {"time": "os_months", "event": "os_event"}},
            "claims": [],
        }
    )
    whole = pd.DataFrame({"arm": ["a"] * 4, "os_months": [1.0, 3, 2, 4], "os_event": [1, 1, 1, 0]})
    low, high = envelope(whole, 2, "os", Population(), ledger, np.array([0.0, 1, 2, 3, 4]))
    assert low == pytest.approx([1, 0.5, 0.5, 0, 0])
    assert high == pytest.approx([1, 1, 0.5, 0.5, 0.5])


def test_an_envelope_is_drawn_by_its_corners() -> None:
    """However fine the grid, a fall takes two points and nothing else any."""
    grid, high = np.arange(0, 3.01, 0.01), np.where(np.arange(0, 3.01, 0.01) < 2 - 1e-9, 1.0, 0.5)
    times, heights = left_open._corners(grid, high)
    assert times == pytest.approx([0, 2, 2, 3])
    assert heights == pytest.approx([1, 1, 0.5, 0.5])
    flat = left_open._corners(grid, np.ones(grid.size))
    assert [list(part) for part in flat] == [[0, grid[-1]], [1, 1]]
