"""How different the cohorts of an ensemble are, and how many independent ones they are worth.

    python -m recohort.diversity            # data/ensemble_diversity.csv, from data/ensemble.parquet

Cohorts of one start are alike. For a quantity such as the mean time to an event, a one-way analysis of
variance over starts gives the share of the variance that lies between them, the intraclass correlation r.
N cohorts, m from a start, then tell as much about its mean as N / (1 + (m - 1) r) independent ones (Kish,
Survey Sampling, 1965). That takes starts to be independent draws, which they are, and says nothing of whether
what they draw from favours some histories; no number here does.

To see whether the way of drawing matters, smaller ensembles are drawn in other ways (`VARIANTS`) and their
means compared with the ensemble's, in standard errors that count effective cohorts. These ensembles are
small, so a shift of less than their own standard error would not be seen.
"""

from __future__ import annotations

import argparse
import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from recohort import cohort, ensemble, estimators, paths, terminal
from recohort.check import survival_columns
from recohort.files import check_writable, write_text
from recohort.ledger import load
from recohort.solve.draws import START, Drawn, Plan, Settings
from recohort.solve.sample import Folder, sample
from recohort.solve.workers import Workers, local

if TYPE_CHECKING:
    import numpy.typing as npt

    from recohort.conditions import Population
    from recohort.ledger import Ledger

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

__all__ = [
    "AS_COMMITTED",
    "COLUMNS",
    "VARIANTS",
    "Group",
    "effective_size",
    "groups_of",
    "intraclass_correlation",
    "measure",
    "overview",
]

AS_COMMITTED = "as committed"
VARIANTS: Mapping[str, Settings] = {
    "starts from nobody with an event": Settings(start=replace(START, begin=("nothing",))),
    "starts near the printed rates": Settings(start=replace(START, begin=("printed",))),
    "walks five times as long": Settings(stretch=100_000),
    "half of all proposals swap outcomes": Settings(mix=(0.4, 0.9)),
}
"""Other ways of drawing."""
SMALLER = 150
"""Cohorts of each variant."""
SEED_OF_VARIANTS = 2
POINTS = 61
TINY = 1e-12
NEIGHBOURS = 20_000
"""Pairs of cohorts that are compared at most."""
COLUMNS = [
    "endpoint", "group", "patients", "cohorts", "starts", "histories",
    "distance_within_start", "distance_between_starts",
    "mean", "sd", "low", "high", "correlation", "effective",
]  # fmt: skip


class Group(NamedTuple):
    """A curve of the ledger: an endpoint, and who is followed."""

    endpoint: str
    population: Population


def groups_of(ledger: Ledger) -> list[Group]:
    """Return the groups whose survival the ledger prints, each once, in the ledger's order."""
    printed = [(c.endpoint, ledger.population(c)) for c in ledger.claims if c.survival is not None]
    return list(dict.fromkeys(Group(endpoint, who) for endpoint, who in printed if endpoint))


@dataclass(frozen=True)
class Seen:
    """One group in every cohort of an ensemble.

    Attributes
    ----------
    patients : int
        In the first cohort; a printed count fixes it, or it may vary.
    histories : list of tuple
        For each cohort the numbers at risk at the events: all that a curve's heights depend on.
    curves : float array, shape (n_cohorts, POINTS)
        Survival on a grid from 0 to the latest printed time.
    """

    patients: int
    histories: list[tuple[int, ...]]
    curves: Floats


def look(tables: Sequence[pd.DataFrame], ledger: Ledger, group: Group) -> Seen:
    """Collect what is needed of a group."""
    grid = np.linspace(0, _horizon(ledger), POINTS)
    histories, curves, sizes = [], [], []
    for table in tables:
        inside = cohort.members(table, group.population, ledger)
        time, event = (column[inside] for column in survival_columns(table, ledger, group.endpoint))
        curves.append(estimators.kaplan_meier(time, event).on(grid + 1e-9))
        died = np.sort(time[event == 1])
        histories.append(tuple((time[:, None] >= died - 1e-9).sum(axis=0).tolist()))
        sizes.append(time.size)
    return Seen(sizes[0], histories, np.array(curves))


def _horizon(ledger: Ledger) -> float:
    """Latest time of a printed rate, and half as much again: what happens after it is open too."""
    months = [float(c.month) for c in ledger.claims if c.survival and isinstance(c.month, int | float)]
    return 1.5 * max(months, default=ledger.study.time.max / 3)


def intraclass_correlation(values: Floats, start: Ints) -> float:
    """Share of the variance that lies between starts; one-way analysis of variance, from 0 to 1.

    Parameters
    ----------
    values, start : arrays, shape (n_cohorts,)

    Returns
    -------
    float
        Not a number if nothing varies, or there is only one start.
    """
    labels, place, sizes = np.unique(start, return_inverse=True, return_counts=True)
    n, k = values.size, labels.size
    if k < 2 or n == k:
        return 0.0 if n == k > 1 else math.nan
    means = np.bincount(place, values) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (k - 1)
    within = float(((values - means[place]) ** 2).sum()) / (n - k)
    typical = (n - float((sizes**2).sum()) / n) / (k - 1)
    total = between + (typical - 1) * within
    return math.nan if total < TINY else min(1.0, max(0.0, (between - within) / total))


def effective_size(correlation: float, start: Ints) -> float:
    """How many independent cohorts tell as much about a mean, for starts of these sizes."""
    _, sizes = np.unique(start, return_counts=True)
    typical = float((sizes**2).sum() / sizes.sum())
    return float(sizes.sum()) / (1 + (typical - 1) * correlation)


def measure(tables: Sequence[pd.DataFrame], starts: Sequence[int], ledger: Ledger) -> pd.DataFrame:
    """Measure an ensemble, curve by curve.

    Parameters
    ----------
    tables : sequence of DataFrame
        Cohorts, in the order of their starts.
    starts : sequence of int
        How many are from each start.

    Returns
    -------
    DataFrame
        `COLUMNS`. Distances are the mean of |difference of two curves| up to 1.5 times the latest
        printed time, in percentage points, averaged over pairs of cohorts. `mean`, `sd`, `low`, `high`: of
        the mean time lived without the event up to then, over the cohorts (5 % and 95 % quantiles);
        `correlation` and `effective` are those of this time, empty where it does not vary.
    """
    start = np.repeat(np.arange(len(starts)), starts)
    one, other = _pairs(start.size)
    rows = []
    for group in groups_of(ledger):
        seen = look(tables, ledger, group)
        apart = 100 * np.abs(seen.curves[one] - seen.curves[other]).mean(axis=1)
        same = start[one] == start[other]
        lived = seen.curves.mean(axis=1) * _horizon(ledger)
        correlation = intraclass_correlation(lived, start)
        low, high = np.quantile(lived, [0.05, 0.95])
        rows.append(
            [
                group.endpoint, str(group.population), seen.patients, start.size,
                int(np.count_nonzero(starts)), len(set(seen.histories)), _mean(apart[same]),
                _mean(apart[~same]), float(lived.mean()), float(lived.std(ddof=1)), float(low), float(high),
                correlation, effective_size(correlation, start),
            ]
        )  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else math.nan


def _pairs(n: int) -> tuple[Ints, Ints]:
    """Return pairs of cohorts: all near ones, as those of one start are, and others drawn at random."""
    near = [(i, i + step) for step in range(1, 8) for i in range(n - step)]
    random = np.random.default_rng(0)
    far = random.integers(0, n, (NEIGHBOURS, 2))
    pairs = np.concatenate([np.array(near).reshape(-1, 2), far[far[:, 0] != far[:, 1]]])
    return pairs[:, 0], pairs[:, 1]


def shift(table: pd.DataFrame, other: pd.DataFrame) -> Floats:
    """Return how many standard errors the means of another ensemble lie from this one's, per row."""
    gap = (other["mean"] - table["mean"]).to_numpy(dtype=float)
    error = np.sqrt(sum((t["sd"] ** 2 / t["effective"]).to_numpy(dtype=float) for t in (table, other)))
    return np.asarray(gap / np.where(error > 0, error, np.nan), dtype=float)


def report(
    ledger: Ledger,
    source: Path,
    folder: Path,
    workers: Workers[Drawn],
    smaller: int = SMALLER,
    tell: Callable[[str, float], None] | None = None,
) -> pd.DataFrame:
    """Measure an ensemble file, and ensembles drawn in other ways beside it.

    Parameters
    ----------
    source : Path
        The ensemble.
    folder : Path
        Keeps the starts of the others, so that an interrupted run goes on.
    """
    starts: list[int] = ensemble.facts(source)["starts"]  # type: ignore[assignment]
    tables = [table for _, table in ensemble.each(ensemble.read(source, ledger))]
    whole = measure(tables, starts, ledger)
    parts = [whole.assign(drawn=AS_COMMITTED, shift=0.0)]
    for number, (name, settings) in enumerate(VARIANTS.items()):
        plan = Plan(ledger, SEED_OF_VARIANTS, settings)
        made = sample(plan, smaller, workers, Folder(folder / f"{number}", plan), tell)
        table = measure(made.cohorts, made.starts, ledger)
        parts.append(table.assign(drawn=name, shift=shift(whole, table)))
    return pd.concat(parts)[["drawn", *COLUMNS, "shift"]].round(3)


def overview(report: pd.DataFrame) -> pd.DataFrame:
    """Sum the table of :func:`report` up, one row for each way of drawing.

    Returns
    -------
    DataFrame
        `cohorts`, `starts`; `least_effective` and `typical_effective`: the lowest and the middle effective
        number over the curves; `distance_within_start` and `distance_between_starts`, means over the
        curves; `curves`, how many could be compared with the committed ensemble's, `beyond_two`, of
        how many the mean lies more than two standard errors off, and `largest_shift` among them.
    """
    rows = []
    for name, part in report.groupby("drawn", sort=False):
        off = part["shift"].abs().dropna()
        rows.append(
            {
                "drawn": name,
                "cohorts": int(part["cohorts"].iloc[0]),
                "starts": int(part["starts"].iloc[0]),
                "least_effective": part["effective"].min(),
                "typical_effective": part["effective"].median(),
                "distance_within_start": part["distance_within_start"].mean(),
                "distance_between_starts": part["distance_between_starts"].mean(),
                "curves": off.size,
                "beyond_two": int((off > 2).sum()),
                "largest_shift": off.max(),
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(prog="python -m recohort.diversity", description=__doc__)
    parser.add_argument("--out", type=Path, default=paths.DATA / "ensemble_diversity.csv", help="table (CSV)")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    check_writable(options.out)
    folder = options.out.with_name(f"{options.out.name}.starts")
    folder.mkdir(exist_ok=True)
    with terminal.progress() as tell:
        ledger = load(paths.LEDGER)
        table = report(ledger, paths.ENSEMBLE, folder, local(options.jobs), tell=tell)
    write_text(options.out, table.to_csv(index=False, lineterminator="\n"))
    shutil.rmtree(folder)
    terminal.print_text(f"{options.out}: {len(table)} rows")


if __name__ == "__main__":
    main()
