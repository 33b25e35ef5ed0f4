"""What curves must show, as constraints on the slots of an order model; and its solver.

A curve meets a printed rate if its *ladder*, the numbers at risk at its events, is one of those whose
product of (m - 1)/m prints so. Few ladders are listed in exact fractions. Many become a sum of
logarithms in whole numbers, its bounds widened by the rounding error; a solution that slipped through
the widening is forbidden and the model solved again. A rank test is bounded in whole numbers in the
same outward way. So `infeasible` never rests on rounding; a feasible order that meets a test by
rounding alone is left to the checker.
"""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

from ortools.sat.python import cp_model

from recohort.solve.cpsat import prover, run
from recohort.solve.instance import WEIGHTS, Instance, Settings
from recohort.solve.ladders import ladders, log_window, survival
from recohort.solve.orders import Answer, Slots, Var, total
from recohort.solve.problem import Curve, Query, Test, UnsupportedClaim, curves_of

__all__ = ["OrderModel", "solve"]

MOST_LADDERS = 100
"""Up to so many ladders are listed for the solver; more become a sum of logarithms."""
U_SCALE = 10**6
"""Whole-number units per event in a test's observed minus expected."""


class OrderModel(Slots):
    """Slots and the demands of an instance."""

    def __init__(self, instance: Instance, settings: Settings | None = None) -> None:
        super().__init__(instance, settings or Settings())
        for query in instance.queries:
            self._query(query)
        for test in instance.tests:
            self._test(test)
        for size in instance.sizes:
            self.model.add(self.members(size.curve) == size.size)
        for curve in {c for d in instance.demands[: -len(instance.sizes) or None] for c in curves_of(d)}:
            self.model.add(self.members(curve) >= 1)  # of nobody, nothing can be printed
        if instance.problem.distinct:
            self._keep_to_grid()
        first, most = cp_model.CHOOSE_FIRST, cp_model.SELECT_MAX_VALUE
        self.model.add_decision_strategy(list(self.to_decide()), first, most)

    def _query(self, query: Query) -> None:
        """Survival of a curve just after a tick lies within bounds."""
        if query.low <= 0 and query.high >= 1:
            return
        low, high = Fraction(query.low), Fraction(query.high)
        early = self.rungs_by(query.curve, query.tick)
        listed = ladders(len(early), low, high, MOST_LADDERS)
        if listed is not None:
            if early and listed:
                rows = [[int(m in ladder) for m in range(1, len(early) + 1)] for ladder in listed]
                self.model.add_allowed_assignments(early, rows)
            elif not listed:
                self.model.add_bool_or([])
            return
        window = log_window(len(early), low, high)
        logs = self.log_survival(query.curve, query.tick)
        if window.low is None:
            self.model.add(logs <= window.high).only_enforce_if(~early[0])
        else:
            self.model.add(early[0] == 0)
            self.model.add_linear_constraint(logs, window.low, window.high)

    def _test(self, test: Test) -> None:
        """Keep a rank test's statistic within bounds: U^2 against z^2 V, in whole numbers.

        Each coefficient is rounded so that the bound can only widen; U, rounded per event, may be off by
        half a unit for each, so its square gets that much room.
        """
        kind = str(self.instance.problem.ledger.convention("survival_test"))
        if kind not in WEIGHTS:
            raise UnsupportedClaim(f"orders are not modelled for the {kind} test")
        shift, low, high, meetings, reach = [], [], [], [], 0.0
        for k in range(self.n_slots):
            for curve, in_a in ((test.a, 1), (test.b, 0)):
                for (a, b), here in self._pairs(test, curve, k).items():
                    weight = float(a + b) ** WEIGHTS[kind]
                    u, v = weight * (in_a - a / (a + b)), weight**2 * a * b / (a + b) ** 2
                    shift.append(round(u * U_SCALE) * here)
                    low.append(math.floor(test.low**2 * v * U_SCALE**2) * here)
                    if math.isfinite(test.high):
                        high.append(math.ceil(test.high**2 * v * U_SCALE**2) * here)
                    if v > 0:
                        meetings.append(here)
                    reach = max(reach, abs(u))
        top = math.ceil(self.n_slots * (reach * U_SCALE + 1))
        statistic = self.model.new_int_var(-top, top, "")
        square = self.model.new_int_var(0, top * top, "")
        self.model.add(statistic == total(shift))
        self.model.add_multiplication_equality(square, [statistic, statistic])
        room = self.n_slots * (2 * top + self.n_slots)
        self.model.add(square + room >= total(low))
        if high:
            self.model.add(square - room <= total(high))
        if test.low > 0:
            self.model.add_bool_or(meetings)  # with no event while both are at risk, P is 1

    def _pairs(self, test: Test, curve: Curve, k: int) -> dict[tuple[int, int], Var]:
        """Booleans "an event of this curve in slot k, with so many at risk in a and in b"."""
        in_a = curve == test.a
        of_a = range(int(in_a), self.most_members(test.a) + 1)
        of_b = range(int(not in_a), self.most_members(test.b) + 1)
        pairs = {pair: self.model.new_bool_var("") for pair in itertools.product(of_a, of_b)}
        self.model.add(total(list(pairs.values())) == self.events_in(curve, k))
        risk_a, risk_b = self.at_risk(test.a, k), self.at_risk(test.b, k)
        for (a, b), here in pairs.items():
            self.model.add(risk_a == a).only_enforce_if(here)
            self.model.add(risk_b == b).only_enforce_if(here)
        return pairs

    def _keep_to_grid(self) -> None:
        """Let no more patients leave between two marks than there are distinct times.

        Before the landmark of a blind inner endpoint the model knows only who leaves it by then, not when.
        """
        before, last = self.instance.first - 1, self.instance.horizon
        horizon = [int(last)] if before < last < self.instance.end else []
        edges = [before, *(max(tick, before) for tick in self.marks), *horizon]
        for endpoint in self.endpoints:
            known = list(range(-1, len(edges) - 1))
            if self.blind and endpoint == self.endpoints[0]:
                known = [-1, *known[1 + self.marks.index(self.landmarks[0] - 1) :]]
            room = {(i, j): edges[j + 1] - edges[i + 1] for i, j in itertools.pairwise(known)}
            narrow = [pair for pair, ticks in room.items() if ticks < sum(self.most)]
            followed = {k: self.followed_at(k, endpoint) for k in {k for pair in narrow for k in pair}}
            for i, j in narrow:
                self.model.add(followed[i] - followed[j] <= room[i, j])

    def solve(self) -> Answer:
        """Solve, and solve again without any ladder that slipped through rounded bounds."""
        solver = prover()
        solver.parameters.random_seed = self.settings.seed
        solver.parameters.linearization_level = 0  # a relaxation of ladders says nothing and costs much
        solver.parameters.search_branching = cp_model.PARTIAL_FIXED_SEARCH  # `to_decide`, then its own way
        spent = 0.0
        while True:
            solver.parameters.max_deterministic_time = max(self.settings.seconds - spent, 0.01)
            status = run(solver, self.model)
            spent += solver.response_proto.deterministic_time
            if status == cp_model.INFEASIBLE:
                return Answer("infeasible", None, spent)
            if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
                return Answer("unknown", None, spent)
            if not self._forbid_slipped(solver):
                value = round(solver.objective_value) if self.model.has_objective() else None
                return Answer("feasible", self.trace(solver), spent, value)

    def _forbid_slipped(self, solver: cp_model.CpSolver) -> bool:
        """Forbid ladders of the solution that miss a bound in exact fractions; False if there is none."""
        slipped = False
        for query in self.instance.queries:
            if query.low <= 0 and query.high >= 1:
                continue
            early = self.rungs_by(query.curve, query.tick)
            ladder = tuple(m for m in range(len(early), 0, -1) if solver.value(early[m - 1]))
            if not Fraction(query.low) <= survival(ladder) <= Fraction(query.high):
                self.model.add_bool_or([~v if solver.value(v) else v for v in early])
                slipped = True
        return slipped


def solve(instance: Instance, settings: Settings | None = None) -> Answer:
    """Ask whether some order of events meets every demand of an instance."""
    return OrderModel(instance, settings).solve()
