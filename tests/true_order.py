"""The order model with one order left, that of known patients.

If their order breaks a constraint, the model has no solution at all. So a proof that would call them
impossible is found at once, however long the solver would have needed for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recohort.check import survival_columns
from recohort.solve.instance import Instance, Settings
from recohort.solve.order_demands import OrderModel

__all__ = ["imposing"]


def imposing(patients: pd.DataFrame) -> type[OrderModel]:
    """Return the order model of these patients alone."""

    class Imposed(OrderModel):
        def __init__(self, instance: Instance, settings: Settings | None = None) -> None:
            super().__init__(instance, settings)
            _impose(self, patients)

    return Imposed


@dataclass(frozen=True)
class _Stage:
    """A patient is well or ill until a tick, and leaves by a step, or lost."""

    state: str
    tick: int
    step: str | None


@dataclass(frozen=True)
class _Life:
    """One patient: type, class, when the first endpoint ends, and the stages until the last one does."""

    kind: int
    group: int
    first: int
    stages: tuple[_Stage, ...]


def _lives(m: OrderModel, patients: pd.DataFrame) -> list[_Life]:
    problem, lives = m.instance.problem, []
    step = problem.ledger.study.time.resolution
    columns = [survival_columns(patients, problem.ledger, problem.endpoints[e]) for e in m.endpoints]
    ticks = [np.round(time / step).astype(int).tolist() for time, _ in columns]
    events = [event.tolist() for _, event in columns]
    group = {kind: c for c, kinds in enumerate(m.classes) for kind in kinds}
    cells = patients[list(problem.attributes)].astype(object)
    rows = cells.where(cells.notna(), None).to_dict("records")
    for who, row in enumerate(rows):
        kind = problem.type_of({str(name): value for name, value in row.items()})
        time, event = [t[who] for t in ticks], [e[who] for e in events]
        lives.append(_Life(kind, group.get(kind, -1), time[0], tuple(_stages(m, time, event))))
    return lives


def _stages(m: OrderModel, time: list[int], event: list[int]) -> list[_Stage]:
    last = time[-1]
    if len(time) == 1:
        return [_Stage("well", last, "event" if event[0] else None)]
    if m.blind and time[0] < m.landmarks[0]:
        return [_Stage("ill", last, "outer" if event[1] else None)]
    if m.blind or not event[0] or (event[1] and time[0] == last):
        return [_Stage("well", last, "both" if event[1] else None)]
    return [_Stage("well", time[0], "inner"), _Stage("ill", last, "outer" if event[1] else None)]


def _impose(m: OrderModel, patients: pd.DataFrame) -> None:
    """Fix the sizes, who is well at each landmark, and up to the horizon each event and who is followed."""
    everybody = _lives(m, patients)
    for kind, size in enumerate(m.size):
        m.model.add(size == sum(life.kind == kind for life in everybody))
    lives = [life for life in everybody if life.group >= 0]
    for tick, row in zip(m.landmarks, m.well_at, strict=True):
        for c, number in enumerate(row):
            m.model.add(number == sum(life.group == c and life.first >= tick for life in lives))
    moves = sorted(
        (stage.tick, place, who)
        for who, life in enumerate(lives)
        for place, stage in enumerate(life.stages)
        if stage.step and stage.tick <= min(m.instance.horizon, m.instance.end)
    )
    if len(moves) > m.n_slots:
        m.model.add_bool_or([])
        return
    names = [step.name for step in m.steps]
    done: set[tuple[int, int]] = set()
    for k, (tick, place, who) in enumerate(moves):
        life = lives[who]
        key = (names.index(str(life.stages[place].step)), life.group, _era(m, life))
        m.model.add(m.event[k][key] == 1)
        for mark, early in zip(m.marks, m.by[k], strict=True):
            m.model.add(early == (tick <= mark))
        _follow(m, k, [_state(m, n, one, done, tick) for n, one in enumerate(lives)])
        done.add((who, place))
    for used in m.used[len(moves) :]:
        m.model.add(used == 0)


def _era(m: OrderModel, life: _Life) -> int:
    """Return in which era a patient leaves *well*: the first for whom a blind model starts ill."""
    return sum(life.first >= tick for tick in m.landmarks)


def _state(
    m: OrderModel, who: int, life: _Life, done: set[tuple[int, int]], tick: int
) -> tuple[str, int, int] | None:
    """Return the state, class and era of a patient just before an event at a tick; None if gone."""
    for place, stage in enumerate(life.stages):
        if not ((who, place) in done if stage.step else stage.tick < tick):
            return stage.state, life.group, _era(m, life) if stage.state == "ill" else 0
    return None


def _follow(m: OrderModel, k: int, states: list[tuple[str, int, int] | None]) -> None:
    for c, number in enumerate(m.well[k]):
        m.model.add(number == states.count(("well", c, 0)))
        for era, some in enumerate(m.ill[k][c]):
            m.model.add(some == states.count(("ill", c, era)))
