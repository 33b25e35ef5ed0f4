"""Orders of events that several curves leave together, by complete enumeration in whole numbers.

One curve leaves a set of histories (:mod:`recohort.histories`). A patient stands in several curves at once:
all patients, a risk group, a treatment group. An order of events that suits them all must give each group
one of its histories. For a dozen patients every such order can be listed; what a rank test can yield is
then known, since it depends on the order alone.

Nothing here is a search that may miss something: if no order comes out, there is none.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Kind", "Order", "cross_tables", "merged_orders", "survival_data"]

Kind = tuple[str, ...]
"""The groups that a patient belongs to; patients of one kind are alike."""

Ladder = tuple[int, ...]
"""Numbers at risk at the events of one group, as in :class:`recohort.histories.History`."""


@dataclass(frozen=True)
class Order:
    """Who has an event after whom.

    Attributes
    ----------
    sizes : mapping of Kind to int
        Patients of each kind at the start.
    events : tuple of Kind
        The kind of patient at each event, in the order of time.
    at_risk : tuple of tuple of int
        Patients of each kind at risk just before each event, kinds as in `sizes`.
    """

    sizes: Mapping[Kind, int]
    events: tuple[Kind, ...]
    at_risk: tuple[tuple[int, ...], ...]

    def of_group(self, group: str) -> tuple[int, ...]:
        """Members of a group at risk at each event of the whole."""
        inside = [group in kind for kind in self.sizes]
        return tuple(sum(n for n, yes in zip(row, inside, strict=True) if yes) for row in self.at_risk)

    def ladder(self, group: str) -> Ladder:
        """Members of a group at risk at each of the group's own events."""
        return tuple(n for n, kind in zip(self.of_group(group), self.events, strict=True) if group in kind)


def cross_tables(rows: Mapping[str, int], columns: Mapping[str, int]) -> Iterator[dict[tuple[str, str], int]]:
    """List the tables of counts that have these row and column sums.

    Yields
    ------
    dict of (row, column) to int
        Cells of 0 are left out.
    """
    if not rows:
        if not any(columns.values()):
            yield {}
        return
    (row, total), *others = rows.items()
    for counts in _splits(total, list(columns.values())):
        left = {name: n - k for (name, n), k in zip(columns.items(), counts, strict=True)}
        here = {(row, name): k for name, k in zip(columns, counts, strict=True) if k}
        for below in cross_tables(dict(others), left):
            yield here | below


def merged_orders(sizes: Mapping[Kind, int], ladders: Mapping[str, Collection[Ladder]]) -> Iterator[Order]:
    """List the orders of events that give every group one of its ladders.

    Parameters
    ----------
    sizes : mapping of Kind to int
        Patients of each kind.
    ladders : mapping of str to collection of Ladder
        For each group the ladders it may have, up to the time of interest. A group that no kind names
        has nobody in it and so only the empty ladder.

    Yields
    ------
    Order
        Each order once. Orders that differ only in censorings after the last event, or in which of two
        patients of a kind left, are one.
    """
    kinds = tuple(kind for kind, size in sizes.items() if size)
    whole = {kind: sizes[kind] for kind in kinds}
    groups = {name: _Group(name, kinds, frozenset(ladders[name])) for name in ladders}
    start = tuple(whole.values())
    for events, at_risk in _walk(start, dict.fromkeys(groups, ()), groups, kinds):
        yield Order(whole, events, at_risk)


def survival_data(
    order: Order, *groups: str
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Give an order as times, events and group codes, for any rank test.

    The i-th event of the whole is put at time i; censorings before it at i - 1/2, after the last event
    at one half more. Patients outside `groups` are left out; groups must not overlap.

    Returns
    -------
    time : float array, shape (n_patients,)
    event : int array, shape (n_patients,)
    group : int array, shape (n_patients,)
        Position in `groups`.
    """
    rows: list[tuple[float, int, int]] = []
    for code, group in enumerate(groups):
        size = sum(n for kind, n in order.sizes.items() if group in kind)
        own = [int(group in kind) for kind in order.events]
        rows += [(i + 1.0, 1, code) for i, mine in enumerate(own) if mine]
        after = [size, *(n - mine for n, mine in zip(order.of_group(group), own, strict=True))]
        before = [*order.of_group(group), 0]
        gone = [have - n for have, n in zip(after, before, strict=True)]
        rows += [(i + 0.5, 0, code) for i, count in enumerate(gone) for _ in range(count)]
    time, event, code_of = zip(*rows, strict=True)
    return np.array(time, float), np.array(event, np.int64), np.array(code_of, np.int64)


class _Group:
    """One group: who is in it, and which number at risk may follow which beginning of a ladder."""

    def __init__(self, name: str, kinds: Sequence[Kind], ladders: frozenset[Ladder]) -> None:
        self.ladders = ladders
        self.members = tuple(i for i, kind in enumerate(kinds) if name in kind)
        self._next: dict[Ladder, set[int]] = {}
        for ladder in ladders:
            for length in range(len(ladder)):
                self._next.setdefault(ladder[:length], set()).add(ladder[length])

    def at_risk(self, left: Sequence[int]) -> int:
        return sum(left[i] for i in self.members)

    def allows(self, done: Ladder, at_risk: int) -> bool:
        """Whether the next event may come with so many at risk."""
        return at_risk in self._next.get(done, ())

    def can_end(self, done: Ladder, at_risk: int) -> bool:
        """Whether the ladder is complete, or can still be completed from so many at risk."""
        return done in self.ladders or min(self._next.get(done, ()), default=math.inf) <= at_risk


_Found = tuple[tuple[Kind, ...], tuple[tuple[int, ...], ...]]


def _walk(
    left: tuple[int, ...], done: dict[str, Ladder], groups: Mapping[str, _Group], kinds: Sequence[Kind]
) -> Iterator[_Found]:
    """Yield every completion: first some censorings (perhaps none), then one event, and so on."""
    if all(done[name] in group.ladders for name, group in groups.items()):
        yield (), ()
    for here in _censorings(left, 0, done, groups):
        for i, kind in enumerate(kinds):
            mine = {name: group.at_risk(here) for name, group in groups.items() if i in group.members}
            if not here[i] or not all(groups[name].allows(done[name], n) for name, n in mine.items()):
                continue
            longer = done | {name: (*done[name], n) for name, n in mine.items()}
            for events, at_risk in _walk(_without(here, i), longer, groups, kinds):
                yield (kind, *events), (here, *at_risk)


def _censorings(
    left: tuple[int, ...], first: int, done: Mapping[str, Ladder], groups: Mapping[str, _Group]
) -> Iterator[tuple[int, ...]]:
    """Yield who may be left at the next event, as long as every group can still end as it must.

    Kinds are censored in their order, so that each outcome comes once. To stop at the first group that
    cannot end any more is sound: with fewer at risk it cannot either.
    """
    if not all(group.can_end(done[name], group.at_risk(left)) for name, group in groups.items()):
        return
    yield left
    for i in range(first, len(left)):
        if left[i]:
            yield from _censorings(_without(left, i), i, done, groups)


def _without(left: tuple[int, ...], i: int) -> tuple[int, ...]:
    return (*left[:i], left[i] - 1, *left[i + 1 :])


def _splits(total: int, room: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """Every way to spread `total` over places with so much room."""
    if not room:
        if total == 0:
            yield ()
        return
    for first in range(min(total, room[0]), -1, -1):
        for rest in _splits(total - first, room[1:]):
            yield (first, *rest)
