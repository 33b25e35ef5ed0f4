"""What an audit is about and what it gives: statements, and what was found of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from recohort.ledger import Claim, Ledger
from recohort.solve.conflict_sets import Explorer
from recohort.solve.problem import Demand

__all__ = [
    "Attainable",
    "Change",
    "Finding",
    "Statement",
    "as_printed",
    "finding",
    "taken_for_granted",
]

E = TypeVar("E")


@dataclass(frozen=True)
class Statement:
    """What some claims print alike.

    Attributes
    ----------
    claims : tuple of Claim
        The first one speaks for all.
    demands : tuple
        What curves must show; empty for attributes.
    slack : int
        By so many printed units the number of the first claim may be off.
    """

    claims: tuple[Claim, ...]
    demands: tuple[Demand, ...] = ()
    slack: int = 0

    @property
    def ids(self) -> frozenset[str]:
        """Ids of the claims."""
        return frozenset(claim.id for claim in self.claims)


@dataclass(frozen=True)
class Change:
    """What amended statements may say instead.

    Attributes
    ----------
    statements : tuple of int
        The amended ones.
    units : tuple of tuple of int
        For each of them how far each number of its first claim moves: so many patients for a count or a
        denominator, so many units of the last printed digit for any other number.
    values : tuple of tuple of float
        What patients who meet the others show instead, in the unit printed; others may do as well.
    proven : bool
        Whether less is proven not to be enough.
    at_least : int
        Proven, even if `proven` is not: the largest move is no smaller.
    """

    statements: tuple[int, ...]
    units: tuple[tuple[int, ...], ...]
    values: tuple[tuple[float, ...], ...]
    proven: bool
    at_least: int = 0

    @property
    def largest(self) -> int:
        """The largest move of a statement, its numbers added up."""
        return max(map(sum, self.units))

    @property
    def largest_proven(self) -> bool:
        """Whether the largest move is proven to be as small as can be."""
        return self.proven or self.at_least >= self.largest


@dataclass(frozen=True)
class Attainable:
    """What a P value can be if all other statements on its endpoint hold.

    Attributes
    ----------
    statement : int
        Position of the P value among the part's statements.
    values : tuple of float
        Ascending.
    proven : bool
        Whether there are no others.
    repairs : tuple of tuple of int
        What would have to be amended on this endpoint: one statement, or two.
    repairs_proven : bool
        Whether these are all.
    changes : tuple of Change
        How far the numbers of such a repair must move.
    """

    statement: int
    values: tuple[float, ...]
    proven: bool
    repairs: tuple[tuple[int, ...], ...]
    repairs_proven: bool
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What an audit of one part found.

    Attributes
    ----------
    name : str
    statements : tuple of Statement
    conflicts : tuple of tuple of int
        Positions in `statements`, smallest conflicts first.
    minimal : tuple of bool
        For each conflict, whether every statement in it is proven to be needed.
    repairs : tuple of tuple of int
        The smallest repairs.
    fewest : int
        Proven: no repair amends fewer statements.
    complete : bool
        Whether `repairs` are proven to be all that small.
    undecided : tuple of tuple of int
        Sets of the smallest size of which the solver could not say in time whether they are repairs.
    questions : int
        How many the solver was asked.
    p_values : tuple of Attainable
        What a P value that takes part in a conflict can be.
    changes : tuple of tuple of Change
        For each conflict how far one of its numbers must move so that the conflict is gone; of conflicts
        of two.
    sizes : tuple of int or None
        For each statement the number of patients that it is about, where it is known.
    repair_changes : tuple of Change or None
        For each smallest repair how far its numbers must move so that everything else holds.
    """

    name: str
    statements: tuple[Statement, ...]
    conflicts: tuple[tuple[int, ...], ...]
    minimal: tuple[bool, ...]
    repairs: tuple[tuple[int, ...], ...]
    fewest: int
    complete: bool
    undecided: tuple[tuple[int, ...], ...] = ()
    questions: int = 0
    p_values: tuple[Attainable, ...] = ()
    changes: tuple[tuple[Change, ...], ...] = ()
    repair_changes: tuple[Change | None, ...] = ()
    sizes: tuple[int | None, ...] = ()

    @property
    def least(self) -> tuple[int, ...]:
        """Positions of the smallest repairs that change least: their largest move is the smallest."""
        largest = {n: change.largest for n, change in enumerate(self.repair_changes) if change is not None}
        return tuple(n for n, units in largest.items() if units == min(largest.values()))

    @property
    def least_proven(self) -> bool:
        """Whether every smallest repair is known, and that none can do with a smaller largest move."""
        changes = [change for change in self.repair_changes if change is not None]
        smallest = min((change.largest for change in changes), default=0)
        return (
            self.complete
            and len(changes) == len(self.repairs)
            and all(change.largest_proven or change.at_least >= smallest for change in changes)
        )


def as_printed(ledger: Ledger) -> Ledger:
    """Return the ledger without any reading: every number counts as it is printed."""
    return ledger.with_claims(c.model_copy(update={"read_as": None, "because": None}) for c in ledger.claims)


def taken_for_granted(ledger: Ledger) -> str:
    """Say what a proof takes for granted."""
    sizes = "the printed group sizes"
    if ledger.convention("ties") != "distinct" or not ledger.endpoints:
        return sizes
    return f"{sizes} and distinct times"


def finding(name: str, statements: tuple[Statement, ...], explorer: Explorer[E]) -> Finding:
    """Put what an exploration found in order, the smallest conflicts first."""
    found = explorer.findings
    conflicts = sorted(found.conflicts, key=lambda c: (len(c), sorted(c)))
    return Finding(
        name,
        statements,
        tuple(tuple(sorted(c)) for c in conflicts),
        tuple(c not in found.unminimised for c in conflicts),
        tuple(sorted(tuple(sorted(repair)) for repair in found.repairs)),
        found.fewest,
        found.complete,
        tuple(sorted(tuple(sorted(some)) for some in found.open)),
        explorer.calls,
        changes=((),) * len(conflicts),
        repair_changes=(None,) * len(found.repairs),
        sizes=(None,) * len(statements),
    )
