"""The log-rank test without an approximation: every way of dealing out the group labels."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from recohort.estimators import rank_test

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["permutation_rank_test"]

MOST = 20_000
"""Ways to deal; more would keep a reader waiting."""


def permutation_rank_test(
    time: ArrayLike, event: ArrayLike, group: ArrayLike, kind: str = "log-rank"
) -> tuple[float, NDArray[np.float64]]:
    """Return the exact P value of a rank test between two groups, and all statistics behind it.

    If the group made no difference to time, event and censoring, every way of dealing the labels to the
    patients would have been equally likely. P is the share of ways whose statistic is at
    least as large as the observed one.

    Parameters
    ----------
    time, event, group : array-like, shape (n_patients,)
        As for :func:`recohort.estimators.rank_test`; two groups.
    kind : str
        As there.

    Returns
    -------
    p_value : float
    statistics : float array, shape (n_ways,)
        Chi-squared of each way.

    Raises
    ------
    ValueError
        If there are not two groups, or more ways than can be tried one by one.
    """
    codes = np.asarray(group)
    names, sizes = np.unique(codes, return_counts=True)
    if names.size != 2:
        raise ValueError(f"give two groups, not {names.size}")
    ways = comb(codes.size, int(sizes.min()))
    if ways > MOST:
        raise ValueError(f"{ways} ways to deal the labels are too many to try")
    observed = rank_test(time, event, codes, kind).statistic
    statistics = np.empty(ways)
    for i, chosen in enumerate(combinations(range(codes.size), int(sizes.min()))):
        dealt = np.zeros(codes.size, dtype=np.int64)
        dealt[list(chosen)] = 1
        statistics[i] = rank_test(time, event, dealt, kind).statistic
    return float(np.mean(statistics >= observed - 1e-9)), statistics
