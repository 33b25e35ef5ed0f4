"""What an order model is asked: which patients, what their curves must show, what is known of counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
from ortools.sat.python import cp_model

from recohort.solve.cpsat import prover, run
from recohort.solve.problem import (
    Curve,
    Demand,
    Problem,
    Query,
    SizeTarget,
    Test,
    UnsupportedClaim,
    by_kind,
    curves_of,
)

__all__ = ["WEIGHTS", "Count", "Instance", "Settings", "add_sizes", "landmark_tick"]

Bools = npt.NDArray[np.bool_]

WEIGHTS = {"log-rank": 0.0, "tarone-ware": 0.5, "gehan": 1.0}
"""A test weighs an event by the number at risk to this power."""


@dataclass(frozen=True)
class Count:
    """From `low` to `high` patients are of the marked types.

    Attributes
    ----------
    types : tuple of bool, length n_types
    low, high : int
    claims : tuple of str
        Where the count comes from.
    """

    types: tuple[bool, ...]
    low: int
    high: int
    claims: tuple[str, ...] = ()


@dataclass(frozen=True)
class Instance:
    """Which patients, and what their curves must show.

    Attributes
    ----------
    problem : Problem
        For the types of patients, the endpoints and the grid of times; its demands are not used.
    part : tuple of bool, length n_types
        Whose order is asked for.
    queries, tests, sizes
        Demands on curves within the part.
    counts : tuple of Count
        What is known of the numbers of patients of each type.
    watch : tuple of (Curve, int)
        Further curves and ticks that an objective will ask about.
    """

    problem: Problem
    part: tuple[bool, ...]
    queries: tuple[Query, ...] = ()
    tests: tuple[Test, ...] = ()
    sizes: tuple[SizeTarget, ...] = ()
    counts: tuple[Count, ...] = ()
    watch: tuple[tuple[Curve, int], ...] = ()

    @classmethod
    def of(
        cls, problem: Problem, part: tuple[bool, ...], demands: Iterable[Demand], counts: tuple[Count, ...]
    ) -> Instance:
        """Return an instance with demands of any kind."""
        return cls(problem, part, *by_kind(demands), counts)

    @cached_property
    def demands(self) -> tuple[Demand, ...]:
        """All demands."""
        return (*self.queries, *self.tests, *self.sizes)

    @cached_property
    def curves(self) -> tuple[Curve, ...]:
        """Every curve that a demand names or that is watched."""
        named = [curve for demand in self.demands for curve in curves_of(demand)]
        return tuple(dict.fromkeys([*named, *(curve for curve, _ in self.watch)]))

    @cached_property
    def endpoints(self) -> tuple[int, ...]:
        """The endpoints in the model: one, or an inner and its outer one.

        Raises
        ------
        UnsupportedClaim
            For other sets of endpoints, reversed curves, or a landmark on an outer endpoint.
        """
        names = self.problem.endpoints
        marks = {names.index(c.population.at_risk[0]) for c in self.curves if c.population.at_risk}
        used = {names.index(c.endpoint) for c in self.curves} | marks
        inner_first = sorted(used, key=lambda e: (self.problem.parent[e] not in used, e))
        nested = len(used) <= 1 or (len(used) == 2 and self.problem.parent[inner_first[0]] == inner_first[1])
        if not nested or any(c.reverse for c in self.curves) or not marks <= set(inner_first[:1]):
            raise UnsupportedClaim(
                "orders are modelled for one endpoint, or two nested ones with landmarks on the inner one"
            )
        return tuple(inner_first)

    @cached_property
    def first(self) -> int:
        """The first tick at which anybody can leave."""
        scale = self.problem.ledger.study.time
        return scale.ticks(scale.min)

    @cached_property
    def end(self) -> int:
        """The first tick after all times."""
        scale = self.problem.ledger.study.time
        return scale.ticks(scale.max) + 1

    @cached_property
    def horizon(self) -> float:
        """Events after this tick need not happen: all that is asked later is that survival stays up."""
        if self.tests:
            return math.inf
        asked = [q.tick for q in self.queries if q.high < 1] + [tick for _, tick in self.watch]
        marks = [landmark_tick(self.problem, c) for c in self.curves if c.population.at_risk]
        return max([*asked, *marks], default=self.first - 1)

    def members(self, curve: Curve) -> Bools:
        """Types of the part that belong to a curve, its landmark aside; shape (n_types,)."""
        inside: Bools = self.problem.members(curve) & np.array(self.part, bool)
        return inside

    def most(self, kinds: Bools) -> int:
        """Most patients who can be of these types, given the counts; -1 if the counts conflict."""
        everybody = self.problem.ledger.study.patients
        return _most(everybody, len(self.problem.types), self.counts, tuple(np.flatnonzero(kinds).tolist()))

    def shares(self, classes: Sequence[Sequence[int]], most: int) -> tuple[tuple[int, ...], ...]:
        """List ways to share the patients out among classes of types, given the counts; so many at most."""
        everybody = self.problem.ledger.study.patients
        return _shares(everybody, len(self.problem.types), self.counts, tuple(map(tuple, classes)), most)


@dataclass(frozen=True)
class Settings:
    """How to solve, and which conventions of the process to vary.

    Attributes
    ----------
    seconds : float
        Limit in the solver's deterministic time, so that a call ends the same way on every machine.
    threads : int
        So many cases are asked side by side; what is found does not depend on it.
    seed : int
    inner_counts_outer : bool
        Whether an outer event is an inner one too (a death is an event of relapse-free survival);
        if not, it censors the inner endpoint.
    one_contact : bool
        Whether both endpoints end at one date of last contact.
    patience : float
        If more than 0, a question may also be asked case by case, with the numbers of patients fixed, and
        all cases together take at most so many times `seconds` (see :mod:`recohort.solve.cases`).
    """

    seconds: float = 60.0
    threads: int = 1
    seed: int = 1
    inner_counts_outer: bool = True
    one_contact: bool = True
    patience: float = 0.0


def landmark_tick(problem: Problem, curve: Curve) -> int:
    """First tick at which a patient who leaves was still at risk at the curve's landmark."""
    assert curve.population.at_risk is not None
    return math.ceil(curve.population.at_risk[1] / problem.ledger.study.time.resolution - 1e-6)


@lru_cache(maxsize=10_000)
def _most(everybody: int, n_types: int, counts: tuple[Count, ...], kinds: tuple[int, ...]) -> int:
    model = cp_model.CpModel()
    size = add_sizes(model, everybody, n_types, counts)
    model.maximize(cp_model.LinearExpr.sum([size[k] for k in kinds]))
    solver = prover()
    return round(solver.objective_value) if run(solver, model) == cp_model.OPTIMAL else -1


@lru_cache(maxsize=1000)
def _shares(
    everybody: int, n_types: int, counts: tuple[Count, ...], classes: tuple[tuple[int, ...], ...], most: int
) -> tuple[tuple[int, ...], ...]:
    model = cp_model.CpModel()
    size = add_sizes(model, everybody, n_types, counts)
    number = [model.new_int_var(0, everybody, "") for _ in classes]
    for kinds, mine in zip(classes, number, strict=True):
        model.add(cp_model.LinearExpr.sum([size[k] for k in kinds]) == mine)
    solver, shares = prover(), list[tuple[int, ...]]()
    while len(shares) < most and (status := run(solver, model)) != cp_model.INFEASIBLE:
        if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            raise RuntimeError(f"CP-SAT could not list all sizes: {solver.status_name(status)}")
        shares.append(tuple(solver.value(mine) for mine in number))
        others = []
        for mine, value in zip(number, shares[-1], strict=True):
            others.append(model.new_bool_var(""))
            model.add(mine != value).only_enforce_if(others[-1])
        model.add_bool_or(others)
    return tuple(shares)


def add_sizes(
    model: cp_model.CpModel, everybody: int, n_types: int, counts: tuple[Count, ...]
) -> list[cp_model.IntVar]:
    """Add the number of patients of each type to a model, in agreement with the counts."""
    size = [model.new_int_var(0, everybody, "") for _ in range(n_types)]
    model.add(cp_model.LinearExpr.sum(size) == everybody)
    for count in counts:
        mine = [v for v, yes in zip(size, count.types, strict=True) if yes]
        model.add_linear_constraint(cp_model.LinearExpr.sum(mine), count.low, count.high)
    return size
