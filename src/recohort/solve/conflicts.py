"""Which statements of a ledger cannot hold together as printed, and the fewest that must give way.

A *statement* is what one or more claims print alike: repeats at other places are one statement. The
audit goes by parts: the tables (claims on attributes), then each part of the survival problem, that is
patients whom no rate or median ties to others. Parts share no statement, so their fewest amendments add
up. A cohort that amends no more than that sum proves the sum for everything, also for the statements that
no part holds: tests between parts, follow-up, and tests that a part leaves out.

Within a part the numbers of patients are taken from the tables as printed.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Sequence

import pandas as pd
from scipy import stats

from recohort.check import check
from recohort.solve import oracle
from recohort.solve.changes import smallest_change
from recohort.solve.conflict_sets import Explorer, Verdict
from recohort.solve.instance import Settings
from recohort.solve.parts import Part
from recohort.solve.problem import SizeTarget, Test, curves_of
from recohort.solve.statements import Attainable, Change, Finding, Statement, finding
from recohort.solve.witness import cohort_of

__all__ = ["attainable", "audit_again", "audit_part"]

LONGER, PATIENCE = 4, 10
"""A question on which it depends whether all repairs are known is given so many times the limit, and its
cases together so many times that."""
APART = 1e-4
"""Values of a test statistic closer to each other than this are taken as one."""
MOST_VALUES = 20
"""More attainable P values than this are not listed."""


def audit_part(
    part: Part, settings: Settings, cohorts: Sequence[pd.DataFrame] = (), *, changes: bool = True
) -> Finding:
    """Audit the statements on one part.

    Parameters
    ----------
    part : Part
    settings : Settings
        Of the order model; `seconds` limit each question.
    cohorts : sequence of DataFrame
        Known patients: whatever they meet can hold together.
    changes : bool
        Whether to ask how far numbers must move, too, and what a P value could be instead.
    """
    explorer = oracle.explorer(part, settings, _known(part, cohorts))
    explorer.explore(_easier(part))
    explorer.minimise()
    longer = dataclasses.replace(settings, seconds=LONGER * settings.seconds, patience=PATIENCE)
    explorer.decide(lambda kept: oracle.prove(part, kept, longer))
    sizes = tuple(map(part.patients, part.statements))
    found = dataclasses.replace(finding(part.name, part.statements, explorer), sizes=sizes)
    if not changes:
        return found
    p_values = _p_values(part, explorer, settings)
    moves = tuple(
        _changes(part, conflict, [[k] for k in conflict if len(conflict) == 2], settings, explorer.witnesses)
        for conflict in found.conflicts
    )
    everything = set(range(len(part.statements)))
    repair_changes = tuple(
        smallest_change(part, everything - set(repair), repair, settings, explorer.witnesses, found.conflicts)
        if repair
        else None
        for repair in found.repairs
    )
    return dataclasses.replace(
        found,
        p_values=p_values,
        changes=moves,
        repair_changes=repair_changes,
        questions=explorer.calls,
    )


def audit_again(
    part: Part, like: Finding, settings: Settings, cohorts: Sequence[pd.DataFrame] = (), *, most: int
) -> Finding:
    """Audit a part under other conventions: the fewest amendments alone, from conflicts known before.

    Parameters
    ----------
    part : Part
    like : Finding
        Of the same statements under the ledger's own conventions.
    settings, cohorts
        As for :func:`audit_part`.
    most : int
        So many questions are asked; what is then open is called not known.
    """
    explorer = oracle.explorer(part, settings, _known(part, cohorts), most=most)
    place = {s.ids: k for k, s in enumerate(part.statements)}
    before = [
        [like.statements[k].ids for k in conflict]
        for conflict, minimal in zip(like.conflicts, like.minimal, strict=True)
        if minimal  # a larger one would take too long
    ]
    explorer.suppose(frozenset(place[ids] for ids in some) for some in before if place.keys() >= set(some))
    for repair in like.repairs:
        amended = {like.statements[k].ids for k in repair}
        explorer.ask(frozenset(k for ids, k in place.items() if ids not in amended))
    explorer.explore(_easier(part))
    return finding(part.name, part.statements, explorer)


def _known(part: Part, cohorts: Iterable[pd.DataFrame]) -> Iterator[Verdict[pd.DataFrame]]:
    return (oracle.witness(part, cohort) for cohort in cohorts)


def _changes(
    part: Part,
    group: Collection[int],
    repairs: Iterable[Sequence[int]],
    settings: Settings,
    witnesses: Sequence[Verdict[pd.DataFrame]],
) -> tuple[Change, ...]:
    """Say how far numbers must move, for each of some repairs of a group of statements."""
    tried = (
        smallest_change(part, set(group) - set(repair), repair, settings, witnesses) for repair in repairs
    )
    return tuple(change for change in tried if change is not None)


def _p_values(part: Part, explorer: Explorer[pd.DataFrame], settings: Settings) -> tuple[Attainable, ...]:
    """Say of each P value in a conflict what it could be instead, and what else could give way."""
    given = []
    conflicting = {k for conflict in explorer.findings.conflicts for k in conflict}
    for k in sorted(conflicting):
        group = part.on_same_endpoint(k)
        if not isinstance(part.statements[k].demands[0], Test):
            continue
        if explorer.ask(frozenset(group) - {k}).status == "feasible":
            values, sure = attainable(part, group - {k}, k, settings)
            repairs, all_sure = explorer.repairs_within(group, 2)
            listed = tuple(tuple(sorted(repair)) for repair in repairs)
            changes = _changes(part, group, listed, settings, explorer.witnesses)
            given.append(Attainable(k, values, sure, listed, all_sure, changes))
    return tuple(given)


def attainable(
    part: Part, kept: Collection[int], k: int, settings: Settings
) -> tuple[tuple[float, ...], bool]:
    """List every value of a P that some order meeting other statements gives, and whether these are all.

    Each value found cuts the range of the statistic in two; a range is done when the solver proves that
    nothing is left in it.
    """
    (test,) = (d for d in part.statements[k].demands if isinstance(d, Test))
    claim = part.statements[k].claims[0]
    ledger = part.problem.ledger.with_claims([claim])
    ranges, values, sure = [(0.0, math.inf)], set[float](), True
    while ranges and len(values) < MOST_VALUES:
        low, high = ranges.pop()
        asked = Statement((claim,), (dataclasses.replace(test, low=low, high=high),))
        wider = dataclasses.replace(part, statements=(*part.statements, asked))
        model = wider.model([*kept, len(part.statements)], settings)
        answer = model.solve()
        if answer.status == "infeasible":
            continue
        cohort = cohort_of(model, answer.trace) if answer.trace is not None else None
        if cohort is None:
            sure = False
            continue
        (row,) = check(cohort, ledger)
        p = float(row.computed or 0)
        z = float(stats.norm.isf(p / 2))
        values.add(round(p, 6))
        ranges += [(a, b) for a, b in ((low, z - APART), (z + APART, high)) if a < b]
    return tuple(sorted(values)), sure and not ranges


def _easier(part: Part) -> list[set[int]]:
    """Give sets in which conflicts are cheap to find.

    Two statements on the same patients; then all on one endpoint, without P values and with. To an outer
    endpoint belong groups without any inner event, for they had no outer event either.
    """
    statements = part.statements
    where = [{c.population for d in s.demands for c in curves_of(d)} for s in statements]
    on = [{c.endpoint for d in s.demands for c in curves_of(d)} for s in statements]
    pairs = [
        {a, b}
        for a, b in itertools.combinations(range(len(statements)), 2)
        if where[a] == where[b] and not {type(d) for d in statements[a].demands} & {SizeTarget}
    ]
    endpoints = sorted({name for names in on for name in names})
    sizes = {k for k, s in enumerate(statements) if isinstance(s.demands[0], SizeTarget)}
    tests = {k for k, s in enumerate(statements) if isinstance(s.demands[0], Test)}
    nobody = [
        {c.endpoint for d in map(part.on_outer, s.demands) if d for c in curves_of(d)} for s in statements
    ]
    groups = [
        {k for k, names in enumerate(on) if names == {name} or nobody[k] == {name}} - left_out | sizes
        for left_out in (tests, set[int]())
        for name in endpoints
    ]
    return [*pairs, *groups]
