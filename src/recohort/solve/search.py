"""Annealing: from any cohort to one that meets every demand, and walks among those that do.

Every state obeys the rules per patient and keeps all counts of the ledger (see `moves`); what remains,
rates, medians, tests and landmark sizes, is the loss (see `objective`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recohort.kernel import compiled
from recohort.solve.moves import Rules, propose
from recohort.solve.objective import (
    Layout,
    State,
    Work,
    evaluate,
    fill_member,
    orders_of,
    pack,
    scratch,
    track_loss,
)
from recohort.solve.problem import Track

__all__ = ["Schedule", "anneal"]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Random = np.random.Generator


class Schedule(NamedTuple):
    """Cooling: `steps` proposals from temperature `hot` to `cold`, linearly.

    It ends at the first cohort that meets every demand, unless `go_on` is 1.
    """

    steps: int
    hot: float
    cold: float
    go_on: int = 0


@compiled
def _place(order: Ints, time: Ints, patient: int) -> None:
    """Move a patient whose time has changed to its place in the order."""
    n = order.size
    at = 0
    while order[at] != patient:
        at += 1
    while at > 0 and time[order[at - 1]] > time[patient]:
        order[at] = order[at - 1]
        at -= 1
        order[at] = patient
    while at < n - 1 and time[order[at + 1]] < time[patient]:
        order[at] = order[at + 1]
        at += 1
        order[at] = patient


@compiled
def _copy_patient(source: State, target: State, patient: int) -> None:
    target.types[patient] = source.types[patient]
    for endpoint in range(source.time.shape[0]):
        target.time[endpoint, patient] = source.time[endpoint, patient]
        target.event[endpoint, patient] = source.event[endpoint, patient]


@compiled
def _settle(
    layout: Layout, work: Work, orders: Ints, state: State, old: State, touched: Ints, stale: Bytes
) -> None:
    """Bring orders and memberships up to date with the touched patients; mark the tracks they concern."""
    stale[:] = 0
    for t in range(touched.size):
        patient = touched[t]
        for endpoint in range(state.time.shape[0]):
            _place(orders[endpoint], state.time[endpoint], patient)
        for track in range(stale.size):
            e = layout.endpoint[track]
            moved = state.time[e, patient] != old.time[e, patient]
            turned = state.event[e, patient] != old.event[e, patient]
            if fill_member(layout, work, track, state, patient) or moved or turned:
                stale[track] = 1


@compiled
def _keep(source: State, target: State, touched: Ints) -> None:
    for t in range(touched.size):
        _copy_patient(source, target, touched[t])


@compiled
def _is_likely(random: Random, rules: Rules, state: State, old: State, touched: Ints) -> bool:
    """Accept a proposal as often as the patients that it makes are likely, beside those that they were."""
    if rules.likely.size == 0:
        return True
    ratio = 1.0
    for t in range(touched.size):
        if t and touched[t] == touched[0]:
            continue
        for e in range(state.time.shape[0]):
            p = touched[t]
            ratio *= rules.likely[e, state.types[p], state.time[e, p], state.event[e, p]]
            ratio /= rules.likely[e, old.types[p], old.time[e, p], old.event[e, p]]
    return bool(random.random() < ratio)


@compiled
def _run(
    layout: Layout,
    work: Work,
    rules: Rules,
    state: State,
    best: State,
    orders: Ints,
    schedule: Schedule,
    random: Random,
) -> tuple[float, int]:
    """Anneal `state` in place; `best` gets the lowest met. Return (its loss, steps taken)."""
    n_tracks = layout.endpoint.size
    loss, new_loss = np.zeros(n_tracks), np.zeros(n_tracks)
    current = evaluate(layout, work, orders, state, loss)
    old = State(state.types.copy(), state.time.copy(), state.event.copy())
    lowest = current
    touched, stale = np.zeros(2, np.int64), np.zeros(n_tracks, np.uint8)
    step = 0
    while step < schedule.steps and (lowest > 0 or schedule.go_on):
        step += 1
        temperature = schedule.hot + (schedule.cold - schedule.hot) * (step / schedule.steps)
        legal = propose(random, rules, state, touched)
        if not (legal and _is_likely(random, rules, state, old, touched)):
            _keep(old, state, touched)
            continue
        # accept with a probability that falls off like exp(-delta/T), without an exponential
        bound = current + temperature * 4.0 * random.random() ** 3
        _settle(layout, work, orders, state, old, touched, stale)
        new = 0.0
        for track in range(n_tracks):
            new += 0.0 if stale[track] else loss[track]
        for track in range(n_tracks):
            new_loss[track] = loss[track]
            if stale[track] and new <= bound:
                new_loss[track] = track_loss(layout, work, track, orders[layout.endpoint[track]], state)
                new += new_loss[track]
        if new <= bound:
            current = new
            loss[:] = new_loss
            _keep(state, old, touched)
            if current < lowest or (schedule.go_on and current <= lowest):
                lowest = current
                best.types[:], best.time[:], best.event[:] = state.types, state.time, state.event
        else:
            _keep(old, state, touched)
            _settle(layout, work, orders, state, old, touched, stale)
    return lowest, step


def anneal(
    tracks: tuple[Track, ...], rules: Rules, state: State, schedule: Schedule, seed: int
) -> tuple[State, float, int]:
    """Anneal a cohort towards meeting every demand.

    Parameters
    ----------
    tracks : tuple of Track
        From `Problem.tracks`.
    rules : Rules
    state : State
        Where to start; it is not changed.
    schedule : Schedule
        With `go_on`, and both temperatures 0, this is a random walk among the cohorts that meet as
        much as the start: from a cohort that meets everything, to others that do.
    seed : int

    Returns
    -------
    state, loss, steps : State, float, int
        The best cohort met, with `go_on` the latest of the best; loss 0 means that every demand holds.
    """
    mine, best = (State(state.types.copy(), state.time.copy(), state.event.copy()) for _ in range(2))
    layout = pack(tracks)
    work = scratch(layout, mine.types.size)
    loss, steps = _run(
        layout, work, rules, mine, best, orders_of(mine), schedule, np.random.default_rng(seed)
    )
    return best, float(loss), int(steps)
