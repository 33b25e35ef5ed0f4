"""How far printed numbers must move before other statements can hold: the smallest change of a repair.

A rate, a median or a P value is let go to both sides, and the smallest slack for which patients exist is
found by halving: one unit of the last printed digit less is proven impossible, unless the solver ran out
of time. If several give way together, first the largest of their moves is made as small as can be, then
each in turn. None of them can move less than it must by itself, for the sake of some of the others; if there
are patients for whom none moves further, that settles it. Numbers of the tables are left to
:mod:`recohort.solve.table_changes`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from recohort.solve import oracle
from recohort.solve.conflict_sets import Explorer, Verdict
from recohort.solve.instance import Settings
from recohort.solve.parts import Part
from recohort.solve.printed_units import MOST_UNITS, can_move, loosened, units_off, values_shown
from recohort.solve.statements import Change

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
    witnesses: Iterable[Verdict[pd.DataFrame]] = (),
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
    witnesses : iterable of Verdict
        Known patients and the statements that they meet.
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
    known, proofs = tuple(witnesses), tuple(map(frozenset, conflicts))
    repair = _Repair.of(part, frozenset(kept), tuple(amended), settings, known, proofs)
    together = len(amended) > 1
    least = [_least(part, k, repair.concerned(k), settings, known) if together else 1 for k in amended]
    if together and isinstance(shown := repair.ask(least, "quick"), tuple):
        return repair.change(shown, proven=True, at_least=max(least))
    everything = [MOST_UNITS] * len(amended)
    best = repair.known(everything) or repair.ask(everything, "patient")
    if not isinstance(best, tuple):
        return None
    best, proven = _halve(
        lambda most, effort: repair.ask([most] * len(amended), effort),
        lambda shown: max(repair.moves(shown)),
        best,
        low=max(least) - 1,
    )
    limits = [max(repair.moves(best))] * len(amended)
    at_least = limits[0] if proven else max(least)
    for k in range(len(amended) if together else 0):
        best, sure = _halve(
            lambda less, effort, k=k: repair.ask([*limits[:k], less, *limits[k + 1 :]], effort),  # type: ignore[misc]
            lambda shown, k=k: repair.moves(shown)[k],  # type: ignore[misc]
            best,
            low=least[k] - 1,
            prove=proven,
        )
        limits[k] = repair.moves(best)[k]
        proven &= sure
    return repair.change(best, proven=proven, at_least=at_least)


def _least(
    part: Part,
    k: int,
    groups: Iterable[frozenset[int]],
    settings: Settings,
    witnesses: Sequence[Verdict[pd.DataFrame]],
) -> int:
    """Give units by which a number must move at least, proven, to agree with each group of others."""
    least = 1
    for group in groups:
        alone = _Repair.of(part, group, (k,), settings, witnesses)
        if alone.ask([least], "quick") != "infeasible":
            continue
        best = alone.known([MOST_UNITS]) or alone.ask([MOST_UNITS], "quick")
        if isinstance(best, tuple):
            best, proven = _halve(
                lambda units, effort, alone=alone: alone.ask([units], effort),  # type: ignore[misc]
                lambda shown, alone=alone: alone.moves(shown)[0],  # type: ignore[misc]
                best,
                low=least,
            )
            least = max(least, alone.moves(best)[0]) if proven else least
    return least


def _halve(
    ask: Callable[[int, Effort], Shown | str],
    size: Callable[[Shown], int],
    best: Shown,
    *,
    low: int = 0,
    prove: bool = True,
) -> tuple[Shown, bool]:
    """Find the smallest number of units that will do, given what does and that `low` will not.

    Where the solver ran out of time on the way, the last question is asked once more, with patience. Without
    proofs this is only a search.
    """
    proven = True
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


@dataclass
class _Repair:
    """Statements that give way so that others hold, and all patients seen on the way."""

    part: Part
    kept: frozenset[int]
    amended: tuple[int, ...]
    settings: Settings
    conflicts: tuple[frozenset[int], ...]
    seen: list[tuple[Verdict[pd.DataFrame], Shown]] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        part: Part,
        kept: frozenset[int],
        amended: tuple[int, ...],
        settings: Settings,
        witnesses: Iterable[Verdict[pd.DataFrame]],
        conflicts: tuple[frozenset[int], ...] = (),
    ) -> _Repair:
        """Return a repair that knows some patients."""
        repair = cls(part, kept, amended, settings, conflicts)
        for witness in witnesses:
            repair.note(witness)
        return repair

    def concerned(self, k: int) -> list[frozenset[int]]:
        """Give groups of the other statements with which one that gives way does not agree as printed."""
        rest = frozenset(self.amended) - {k}
        conflicts = sorted((c - {k} for c in self.conflicts if k in c and not c & rest), key=len)
        return [*conflicts, self.part.on_same_endpoint(k) & self.kept]

    def change(self, shown: Shown, *, proven: bool, at_least: int) -> Change:
        """Return the change that patients show."""
        moves = tuple((n,) for n in self.moves(shown))
        return Change(self.amended, moves, tuple((value,) for value in shown), proven, at_least)

    def note(self, witness: Verdict[pd.DataFrame]) -> None:
        """Look at what patients show for the amended statements."""
        if witness.evidence is not None:
            claims = (self.part.statements[k].claims[0] for k in self.amended)
            shown = values_shown(witness.evidence, self.part.problem.ledger.with_claims(claims))
            met = frozenset(k for k in witness.met if k < len(self.part.statements))
            self.seen.append((dataclasses.replace(witness, met=met), shown))

    def moves(self, shown: Shown) -> list[int]:
        """By how many printed units each amended number is off."""
        printed = (self.part.statements[k].claims[0].numbers[0] for k in self.amended)
        return [units_off(number, value) for number, value in zip(printed, shown, strict=True)]

    def known(self, units: Sequence[int]) -> Shown | None:
        """Give what those of the patients seen show who are off by no more and meet the rest, at best."""
        found = [
            shown for witness, shown in self.seen if self.kept <= witness.met and self._near(shown, units)
        ]
        return min(found, key=lambda shown: max(self.moves(shown)), default=None)

    def _near(self, shown: Shown, units: Sequence[int]) -> bool:
        return all(off <= most for off, most in zip(self.moves(shown), units, strict=True))

    def ask(self, units: Sequence[int], effort: Effort) -> Shown | Literal["infeasible", "unknown"]:
        """Give what patients show for numbers that may be so many units off, or why there are none."""
        if known := self.known(units):
            return known
        n = len(self.part.statements)
        now = {k: k for k in self.kept} | {k: n + i for i, k in enumerate(self.amended)}
        wanted = frozenset(now.values())
        explorer = self._explorer(units)
        verdict = explorer.look(wanted)
        if verdict.status == "unknown" and effort != "search":
            same = (some for some in self.conflicts if some <= now.keys())
            explorer.suppose((frozenset(now[k] for k in some) for some in same), quick=True)
            patient = effort == "patient"
            verdict = explorer.guess(wanted, most=GUESSES) if patient else explorer.ask(wanted, quick=True)
        before = {id(witness.evidence) for witness, _ in self.seen}
        for witness in explorer.witnesses:
            if id(witness.evidence) not in before:
                self.note(witness)
        if verdict.status == "feasible":
            return self.known(units) or "unknown"
        return verdict.status

    def _explorer(self, units: Sequence[int]) -> Explorer[pd.DataFrame]:
        """Return an explorer of the part with the amended statements added, so many units wide."""
        n, statements = len(self.part.statements), self.part.statements
        loose = [
            loosened(statements[k], more, self.part) for k, more in zip(self.amended, units, strict=True)
        ]
        witnesses = []
        for witness, shown in self.seen:
            off = zip(self.moves(shown), units, strict=True)
            near = frozenset(n + i for i, (move, most) in enumerate(off) if move <= most)
            witnesses.append(dataclasses.replace(witness, met=witness.met | near))
        wider = dataclasses.replace(self.part, statements=(*statements, *loose))
        return oracle.explorer(wider, self.settings, witnesses)
