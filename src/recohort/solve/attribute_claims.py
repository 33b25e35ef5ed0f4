"""What a ledger claims of groups of patients, as constraints on an attribute model.

Each claim has a switch: while it is on, every number of the claim holds as read. Claims on survival
and on patients at risk at a landmark are left to the survival search.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from ortools.sat.python import cp_model

from recohort import estimators
from recohort.conditions import Condition, Levels
from recohort.ledger import Claim, Ledger
from recohort.ledger_checks import allowed_levels
from recohort.printed import Interval
from recohort.solve.attribute_model import AttributeModel
from recohort.solve.order_statistics import Column, exact
from recohort.solve.problem import UnsupportedClaim

__all__ = ["add_claims", "concerns_attributes", "windows"]

COUNTS = ("count", "percent", "count_percent")
SPREADS = ("median", "range", "median_range")
MOST_TABLES = 200_000
"""More tables of counts than this are not listed for one P value."""


def concerns_attributes(claim: Claim) -> bool:
    """Return whether a claim depends on attributes alone, not on times."""
    return claim.at_risk is None and (claim.kind in COUNTS + SPREADS or claim.outcome is not None)


def windows(claim: Claim, ledger: Ledger) -> dict[str, Interval]:
    """For each number of a claim, by its role, the interval in which it must lie as read."""
    rounding = str(ledger.convention("rounding"))
    if claim.read_as and claim.read_as.rounding:
        rounding = claim.read_as.rounding
    return {number.part: number.interval(rounding) for number in claim.numbers_as_read}


def add_claims(m: AttributeModel) -> dict[str, cp_model.IntVar]:
    """Add every claim on attributes to a model.

    Returns
    -------
    dict
        Claim id -> switch. A claim holds while its switch is on.
    """
    claims = [claim for claim in m.ledger.claims if concerns_attributes(claim)]
    switches = {claim.id: m.model.new_bool_var(claim.id) for claim in claims}
    pins = _pins(claims)
    for claim in claims:
        if claim.kind in COUNTS:
            _add_counts(m, claim, switches[claim.id])
        elif claim.kind in SPREADS:
            _add_spread(m, claim, switches[claim.id])
        else:
            _add_count_test(m, claim, switches, pins)
    return switches


# --- counts and percentages ---------------------------------------------------------------------


def _add_counts(m: AttributeModel, claim: Claim, on: cp_model.IntVar) -> None:
    """Let counts be as printed and a percentage lie in its interval, compared in whole numbers."""
    part, whole = m.size(claim.of & claim.where), m.size(claim.of)
    for role, window in windows(claim, m.ledger).items():
        if role == "percent":
            _add_percentage(m, part, whole, window, on)
        else:
            m.model.add((part if role == "count" else whole) == round(window.low)).only_enforce_if(on)


def _add_percentage(
    m: AttributeModel, part: cp_model.IntVar, whole: cp_model.IntVar, window: Interval, on: cp_model.IntVar
) -> None:
    m.model.add(whole >= 1).only_enforce_if(on)
    low, high = exact(window.low) / 100, exact(window.high) / 100
    above = low.denominator * part - low.numerator * whole
    below = high.numerator * whole - high.denominator * part
    m.model.add(above >= (0 if window.low_closed else 1)).only_enforce_if(on)
    m.model.add(below >= (0 if window.high_closed else 1)).only_enforce_if(on)


# --- medians and ranges --------------------------------------------------------------------------


def _add_spread(m: AttributeModel, claim: Claim, on: cp_model.IntVar) -> None:
    """Let the numbers of those who have one show the printed median and range."""
    name = claim.attribute
    assert name is not None
    inside = [m.all_of([m.present[name][p], m.holds(claim.where, p)]) for p in m.patients]
    column = Column(m.model, m.number[name], inside, m.bounds[name], m.scale(name))
    for role, window in windows(claim, m.ledger).items():
        column.add(role, window, on)


# --- P values of counts --------------------------------------------------------------------------


Table = tuple[int, ...]
"""Counts of the groups of a test, each as members with the outcome and members in all."""


@dataclass(frozen=True)
class _Pin:
    """A count that a claim prints, so that a test need not try every other."""

    value: int
    claim: str


def _key(condition: Condition) -> frozenset[tuple[str, object]]:
    """Return the same for conditions that differ in the order of tests or levels only."""
    return frozenset(
        (name, frozenset(test.levels) if isinstance(test, Levels) else test) for name, test in condition.tests
    )


def _pins(claims: list[Claim]) -> dict[frozenset[tuple[str, object]], _Pin]:
    pins: dict[frozenset[tuple[str, object]], _Pin] = {}
    for claim in claims:
        if claim.kind in COUNTS:
            for number in claim.numbers_as_read:
                if number.part != "percent":
                    whose = claim.of & claim.where if number.part == "count" else claim.of
                    pins.setdefault(_key(whose), _Pin(int(number.value), claim.id))
    return pins


def _add_count_test(
    m: AttributeModel,
    claim: Claim,
    switches: Mapping[str, cp_model.IntVar],
    pins: Mapping[frozenset[tuple[str, object]], _Pin],
) -> None:
    """Allow the tables of counts whose P value lies in the printed interval.

    Counts that other claims print are taken as given, and the list of tables then holds only while
    those claims do.
    """
    assert claim.outcome is not None
    whole = [claim.where & group for group in claim.groups or ()]
    counted = [condition for group in whole for condition in (group & claim.outcome, group)]
    known = [pins.get(_key(condition)) for condition in counted]
    everyone = len(m.patients)
    ranges = [range(everyone + 1) if pin is None else range(pin.value, pin.value + 1) for pin in known]
    disjoint = all(allowed_levels(m.ledger, a & b) is None for a, b in itertools.combinations(whole, 2))
    (window,) = windows(claim, m.ledger).values()
    tables = []
    for number, table in enumerate(_tables(ranges, everyone if disjoint else None)):
        if number >= MOST_TABLES:
            raise UnsupportedClaim(
                f"claim {claim.id}: too many tables of counts are possible; claim the size of its groups too"
            )
        if _p_value(m.ledger, claim, table) in window:
            tables.append(table)
    on = [switches[claim.id], *(switches[name] for name in dict.fromkeys(pin.claim for pin in known if pin))]
    if not tables:
        m.model.add_bool_or([~switch for switch in on])
        return
    copies = [m.model.new_int_var(0, everyone, "") for _ in counted]
    m.model.add_allowed_assignments(copies, tables)
    for condition, copy in zip(counted, copies, strict=True):
        m.model.add(m.size(condition) == copy).only_enforce_if(on)


def _tables(ranges: list[range], most: int | None) -> Iterator[Table]:
    """Every table with counts in these ranges, groups not empty and, if disjoint, `most` members in all."""
    if not ranges:
        yield ()
        return
    for size in ranges[1]:
        if size == 0 or (most is not None and size > most):
            continue
        left = None if most is None else most - size
        for outcome in ranges[0]:
            if outcome <= size:
                for rest in _tables(ranges[2:], left):
                    yield (outcome, size, *rest)


def _p_value(ledger: Ledger, claim: Claim, table: Table) -> float:
    """P value of a table, by the ledger's test of counts."""
    counts = [(outcome, size - outcome) for outcome, size in zip(table[::2], table[1::2], strict=True)]
    if ledger.convention("count_test") != "fisher":
        return estimators.chi_squared(counts)
    if len(counts) != 2:
        raise UnsupportedClaim(f"claim {claim.id}: Fisher's test is for two groups; use chi-squared for more")
    (a, b), (c, d) = counts
    return _fisher(a + b, c + d, a + c)[a]


@cache
def _fisher(first: int, second: int, outcomes: int) -> Mapping[int, float]:
    """Return the two-sided exact P for each possible count in the first group, all margins fixed.

    The same as :func:`recohort.estimators.fisher_exact`, for many tables at once.
    """
    possible = range(max(0, outcomes - second), min(first, outcomes) + 1)
    ways = {a: math.comb(first, a) * math.comb(second, outcomes - a) for a in possible}
    total = math.comb(first + second, outcomes)
    return {a: sum(w for w in ways.values() if w <= ways[a]) / total for a in possible}
