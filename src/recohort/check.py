"""Ledger x cohort: one verdict for every printed number.

The checker knows no solver. It computes each statistic from the table of patients, asks whether the
printed string can stand for it, and if not, whether the number as the ledger reads it can.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from recohort import estimators
from recohort.cohort import members
from recohort.conditions import Condition, Population
from recohort.ledger import Claim, Ledger
from recohort.printed import Number
from recohort.wording import counted

__all__ = [
    "VERDICTS",
    "Row",
    "check",
    "compute",
    "scorecard",
    "scorecard_line",
    "survival_columns",
    "to_frame",
]

Verdict = Literal["reproduced", "reproduced as read", "not reproduced", "context"]
VERDICTS: tuple[Verdict, ...] = ("reproduced", "reproduced as read", "not reproduced", "context")
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Row:
    """The verdict on one printed number.

    Attributes
    ----------
    claim, part : str
        Claim id, and the number's role in its printed string (count, percent, rate, …).
    place : str
        Where it is printed.
    printed : str
        The number as printed.
    read_as : str
        How the ledger reads it, empty where it is taken as printed.
    computed : float or None
        The cohort's value in the unit printed (percentages in percent), under the reading that the
        verdict rests on. Infinite for a median that is not reached; None for context.
    computed_text : str
        The same with two digits more than printed.
    verdict : str
        One of `VERDICTS`.
    because : str
        The ledger's reason for the reading.
    """

    claim: str
    part: str
    place: str
    printed: str
    read_as: str
    computed: float | None
    computed_text: str
    verdict: Verdict
    because: str


def check(cohort: pd.DataFrame, ledger: Ledger) -> list[Row]:
    """Check every printed number of a ledger against a cohort.

    Parameters
    ----------
    cohort : DataFrame
        As returned by :func:`recohort.cohort.read`.
    ledger : Ledger

    Returns
    -------
    list of Row
        In the order of the ledger, one per printed number.
    """
    view = _View(cohort, ledger)
    return [row for claim in ledger.claims for row in _check_claim(view, claim)]


def compute(claim: Claim, cohort: pd.DataFrame, ledger: Ledger) -> tuple[float, ...]:
    """Value of each number of a claim, in the unit printed, at the month as read."""
    month = claim.read_as.month if claim.read_as else None
    return _values(_View(cohort, ledger), claim, month)


def survival_columns(
    cohort: pd.DataFrame, ledger: Ledger, endpoint: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Return times and event indicators of an endpoint, each of shape (n_patients,)."""
    spec = ledger.endpoints[endpoint]
    return cohort[spec.time].to_numpy(dtype=float), cohort[spec.event].to_numpy(dtype=np.int64)


def to_frame(rows: Iterable[Row]) -> pd.DataFrame:
    """One row per printed number as a data frame."""
    return pd.DataFrame([asdict(row) for row in rows], columns=list(Row.__dataclass_fields__))


def scorecard(rows: Iterable[Row]) -> dict[Verdict, int]:
    """Return how many printed numbers have each verdict."""
    counted = Counter(row.verdict for row in rows)
    return {verdict: counted[verdict] for verdict in VERDICTS}


def scorecard_line(rows: Iterable[Row]) -> str:
    """Return the scorecard in one sentence; context is not counted among the tested numbers."""
    counts = scorecard(rows)
    tested = sum(counts.values()) - counts["context"]
    verdicts = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS[:3])
    context = f"Listed as context, not tested: {counts['context']}."
    return f"Of {counted(tested, 'printed number')}: {verdicts}. {context}"


class _View:
    """A cohort with its populations remembered: many claims share one."""

    def __init__(self, cohort: pd.DataFrame, ledger: Ledger) -> None:
        self.cohort = cohort
        self.ledger = ledger
        self._members: dict[Population, BoolArray] = {}
        self._pieces: dict[Population, BoolArray] = {}
        self._survival = {name: survival_columns(cohort, ledger, name) for name in ledger.endpoints}

    def members(self, population: Population) -> BoolArray:
        if population not in self._members:
            pieces = [Population(Condition((test,))) for test in population.where.tests]
            if population.at_risk is not None:
                pieces.append(Population(at_risk=population.at_risk))
            inside = np.ones(len(self.cohort), dtype=bool)
            for piece in pieces:
                inside &= self._piece(piece)
            self._members[population] = inside
        return self._members[population]

    def _piece(self, piece: Population) -> BoolArray:
        """Who passes a single test: few tests make many populations."""
        if piece not in self._pieces:
            self._pieces[piece] = members(self.cohort, piece, self.ledger)
        return self._pieces[piece]

    def curve(self, endpoint: str, population: Population) -> estimators.Curve:
        time, event = self._survival[endpoint]
        inside = self.members(population)
        return estimators.kaplan_meier(time[inside], event[inside])

    def survival(
        self, endpoint: str, inside: BoolArray
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
        time, event = self._survival[endpoint]
        return time[inside], event[inside]


def _check_claim(view: _View, claim: Claim) -> list[Row]:
    if claim.kind == "context":
        return [Row(claim.id, "context", claim.at, claim.printed, "", None, "", "context", claim.note or "")]
    default = str(view.ledger.convention("rounding"))
    as_printed = _values(view, claim, None)
    reading = claim.read_as
    as_read = as_printed if reading is None or reading.month is None else _values(view, claim, reading.month)
    rounding = reading.rounding if reading and reading.rounding else default
    rows = []
    for number, read, value, read_value in zip(
        claim.numbers, claim.numbers_as_read, as_printed, as_read, strict=True
    ):
        verdict: Verdict = "not reproduced"
        if value in number.interval(default):
            verdict = "reproduced"
        elif reading and read_value in read.interval(rounding):
            verdict = "reproduced as read"
        shown = read_value if verdict == "reproduced as read" else value
        text = _reading_text(claim, number, read, verdict)
        because = (claim.because or "") if text else ""
        rows.append(
            Row(
                claim.id,
                number.part,
                claim.at,
                number.text,
                text,
                shown,
                _text(shown, number),
                verdict,
                because,
            )
        )
    return rows


def _reading_text(claim: Claim, number: Number, read: Number, verdict: Verdict) -> str:
    """How a number is read, in a few words; empty where the print itself holds."""
    reading = claim.read_as
    if reading is None or verdict == "reproduced":
        return ""
    words = []
    if read.text != number.text:
        words.append(read.text)
    if reading.month is not None:
        words.append(f"{number.text} at {reading.month:g}")
    if reading.rounding is not None:
        words.append(f"{number.text}, {reading.rounding}")
    return "; ".join(words)


def _text(value: float, number: Number) -> str:
    if math.isinf(value):
        return "not reached"
    if math.isnan(value):
        return "undefined"
    if number.part in ("count", "denominator"):
        return f"{value:.0f}"
    return f"{value:.{number.decimals + 2}f}"


def _values(view: _View, claim: Claim, month: float | None) -> tuple[float, ...]:
    """Value of each number of a claim; `month` overrides the claim's own (as read)."""
    ledger, kind = view.ledger, claim.kind
    if kind in ("count", "percent", "count_percent"):
        return _counts(view, claim)
    if kind in ("median", "range", "median_range"):
        return _spread(view, claim)
    if kind == "p_value":
        return (_p_value(view, claim),)
    assert claim.endpoint is not None
    population = ledger.population(claim)
    if not view.members(population).any():
        return (math.nan,)
    if kind == "follow_up":
        return (_follow_up(view, claim.endpoint, population),)
    curve = view.curve(claim.endpoint, population)
    if kind == "median_survival":
        return (estimators.median_survival(curve, rule=str(ledger.convention("median_rule"))),)
    assert claim.month is not None
    return (100 * curve.at(ledger.month(claim.month) if month is None else month),)


def _counts(view: _View, claim: Claim) -> tuple[float, ...]:
    whole = int(
        view.members(view.ledger.population(claim.model_copy(update={"where": Condition()}), claim.of)).sum()
    )
    part = int(view.members(view.ledger.population(claim, claim.of)).sum())
    values = {
        "count": float(part),
        "denominator": float(whole),
        "percent": 100 * part / whole if whole else math.nan,
    }
    return tuple(values[number.part] for number in claim.numbers)


def _spread(view: _View, claim: Claim) -> tuple[float, ...]:
    inside = view.members(view.ledger.population(claim))
    column = view.cohort.loc[inside, claim.attribute].to_numpy(dtype=float, na_value=np.nan)
    known = column[~np.isnan(column)]
    if not known.size:
        return tuple(math.nan for _ in claim.numbers)
    values = {"median": float(np.median(known)), "low": float(known.min()), "high": float(known.max())}
    return tuple(values[number.part] for number in claim.numbers)


def _follow_up(view: _View, endpoint: str, population: Population) -> float:
    time, event = view.survival(endpoint, view.members(population))
    if view.ledger.convention("follow_up") == "observed-time":
        return float(np.median(time))
    curve = estimators.reverse_kaplan_meier(time, event)
    return estimators.median_survival(curve, rule=str(view.ledger.convention("median_rule")))


def _p_value(view: _View, claim: Claim) -> float:
    groups = [view.members(view.ledger.population(claim, group)) for group in claim.groups or ()]
    if any(not group.any() for group in groups):
        return math.nan
    if claim.outcome is not None:
        outcome = view.members(Population(claim.outcome))
        table = [[int((g & outcome).sum()), int((g & ~outcome).sum())] for g in groups]
        if view.ledger.convention("count_test") == "fisher":
            return estimators.fisher_exact(table)
        return estimators.chi_squared(table)
    assert claim.endpoint is not None
    code = np.full(len(view.cohort), -1)
    for number, group in enumerate(groups):
        code[group] = number
    inside = code >= 0
    time, event = view.survival(claim.endpoint, inside)
    kind = str(view.ledger.convention("survival_test"))
    return estimators.rank_test(time, event, code[inside], kind=kind).p_value
