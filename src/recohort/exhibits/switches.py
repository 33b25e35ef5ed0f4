"""Printed statements as switches: what an audit knows of those that are on.

An audit proves conflicts, and finds patients who meet some of the statements. What holds a conflict cannot
hold; what known patients meet can hold; of everything else nothing is known. The page "Break the paper"
decides the same in the browser (``book/_static/play/holds.js``); its tests compare the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from recohort.conditions import Condition, Test
from recohort.exhibits.audit_page import part_name
from recohort.exhibits.cells import Cell
from recohort.exhibits.markup import CLAIM_PAGE, Html, claim_link, element
from recohort.exhibits.numbers import times
from recohort.exhibits.reference import about
from recohort.exhibits.tables import simple
from recohort.ledger import Claim, Ledger
from recohort.solve.hitting_sets import minimal_hitting_sets

__all__ = [
    "PRESETS", "Conflict", "Part", "Verdict", "Whole", "conflict_tables", "first_step", "page_data",
    "presets", "read_parts", "survival_first", "verdict", "whole",
]  # fmt: skip

PRESETS: Mapping[str, str] = {
    "As printed": "turns everything on",
    "As this book reads it": "turns off what this book does not take as printed",
    "Another smallest choice": "turns off as few statements, but others",
    "A smallest choice": "turns off as few statements as can be",
    "Everything off": "turns off all, for a start from nothing",
}
"""Names of choices of what is off, and what they do."""

Set = frozenset[int]
Status = Literal["cannot", "can", "unknown"]


@dataclass(frozen=True)
class Conflict:
    """Statements that cannot hold together, proven.

    Attributes
    ----------
    statements : frozenset of int
        Positions among the statements of the part.
    minimal : bool
        Whether each of them is proven to be needed.
    proof : str or None
        A proof in a sentence, where there is one.
    """

    statements: Set
    minimal: bool
    proof: str | None

    @property
    def why(self) -> str:
        """The proof, or who proves it; and whether a statement may be too many."""
        n = len(self.statements)
        solver = (
            f"A solver proves that no patients meet {'it' if n == 1 else f'these {n} statements together'}."
        )
        doubt = "" if self.minimal else " Perhaps fewer of them conflict already (not proven)."
        return (self.proof or solver) + doubt


@dataclass(frozen=True)
class Part:
    """What an audit knows of one part.

    Attributes
    ----------
    name : str
    statements : tuple of tuple of str
        For each statement the ids of its claims; those of the first conflicts first, those of none last.
    conflicts : tuple of Conflict
    repairs : tuple of frozenset of int
        The smallest sets without which the others can hold.
    met : frozenset of int or None
        Statements that the audit's best cohort meets as printed; None if it knew no cohort.
    witnesses : tuple of frozenset of int
        Sets that known patients meet, none within another.
    """

    name: str
    statements: tuple[tuple[str, ...], ...]
    conflicts: tuple[Conflict, ...]
    repairs: tuple[Set, ...]
    met: Set | None
    witnesses: tuple[Set, ...]


@dataclass(frozen=True)
class Verdict:
    """What is known of the statements of a part that are on.

    Attributes
    ----------
    status : str
        `cannot`: they hold a conflict. `can`: known patients meet them all. `unknown`: neither.
    lit : tuple of int
        Positions of the conflicts that they hold.
    fewest : int
        So many of them must give way at least.
    """

    status: Status
    lit: tuple[int, ...]
    fewest: int


@dataclass(frozen=True)
class Whole:
    """What is known of all statements that are on.

    Attributes
    ----------
    status : str
    apart : bool
        Whether each part can hold, while nobody is known who meets all parts at once.
    fewest : int
    parts : tuple of Verdict
    """

    status: Status
    apart: bool
    fewest: int
    parts: tuple[Verdict, ...]


def survival_first(found: Mapping[str, Any], ledger: Ledger) -> dict[str, Any]:
    """Return what an audit found with the parts on survival before those on counts, for a reader."""

    def counted(part: Mapping[str, Any]) -> bool:
        claims = (ledger.claim(claim["id"]) for s in part["statements"] for claim in s["claims"])
        return all(claim.endpoint is None for claim in claims)

    return {**found, "parts": sorted(found["parts"], key=counted)}


def read_parts(found: Mapping[str, Any]) -> tuple[Part, ...]:
    """Take what an audit found (:func:`recohort.exhibits.conflicts.to_json`) as parts with switches."""
    amended = found["amended_by_cohort"]
    return tuple(_read_part(part, None if amended is None else set(amended)) for part in found["parts"])


def _read_part(part: Mapping[str, Any], amended: set[str] | None) -> Part:
    in_file = [tuple(claim["id"] for claim in s["claims"]) for s in part["statements"]]
    first: dict[tuple[str, ...], int] = {}
    for number, conflict in enumerate(part["conflicts"]):
        for ids in map(tuple, conflict["claims"]):
            first.setdefault(ids, number)
    ordered = sorted(in_file, key=lambda ids: first.get(ids, len(part["conflicts"])))
    place = {ids: k for k, ids in enumerate(ordered)}

    def positions(some: Iterable[Sequence[str]]) -> Set:
        return frozenset(place[tuple(ids)] for ids in some)

    conflicts = tuple(Conflict(positions(c["claims"]), c["minimal"], c["proof"]) for c in part["conflicts"])
    repairs = tuple(map(positions, part["repairs"]))
    met = None if amended is None else positions(ids for ids in ordered if not amended & set(ids))
    everything = frozenset(range(len(ordered)))
    known = [everything - repair for repair in repairs] + ([] if met is None else [met])
    # Each statement of a minimal conflict is needed: without it, the solver found patients.
    known += [c.statements - {k} for c in conflicts if c.minimal for k in c.statements]
    witnesses = tuple(s for s in dict.fromkeys(known) if s and not any(s < other for other in known))
    return Part(part["name"], tuple(ordered), conflicts, repairs, met, witnesses)


def verdict(part: Part, on: Set) -> Verdict:
    """Say what is known of some statements of a part; nothing never contradicts itself."""
    lit = tuple(i for i, conflict in enumerate(part.conflicts) if conflict.statements <= on)
    if lit:
        fewest = len(next(minimal_hitting_sets([part.conflicts[i].statements for i in lit])))
        return Verdict("cannot", lit, fewest)
    known = not on or any(on <= witness for witness in part.witnesses)
    return Verdict("can" if known else "unknown", (), 0)


def whole(parts: Sequence[Part], on: Sequence[Set]) -> Whole:
    """Say what is known of some statements of all parts.

    Patients who meet one part and others who meet another are no proof for both at once: tables tie all
    patients together. The audit's cohort meets what it meets at once.
    """
    each = tuple(verdict(part, mine) for part, mine in zip(parts, on, strict=True))
    fewest = sum(one.fewest for one in each)
    if any(one.status == "cannot" for one in each):
        return Whole("cannot", False, fewest, each)
    apart = all(one.status == "can" for one in each)
    alone = sum(map(bool, on)) <= 1
    by_cohort = all(part.met is not None and mine <= part.met for part, mine in zip(parts, on, strict=True))
    if by_cohort or (apart and alone):
        return Whole("can", False, fewest, each)
    return Whole("unknown", apart, fewest, each)


def presets(parts: Sequence[Part]) -> dict[str, tuple[Set, ...]]:
    """Name some choices of what is off, part by part."""
    everything = tuple(frozenset(range(len(part.statements))) for part in parts)
    named: dict[str, tuple[Set, ...]] = {"As printed": tuple(frozenset() for _ in parts)}
    met = [part.met for part in parts if part.met is not None]
    if len(met) == len(parts):
        named["As this book reads it"] = tuple(
            whole - mine for whole, mine in zip(everything, met, strict=True)
        )
    if all(part.repairs for part in parts):
        taken = list(named.values())[-1]
        other = tuple(
            next((repair for repair in part.repairs if repair != mine), part.repairs[0])
            for part, mine in zip(parts, taken, strict=True)
        )
        if other not in named.values():
            named["Another smallest choice" if met else "A smallest choice"] = other
    return named | {"Everything off": everything}


def page_data(
    found: Mapping[str, Any], parts: Sequence[Part], ledger: Ledger, cells: Mapping[str, Cell]
) -> dict[str, Any]:
    """Give what the page needs, for JSON.

    Parameters
    ----------
    found : mapping
        As :func:`recohort.exhibits.conflicts.to_json` gives it.
    parts : sequence of Part
        As :func:`read_parts` takes it.
    ledger : Ledger
    cells : mapping of str to Cell
        By claim id, for the book's reading.
    """
    return {
        "page": CLAIM_PAGE,
        "fewest": found["fewest"],
        "parts": [_part_data(part, ledger, cells) for part in parts],
        "presets": [
            {"name": name, "hint": f"{name}: {PRESETS[name]}", "off": [sorted(mine) for mine in off]}
            for name, off in presets(parts).items()
        ],
    }


def _part_data(part: Part, ledger: Ledger, cells: Mapping[str, Cell]) -> dict[str, Any]:
    common = _common(part, ledger)
    statements = []
    for ids in part.statements:
        claims = [ledger.claim(name) for name in ids]
        statements.append({
            "claim": ids[0],
            "printed": claims[0].printed,
            "what": _what(claims[0], ledger, common),
            "places": "; ".join(dict.fromkeys(claim.at for claim in claims)),
            "reading": next((cells[name].reading for name in ids if cells[name].reading), ""),
        })  # fmt: skip
    return {
        "name": part_name(part.name, ledger),
        "statements": statements,
        "conflicts": [{"of": sorted(c.statements), "why": c.why} for c in part.conflicts],
        "witnesses": [sorted(witness) for witness in part.witnesses],
        "met": None if part.met is None else sorted(part.met),
    }


def conflict_tables(parts: Sequence[Part], ledger: Ledger) -> Iterator[Html]:
    """Give a table of the conflicts of each part, each number with a link to its claim."""
    for part in parts:
        common = _common(part, ledger)
        rows = []
        for conflict in part.conflicts:
            claims = [ledger.claim(part.statements[k][0]) for k in sorted(conflict.statements)]
            said = [element("li", _link(claim), f" {_what(claim, ledger, common)}") for claim in claims]
            rows.append((element("ul", *said), conflict.why))
        if rows:
            yield simple(part_name(part.name, ledger), ("Cannot all hold", "Why"), rows)


def first_step(parts: Sequence[Part], ledger: Ledger) -> str:
    """Say what to try first: the statement whose switch puts out most lights of the first part with any."""
    part = next((part for part in parts if part.conflicts), None)
    if part is None:
        return "No conflict is known."
    lit = list(enumerate(part.conflicts, start=1))
    out = [[i for i, c in lit if k in c.statements] for k in range(len(part.statements))]
    k = max(range(len(out)), key=lambda one: len(out[one]))
    claim = ledger.claim(part.statements[k][0])
    *others, last = map(str, out[k])
    lights = f"lights {', '.join(others)} and {last} go out" if others else f"light {last} goes out"
    what = _what(claim, ledger, _common(part, ledger))
    return f"Under “{part_name(part.name, ledger)}” turn off “{claim.printed}” ({what}): {lights}."


def _link(claim: Claim) -> Html:
    return element("a", f"“{claim.printed}”", href=claim_link(claim.id), data_claim=claim.id)


def _common(part: Part, ledger: Ledger) -> frozenset[tuple[str, Test]]:
    """Give the conditions that all statements of a part make, so that its name can say them once."""
    wheres = [frozenset(ledger.claim(ids[0]).where.tests) for ids in part.statements]
    return frozenset.intersection(*wheres) if wheres else frozenset()


def _what(claim: Claim, ledger: Ledger, common: frozenset[tuple[str, Test]]) -> str:
    """Say what a claim states, without what all of its part have in common, unless nothing else is said."""
    rest = tuple(test for test in claim.where.tests if test not in common)
    update: dict[str, object] = {"at_risk": None}
    if rest or claim.groups is not None:
        update["where"] = Condition(tests=rest)
    said = about(claim.model_copy(update=update), ledger).removeprefix("patients: ")
    if claim.at_risk is not None:
        month = ledger.month(next(iter(claim.at_risk.values())))
        said += f"; landmark {times(month, ledger.study.time.unit)}"
    return said[:1].upper() + said[1:]
