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

import numba
import numpy as np
import numpy.typing as npt

from recohort.kernel import compiled, evaluate_endpoint
from recohort.solve.problem import Track

__all__ = ["Rules", "Schedule", "State", "anneal", "losses"]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

MISSED = 0.25
"""Loss of any missed demand, on top of how far it is missed."""
RATE_SCALE = 0.08
Z_SCALE = 0.5
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


@compiled
def _allocate(track: Track, n_patients: int) -> _Work:
    n_curves = track.member.shape[1]
    return _Work(
        np.zeros((n_patients, n_curves), np.uint8),
        np.zeros(track.query_tick.size),
        np.zeros(n_curves, np.int64),
        np.zeros(track.test_a.size),
        np.zeros(track.test_a.size),
    )


@compiled
def _fill_member(track: Track, work: _Work, state: State, patient: int) -> None:
    kind = state.types[patient]
    for curve in range(track.member.shape[1]):
        inside = track.member[kind, curve]
        if inside and track.landmark_endpoint[curve] >= 0:
            landmark = track.landmark_endpoint[curve]
            inside = state.time[landmark, patient] >= track.landmark_tick[curve]
        work.member[patient, curve] = inside


@compiled
def _penalty(excess: float, scale: float) -> float:
    return MISSED + min(excess / scale, CAP) if excess > 0 else 0.0


@compiled
def _track_loss(track: Track, work: _Work, order: Ints, state: State, out: Floats) -> float:
    """Loss of one track; `out` gets one penalty per query, then per test, then per size."""
    event = state.event[track.endpoint]
    if track.reverse:
        event = (1 - event).astype(np.uint8)
    evaluate_endpoint(
        order, state.time[track.endpoint], event, work.member, track.query_curve, track.query_tick,
        track.test_a, track.test_b, work.survival, work.median, work.oe, work.v,
    )  # fmt: skip
    total = 0.0
    place = 0
    for q in range(track.query_tick.size):
        s = work.survival[q]
        out[place] = _penalty(max(track.query_low[q] - s, s - track.query_high[q]), RATE_SCALE)
        total += out[place]
        place += 1
    for t in range(track.test_a.size):
        z = 0.0
        if work.v[t] > 0:
            z = abs(work.oe[t]) / np.sqrt(work.v[t])
        out[place] = _penalty(max(track.z_low[t] - z, z - track.z_high[t]), Z_SCALE)
        total += out[place]
        place += 1
    for k in range(track.size_curve.size):
        size = 0
        for patient in range(order.size):
            size += work.member[patient, track.size_curve[k]]
        out[place] = _penalty(abs(size - track.size_target[k]), 2.0)
        total += out[place]
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
def _fresh_tick(rules: Rules, state: State, endpoint: int, patient: int) -> int:
    """Draw a new tick: near the old one, beside another patient's, or anywhere."""
    pick = np.random.random()
    if pick < 0.4:
        step = 1 + int(30 * np.random.random() ** 3)
        tick = state.time[endpoint, patient] + (step if np.random.random() < 0.5 else -step)
    elif pick < 0.7:
        other = np.random.randint(state.types.size)
        tick = state.time[np.random.randint(state.time.shape[0]), other]
        tick += 1 if np.random.random() < 0.5 else -1
    else:
        tick = rules.first + int((rules.horizon - rules.first) * np.random.random())
    return min(max(tick, rules.first), rules.last)


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
def _change_one(rules: Rules, state: State, patient: int) -> None:
    """Change one patient's time or event at one endpoint."""
    endpoint = np.random.randint(rules.parent.size)
    tick = _fresh_tick(rules, state, endpoint, patient)
    toggles = np.random.random() < 0.35
    moves = not toggles or np.random.random() < 0.5
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
            if rules.parent[inner] == endpoint and together and np.random.random() < 0.5:
                state.event[inner, patient] = 0
    _nest(rules, state, patient)


@compiled
def _copy_patient(source: State, target: State, patient: int) -> None:
    target.types[patient] = source.types[patient]
    for endpoint in range(source.time.shape[0]):
        target.time[endpoint, patient] = source.time[endpoint, patient]
        target.event[endpoint, patient] = source.event[endpoint, patient]


@compiled
def _exchange(rules: Rules, state: State, first: int, second: int) -> bool:
    """Let two patients trade attributes if some allowed exchange fits their types."""
    u, v = state.types[first], state.types[second]
    n = rules.exchanges.shape[0]
    if n == 0 or u == v:
        return False
    start = np.random.randint(n)
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
def _propose(rules: Rules, state: State, touched: Ints) -> bool:
    """Change one or two patients in place; `touched` gets their indices. False: nothing legal came out."""
    n = state.types.size
    first = np.random.randint(n)
    second = np.random.randint(n)
    touched[0], touched[1] = first, second
    pick = np.random.random()
    if pick < 0.72:
        touched[1] = first
        _change_one(rules, state, first)
        return _legal(rules, state, first)
    if first == second:
        return False
    if pick < 0.86:
        if state.types[first] == state.types[second]:
            return False
        _swap_outcomes(state, first, second)
        return True
    return _exchange(rules, state, first, second)


@compiled
def _all_losses(tracks: tuple[Track, ...], works: tuple[_Work, ...], orders: Ints, state: State,
                out: tuple[Floats, ...], loss: Floats) -> float:  # fmt: skip
    total = 0.0
    for k in range(len(tracks)):
        loss[k] = _track_loss(tracks[k], works[k], orders[tracks[k].endpoint], state, out[k])
        total += loss[k]
    return total


@numba.njit(cache=True, nogil=True)
def _run(tracks, works, outs, rules, state, orders, schedule, seed):  # type: ignore[no-untyped-def]
    """Anneal `state` in place towards zero loss; return (loss, steps taken)."""
    np.random.seed(seed)
    n = state.types.size
    for track in range(len(tracks)):
        for patient in range(n):
            _fill_member(tracks[track], works[track], state, patient)
    loss = np.zeros(len(tracks))
    current = _all_losses(tracks, works, orders, state, outs, loss)
    old = State(state.types.copy(), state.time.copy(), state.event.copy())
    best = State(state.types.copy(), state.time.copy(), state.event.copy())
    lowest = current
    touched = np.zeros(2, np.int64)
    step = 0
    while step < schedule.steps and lowest > 0:
        step += 1
        temperature = schedule.hot + (schedule.cold - schedule.hot) * (step / schedule.steps)
        legal = _propose(rules, state, touched)
        new = current
        if legal:
            for t in range(2):
                for endpoint in range(state.time.shape[0]):
                    _place(orders[endpoint], state.time[endpoint], touched[t])
                for track in range(len(tracks)):
                    _fill_member(tracks[track], works[track], state, touched[t])
            new = _all_losses(tracks, works, orders, state, outs, loss)
        # accept with a probability that falls off like exp(-delta/T), without an exponential
        if legal and new - current <= temperature * 4.0 * np.random.random() ** 3:
            current = new
            for t in range(2):
                _copy_patient(state, old, touched[t])
            if current < lowest:
                lowest = current
                best.types[:], best.time[:], best.event[:] = state.types, state.time, state.event
        else:
            for t in range(2):
                _copy_patient(old, state, touched[t])
            if legal:
                for t in range(2):
                    for endpoint in range(state.time.shape[0]):
                        _place(orders[endpoint], state.time[endpoint], touched[t])
                    for track in range(len(tracks)):
                        _fill_member(tracks[track], works[track], state, touched[t])
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
        Nonnegative, below 2**32.

    Returns
    -------
    state, loss, steps : State, float, int
        The best cohort met; loss 0 means that every demand holds.
    """
    mine = State(state.types.copy(), state.time.copy(), state.event.copy())
    works = tuple(_allocate(track, mine.types.size) for track in tracks)
    outs = tuple(np.zeros(_n_demands(track)) for track in tracks)
    orders = np.argsort(mine.time, axis=1, kind="stable").astype(np.int64)
    loss, steps = _run(tracks, works, outs, rules, mine, orders, schedule, seed)
    return mine, float(loss), int(steps)


def losses(tracks: tuple[Track, ...], state: State) -> list[Floats]:
    """Penalty of every demand, track by track: queries, then tests, then sizes; 0 means met."""
    orders = np.argsort(state.time, axis=1, kind="stable").astype(np.int64)
    result = []
    for track in tracks:
        work = _allocate(track, state.types.size)
        for patient in range(state.types.size):
            _fill_member(track, work, state, patient)
        out = np.zeros(_n_demands(track))
        _track_loss(track, work, orders[track.endpoint], state, out)
        result.append(out)
    return result


def _n_demands(track: Track) -> int:
    return track.query_tick.size + track.test_a.size + track.size_curve.size
