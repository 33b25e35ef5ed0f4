"""Proofs of small conflicts in plain words, written from the numbers and checked in exact fractions.

A proof is written only if its steps hold when computed; otherwise there is none, and the solver's word
stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from typing import TYPE_CHECKING

from recohort.histories import prints_as

if TYPE_CHECKING:
    from recohort.ledger import Claim, Ledger

__all__ = ["proof"]

HALF = 50.0
MANY = 200
"""So many patients can print 100% with an event."""


def proof(claims: Sequence[Claim], ledger: Ledger) -> str | None:
    """Say in a sentence why claims contradict each other, if one of the known reasons applies."""
    if len(claims) == 1:
        return _share(claims[0], ledger.study.patients)
    if len(claims) == 2:
        for first, second in permutations(claims):
            words = _late_median(first, second) or _nobody_died(first, second, ledger)
            if words:
                return words
    return None


def _share(claim: Claim, everybody: int) -> str | None:
    """Find a percentage that its own count does not give."""
    part = {number.part: number for number in claim.numbers}
    if not {"count", "percent"} <= part.keys():
        return None
    of = part["denominator"].value if "denominator" in part else everybody
    if "denominator" not in part and claim.of:
        return None
    count, whole = int(part["count"].value), int(of)
    share, percent = Fraction(count, whole), part["percent"]
    if prints_as(share, percent.interval()):
        return None
    cut = "would" if prints_as(share, percent.interval("truncated")) else "would not either"
    return (
        f"{count} of {whole} is {100 * float(share):.2f}%, which does not round to {percent.value:g}"
        f" (cut off it {cut} give it)."
    )


def _same_patients(a: Claim, b: Claim) -> bool:
    return a.where == b.where and a.at_risk == b.at_risk


def _late_median(rate: Claim, median: Claim) -> str | None:
    """Find a curve below one half before its median."""
    if (rate.kind, median.kind) != ("survival", "median_survival") or rate.endpoint != median.endpoint:
        return None
    if not _same_patients(rate, median) or not isinstance(rate.month, int | float):
        return None
    high, low = rate.numbers[0].interval().high, median.numbers[0].interval().low
    if high > HALF or low <= rate.month:
        return None
    return (
        f"A curve that prints {rate.printed} at {rate.month:g} is below one half there, so its median is"
        f" {rate.month:g} or less; {median.printed} is printed."
    )


def _nobody_died(inner: Claim, outer: Claim, ledger: Ledger) -> str | None:
    """Find an inner endpoint without any event, and an outer one with some, at the same time."""
    if inner.kind != "survival" or outer.kind != "survival" or inner.month != outer.month:
        return None
    if inner.endpoint is None or not _same_patients(inner, outer):
        return None
    nested = ledger.endpoints[inner.endpoint].not_after == outer.endpoint
    if not nested or ledger.study.patients >= MANY:
        return None
    if inner.numbers[0].value < 100 or outer.numbers[0].interval().high >= 100:
        return None
    return (
        f"{inner.endpoint} of {inner.printed} means no event at all. Every event of {outer.endpoint} is one"
        f" of {inner.endpoint}, so {outer.endpoint} would be 100%, too; {outer.printed} is printed."
    )
