"""What the claims determine: for each quantity a proven minimum and maximum.

No cohort that meets the ledger, as read, goes beyond a bound: each is proven by a solver over all orders
of events that meet some of the claims (:mod:`recohort.solve.order_bounds`). P values take part for small
groups only, the follow-up of all patients never; so these are outer bounds. An end is *reached* if
patients are known who show it: a cohort given that meets every claim, or patients found on the way who
meet every rate and median of their part.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel, delayed

from recohort.conditions import Population
from recohort.files import write_text
from recohort.ledger import Ledger
from recohort.solve.count_bounds import count_extreme, known_counts
from recohort.solve.demands import build
from recohort.solve.order_bounds import Extreme, extreme, relaxations
from recohort.solve.problem import Problem
from recohort.solve.quantities import Quantity, asked, values

__all__ = ["Bounds", "as_json", "bounds_of", "digest", "read", "run", "summary", "write"]

Floats = npt.NDArray[np.float64]
Verdict = Literal["determined", "bounded", "free"]
SAME = 1e-6
"""Survival closer than this is the same; two products of so few factors differ by more."""


@dataclass(frozen=True)
class Bounds:
    """One quantity and how far it can go.

    Attributes
    ----------
    name, kind, population : str
    endpoint : str, optional
    time : float, optional
    low, high : float
        Proven; NaN where the population may be empty.
    low_claims, high_claims : str
        The claims on which the bound rests, see `Relaxation.name`; `counts` if on numbers of patients
        or on another bound alone.
    low_found, high_found : float
        The furthest patients that were found; NaN if none were. Where this is the bound it is *reached*.
    low_inner, high_inner : float
        The range in the cohorts given, which meet every claim, P values too.
    verdict : str
        `free` if the bounds are no narrower than 0 to 1, or nobody to everybody.
    """

    name: str
    kind: str
    population: str
    endpoint: str | None
    time: float | None
    low: float
    high: float
    low_claims: str
    high_claims: str
    low_found: float
    high_found: float
    low_inner: float
    high_inner: float
    verdict: Verdict
    ledger: str

    @property
    def low_reached(self) -> bool:
        """Whether the minimum is known to be reached."""
        return abs(self.low - self.low_found) < SAME

    @property
    def high_reached(self) -> bool:
        """Whether the maximum is known to be reached."""
        return abs(self.high - self.high_found) < SAME


def digest(ledger: Ledger) -> str:
    """Return a short name of a ledger's content, by which stale bounds are told from fresh ones."""
    return hashlib.sha256(ledger.model_dump_json().encode()).hexdigest()[:12]


class _Group:
    """The quantities of one population, which bound each other."""

    def __init__(
        self, problem: Problem, group: Sequence[Quantity], inner: Mapping[Quantity, Floats], effort: float
    ) -> None:
        self.problem, self.group, self.effort = problem, group, effort
        self.counts = known_counts(problem.ledger, problem.types)
        self.parts: list[npt.NDArray[np.bool_]] = []
        if problem.queries and group[0].population.where.attributes <= set(problem.attributes):
            inside = problem.members(group[0].curve)
            self.parts = [part for part in _parts(problem) if (inside & part).any()]
        self.inner = {q: [float(v) for v in np.unique(inner.get(q, np.zeros(0)))] for q in group}
        self.found = {q: list(known) for q, known in self.inner.items()}
        self.bound: dict[tuple[Quantity, int], float] = {}
        self.claims: dict[tuple[Quantity, int], str] = {}

    def solve(self) -> list[Bounds]:
        """Bound every quantity."""
        order = sorted(self.group, key=lambda q: (q.kind != "patients", q.time or 0.0, -self._depth(q)))
        for sense, sequence in ((1, order), (-1, order[::-1])):
            for quantity in sequence:
                self._end(quantity, sense)
        name = digest(self.problem.ledger)
        return [self._row(q, name) for q in self.group]

    def _depth(self, quantity: Quantity) -> int:
        names = self.problem.endpoints
        return names.index(quantity.endpoint) if quantity.endpoint else 0

    def _end(self, quantity: Quantity, sense: int) -> None:
        bound, source = self._implied(quantity, sense), "counts"
        if len(self.parts) != 1:
            sums = [self._part_end(quantity, sense, part)[0] for part in self.parts]
            whole = sum(sums) if self.parts and quantity.kind != "survival" else sense * math.inf
            if sense * whole < sense * bound:
                bound, source = whole, "rates"
        else:
            found = self._part_end(quantity, sense, self.parts[0], bound)
            if sense * found[0] < sense * bound:
                bound, source = found
        self.bound[quantity, sense], self.claims[quantity, sense] = bound, source

    def _part_end(
        self, quantity: Quantity, sense: int, part: npt.NDArray[np.bool_], bound: float | None = None
    ) -> tuple[float, str]:
        """Bound what one part contributes; of patients in one part, remember who was found."""
        alone = bound is not None
        best, source = (sense * math.inf if bound is None else bound), "counts"
        for step in relaxations(self.problem, self.counts, part, quantity.curve, self.effort):
            reached = self.found if step.name != "with P" else self.inner
            if alone and any(abs(v - best) < SAME for v in reached[quantity]):
                continue
            end: Extreme = extreme(step, quantity, sense)
            if sense * end.bound < sense * best - SAME:
                best, source = end.bound, step.name
            if alone and end.patients is not None and step.whole:
                self._remember(end.patients)
        return best, source

    def _remember(self, patients: pd.DataFrame) -> None:
        for quantity in self.group:
            self.found[quantity].extend(values(quantity, patients, self.problem.ledger))

    def _implied(self, quantity: Quantity, sense: int) -> float:
        """Return what follows from bounds already known: nobody comes back, and curves only fall."""
        everybody = float(self.problem.ledger.study.patients)
        patients = self.bound.get((Quantity("patients", quantity.population), 1), everybody)
        best = (1.0 if quantity.kind == "survival" else patients) if sense > 0 else 0.0
        where = quantity.population
        if quantity.kind == "patients" and where.at_risk is None:
            names = self.problem.attributes or tuple(where.where.attributes)
            counted = count_extreme(self.problem.ledger, where.where, names, sense)
            return best if math.isinf(counted) else counted
        rising = quantity.kind == "events"
        for (other, side), bound in self.bound.items():
            if side != sense or other.kind != quantity.kind or quantity.time is None or other.time is None:
                continue
            earlier, later = other.time <= quantity.time, other.time >= quantity.time
            helps = (later if rising else earlier) if sense > 0 else (earlier if rising else later)
            same = other.endpoint == quantity.endpoint
            if quantity.kind == "at risk" and not same:  # an inner endpoint ends no later
                outer = self.problem.ledger.endpoints[
                    str((quantity if sense > 0 else other).endpoint)
                ].not_after
                same = outer == (other if sense > 0 else quantity).endpoint
            if helps and same:
                best = sense * min(sense * best, sense * bound)
        return best

    def _row(self, quantity: Quantity, ledger: str) -> Bounds:
        ends = self.bound[quantity, -1], self.bound[quantity, 1]
        claims = self.claims[quantity, -1], self.claims[quantity, 1]
        top = self.bound.get((Quantity("patients", quantity.population), 1), math.inf)
        return _row(quantity, ends, claims, self.found[quantity], self.inner[quantity], top, ledger)


def _row(
    quantity: Quantity,
    ends: tuple[float, float],
    claims: tuple[str, str],
    found: Iterable[float],
    inner: Iterable[float],
    everybody: float,
    ledger: str,
) -> Bounds:
    low, high = ends
    found = [v for v in found if low - SAME <= v <= high + SAME]
    inner = [v for v in inner if not math.isnan(v)]
    top = 1.0 if quantity.kind == "survival" else everybody
    verdict: Verdict = "determined" if high - low < SAME else "bounded"
    if verdict == "bounded" and low <= SAME and high >= top - SAME:
        verdict = "free"
    return Bounds(
        quantity.name,
        quantity.kind,
        str(quantity.population),
        quantity.endpoint,
        quantity.time,
        _tidy(low),
        _tidy(high),
        *claims,
        _tidy(min(found, default=math.nan)),
        _tidy(max(found, default=math.nan)),
        _tidy(min(inner, default=math.nan)),
        _tidy(max(inner, default=math.nan)),
        verdict,
        ledger,
    )


def _outcome(problem: Problem, quantity: Quantity, known: Iterable[Bounds], inner: Floats) -> Bounds:
    """Bound events by an attribute on which no curve depends, from events by those on which curves do."""
    where = quantity.population.where
    same = {row.population: row for row in known if (row.kind, row.endpoint, row.time) == _what(quantity)}
    others = (q.population for q in asked(problem) if (q.kind, q.endpoint, q.time) == _what(quantity))
    events = {
        p.where: (same[str(p)].low, same[str(p)].high)
        for p in others
        if p.at_risk is None and p.where.attributes <= set(problem.attributes) and str(p) in same
    }
    names = [*problem.attributes, *where.attributes]
    everybody = count_extreme(problem.ledger, where, names, 1)
    low, high = (count_extreme(problem.ledger, where, names, sense, events) for sense in (-1, 1))
    seen = np.unique(inner).tolist()
    return _row(quantity, (low, high), ("counts", "counts"), seen, seen, everybody, digest(problem.ledger))


def _what(quantity: Quantity) -> tuple[str, str | None, float | None]:
    return quantity.kind, quantity.endpoint, quantity.time


def _parts(problem: Problem) -> tuple[npt.NDArray[np.bool_], ...]:
    """Return groups of types that rates do not tie to each other; all in one if all share a curve."""
    shared = any(problem.members(q.curve).all() for q in problem.queries if not q.curve.reverse)
    return (np.ones(len(problem.types), bool),) if shared else problem.parts


def _tidy(number: float) -> float:
    return number if math.isinf(number) else round(float(number), 8)


def bounds_of(
    problem: Problem,
    group: Sequence[Quantity],
    inner: Mapping[Quantity, Floats] | None = None,
    effort: float = 1.0,
) -> list[Bounds]:
    """Bound the quantities of one population.

    Parameters
    ----------
    problem : Problem
    group : sequence of Quantity
        All of the same population.
    inner : mapping, optional
        For each quantity what it is in cohorts that meet every claim.
    effort : float
        Multiplies the solver's time limits.

    Raises
    ------
    Contradiction
        If the claims cannot all hold.
    """
    return _Group(problem, group, inner or {}, effort).solve()


def run(
    ledger: Ledger,
    out: Path | None = None,
    *,
    only: str = "",
    cohorts: Sequence[pd.DataFrame] = (),
    jobs: int = 2,
    effort: float = 1.0,
    tell: Callable[[str, float], None] = lambda _what, _share: None,
) -> list[Bounds]:
    """Bound everything a reader may ask of a ledger.

    Parameters
    ----------
    ledger : Ledger
    out : Path, optional
        A CSV file, kept up to date as populations are finished; what it holds of this ledger is kept.
    only : str
        Keep to quantities whose name has this in it.
    cohorts : sequence of DataFrame
        Cohorts that meet every claim.
    jobs : int
        Processes; the result does not depend on it.
    effort : float
    tell : callable, optional

    Raises
    ------
    Contradiction
    """
    problem = build(ledger)
    quantities = [q for q in asked(problem) if only in q.name]
    known = {} if out is None else {row.name: row for row in read(out) if row.ledger == digest(ledger)}
    groups: dict[Population, list[Quantity]] = {}
    others = [
        q for q in quantities if q.endpoint and not q.population.where.attributes <= set(problem.attributes)
    ]
    for quantity in quantities:
        if quantity not in others:
            groups.setdefault(quantity.population, []).append(quantity)
    whole = pd.concat(cohorts, ignore_index=True) if cohorts else None
    inner = {q: values(q, whole, ledger, len(cohorts)) for q in quantities} if whole is not None else {}
    waiting = [group for group in groups.values() if any(q.name not in known for q in group)]
    made = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(bounds_of)(problem, group, {q: inner[q] for q in group if q in inner}, effort)
        for group in waiting
    )

    def keep(rows: Iterable[Bounds]) -> None:
        known.update({row.name: row for row in rows})
        if out is not None:
            write(out, [known[q.name] for q in asked(problem) if q.name in known])

    for number, rows in enumerate(made, 1):
        keep(rows)
        tell(f"{number} of {len(waiting)} populations", number / len(waiting))
    left = [q for q in others if q.name not in known]
    if left:
        keep([_outcome(problem, q, list(known.values()), inner.get(q, np.zeros(0))) for q in left])
    return [known[q.name] for q in quantities]


def write(out: Path, rows: Iterable[Bounds]) -> None:
    """Write bounds to a CSV file."""
    write_text(out, pd.DataFrame([asdict(row) for row in rows]).to_csv(index=False, lineterminator="\n"))


def read(path: Path) -> list[Bounds]:
    """Read bounds from a CSV file; none if there is no such file."""
    if not path.exists():
        return []
    table = pd.read_csv(path, dtype={"ledger": str, "endpoint": object})
    rows = [{str(key): item for key, item in row.items()} for row in table.to_dict("records")]
    for row in rows:
        row |= {key: None for key in ("endpoint", "time") if pd.isna(row[key])}
    return [Bounds(**row) for row in rows]


def as_json(rows: Iterable[Bounds]) -> list[dict[str, object]]:
    """Return rows as JSON can hold them: what is not known, and the time "in all", are null."""
    return [
        {
            key: None if isinstance(item, float) and not math.isfinite(item) else item
            for key, item in asdict(row).items()
        }
        | {"low_reached": row.low_reached, "high_reached": row.high_reached}
        for row in rows
    ]


def summary(rows: Sequence[Bounds]) -> str:
    """Say in two sentences how much is determined, and what the bounds leave out."""
    counts = {name: sum(row.verdict == name for row in rows) for name in ("determined", "bounded", "free")}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    ends = sum(row.low_reached + row.high_reached for row in rows)
    return (
        f"{len(rows)} quantities: {said}. Of {2 * len(rows)} ends, each proven to be an outer bound, {ends} "
        "are known to be reached by patients who meet all rates and medians; ? marks the others. "
        "P values take part for small groups only."
    )
