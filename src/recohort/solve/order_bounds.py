"""How small or large a number can be over all orders of events, from the order model.

Every model here holds some of the ledger's claims and leaves others out, so what it proves holds for
the whole ledger: a minimum over more cohorts is no larger. Several models, from few claims to many,
take turns; the best bound stands, and says which claims it rests on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from ortools.sat.python import cp_model

from recohort.check import check
from recohort.solve import cases
from recohort.solve.cpsat import finder, run
from recohort.solve.instance import Count, Instance, Settings, landmark_tick
from recohort.solve.ladders import SCALE
from recohort.solve.order_demands import OrderModel
from recohort.solve.orders import Answer, Expr, Trace, total
from recohort.solve.problem import Curve, Problem, SizeTarget, Test, UnsupportedClaim, curves_of
from recohort.solve.quantities import Quantity
from recohort.solve.witness import cohort_of

__all__ = ["Contradiction", "Extreme", "Relaxation", "extreme", "relaxations"]

Bools = npt.NDArray[np.bool_]
ZERO = 2**52
"""Taken off a logarithm where survival is nothing: more than any sum of steps."""
ROOM = 1e-9
"""Survival is bounded through rounded logarithms; its bounds are this much wider."""
PATIENCE = 2
"""So many times the limit of a guess is given to its proof, all cases together."""
FOLLOWED = 10
"""And guesses that were wrong are followed for so many times the limit."""
FEW = 14
"""P values take part for at most so many patients: with more, nothing is proven in the time there is."""


class Contradiction(Exception):  # noqa: N818 - named as what it is
    """No order of events meets the claims, proven.

    Attributes
    ----------
    claims : tuple of str
        The claims in the model that has no solution.
    """

    def __init__(self, claims: tuple[str, ...]) -> None:
        self.claims = claims
        super().__init__(f"{len(claims)} claims cannot all hold")


@dataclass(frozen=True)
class Relaxation:
    """Some of the claims on some of the patients.

    Attributes
    ----------
    name : str
        Which claims: those of the `own curve`, of every curve of its `endpoint`, all `rates` and
        medians, or those of two compared curves `with P`.
    instance : Instance
    whole : bool
        Whether no rate, median or size of the part is left out.
    seconds : float
        How long to try, in the solver's deterministic time.
    """

    name: str
    instance: Instance
    whole: bool
    seconds: float


@dataclass(frozen=True)
class Extreme:
    """What is known of one end.

    Attributes
    ----------
    bound : float
        No cohort goes beyond; infinite if nothing was proven.
    patients : DataFrame, optional
        Patients whom the checker accepts, for the claims in the model.
    solved : bool
        Whether any order was found at all that meets the claims in the model.
    """

    bound: float
    patients: pd.DataFrame | None = None
    solved: bool = False


def relaxations(
    problem: Problem, counts: tuple[Count, ...], part: Bools, curve: Curve, effort: float = 1.0
) -> Iterator[Relaxation]:
    """Yield models for a curve, the ones that are quick to solve first.

    Parameters
    ----------
    problem, counts
    part : bool array, shape (n_types,)
        Patients whom no rate ties to others.
    curve : Curve
    effort : float
        Multiplies the time limits.
    """
    every = [d for d in problem.demands() if not any(c.reverse for c in curves_of(d))]
    rates = [d for d in every if not isinstance(d, Test) and problem.within(d, part)]
    own = [d for d in rates if isinstance(d, SizeTarget) or d.curve == curve]
    same = [d for d in rates if isinstance(d, SizeTarget) or d.curve.endpoint == curve.endpoint]
    steps = (("own curve", own, 0.2), ("endpoint", same, 0.4), ("rates", rates, 0.8))
    tried = -1
    for name, demands, seconds in steps:
        if len(demands) > tried and (curve.endpoint or name == "rates") and (demands or curve.endpoint):
            tried = len(demands)
            whole = len(demands) == len(rates)
            yield Relaxation(
                name, Instance.of(problem, tuple(part.tolist()), demands, counts), whole, seconds * effort
            )
    tests = [d for d in every if isinstance(d, Test) and curve in (d.a, d.b)]
    for test in tests if problem.distinct else ():  # a tie changes no curve, but a test
        pair = problem.members(test.a) | problem.members(test.b)
        near = [d for d in every if curves_of(d)[0].endpoint == curve.endpoint and problem.within(d, pair)]
        instance = Instance.of(problem, tuple(pair.tolist()), near, counts)
        if instance.most(pair) <= FEW:
            yield Relaxation("with P", instance, False, 1.0 * effort)


def extreme(relaxation: Relaxation, quantity: Quantity, sense: int, known: float) -> Extreme:
    """Minimise (sense -1) or maximise (1) a quantity under a relaxation.

    A solver with presolve soon says where the end may be, which proves nothing. One without is then
    asked whether anything lies beyond, case by case, which is sooner answered than where the end is.

    Parameters
    ----------
    relaxation : Relaxation
    quantity : Quantity
    sense : int
    known : float
        A bound from elsewhere, infinite if there is none; one that is no better is not proven.

    Raises
    ------
    Contradiction
        If the claims in it are proven to have no solution.
    """
    question = _Question(relaxation, quantity, sense)
    try:
        guess = question.guess()
    except UnsupportedClaim:
        guess = None
    if guess is None:
        return Extreme(sense * math.inf)
    end, spent = guess.end, 0.0
    while sense * question.bound(end) < sense * known:
        case, answer = question.beyond(end)
        spent += answer.seconds
        if answer.status == "infeasible":
            return Extreme(question.bound(end), guess.patients, True)
        if answer.trace is not None and answer.value is not None and spent < FOLLOWED * relaxation.seconds:
            end = answer.value  # the guess was wrong
            guess = replace(guess, patients=question.accepted(case, answer.trace))
        elif end < guess.farthest:
            end = guess.farthest
        else:
            break
    return Extreme(sense * math.inf, guess.patients, True)


@dataclass(frozen=True)
class _Guess:
    """Where an end may be, and how far at most, with patients who may be there."""

    end: int
    farthest: int
    patients: pd.DataFrame | None


class _Question:
    """How far a quantity goes under a relaxation, as a question to order models."""

    def __init__(self, relaxation: Relaxation, quantity: Quantity, sense: int) -> None:
        self.quantity, self.sense = quantity, sense
        self.tick = tick_of(quantity, relaxation.instance)
        watch = () if self.tick is None else ((_watched(quantity), self.tick),)
        self.instance = replace(relaxation.instance, watch=watch)
        self.settings = Settings(seconds=relaxation.seconds, patience=PATIENCE)

    @cached_property
    def model(self) -> OrderModel:
        """For the guess and then for its proof; what a proof adds to it holds for further ones."""
        return OrderModel(self.instance, self.settings)

    def objective(self, model: OrderModel) -> Expr:
        """Return what is to be as large as can be, in whole numbers."""
        return self.sense * _objective(model, self.quantity, self.tick)

    def guess(self) -> _Guess | None:
        """Guess where the end is.

        Raises
        ------
        Contradiction
            If the claims are proven to have no solution.
        """
        model, solver = self.model, finder()
        model.model.maximize(self.objective(model))
        solver.parameters.linearization_level = 0
        solver.parameters.max_deterministic_time = self.settings.seconds
        status = run(solver, model.model)
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            patients = self.accepted(model, model.trace(solver))
            return _Guess(round(solver.objective_value), round(solver.best_objective_bound), patients)
        if status != cp_model.INFEASIBLE:
            return None
        case, answer = self.beyond(None)
        if answer.status == "infeasible":
            raise Contradiction(tuple(dict.fromkeys(c for d in self.instance.demands for c in d.claims)))
        if answer.trace is None or answer.value is None:
            return None
        return _Guess(answer.value, answer.value, self.accepted(case, answer.trace))

    def beyond(self, end: int | None) -> tuple[OrderModel, Answer]:
        """Ask whether anything lies beyond an end of the objective, or whether there is anything at all."""

        def add(case: OrderModel) -> None:
            objective = self.objective(case)
            if end is not None:
                case.model.add(objective > end)
            case.model.maximize(objective)

        self.model.settings = self.settings
        return cases.solve(self.model, add)

    def bound(self, end: int) -> float:
        """Turn an end of the objective into one of the quantity."""
        open_end = self.quantity.kind == "at risk" and self.sense > 0 and self.tick is not None
        room = int(open_end and _asked(self.instance, self.tick))
        return _scaled(self.sense * end, self.quantity, self.sense) + room

    def accepted(self, model: OrderModel, trace: Trace) -> pd.DataFrame | None:
        """Return the patients of an order if they meet the claims of the model, says the checker."""
        patients = cohort_of(model, trace)
        if patients is None or patients.empty:
            return None
        wanted = {claim for demand in self.instance.demands for claim in demand.claims}
        ledger = self.instance.problem.ledger
        rows = check(patients, ledger.with_claims(claim for claim in ledger.claims if claim.id in wanted))
        return patients if all(row.verdict != "not reproduced" for row in rows) else None


def tick_of(quantity: Quantity, instance: Instance) -> int | None:
    """Return the tick just after which a model has to be asked; None where time does not matter.

    Whoever leaves at a time is still at risk at it, so the number at risk is that just after the tick
    before. Where a claim asks about this very tick it is that just after the tick, or one more.
    """
    if quantity.time is None:
        at_landmark = quantity.population.at_risk is not None
        return landmark_tick(instance.problem, _watched(quantity)) if at_landmark else None
    scale = instance.problem.ledger.study.time
    if math.isinf(quantity.time):
        return instance.end
    tick = math.floor(quantity.time / scale.resolution + 1e-6)
    if quantity.kind == "at risk" and not _asked(instance, tick):
        tick = math.ceil(quantity.time / scale.resolution - 1e-6) - 1
    if quantity.population.at_risk is not None:
        tick = max(tick, landmark_tick(instance.problem, quantity.curve))
    return tick


def _watched(quantity: Quantity) -> Curve:
    """Return the curve to watch: who is at a landmark is read from the landmark's own endpoint."""
    if quantity.kind == "patients" and quantity.population.at_risk is not None:
        return replace(quantity.curve, endpoint=quantity.population.at_risk[0])
    return quantity.curve


def _asked(instance: Instance, tick: int | None) -> bool:
    """Whether a claim asks about a tick at which at most one patient leaves.

    A mark for the tick before as well would leave one tick between two marks, and the solver much to do.
    """
    return instance.problem.distinct and any(query.tick == tick for query in instance.queries)


def _objective(model: OrderModel, quantity: Quantity, tick: int | None) -> Expr:
    curve = _watched(quantity)
    if tick is None:
        kinds = model.instance.members(curve)
        return total([model.size[k] for k in np.flatnonzero(kinds)])
    if quantity.kind == "patients":
        return model.members(curve)
    if quantity.kind == "at risk":
        return model.at_risk_at(curve, tick)
    early = model.rungs_by(curve, tick)
    if quantity.kind == "events":
        return total(early)
    return model.log_survival(curve, tick) - (ZERO * early[0] if early else 0)


def _scaled(number: float, quantity: Quantity, sense: int) -> float:
    """Turn a bound of the objective (sense -1 or 1) into one of the quantity, with room for rounding."""
    if quantity.kind != "survival":
        return float(round(number))
    if number < -(ZERO // 2):
        return 0.0
    share = math.exp(min(number / SCALE, 0.0))
    return min(1.0, max(0.0, share + sense * ROOM))
