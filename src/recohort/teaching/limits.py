"""Confidence limits of a survival curve that hold with few patients: the beta product."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import brentq

from recohort.estimators import kaplan_meier

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["beta_product_limits", "product_below"]

MOST = 30
"""Events; with more, the sum of :func:`product_below` loses its digits, and simpler limits serve."""


def beta_product_limits(
    time: ArrayLike, event: ArrayLike, at: float, level: float = 0.95
) -> tuple[float, float]:
    """Return the beta product limits of the survival at one time.

    If m patients are at risk, the share of the true curve that is left after their first event is
    distributed as Beta(m, 1). The upper limit is the quantile of the product over the events so
    far; the lower one counts one more event, just after `at`, as if it came at once. Without
    censoring these are the limits of Clopper and Pearson.

    Parameters
    ----------
    time, event : array-like, shape (n_patients,)
        As for :func:`recohort.estimators.kaplan_meier`.
    at : float
    level : float
        Of the two-sided interval, between 0 and 1.

    Returns
    -------
    low, high : float
        Survival, from 0 to 1. 0 below when nobody is at risk after `at`, 1 above before any event.

    Raises
    ------
    ValueError
        If the level is none, or there are more than `MOST` events.

    References
    ----------
    Fay, Brittain and Proschan, Biostatistics 2013.
    """
    if not 0 < level < 1:
        raise ValueError(f"level {level!r}: give a share between 0 and 1")
    curve = kaplan_meier(time, event)
    passed = curve.times <= at
    at_risk = [
        int(n) - tied
        for n, d in zip(curve.at_risk[passed], curve.events[passed], strict=True)
        for tied in range(d)
    ]
    if len(at_risk) > MOST:
        raise ValueError(f"{len(at_risk)} events are too many for this formula; at most {MOST}")
    left = int(np.sum(np.asarray(time, dtype=float) > at))
    tail = (1 - level) / 2
    low = _quantile([*at_risk, left], tail) if left else 0.0
    high = _quantile(at_risk, 1 - tail) if at_risk else 1.0
    return low, high


def product_below(w: float, at_risk: list[int]) -> float:
    """Return the probability that a product of Beta(m, 1), one for each m, is at most `w`.

    Minus the logarithm of Beta(m, 1) is exponential with rate m, and a sum of exponentials with
    different rates has this distribution.

    Parameters
    ----------
    w : float
        From 0 to 1.
    at_risk : list of int
        Different numbers, each at least 1.
    """
    return math.fsum(math.prod(k / (k - m) for k in at_risk if k != m) * w**m for m in at_risk)


def _quantile(at_risk: list[int], share: float) -> float:
    return float(brentq(lambda w: product_below(w, at_risk) - share, 0.0, 1.0, xtol=1e-12))
