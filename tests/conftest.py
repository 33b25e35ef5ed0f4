"""A made-up study of twelve patients, small enough to check by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recohort import cohort as cohorts
from recohort.ledger import Ledger, load

if TYPE_CHECKING:
    import pandas as pd

FIXTURES = Path(__file__).with_name("fixtures")
SMALL_LEDGER = FIXTURES / "small_ledger.yaml"
SMALL_COHORT = FIXTURES / "small_cohort.csv"


@pytest.fixture(scope="session")
def small_ledger() -> Ledger:
    return load(SMALL_LEDGER)


@pytest.fixture(scope="session")
def small_cohort(small_ledger: Ledger) -> pd.DataFrame:
    return cohorts.read(SMALL_COHORT, small_ledger)
