"""A preference for even curves: how likely a patient is if events come at a steady pace.

What a paper prints leaves open how a curve goes between and after its numbers, and a search for which
every time is as good as any other leaves it to chance. Here each type of patients loses, up to the last
number printed of its smallest population, as many as were printed, goes on at that pace, and enters
evenly. A search that is given this (`moves.Rules.likely`) draws patients as often as they are likely,
among those that meet every demand. It is an assumption about the disease, and nothing that was printed.

The pace is constant, or a little faster or slower with time, drawn anew for each search: the cumulative
hazard is a power of time (a Weibull curve) whose exponent lies within a factor of the square root of 2
from 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recohort.solve.starts import ENTRY, printed_curve

if TYPE_CHECKING:
    import numpy.typing as npt

    from recohort.solve.moves import Rules
    from recohort.solve.problem import Problem

    Floats = npt.NDArray[np.float64]

__all__ = ["even_pace"]

TURN = 0.5
"""The exponent is 2 to a power drawn from minus this to this."""
NEVER = 1e-9
"""How likely the least likely patient is: a search must be able to leave any start."""


def even_pace(problem: Problem, rules: Rules, random: np.random.Generator) -> Rules:
    """Draw a pace, and give rules the preference for patients who live by it.

    Returns
    -------
    Rules
        With `likely`, and with times up to the last at which a patient is still followed.
    """
    followed = _followed(problem, rules, random)
    turn = 2.0 ** random.uniform(-TURN, TURN)
    last = followed.size - 1
    at = np.arange(last + 1)
    table = np.full((len(problem.endpoints), len(problem.types), last + 1, 2), NEVER)
    for e, endpoint in enumerate(problem.endpoints):
        for kind in range(len(problem.types)):
            ticks, survival = printed_curve(problem, endpoint, kind, rules)
            if ticks[-1] == 0:  # nothing is printed of this type
                table[e, kind] = 1.0
                continue
            curve = survival[-1] ** ((at / ticks[-1]) ** turn)
            table[e, kind, 1:, 0] += curve[1:] * -np.diff(followed)
            table[e, kind, 1:, 1] += -np.diff(curve) * followed[:-1]
    return rules._replace(last=last, horizon=last, likely=table)


def _followed(problem: Problem, rules: Rules, random: np.random.Generator) -> Floats:
    """Return the share still followed just after each tick: half at the printed follow-up, at last none."""
    printed = [q.tick for q in problem.queries if not q.curve.reverse and q.tick <= rules.last]
    known = [q.tick for q in problem.queries if q.curve.reverse and 0 < q.tick <= rules.last]
    if not known:
        return np.linspace(1.0, 0.0, rules.horizon + 1)
    median = max(known)
    # somebody must have been followed up to each printed number
    end = max(median * (1 + random.uniform(*ENTRY)), *(1.0 + tick for tick in printed), median + 1.0)
    end = min(int(end), rules.last)
    return np.interp(np.arange(end + 1), [0, median, end], [1.0, 0.5, 0.0])
