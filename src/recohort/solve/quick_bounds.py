"""Bounds that need no search over orders: from one printed rate, and from groups that make up others.

A printed rate of few patients leaves few *ladders*, the numbers at risk at its events, and these tell how
many events there were and how many can be left after the last. Curves only fall, and nobody comes back.
What holds of groups limits what can hold of their unions and intersections, since each patient counts
once in each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction

from recohort.conditions import Condition
from recohort.solve.count_bounds import count_extreme
from recohort.solve.instance import landmark_tick
from recohort.solve.ladders import ladders
from recohort.solve.problem import Problem, Query
from recohort.solve.quantities import Quantity

__all__ = ["Ends", "quick_bounds", "together"]

Ends = tuple[float, float]
"""Least and most."""
MOST_LADDERS = 10**6


def quick_bounds(problem: Problem, quantities: tuple[Quantity, ...]) -> dict[Quantity, Ends]:
    """Bound quantities from the printed rates of their own curves, then from each other."""
    found = {quantity: _alone(problem, quantity) for quantity in quantities}
    return together(problem, found)


def _alone(problem: Problem, quantity: Quantity) -> Ends:
    everybody = count_extreme(problem.ledger, quantity.population.where, _names(problem, quantity), 1)
    sizes = [s.size for s in problem.sizes if s.curve.population == quantity.population]
    most = min([everybody, *sizes])
    if quantity.kind == "patients":
        if quantity.population.at_risk is None:
            low = count_extreme(problem.ledger, quantity.population.where, _names(problem, quantity), -1)
            return (max(low, 0.0), most)
        return (float(max(sizes, default=0)), float(most))
    low, high = 0.0, 1.0 if quantity.kind == "survival" else float(most)
    for query in problem.queries:
        if query.curve == quantity.curve:
            a, b = _by_rate(problem, quantity, query, int(most))
            low, high = max(low, a), min(high, b)
    return low, high


def _names(problem: Problem, quantity: Quantity) -> list[str]:
    return list(dict.fromkeys([*problem.attributes, *quantity.population.where.attributes]))


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


def together(problem: Problem, bounds: Mapping[Quantity, Ends]) -> dict[Quantity, Ends]:
    """Narrow bounds of events and of numbers at risk through each other, patient by patient."""
    found = dict(bounds)
    for quantity, (low, high) in bounds.items():
        where = quantity.population.where
        if quantity.kind not in ("events", "at risk") or quantity.population.at_risk is not None:
            continue
        names = _names(problem, quantity)
        marked: dict[Condition, Ends] = {
            other.population.where: ends
            for other, ends in bounds.items()
            if (other.kind, other.endpoint, other.time) == (quantity.kind, quantity.endpoint, quantity.time)
            and other.population.at_risk is None
            and other.population.where.attributes <= set(names)
        }
        a, b = (count_extreme(problem.ledger, where, names, sense, marked) for sense in (-1, 1))
        found[quantity] = (max(low, a), min(high, b))
    return found
