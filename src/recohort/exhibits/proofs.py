"""Proofs of small conflicts in plain words, written from the numbers and checked in exact fractions.

A proof is written only if its steps hold when computed; otherwise there is none, and the solver's word
stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from typing import TYPE_CHECKING

from recohort.histories import best_pooled, histories, prints_as

if TYPE_CHECKING:
    from recohort.conditions import Condition
    from recohort.ledger import Claim, Ledger

__all__ = ["proof"]

HALF = 50.0
MANY = 200
"""So many patients can print 100% with an event."""
MOST_LISTED = 16
"""The histories of a rate are listed for groups up to this size."""


def proof(claims: Sequence[Claim], ledger: Ledger) -> str | None:
    """Say in a sentence why claims contradict each other, if one of the known reasons applies."""
    if len(claims) == 1:
        return _share(claims[0], ledger.study.patients)
    if len(claims) == 2:
        for first, second in permutations(claims):
            words = (
                _late_median(first, second)
                or _nobody_died(first, second, ledger)
                or _part_of_whole(first, second, ledger)
            )
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
    fits_cut = prints_as(share, percent.interval("truncated"))
    cut = "cut off instead of rounded, it fits" if fits_cut else "nor does it fit when cut off"
    return (
        f"{count} of {whole} is {100 * float(share):.2f}%, which does not round to {percent.value:g} ({cut})."
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
    one, other = (ledger.endpoints[str(c.endpoint)].label or str(c.endpoint) for c in (inner, outer))
    return (
        f"A rate of {inner.printed} for {one} means no event at all. Every event of {other} is one of {one},"
        f" so the rate for {other} would be 100%, too; {outer.printed} is printed."
    )


def _part_of_whole(part: Claim, whole: Claim, ledger: Ledger) -> str | None:
    """Find a group that pulls the larger group it belongs to below the printed rate."""
    if part.kind != "survival" or whole.kind != "survival" or part.at_risk or whole.at_risk:
        return None
    same = (part.endpoint, part.month) == (whole.endpoint, whole.month)
    n, everyone = _size(part.where, ledger), _size(whole.where, ledger)
    if not same or not n or not everyone or not set(whole.where.tests) < set(part.where.tests):
        return None
    if n > MOST_LISTED or not (found := list(histories(n, part.printed))):
        return None
    others = everyone - n
    best = max(found, key=lambda history: best_pooled(history, others))
    bound, low = best_pooled(best, others), whole.numbers[0].interval().low
    if 100 * bound >= Fraction(str(low)):
        return None
    factors = " × ".join(str(Fraction(m + others - 1, m + others)) for m in best.at_risk)
    return (
        f"{part.printed} of {n} patients can come about in {len(found)} ways. Kindest to all {everyone} is"
        f" that with events at {' and '.join(map(str, best.at_risk))} at risk, if none of the {others} others"
        f" leaves or has an event: that is {factors} = {100 * float(bound):.1f}% at best, but"
        f" {whole.printed} is printed."
    )


def _size(where: Condition, ledger: Ledger) -> int | None:
    """Give the printed number of patients of a group."""
    if not where.tests:
        return ledger.study.patients
    for claim in ledger.claims:
        if claim.at_risk or claim.kind not in ("count", "count_percent"):
            continue
        part = {number.part: int(number.value) for number in claim.numbers}
        if claim.of & claim.where == where and "count" in part:
            return part["count"]
        if claim.of == where and "denominator" in part:
            return part["denominator"]
    return None
