"""Printed numbers that may be some units of their last digit off."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pandas as pd
from scipy import stats

from recohort.check import check
from recohort.ledger import Ledger
from recohort.printed import Number
from recohort.solve.parts import Part
from recohort.solve.problem import Demand, SizeTarget, Test
from recohort.solve.statements import Statement
from recohort.solve.witness import met_claims

__all__ = ["MOST_UNITS", "can_move", "loosened", "met_by", "units_off", "values_shown"]

MOST_UNITS = 60
"""Numbers that must move by more printed units than this are left alone."""


def can_move(statement: Statement) -> bool:
    """Whether a statement is a plain number: a rate, a median that is reached, a P value without a sign."""
    claim = statement.claims[0]
    number = claim.numbers[0]
    plain = number.text[0] not in "<>≤≥" and math.isfinite(number.value)
    return claim.kind in ("survival", "median_survival", "p_value") and plain


def loosened(statement: Statement, units: int, part: Part) -> Statement:
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

    demands = tuple(looser(demand) for demand in statement.demands)
    return dataclasses.replace(statement, demands=demands, slack=units)


def units_off(number: Number, shown: float) -> int:
    """How many units of the last printed digit a number is off, another one being shown."""
    if not math.isfinite(shown):
        return MOST_UNITS + 1
    window = number.interval()
    gap = max(window.low - shown, shown - window.high, 0.0)
    return math.ceil(gap * 10.0**number.decimals - 0.01)  # what is shown was rounded to hundredths


def values_shown(cohort: pd.DataFrame, ledger: Ledger) -> tuple[float, ...]:
    """Give what patients show for the first number of each claim."""
    rows = {row.claim: row for row in check(cohort, ledger)}
    shown = [(rows[claim.id], claim.numbers[0]) for claim in ledger.claims]
    return tuple(round(float(row.computed or 0), number.decimals + 2) for row, number in shown)


def met_by(statements: Sequence[Statement], cohort: pd.DataFrame, ledger: Ledger) -> frozenset[int]:
    """Say which statements patients meet, each with the slack it has."""
    ids = met_claims(cohort, ledger.with_claims(claim for s in statements for claim in s.claims))

    def near(statement: Statement) -> bool:
        claim = statement.claims[0]
        (shown,) = values_shown(cohort, ledger.with_claims([claim]))
        return units_off(claim.numbers[0], shown) <= statement.slack

    return frozenset(k for k, s in enumerate(statements) if (near(s) if s.slack else s.ids <= ids))
