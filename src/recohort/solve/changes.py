"""How far a printed rate must move before other statements can hold: the smallest change of a repair.

Rates are let go to both sides, and the smallest slack for which patients exist is found by halving: one unit
less is proven impossible, unless the solver ran out of time. If several rates give way together, it is
the larger of their changes that is smallest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

from recohort.check import check
from recohort.solve.instance import Settings
from recohort.solve.parts import Part
from recohort.solve.problem import Query
from recohort.solve.statements import Change, Statement
from recohort.solve.witness import cohort_of

__all__ = ["smallest_change"]

MOST_UNITS = 20
"""Rates that must move by more printed units than this are left alone."""


def smallest_change(
    part: Part, kept: Collection[int], amended: Sequence[int], settings: Settings
) -> Change | None:
    """Find how far rates must move so that other statements hold.

    Parameters
    ----------
    part : Part
    kept : collection of int
        The other statements.
    amended : sequence of int
    settings : Settings

    Returns
    -------
    Change or None
        None if not all amended statements are rates, or `MOST_UNITS` are not enough.
    """
    if any(part.statements[k].claims[0].kind != "survival" for k in amended):
        return None
    best = _shown(part, kept, amended, MOST_UNITS, settings)
    if not isinstance(best, tuple):
        return None
    low, high, proven = 0, MOST_UNITS, True
    while high - low > 1:
        units = (low + high) // 2
        shown = _shown(part, kept, amended, units, settings)
        if isinstance(shown, tuple):
            best, high = shown, units
        else:
            low, proven = units, shown == "infeasible"
    return Change(tuple(amended), high, best, proven)


def _shown(
    part: Part, kept: Collection[int], amended: Sequence[int], units: int, settings: Settings
) -> tuple[float, ...] | str:
    """Give what patients show for rates that may be so many units off, or why there are none."""
    ledger = part.problem.ledger.with_claims(part.statements[k].claims[0] for k in amended)
    n, loose = len(part.statements), [_loose(part.statements[k], units) for k in amended]
    wider = dataclasses.replace(part, statements=(*part.statements, *loose))
    model = wider.model([*kept, *range(n, n + len(loose))], settings)
    answer = model.solve()
    cohort = cohort_of(model, answer.trace) if answer.trace is not None else None
    if cohort is None:
        return "infeasible" if answer.status == "infeasible" else "unknown"
    shown = {row.claim: float(row.computed or 0) for row in check(cohort, ledger)}
    return tuple(round(shown[part.statements[k].claims[0].id], 2) for k in amended)


def _loose(statement: Statement, units: int) -> Statement:
    """Let a rate be some printed units higher or lower."""
    interval = statement.claims[0].numbers[0].interval()
    slack = units * (interval.high - interval.low) / 100
    return dataclasses.replace(
        statement,
        demands=tuple(
            dataclasses.replace(d, low=max(d.low - slack, 0.0), high=min(d.high + slack, 1.0))
            for d in statement.demands
            if isinstance(d, Query)
        ),
    )
