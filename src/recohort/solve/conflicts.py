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
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pandas as pd
from ortools.sat.python import cp_model

from recohort.ledger import Claim, Ledger
from recohort.solve.attribute_claims import COUNTS, add_claims, concerns_attributes
from recohort.solve.attribute_model import AttributeModel
from recohort.solve.conflict_sets import Explorer, Findings, Verdict
from recohort.solve.cpsat import run
from recohort.solve.demands import build
from recohort.solve.instance import Count, Instance, Settings
from recohort.solve.order_demands import OrderModel
from recohort.solve.problem import Problem, Query, SizeTarget, Test, curves_of
from recohort.solve.witness import cohort_of, met_claims

__all__ = [
    "Finding",
    "Part",
    "Statement",
    "as_printed",
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
    """

    name: str
    statements: tuple[Statement, ...]
    conflicts: tuple[tuple[int, ...], ...]
    minimal: tuple[bool, ...]
    repairs: tuple[tuple[int, ...], ...]
    fewest: int
    complete: bool


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
    return _finding("tables", statements, explorer.explore([k] for k in range(len(statements))))


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
    return _finding(name, chosen, explorer.explore(_easier(chosen)))


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


def _finding(name: str, statements: tuple[Statement, ...], found: Findings[E]) -> Finding:
    conflicts = sorted(found.conflicts, key=lambda c: (len(c), sorted(c)))
    return Finding(
        name,
        statements,
        tuple(tuple(sorted(c)) for c in conflicts),
        tuple(c not in found.unminimised for c in conflicts),
        tuple(sorted(tuple(sorted(repair)) for repair in found.repairs)),
        found.fewest,
        found.complete,
    )
