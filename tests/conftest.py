"""A made-up study of twelve patients, small enough to check by hand."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recohort import cohort as cohorts
from recohort.ledger import Ledger, load

if TYPE_CHECKING:
    import pandas as pd

# A shell lets what it starts in the background ignore Ctrl-C, and some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore = [] if find_spec("sksurv") else ["test_bench.py"]  # scikit-survival is not for every Python

FIXTURES = Path(__file__).with_name("fixtures")
SMALL_LEDGER = FIXTURES / "small_ledger.yaml"
SMALL_COHORT = FIXTURES / "small_cohort.csv"

TOY = """
study: {title: Toy, patients: 12, time: {unit: months, resolution: 0.1, min: 0.1, max: 60}}
attributes:
  arm: {levels: [a, b]}
  sex: {levels: [f, m]}
endpoints:
  rfs: {time: rfs_months, event: rfs_event, not_after: os}
  os: {time: os_months, event: os_event}
claims:
  - {id: n.a, at: text, count: "6", where: {arm: a}}
  - {id: n.m, at: text, count: "5", where: {sex: m}}
  - {id: rfs.a, at: text, survival: "50%", endpoint: rfs, month: 12, where: {arm: a}}
  - {id: os.a, at: text, survival: "83%", endpoint: os, month: 12, where: {arm: a}}
  - {id: rfs.b, at: text, median_survival: "7.5", endpoint: rfs, where: {arm: b}}
"""
"""A ledger of two arms that many orders of events meet, quickly found."""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print as into a file, also where tests run side by side in processes that have a terminal's width."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(scope="session")
def small_ledger() -> Ledger:
    return load(SMALL_LEDGER)


@pytest.fixture(scope="session")
def small_cohort(small_ledger: Ledger) -> pd.DataFrame:
    return cohorts.read(SMALL_COHORT, small_ledger)
