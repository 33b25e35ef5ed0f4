"""Proofs of small conflicts in plain words, written from the numbers and checked in exact fractions.

A proof is written only if its steps hold when computed; otherwise there is none, and the solver's word
stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, islice, permutations
from typing import TYPE_CHECKING

from recohort.conditions import Levels
from recohort.histories import History, best_pooled, histories, prints_as
from recohort.wording import counted

if TYPE_CHECKING:
    from recohort.conditions import Condition
    from recohort.ledger import Claim, Ledger

__all__ = ["FEW", "Remaining", "in_one_line", "proof", "remaining"]

HALF = 50.0
MANY = 200
"""So many patients can print 100% with an event."""
MOST_LISTED = 16
"""A proof goes through the histories of a rate for groups up to this size."""
MOST_COUNTED = 2000
"""A rate that leaves more histories says too little to be listed."""
FEW = 6
"""So many histories are easily read."""
MOST_SHOWN = 40
"""More histories than this are counted only."""
NEAR = 3
"""How far from a printed count one is looked for that gives the printed percentage."""


@dataclass(frozen=True)
class Remaining:
    """What a printed rate leaves of the histories of its patients.

    Attributes
    ----------
    claim : str
        Its id.
    patients : int
    number : int
        Of histories.
    at_risk : tuple of tuple of int
        Patients at risk at each event, history by history; none if there are more than `MOST_SHOWN`.
    """

    claim: str
    patients: int
    number: int
    at_risk: tuple[tuple[int, ...], ...]


def remaining(claims: Iterable[tuple[Claim, int | None]]) -> tuple[Remaining, ...]:
    """List the histories that rates leave, each by itself, unless there are more than `MOST_COUNTED`."""
    rows = []
    for claim, n in claims:
        if claim.kind != "survival" or not n:
            continue
        found = [history.at_risk for history in islice(histories(n, claim.printed), MOST_COUNTED + 1)]
        if len(found) <= MOST_COUNTED:
            rows.append(Remaining(claim.id, n, len(found), tuple(found) if len(found) <= MOST_SHOWN else ()))
    return tuple(rows)


def in_one_line(at_risk: Iterable[Iterable[int]]) -> str:
    """Write the patients at risk at each event, history by history: ``13, 12; 13, 9``."""
    return "; ".join(", ".join(map(str, history)) or "no event" for history in at_risk)


def proof(claims: Sequence[Claim], ledger: Ledger, sizes: Sequence[int | None] = ()) -> str | None:
    """Say in a few sentences why claims contradict each other, if one of the known reasons applies.

    Parameters
    ----------
    claims : sequence of Claim
    ledger : Ledger
        As printed.
    sizes : sequence of int or None, optional
        Number of patients of each claim, where it is known.
    """
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
    known = {c.id: n for c, n in zip(claims, sizes, strict=False) if n}
    if len(claims) == 3:
        tried = (
            _one_outside(a, b, c, known) or _none_among_others(a, b, c, ledger, known)
            for a, b, c in permutations(claims)
        )
        return next(filter(None, tried), None)
    return _too_many_events(claims, ledger, known) if len(claims) == 4 else None


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
    others = [n for n in range(max(count - NEAR, 0), min(count + NEAR, whole) + 1) if n != count]
    would = [n for n in others if prints_as(Fraction(n, whole), percent.interval())]
    instead = f"; so would {' or '.join(map(str, would))} of {whole}" if would else ""
    return (
        f"{count} of {whole} is {100 * float(share):.2f}%, which does not round to {percent.value:g} "
        f"({cut}). {100 * float(share):.{percent.decimals}f} would agree with it{instead}."
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
    one, other = (ledger.endpoint_label(str(c.endpoint)) for c in (inner, outer))
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
        f"{part.printed} of {n} patients can come about in {counted(len(found), 'way')}. Kindest to all"
        f" {everyone} is that with events at {' and '.join(map(str, best.at_risk))} at risk, if none of the"
        f" {others} others leaves or has an event: that is {factors} = {100 * float(bound):.1f}% at best, but"
        f" {whole.printed} is printed."
    )


def _one_outside(whole: Claim, part: Claim, later: Claim, sizes: Mapping[str, int]) -> str | None:
    """Find a group below one half, all of it but one never so low, and one event too many afterwards."""
    if (whole.kind, part.kind, later.kind) != ("survival", "median_survival", "median_survival"):
        return None
    n, inside, after = sizes.get(whole.id), sizes.get(part.id), later.numbers[0]
    nested = set(whole.where.tests) <= set(part.where.tests) & set(later.where.tests)
    alike = whole.endpoint == part.endpoint == later.endpoint and not whole.at_risk and not part.at_risk
    if not alike or not nested or n is None or inside != n - 1 or n > MOST_LISTED:
        return None
    if math.isfinite(part.numbers[0].value) or whole.numbers[0].interval().high > HALF:
        return None
    if not math.isfinite(after.value) or not isinstance(whole.month, int | float):
        return None
    if after.interval().low <= whole.month or not (found := list(histories(n, whole.printed))):
        return None
    left = [(_without_one(h, k), h.remaining) for h in found for k in range(len(h.at_risk))]
    before, most = max(survival for survival, _ in left), max(r for _, r in left)
    best = max(survival * Fraction(r - 1, r) for survival, r in left if r)
    if best > Fraction(1, 2):
        return None
    return (
        f"{whole.printed} of {n} is below one half. The {inside} of them whose median is {part.printed} never"
        f" are, so the one other had an event by {whole.month:g}. Without that event, the {len(found)}"
        f" histories of {whole.printed} leave those {inside} at {100 * float(before):.1f}% at best, and at"
        f" most {most} at risk. But a median of {later.printed} needs one more event, now among them, and"
        f" that brings them to {100 * float(best):.1f}% at best."
    )


def _without_one(history: History, event: int) -> Fraction:
    """Survival of everybody but the patient who has one of the events, at risk until then."""
    ladder = [m - (k < event) for k, m in enumerate(history.at_risk) if k != event]
    return math.prod((Fraction(m - 1, m) for m in ladder), start=Fraction(1))


def _none_among_others(
    none: Claim, group: Claim, mixed: Claim, ledger: Ledger, sizes: Mapping[str, int]
) -> str | None:
    """Find events that must fall on a group, since nobody else had one, too early for its printed rate."""
    rates = (none, group, mixed)
    if any(c.kind != "survival" or c.at_risk for c in rates) or len({c.month for c in rates}) > 1:
        return None
    if group.endpoint != mixed.endpoint or ledger.endpoints[str(none.endpoint)].not_after != group.endpoint:
        return None
    if none.numbers[0].value < 100 or ledger.study.patients >= MANY or not _split(rates[:2], mixed, ledger):
        return None
    free, n, whole = (sizes.get(claim.id, 0) for claim in rates)
    spared = _size(none.where & mixed.where, ledger)
    if not free or not n or not whole or spared is None or n > MOST_LISTED:
        return None
    known, found = list(histories(whole, mixed.printed)), list(histories(n, group.printed))
    if len(known) != 1 or not known[0].at_risk:
        return None
    early, others = [max(m - spared, 1) for m in known[0].at_risk], n - (whole - spared)
    if others < 0 or any(_can_hold(history.at_risk, early, others) for history in found):
        return None
    at, least = (" and ".join(map(str, numbers)) for numbers in (known[0].at_risk, early))
    an_event, that = ("an event", "that event") if len(early) == 1 else ("events", "each of them")
    label = ledger.endpoint_label(str(none.endpoint))
    most = len(early) + others
    few = [", ".join(map(str, h.at_risk)) for h in found if len(h.at_risk) <= most]
    allowed, ways = counted(most, "event"), counted(len(found), "way")
    end = (
        f"Of the {ways} to {group.printed} of {n}, {len(few)} take at most {allowed} (with"
        f" {'; '.join(few)} at risk); in none were enough at risk at {that}."
        if few
        else f"Every way to {group.printed} of {n} takes more than {allowed}."
    )
    return (
        f"{none.printed} of {free} for {label} means that none of these had an event. {mixed.printed} of"
        f" {whole} has one history: {an_event} with {at} at risk. At most {spared} of those at risk were"
        f" among the {free}, so at least {least} of the {n} others were, and {that} was theirs. Besides, only"
        f" {others} of the {n}, not among the {whole}, can have had one, and were at risk until then. {end}"
    )


def _can_hold(ladder: Sequence[int], early: Sequence[int], others: int) -> bool:
    """Whether events are some with at least so many at risk, and a few of others who are at risk until then.

    Parameters
    ----------
    ladder : sequence of int
        Patients at risk at each event.
    early : sequence of int
        Patients at risk at some of them, at least, those others aside.
    others : int
    """
    if not len(early) <= len(ladder) <= len(early) + others:
        return False
    last = len(ladder) - 1
    return any(
        all(
            ladder[place] >= least + (last - place) - (len(early) - 1 - k)
            for k, (place, least) in enumerate(zip(places, early, strict=True))
        )
        for places in combinations(range(len(ladder)), len(early))
    )


def _too_many_events(claims: Sequence[Claim], ledger: Ledger, sizes: Mapping[str, int]) -> str | None:
    """Find groups that need more events than a larger group, and who is not in it, can have."""
    rates = [claim for claim in claims if claim.kind == "survival" and sizes.get(claim.id, 0)]
    if len(rates) < 3 or len({(c.endpoint, c.month) for c in rates}) > 1:
        return None
    for roof in rates:
        groups = [claim for claim in rates if claim is not roof]
        if any(c.at_risk for c in groups) or not _split(groups, roof, ledger):
            continue
        everyone = sum(sizes[c.id] for c in groups)
        outside = everyone - sizes[roof.id]
        room = max((len(h.at_risk) for h in histories(sizes[roof.id], roof.printed)), default=0)
        least = [min((len(h.at_risk) for h in histories(sizes[c.id], c.printed)), default=0) for c in groups]
        if sum(least) > room + outside:
            needs = " and ".join(
                f"{c.printed} of {sizes[c.id]} takes at least {k}" for c, k in zip(groups, least, strict=True)
            )
            return (
                f"{needs}: {sum(least)} events in all. {roof.printed} of {sizes[roof.id]} leaves room for"
                f" {room}, and only {outside} of the {everyone} are not among these {sizes[roof.id]}:"
                f" {room + outside} at most."
            )
    return None


def _split(groups: Sequence[Claim], roof: Claim, ledger: Ledger) -> bool:
    """Whether groups, by the levels of one attribute, share out patients among whom are those of another."""
    common = set.intersection(*(set(claim.where.tests) for claim in groups))
    own = [item for claim in groups for item in set(claim.where.tests) - common]
    if len({name for name, _ in own}) != 1 or len(own) != len(groups) or not common <= set(roof.where.tests):
        return False
    attribute = ledger.attributes[own[0][0]]
    levels = sorted(str(level) for _, test in own if isinstance(test, Levels) for level in test.levels)
    everybody_has_one = not attribute.may_be_empty and not attribute.where
    return everybody_has_one and levels == sorted(map(str, attribute.levels or ()))


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
