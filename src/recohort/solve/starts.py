"""Where a search may start: patients drawn along lines through the printed rates and medians.

From a cohort in which nothing happens, a rate of 20 % of a hundred patients is out of reach: the loss
is flat there, as one event more makes no difference to it. A start whose curves already pass near the
printed numbers is not, and keeps something of what they say about the time between.

What the print leaves open is drawn anew for each start: how each line between two printed points bends
(the same for all patients, as a disease has its own pace), how survival goes on after the last one, and
how entry was spread over the years. So starts differ in shape, not only in luck.

No exponential or logarithm takes part, so the same seed gives the same start on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from recohort.solve.objective import State

if TYPE_CHECKING:
    import numpy.typing as npt

    from recohort.solve.moves import Rules
    from recohort.solve.problem import Problem, Query

    Ints = npt.NDArray[np.int64]
    Floats = npt.NDArray[np.float64]

__all__ = ["Shape", "draw_shape", "likely_state", "printed_curve"]

BENDS = 8
EARLIEST, LATEST = -1.0, 0.5
"""Bends are drawn from here: more often early, as hazards usually fall."""
ENTRY = (0.3, 1.2)
"""The longest follow-up exceeds the median one by a share drawn from here."""


class Shape(NamedTuple):
    """What a paper leaves open of the way its curves go.

    Attributes
    ----------
    bends : float array, shape (BENDS,)
        For each stretch between printed points: -1 drops early, 0 is straight, 1 drops late.
    tail : float
        After the last printed point: 0 nothing happens any more, 1 it goes on as before.
    """

    bends: Floats
    tail: float


def draw_shape(random: np.random.Generator) -> Shape:
    """Draw how curves go between and after the printed points."""
    return Shape(random.uniform(EARLIEST, LATEST, BENDS), float(random.random()))


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
    shape = draw_shape(random)
    last_contact = _last_contacts(problem, rules, n, random)
    drawn = np.empty((len(endpoints), n), np.int64)
    for endpoint in endpoints:
        for kind in np.unique(kinds):
            mine = kinds == kind
            ticks, survival = printed_curve(problem, problem.endpoints[endpoint], int(kind), rules)
            points = _go_on(ticks, survival, shape.tail, rules.last)
            drawn[endpoint, mine] = _times(random.random(int(mine.sum())), *points, shape.bends, rules)
    time = np.empty((len(endpoints), n), np.int64)
    event = np.zeros((len(endpoints), n), np.uint8)
    for endpoint in endpoints:
        if problem.parent[endpoint] < 0:
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


def _go_on(ticks: Ints, survival: Floats, tail: float, last: int) -> tuple[Ints, Floats]:
    """Add points after the last printed one: in each equal span the same share is lost again, or less."""
    span, share = int(ticks[-1]), tail * (1 - survival[-1])
    if span == 0:
        return ticks, survival
    more = -(-(last - span) // span)
    after = survival[-1] * np.cumprod(np.full(more, 1 - share))
    return np.append(ticks, span * np.arange(2, more + 2)), np.append(survival, after)


def _last_contacts(problem: Problem, rules: Rules, n: int, random: np.random.Generator) -> Ints:
    """Draw when patients were last seen: half of them by the printed follow-up, if there is one."""
    followed = [q.tick for q in problem.queries if q.curve.reverse and 0 < q.tick <= rules.last]
    if followed:
        median = max(followed)
        ticks, survival = [0, median, median + int(median * random.uniform(*ENTRY))], [1.0, 0.5, 0.0]
    else:
        ticks, survival = [0, rules.horizon], [1.0, 0.0]
    bends = random.uniform(-1.0, 1.0, BENDS)
    drawn = _times(random.random(n), np.array(ticks), np.array(survival), bends, rules)
    return np.minimum(drawn, rules.last)


def _times(u: Floats, ticks: Ints, survival: Floats, bends: Floats, rules: Rules) -> Ints:
    """Return when bent lines through the points fall to `u`; beyond the last time if never."""
    result = np.full(u.size, rules.last + 1, np.int64)
    for k in range(ticks.size - 1, 0, -1):
        here = (u >= survival[k]) & (u < survival[k - 1])
        share = (survival[k - 1] - u[here]) / (survival[k - 1] - survival[k])
        share += bends[(k - 1) % BENDS] * share * (1 - share)
        steps = np.ceil(share * (ticks[k] - ticks[k - 1])).astype(np.int64)
        result[here] = np.clip(ticks[k - 1] + steps, rules.first, rules.last)
    return result
