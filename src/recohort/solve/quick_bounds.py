"""Bounds that need no search over orders: from one printed rate, and from groups that make up others.

A printed rate of few patients leaves few *ladders*, the numbers at risk at its events, and these tell how
many events there were and how many can be left after the last. Curves only fall, and nobody comes back.
What holds of groups limits what can hold of their unions and intersections, since each patient counts
once in each.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction

from recohort.conditions import Condition
from recohort.solve.count_bounds import PrintedCounts
from recohort.solve.instance import landmark_tick
from recohort.solve.ladders import ladders
from recohort.solve.problem import Problem, Query
from recohort.solve.quantities import Quantity

__all__ = ["Ends", "implied", "narrow", "quick_bounds"]

Ends = tuple[float, float]
"""Least and most."""
MOST_LADDERS = 10**6


def quick_bounds(
    problem: Problem, quantities: tuple[Quantity, ...], known: Mapping[Quantity, Ends] | None = None
) -> dict[Quantity, Ends]:
    """Bound quantities from the rates of their own curves and what is known of them, then from each other."""
    counts = _counts(problem, quantities)
    everybody: dict[Condition, Ends] = {}
    for quantity in quantities:
        where, printed = quantity.population.where, counts[_names(problem, quantity)]
        if where not in everybody:
            everybody[where] = printed.extreme(where, -1), printed.extreme(where, 1)
    found = {q: _alone(problem, q, everybody[q.population.where]) for q in quantities}
    for quantity, (low, high) in (known or {}).items():
        if quantity in found:
            found[quantity] = max(low, found[quantity][0]), min(high, found[quantity][1])
    return narrow(problem, found)


def narrow(problem: Problem, bounds: Mapping[Quantity, Ends]) -> dict[Quantity, Ends]:
    """Narrow bounds through each other, over time and over groups, until none gets narrower."""
    counts = _counts(problem, bounds)
    found, before = dict(bounds), dict[Quantity, Ends]()
    while found != before:
        found, before = _over_groups(problem, counts, _over_time(problem, found), before), found
    return found


def _counts(problem: Problem, quantities: Iterable[Quantity]) -> dict[tuple[str, ...], PrintedCounts]:
    """Return the printed counts that concern each quantity, by the names of their attributes."""
    every = {_names(problem, quantity) for quantity in quantities}
    return {names: PrintedCounts(problem.ledger, names) for names in every}


def _over_time(problem: Problem, bounds: Mapping[Quantity, Ends]) -> dict[Quantity, Ends]:
    """Narrow bounds through those of the same patients at other times and for other endpoints."""
    least, most = ({quantity: ends[side] for quantity, ends in bounds.items()} for side in (0, 1))
    for quantity in bounds:
        least[quantity] = implied(problem, quantity, -1, least)
        most[quantity] = implied(problem, quantity, 1, most)
    return {quantity: (least[quantity], most[quantity]) for quantity in bounds}


def implied(problem: Problem, quantity: Quantity, sense: int, known: Mapping[Quantity, float]) -> float:
    """Return the least (sense -1) or most (1) of a quantity that the like of its population leave.

    Nobody comes back, and curves only fall. An inner endpoint ends no later than its outer one, and whoever
    had the outer event had the inner one by then.

    Parameters
    ----------
    problem : Problem
    quantity : Quantity
    sense : int
    known : mapping
        What is known of this end of some quantities, the one asked about among them or not.
    """
    best = known.get(quantity, sense * math.inf)
    rising = quantity.kind == "events"
    for other, bound in known.items():
        if (other.kind, other.population) != (quantity.kind, quantity.population) or quantity.time is None:
            continue
        assert other.time is not None
        ordered = other.time >= quantity.time if rising == (sense > 0) else other.time <= quantity.time
        if not ordered or sense * bound >= sense * best:
            continue
        if other.endpoint != quantity.endpoint:
            asked_of_inner = rising == (sense < 0)
            inner, outer = (quantity, other) if asked_of_inner else (other, quantity)
            nested = problem.ledger.endpoints[str(inner.endpoint)].not_after == outer.endpoint
            if quantity.kind == "survival" or not nested:  # curves of nested endpoints may cross
                continue
        best = bound
    return best


def _alone(problem: Problem, quantity: Quantity, everybody: Ends) -> Ends:
    """Return what the printed rates of a quantity's own curve say, and how many patients there are."""
    sizes = [s.size for s in problem.sizes if s.curve.population == quantity.population]
    most = min([everybody[1], *sizes])
    if quantity.kind == "patients":
        if quantity.population.at_risk is None:
            return (max(everybody[0], 0.0), most)
        return (float(max(sizes, default=0)), float(most))
    low, high = 0.0, 1.0 if quantity.kind == "survival" else float(most)
    for query in problem.queries:
        if query.curve == quantity.curve:
            a, b = _by_rate(problem, quantity, query, int(most))
            low, high = max(low, a), min(high, b)
    return low, high


def _names(problem: Problem, quantity: Quantity) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*problem.attributes, *sorted(quantity.population.where.attributes)]))


def _by_rate(problem: Problem, quantity: Quantity, query: Query, most: int) -> Ends:
    """Return what one printed rate says of a quantity of the same curve."""
    assert quantity.time is not None
    scale = problem.ledger.study.time
    tick = math.inf if math.isinf(quantity.time) else math.floor(quantity.time / scale.resolution + 1e-6)
    before, after = tick <= query.tick, tick >= query.tick
    if quantity.kind == "survival":
        return query.low if before else 0.0, query.high if after else 1.0
    if query.curve.population.at_risk and query.tick < landmark_tick(problem, query.curve):
        return 0.0, math.inf
    known = ladders(most, Fraction(query.low), Fraction(query.high), MOST_LADDERS)
    if known is None and quantity.kind == "events" and before:  # each takes at least a share of 1 in `most`
        return 0.0, float(math.floor(most * (1 - query.low) + 1e-9))
    if not known:
        return 0.0, math.inf
    if quantity.kind == "events":
        lengths = [len(ladder) for ladder in known]
        return float(min(lengths)) if after else 0.0, float(max(lengths)) if before else math.inf
    if not after or (tick == query.tick and not problem.distinct):
        return 0.0, math.inf
    gone = int(tick > query.tick)  # whoever had the last event at that very tick is still at risk at it
    return 0.0, float(max(ladder[-1] - gone if ladder else most for ladder in known))


def _over_groups(
    problem: Problem,
    counts: Mapping[tuple[str, ...], PrintedCounts],
    bounds: Mapping[Quantity, Ends],
    before: Mapping[Quantity, Ends],
) -> dict[Quantity, Ends]:
    """Narrow bounds of events and of numbers at risk through those of other groups, patient by patient.

    Groups whose bounds are all as they were before are passed over.
    """
    alike: dict[tuple[object, ...], list[Quantity]] = {}
    for quantity in bounds:
        if quantity.kind in ("events", "at risk") and quantity.population.at_risk is None:
            alike.setdefault((quantity.kind, quantity.endpoint, quantity.time), []).append(quantity)
    found = dict(bounds)
    for group in alike.values():
        if all(bounds[quantity] == before.get(quantity) for quantity in group):
            continue
        for quantity in group:
            where, names = quantity.population.where, _names(problem, quantity)
            marked = {
                other.population.where: bounds[other]
                for other in group
                if other.population.where.attributes <= set(names)
            }
            low, high = bounds[quantity]
            a, b = (counts[names].extreme(where, sense, marked) for sense in (-1, 1))
            found[quantity] = (max(low, a), min(high, b))
    return found
