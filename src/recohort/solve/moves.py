"""Proposals: small changes of one or two patients that keep every rule per patient and every count.

A patient has a type, and for each endpoint a time (in ticks) and an event. An inner endpoint lies
within its outer one, an outer event is an inner event, and without an inner event both end together.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recohort.kernel import compiled
from recohort.solve.objective import State

__all__ = ["MIX", "Rules", "propose"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Random = np.random.Generator

MIX = np.array([0.72, 0.86])
ALL_ALIKE = np.ones((0, 0, 0, 2))


class Rules(NamedTuple):
    """What proposals must respect.

    `parent` (n_endpoints,): the endpoint within which one lies, or -1. `exchanges` (n, 4): see
    `Problem.exchanges`. `forbidden`: ticks that no time may take. `distinct`: 1 if no two patients
    may share a time. Times lie in [first, last] ticks; fresh times are drawn up to `horizon`. `mix`
    (2,): shares of proposals that change one patient, and of those that do this or swap the outcomes
    of two; the others exchange attributes. `likely` (n_endpoints, n_types, last + 1, 2): how likely a
    patient of a type is to be censored, or to have an event, at a tick; positive, in any unit. Empty, the
    default: all alike.
    """

    parent: Ints
    exchanges: Ints
    forbidden: Ints
    distinct: int
    first: int
    last: int
    horizon: int
    mix: Floats = MIX
    likely: Floats = ALL_ALIKE


@compiled
def _below(random: Random, n: int) -> int:
    """Draw a whole number from 0 to n - 1."""
    return int(random.random() * n)


@compiled
def _fresh_tick(random: Random, rules: Rules, state: State, endpoint: int, patient: int) -> int:
    """Draw a new tick: near the old one, beside another patient's, or anywhere.

    Where some patients are likelier, the way back must be as likely as the way: nothing beside others,
    which crowds times together, and at an end a step is turned back.
    """
    pick = random.random()
    if pick < 0.4:
        step = 1 + int(30 * random.random() ** 3)
        tick = state.time[endpoint, patient] + (step if random.random() < 0.5 else -step)
    elif pick < 0.7 and rules.likely.size == 0:
        other = _below(random, state.types.size)
        tick = state.time[_below(random, state.time.shape[0]), other]
        tick += 1 if random.random() < 0.5 else -1
    else:
        tick = rules.first + int((rules.horizon - rules.first) * random.random())
    if rules.likely.size:
        tick = 2 * rules.first - tick if tick < rules.first else tick
        tick = 2 * rules.last - tick if tick > rules.last else tick
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
def propose(random: Random, rules: Rules, state: State, touched: Ints) -> bool:
    """Change one or two patients in place; `touched` gets their indices. False: nothing legal came out."""
    n = state.types.size
    first = _below(random, n)
    second = _below(random, n)
    touched[0], touched[1] = first, second
    pick = random.random()
    if pick < rules.mix[0]:
        touched[1] = first
        _change_one(random, rules, state, first)
        return _legal(rules, state, first)
    if first == second:
        return False
    if pick < rules.mix[1]:
        if state.types[first] == state.types[second]:
            return False
        _swap_outcomes(state, first, second)
        return True
    return _exchange(random, rules, state, first, second)
