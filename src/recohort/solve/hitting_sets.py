"""Sets of sets: a minimal part of one that cannot hold, and the smallest sets that hit all of several.

References
----------
Reiter, Artif Intell 1987 (hitting sets); Junker, AAAI 2004 (QuickXplain).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

__all__ = ["minimal_hitting_sets", "smallest"]

Set = frozenset[int]


def smallest(some: Sequence[int], infeasible: Callable[[Sequence[int]], bool]) -> list[int]:
    """Reduce an infeasible set to a minimal one."""
    return _explain([], list(some), infeasible, changed=False)


def _explain(
    background: list[int], some: list[int], infeasible: Callable[[Sequence[int]], bool], *, changed: bool
) -> list[int]:
    """QuickXplain: a minimal part of `some` that is infeasible together with a background."""
    if changed and infeasible(background):
        return []
    if len(some) <= 1:
        return some
    half = len(some) // 2
    first, second = some[:half], some[half:]
    of_second = _explain(background + first, second, infeasible, changed=bool(first))
    of_first = _explain(background + of_second, first, infeasible, changed=bool(of_second))
    return of_first + of_second


def minimal_hitting_sets(sets: Sequence[Set]) -> Iterator[Set]:
    """Yield every minimal set that shares an element with each of some sets, the smallest first."""
    found: list[Set] = [frozenset()]
    for one in sets:
        hitting = [hit for hit in found if hit & one]
        grown = {hit | {element} for hit in found if not hit & one for element in one}
        found = hitting + [g for g in grown if not any(h <= g for h in hitting)]
        found = [g for g in found if not any(other < g for other in found)]
    yield from sorted(found, key=lambda hit: (len(hit), sorted(hit)))
