"""How far printed numbers must move before other statements can hold: the smallest change of a repair.

A rate, a median or a P value is let go to both sides, and the smallest slack for which patients exist is
found by halving: one unit of the last printed digit less is proven impossible, unless the solver ran out
of time. If several give way together, first the largest of their moves is made as small as can be, then
each in turn. Numbers of the tables are left to :mod:`recohort.solve.table_changes`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Literal

import pandas as pd

from recohort.solve import oracle
from recohort.solve.instance import Settings
from recohort.solve.parts import Part
from recohort.solve.printed_units import MOST_UNITS, can_move, loosened, units_off, values_shown
from recohort.solve.statements import Change
from recohort.solve.witness import met_claims

__all__ = ["smallest_change"]

GUESSES = 4
"""So many guesses of why less will not do may be wrong."""

Effort = Literal["search", "quick", "patient"]
Shown = tuple[float, ...]
"""What patients show for each amended statement."""


def smallest_change(
    part: Part,
    kept: Collection[int],
    amended: Sequence[int],
    settings: Settings,
    cohorts: Iterable[pd.DataFrame] = (),
    conflicts: Iterable[Collection[int]] = (),
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
    conflicts : iterable of collection of int
        Known of the part: where a number moves too little, they may be conflicts still.

    Returns
    -------
    Change or None
        None if one of the amended statements is no number that can move a little, or if `MOST_UNITS` are
        not enough.
    """
    if not all(can_move(part.statements[k]) for k in amended):
        return None

    numbers = [part.statements[k].claims[0].numbers[0] for k in amended]

    def ask(*units: int, effort: Effort) -> Shown | str:
        return _shown(part, kept, amended, units, settings, conflicts, effort)

    def moves(shown: Shown) -> list[int]:
        return [units_off(number, value) for number, value in zip(numbers, shown, strict=True)]

    known = _known(part, kept, amended, cohorts)
    best = min(known, key=lambda shown: max(moves(shown)), default=None) or ask(
        *[MOST_UNITS] * len(amended), effort="patient"
    )
    if not isinstance(best, tuple) or max(moves(best)) > MOST_UNITS:
        return None
    best, proven = _halve(
        lambda most, effort: ask(*[most] * len(amended), effort=effort),
        lambda shown: max(moves(shown)),
        best,
    )
    limits = [max(moves(best))] * len(amended)
    for k in range(len(amended) if len(amended) > 1 else 0):
        best, sure = _halve(
            lambda less, effort, k=k: ask(*limits[:k], less, *limits[k + 1 :], effort=effort),  # type: ignore[misc]
            lambda shown, k=k: moves(shown)[k],  # type: ignore[misc]
            best,
            prove=proven,
        )
        limits[k] = moves(best)[k]
        proven &= sure
    return Change(tuple(amended), tuple((n,) for n in moves(best)), tuple((x,) for x in best), proven)


def _halve(
    ask: Callable[[int, Effort], Shown | str],
    size: Callable[[Shown], int],
    best: Shown,
    *,
    prove: bool = True,
) -> tuple[Shown, bool]:
    """Find the smallest number of units that will do, given what does and that none will not.

    Where the solver ran out of time on the way, the last question is asked once more, with patience. Without
    proofs this is only a search.
    """
    low, proven = 0, True
    while size(best) - low > 1:
        units = (low + size(best)) // 2
        shown = ask(units, "quick" if prove else "search")
        if isinstance(shown, tuple):
            best = shown
        else:
            low, proven = units, proven and shown == "infeasible"
    while prove and not proven:
        shown = ask(size(best) - 1, "patient")
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
            yield values_shown(cohort, ledger)


def _shown(
    part: Part,
    kept: Collection[int],
    amended: Sequence[int],
    units: Sequence[int],
    settings: Settings,
    conflicts: Iterable[Collection[int]],
    effort: Effort,
) -> Shown | str:
    """Give what patients show for numbers that may be so many units off, or why there are none."""
    n = len(part.statements)
    loose = [loosened(part.statements[k], more, part) for k, more in zip(amended, units, strict=True)]
    wider = dataclasses.replace(part, statements=(*part.statements, *loose))
    now = {k: k for k in kept} | {k: n + i for i, k in enumerate(amended)}
    wanted = frozenset(now.values())
    explorer = oracle.explorer(wider, settings)
    verdict = explorer.look(wanted) if effort == "search" else explorer.ask(wanted, quick=True)
    if verdict.status == "unknown" and effort != "search":
        explorer.suppose(
            (frozenset(now[k] for k in some) for some in conflicts if now.keys() >= set(some)), quick=True
        )
        verdict = (
            explorer.guess(wanted, most=GUESSES) if effort == "patient" else explorer.ask(wanted, quick=True)
        )
    if verdict.evidence is None:
        return "infeasible" if verdict.status == "infeasible" else "unknown"
    return values_shown(
        verdict.evidence, part.problem.ledger.with_claims(part.statements[k].claims[0] for k in amended)
    )
