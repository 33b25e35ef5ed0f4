"""What is not taken as printed, counted: printed places, statements, facts, and conflicts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recohort.exhibits.cells import Cell
from recohort.ledger import Ledger
from recohort.wording import counted

if TYPE_CHECKING:
    from recohort.exhibits.switches import Part

__all__ = ["Amended", "amended", "kinds_in_words", "reconciled", "weighty"]

KINDS: Mapping[str, str] = {
    "survival": "survival rate", "median_survival": "median survival time", "follow_up": "follow-up time",
    "p_value": "P value",
}  # fmt: skip
OTHER_KIND = "count or percentage"


@dataclass(frozen=True)
class Amended:
    """The printed places that a ledger reads otherwise, put together step by step.

    Attributes
    ----------
    facts : tuple of tuple of tuple of str
        Claim ids: the claims of a statement are one number, printed at several places; the statements of
        a fact have print, reading and reason in common.
    """

    facts: tuple[tuple[tuple[str, ...], ...], ...]

    @property
    def statements(self) -> int:
        """Number of statements in all facts."""
        return sum(map(len, self.facts))

    @property
    def places(self) -> int:
        """Number of printed places in all facts."""
        return sum(len(claims) for fact in self.facts for claims in fact)


def amended(parts: Sequence[Part], cells: Mapping[str, Cell]) -> Amended:
    """Put together what a ledger reads otherwise, in the order of print.

    Parameters
    ----------
    parts : sequence of Part
        An audit's statements, from :func:`recohort.exhibits.switches.read_parts`.
    cells : mapping of str to Cell
        By claim id. A claim that is in no part is a statement of its own.
    """
    statement = {name: ids for part in parts for ids in part.statements for name in ids}
    read = [name for name, cell in cells.items() if cell.reading]
    facts: dict[tuple[str, str, str], dict[tuple[str, ...], None]] = {}
    for name in read:
        alike = tuple(other for other in read if other in statement.get(name, (name,)))
        first = cells[alike[0]]
        facts.setdefault((first.printed, first.reading, first.because), {})[alike] = None
    return Amended(tuple(tuple(statements) for statements in facts.values()))


def reconciled(parts: Sequence[Part], cells: Mapping[str, Cell], fewest: int) -> str:
    """Say in words how places, statements, facts and conflicts hang together.

    Parameters
    ----------
    parts, cells
        As for :func:`amended`.
    fewest : int
        The audit's proven minimum of statements that must be amended.
    """
    found = amended(parts, cells)
    lights = sum(len(part.conflicts) for part in parts)
    enough = "and no fewer would do" if found.statements == fewest else f"at least {fewest} would be needed"
    return (
        f"{counted(found.places, 'printed place')} not taken as printed are "
        f"{counted(found.statements, 'statement')} (a number printed again elsewhere is the same statement), "
        f"{enough}; these come from {counted(len(found.facts), 'fact')} (one slip in several rows is one "
        f"fact). The {counted(lights, 'light')} of “Break the paper” are conflicts among statements: sets "
        "that cannot all be true. A statement may stand in several of them."
    )


def kinds_in_words(names: Collection[str], ledger: Ledger) -> str:
    """Say of what kind some claims are: ``2 survival rates, 1 P value and 3 counts or percentages``."""
    kinds = [KINDS.get(ledger.claim(name).kind, OTHER_KIND) for name in names]
    said = [counted(kinds.count(kind), kind) for kind in (*KINDS.values(), OTHER_KIND) if kind in kinds]
    return f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else "".join(said)


def weighty(name: str, ledger: Ledger) -> bool:
    """Whether a claim is a survival result or a P value, not a count or a percentage of patients."""
    return ledger.claim(name).kind in KINDS
