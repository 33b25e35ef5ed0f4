"""Conflicts and the smallest repairs among claims on attributes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import pandas as pd
from ortools.sat.python import cp_model

from recohort.ledger import Claim, Ledger
from recohort.solve.attribute_claims import add_claims, concerns_attributes
from recohort.solve.attribute_conflict import attributes_of
from recohort.solve.attribute_model import AttributeModel
from recohort.solve.conflict_sets import Explorer, Verdict
from recohort.solve.cpsat import prover, run
from recohort.solve.printed_units import met_by
from recohort.solve.problem import UnsupportedClaim
from recohort.solve.statements import Finding, Statement, finding

__all__ = ["audit_tables"]

Tell = Callable[[str], None]


def audit_tables(
    ledger: Ledger,
    cohorts: Sequence[pd.DataFrame] = (),
    *,
    seconds: float = 20.0,
    most: int | None = None,
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
    most : int, optional
        So many questions are asked; what is then open is called not known.
    tell : callable, optional

    Raises
    ------
    UnsupportedClaim
        If the claims are beyond what the solver can aim at.
    """
    alike: dict[object, list[Claim]] = {}
    for claim in filter(concerns_attributes, ledger.claims):
        alike.setdefault(_what(claim), []).append(claim)
    statements = tuple(Statement(tuple(claims)) for claims in alike.values())
    about = [attributes_of(statement.claims[0]) for statement in statements]

    def ask(kept: frozenset[int], quick: bool) -> Verdict[None]:  # noqa: ARG001 - all are quick
        m = AttributeModel(ledger.with_claims(statements[k].claims[0] for k in sorted(kept)))
        try:
            add_claims(m)
        except UnsupportedClaim:  # a P value, say, without the claims on the sizes of its groups
            if len(kept) == len(statements):
                raise
            return Verdict("unknown")
        names = Counter(name for k in sorted(kept) for name in sorted(about[k]))
        m.sort_patients(name for name, _ in names.most_common())
        solver = prover()
        solver.parameters.linearization_level = 2
        solver.parameters.max_deterministic_time = seconds
        status = run(solver, m.model)
        if status == cp_model.INFEASIBLE:
            return Verdict("infeasible")
        solved = status in (cp_model.OPTIMAL, cp_model.FEASIBLE)
        return Verdict("feasible", kept) if solved else Verdict("unknown")

    witnesses = (Verdict[None]("feasible", met_by(statements, cohort, ledger)) for cohort in cohorts)
    explorer: Explorer[None] = Explorer(len(statements), ask, witnesses, tell, most)
    explorer.explore(_easier(about))
    return finding("tables", statements, explorer)


def _easier(about: Sequence[frozenset[str]]) -> list[set[int]]:
    """Give sets in which conflicts are cheap to find: each statement, then those on the same attributes."""
    groups = sorted(set(about), key=lambda names: (len(names), sorted(names)))
    alone = [{k} for k in range(len(about))]
    return [*alone, *({k for k, names in enumerate(about) if names <= group} for group in groups)]


def _what(claim: Claim) -> object:
    """Give the same for claims that print the same of the same patients."""
    numbers = frozenset((n.part, n.value, n.interval()) for n in claim.numbers)
    about = (claim.where, claim.of, claim.attribute, claim.groups, claim.outcome)
    return (numbers, *map(str, about))
