"""How far printed numbers must move before other statements can hold: the smallest change of a repair.

A rate, a median or a P value is let go to both sides, and the smallest slack for which patients exist is
found by halving: one unit of the last printed digit less is proven impossible, unless the solver ran out
of time. If several give way together, first the largest of their moves is made as small as can be, then
each in turn. Numbers of the tables are left to :mod:`recohort.solve.table_changes`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

import pandas as pd
from scipy import stats

from recohort.check import check
from recohort.ledger import Ledger
from recohort.printed import Number
from recohort.solve import cases
from recohort.solve.instance import Settings
from recohort.solve.parts import Part
from recohort.solve.problem import Demand, SizeTarget, Test
from recohort.solve.statements import Change, Statement
from recohort.solve.witness import cohort_of, met_claims

__all__ = ["smallest_change"]

MOST_UNITS = 60
"""Numbers that must move by more printed units than this are left alone."""

Shown = tuple[float, ...]
"""What patients show for each amended statement."""


def smallest_change(
    part: Part,
    kept: Collection[int],
    amended: Sequence[int],
    settings: Settings,
    cohorts: Iterable[pd.DataFrame] = (),
    patient: Settings | None = None,
) -> Change | None:
    """Find how far numbers must move so that other statements hold.

    Parameters
    ----------
    part : Part
    kept : collection of int
        The other statements.
    amended : sequence of int
    settings : Settings
    cohorts : iterable of DataFrame
        Known patients, some of whom may meet the other statements.
    patient : Settings, optional
        For the last question of a search that is left open.

    Returns
    -------
    Change or None
        None if one of the amended statements is no number that can move a little, or if `MOST_UNITS` are
        not enough.
    """
    if not all(_can_move(part.statements[k]) for k in amended):
        return None

    numbers = [part.statements[k].claims[0].numbers[0] for k in amended]

    def ask(*units: int, last: bool) -> Shown | str:
        how = patient if last else settings
        return _shown(part, kept, amended, units, how) if how else "unknown"

    def moves(shown: Shown) -> list[int]:
        return [_units(number, value) for number, value in zip(numbers, shown, strict=True)]

    known = _known(part, kept, amended, cohorts)
    best = min(known, key=lambda shown: max(moves(shown)), default=None) or ask(
        *[MOST_UNITS] * len(amended), last=False
    )
    if not isinstance(best, tuple) or max(moves(best)) > MOST_UNITS:
        return None
    best, proven = _halve(
        lambda most, last: ask(*[most] * len(amended), last=last),
        lambda shown: max(moves(shown)),
        best,
    )
    limits = [max(moves(best))] * len(amended)
    for k in range(len(amended) if len(amended) > 1 else 0):
        best, sure = _halve(
            lambda less, last, k=k: ask(*limits[:k], less, *limits[k + 1 :], last=last),  # type: ignore[misc]
            lambda shown, k=k: moves(shown)[k],  # type: ignore[misc]
            best,
        )
        limits[k] = moves(best)[k]
        proven &= sure
    return Change(tuple(amended), tuple((n,) for n in moves(best)), tuple((x,) for x in best), proven)


def _halve(
    ask: Callable[[int, bool], Shown | str], size: Callable[[Shown], int], best: Shown
) -> tuple[Shown, bool]:
    """Find the smallest number of units that will do, given what does and that none will not.

    Where the solver ran out of time on the way, the last question is asked once more, as such.
    """
    low, proven = 0, True
    while size(best) - low > 1:
        units = (low + size(best)) // 2
        shown = ask(units, False)
        if isinstance(shown, tuple):
            best = shown
        else:
            low, proven = units, proven and shown == "infeasible"
    while not proven:
        shown = ask(size(best) - 1, True)
        if not isinstance(shown, tuple):
            return best, shown == "infeasible"
        best, proven = shown, size(shown) == 1
    return best, proven


def _known(
    part: Part, kept: Collection[int], amended: Sequence[int], cohorts: Iterable[pd.DataFrame]
) -> Iterator[Shown]:
    """Yield what those of some cohorts show for the amended statements that meet the others."""
    statements, whole = part.statements, part.problem.ledger
    asked = whole.with_claims(claim for k in kept for claim in statements[k].claims)
    for cohort in cohorts:
        if met_claims(cohort, asked) >= {claim.id for claim in asked.claims}:
            ledger = whole.with_claims(statements[k].claims[0] for k in amended)
            yield _values(cohort, ledger)


def _units(number: Number, shown: float) -> int:
    """How many units of the last printed digit a number is off, another one being shown."""
    if not math.isfinite(shown):
        return MOST_UNITS + 1
    window = number.interval()
    gap = max(window.low - shown, shown - window.high, 0.0)
    return math.ceil(gap * 10.0**number.decimals - 0.01)  # what is shown was rounded to hundredths


def _values(cohort: pd.DataFrame, ledger: Ledger) -> Shown:
    """Give what patients show for the first number of each claim."""
    rows = {row.claim: row for row in check(cohort, ledger)}
    shown = [(rows[claim.id], claim.numbers[0]) for claim in ledger.claims]
    return tuple(round(float(row.computed or 0), number.decimals + 2) for row, number in shown)


def _can_move(statement: Statement) -> bool:
    """Whether a statement is a plain number: a rate, a median that is reached, a P value without a sign."""
    claim = statement.claims[0]
    number = claim.numbers[0]
    plain = number.text[0] not in "<>≤≥" and math.isfinite(number.value)
    return claim.kind in ("survival", "median_survival", "p_value") and plain


def _shown(
    part: Part, kept: Collection[int], amended: Sequence[int], units: Sequence[int], settings: Settings
) -> Shown | str:
    """Give what patients show for numbers that may be so many units off, or why there are none."""
    ledger = part.problem.ledger.with_claims(part.statements[k].claims[0] for k in amended)
    n = len(part.statements)
    loose = [_loose(part.statements[k], more, part) for k, more in zip(amended, units, strict=True)]
    wider = dataclasses.replace(part, statements=(*part.statements, *loose))
    model, answer = cases.solve(wider.model([*kept, *range(n, n + len(loose))], settings))
    cohort = cohort_of(model, answer.trace) if answer.trace is not None else None
    if cohort is None:
        return "infeasible" if answer.status == "infeasible" else "unknown"
    return _values(cohort, ledger)


def _loose(statement: Statement, units: int, part: Part) -> Statement:
    """Let a number be some printed units higher or lower."""
    slack = units / 10 ** statement.claims[0].numbers[0].decimals
    scale = part.problem.ledger.study.time
    is_median = statement.claims[0].kind == "median_survival"

    def looser(demand: Demand) -> Demand:
        if isinstance(demand, Test):
            p_high, p_low = (2 * float(stats.norm.sf(z)) for z in (demand.low, demand.high))
            p_high, p_low = min(p_high + slack, 1.0), max(p_low - slack, 0.0)
            low = float(stats.norm.isf(p_high / 2))
            return dataclasses.replace(
                demand, low=max(low, 0.0), high=float(stats.norm.isf(p_low / 2)) if p_low > 0 else math.inf
            )
        if isinstance(demand, SizeTarget):
            return demand
        if not is_median:
            return dataclasses.replace(
                demand, low=max(demand.low - slack / 100, 0.0), high=min(demand.high + slack / 100, 1.0)
            )
        ticks = round(slack / scale.resolution)
        still_above = demand.high >= 1
        tick = (
            max(demand.tick - ticks, 0) if still_above else min(demand.tick + ticks, scale.ticks(scale.max))
        )
        return dataclasses.replace(demand, tick=tick)

    return dataclasses.replace(statement, demands=tuple(looser(demand) for demand in statement.demands))
