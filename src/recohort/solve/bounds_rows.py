"""Bounds as rows: in memory, in a CSV file, as JSON, summed up in words."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from recohort.files import InputError, shown, write_text
from recohort.ledger import Ledger

__all__ = [
    "ARITHMETIC",
    "SAME",
    "Bounds",
    "Verdict",
    "as_json",
    "digest",
    "read",
    "summary",
    "tighter",
    "write",
]

Verdict = Literal["determined", "bounded", "free"]
ARITHMETIC = "arithmetic"
"""What a bound rests on that needed no search over orders, see :mod:`recohort.solve.quick_bounds`."""
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
        The claims on which the bound rests, see `Relaxation.name`, or `ARITHMETIC`.
    low_found, high_found : float
        The furthest patients that were found; NaN if none were. Where this is the bound it is *reached*.
        What is determined is reached by whoever meets the claims, so it counts as found.
    low_inner, high_inner : float
        The range in the cohorts given, which meet every claim, P values too.
    verdict : str
        `free` if the bounds are no narrower than 0 to 1, or nobody to everybody in the population (for
        `patients`: in the study).
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


def tighter(row: Bounds, other: Bounds) -> Bounds:
    """Return a row with the narrower ends of two, each proven, and the furthest patients of both."""
    low, low_claims = _narrower((row.low, row.low_claims), (other.low, other.low_claims), -1)
    high, high_claims = _narrower((row.high, row.high_claims), (other.high, other.high_claims), 1)
    determined = high - low < SAME
    verdict: Verdict = "determined" if determined else "bounded"
    known = [
        value
        for each in (row, other)
        for value in (each.low_found, each.high_found, each.low_inner, each.high_inner)
        if low - SAME <= value <= high + SAME
    ]
    return replace(
        row,
        low=low,
        high=high,
        low_claims=low_claims,
        high_claims=high_claims,
        low_found=min(known, default=low if determined else math.nan),
        high_found=max(known, default=high if determined else math.nan),
        verdict=row.verdict if (low, high) == (row.low, row.high) else verdict,
    )


def _narrower(one: tuple[float, str], other: tuple[float, str], sense: int) -> tuple[float, str]:
    """Return the narrower of two ends; of two alike the one that says on which claims it rests."""
    if abs(one[0] - other[0]) < SAME:
        return (one[0], other[1] if one[1] == ARITHMETIC else one[1])
    return min(one, other, key=lambda end: sense * end[0])


def digest(ledger: Ledger) -> str:
    """Return a short name of a ledger's content, by which stale bounds are told from fresh ones.

    Of conventions only the choice counts, not what else could have been chosen, and why.
    """
    aside = {"conventions": {"__all__": {"options", "amounts_to", "why"}}}
    return hashlib.sha256(ledger.model_dump_json(exclude=aside).encode()).hexdigest()[:12]


def write(out: Path, rows: Iterable[Bounds]) -> None:
    """Write bounds to a CSV file."""
    write_text(out, pd.DataFrame([asdict(row) for row in rows]).to_csv(index=False, lineterminator="\n"))


def read(path: Path) -> list[Bounds]:
    """Read bounds from a CSV file; none if there is no such file.

    Raises
    ------
    InputError
        If it is another kind of file.
    """
    if not path.exists():
        return []
    try:
        table = pd.read_csv(path, dtype={"ledger": str, "endpoint": object})
    except (OSError, ValueError) as error:
        raise InputError(f"{shown(path)}: not a table of bounds") from error
    if list(table.columns) != [field.name for field in fields(Bounds)]:
        raise InputError(f"{shown(path)}: not a table of bounds")
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
    said += " (no narrower limits proven than nobody and everybody)" if counts["free"] else ""
    named = "1 quantity" if len(rows) == 1 else f"{len(rows)} quantities"
    ends = sum(row.low_reached + row.high_reached for row in rows)
    return (
        f"{named}: {said}. Of {2 * len(rows)} ends, each proven to be an outer bound, {ends} "
        f"{'is' if ends == 1 else 'are'} known to be reached by patients who meet all rates and "
        "medians; ? marks the others. P values take part for small groups only."
    )
