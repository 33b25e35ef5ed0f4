"""From a feasible order of events to a cohort that the checker can look at.

The order model has no times. Here every event and every censoring gets one: distinct, on the ledger's
grid, on the right side of every mark. Only what the order leaves open is chosen, evenly spread.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from recohort.check import check
from recohort.ledger import Ledger
from recohort.solve.order_demands import OrderModel
from recohort.solve.orders import Trace

__all__ = ["cohort_of", "met_claims"]

Ints = npt.NDArray[np.int64]


def met_claims(cohort: pd.DataFrame, ledger: Ledger) -> frozenset[str]:
    """Ids of the claims of which every number is reproduced as printed."""
    missed = {row.claim for row in check(cohort, ledger) if row.verdict != "reproduced"}
    return frozenset(claim.id for claim in ledger.claims) - missed


def cohort_of(model: OrderModel, trace: Trace) -> pd.DataFrame | None:
    """Give the patients of an order their times.

    Returns
    -------
    DataFrame or None
        One row per patient of the part: the attributes that survival depends on, and both columns of
        every endpoint. None if the grid has no room for so many distinct times between two marks.
    """
    story = _Story(model, trace)
    try:
        story.tell()
    except _Untold:
        return None
    ticks = story.ticks()
    return None if ticks is None else story.table(ticks)


class _Untold(Exception):  # noqa: N818 - nothing went wrong
    """The model allows an order that is nobody's: without one last contact it does not count exactly."""


@dataclass
class _Item:
    """One patient leaves a state: when (as a stretch between marks), how, and which endpoints it ends."""

    stretch: int
    step: str
    patient: int
    leaves: frozenset[int]


class _Story:
    """Patients with a face: who leaves in which slot, and who is lost in between."""

    def __init__(self, model: OrderModel, trace: Trace) -> None:
        self.model, self.trace = model, trace
        self.scale = model.instance.problem.ledger.study.time
        self.kind: list[int] = []
        self.well: list[list[int]] = []
        for kinds in model.classes:
            mine = [kind for kind in kinds for _ in range(trace.sizes[kind])]
            self.well.append(list(range(len(self.kind), len(self.kind) + len(mine))))
            self.kind += mine
        eras = len(model.landmarks) + 1
        self.ill: list[list[list[int]]] = [[[] for _ in range(eras)] for _ in model.classes]
        self.early: list[int] = []
        self.items: list[_Item] = []
        self.ends = frozenset(model.endpoints)
        self.distinct = model.instance.problem.distinct
        first, last = self.scale.ticks(self.scale.min) - 1, self.scale.ticks(self.scale.max)
        self.edges = [first, *(max(mark, first) for mark in model.marks), last]
        if model.instance.horizon < last:
            self.edges.insert(-1, max(first, *self.edges[:-1], int(model.instance.horizon)))
        self.room = [len(self._free(stretch)) for stretch in range(len(self.edges) - 1)]
        for mark in trace.marks:
            self.room[mark] -= 1

    def _free(self, stretch: int) -> range:
        return range(self.edges[stretch] + 1, self.edges[stretch + 1] + 1)

    def tell(self) -> None:
        """Follow the order from slot to slot."""
        for c, well in enumerate(self.well):
            for era in range(len(self.ill[c]) if self.model.blind else 0):
                for _ in range(int(self.trace.ill[0, c, era])):
                    self.ill[c][era].append(well.pop())
                    self.early.append(self.ill[c][era][-1])
        now = 0
        for k, (step, c, era) in enumerate(self.trace.events):
            self._lose(k, now, self.trace.marks[k])
            now = self.trace.marks[k]
            self._happen(step, c, era, now)
        last = len(self.edges) - 2
        self._lose(len(self.trace.events), now, last)
        for pool in (*self.well, *itertools.chain.from_iterable(self.ill)):
            self.items += self._drop(pool, 0, last, last)

    def _happen(self, step: str, c: int, era: int, stretch: int) -> None:
        """Let one patient of a class have an event."""
        patient = self.ill[c][era].pop() if step == "outer" else self.well[c].pop()
        if step == "inner":
            self.ill[c][era].append(patient)
        names = {s.name: s for s in self.model.steps}
        leaves = self.ends if step == "both" else frozenset(names[step].events)
        self.items.append(_Item(stretch, step, patient, leaves))

    def _lose(self, k: int, now: int, then: int) -> None:
        """Censor patients until the numbers are those just before slot k."""
        gap: list[_Item] = []
        for c, well in enumerate(self.well):
            start, from_well = now, list[_Item]()
            for i, tick in enumerate(self.model.landmarks):
                mark = self.model.marks.index(tick - 1)
                if now <= mark < then:
                    from_well += self._drop(well, int(self.trace.well_at[i, c]), start, mark)
                    start = mark + 1
            from_well += self._drop(well, int(self.trace.well[k, c]), start, then)
            for era, ill in enumerate(self.ill[c]):
                self._part(ill, int(self.trace.ill[k, c, era]) - len(ill), era, from_well)
                gap += self._drop(ill, int(self.trace.ill[k, c, era]), now, then)
            gap += from_well
        self.items += sorted(gap, key=lambda item: item.stretch)

    def _part(self, ill: list[int], number: int, era: int, lost: list[_Item]) -> None:
        """Let some who were lost to the inner endpoint stay followed for the outer one."""
        borders = [self.model.marks.index(tick - 1) for tick in self.model.landmarks]
        here = [i for i in lost if i.step == "lost" and sum(i.stretch > mark for mark in borders) == era]
        if number > len(here):
            raise _Untold
        for item in here[: max(number, 0)]:
            item.step, item.leaves = "parted", frozenset(self.model.endpoints[:1])
            ill.append(item.patient)

    def _drop(self, pool: list[int], leave: int, first: int, last: int) -> list[_Item]:
        """Lose patients of a pool until so many are left, in the stretches from first to last."""
        lost = [pool.pop() for _ in range(len(pool) - leave)]
        return [_Item(self._roomiest(first, last), "lost", who, self.ends) for who in lost]

    def _roomiest(self, first: int, last: int) -> int:
        """Take a place in the stretch with most room left."""
        stretch = max(range(first, last + 1), key=lambda s: self.room[s])
        self.room[stretch] -= 1
        return stretch

    def ticks(self) -> list[int] | None:
        """One tick per item, in their order; None if they do not fit."""
        found: list[int] = []
        for stretch, group in itertools.groupby(self.items, key=lambda item: item.stretch):
            items = list(group)
            free = self._free(stretch)
            if len(items) < len(free):
                free = free[:-1]  # nobody leaves at a mark itself without need
            places = list(range(len(items))) if len(items) <= len(free) else self._share(items)
            used = places[-1] + 1
            if used > len(free):
                return None
            found += [free[math.floor((place + 0.5) * len(free) / used)] for place in places]
        return found

    def _share(self, items: list[_Item]) -> list[int]:
        """Places of items when patients may share a tick.

        Patients who leave different endpoints may. Where times may be tied, so may others, but then the
        events come first, so none may follow a loss.
        """
        places: list[int] = []
        place, left, parted = 0, set[int](), set[int]()
        for item in items:
            lost = item.step in ("lost", "parted")
            clash = (self.distinct or not lost) and item.leaves & left
            if clash or item.patient in parted:
                place, left, parted = place + 1, set(), set()
            if self.distinct or lost:
                left |= item.leaves
            if item.step == "parted":  # whoever then dies in the same step had an event of both
                parted.add(item.patient)
            places.append(place)
        return places

    def table(self, ticks: list[int]) -> pd.DataFrame:
        """Rows of attributes, times and events."""
        problem = self.model.instance.problem
        names = problem.endpoints
        time = np.zeros((len(names), len(self.kind)), np.int64)
        event = np.zeros_like(time)
        inner = names.index(problem.endpoints[self.model.endpoints[0]])
        steps = {step.name: step for step in self.model.steps}
        for item, tick in zip(self.items, ticks, strict=True):
            who = item.patient
            relapsed = time[inner, who] > 0
            for e in range(len(names)):
                if item.step in ("inner", "parted") and e != inner:
                    continue
                if e == inner and relapsed:
                    continue
                time[e, who] = tick
                event[e, who] = int(item.step not in ("lost", "parted") and e in steps[item.step].events)
        self._fill_unseen(event)
        self._place_early(time, event)
        columns: dict[str, object] = {
            name: [problem.types[kind][name] for kind in self.kind] for name in problem.attributes
        }
        for e, name in enumerate(names):
            endpoint = problem.ledger.endpoints[name]
            columns[endpoint.time] = np.round(time[e] * self.scale.resolution, 6)
            columns[endpoint.event] = event[e]
        return pd.DataFrame(columns)

    def _fill_unseen(self, event: Ints) -> None:
        """Let an inner endpoint outside the model follow its outer one, and any other have no event."""
        seen = set(self.model.endpoints)
        for e, outer in enumerate(self.model.instance.problem.parent):
            if e not in seen and outer in seen:
                event[e] = event[outer]

    def _place_early(self, time: Ints, event: Ints) -> None:
        """Those who left the inner endpoint before the landmark, where nothing else was asked of it."""
        if not self.model.blind:
            return
        inner = self.model.endpoints[0]
        free = [
            t for t in range(self.edges[0] + 1, self.model.landmarks[0]) if t not in set(time[inner].tolist())
        ]
        for who in self.early:
            if time[inner, who] >= self.model.landmarks[0]:
                time[inner, who], event[inner, who] = free.pop(), 1
