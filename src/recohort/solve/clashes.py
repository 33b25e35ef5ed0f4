"""Contradictions that are cheap to prove, before a search is begun that they would make vain.

Survival never rises, so two claims on one curve can clash by their numbers alone, and so can two P values
of the same groups or two numbers of the same patients at a landmark. Then the order model is asked a few
small questions, each with a short limit: about one endpoint without any event and the other, about each
curve by itself, and about a rate of a group and that of a larger one at the same time. What it cannot
answer is left to the search; :mod:`recohort.solve.audit` looks for the rest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

from recohort.ledger import Claim, Ledger
from recohort.solve.demands import build
from recohort.solve.hitting_sets import smallest
from recohort.solve.instance import WEIGHTS, Settings
from recohort.solve.parts import Part, parts_of
from recohort.solve.problem import Curve, Query, SizeTarget, Test, UnsupportedClaim, curves_of

__all__ = ["clash"]

SECONDS = 0.02
"""Limit of each question, in the solver's deterministic time."""
MOST_QUESTIONS = 100
MOST_PATIENTS = 60
"""Larger parts are left to the search: a model of so many orders is not built in no time."""
NEARLY_ALL = 0.99


def clash(ledger: Ledger) -> tuple[Claim, ...]:
    """Find claims on survival, as read, that are proven not to hold together.

    Returns
    -------
    tuple of Claim
        In the order of the ledger, repeats among them; empty if nothing was found, which proves nothing.
    """
    problem = build(ledger, outer=True, rank_tests=WEIGHTS)
    ids = _rising(problem.queries) or _apart([*problem.tests, *problem.sizes]) or _impossible(ledger)
    return tuple(claim for claim in ledger.claims if claim.id in ids)


def _rising(queries: Iterable[Query]) -> tuple[str, ...]:
    """Name the claims by which some curve would have to rise."""
    lowest: dict[Curve, Query] = {}
    for query in sorted(queries, key=lambda q: (q.tick, q.high)):
        before = lowest.setdefault(query.curve, query)
        if query.low > before.high:
            return (*before.claims, *query.claims)
        if query.high < before.high:
            lowest[query.curve] = query
    return ()


def _apart(demands: Iterable[Test | SizeTarget]) -> tuple[str, ...]:
    """Name the claims that say different P values, or different numbers at a landmark, of the same."""
    said: dict[frozenset[Curve], list[Test | SizeTarget]] = {}
    for demand in demands:
        same = said.setdefault(frozenset(curves_of(demand)), [])
        for before in same:
            lows, highs = zip(_window(before), _window(demand), strict=True)
            if max(lows) > min(highs):
                return (*before.claims, *demand.claims)
        same.append(demand)
    return ()


def _window(demand: Test | SizeTarget) -> tuple[float, float]:
    return (demand.low, demand.high) if isinstance(demand, Test) else (demand.size, demand.size)


def _impossible(ledger: Ledger) -> tuple[str, ...]:
    """Name the claims of a small set that the order model proves impossible."""
    parts = [part for part in parts_of(ledger) if part.size <= MOST_PATIENTS]
    questions = ((part, group) for part in parts for group in _questions(part))
    for part, group in itertools.islice(questions, MOST_QUESTIONS):
        if _infeasible(part, group):
            few = smallest(group, lambda some, part=part: _infeasible(part, some))  # type: ignore[misc]
            return tuple(claim.id for k in few for claim in part.statements[k].claims)
    return ()


def _questions(part: Part) -> Iterator[tuple[int, ...]]:
    """Yield small sets of statements that may contradict each other, the cheapest first."""
    on: dict[Curve, list[int]] = {}
    rates: list[tuple[int, Query]] = []
    for k, statement in enumerate(part.statements):
        first = statement.demands[0]
        if isinstance(first, Query):
            on.setdefault(first.curve, []).append(k)
            if statement.claims[0].kind == "survival":
                rates.append((k, first))
    pairs = list(itertools.permutations(rates, 2))
    yield from ((a, b) for (a, first), (b, second) in pairs if _nobody_and_somebody(first, second))
    yield from map(tuple, on.values())
    yield from ((a, b) for (a, first), (b, second) in pairs if _whole_and_part(part, first, second))


def _nobody_and_somebody(first: Query, second: Query) -> bool:
    """Whether one endpoint of some patients has had no event at a time, and another one has."""
    same = first.curve.population == second.curve.population and first.tick == second.tick
    return same and first.curve != second.curve and first.low > NEARLY_ALL and second.high < 1


def _whole_and_part(part: Part, whole: Query, group: Query) -> bool:
    """Whether two rates are of some patients and of a part of them, at the same time."""
    if (whole.curve.endpoint, whole.tick) != (group.curve.endpoint, group.tick):
        return False
    if whole.curve.population.at_risk or group.curve.population.at_risk:
        return False
    everybody, some = (part.problem.members(query.curve) for query in (whole, group))
    return bool((everybody | ~some).all() and (everybody & ~some).any())


def _infeasible(part: Part, group: Sequence[int]) -> bool:
    try:
        return part.model(group, Settings(seconds=SECONDS)).solve().status == "infeasible"
    except UnsupportedClaim:
        return False
