"""What a Kaplan-Meier panel shows, computed: curves, rates, medians, tests, numbers at risk.

lifelines fits the curves, their log-log confidence bands and the tests, so that what the reader sees
does not rest on the estimators that the search and the checker use; the tests compare the two.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test
from numpy.typing import ArrayLike

from recohort.check import survival_columns
from recohort.cohort import members
from recohort.exhibits.cells import Cell
from recohort.exhibits.layout import Group, Panel, find_claims
from recohort.ledger import Ledger

__all__ = [
    "Comparison", "GroupCurve", "PanelData", "compare", "curve_table", "median", "panel_data", "pooled",
    "risk_table", "survival_at", "ticks",
]  # fmt: skip

WEIGHTS: Mapping[str, str | None] = {
    "log-rank": None, "gehan": "wilcoxon", "tarone-ware": "tarone-ware", "peto": "peto",
}  # fmt: skip
"""The ledger's names of the rank tests, and lifelines' names of their weights."""

STEPS = (3, 6, 12, 24, 36, 48, 60)
MOST_TICKS = 8
HALF = 0.5 + 1e-9
"""A product such as 3/4 x 2/3 may miss one half by a last bit."""


@dataclass(frozen=True, eq=False)
class GroupCurve:
    """One curve of a panel.

    Attributes
    ----------
    label : str
    style : int
        Which of the line styles it wears.
    time : float array, shape (n,)
        Months to the event or the last contact.
    event : int array, shape (n,)
        1 where the time ends with the event.
    table : DataFrame
        As from :func:`curve_table`.
    median : float
        Infinite if not reached.
    month, rate : float
        A time, and survival there, between 0 and 1.
    read_month : float or None
        The time at which the ledger reads the printed rate, where it is not `month`.
    printed : dict of str to list of Cell
        The printed numbers about this curve: ``n``, ``median``, ``rate``.
    """

    label: str
    style: int
    time: np.ndarray
    event: np.ndarray
    table: pd.DataFrame
    median: float
    month: float
    rate: float
    read_month: float | None
    printed: Mapping[str, list[Cell]]

    @property
    def n(self) -> int:
        """Number of patients."""
        return int(self.time.size)

    @property
    def shown(self) -> tuple[float, float]:
        """The month at which the rate is quoted beside the printed one, and survival there."""
        month = self.month if self.read_month is None else self.read_month
        return month, survival_at(self.table, month)["survival"]


@dataclass(frozen=True)
class Comparison:
    """A test between two groups of a panel, by their positions, and where its P value is printed."""

    pair: tuple[int, int]
    test: str
    p_value: float
    printed: list[Cell]


@dataclass(frozen=True)
class PanelData:
    """A panel with everything that is drawn, said or compared about it.

    `landmark` is the month at which everybody in it was still at risk, None if it asks for none.
    """

    panel: Panel
    unit: str
    endpoint: str
    curves: tuple[GroupCurve, ...]
    comparisons: tuple[Comparison, ...]
    printed_n: list[Cell]
    landmark: float | None = None

    @property
    def n(self) -> int:
        """Number of patients in all groups."""
        return sum(curve.n for curve in self.curves)

    @property
    def title(self) -> str:
        """What the panel shows."""
        return self.panel.title

    @property
    def last(self) -> float:
        """The longest time observed in any group."""
        return max(float(curve.time.max()) for curve in self.curves)


def curve_table(time: ArrayLike, event: ArrayLike) -> pd.DataFrame:
    """Fit a Kaplan-Meier curve with lifelines.

    Parameters
    ----------
    time : array-like of float, shape (n_patients,)
    event : array-like of {0, 1}, shape (n_patients,)

    Returns
    -------
    DataFrame
        One row per distinct time, the first for time 0: ``time``, ``survival`` (just after it),
        ``low`` and ``high`` (95 % log-log limits; not a number where survival is 1 or 0, for which the
        method gives none), ``at_risk`` (just before it), ``events``, ``censored``.
    """
    fitted = KaplanMeierFitter().fit(time, event, ci_labels=["low", "high"])
    survival = fitted.survival_function_.iloc[:, 0].to_numpy()
    limits = fitted.confidence_interval_survival_function_[["low", "high"]]
    inside = ((survival > 0) & (survival < 1))[:, None]
    limits = np.where(inside, limits.to_numpy(dtype=float), np.nan)
    counted = fitted.event_table
    return pd.DataFrame(
        {
            "time": counted.index.to_numpy(dtype=float),
            "survival": survival,
            "low": limits[:, 0],
            "high": limits[:, 1],
            "at_risk": counted["at_risk"].to_numpy(dtype=int),
            "events": counted["observed"].to_numpy(dtype=int),
            "censored": counted["censored"].to_numpy(dtype=int),
        }
    )


def survival_at(table: pd.DataFrame, time: float) -> dict[str, float]:
    """Return survival and its limits at a time; a drop exactly there is included."""
    row = table[table["time"] <= time + 1e-9].iloc[-1]
    return {name: float(row[name]) for name in ("survival", "low", "high")}


def median(table: pd.DataFrame) -> float:
    """Return the first time with survival at one half or below, infinite if there is none."""
    reached = table.loc[table["survival"] <= HALF, "time"]
    return float(reached.iloc[0]) if len(reached) else math.inf


def risk_table(time: ArrayLike, event: ArrayLike, at: Sequence[float]) -> pd.DataFrame:
    """Count, at each of some times, who is at risk, who was censored before, who had the event before.

    Every patient is in one of the three, so the counts add up to all patients at each time. Somebody
    whose time is exactly t is still at risk at t.

    Parameters
    ----------
    time, event : array-like, shape (n_patients,)
    at : sequence of float

    Returns
    -------
    DataFrame
        Indexed by time: ``at_risk``, ``censored``, ``events``, after Morris et al., BMJ Open 2019.
    """
    months, happened = np.asarray(time, dtype=float), np.asarray(event, dtype=bool)
    grid = np.asarray(at, dtype=float)
    gone = months < grid[:, None] - 1e-9
    return pd.DataFrame(
        {
            "at_risk": (~gone).sum(axis=1),
            "censored": (gone & ~happened).sum(axis=1),
            "events": (gone & happened).sum(axis=1),
        },
        index=pd.Index(grid, name="time"),
    )


def ticks(last: float) -> list[float]:
    """Return times for the axis and the risk table: from 0 past `last`, in steps a clinician would choose."""
    step = next((s for s in STEPS if last <= s * MOST_TICKS), STEPS[-1])
    return [float(step * k) for k in range(max(1, math.ceil(last / step)) + 1)]


def compare(a: GroupCurve, b: GroupCurve, test: str) -> float:
    """Return the two-sided P value of a rank test between two curves, from lifelines."""
    tested = logrank_test(a.time, b.time, a.event, b.event, weightings=WEIGHTS[test])
    return float(tested.p_value)


def pooled(*curves: GroupCurve) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the patients of some curves together: times, events, and the number of the curve, each (n,)."""
    time, event = (np.concatenate([getattr(curve, name) for curve in curves]) for name in ("time", "event"))
    return time, event, np.repeat(np.arange(len(curves)), [curve.n for curve in curves])


def panel_data(panel: Panel, cohort: pd.DataFrame, ledger: Ledger, cells: Mapping[str, Cell]) -> PanelData:
    """Compute a panel from a cohort and find what is printed about it.

    Parameters
    ----------
    panel : Panel
    cohort : DataFrame
    ledger : Ledger
    cells : mapping of str to Cell
        As from :func:`recohort.exhibits.cells.cells`.

    Raises
    ------
    ValueError
        If the cohort has nobody in one of the groups.
    """
    curves = tuple(
        _group_curve(panel, group, group.style if group.style is not None else i, cohort, ledger, cells)
        for i, group in enumerate(panel.groups)
    )
    test = str(ledger.convention("survival_test"))
    populations = [panel.population(ledger, group) for group in panel.groups]
    comparisons = []
    for a, b in panel.compare:
        found = find_claims(ledger, "p_value", panel.places, panel.endpoint, populations[a], populations[b])
        p_value = compare(curves[a], curves[b], test)
        comparisons.append(Comparison((a, b), test, p_value, [cells[claim.id] for claim in found]))
    everybody = panel.population(ledger)
    whole = find_claims(ledger, "count", panel.places, None, everybody)
    return PanelData(
        panel,
        ledger.study.time.unit,
        ledger.endpoint_label(panel.endpoint),
        curves,
        tuple(comparisons),
        [cells[claim.id] for claim in whole],
        None if everybody.at_risk is None else everybody.at_risk[1],
    )


def _group_curve(
    panel: Panel,
    group: Group,
    style: int,
    cohort: pd.DataFrame,
    ledger: Ledger,
    cells: Mapping[str, Cell],
) -> GroupCurve:
    population = panel.population(ledger, group)
    inside = members(cohort, population, ledger)
    if not inside.any():
        raise ValueError(f"panel {panel.letter}, {group.label}: the cohort has no such patient")
    time, event = (column[inside] for column in survival_columns(cohort, ledger, panel.endpoint))
    table = curve_table(time, event)
    kinds = {
        "n": ("count", None),
        "median": ("median_survival", panel.endpoint),
        "rate": ("survival", panel.endpoint),
    }
    claims = {
        name: find_claims(ledger, kind, panel.places, endpoint, population)
        for name, (kind, endpoint) in kinds.items()
    }
    months = [claim.read_as.month for claim in claims["rate"] if claim.read_as]
    return GroupCurve(
        group.label,
        style,
        time,
        event,
        table,
        median(table),
        panel.month,
        survival_at(table, panel.month)["survival"],
        next((month for month in months if month is not None), None),
        {name: [cells[claim.id] for claim in found] for name, found in claims.items()},
    )
