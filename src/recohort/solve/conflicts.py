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
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from ortools.sat.python import cp_model
from scipy import stats

from recohort.check import check
from recohort.ledger import Claim, Ledger
from recohort.solve.attribute_claims import COUNTS, add_claims, concerns_attributes
from recohort.solve.attribute_model import AttributeModel
from recohort.solve.conflict_sets import Explorer, Verdict
from recohort.solve.cpsat import run
from recohort.solve.demands import build
from recohort.solve.instance import Count, Instance, Settings
from recohort.solve.order_demands import OrderModel
from recohort.solve.problem import Problem, Query, SizeTarget, Test, curves_of
from recohort.solve.witness import cohort_of, met_claims

__all__ = [
    "Attainable",
    "Finding",
    "Part",
    "Statement",
    "as_printed",
    "attainable",
    "audit_part",
    "audit_tables",
    "counts_of",
    "parts_of",
]

Demand = Query | Test | SizeTarget
E = TypeVar("E")
Tell = Callable[[str], None]

QUICK = 0.05
"""Share of the time limit for a question on which no proof rests."""
APART = 1e-4
"""Values of a test statistic closer to each other than this are taken as one."""
MOST_VALUES = 20
"""More attainable P values than this are not listed."""


@dataclass(frozen=True)
class Statement:
    """What some claims print alike.

    Attributes
    ----------
    claims : tuple of Claim
        The first one speaks for all.
    demands : tuple
        What curves must show; empty for attributes.
    """

    claims: tuple[Claim, ...]
    demands: tuple[Demand, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Ids of the claims."""
        return frozenset(claim.id for claim in self.claims)


@dataclass(frozen=True)
class Part:
    """Patients whom no rate or median ties to others, and the statements on them.

    Attributes
    ----------
    problem : Problem
    kinds : tuple of bool, length n_types
    statements : tuple of Statement
    counts : tuple of Count
        Numbers of patients, as the tables print them.
    """

    problem: Problem
    kinds: tuple[bool, ...]
    statements: tuple[Statement, ...]
    counts: tuple[Count, ...]

    def model(self, kept: Iterable[int], settings: Settings) -> OrderModel:
        """Orders of events that meet some of the statements."""
        wanted = list(dict.fromkeys(d for k in sorted(kept) for d in self.statements[k].demands))
        return OrderModel(
            Instance(
                self.problem,
                self.kinds,
                tuple(d for d in wanted if isinstance(d, Query)),
                tuple(d for d in wanted if isinstance(d, Test)),
                tuple(d for d in wanted if isinstance(d, SizeTarget)),
                self.counts,
            ),
            settings,
        )


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
    """

    statement: int
    values: tuple[float, ...]
    proven: bool
    repairs: tuple[tuple[int, ...], ...]
    repairs_proven: bool


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


def as_printed(ledger: Ledger) -> Ledger:
    """Return the ledger without any reading: every number counts as it is printed."""
    return ledger.with_claims(c.model_copy(update={"read_as": None, "because": None}) for c in ledger.claims)


# --- tables ---------------------------------------------------------------------------------------


def audit_tables(
    ledger: Ledger,
    cohorts: Sequence[pd.DataFrame] = (),
    *,
    seconds: float = 20.0,
    tell: Tell = lambda _: None,
) -> Finding:
    """Audit all claims on attributes.

    Parameters
    ----------
    ledger : Ledger
        As printed, see `as_printed`.
    cohorts : sequence of DataFrame
        Known patients: whatever they meet can hold together.
    seconds : float
        Limit of each question, in the solver's deterministic time.
    """
    alike: dict[object, list[Claim]] = {}
    for claim in filter(concerns_attributes, ledger.claims):
        alike.setdefault(_what(claim), []).append(claim)
    statements = tuple(Statement(tuple(claims)) for claims in alike.values())

    def ask(kept: frozenset[int], quick: bool) -> Verdict[None]:  # noqa: ARG001 - all are quick
        m = AttributeModel(ledger.with_claims(statements[k].claims[0] for k in sorted(kept)))
        add_claims(m)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.linearization_level = 2
        solver.parameters.max_deterministic_time = seconds
        status = run(solver, m.model)
        if status == cp_model.INFEASIBLE:
            return Verdict("infeasible")
        solved = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
        return Verdict("feasible", kept) if solved else Verdict("unknown")

    explorer: Explorer[None] = Explorer(len(statements), ask, _known(statements, cohorts, ledger), tell)
    explorer.explore([k] for k in range(len(statements)))
    return _finding("tables", statements, explorer)


def _what(claim: Claim) -> object:
    """Give the same for claims that print the same of the same patients."""
    numbers = frozenset((n.part, n.value, n.interval()) for n in claim.numbers)
    about = (claim.where, claim.of, claim.attribute, claim.groups, claim.outcome)
    return (numbers, *map(str, about))


# --- survival -------------------------------------------------------------------------------------


def counts_of(ledger: Ledger, problem: Problem, without: Collection[str] = ()) -> tuple[Count, ...]:
    """Give the numbers of patients that claims print and that survival depends on."""
    found: dict[Count, None] = {}
    for claim in ledger.claims:
        if claim.kind not in COUNTS or claim.at_risk is not None or claim.id in without:
            continue
        for number in claim.numbers:
            whose = claim.of & claim.where if number.part == "count" else claim.of
            if number.part != "percent" and whose.attributes <= set(problem.attributes):
                types = tuple(bool(whose.holds(kind)) for kind in problem.types)
                n = int(number.value)
                found.setdefault(Count(types, n, n))
    return tuple(found)


def parts_of(ledger: Ledger, without: Collection[str] = ()) -> tuple[Part, ...]:
    """Take a ledger's survival claims apart, the smallest part first.

    Parameters
    ----------
    ledger : Ledger
        As printed.
    without : collection of str
        Claims whose counts are not to be relied on.
    """
    problem = build(ledger)
    counts = counts_of(ledger, problem, without)
    parts = []
    for kinds in problem.parts:
        alike: dict[tuple[Demand, ...], list[Claim]] = {}
        demands: dict[str, list[Demand]] = {}
        for demand in problem.demands():
            curves = curves_of(demand)
            if any(c.reverse or (problem.members(c) & ~kinds).any() for c in curves):
                continue
            for claim_id in demand.claims:
                demands.setdefault(claim_id, []).append(demand)
        for claim in ledger.claims:
            if claim.id in demands:
                alike.setdefault(tuple(demands[claim.id]), []).append(claim)
        statements = tuple(Statement(tuple(claims), wanted) for wanted, claims in alike.items())
        parts.append(Part(problem, tuple(bool(k) for k in kinds), statements, counts))
    whole = Instance(problem, (True,) * len(problem.types), counts=counts)
    return tuple(sorted(parts, key=lambda part: whole.most(np.array(part.kinds, bool))))


def audit_part(
    part: Part,
    name: str,
    settings: Settings,
    cohorts: Sequence[pd.DataFrame] = (),
    *,
    tests: bool = True,
    tell: Tell = lambda _: None,
) -> Finding:
    """Audit the statements on one part.

    Parameters
    ----------
    part : Part
    name : str
    settings : Settings
        Of the order model; `seconds` limit each question.
    cohorts : sequence of DataFrame
        Known patients: whatever they meet can hold together.
    tests : bool
        Whether P values take part.
    """
    chosen = tuple(s for s in part.statements if tests or not isinstance(s.demands[0], Test))
    part = dataclasses.replace(part, statements=chosen)
    ledger = part.problem.ledger.with_claims(c for s in chosen for c in s.claims)

    def ask(kept: frozenset[int], quick: bool) -> Verdict[pd.DataFrame]:
        limit = settings.seconds * (QUICK if quick else 1)
        model = part.model(kept, dataclasses.replace(settings, seconds=limit))
        answer = model.solve()
        if answer.status == "infeasible":
            return Verdict("infeasible")
        cohort = cohort_of(model, answer.trace) if answer.trace is not None else None
        if cohort is None:
            return Verdict("unknown")
        ids = met_claims(cohort, ledger)
        met = frozenset(k for k, s in enumerate(chosen) if s.ids <= ids)
        return Verdict("feasible", met, cohort) if kept <= met else Verdict("unknown")

    explorer = Explorer(len(chosen), ask, _known(chosen, cohorts, ledger), tell)
    explorer.explore(_easier(chosen))
    found = _finding(name, chosen, explorer)
    p_values = _p_values(part, explorer, settings, tell)
    return dataclasses.replace(found, p_values=p_values, questions=explorer.calls)


def _p_values(
    part: Part, explorer: Explorer[pd.DataFrame], settings: Settings, tell: Tell
) -> tuple[Attainable, ...]:
    """Say of each P value in a conflict what it could be instead, and what else could give way."""
    given = []
    conflicting = {k for conflict in explorer.findings.conflicts for k in conflict}
    for k in sorted(conflicting):
        group = _on_same_endpoint(part.statements, k)
        if not isinstance(part.statements[k].demands[0], Test):
            continue
        tell(f"attainable values of {part.statements[k].claims[0].id}")
        if explorer.ask(frozenset(group) - {k}).status == "feasible":
            values, sure = attainable(part, group - {k}, k, settings)
            repairs, all_sure = explorer.repairs_within(group, 2)
            listed = tuple(tuple(sorted(repair)) for repair in repairs)
            given.append(Attainable(k, values, sure, listed, all_sure))
    return tuple(given)


def _on_same_endpoint(statements: Sequence[Statement], k: int) -> set[int]:
    """Give the statements on the endpoint of one, with the numbers at a landmark, without other P values."""
    on = [{c.endpoint for d in s.demands for c in curves_of(d)} for s in statements]
    first = [s.demands[0] for s in statements]
    sizes = {i for i, demand in enumerate(first) if isinstance(demand, SizeTarget)}
    return sizes | {
        i for i, demand in enumerate(first) if on[i] == on[k] and (i == k or not isinstance(demand, Test))
    }


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


def _easier(statements: Sequence[Statement]) -> list[set[int]]:
    """Give sets in which conflicts are cheap to find.

    Two statements on the same patients; then all on one endpoint, without P values and with.
    """
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
    groups = [
        {k for k, names in enumerate(on) if names == {name}} - left_out | sizes
        for left_out in (tests, set[int]())
        for name in endpoints
    ]
    return [*pairs, *groups]


# --- common ---------------------------------------------------------------------------------------


def _known(
    statements: Sequence[Statement], cohorts: Iterable[pd.DataFrame], ledger: Ledger
) -> list[frozenset[int]]:
    """Give the statements that known patients meet together."""
    ids = [met_claims(cohort, ledger) for cohort in cohorts]
    return [frozenset(k for k, s in enumerate(statements) if s.ids <= met) for met in ids]


def _finding(name: str, statements: tuple[Statement, ...], explorer: Explorer[E]) -> Finding:
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
    )
