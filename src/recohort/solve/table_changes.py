"""How far printed counts, percentages, medians and P values must move before other tables can hold.

One model holds the other statements and leaves the amended ones free. Every number of these *moves* by so
many printed units as its window must be widened on both sides to hold what the patients show: patients for
a count or a denominator, units of the last printed digit for a percentage, a median, an end of a range or a
P value. A statement of several numbers, such as "8/25 (31)", moves by their sum: read as 8 of 26, it moves
by one patient for the denominator and none for the percentage, since 8 of 26 is 31%.

First the largest move of a statement is made as small as can be, then the sum of all. "Optimal" is the proof
that less will not do. So are patients for whom each statement moves as far as it must by itself, if nothing
else has to hold, and no further; they are asked for first.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from fractions import Fraction

from ortools.sat.python import cp_model

from recohort.ledger import Claim, Ledger
from recohort.printed import SLACK, Interval, Number
from recohort.solve.attribute_claims import (
    COUNTS,
    SPREADS,
    add_claims,
    column_of,
    possible_tables,
    printed_counts,
    windows,
)
from recohort.solve.attribute_model import AttributeModel
from recohort.solve.cpsat import prover, run
from recohort.solve.order_statistics import Column, exact
from recohort.solve.problem import UnsupportedClaim
from recohort.solve.statements import Change, Finding

__all__ = ["smallest_table_change", "with_changes"]

Tell = Callable[[str], None]
DIGITS = 2
"""What is shown instead is given so many digits finer than it is printed."""


def with_changes(
    found: Finding, ledger: Ledger, *, seconds: float = 10.0, tell: Tell = lambda _: None
) -> Finding:
    """Say of an audit's conflicts of two, and of its smallest repairs, how far numbers must move.

    Parameters
    ----------
    found : Finding
        Of the tables.
    ledger : Ledger
        As printed.
    seconds : float
        Limit of each question, in the solver's deterministic time.
    tell : callable, optional
        Told what is being done.
    """
    everything = set(range(len(found.statements)))
    changes = []
    for conflict in found.conflicts:
        one_of = [k for k in conflict if len(conflict) == 2]
        tried = [smallest_table_change(found, ledger, {*conflict} - {k}, [k], seconds) for k in one_of]
        changes.append(tuple(change for change in tried if change is not None))
    repair_changes = []
    for number, repair in enumerate(found.repairs, start=1):
        tell(f"how far repair {number} of {len(found.repairs)} must move numbers")
        repair_changes.append(
            smallest_table_change(found, ledger, everything - {*repair}, repair, seconds) if repair else None
        )
    return dataclasses.replace(found, changes=tuple(changes), repair_changes=tuple(repair_changes))


def smallest_table_change(
    found: Finding, ledger: Ledger, kept: Collection[int], amended: Sequence[int], seconds: float
) -> Change | None:
    """Find how far numbers must move so that other statements hold.

    Parameters
    ----------
    found : Finding
        Whose statements these are.
    ledger : Ledger
        As printed.
    kept : collection of int
        The other statements.
    amended : sequence of int
    seconds : float
        Limit, in the solver's deterministic time.

    Returns
    -------
    Change or None
        None if there is nothing to move to (a percentage of nobody), or nothing was found in time.
    """
    if len(amended) > 1:
        alone = [smallest_table_change(found, ledger, (), [k], seconds) for k in amended]
        least = [sum(one.units[0]) for one in alone if one is not None and one.proven]
        if len(least) == len(amended) and (change := _change(found, ledger, kept, amended, seconds, least)):
            return change
    return _change(found, ledger, kept, amended, seconds)


def _change(
    found: Finding,
    ledger: Ledger,
    kept: Collection[int],
    amended: Sequence[int],
    seconds: float,
    least: Sequence[int] | None = None,
) -> Change | None:
    """Find the smallest moves, or some of just that size if it is known that less will not do."""

    def first(k: int) -> Claim:
        return found.statements[k].claims[0]

    m = AttributeModel(ledger.with_claims(first(k) for k in sorted(kept)))
    try:
        add_claims(m)
        moves = [_moves(m, first(k)) for k in amended]
    except UnsupportedClaim:
        return None
    sums = [cp_model.LinearExpr.sum([move.units for move in of_one]) for of_one in moves]
    if least is None:
        most = sum(move.most for of_one in moves for move in of_one)
        largest = m.model.new_int_var(0, most, "largest move")
        for one in sums:
            m.model.add(largest >= one)
        m.model.minimize((most + 1) * largest + cp_model.LinearExpr.sum(sums))
    else:
        for one, units in zip(sums, least, strict=True):
            m.model.add(one == units)

    solver = prover()
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = seconds
    status = run(solver, m.model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    return Change(
        tuple(amended),
        tuple(tuple(solver.value(move.units) for move in of_one) for of_one in moves),
        tuple(tuple(move.shown(solver) for move in of_one) for of_one in moves),
        status == cp_model.OPTIMAL,
    )


# --- how far one number moves ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Move:
    """How far a number moves, how far it could at most, and what patients show instead."""

    units: cp_model.IntVar
    most: int
    shown: Callable[[cp_model.CpSolver], float]


def _moves(m: AttributeModel, claim: Claim) -> list[_Move]:
    """Let each number of a claim move, in the order printed."""
    pairs = [(number, windows(claim, m.ledger)[number.part]) for number in claim.numbers]
    if claim.kind in COUNTS:
        return [_count_move(m, claim, number, window) for number, window in pairs]
    if claim.kind in SPREADS:
        column = column_of(m, claim)
        return [_spread_move(m, column, number, window) for number, window in pairs]
    return [_p_move(m, claim, number, window) for number, window in pairs]


def _count_move(m: AttributeModel, claim: Claim, number: Number, window: Interval) -> _Move:
    part, whole = m.size(claim.of & claim.where), m.size(claim.of)
    if number.part == "percent":
        m.model.add(whole >= 1)
        return _move(m, _Ratio(100 * part, whole, (0, 100)), number, window)
    return _move(
        m, _Ratio(part if number.part == "count" else whole, 1, (0, len(m.patients))), number, window
    )


def _spread_move(m: AttributeModel, column: Column, number: Number, window: Interval) -> _Move:
    steps = column.steps(number.part)
    low, high = (Fraction(end, column.scale) for end in column.bounds)
    return _move(m, _Ratio(column.show(number.part), steps, (low, high)), number, window)


def _p_move(m: AttributeModel, claim: Claim, number: Number, window: Interval) -> _Move:
    """Let a P value move to that of any table of counts; a sign before it moves with it."""
    counts, tables = possible_tables(m, claim, printed_counts(m.ledger.claims))
    p_values = {table: p for table, p in tables if not math.isnan(p)}
    moved = {table: _units_to(p, window, number.decimals) for table, p in p_values.items()}
    most = max(moved.values(), default=0)
    units = m.model.new_int_var(0, most, claim.id)
    m.model.add_allowed_assignments([*counts, units], [(*table, n) for table, n in moved.items()])

    def shown(solver: cp_model.CpSolver) -> float:
        return round(p_values[tuple(map(solver.value, counts))], number.decimals + DIGITS)

    return _Move(units, most, shown)


@dataclass(frozen=True)
class _Ratio:
    """What patients show: an integer over another, between two ends."""

    above: cp_model.LinearExprT
    below: cp_model.IntVar | int
    ends: tuple[Fraction | int, Fraction | int]


def _move(m: AttributeModel, ratio: _Ratio, number: Number, window: Interval) -> _Move:
    """Widen a window by whole units until it holds a ratio, compared in whole numbers."""
    per_unit = 10**number.decimals
    low, high = exact(window.low), exact(window.high)
    most = max(math.ceil(max(low - ratio.ends[0], ratio.ends[1] - high, 0) * per_unit) + 1, 1)
    units = m.model.new_int_var(0, most, "units")
    wider = _times(m, units, ratio.below, most)
    for end, sign, closed in ((low, 1, window.low_closed), (high, -1, window.high_closed)):
        whole = end.denominator * per_unit
        gap = sign * (whole * ratio.above - int(end * whole) * ratio.below)
        m.model.add(gap + end.denominator * wider >= (0 if closed else 1))

    def shown(solver: cp_model.CpSolver) -> float:
        value = Fraction(solver.value(ratio.above), solver.value(ratio.below))
        return round(float(value), number.decimals + DIGITS)

    return _Move(units, most, shown)


def _times(
    m: AttributeModel, units: cp_model.IntVar, below: cp_model.IntVar | int, most: int
) -> cp_model.LinearExprT:
    """Multiply units by what a ratio is over."""
    if isinstance(below, int):
        return below * units
    product = m.model.new_int_var(0, most * len(m.patients), "units times patients")
    m.model.add_multiplication_equality(product, [units, below])
    return product


def _units_to(value: float, window: Interval, decimals: int) -> int:
    """By how many units of the last digit a window must be widened to hold a number."""
    if value in window:
        return 0
    gap = max(window.low - value, value - window.high)
    units = max(math.ceil(gap * 10**decimals - SLACK * 10**decimals), 1)
    slack = units / 10**decimals
    wider = dataclasses.replace(window, low=window.low - slack, high=window.high + slack)
    return int(units) if value in wider else int(units) + 1
