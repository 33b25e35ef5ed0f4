"""How near anybody could come: estimates of somebody who knows the whole data set a sample came from.

The oracle knows every patient of the open data set, and what is printed of a group: how many there are,
their rates, their median. Not who was drawn. It draws as many patients from the same subgroup again and
again, as :func:`recohort.validate.datasets.sample` does, and keeps the draws that print the same numbers.
These are exact draws of what the group may have been (rejection sampling, without any tolerance), and
their spread is what the printed numbers leave open to somebody who knows the disease as well as can be.

Only the group's own numbers are matched. Where other groups' numbers and P values can be matched too (two
or three groups, few ledgers), the error is a few per cent to a tenth lower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recohort.estimators import HALF
from recohort.kernel import compiled
from recohort.validate.datasets import groups_of, whole
from recohort.validate.measures import Group

if TYPE_CHECKING:
    import numpy.typing as npt

    from recohort.ledger import Ledger
    from recohort.validate.datasets import Dataset

    Ints = npt.NDArray[np.int64]

__all__ = ["ENOUGH", "Printed", "draws", "oracle", "printed_of"]

WANTED = 500
"""Draws kept of a group at most."""
TRIES = 2_000_000
"""Draws at most; a median printed to a tenth of a month is met by few."""
ENOUGH = 50
"""With fewer draws kept, the oracle gives no answer."""
SLACK = 1e-9
ABSENT = -1
"""Stands for a median that is not reached, and for a rate that is not printed."""

Random = np.random.Generator


class Printed(NamedTuple):
    """What is printed of a group's curve.

    Attributes
    ----------
    at : int64 array, shape (n_rates,)
        Ticks of the rates, ascending.
    rate : int64 array, shape (n_rates,)
        Percentages; -1 for a rate that is not printed since everybody had left by then.
    median : int
        A tick, or -1 for "not reached".
    """

    at: Ints
    rate: Ints
    median: int


def printed_of(ledger: Ledger, name: str, rates_at: tuple[float, ...]) -> Printed:
    """Look up what a described ledger prints for one of its groups.

    Parameters
    ----------
    ledger : Ledger
    name : str
        Of the group.
    rates_at : tuple of float
        Times at which the design asks for a rate.
    """
    scale = ledger.study.time
    rates = dict.fromkeys(sorted(scale.ticks(time) for time in rates_at), ABSENT)
    median = ABSENT
    for claim in ledger.claims:
        if claim.id.startswith(f"fig1.os.{name}."):
            value = claim.numbers[0].value
            if claim.kind == "survival" and claim.month is not None:
                rates[scale.ticks(ledger.month(claim.month))] = int(value)
            elif claim.kind == "median_survival" and math.isfinite(value):
                median = scale.ticks(value)
    return Printed(np.array(list(rates), np.int64), np.array(list(rates.values()), np.int64), median)


def oracle(
    ledger: Ledger, dataset: Dataset, hidden: Mapping[str, Group], rates_at: tuple[float, ...], seed: int
) -> dict[str, list[Group]]:
    """Draw what each group may have been, knowing the whole data set and what the ledger prints.

    Parameters
    ----------
    ledger : Ledger
        With one endpoint and ids as :mod:`recohort.describe` gives them.
    dataset : Dataset
    hidden : dict
        The patients behind the ledger, by group. Of them only their number is used, which is printed;
        and a draw that happens to be just these is left out.
    rates_at : tuple of float
        Times of the printed rates.
    seed : int

    Returns
    -------
    dict
        For each group at least `ENOUGH` draws; a group for which fewer were kept is missing.
    """
    kept = {}
    for number, (name, known) in enumerate(groups_of(whole(dataset), dataset).items()):
        random = np.random.default_rng([seed, number])
        printed = printed_of(ledger, name, rates_at)
        truth = _sorted(hidden[name])
        found = draws(known, truth.time.size, printed, ledger.study.time.resolution, random)
        others = [one for one in found if not _same(one, truth)]
        if len(others) >= ENOUGH:
            kept[name] = others
    return kept


def draws(
    known: Group,
    size: int,
    printed: Printed,
    resolution: float,
    random: Random,
    wanted: int = WANTED,
    tries: int = TRIES,
) -> list[Group]:
    """Draw patients without replacement until enough draws print the same numbers.

    Parameters
    ----------
    known : Group
        All patients to draw from.
    size : int
        Patients a draw.
    printed : Printed
    resolution : float
        Of time: one tick.
    random : Generator
    wanted, tries : int
        Draws to keep, and to make, at most.
    """
    if not 0 < size <= known.time.size:
        return []
    known = _sorted(known)
    tick = np.round(known.time / resolution).astype(np.int64)
    rows = _keep_alike(tick, known.event, size, *printed, wanted, tries, random)
    return [Group(known.time[row], known.event[row]) for row in rows]


def _sorted(group: Group) -> Group:
    """Order patients by time, events before censorings."""
    order = np.lexsort((1 - group.event, group.time))
    return Group(group.time[order], group.event[order])


def _same(one: Group, other: Group) -> bool:
    return np.allclose(one.time, other.time) and np.array_equal(one.event, other.event)


@compiled
def _keep_alike(
    tick: Ints,
    event: Ints,
    size: int,
    at: Ints,
    rate: Ints,
    median: int,
    wanted: int,
    tries: int,
    random: Random,
) -> Ints:
    """Return the draws kept, shape (n_kept, size): indices of patients, ascending."""
    kept = np.empty((wanted, size), np.int64)
    n_kept = 0
    for _ in range(tries):
        if n_kept == wanted:
            break
        _choose(random, tick.size, kept[n_kept])
        if _prints(tick, event, kept[n_kept], at, rate, median):
            n_kept += 1
    return kept[:n_kept]


@compiled
def _choose(random: Random, n: int, chosen: Ints) -> None:
    """Draw some of n without replacement, in their order (selection sampling)."""
    missing = chosen.size
    for k in range(n):
        if missing == 0:
            break
        if random.random() * (n - k) < missing:
            chosen[chosen.size - missing] = k
            missing -= 1


@compiled
def _prints(tick: Ints, event: Ints, chosen: Ints, at: Ints, rate: Ints, median: int) -> bool:
    """Whether patients, in the order of their times, print the same rates and median."""
    n, last = chosen.size, tick[chosen[-1]]
    survival, half, k = 1.0, ABSENT, 0
    for r in range(at.size + 1):
        while k < n and (r == at.size or tick[chosen[k]] <= at[r]):
            if event[chosen[k]]:
                survival *= (n - k - 1) / (n - k)  # ties may die one by one: the product is the same
                if half == ABSENT and survival <= HALF:
                    half = tick[chosen[k]]
            k += 1
        if r < at.size:
            defined = last >= at[r] or survival <= SLACK
            if (math.floor(100 * survival + SLACK + 0.5) if defined else ABSENT) != rate[r]:
                return False
    return bool(half == median)
