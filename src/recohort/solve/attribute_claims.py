"""What a ledger claims of groups of patients, as constraints on an attribute model.

Every number of a claim holds as read. Claims on survival and on patients at risk at a landmark are left
to the survival search.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
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

__all__ = [
    "COUNTS",
    "SPREADS",
    "Shortcuts",
    "add_claims",
    "column_of",
    "concerns_attributes",
    "groups_of_unknown_size",
    "possible_tables",
    "printed_counts",
    "windows",
]

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


@dataclass(frozen=True)
class Shortcuts:
    """Restrictions beyond the claims that make a model easier; a contradiction under them proves nothing.

    Attributes
    ----------
    sizes : dict
        Where to keep the sizes of tested groups that no claim prints.
    plain_medians : bool
        Both middle values of an even number lie in the printed median's interval, not only their mean.
    """

    sizes: Mapping[Condition, range] = field(default_factory=dict)
    plain_medians: bool = False


def add_claims(m: AttributeModel, shortcuts: Shortcuts | None = None) -> None:
    """Add every claim on attributes to a model."""
    shortcuts = shortcuts or Shortcuts()
    claims = [claim for claim in m.ledger.claims if concerns_attributes(claim)]
    printed = printed_counts(claims)
    for claim in claims:
        if claim.kind in COUNTS:
            _add_counts(m, claim)
        elif claim.kind in SPREADS:
            _add_spread(m, claim, plain_medians=shortcuts.plain_medians)
        else:
            _add_count_test(m, claim, printed, shortcuts.sizes)


# --- counts and percentages ---------------------------------------------------------------------


def _add_counts(m: AttributeModel, claim: Claim) -> None:
    """Let counts be as printed and a percentage lie in its interval, compared in whole numbers."""
    part, whole = m.size(claim.of & claim.where), m.size(claim.of)
    for role, window in windows(claim, m.ledger).items():
        if role == "percent":
            _add_percentage(m, part, whole, window)
        else:
            m.model.add((part if role == "count" else whole) == round(window.low))


def _add_percentage(
    m: AttributeModel, part: cp_model.IntVar, whole: cp_model.IntVar, window: Interval
) -> None:
    low, high = exact(window.low) / 100, exact(window.high) / 100
    above = low.denominator * part - low.numerator * whole
    below = high.numerator * whole - high.denominator * part
    m.model.add(whole >= 1)
    m.model.add(above >= (0 if window.low_closed else 1))
    m.model.add(below >= (0 if window.high_closed else 1))


# --- medians and ranges --------------------------------------------------------------------------


def _add_spread(m: AttributeModel, claim: Claim, *, plain_medians: bool) -> None:
    """Let the numbers of those who have one show the printed median and range."""
    column = column_of(m, claim, plain_medians=plain_medians)
    for role, window in windows(claim, m.ledger).items():
        column.add(role, window)


def column_of(m: AttributeModel, claim: Claim, *, plain_medians: bool = False) -> Column:
    """Return the numbers that a claim on a median or a range is about."""
    name = claim.attribute
    assert name is not None
    inside = [m.all_of([m.present[name][p], m.holds(claim.where, p)]) for p in m.patients]
    return Column(m.model, m.number[name], inside, m.bounds[name], m.scale(name), plain_medians)


# --- P values of counts --------------------------------------------------------------------------


Key = frozenset[tuple[str, object]]
Table = tuple[int, ...]
"""Counts of the groups of a test, each as members with the outcome and members in all."""


def _key(condition: Condition) -> Key:
    """Return the same for conditions that differ in the order of tests or levels only."""
    return frozenset(
        (name, frozenset(test.levels) if isinstance(test, Levels) else test) for name, test in condition.tests
    )


def printed_counts(claims: Iterable[Claim]) -> dict[Key, int]:
    """Return how many patients meet each condition for which a claim on attributes prints it."""
    printed: dict[Key, int] = {}
    for claim in claims:
        if claim.kind in COUNTS:
            for number in claim.numbers_as_read:
                if number.part != "percent":
                    whose = claim.of & claim.where if number.part == "count" else claim.of
                    printed.setdefault(_key(whose), int(number.value))
    return printed


def groups_of_unknown_size(ledger: Ledger) -> dict[str, list[Condition]]:
    """Return for each test of counts the groups whose size no claim prints, if there are such."""
    claims = [claim for claim in ledger.claims if concerns_attributes(claim)]
    printed = printed_counts(claims)
    groups = {c.id: [c.where & group for group in c.groups or ()] for c in claims if c.outcome is not None}
    unknown = {name: [group for group in all_ if _key(group) not in printed] for name, all_ in groups.items()}
    return {name: some for name, some in unknown.items() if some}


def _add_count_test(
    m: AttributeModel, claim: Claim, printed: Mapping[Key, int], sizes: Mapping[Condition, range]
) -> None:
    """Allow the tables of counts whose P value lies in the printed interval."""
    (window,) = windows(claim, m.ledger).values()
    counts, tables = possible_tables(m, claim, printed, sizes)
    m.model.add_allowed_assignments(counts, [table for table, p in tables if p in window])


def possible_tables(
    m: AttributeModel,
    claim: Claim,
    printed: Mapping[Key, int],
    sizes: Mapping[Condition, range] | None = None,
) -> tuple[list[cp_model.IntVar], Iterator[tuple[Table, float]]]:
    """Give the counts that a test compares, and each table they can make with its P value.

    Parameters
    ----------
    m : AttributeModel
    claim : Claim
        On a P value of counts.
    printed : mapping
        As :func:`printed_counts` gives it, of claims that hold.
    sizes : mapping, optional
        Where to keep the sizes of groups that no claim prints.

    Raises
    ------
    UnsupportedClaim
        Once there are more than `MOST_TABLES`.
    """
    assert claim.outcome is not None
    groups = [claim.where & group for group in claim.groups or ()]
    counted = [condition for group in groups for condition in (group & claim.outcome, group)]
    everyone = len(m.patients)
    ranges = []
    for condition in counted:
        known = printed.get(_key(condition))
        some = (sizes or {}).get(condition, range(everyone + 1))
        ranges.append(some if known is None else range(known, known + 1))
    disjoint = all(allowed_levels(m.ledger, a & b) is None for a, b in itertools.combinations(groups, 2))

    def tables() -> Iterator[tuple[Table, float]]:
        for number, table in enumerate(_tables(ranges, everyone if disjoint else None)):
            if number >= MOST_TABLES:
                raise UnsupportedClaim(
                    f"claim {claim.id}: too many tables of counts are possible; "
                    "claim the size of its groups too"
                )
            yield table, _p_value(m.ledger, claim, table)

    return [m.size(condition) for condition in counted], tables()


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
        return _chi_squared(tuple(counts))
    if len(counts) != 2:
        raise UnsupportedClaim(f"claim {claim.id}: Fisher's test is for two groups; use chi-squared for more")
    (a, b), (c, d) = counts
    return _fisher(a + b, c + d, a + c)[a]


@cache
def _chi_squared(counts: tuple[tuple[int, int], ...]) -> float:
    """Remember :func:`recohort.estimators.chi_squared`: the same tables are asked for many times."""
    return estimators.chi_squared(counts)


@cache
def _fisher(first: int, second: int, outcomes: int) -> Mapping[int, float]:
    """Return the two-sided exact P for each possible count in the first group, all margins fixed.

    The same as :func:`recohort.estimators.fisher_exact`, for many tables at once.
    """
    possible = range(max(0, outcomes - second), min(first, outcomes) + 1)
    ways = {a: math.comb(first, a) * math.comb(second, outcomes - a) for a in possible}
    total = math.comb(first + second, outcomes)
    return {a: sum(w for w in ways.values() if w <= ways[a]) / total for a in possible}
