"""Parts of the survival problem: patients whom no rate or median ties to others."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recohort.ledger import Claim, Ledger
from recohort.solve.count_bounds import known_counts
from recohort.solve.demands import build
from recohort.solve.instance import WEIGHTS, Count, Instance, Settings
from recohort.solve.order_demands import OrderModel
from recohort.solve.problem import Demand, Problem, Query, SizeTarget, Test, curves_of
from recohort.solve.statements import Statement
from recohort.wording import counted

__all__ = ["Part", "parts_of"]


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

    @cached_property
    def _everybody(self) -> Instance:
        """All patients of the study, for the counts alone."""
        return Instance(self.problem, (True,) * len(self.kinds), counts=self.counts)

    @cached_property
    def size(self) -> int:
        """How many patients there are, or can be at most."""
        return self._everybody.most(np.array(self.kinds, bool))

    @cached_property
    def kinds_of_patients(self) -> tuple[int, ...]:
        """The type of each patient, in one of the ways that the counts leave; empty if there is none."""
        types = range(len(self.kinds))
        shares = self._everybody.shares([[kind] for kind in types], 1)
        sizes = shares[0] if shares else (0,) * len(types)
        return tuple(kind for kind in types if self.kinds[kind] for _ in range(sizes[kind]))

    @cached_property
    def searched(self) -> Problem:
        """The problem as a search is given it, which may ask for a little more than a proof."""
        return build(self.problem.ledger, rank_tests=WEIGHTS)

    @cached_property
    def name(self) -> str:
        """What all its patients, and nobody else, have in common; and how many they are."""
        mine = [kind for kind, yes in zip(self.problem.types, self.kinds, strict=True) if yes]
        others = [kind for kind, yes in zip(self.problem.types, self.kinds, strict=True) if not yes]
        for name in self.problem.attributes:
            levels = {kind[name] for kind in mine}
            if len(levels) == 1 and not levels & {kind[name] for kind in others}:
                return f"{name} {levels.pop()}, {counted(self.size, 'patient')}"
        return counted(self.size, "patient")

    def patients(self, statement: Statement) -> int | None:
        """How many patients a statement on one curve is about, if the counts say it."""
        demand = statement.demands[0]
        if isinstance(demand, Test):
            return None
        at_landmark = (d for s in self.statements for d in s.demands if isinstance(d, SizeTarget))
        if demand.curve.population.at_risk is not None:
            same = (d.size for d in at_landmark if d.curve.population == demand.curve.population)
            return next(same, None)
        inside = self.problem.members(demand.curve)
        most = self._everybody.most(inside)
        least = self.problem.ledger.study.patients - self._everybody.most(~inside)
        return most if most == least else None

    def on_same_endpoint(self, k: int) -> frozenset[int]:
        """Give the statements on the endpoint of one, with numbers at a landmark, without other P values."""
        on = [{c.endpoint for d in s.demands for c in curves_of(d)} for s in self.statements]
        first = [s.demands[0] for s in self.statements]
        return frozenset(
            i
            for i, demand in enumerate(first)
            if isinstance(demand, SizeTarget) or (on[i] == on[k] and (i == k or not isinstance(demand, Test)))
        )

    def without_tests(self) -> Part:
        """Return the part without its P values."""
        kept = (s for s in self.statements if not isinstance(s.demands[0], Test))
        return dataclasses.replace(self, statements=tuple(kept))

    def model(self, kept: Iterable[int], settings: Settings) -> OrderModel:
        """Orders of events that meet some of the statements."""
        wanted = list(dict.fromkeys(d for k in sorted(kept) for d in self.statements[k].demands))
        return OrderModel(Instance.of(self.problem, self.kinds, wanted, self.counts), settings)

    def without_implied(self, kept: Iterable[int]) -> frozenset[int]:
        """Return statements without medians "not reached" on curves whose rate says as much.

        Of later times nothing is asked then, so the rest has patients if and only if the whole has.
        """
        kept = frozenset(kept)
        queries = {k: d for k in kept for d in self.statements[k].demands if isinstance(d, Query)}
        if any(isinstance(self.statements[k].demands[0], Test) for k in kept):
            return kept  # a P value asks of all events
        last = max((d.tick for d in queries.values() if d.high < 1), default=0)
        late = {k: d for k, d in queries.items() if d.tick >= last}
        rates = {d.curve: d.low for k, d in late.items() if self.statements[k].claims[0].kind == "survival"}
        return kept - {
            k
            for k, d in late.items()
            if self.statements[k].claims[0].kind == "median_survival"
            and d.high >= 1
            and rates.get(d.curve, 0.0) >= d.low
        }

    def without_inner(self, kept: Iterable[int], settings: Settings) -> OrderModel | None:
        """Orders of outer events alone, if of an inner endpoint is asked only that nobody had an event.

        Then nobody had an outer event either. What these orders cannot meet, no patients can; but those who
        meet it need not keep the inner endpoint free of events.
        """
        wanted = [d for k in sorted(kept) for d in self.statements[k].demands]
        if not settings.inner_counts_outer:
            return None
        moved = [self.on_outer(demand) or demand for demand in wanted]
        curves = (c for d in moved if not isinstance(d, SizeTarget) for c in curves_of(d))
        endpoints = {curve.endpoint for curve in curves}
        if moved == wanted or len(endpoints) > 1:
            return None
        return OrderModel(Instance.of(self.problem, self.kinds, dict.fromkeys(moved), self.counts), settings)

    def on_outer(self, demand: Demand) -> Demand | None:
        """Return what a rate says of the outer endpoint if it says that nobody had an inner event."""
        if not isinstance(demand, Query) or demand.low <= 1 - 1 / max(self.size, 1):
            return None
        outer = self.problem.ledger.endpoints[demand.curve.endpoint].not_after
        if outer is None:
            return None
        return dataclasses.replace(demand, curve=dataclasses.replace(demand.curve, endpoint=outer))


def parts_of(ledger: Ledger, without: Collection[str] = ()) -> tuple[Part, ...]:
    """Take a ledger's survival claims apart, the smallest part first.

    Parameters
    ----------
    ledger : Ledger
        As printed.
    without : collection of str
        Claims whose counts are not to be relied on.
    """
    problem = build(ledger, outer=True, rank_tests=WEIGHTS)
    sure = ledger.with_claims(claim for claim in ledger.claims if claim.id not in without)
    counts = known_counts(sure, problem.types)
    parts = []
    for kinds in problem.parts:
        alike: dict[tuple[Demand, ...], list[Claim]] = {}
        demands: dict[str, list[Demand]] = {}
        for demand in problem.demands():
            if any(c.reverse for c in curves_of(demand)) or not problem.within(demand, kinds):
                continue
            for claim_id in demand.claims:
                demands.setdefault(claim_id, []).append(demand)
        for claim in ledger.claims:
            if claim.id in demands:
                alike.setdefault(tuple(demands[claim.id]), []).append(claim)
        statements = tuple(Statement(tuple(claims), wanted) for wanted, claims in alike.items())
        parts.append(Part(problem, tuple(bool(k) for k in kinds), statements, counts))
    return tuple(sorted(parts, key=lambda part: part.size))
