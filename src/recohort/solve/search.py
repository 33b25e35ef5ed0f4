"""Times, events and types of patients by annealing over the compiled kernel.

A state is one cohort: for each patient a type, and for each endpoint a time (in ticks) and an event.
Every state obeys the rules per patient (an inner endpoint lies within its outer one, an outer event is
an inner event, without an inner event both end together), and every exchange of types keeps all
counts of the ledger. What remains, rates, medians, tests and landmark sizes, is the loss.

Only additions, multiplications, divisions and square roots take part, so the same seed gives the same
states on every machine of one architecture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recohort.kernel import compiled, evaluate_endpoint
from recohort.solve.problem import Track

__all__ = ["Rules", "Schedule", "State", "anneal", "losses"]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Random = np.random.Generator

MISSED = 0.25
"""Loss of any missed demand, on top of how far it is missed."""
RATE_SCALE = 0.08
Z_SCALE = 0.5
SIZE_SCALE = 2.0
CAP = 2.0


class State(NamedTuple):
    """One cohort. `time` and `event` have shape (n_endpoints, n_patients), `types` (n_patients,)."""

    types: Ints
    time: Ints
    event: Bytes


class Rules(NamedTuple):
    """What proposals must respect.

    `parent` (n_endpoints,): the endpoint within which one lies, or -1. `exchanges` (n, 4): see
    `Problem.exchanges`. `forbidden`: ticks that no time may take. `distinct`: 1 if no two patients
    may share a time. Times lie in [first, last] ticks; fresh times are drawn up to `horizon`.
    """

    parent: Ints
    exchanges: Ints
    forbidden: Ints
    distinct: int
    first: int
    last: int
    horizon: int


class Schedule(NamedTuple):
    """Cooling: `steps` proposals from temperature `hot` to `cold`, linearly."""

    steps: int
    hot: float
    cold: float


class _Work(NamedTuple):
    """Scratch of one track."""

    member: Bytes
    survival: Floats
    median: Ints
    oe: Floats
    v: Floats
    event: Bytes
    penalty: Floats


@compiled
def _allocate(track: Track, n_patients: int) -> _Work:
    n_curves = track.member.shape[1]
    return _Work(
        np.zeros((n_patients, n_curves), np.uint8),
        np.zeros(track.query_tick.size),
        np.zeros(n_curves, np.int64),
        np.zeros(track.test_a.size),
        np.zeros(track.test_a.size),
        np.zeros(n_patients, np.uint8),
        np.zeros(track.query_tick.size + track.test_a.size + track.size_curve.size),
    )


@compiled
def _fill_member(track: Track, work: _Work, state: State, patient: int) -> bool:
    """Write a patient's row of curve memberships; return whether it changed."""
    kind = state.types[patient]
    changed = False
    for curve in range(track.member.shape[1]):
        inside = track.member[kind, curve]
        if inside and track.landmark_endpoint[curve] >= 0:
            landmark = track.landmark_endpoint[curve]
            inside = np.uint8(state.time[landmark, patient] >= track.landmark_tick[curve])
        changed = changed or work.member[patient, curve] != inside
        work.member[patient, curve] = inside
    return changed


@compiled
def _penalty(excess: float, scale: float) -> float:
    return MISSED + min(excess / scale, CAP) if excess > 0 else 0.0


@compiled
def _track_loss(track: Track, work: _Work, order: Ints, state: State) -> float:
    """Loss of one track; `work.penalty` gets one entry per query, then per test, then per size."""
    n = order.size
    for patient in range(n):
        work.event[patient] = state.event[track.endpoint, patient] != track.reverse
    evaluate_endpoint(
        order, state.time[track.endpoint], work.event, work.member, track.query_curve, track.query_tick,
        track.test_a, track.test_b, work.survival, work.median, work.oe, work.v,
    )  # fmt: skip
    total = 0.0
    place = 0
    for q in range(track.query_tick.size):
        s = work.survival[q]
        work.penalty[place] = _penalty(max(track.query_low[q] - s, s - track.query_high[q]), RATE_SCALE)
        total += work.penalty[place]
        place += 1
    for t in range(track.test_a.size):
        z = 0.0
        if work.v[t] > 0:
            z = abs(work.oe[t]) / np.sqrt(work.v[t])
        work.penalty[place] = _penalty(max(track.z_low[t] - z, z - track.z_high[t]), Z_SCALE)
        total += work.penalty[place]
        place += 1
    for k in range(track.size_curve.size):
        size = 0
        for patient in range(n):
            size += work.member[patient, track.size_curve[k]]
        work.penalty[place] = _penalty(abs(size - track.size_target[k]), SIZE_SCALE)
        total += work.penalty[place]
        place += 1
    return total


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
def _below(random: Random, n: int) -> int:
    """Draw a whole number from 0 to n - 1."""
    return int(random.random() * n)


@compiled
def _fresh_tick(random: Random, rules: Rules, state: State, endpoint: int, patient: int) -> int:
    """Draw a new tick: near the old one, beside another patient's, or anywhere."""
    pick = random.random()
    if pick < 0.4:
        step = 1 + int(30 * random.random() ** 3)
        tick = state.time[endpoint, patient] + (step if random.random() < 0.5 else -step)
    elif pick < 0.7:
        other = _below(random, state.types.size)
        tick = state.time[_below(random, state.time.shape[0]), other]
        tick += 1 if random.random() < 0.5 else -1
    else:
        tick = rules.first + int((rules.horizon - rules.first) * random.random())
    return int(min(max(tick, rules.first), rules.last))


@compiled
def _legal(rules: Rules, state: State, patient: int) -> bool:
    """Whether a patient's times avoid forbidden ticks and, if they must, everybody else's."""
    for endpoint in range(state.time.shape[0]):
        tick = state.time[endpoint, patient]
        for k in range(rules.forbidden.size):
            if tick == rules.forbidden[k]:
                return False
        if rules.distinct:
            for other in range(state.types.size):
                if other != patient and state.time[endpoint, other] == tick:
                    return False
    return True


@compiled
def _nest(rules: Rules, state: State, patient: int) -> None:
    """Make inner endpoints agree with their outer ones."""
    for inner in range(rules.parent.size):
        outer = rules.parent[inner]
        if outer < 0:
            continue
        if state.time[inner, patient] > state.time[outer, patient]:
            state.time[inner, patient] = state.time[outer, patient]
        if state.time[inner, patient] == state.time[outer, patient] and state.event[outer, patient]:
            state.event[inner, patient] = 1
        if not state.event[inner, patient]:
            if state.event[outer, patient]:
                state.event[inner, patient] = 1
            state.time[inner, patient] = state.time[outer, patient]


@compiled
def _change_one(random: Random, rules: Rules, state: State, patient: int) -> None:
    """Change one patient's time or event at one endpoint."""
    endpoint = _below(random, rules.parent.size)
    tick = _fresh_tick(random, rules, state, endpoint, patient)
    toggles = random.random() < 0.35
    moves = not toggles or random.random() < 0.5
    if toggles:
        state.event[endpoint, patient] = 1 - state.event[endpoint, patient]
    outer = rules.parent[endpoint]
    if outer >= 0:
        # an inner censoring follows the outer time; an inner event may lie anywhere before it
        if moves:
            if state.event[endpoint, patient]:
                state.time[endpoint, patient] = min(tick, state.time[outer, patient])
            else:
                state.time[outer, patient] = tick
    elif moves:
        for inner in range(rules.parent.size):
            together = state.time[inner, patient] == state.time[endpoint, patient]
            if rules.parent[inner] == endpoint and together:
                state.time[inner, patient] = tick
        state.time[endpoint, patient] = tick
    if outer < 0 and toggles and not state.event[endpoint, patient]:
        # no longer a death: an inner event at the same time goes with it, half of the time
        for inner in range(rules.parent.size):
            together = state.time[inner, patient] == state.time[endpoint, patient]
            if rules.parent[inner] == endpoint and together and random.random() < 0.5:
                state.event[inner, patient] = 0
    _nest(rules, state, patient)


@compiled
def _copy_patient(source: State, target: State, patient: int) -> None:
    target.types[patient] = source.types[patient]
    for endpoint in range(source.time.shape[0]):
        target.time[endpoint, patient] = source.time[endpoint, patient]
        target.event[endpoint, patient] = source.event[endpoint, patient]


@compiled
def _exchange(random: Random, rules: Rules, state: State, first: int, second: int) -> bool:
    """Let two patients trade attributes if some allowed exchange fits their types."""
    u, v = state.types[first], state.types[second]
    n = rules.exchanges.shape[0]
    if n == 0 or u == v:
        return False
    start = _below(random, n)
    for k in range(n):
        row = rules.exchanges[(start + k) % n]
        if row[0] == u and row[1] == v:
            state.types[first], state.types[second] = row[2], row[3]
            return True
        if row[0] == v and row[1] == u:
            state.types[first], state.types[second] = row[3], row[2]
            return True
    return False


@compiled
def _swap_outcomes(state: State, first: int, second: int) -> None:
    for endpoint in range(state.time.shape[0]):
        a, b = state.time[endpoint, first], state.time[endpoint, second]
        state.time[endpoint, first], state.time[endpoint, second] = b, a
        c, d = state.event[endpoint, first], state.event[endpoint, second]
        state.event[endpoint, first], state.event[endpoint, second] = d, c


@compiled
def _propose(random: Random, rules: Rules, state: State, touched: Ints) -> bool:
    """Change one or two patients in place; `touched` gets their indices. False: nothing legal came out."""
    n = state.types.size
    first = _below(random, n)
    second = _below(random, n)
    touched[0], touched[1] = first, second
    pick = random.random()
    if pick < 0.72:
        touched[1] = first
        _change_one(random, rules, state, first)
        return _legal(rules, state, first)
    if first == second:
        return False
    if pick < 0.86:
        if state.types[first] == state.types[second]:
            return False
        _swap_outcomes(state, first, second)
        return True
    return _exchange(random, rules, state, first, second)


@compiled
def _settle(
    tracks: tuple[Track, ...],
    works: tuple[_Work, ...],
    orders: Ints,
    state: State,
    old: State,
    touched: Ints,
    stale: Bytes,
) -> None:
    """Bring orders and memberships up to date with the touched patients; mark the tracks they concern."""
    stale[:] = 0
    for t in range(touched.size):
        patient = touched[t]
        for endpoint in range(state.time.shape[0]):
            _place(orders[endpoint], state.time[endpoint], patient)
        for k in range(len(tracks)):
            e = tracks[k].endpoint
            moved = state.time[e, patient] != old.time[e, patient]
            turned = state.event[e, patient] != old.event[e, patient]
            if _fill_member(tracks[k], works[k], state, patient) or moved or turned:
                stale[k] = 1


@compiled
def _keep(source: State, target: State, touched: Ints) -> None:
    for t in range(touched.size):
        _copy_patient(source, target, touched[t])


@compiled
def _run(
    tracks: tuple[Track, ...],
    works: tuple[_Work, ...],
    rules: Rules,
    state: State,
    orders: Ints,
    schedule: Schedule,
    random: Random,
) -> tuple[float, int]:
    """Anneal `state` in place towards zero loss; return (loss, steps taken)."""
    n_tracks = len(tracks)
    for k in range(n_tracks):
        for patient in range(state.types.size):
            _fill_member(tracks[k], works[k], state, patient)
    loss, new_loss = np.zeros(n_tracks), np.zeros(n_tracks)
    for k in range(n_tracks):
        loss[k] = _track_loss(tracks[k], works[k], orders[tracks[k].endpoint], state)
    current = loss.sum()
    old = State(state.types.copy(), state.time.copy(), state.event.copy())
    best = State(state.types.copy(), state.time.copy(), state.event.copy())
    lowest = current
    touched, stale = np.zeros(2, np.int64), np.zeros(n_tracks, np.uint8)
    step = 0
    while step < schedule.steps and lowest > 0:
        step += 1
        temperature = schedule.hot + (schedule.cold - schedule.hot) * (step / schedule.steps)
        if not _propose(random, rules, state, touched):
            _keep(old, state, touched)
            continue
        # accept with a probability that falls off like exp(-delta/T), without an exponential
        bound = current + temperature * 4.0 * random.random() ** 3
        _settle(tracks, works, orders, state, old, touched, stale)
        new = 0.0
        for k in range(n_tracks):
            new += 0.0 if stale[k] else loss[k]
        for k in range(n_tracks):
            new_loss[k] = loss[k]
            if stale[k] and new <= bound:
                new_loss[k] = _track_loss(tracks[k], works[k], orders[tracks[k].endpoint], state)
                new += new_loss[k]
        if new <= bound:
            current = new
            loss[:] = new_loss
            _keep(state, old, touched)
            if current < lowest:
                lowest = current
                best.types[:], best.time[:], best.event[:] = state.types, state.time, state.event
        else:
            _keep(old, state, touched)
            _settle(tracks, works, orders, state, old, touched, stale)
    state.types[:], state.time[:], state.event[:] = best.types, best.time, best.event
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
    seed : int

    Returns
    -------
    state, loss, steps : State, float, int
        The best cohort met; loss 0 means that every demand holds.
    """
    mine = State(state.types.copy(), state.time.copy(), state.event.copy())
    works = tuple(_allocate(track, mine.types.size) for track in tracks)
    orders = np.argsort(mine.time, axis=1, kind="stable").astype(np.int64)
    loss, steps = _run(tracks, works, rules, mine, orders, schedule, np.random.default_rng(seed))
    return mine, float(loss), int(steps)


def losses(tracks: tuple[Track, ...], state: State) -> list[Floats]:
    """Penalty of every demand, track by track: queries, then tests, then sizes; 0 means met."""
    orders = np.argsort(state.time, axis=1, kind="stable").astype(np.int64)
    result = []
    for track in tracks:
        work = _allocate(track, state.types.size)
        for patient in range(state.types.size):
            _fill_member(track, work, state, patient)
        _track_loss(track, work, orders[track.endpoint], state)
        result.append(work.penalty)
    return result
