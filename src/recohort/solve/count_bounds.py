"""How few or how many patients can have some attributes, from the printed counts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ortools.sat.python import cp_model

from recohort.conditions import Condition, Level
from recohort.ledger import Ledger
from recohort.solve.attribute_claims import concerns_attributes
from recohort.solve.cpsat import prover, run
from recohort.solve.demands import types_of
from recohort.solve.instance import Count

__all__ = ["PrintedCounts", "known_counts"]


def known_counts(ledger: Ledger, types: Sequence[Mapping[str, Level | None]]) -> tuple[Count, ...]:
    """Return the printed counts of patients whom some types tell apart."""
    found: dict[tuple[tuple[bool, ...], int], list[str]] = {}
    names = set(types[0]) if types else set()
    for claim in ledger.claims:
        if not concerns_attributes(claim) or claim.kind not in ("count", "count_percent"):
            continue
        for number in claim.numbers_as_read:
            whose = claim.of & claim.where if number.part == "count" else claim.of
            if number.part != "percent" and whose.attributes <= names:
                kinds = tuple(whose.holds(kind) for kind in types)
                found.setdefault((kinds, int(number.value)), []).append(claim.id)
    return tuple(Count(kinds, size, size, tuple(ids)) for (kinds, size), ids in found.items())


class PrintedCounts:
    """What a ledger's printed counts say of how many patients have some attributes.

    Parameters
    ----------
    ledger : Ledger
    names : sequence of str
        Attributes whose printed counts take part.
    """

    def __init__(self, ledger: Ledger, names: Sequence[str]) -> None:
        self.everybody = ledger.study.patients
        self.types = types_of(ledger, names)
        self.counts = known_counts(ledger, self.types)

    def extreme(
        self, where: Condition, sense: int, marked: Mapping[Condition, tuple[float, float]] | None = None
    ) -> float:
        """Minimise (sense -1) or maximise (1) how many patients meet a condition.

        Parameters
        ----------
        where : Condition
            On these attributes.
        sense : int
        marked : mapping, optional
            If given, some patients are marked, say by an event, and only these are counted; between how
            many of those who meet each of these conditions are.

        Returns
        -------
        float
            The proven bound; infinite, of the side of `sense`, if the counts contradict each other.
        """
        model = cp_model.CpModel()
        size = [model.new_int_var(0, self.everybody, "") for _ in self.types]
        mark = [model.new_int_var(0, self.everybody, "") for _ in self.types]
        for some, everyone in zip(mark, size, strict=True):
            model.add(some <= everyone)

        def total(of: Sequence[cp_model.IntVar], inside: Sequence[bool]) -> cp_model.LinearExpr:
            return cp_model.LinearExpr.sum([v for v, yes in zip(of, inside, strict=True) if yes])

        model.add(cp_model.LinearExpr.sum(size) == self.everybody)
        for count in self.counts:
            model.add_linear_constraint(total(size, count.types), count.low, count.high)
        for condition, (low, high) in (marked or {}).items():
            inside = [condition.holds(kind) for kind in self.types]
            model.add_linear_constraint(total(mark, inside), round(low), round(high))
        wanted = total(size if marked is None else mark, [where.holds(kind) for kind in self.types])
        (model.maximize if sense > 0 else model.minimize)(wanted)
        solver = prover()
        solver.parameters.max_deterministic_time = 10.0
        if run(solver, model) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            return sense * math.inf
        return float(round(solver.best_objective_bound))
