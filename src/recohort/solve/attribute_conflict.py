"""A small set of claims that contradict each other, found by asking about ever smaller sets.

Written for claims on attributes, where one question takes a fraction of a second; the full list of
conflicts is the business of :mod:`recohort.solve.conflict_sets`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from recohort.ledger import Claim

__all__ = ["attributes_of", "minimal_conflict"]

Contradict = Callable[[Sequence[Claim]], bool]


def minimal_conflict(claims: Sequence[Claim], contradict: Contradict) -> list[Claim]:
    """Find claims that contradict each other, none of which can be spared.

    Claims are added in growing numbers until they contradict each other; the last one added must take
    part. With it kept, the search is repeated among those added before it, its relatives first, until
    the kept ones suffice.

    Parameters
    ----------
    claims : sequence of Claim
        Known to contradict each other.
    contradict : callable
        Says whether some claims are proven to contradict each other. When it cannot tell it says no;
        the set returned is a conflict all the same, but may then hold a claim too many.
    """
    kept: list[Claim] = []
    rest = list(claims)
    while rest and not contradict(kept):
        size = _smallest(len(rest), lambda k: contradict([*kept, *rest[:k]]))  # noqa: B023 - used at once
        kept.append(rest[size - 1])
        named = frozenset[str]().union(*map(attributes_of, kept))
        rest = sorted(rest[: size - 1], key=lambda claim: -len(attributes_of(claim) & named))
    return kept


def _smallest(most: int, suffices: Callable[[int], bool]) -> int:
    """Return the smallest size that suffices, by doubling and halving; 0 does not, `most` does."""
    low, high = 0, 1
    while high < most and not suffices(high):
        low, high = high, 2 * high
    high = min(high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high


def attributes_of(claim: Claim) -> frozenset[str]:
    """Return the attributes that a claim speaks of."""
    conditions = [claim.where, claim.of, *(claim.groups or ()), *([claim.outcome] if claim.outcome else [])]
    named = [condition.attributes for condition in conditions]
    return frozenset[str]().union(*named, [claim.attribute] if claim.attribute else [])
