"""The blind validation, whole: every data set, size and draw, into one table.

    python -m recohort.validate --out data/validation.csv

One *job* is one ledger: draw patients, describe them, forget them, rebuild from the ledger by each
method, and only then compare. The table is written after every job, so an interrupted run goes on where
it stopped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from recohort import cohort
from recohort.describe import describe
from recohort.design import EVERYONE
from recohort.files import write_text
from recohort.validate.competitors import printed_points
from recohort.validate.datasets import DATASETS, Dataset, groups_of, sample
from recohort.validate.measures import (
    Group,
    errors,
    follow_up_of,
    grid_to,
    log_hazard_ratio,
    survival_on,
)
from recohort.validate.oracle import oracle
from recohort.validate.rebuild import Effort, Ensemble, naive, parametric, rebuild

if TYPE_CHECKING:
    from recohort.ledger import Ledger

__all__ = ["COLUMNS", "METHODS", "Job", "all_jobs", "fall_after", "run", "run_job"]

METHODS = ("recohort", "even", "parametric", "naive", "oracle")
SIZES = (38, 100)
DRAWS = 10
SMALLEST = 5
"""Smaller groups are not compared: their curves are a step or two."""
DIGITS = 5

KEY = ["dataset", "patients", "rates", "draw"]
COLUMNS = [
    *KEY, "group", "size", "events", "fall_after", "method", "independent", "mean", "largest", "one_cohort",
    "rmst", "median", "covered", "width", "hazard_ratio", "log_hazard_ratio_error",
]  # fmt: skip


class Job(NamedTuple):
    """One ledger to make and to rebuild from.

    `rates` is how many survival rates the paper prints of each curve: 1 as the paper of this book does,
    or 4, at a third, two thirds, all and four thirds of the usual time.
    """

    dataset: str
    patients: int
    rates: int
    draw: int


def all_jobs(draws: int = DRAWS, rates: Sequence[int] = (1,)) -> list[Job]:
    """Every job, draw by draw, so that a table cut short has something of every data set and size."""
    return [
        Job(name, patients, number, draw)
        for number in rates
        for draw in range(draws)
        for name in DATASETS
        for patients in SIZES
    ]


def run_job(job: Job, effort: Effort | None = None) -> list[dict[str, object]]:
    """Rebuild one sample from its ledger by every method and compare with the truth.

    Returns
    -------
    list of dict
        One per group and method, with the keys `COLUMNS`.
    """
    effort = effort or Effort()
    dataset = DATASETS[job.dataset]
    truth, ledger = _printed(job, dataset)
    groups, seed = groups_of(truth, dataset), job.draw
    plain, independent = rebuild(ledger, dataset, seed, effort)
    even, even_independent = rebuild(ledger, dataset, seed, effort, even=True)
    fitted, curves = parametric(ledger, dataset, effort.cohorts, seed)
    ensembles: dict[str, Ensemble] = {
        "recohort": plain,
        "even": even,
        "parametric": fitted,
        "naive": naive(ledger, dataset, effort.cohorts, seed),
        "oracle": oracle(ledger, dataset, groups, _rates_at(job, dataset), seed),
    }
    found = {"recohort": independent, "even": even_independent}
    rows = []
    for name, group in groups.items():
        for method, ensemble in ensembles.items():
            if group.time.size < SMALLEST or not ensemble.get(name):
                continue
            grid = grid_to(follow_up_of(group))
            estimate = curves[name].at(grid) if method == "parametric" else None
            row: dict[str, object] = job._asdict() | {"group": name, "method": method}
            row |= {"size": group.time.size, "events": int(group.event.sum())}
            row["fall_after"] = fall_after(group, printed_points(ledger, name))
            row["independent"] = found.get(method, len(ensemble[name]))
            row |= asdict(errors(group, ensemble[name], estimate))
            if name == EVERYONE and method != "oracle":  # it draws each group by itself
                row |= _compare_hazards(truth, dataset, ensemble)
            rows.append(row)
    return rows


def _printed(job: Job, dataset: Dataset) -> tuple[pd.DataFrame, Ledger]:
    """Draw patients and the ledger that a paper would print of them."""
    design = dataset.design(job.patients, _rates_at(job, dataset))
    truth = cohort.validate(sample(dataset, job.patients, job.draw), design.ledger)
    return truth, describe(truth, design)


def _rates_at(job: Job, dataset: Dataset) -> tuple[float, ...]:
    shares = (1.0,) if job.rates == 1 else (1 / 3, 2 / 3, 1.0, 4 / 3)
    return tuple(round(dataset.rate_at * share, 1) for share in shares)


def fall_after(truth: Group, points: list[tuple[float, float]]) -> float:
    """Return how far the true curve still falls within follow-up after the last printed number."""
    end = follow_up_of(truth)
    last = min(max((time for time, _ in points), default=0.0), end)
    before, after = survival_on(truth, np.array([last, end]))
    return float(before - after)


def _compare_hazards(truth: pd.DataFrame, dataset: Dataset, ensemble: Ensemble) -> dict[str, float]:
    """Compare the hazard ratio of the first comparison: the truth's, and how far the median cohort's is."""
    one, other = dataset.groups
    groups = groups_of(truth, dataset)
    if min(groups[one].time.size, groups[other].time.size) < SMALLEST:
        return {}
    true = log_hazard_ratio(groups[one], groups[other])
    pairs = zip(ensemble.get(one, []), ensemble.get(other, []), strict=True)
    found = [value for pair in pairs if math.isfinite(value := log_hazard_ratio(*pair))]
    if math.isnan(true) or not found:
        return {}
    return {"hazard_ratio": math.exp(true), "log_hazard_ratio_error": abs(float(np.median(found)) - true)}


# --- many jobs -----------------------------------------------------------------------------------


def run(
    out: Path, jobs: Sequence[Job], workers: int = 2, tell: Callable[[str, float], None] | None = None
) -> pd.DataFrame:
    """Do the jobs that a table does not hold yet, and keep it up to date.

    Parameters
    ----------
    out : Path
        A CSV file; what it holds of other jobs is dropped.
    jobs : sequence of Job
    workers : int
        Processes; the result does not depend on it.
    tell : callable, optional
        Told what was done and which share of the jobs is behind us.
    """
    rows = _known(out, jobs)
    done = {Job(*(row[name] for name in KEY)) for row in rows}  # type: ignore[arg-type]
    waiting = [job for job in jobs if job not in done]
    made = Parallel(n_jobs=workers, return_as="generator_unordered")(delayed(run_job)(job) for job in waiting)
    for number, new in enumerate(made, 1):
        rows += new
        write_text(out, _table(rows, jobs).to_csv(index=False, lineterminator="\n"))
        if tell is not None:
            tell(f"{len(done) + number} of {len(jobs)} ledgers", (len(done) + number) / len(jobs))
    return _table(rows, jobs)


def _known(out: Path, jobs: Iterable[Job]) -> list[dict[str, object]]:
    if not out.exists():
        return []
    table = pd.read_csv(out)
    wanted = set(jobs)
    rows: Iterator[dict[str, object]] = (
        {str(k): v for k, v in row.items()} for row in table.to_dict("records")
    )
    return [row for row in rows if Job(*(row[name] for name in KEY)) in wanted]  # type: ignore[arg-type]


def _table(rows: list[dict[str, object]], jobs: Sequence[Job]) -> pd.DataFrame:
    """Order rows as the jobs are, whatever order they came in."""
    place = {job: number for number, job in enumerate(jobs)}
    ordered = sorted(rows, key=lambda row: place[Job(*(row[name] for name in KEY))])  # type: ignore[arg-type]
    return pd.DataFrame(ordered, columns=COLUMNS).round(DIGITS)
