"""The order of events in a group of patients, exactly: a CP-SAT model of who leaves when.

Rates, medians and rank tests depend on the order of events and on which side of a few marked times
they lie, never on the times themselves. So the model has no times. It has *slots*: the events of all
patients in their order, each with the kind of patient it befell, whether it comes at or before each
mark, and how many of each kind were still followed just before it. Censoring shows only as a fall in
these numbers from one slot to the next.

Two nested endpoints (relapse-free within overall survival) are one process with two states. Everybody
starts *well* and leaves by both events at once, by the inner event alone (then *ill*, followed for the
outer one), or by censoring, which ends both. From *ill* one leaves by the outer event or by censoring.
So the model is exact for both endpoints together, without a name for any patient.

What curves must show is added by :mod:`recohort.solve.order_demands`. `infeasible` is a proof, given
the counts handed in and the ledger's rules: distinct times on its grid, nested endpoints with one last
contact. Attributes that no curve depends on are left out, which can only allow more.

An objective can be added to `model` before solving: `rungs_by`, `log_survival` and `at_risk_at` give
events, survival and numbers at risk of any curve at a tick that the instance watches.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from ortools.sat.python import cp_model

from recohort.solve.cpsat import prover, run
from recohort.solve.instance import Instance, Settings, add_sizes, landmark_tick
from recohort.solve.ladders import log_steps
from recohort.solve.problem import Curve

__all__ = ["Answer", "Slots", "Status", "Step", "Trace", "total"]

Ints = npt.NDArray[np.int64]
Expr = cp_model.LinearExpr
Var = cp_model.IntVar
Status = Literal["feasible", "infeasible", "unknown"]


class Step(NamedTuple):
    """One way to have an event: what it does to the numbers well and ill, and whose event it is."""

    name: str
    well: int
    ill: int
    events: tuple[int, ...]


class Trace(NamedTuple):
    """A feasible order.

    Attributes
    ----------
    sizes : tuple of int, length n_types
        Patients of each type.
    events : tuple of (str, int, int)
        For each slot the step's name, a class, and in which era its patient left *well*.
    well : int array, shape (n_slots + 1, n_classes)
    ill : int array, shape (n_slots + 1, n_classes, n_eras)
        Who is followed just before each slot; in the last row, some time after the last.
    marks : tuple of int
        For each slot how many marks lie before it.
    well_at : int array, shape (n_landmarks, n_classes)
        Who is well at each landmark.
    """

    sizes: tuple[int, ...]
    events: tuple[tuple[str, int, int], ...]
    well: Ints
    ill: Ints
    marks: tuple[int, ...]
    well_at: Ints


@dataclass(frozen=True)
class Answer:
    """What the solver says.

    Attributes
    ----------
    status : str
    trace : Trace, optional
        Given if feasible.
    seconds : float
        Deterministic time.
    value : int, optional
        Of the model's objective at the trace, if it has one.
    """

    status: Status
    trace: Trace | None = None
    seconds: float = 0.0
    value: int | None = None


class Slots:
    """Slots, classes of patients, and everything that curves are made of; no demands yet.

    Parameters
    ----------
    instance : Instance
    settings : Settings

    Attributes
    ----------
    model : CpModel
    classes : tuple of tuple of int
        Types that no curve of the instance tells apart.
    marks, landmarks : list of int
        Ticks. A slot is at or before a mark or after it; of a landmark, the tick before is a mark.
    event : list of dict
        For each slot: (step, class, era) -> Boolean. A landmark starts a new era.
    by : list of list
        For each slot and mark: the slot comes at or before it.
    well, ill : list
        Numbers just before each slot, by class, and for the ill by era.
    """

    def __init__(self, instance: Instance, settings: Settings) -> None:
        self.instance, self.settings = instance, settings
        self.model = cp_model.CpModel()
        self.endpoints = instance.endpoints
        problem = instance.problem
        self.landmarks = sorted({landmark_tick(problem, c) for c in instance.curves if c.population.at_risk})
        self.steps = _steps(self.endpoints, settings.inner_counts_outer, self.blind)
        self._at_risk: dict[Curve, list[Var]] = {}
        self._events: dict[Curve, list[Var]] = {}
        self._rungs: dict[Curve, list[Var]] = {}
        self._took: dict[Curve, list[list[Var]]] = {}
        self._early: dict[tuple[Curve, int], list[Var]] = {}
        self._classes()
        self._populate()
        self.n_slots = self._most_events()
        self._place_marks()
        self._slots()
        self._limit_events()
        self._follow()

    @cached_property
    def blind(self) -> bool:
        """Whether the inner endpoint only says who is well at the landmark.

        Then leaving *well* needs no slot: who is not well at the landmark starts *ill*.
        """
        asked = {query.curve.endpoint for query in self.instance.queries}
        asked |= {test.a.endpoint for test in self.instance.tests}
        asked |= {curve.endpoint for curve, _ in self.instance.watch}
        inner = self.instance.problem.endpoints[self.endpoints[0]]
        return len(self.endpoints) == 2 and inner not in asked and len(self.landmarks) == 1

    # --- who there is -----------------------------------------------------------------------

    def _classes(self) -> None:
        """Join types that no curve tells apart."""
        self.inside = {curve: self.instance.members(curve) for curve in self.instance.curves}
        found: dict[tuple[bool, ...], list[int]] = {}
        for kind in np.flatnonzero(self.instance.part):
            found.setdefault(tuple(bool(mine[kind]) for mine in self.inside.values()), []).append(int(kind))
        self.classes = tuple(tuple(kinds) for kinds in found.values())
        self.member = {c: [signature[i] for signature in found] for i, c in enumerate(self.inside)}

    def _populate(self) -> None:
        """Let the numbers of each type agree with the counts."""
        n_types = len(self.instance.problem.types)
        everybody = self.instance.problem.ledger.study.patients
        self.size = add_sizes(self.model, everybody, n_types, self.instance.counts)
        self.most = [max(0, self.instance.most(np.isin(range(n_types), kinds))) for kinds in self.classes]
        self.start = [self.model.new_int_var(0, most, "") for most in self.most]
        for kinds, start in zip(self.classes, self.start, strict=True):
            self.model.add(total([self.size[k] for k in kinds]) == start)

    def most_members(self, curve: Curve) -> int:
        """Upper bound of a curve's number of patients."""
        return max(0, self.instance.most(self.inside[curve]))

    def _most_events(self) -> int:
        """Upper bound of the number of slots: with survival S, at most a share 1 - S had an event.

        Counted type by type: an outer event takes a slot of its own only after an inner one.
        """
        if self.instance.horizon < self.instance.first:
            return 0
        model = cp_model.CpModel()
        events = []
        for endpoint in self.endpoints[int(self.blind) :]:
            events.append([model.new_int_var(0, most, "") for most in self.most])
            for curve, most in self._limits(endpoint):
                inside = [v for v, yes in zip(events[-1], self.member[curve], strict=True) if yes]
                model.add(total(inside) <= most)
        if len(events) > 1 and self.settings.inner_counts_outer and self.settings.one_contact:
            for inner, outer in zip(*events, strict=True):
                model.add(outer <= inner)
        model.maximize(total(_flat(events)))
        solver = prover()
        run(solver, model)
        return math.floor(solver.best_objective_bound + 1e-6)

    def _limits(self, endpoint: int) -> Iterator[tuple[Curve, int]]:
        """Yield curves of an endpoint with the most events that their queries leave room for."""
        last = min(self.instance.horizon, self.instance.end)
        sizes = {size.curve.population: size.size for size in self.instance.sizes}
        for query in self.instance.queries:
            curve = query.curve
            if self.endpoint(curve) != endpoint or query.tick < last:
                continue
            here = self.most_members(curve)
            if curve.population.at_risk is None:
                yield curve, math.floor(here * (1 - query.low))
            elif curve.population in sizes:  # whoever left before the landmark may have had an event, too
                members = sizes[curve.population]
                yield curve, max(0, here - members) + math.floor(members * (1 - query.low))

    # --- slots ------------------------------------------------------------------------------

    def _place_marks(self) -> None:
        """One Boolean per slot and mark: the event comes at or before that tick."""
        last = min(self.instance.horizon, self.instance.end)
        asked = [q.tick for q in self.instance.queries] + [tick for _, tick in self.instance.watch]
        self.marks = sorted({t for t in asked if t < last} | {tick - 1 for tick in self.landmarks})
        self.by = [[self.model.new_bool_var("") for _ in self.marks] for _ in range(self.n_slots)]
        for now, later in itertools.pairwise(self.by):
            for a, b in zip(now, later, strict=True):
                self.model.add_implication(b, a)
        for row in self.by:
            for a, b in itertools.pairwise(row):
                self.model.add_implication(a, b)

    def _slots(self) -> None:
        """At most one event per slot, the empty slots last, each in its era."""
        keys = list(itertools.product(range(len(self.steps)), range(len(self.classes)), self._eras))
        self.event = [{key: self.model.new_bool_var("") for key in keys} for _ in range(self.n_slots)]
        self.used = [self.model.new_bool_var("") for _ in range(self.n_slots)]
        for now, later in itertools.pairwise(self.used):
            self.model.add_implication(later, now)
        borders = [self.marks.index(tick - 1) for tick in self.landmarks]
        for k, (slot, used) in enumerate(zip(self.event, self.used, strict=True)):
            self.model.add_exactly_one([*slot.values(), ~used])
            for (step, _, era), here in slot.items():
                if era > 0:
                    self.model.add_implication(here, ~self.by[k][borders[era - 1]])
                if era < len(borders) and self.steps[step].well:
                    self.model.add_implication(here, self.by[k][borders[era]])

    def _limit_events(self) -> None:
        """Say how many events a curve has at most: no query says it so plainly."""
        for endpoint in self.endpoints[int(self.blind) :]:
            for curve, most in self._limits(endpoint):
                events = [self.events_in(curve, k) for k in range(self.n_slots)]
                self.model.add(total(events) <= most)

    @property
    def _eras(self) -> range:
        return range(len(self.landmarks) + 1)

    def _follow(self) -> None:
        """Numbers well and ill just before each slot: they change by events, and fall by censoring."""
        rows = range(self.n_slots + 1)
        self.well = [[self.model.new_int_var(0, most, "") for most in self.most] for _ in rows]
        ill = [most if len(self.endpoints) > 1 else 0 for most in self.most]
        self.ill = [[[self.model.new_int_var(0, most, "") for _ in self._eras] for most in ill] for _ in rows]
        for c, start in enumerate(self.start):
            self.model.add(self.well[0][c] + total(self.ill[0][c]) <= start)
            if self.settings.one_contact:
                for era in self._eras[int(self.blind) :]:
                    self.model.add(self.ill[0][c][era] == 0)
            for k in range(self.n_slots):
                self._fall(k, c)
        self.well_at = [
            [self._standing(self.marks.index(tick - 1), *self._well_of(c)) for c in range(len(self.classes))]
            for tick in self.landmarks
        ]

    def _fall(self, k: int, c: int) -> None:
        """Tie the numbers of one class in one slot to those in the next."""
        slot, steps = self.event[k], list(enumerate(self.steps))
        gone = [step.well * slot[s, c, era] for s, step in steps for era in self._eras]
        self.model.add(self.well[k + 1][c] <= self.well[k][c] + total(gone))
        for era in self._eras:
            change = total([step.ill * slot[s, c, era] for s, step in steps])
            lost = total([slot[s, c, era] for s, step in steps if step.ill < 0])
            self.model.add(self.ill[k][c][era] >= lost)
            if self.settings.one_contact:
                self.model.add(self.ill[k + 1][c][era] <= self.ill[k][c][era] + change)
        if (
            not self.settings.one_contact
        ):  # from well one may go on to be followed for the outer endpoint only
            out = [(step.well + step.ill) * slot[s, c, era] for s, step in steps for era in self._eras]
            now, then = (self.well[j][c] + total(self.ill[j][c]) for j in (k, k + 1))
            self.model.add(then <= now + total(out))

    def _well_of(self, c: int) -> tuple[Expr, list[Expr], list[Expr]]:
        """Give who of a class starts well, is well before each slot, and leaves well in it."""
        leaves = [
            total([here for (s, kind, _), here in slot.items() if kind == c and self.steps[s].well])
            for slot in self.event
        ]
        return self.start[c] - total(self.ill[0][c]), [row[c] for row in self.well[:-1]], leaves

    def _standing(self, mark: int, start: Expr, before: Sequence[Expr], leaving: Sequence[Expr]) -> Var:
        """Give a number just after a mark, from what it is before each slot and what each slot takes."""
        here = self.model.new_int_var(0, sum(self.most), "")
        self.model.add(here <= start)
        for k, (number, less) in enumerate(zip(before, leaving, strict=True)):
            early = [self.used[k], *self.by[k][mark : mark + 1]]
            self.model.add(here <= number - less).only_enforce_if(early)
            if mark < len(self.marks):
                self.model.add(here >= number).only_enforce_if(~self.by[k][mark])
        return here

    # --- curves -----------------------------------------------------------------------------

    def era(self, curve: Curve) -> int:
        """First era in which members of a curve can leave."""
        if curve.population.at_risk is None:
            return 0
        return 1 + self.landmarks.index(landmark_tick(self.instance.problem, curve))

    def endpoint(self, curve: Curve) -> int:
        """Index of a curve's endpoint."""
        return self.instance.problem.endpoints.index(curve.endpoint)

    def members(self, curve: Curve) -> Expr:
        """Patients in a curve: at the landmark if it has one, else at the start."""
        row = self.start if curve.population.at_risk is None else self.well_at[self.era(curve) - 1]
        return total([number for number, yes in zip(row, self.member[curve], strict=True) if yes])

    def events_in(self, curve: Curve, k: int) -> Var:
        """Events of a curve in slot k, 0 or 1."""
        if curve not in self._events:
            row = [self.model.new_bool_var("") for _ in range(self.n_slots)]
            for slot, number in enumerate(row):
                of_outcome = (
                    here
                    for (step, _, _), here in self._of(curve, slot)
                    if self.endpoint(curve) in self.steps[step].events
                )
                self.model.add(total(list(of_outcome)) == number)
            self._events[curve] = row
        return self._events[curve][k]

    def to_decide(self) -> Iterator[Var]:
        """Yield what a search had best decide, in its order; proofs are several times shorter with it.

        Slot by slot which curves have an event, outer endpoints first; then whose event it is; then how many
        are followed.
        """
        outer_first = sorted(self._events, key=lambda c: -self.endpoints.index(self.endpoint(c)))
        for k in range(self.n_slots):
            yield from (self._events[curve][k] for curve in outer_first)
        yield from _flat([list(slot.values()) for slot in self.event])
        for well, ill in zip(self.well, self.ill, strict=True):
            yield from [*well, *_flat(ill)]

    def _of(self, curve: Curve, k: int) -> list[tuple[tuple[int, int, int], Var]]:
        """List what can happen to members of a curve in slot k."""
        first = self.era(curve)
        return [
            (key, v) for key, v in self.event[k].items() if self.member[curve][key[1]] and key[2] >= first
        ]

    def at_risk(self, curve: Curve, k: int) -> Var:
        """Members at risk just before slot k, once past the curve's landmark."""
        if curve not in self._at_risk:
            row = [self.model.new_int_var(0, self.most_members(curve), "") for _ in range(self.n_slots)]
            for slot, number in enumerate(row):
                self.model.add(number == self._followed(curve, slot))
            for slot, (now, then) in enumerate(itertools.pairwise(row)):
                # follows from its members, but told of the whole curve the solver is twice as fast
                self.model.add(then <= now - self.events_in(curve, slot))
            self._at_risk[curve] = row
        return self._at_risk[curve][k]

    def _followed(self, curve: Curve, k: int) -> Expr:
        """Members at risk just before slot k, class by class."""
        mine = [c for c, yes in enumerate(self.member[curve]) if yes]
        numbers = [self.well[k][c] for c in mine]
        if self.endpoint(curve) != self.endpoints[0]:
            numbers += [number for c in mine for number in self.ill[k][c][self.era(curve) :]]
        return total(numbers)

    def at_risk_at(self, curve: Curve, tick: int) -> Var:
        """Members still followed just after a watched tick, past the curve's landmark."""
        slots = range(self.n_slots)
        ends = [self.ends(s, self.endpoint(curve)) for s in range(len(self.steps))]
        leaving = [total([here for (s, _, _), here in self._of(curve, k) if ends[s]]) for k in slots]
        mark = self.marks.index(tick) if tick in self.marks else len(self.marks)
        return self._standing(mark, self.members(curve), [self.at_risk(curve, k) for k in slots], leaving)

    def ends(self, step: int, endpoint: int) -> bool:
        """Whether a step ends the follow-up for an endpoint."""
        well, ill = self.steps[step].well, self.steps[step].ill
        return well < 0 if endpoint == self.endpoints[0] else well + ill < 0

    def rungs(self, curve: Curve) -> list[Var]:
        """Booleans "an event with m at risk", for m = 1, 2, ... up to the curve's size."""
        if curve not in self._rungs:
            most = self.most_members(curve)
            took = [[self.model.new_bool_var("") for _ in range(most)] for _ in range(self.n_slots)]
            for k, row in enumerate(took):
                self.model.add(total(row) == self.events_in(curve, k))
                for m, here in enumerate(row, start=1):
                    self.model.add(self.at_risk(curve, k) == m).only_enforce_if(here)
            rungs = [self.model.new_bool_var("") for _ in range(most)]
            for m, rung in enumerate(rungs):
                self.model.add(total([row[m] for row in took]) == rung)
            self._rungs[curve], self._took[curve] = rungs, took
        return self._rungs[curve]

    def rungs_by(self, curve: Curve, tick: int) -> list[Var]:
        """Booleans "an event with m at risk, at or before the tick"."""
        rungs = self.rungs(curve)
        if tick not in self.marks:  # at or after the horizon: all events
            return rungs
        if (curve, tick) not in self._early:
            mark = self.marks.index(tick)
            early = [self.model.new_bool_var("") for _ in rungs]
            for m, (rung, here) in enumerate(zip(rungs, early, strict=True)):
                self.model.add_implication(here, rung)
                for k, row in enumerate(self._took[curve]):
                    self.model.add_implication(row[m], here).only_enforce_if(self.by[k][mark])
                    self.model.add_implication(row[m], ~here).only_enforce_if(~self.by[k][mark])
            self._early[curve, tick] = early
        return self._early[curve, tick]

    def log_survival(self, curve: Curve, tick: int) -> Expr:
        """Scaled log of survival just after a tick; meaningless after an event with one at risk."""
        early = self.rungs_by(curve, tick)
        return total([step * here for step, here in zip(log_steps(len(early)), early[1:], strict=True)])

    def followed_at(self, mark: int, endpoint: int) -> Expr:
        """Patients followed for an endpoint just after a mark; -1 is the start, past the last the horizon."""
        if mark < 0:
            return total(self.start)
        inner = endpoint == self.endpoints[0]
        before = [total(self.well[k] + ([] if inner else _flat(self.ill[k]))) for k in range(self.n_slots)]
        leaving = [
            total([v for (s, _, _), v in slot.items() if self.ends(s, endpoint)]) for slot in self.event
        ]
        here = self._standing(mark, total(self.start), before, leaving)
        for era, (tick, row) in enumerate(zip(self.landmarks, self.well_at, strict=True)):
            if self.marks[mark : mark + 1] != [tick - 1]:
                continue
            if inner:
                self.model.add(here == total(row))
                continue
            self.model.add(here >= total(row))
            for ill, early in zip(self.ill[:-1], self.by, strict=True):
                # who is ill from before the landmark was followed at it, too
                still = total(_flat([eras[: era + 1] for eras in ill]))
                self.model.add(here >= total(row) + still).only_enforce_if(~early[mark])
        return here

    def trace(self, solver: cp_model.CpSolver) -> Trace:
        """Read the order off a solution."""
        n = sum(solver.value(used) for used in self.used)
        chosen = [next(key for key, here in slot.items() if solver.value(here)) for slot in self.event[:n]]
        shape = (len(self.landmarks), len(self.classes))
        return Trace(
            tuple(solver.value(size) for size in self.size),
            tuple((self.steps[step].name, c, era) for step, c, era in chosen),
            np.array([[solver.value(v) for v in row] for row in self.well[: n + 1]], np.int64),
            np.array(
                [[[solver.value(v) for v in ill] for ill in row] for row in self.ill[: n + 1]], np.int64
            ),
            tuple(sum(not solver.value(early) for early in row) for row in self.by[:n]),
            np.array([[solver.value(v) for v in row] for row in self.well_at], np.int64).reshape(shape),
        )


def _steps(endpoints: tuple[int, ...], inner_counts_outer: bool, blind: bool) -> tuple[Step, ...]:
    if len(endpoints) < 2:
        return (Step("event", -1, 0, endpoints),)
    inner, outer = endpoints
    both = endpoints if inner_counts_outer else (outer,)
    steps = (Step("both", -1, 0, both), Step("outer", 0, -1, (outer,)), Step("inner", -1, 1, (inner,)))
    return steps[:2] if blind else steps


def total(numbers: Sequence[Expr]) -> Expr:
    """Sum of numbers, none of them included."""
    return cp_model.LinearExpr.sum(list(numbers))


def _flat(rows: Sequence[Sequence[Var]]) -> list[Var]:
    return [number for row in rows for number in row]
