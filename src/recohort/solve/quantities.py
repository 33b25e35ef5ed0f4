"""What a reader may ask of the patients behind a ledger, found from the ledger alone.

For each curve that the ledger prints something about, and for those who differ from its patients in one
level: how many they are, and over time the number at risk, survival, and events so far. For each level of
an attribute that curves depend on, and of any other with two levels: events of every endpoint. For each
pair of levels that curves depend on: how many patients have both. The times are shares and multiples of
the time at which the ledger prints most of its rates.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from recohort.check import survival_columns
from recohort.cohort import GRID_SLACK, members
from recohort.conditions import Condition, Levels, Population
from recohort.ledger import Ledger
from recohort.solve.problem import Curve, Problem, curves_of

__all__ = ["Kind", "Quantity", "asked", "values"]

Floats = npt.NDArray[np.float64]
Kind = Literal["patients", "at risk", "survival", "events"]
AT_RISK = (0.25, 0.5, 0.75, 1.0)
SURVIVAL = (0.25, 0.5, 0.75, 1.5)
EVENTS = (1.0, math.inf)


@dataclass(frozen=True)
class Quantity:
    """One number.

    Attributes
    ----------
    kind : str
        `at risk`: whose time is at least that long. `survival`: of the Kaplan-Meier curve just after
        the time, flat after the last one. `events`: so far.
    population : Population
    endpoint : str, optional
        Not for `patients`.
    time : float, optional
        In the ledger's unit; infinite for the whole follow-up.
    """

    kind: Kind
    population: Population
    endpoint: str | None = None
    time: float | None = None

    @property
    def name(self) -> str:
        """A name that tells quantities apart."""
        when = "" if self.time is None else " in all" if math.isinf(self.time) else f" at {self.time:g}"
        return f"{self.kind}{when}{f', {self.endpoint}' if self.endpoint else ''}: {self.population}"

    @property
    def curve(self) -> Curve:
        """The curve it is read from; of patients without an endpoint, any will do."""
        return Curve(self.endpoint or "", self.population)


def asked(problem: Problem) -> tuple[Quantity, ...]:
    """List the quantities of a ledger."""
    return tuple(
        dict.fromkeys(
            [
                *_of_curves(problem),
                *_events_by_level(problem),
                *_cross_tabulations(problem),
                *_other_outcomes(problem),
            ]
        )
    )


def _of_curves(problem: Problem) -> Iterator[Quantity]:
    usual = _usual_time(problem.ledger)
    named = [c for d in problem.demands() for c in curves_of(d) if not c.reverse]
    like = [other for curve in named for other in _of_other_levels(curve, problem)]
    for curve in dict.fromkeys([*named, *like]):
        where, name = curve.population, curve.endpoint
        yield Quantity("patients", where)
        first = where.at_risk[1] if where.at_risk else 0.0
        for kind, shares in (("at risk", AT_RISK), ("survival", SURVIVAL), ("events", EVENTS)):
            for time in _times(problem.ledger, usual, shares):
                if time > first:
                    yield Quantity(kind, where, name, time)  # type: ignore[arg-type]


def _of_other_levels(curve: Curve, problem: Problem) -> Iterator[Curve]:
    """Yield curves of patients who differ in one level: a figure may show them and print no number."""
    tests = curve.population.where.tests
    for place, (name, _) in enumerate(tests):
        for level in problem.ledger.attributes[name].levels or ():
            where = Condition((*tests[:place], (name, Levels((level,))), *tests[place + 1 :]))
            if curve.population.at_risk is None:
                yield replace(curve, population=Population(where))


def _events_by_level(problem: Problem) -> Iterator[Quantity]:
    usual = _usual_time(problem.ledger)
    everybody = Population()
    for name in problem.endpoints if problem.queries else ():
        for where in (everybody, *map(Population, _levels(problem))):
            yield Quantity("patients", where)
            for time in _times(problem.ledger, usual, EVENTS):
                yield Quantity("events", where, name, time)
        for time in _times(problem.ledger, usual, AT_RISK):
            yield Quantity("at risk", everybody, name, time)


def _cross_tabulations(problem: Problem) -> Iterator[Quantity]:
    for a, b in itertools.combinations(_levels(problem), 2):
        if a.attributes != b.attributes:
            yield Quantity("patients", Population(a & b))


def _other_outcomes(problem: Problem) -> Iterator[Quantity]:
    """Events by the levels of attributes on which no curve depends, where there are two."""
    usual = _usual_time(problem.ledger)
    for name, attribute in problem.ledger.attributes.items():
        if name in problem.attributes or len(attribute.levels or ()) != 2 or not problem.queries:
            continue
        for level in attribute.levels or ():
            for endpoint in problem.endpoints:
                population = Population(Condition(((name, Levels((level,))),)))
                yield Quantity("events", population, endpoint, usual)


def _levels(problem: Problem) -> list[Condition]:
    """Every level of the attributes that curves depend on; without curves, of those with two levels."""
    known = problem.ledger.attributes
    pairs = [name for name, attribute in known.items() if len(attribute.levels or ()) == 2]
    return [
        Condition(((name, Levels((level,))),))
        for name in problem.attributes or pairs
        for level in known[name].levels or ()
    ]


def _usual_time(ledger: Ledger) -> float:
    """Return the time at which most rates are printed; half of the longest follow-up if none is."""
    months = [ledger.month(c.month) for c in ledger.claims if c.kind == "survival" and c.month is not None]
    return Counter(months).most_common(1)[0][0] if months else ledger.study.time.max / 2


def _times(ledger: Ledger, usual: float, shares: tuple[float, ...]) -> Iterator[float]:
    scale = ledger.study.time
    for share in shares:
        time = math.inf if math.isinf(share) else round(scale.ticks(usual * share) * scale.resolution, 6)
        if math.isinf(time) or scale.min <= time <= scale.max:
            yield time


def values(quantity: Quantity, patients: pd.DataFrame, ledger: Ledger, cohorts: int = 1) -> Floats:
    """Return a quantity in each of some cohorts.

    Parameters
    ----------
    quantity : Quantity
    patients : DataFrame
        The rows of all cohorts below each other, all of one size.
    ledger : Ledger
    cohorts : int

    Returns
    -------
    float array, shape (cohorts,)
        NaN for the survival of nobody.
    """
    inside = members(patients, quantity.population, ledger).reshape(cohorts, -1)
    if quantity.kind == "patients":
        return np.asarray(inside.sum(axis=1), float)
    assert quantity.endpoint is not None
    assert quantity.time is not None
    columns = survival_columns(patients, ledger, quantity.endpoint)
    time, event = (column.reshape(cohorts, -1) for column in columns)
    if quantity.kind == "at risk":
        return np.asarray((inside & (time >= quantity.time - GRID_SLACK)).sum(axis=1), float)
    early = inside & (event == 1) & (time <= quantity.time + GRID_SLACK)
    if quantity.kind == "events":
        return np.asarray(early.sum(axis=1), float)
    at_risk = (inside[:, None, :] & (time[:, None, :] >= time[:, :, None])).sum(axis=2)
    tied = np.maximum((early[:, None, :] & (time[:, None, :] == time[:, :, None])).sum(axis=2), 1)
    kept = ((at_risk - tied) / np.maximum(at_risk, 1)) ** (1 / tied)  # each of d tied events takes its share
    survival = np.where(early, kept, 1.0).prod(axis=1)
    return np.where(inside.any(axis=1), survival, np.nan)
