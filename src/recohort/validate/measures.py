"""How far an ensemble of cohorts is from the patients it should stand for.

Everything is measured over *follow-up*: from 0 to the last time at which at least a tenth of the true
group were still at risk. Further out the true curve itself rests on a patient or two.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recohort import estimators

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

__all__ = [
    "Errors",
    "Group",
    "band_of",
    "errors",
    "follow_up_of",
    "grid_to",
    "log_hazard_ratio",
    "median_of",
    "survival_on",
]

AT_RISK = 0.1
GRID = 200
BAND = 0.90
SLACK = 1e-9
NEWTON_STEPS = 50
LARGEST_LOG_HAZARD_RATIO = 10.0


class Group(NamedTuple):
    """Times and events of some patients, each of shape (n_patients,)."""

    time: Floats
    event: Ints


@dataclass(frozen=True)
class Errors:
    """Distance of an estimate from the truth, for one group.

    Attributes
    ----------
    mean, largest : float
        Of |S_estimated(t) - S_true(t)| over follow-up, as proportions.
    one_cohort : float
        The same mean for a single cohort of the ensemble, averaged over its cohorts.
    rmst : float
        |difference| of the mean time lived within follow-up, as a share of follow-up.
    median : float
        |difference| of the medians, as a share of the true one; not a number if either is not reached.
    covered : float
        Share of follow-up at which the ensemble's 90 % band, pointwise and moved out to whole
        percentages, holds the true curve.
    width : float
        Mean width of that band.
    """

    mean: float
    largest: float
    one_cohort: float
    rmst: float
    median: float
    covered: float
    width: float


def follow_up_of(group: Group) -> float:
    """Return the last time at which at least a tenth of a group are at risk."""
    needed = max(1, math.ceil(AT_RISK * group.time.size - SLACK))
    return float(np.sort(group.time)[-needed])


def grid_to(end: float) -> Floats:
    """Return the midpoints of equal steps from 0 to `end`, shape (GRID,)."""
    return np.asarray((np.arange(GRID) + 0.5) * (end / GRID), dtype=np.float64)


def survival_on(group: Group, grid: Floats) -> Floats:
    """Kaplan-Meier estimate at each time of an ascending grid, shape (n_times,)."""
    return estimators.kaplan_meier(group.time, group.event).on(grid)


def median_of(grid: Floats, survival: Floats) -> float:
    """First time of a grid at which an estimated curve is at or below one half; infinite if never."""
    reached = np.flatnonzero(survival <= estimators.HALF)
    return float(grid[reached[0]]) if reached.size else math.inf


def errors(truth: Group, cohorts: Sequence[Group], estimate: Floats | None = None) -> Errors:
    """Compare an ensemble with the truth.

    Parameters
    ----------
    truth : Group
    cohorts : sequence of Group
        The ensemble.
    estimate : float array, shape (GRID,), optional
        Estimated survival on :func:`grid_to` follow-up; the ensemble's pointwise mean if not given.
    """
    end = follow_up_of(truth)
    grid = grid_to(end)
    true = survival_on(truth, grid)
    curves = np.array([survival_on(cohort, grid) for cohort in cohorts])
    best = curves.mean(axis=0) if estimate is None else estimate
    gap = np.abs(best - true)
    low, high = band_of(curves)
    true_median, median = median_of(grid, true), median_of(grid, best)
    reached = math.isfinite(true_median) and math.isfinite(median)
    return Errors(
        mean=float(gap.mean()),
        largest=float(gap.max()),
        one_cohort=float(np.abs(curves - true).mean()),
        rmst=float(abs((best - true).mean())),
        median=abs(median - true_median) / true_median if reached else math.nan,
        covered=float(((true >= low - SLACK) & (true <= high + SLACK)).mean()),
        width=float((high - low).mean()),
    )


def band_of(curves: Floats) -> tuple[Floats, Floats]:
    """Pointwise band of an ensemble, its ends moved out to whole percentages, as rates are printed.

    The band is for one curve more: if the truth were a member like the others, it would lie inside with
    a probability of 90 %. That needs quantiles at k/(n + 1); the usual ones, made to describe the n
    members themselves, are too narrow for a newcomer (83 % for 24 members).

    Parameters
    ----------
    curves : float array, shape (n_cohorts, n_times)
        At least 19 cohorts; of fewer the band is the range.
    """
    low, high = np.quantile(curves, [(1 - BAND) / 2, (1 + BAND) / 2], axis=0, method="weibull")
    return np.floor(100 * low + SLACK) / 100, np.ceil(100 * high - SLACK) / 100


def log_hazard_ratio(one: Group, other: Group) -> float:
    """Return the Cox estimate of the log hazard ratio of `other` against `one`, ties as Efron treats them.

    Returns
    -------
    float
        Not a number where the groups are separated (one of them has no event while both are at risk)
        and no finite estimate exists.
    """
    time = np.concatenate([one.time, other.time])
    event = np.concatenate([one.event, other.event]).astype(bool)
    second = np.repeat([0.0, 1.0], [one.time.size, other.time.size])
    grid = np.unique(time[event])
    here = (time == grid[:, None]) & event
    risk = time >= grid[:, None]
    # Efron: the j-th of d tied events leaves j/d of them still at risk
    d = here.sum(axis=1)
    at = np.repeat(np.arange(grid.size), d)
    share = (np.arange(d.sum()) - np.repeat(np.cumsum(d) - d, d)) / d[at]
    b_risk, b_tied = (risk @ second)[at], (here @ second)[at]
    a_risk, a_tied = (risk @ (1 - second))[at], (here @ (1 - second))[at]
    a, b = a_risk - share * a_tied, b_risk - share * b_tied
    observed = float((event * second).sum())
    beta = 0.0
    for _ in range(NEWTON_STEPS):
        weight = b * np.exp(beta)
        p = weight / (a + weight)
        information = float((p * (1 - p)).sum())
        if information < SLACK or abs(beta) > LARGEST_LOG_HAZARD_RATIO:
            return math.nan
        step = (observed - float(p.sum())) / information
        beta += max(-1.0, min(1.0, step))
        if abs(step) < SLACK:
            return beta
    return math.nan
