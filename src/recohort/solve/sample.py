"""An ensemble: cohorts from as many independent starts as it takes, no two with the same order of events.

Starts are numbered, and what comes of a start depends on the ledger, the seed and its number alone (see
`draws`). The ensemble takes them by number, so it does not depend on how many processes
worked on it, or on which was first. Finished starts are kept in a folder beside the output until the
ensemble is whole: an interrupted run goes on from them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from recohort import ensemble
from recohort.cohort import CohortError
from recohort.solve.draws import Drawn, Plan, draw
from recohort.solve.kept import fingerprint
from recohort.solve.reconstruct import refuse_clash
from recohort.wording import counted

if TYPE_CHECKING:
    from recohort.solve.workers import Workers

__all__ = ["Ensemble", "Folder", "sample"]

STALE = 16
"""So many starts in a row without a new order of events: there are hardly any more."""


@dataclass
class Ensemble:
    """Cohorts, in the order of their starts.

    Attributes
    ----------
    cohorts : list of DataFrame
    starts : list of int
        How many cohorts are from each start.
    missed : dict
        For each claim that kept a start from giving any cohort, how many it kept.
    """

    cohorts: list[pd.DataFrame] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    missed: dict[str, int] = field(default_factory=dict)
    _orders: set[str] = field(default_factory=set)

    def add(self, drawn: Drawn, most: int) -> None:
        """Take the cohorts of the next start whose order of events is new, up to so many in all."""
        before = len(self.cohorts)
        for cohort, order in zip(drawn.cohorts, drawn.orders, strict=True):
            if order not in self._orders and len(self.cohorts) < most:
                self._orders.add(order)
                self.cohorts.append(cohort)
        self.starts.append(len(self.cohorts) - before)
        for claim in drawn.missed:
            self.missed[claim] = self.missed.get(claim, 0) + 1

    @property
    def stale(self) -> bool:
        """Whether the last starts gave nothing new."""
        return len(self.starts) >= STALE and not any(self.starts[-STALE:])


class Folder:
    """Finished starts on disk, one file each, written whole or not at all.

    Files of another ledger, seed, way of drawing or version of this package are left alone and replaced.

    Parameters
    ----------
    path : Path
    plan : Plan
    """

    def __init__(self, path: Path, plan: Plan) -> None:
        self.path = path
        self._plan = plan
        self._of = fingerprint(plan.ledger.model_dump_json(), plan.seed, plan.settings)

    def _file(self, start: int) -> Path:
        return self.path / f"start-{start:05d}.parquet"

    def load_all(self) -> dict[int, Drawn]:
        """Return what was kept and can be used, by the number of the start."""
        found = ((start, self._load(file)) for start, file in self._files())
        return {start: drawn for start, drawn in found if drawn is not None}

    def _files(self) -> Iterator[tuple[int, Path]]:
        for file in sorted(self.path.glob("start-*.parquet")):
            number = file.stem.removeprefix("start-")
            if number.isdecimal():
                yield int(number), file

    def _load(self, file: Path) -> Drawn | None:
        try:
            facts = ensemble.facts(file)
            if facts["of"] != self._of:
                return None
            tables = tuple(table for _, table in ensemble.each(ensemble.read(file, self._plan.ledger)))
        except (CohortError, KeyError):
            return None
        return Drawn(tables, tuple(facts["orders"]), tuple(facts["missed"]))  # type: ignore[arg-type]

    def save(self, start: int, drawn: Drawn) -> None:
        """Keep what came of a start."""
        self.path.mkdir(exist_ok=True)
        facts = {"of": self._of, "orders": drawn.orders, "missed": drawn.missed}
        ensemble.write(drawn.cohorts, self._plan.ledger, self._file(start), facts)

    def clear(self) -> None:
        """Remove the files, and the folder unless it holds anything else."""
        for file in (*self.path.glob("start-*.parquet"), *self.path.glob(".start-*.parquet.*.part")):
            file.unlink()
        if self.path.is_dir() and not any(self.path.iterdir()):
            self.path.rmdir()


def sample(
    plan: Plan,
    n: int,
    workers: Workers[Drawn],
    folder: Folder,
    tell: Callable[[str, float], None] | None = None,
) -> Ensemble:
    """Draw an ensemble.

    Parameters
    ----------
    plan : Plan
    n : int
        How many cohorts; fewer come if the last `STALE` starts found no new order of events.
    workers : Workers
        Where the work is done; see `recohort.solve.workers`.
    folder : Folder
        Keeps finished starts; those that it holds already are not computed again.
    tell : callable, optional
        Told what is being done and the share that is done.

    Raises
    ------
    Unsatisfiable
        If a solver proves that some claims conflict.
    """
    refuse_clash(plan.ledger)
    made = Ensemble()
    waiting = folder.load_all()

    def finished() -> bool:
        return len(made.cohorts) >= n or made.stale

    def take() -> None:
        while not finished() and (following := waiting.pop(len(made.starts), None)) is not None:
            made.add(following, n)
        if tell is not None:
            tell(
                f"{len(made.cohorts)} of {counted(n, 'cohort')}, {counted(len(made.starts), 'start')}",
                len(made.cohorts) / n,
            )

    kept = frozenset(waiting)
    take()

    def missing() -> Iterator[int]:  # called from other threads: it only reads
        for start in itertools.count():
            if finished():
                return
            if start not in kept:
                yield start

    for start, drawn in workers(partial(draw, plan), missing()):
        folder.save(start, drawn)
        waiting[start] = drawn
        take()
    return made
