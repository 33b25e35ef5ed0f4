"""What an audit found, in lines for people and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

from recohort.exhibits.numbers import rounded
from recohort.exhibits.proofs import FEW, Remaining, in_one_line, proof, remaining
from recohort.solve.cpsat import PROVER
from recohort.solve.readings import best, in_words, shown
from recohort.solve.statements import taken_for_granted
from recohort.wording import counted

if TYPE_CHECKING:
    from recohort.ledger import Claim, Ledger
    from recohort.solve.audit import Audit
    from recohort.solve.readings import Readings
    from recohort.solve.statements import Change, Finding, Statement

__all__ = ["reprinted", "to_json", "to_lines"]


def to_json(audit: Audit, others: Readings | None = None) -> dict[str, object]:
    """Give an audit, and what other conventions would make of it, as what JSON can hold."""
    return {
        "fewest": audit.fewest,
        "reached_by_cohort": audit.reached,
        "amended_by_cohort": None if audit.amended is None else list(audit.amended),
        "solver": PROVER,
        "seconds_per_question": audit.seconds,
        "not_proven": [_left_out(audit.ledger.claim(name), audit.amended) for name in audit.left_out],
        "parts": [_part(finding, audit.ledger) for finding in audit.findings],
        "conventions": None if others is None else _conventions(audit, others),
    }


def _conventions(base: Audit, others: Readings) -> dict[str, object]:
    chosen = best(base, others)
    return {
        "tried": [
            {
                "changed": dict(one.changed),
                "fewest": one.audit.fewest,
                "fewest_is_enough": (enough := shown(one.audit, base)),
                "enough": one.audit.fewest if enough else one.audit.enough,
                "reached_by_cohort": one.audit.reached,
                "best": one is chosen,
                "parts": [
                    {
                        "name": finding.name,
                        "fewest": finding.fewest,
                        "all_smallest_repairs_proven": finding.complete,
                        "repairs": [_ids(finding, repair) for repair in finding.repairs],
                    }
                    for finding in one.audit.findings
                ],
            }
            for one in others.tried
        ],
        "not_followed": [dict([one]) for one in others.not_followed],
    }


def _left_out(claim: Claim, amended: tuple[str, ...] | None) -> dict[str, object]:
    """Give a claim that no proof covers, and whether the cohort meets it as printed."""
    met = None if amended is None else claim.id not in amended
    return {"claim": claim.id, "printed": claim.printed, "place": claim.at, "met_by_cohort": met}


def _part(finding: Finding, ledger: Ledger) -> dict[str, object]:
    return {
        "name": finding.name,
        "statements": [
            {
                "printed": s.claims[0].printed,
                "claims": [{"id": claim.id, "place": claim.at} for claim in s.claims],
            }
            for s in finding.statements
        ],
        "fewest": finding.fewest,
        "fewest_is_enough": bool(finding.repairs),
        "all_smallest_repairs_proven": finding.complete,
        "questions": finding.questions,
        "conflicts": [
            {
                "claims": _ids(finding, conflict),
                "status": "INFEASIBLE",
                "minimal": minimal,
                "proof": (words := _proof(finding, conflict, ledger)),
                "histories": [] if words else [asdict(row) for row in _histories(finding, conflict)],
                "changes": _changes(finding, changes),
            }
            for conflict, minimal, changes in _conflicts(finding)
        ],
        "repairs": [_ids(finding, repair) for repair in finding.repairs],
        "repair_changes": [
            None if change is None else _changes(finding, [change])[0] for change in finding.repair_changes
        ],
        "repairs_that_change_least": list(finding.least),
        "least_is_proven": finding.least_proven,
        "undecided_repairs": [_ids(finding, some) for some in finding.undecided],
        "p_values": [
            {
                "claims": _ids(finding, [p.statement])[0],
                "attainable": list(p.values),
                "all_proven": p.proven,
                "repairs": [_ids(finding, repair) for repair in p.repairs],
                "all_repairs_of_at_most_2_proven": p.repairs_proven,
                "changes": _changes(finding, p.changes),
            }
            for p in finding.p_values
        ],
    }


def _conflicts(finding: Finding) -> Iterator[tuple[tuple[int, ...], bool, tuple[Change, ...]]]:
    """Give each conflict, whether it is minimal, and the smallest changes that end it."""
    yield from zip(finding.conflicts, finding.minimal, finding.changes, strict=True)


def _ids(finding: Finding, some: Iterable[int]) -> list[list[str]]:
    """For each statement the ids of its claims."""
    return [[claim.id for claim in finding.statements[k].claims] for k in some]


def _changes(finding: Finding, changes: Iterable[Change]) -> list[dict[str, object]]:
    return [
        {
            "claims": _ids(finding, change.statements),
            "printed_units": list(map(list, change.units)),
            "instead": list(map(list, change.values)),
            "less_is_proven_impossible": change.proven,
            "largest_move_is_proven": change.largest_proven,
        }
        for change in changes
    ]


def _proof(finding: Finding, conflict: Iterable[int], ledger: Ledger) -> str | None:
    claims = [finding.statements[k].claims[0] for k in conflict]
    return proof(claims, ledger, [finding.sizes[k] for k in conflict])


def _histories(finding: Finding, conflict: Iterable[int]) -> tuple[Remaining, ...]:
    return remaining((finding.statements[k].claims[0], finding.sizes[k]) for k in conflict)


def _left(row: Remaining, ledger: Ledger) -> str:
    """Say what one rate leaves."""
    each = f"; at risk at each event: {in_one_line(row.at_risk)}" if 0 < len(row.at_risk) <= FEW else ""
    number = f"{row.number} {'history' if row.number == 1 else 'histories'}"
    return f"“{ledger.claim(row.claim).printed}” of {row.patients} leaves {number}{each}"


def to_lines(audit: Audit, others: Readings | None = None) -> Iterator[str]:
    """Say in lines of text what was found, part by part, then under other conventions."""
    for finding in audit.findings:
        number = len(finding.conflicts)
        head = f"{finding.name}: {counted(len(finding.statements), 'statement')}"
        yield f"{head}, {counted(number, 'conflict')}"
        for conflict, minimal, changes in _conflicts(finding):
            size = "" if minimal else " (perhaps fewer of them)"
            yield f"  cannot all hold{size}:"
            yield from (f"    {_say(finding.statements[k])}" for k in conflict)
            words = _proof(finding, conflict, audit.ledger)
            yield f"    {words or 'The solver proves that no patients meet them all.'}"
            for row in () if words else _histories(finding, conflict):
                yield f"      {_left(row, audit.ledger)}"
            yield from (f"    {line}" for line in _moves(finding, changes))
        if finding.fewest or not finding.repairs:
            yield f"  fewest amendments: {_fewest(finding, audit.seconds)}"
            yield from (f"    {line}" for line in _repairs(finding))
        for p in finding.p_values:
            values = ", ".join(f"{value:.3f}" for value in p.values)
            sure = "all, proven" if p.proven else "not proven that these are all"
            yield f"  {_say(finding.statements[p.statement])}: the others leave P = {values} ({sure})"
            for repair in p.repairs:
                yield "    amending " + " + ".join(_say(finding.statements[k]) for k in repair)
            yield from (f"    {line}" for line in _moves(finding, p.changes))
        yield ""
    yield from _whole(audit)
    if others is not None:
        yield from _readings(audit, others)


def _readings(base: Audit, others: Readings) -> Iterator[str]:
    """Say what other conventions would make of an audit."""
    yield ""
    yield f"Under other conventions (fewest amendments {base.fewest} under the ledger's own), part by part:"
    for one in others.tried:
        fewest = one.audit.fewest
        said = (
            f"{fewest}, proven"
            if shown(one.audit, base)
            else f"at least {fewest} (that so few do is not proven{_at_most(one.audit)})"
        )
        yield f"  {in_words(one.changed)}: {said}"
        for finding in one.audit.findings:
            if finding.repairs and finding.fewest:
                more = len(finding.repairs) - 1
                also = f" (or {counted(more, 'other repair')})" if more else ""
                names = " + ".join(finding.statements[k].claims[0].id for k in finding.repairs[0])
                yield f"    {finding.name}: {names}{also}"
    chosen = best(base, others)
    if chosen is None:
        yield "No other reading is known to need fewer amendments."
    else:
        least = f"{in_words(chosen.changed)}, {counted(chosen.audit.fewest, 'amendment')}"
        fewer = sum(one.audit.fewest < chosen.audit.fewest for one in others.tried)
        doubt = f"; whether {counted(fewer, 'other reading')} would leave fewer is not known" if fewer else ""
        yield f"Most with least: {least}{doubt}."
    if others.not_followed:
        yield f"Not followed: {'; '.join(in_words([one]) for one in others.not_followed)}"


def _fewest(finding: Finding, seconds: float) -> str:
    """Say how far the smallest repairs of a part are proven, and what was tried for the rest."""
    left = f"{counted(len(finding.undecided), 'choice')} left open after {seconds:g} s each"
    if not finding.repairs:
        return f"at least {finding.fewest} (proven); that so few do is not proven: {left}"
    sure = "these are all" if finding.complete else f"not proven that these are all: {left}"
    return f"{finding.fewest} (proven); {sure}:"


def _at_most(audit: Audit) -> str:
    return "" if audit.enough is None else f"; the cohort shows that {audit.enough} do"


def _repairs(finding: Finding) -> Iterator[str]:
    """Say of each smallest repair what it amends, how little will do, and which one changes least."""
    for repair, change in zip(finding.repairs, finding.repair_changes, strict=True):
        yield " + ".join(_say(finding.statements[k]) for k in repair)
        yield from (f"  {line}" for line in _moves(finding, [change] if change else ()))
    if len(finding.repairs) > 1 and finding.least:
        sure = "proven" if finding.least_proven else "not proven"
        names = (" + ".join(_first_ids(finding, finding.repairs[n])) for n in finding.least)
        yield f"least change ({sure}): {' or '.join(names)}"


def _first_ids(finding: Finding, some: Iterable[int]) -> list[str]:
    return [finding.statements[k].claims[0].id for k in some]


def _moves(finding: Finding, changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        claims = [finding.statements[k].claims[0] for k in change.statements]
        moved = zip(claims, change.values, strict=True)
        each = " and ".join(f"{claim.id} at {reprinted(claim, values)}" for claim, values in moved)
        sure = (
            "proven" if change.proven else "proven of the largest" if change.largest_proven else "not proven"
        )
        yield f"nearest: {each} (no smaller change will do: {sure})"


def reprinted(claim: Claim, values: Iterable[float]) -> str:
    """Write what a claim might say instead, each number with as many decimals as it is printed with."""
    numbers = claim.numbers
    written = [rounded(value, number.decimals) for number, value in zip(numbers, values, strict=True)]
    if len(numbers) == 1:
        return written[0] + ("%" if numbers[0].part in ("rate", "percent") else "")
    text, rest = "", claim.printed
    for number, new in zip(numbers, written, strict=True):
        before, found, rest = rest.partition(number.text)
        if not found:  # typed with other dashes or points than it is read with
            return ", ".join(written)
        text += before + new
    return text + rest


def _whole(audit: Audit) -> Iterator[str]:
    if audit.fewest or not all(finding.repairs for finding in audit.findings):
        given = taken_for_granted(audit.ledger)
        yield f"At least {counted(audit.fewest, 'statement')} must be amended (proven, given {given})."
    else:
        yield "No statement need be amended in any part."
    if audit.amended is not None:
        enough = "so no fewer will do" if audit.reached else "whether fewer would do is not proven"
        yield f"The cohort amends {counted(len(audit.amended), 'claim')}, repeats counted; {enough}."
    if audit.left_out:
        tried = "; tried: the cohort meets them" if audit.reached else ", nor tried"
        yield f"Not proven by themselves{tried}: {', '.join(audit.left_out)}"


def _say(statement: Statement) -> str:
    first, *others = statement.claims
    places = f" (and {counted(len(others), 'repeat')})" if others else ""
    return f"{first.id} “{first.printed}”{places}"
