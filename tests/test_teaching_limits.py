"""Beta product limits against Clopper and Pearson (scipy), and against draws of the product itself."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from recohort.teaching.limits import beta_product_limits, product_below


@pytest.mark.parametrize("patients", [1, 2, 7, 13, 25])
def test_without_censoring_they_are_clopper_and_pearsons(patients: int) -> None:
    months = np.arange(1, patients + 1)
    for events in range(patients + 1):
        exact = binomtest(patients - events, patients).proportion_ci(method="exact")
        limits = beta_product_limits(months, np.ones(patients), at=events + 0.5)
        np.testing.assert_allclose(limits, (exact.low, exact.high), atol=1e-7)


def test_ties_are_events_one_after_another() -> None:
    tied = beta_product_limits([2, 2, 2, 9, 9, 9], [1, 1, 1, 0, 0, 0], at=5)
    exact = binomtest(3, 6).proportion_ci(method="exact")
    np.testing.assert_allclose(tied, (exact.low, exact.high), atol=1e-9)


def test_distribution_is_that_of_drawn_betas() -> None:
    at_risk = [13, 10, 6, 5]
    rng = np.random.default_rng(1)
    drawn = np.prod([rng.beta(m, 1, 200_000) for m in at_risk], axis=0)
    for w in (0.2, 0.5, 0.8):
        assert product_below(w, at_risk) == pytest.approx(np.mean(drawn <= w), abs=0.005)


def test_censoring_widens_the_interval() -> None:
    months = [1, 2, 3, 4, 8, 8, 8, 8]
    all_seen = beta_product_limits([1, 2, 9, 9, 8, 8, 8, 8], [1, 1, 0, 0, 0, 0, 0, 0], at=6)
    some_lost = beta_product_limits(months, [1, 1, 0, 0, 0, 0, 0, 0], at=6)
    assert some_lost[0] < all_seen[0]
    assert some_lost[1] == all_seen[1]


def test_nobody_left_nothing_known_below() -> None:
    assert beta_product_limits([1, 2], [0, 0], at=5) == (0.0, 1.0)


def test_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        beta_product_limits([1], [1], at=1, level=95)
    with pytest.raises(ValueError, match="too many"):
        beta_product_limits(np.arange(1, 60), np.ones(59), at=60)
