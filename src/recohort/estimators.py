"""Kaplan-Meier curves, medians, rank tests and tests of counts, for one cohort.

Written to be read: each estimator is a few lines of numpy that follow its textbook
formula. Times may be in any unit and may be tied; at one time events come before
censorings, so a patient censored at t is still at risk for an event at t. The compiled
versions that a search calls are in :mod:`recohort.kernel`.

Tested against lifelines and R's survival package (``tests/oracles``).

References
----------
Kaplan and Meier, J Am Stat Assoc 1958; Klein and Moeschberger, Survival Analysis,
2nd edition 2003, chapters 4 and 7.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtrc

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = [
    "HALF",
    "MEDIAN_RULES",
    "RANK_TESTS",
    "Curve",
    "RankTest",
    "chi_squared",
    "fisher_exact",
    "kaplan_meier",
    "median_survival",
    "rank_test",
    "restricted_mean",
    "reverse_kaplan_meier",
]

_SLACK = 1e-12
HALF = 0.5 + _SLACK
"""Survival at most this counts as one half: products such as 3/4 x 2/3 may miss 0.5 by a last bit."""

MEDIAN_RULES = ("first", "midpoint")
RANK_TESTS = ("log-rank", "gehan", "tarone-ware", "peto", "fleming-harrington")


@dataclass(frozen=True, eq=False)
class Curve:
    """A Kaplan-Meier curve.

    Attributes
    ----------
    times : float array, shape (n_times,)
        The distinct observed times, of events and of censorings, ascending.
    at_risk : int array, shape (n_times,)
        Patients observed up to each time or longer, those who leave at it included.
    events, censored : int array, shape (n_times,)
        Patients with an event, and patients censored, at each time.
    survival : float array, shape (n_times,)
        S just after each time.
    std_error : float array, shape (n_times,)
        Greenwood's standard error of S; not a number once S is 0, as in R.
    """

    times: Floats
    at_risk: Ints
    events: Ints
    censored: Ints
    survival: Floats
    std_error: Floats

    def at(self, t: float) -> float:
        """Return S(t): 1 before the first event, a drop exactly at `t` included, flat after the last time."""
        passed = int(np.searchsorted(self.times, t, side="right"))
        return float(self.survival[passed - 1]) if passed else 1.0

    def on(self, times: ArrayLike) -> Floats:
        """Return S at each of some times, as `at` does."""
        steps = np.concatenate([[1.0], self.survival])
        return np.asarray(steps[np.searchsorted(self.times, times, side="right")], dtype=float)

    def at_risk_at(self, t: float) -> int:
        """Return how many patients were observed up to `t` or longer."""
        passed = int(np.searchsorted(self.times, t, side="left"))
        return int(self.at_risk[passed]) if passed < self.times.size else 0


def kaplan_meier(time: ArrayLike, event: ArrayLike) -> Curve:
    """Estimate a survival curve.

    Parameters
    ----------
    time : array-like of float, shape (n_patients,)
        Time to the event or the last contact, at least 0.
    event : array-like of {0, 1}, shape (n_patients,)
        1 if the time ends with the event, 0 if it is censored.

    Raises
    ------
    ValueError
        If there are no patients, or a time or event is not a possible one.
    """
    months, happened = _checked(time, event)
    times, place = np.unique(months, return_inverse=True)
    events = np.bincount(place[happened], minlength=times.size)
    leaving = np.bincount(place, minlength=times.size)
    at_risk = months.size - np.cumsum(leaving) + leaving
    survival: Floats = np.cumprod((at_risk - events) / at_risk, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):  # all at risk die: the term is infinite
        greenwood = np.cumsum(events / (at_risk * (at_risk - events).astype(float)))
        std_error = np.where(survival > 0, survival * np.sqrt(greenwood), np.nan)
    return Curve(times, at_risk, events, leaving - events, survival, std_error)


def reverse_kaplan_meier(time: ArrayLike, event: ArrayLike) -> Curve:
    """Estimate the curve of follow-up: censoring is the event, an event censors follow-up.

    At a tie the roles are swapped along: a patient who dies at t is still at risk of being
    censored at t, as in R's ``survfit(Surv(time, 1 - event) ~ 1)``. (Some programs let deaths
    leave first; the two differ only where a death and a censoring share a time.)

    Parameters and errors are those of :func:`kaplan_meier`.
    """
    months, happened = _checked(time, event)
    return kaplan_meier(months, ~happened)


def median_survival(curve: Curve, rule: str = "first") -> float:
    """Return the median time, infinite when S never comes down to one half.

    Parameters
    ----------
    curve : Curve
    rule : {"first", "midpoint"}
        ``first``: the first time with S at most one half (lifelines, SAS's definition).
        ``midpoint``: where S is exactly one half on a stretch that ends with another drop,
        the middle of that stretch (R). Without a further drop R, too, takes the first time.
    """
    if rule not in MEDIAN_RULES:
        raise ValueError(f"median rule {rule!r} is unknown: use one of {', '.join(MEDIAN_RULES)}")
    reached = np.flatnonzero(curve.survival <= HALF)
    if reached.size == 0:
        return math.inf
    first = reached[0]
    lower = np.flatnonzero(curve.survival < 0.5 - _SLACK)
    if rule == "midpoint" and lower.size and lower[0] > first:
        return float(curve.times[first] + curve.times[lower[0]]) / 2
    return float(curve.times[first])


def restricted_mean(curve: Curve, to: float) -> float:
    """Return the mean time lived up to `to`: the area below S from 0 to `to`.

    Beyond the last observed time S is carried on flat, so keep `to` within the follow-up.
    """
    if not (math.isfinite(to) and to >= 0):
        raise ValueError(f"the horizon of a restricted mean is {to!r}: give a time of at least 0")
    inside = curve.times < to
    edges = np.concatenate([[0.0], curve.times[inside], [to]])
    heights = np.concatenate([[1.0], curve.survival[inside]])
    return float(np.sum(np.diff(edges) * heights))


@dataclass(frozen=True, eq=False)
class RankTest:
    """A test that two or more groups share one survival curve.

    Attributes
    ----------
    statistic : float
        Chi-squared with `df` degrees of freedom if the curves are the same.
    p_value : float
        Two-sided, asymptotic.
    df : int
        Groups that can be told apart, less one; 0 (and P = 1) when no event happened while
        two groups were at risk.
    observed, expected : float array, shape (n_groups,)
        Events, weighted as the test weights them, in ascending order of group code.
    variance : float array, shape (n_groups, n_groups)
        Covariance of ``observed - expected`` (hypergeometric, so exact about ties).
    """

    statistic: float
    p_value: float
    df: int
    observed: Floats
    expected: Floats
    variance: Floats


def rank_test(time: ArrayLike, event: ArrayLike, group: ArrayLike, kind: str = "log-rank") -> RankTest:
    """Compare survival between groups.

    Parameters
    ----------
    time, event : array-like, shape (n_patients,)
        As for :func:`kaplan_meier`.
    group : array-like of int, shape (n_patients,)
        Group codes; two or more different ones.
    kind : str
        The weight of an event time t, with n at risk and d events there in all groups:

        - ``log-rank``: 1;
        - ``gehan``: n (the generalised Wilcoxon test);
        - ``tarone-ware``: the square root of n;
        - ``peto``: the product of 1 - d / (n + 1) up to and including t (Peto and Peto as in
          Klein and Moeschberger, and in lifelines);
        - ``fleming-harrington``: the Kaplan-Meier estimate just before t (R's
          ``survdiff(rho = 1)``, which R's manual also names after Peto and Peto).
    """
    if kind not in RANK_TESTS:
        raise ValueError(f"rank test {kind!r} is unknown: use one of {', '.join(RANK_TESTS)}")
    months, happened = _checked(time, event)
    codes = np.unique(np.asarray(group))
    if np.asarray(group).shape != months.shape or codes.size < 2:
        raise ValueError("a rank test needs one group code per patient and at least two groups")
    member = (np.asarray(group)[:, None] == codes).astype(float)
    grid = np.unique(months[happened])
    at_risk = (months >= grid[:, None]) @ member  # event times x groups
    deaths = ((months == grid[:, None]) & happened) @ member
    n, d = at_risk.sum(axis=1), deaths.sum(axis=1)
    share = at_risk / n[:, None]
    weight = _weights(kind, n, d)
    observed, expected = weight @ deaths, (weight * d) @ share
    spread = weight**2 * d * (n - d) / np.maximum(n - 1, 1)  # a last lone patient adds nothing
    variance = np.diag(spread @ share) - share.T @ (spread[:, None] * share)
    statistic, df = _quadratic_form(observed - expected, variance)
    p_value = float(chdtrc(df, statistic)) if df else 1.0
    return RankTest(statistic, p_value, df, observed, expected, variance)


def fisher_exact(table: ArrayLike) -> float:
    """Return the two-sided P value of Fisher's exact test for a 2 x 2 table of counts."""
    from scipy.stats import fisher_exact as scipy_fisher  # slow to import, seldom used

    counts = _table(table)
    if counts.shape != (2, 2):
        raise ValueError(f"Fisher's test needs a 2 x 2 table, not one of shape {counts.shape}")
    return float(scipy_fisher(counts).pvalue)


def chi_squared(table: ArrayLike, *, corrected: bool = False) -> float:
    """Return the P value of Pearson's chi-squared test for a table of counts.

    Parameters
    ----------
    table : array-like of int, shape (n_rows, n_columns)
        Empty rows and columns are left out; P is 1 when fewer than two remain.
    corrected : bool
        Yates's continuity correction, for 2 x 2 tables (R applies it unless told not to).
    """
    counts = _table(table)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    if min(counts.shape) < 2:
        return 1.0
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    gap = np.abs(counts - expected)
    if corrected and counts.shape == (2, 2):
        gap = np.maximum(gap - 0.5, 0.0)
    df = (counts.shape[0] - 1) * (counts.shape[1] - 1)
    return float(chdtrc(df, np.sum(gap**2 / expected)))


def _checked(time: ArrayLike, event: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Return times as floats and events as booleans, or say what is wrong with them."""
    months, happened = np.asarray(time, dtype=float), np.asarray(event)
    if months.ndim != 1 or months.shape != happened.shape or months.size == 0:
        raise ValueError("give at least one patient, and one time and one event per patient")
    if not (np.isfinite(months).all() and (months >= 0).all()):
        raise ValueError("every time must be a finite number of at least 0")
    if not np.isin(happened, (0, 1)).all():
        raise ValueError("every event must be 1 (it happened) or 0 (censored)")
    return months, happened.astype(bool)


def _weights(kind: str, n: Floats, d: Floats) -> Floats:
    """Return the weight of each event time; see :func:`rank_test`."""
    if kind == "gehan":
        return n
    if kind == "tarone-ware":
        return np.sqrt(n)
    if kind == "peto":
        return np.cumprod(1 - d / (n + 1), dtype=float)
    if kind == "fleming-harrington":
        return np.cumprod(np.concatenate([[1.0], 1 - d / n])[:-1], dtype=float)
    return np.ones_like(n)


def _quadratic_form(z: Floats, variance: Floats) -> tuple[float, int]:
    """Return z' V⁻ z and the rank of V, by the eigenvectors of V that are not null.

    V is always singular by one, as z sums to 0, and by more where a group never met another.
    """
    size, axes = np.linalg.eigh(variance)
    real = size > 1e-10 * max(float(size[-1]), 1e-300)
    return float(np.sum((axes.T @ z)[real] ** 2 / size[real])), int(real.sum())


def _table(table: ArrayLike) -> Ints:
    """Return a table of counts as integers, or say what is wrong with it."""
    counts = np.asarray(table)
    if counts.ndim != 2 or not np.array_equal(counts, np.floor(counts)) or (counts < 0).any():
        raise ValueError("give a table of whole, non-negative counts")
    return counts.astype(np.int64)
