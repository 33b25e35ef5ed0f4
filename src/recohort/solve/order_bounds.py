"""How small or large a number can be over all orders of events, from the order model.

Every model here holds some of the ledger's claims and leaves others out, so what it proves holds for
the whole ledger: a minimum over more cohorts is no larger. Several models, from few claims to many,
take turns; the best bound stands, and says which claims it rests on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from ortools.sat.python import cp_model

from recohort.check import check
from recohort.solve.cpsat import prover, run
from recohort.solve.instance import Count, Instance, Settings, landmark_tick
from recohort.solve.ladders import SCALE
from recohort.solve.order_demands import OrderModel
from recohort.solve.orders import Expr, total
from recohort.solve.problem import Curve, Problem, SizeTarget, Test, UnsupportedClaim, curves_of
from recohort.solve.quantities import Quantity
from recohort.solve.witness import cohort_of

__all__ = ["Contradiction", "Extreme", "Relaxation", "extreme", "relaxations"]

Bools = npt.NDArray[np.bool_]
ZERO = 2**52
"""Taken off a logarithm where survival is nothing: more than any sum of steps."""
ROOM = 1e-9
"""Survival is bounded through rounded logarithms; its bounds are this much wider."""
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
    """

    bound: float
    patients: pd.DataFrame | None = None


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
    steps = (("own curve", own, 0.3), ("endpoint", same, 1.0), ("rates", rates, 1.5))
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


def extreme(relaxation: Relaxation, quantity: Quantity, sense: int) -> Extreme:
    """Minimise (sense -1) or maximise (1) a quantity under a relaxation.

    Raises
    ------
    Contradiction
        If the claims in it are proven to have no solution.
    """
    tick = tick_of(quantity, relaxation.instance)
    watch = () if tick is None else ((_watched(quantity), tick),)
    instance = replace(relaxation.instance, watch=watch)
    try:
        model = OrderModel(instance, Settings(seconds=relaxation.seconds))
    except UnsupportedClaim:
        return Extreme(sense * math.inf)
    objective = _objective(model, quantity, tick)
    (model.model.maximize if sense > 0 else model.model.minimize)(objective)
    solver = prover()
    solver.parameters.linearization_level = 0
    solver.parameters.max_deterministic_time = relaxation.seconds
    status = run(solver, model.model)
    if status == cp_model.INFEASIBLE:
        raise Contradiction(tuple(dict.fromkeys(c for d in instance.demands for c in d.claims)))
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Extreme(sense * math.inf)  # a bound is not set before a solution is known
    bound = _scaled(solver.best_objective_bound, quantity, sense)
    if quantity.kind == "at risk" and sense > 0 and tick is not None and _asked(instance, tick):
        bound += 1
    return Extreme(bound, _accepted(model, solver))


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


def _asked(instance: Instance, tick: int) -> bool:
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


def _accepted(model: OrderModel, solver: cp_model.CpSolver) -> pd.DataFrame | None:
    """Return the patients of the order found if they meet the claims of the model, says the checker."""
    patients = cohort_of(model, model.trace(solver))
    if patients is None or patients.empty:
        return None
    wanted = {claim for demand in model.instance.demands for claim in demand.claims}
    ledger = model.instance.problem.ledger
    rows = check(patients, ledger.with_claims(claim for claim in ledger.claims if claim.id in wanted))
    return patients if all(row.verdict != "not reproduced" for row in rows) else None
