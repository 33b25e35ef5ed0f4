"""Where a search may start: patients drawn along straight lines through the printed rates.

From a cohort in which nothing happens, rates of 20 % of a hundred patients are out of reach: the loss
is flat there, as one event more makes no difference to it. A start whose curves already pass near the
printed numbers is not, and keeps what they say of the time between.

No exponential or logarithm takes part, so the same seed gives the same start on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recohort.solve.objective import State

if TYPE_CHECKING:
    import numpy.typing as npt

    from recohort.solve.moves import Rules
    from recohort.solve.problem import Problem, Query

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

__all__ = ["likely_state", "printed_curve"]


def likely_state(problem: Problem, kinds: Ints, rules: Rules, random: np.random.Generator) -> State:
    """Draw a cohort whose curves pass near the printed rates and medians.

    Parameters
    ----------
    problem : Problem
    kinds : int64 array, shape (n_patients,)
        The type of each patient.
    rules : Rules
    random : Generator

    Returns
    -------
    State
        It obeys the rules per patient; times may be tied or forbidden, so search may have to untie them.
    """
    n, endpoints = kinds.size, range(len(problem.endpoints))
    time = np.empty((len(endpoints), n), np.int64)
    event = np.zeros((len(endpoints), n), np.uint8)
    last_contact = random.integers(rules.first, rules.horizon + 1, size=n)
    drawn = np.empty((len(endpoints), n), np.int64)
    for endpoint in endpoints:
        for kind in np.unique(kinds):
            mine = kinds == kind
            ticks, survival = printed_curve(problem, problem.endpoints[endpoint], int(kind), rules)
            drawn[endpoint, mine] = _event_ticks(random.random(int(mine.sum())), ticks, survival, rules)
    for endpoint in endpoints:
        outer = int(problem.parent[endpoint])
        if outer < 0:
            time[endpoint] = np.minimum(drawn[endpoint], last_contact)
            event[endpoint] = drawn[endpoint] <= last_contact
    for endpoint in endpoints:
        outer = int(problem.parent[endpoint])
        if outer >= 0:  # an outer event is an inner one; without any, both end at the last contact
            earlier = drawn[endpoint] < time[outer]
            time[endpoint] = np.where(earlier, drawn[endpoint], time[outer])
            event[endpoint] = earlier | (event[outer] == 1)
    return State(kinds.copy(), time, event)


def printed_curve(problem: Problem, endpoint: str, kind: int, rules: Rules) -> tuple[Ints, Floats]:
    """Survival at the printed times, for a type of patients: from the smallest population that has any.

    Returns
    -------
    ticks : int64 array, shape (n_points,)
        Ascending, the first 0.
    survival : float array, shape (n_points,)
        Never rising, the first 1.
    """
    about: dict[object, list[Query]] = {}
    for query in problem.queries:
        curve = query.curve
        if curve.endpoint == endpoint and not curve.reverse and problem.members(curve)[kind]:
            about.setdefault(curve, []).append(query)
    if not about:
        return np.zeros(1, np.int64), np.ones(1)
    narrow = min(about.values(), key=lambda queries: int(problem.members(queries[0].curve).sum()))
    points = [(0, 1.0)]
    for query in sorted(narrow, key=lambda q: q.tick):
        if query.low <= 0:
            value = query.high
        else:
            value = query.low if query.high >= 1 else (query.low + query.high) / 2
        if query.tick <= rules.last:
            points.append((max(query.tick, 0), min(value, points[-1][1])))
    ticks, survival = zip(*points, strict=True)
    return np.array(ticks, np.int64), np.array(survival, float)


def _event_ticks(u: Floats, ticks: Ints, survival: Floats, rules: Rules) -> Ints:
    """Return when straight lines through the points fall to `u`; beyond the last time if never."""
    never = rules.last + 1
    result = np.full(u.size, never, np.int64)
    for k in range(ticks.size - 1, 0, -1):
        here = (u >= survival[k]) & (u < survival[k - 1])
        share = (survival[k - 1] - u[here]) / (survival[k - 1] - survival[k])
        steps = np.ceil(share * (ticks[k] - ticks[k - 1])).astype(np.int64)
        result[here] = np.clip(ticks[k - 1] + steps, rules.first, rules.last)
    return result
