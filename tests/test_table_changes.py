"""How far numbers of the tables must move. Oracle: the checker, on every cohort of a small study."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import pandas as pd
import pytest

from recohort.check import compute
from recohort.exhibits.conflicts import reprinted, to_lines
from recohort.ledger import Claim, Ledger
from recohort.printed import Number
from recohort.solve.audit import audit
from recohort.solve.statements import Change, Finding
from recohort.solve.table_changes import smallest_table_change, with_changes
from recohort.solve.table_conflicts import audit_tables

ARM, SEX = {"levels": ["a", "b", "c"]}, {"levels": ["f", "m"]}


def _ledger(
    claims: list[dict[str, Any]], patients: int, attributes: Mapping[str, Any], **more: Any
) -> Ledger:
    return Ledger.model_validate(
        {
            "study": {"title": "made up", "patients": patients,
                      "time": {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 9.9}},
            "attributes": attributes,
            "endpoints": {},
            "claims": [{"id": f"c{i}", "at": "nowhere"} | claim for i, claim in enumerate(claims)],
        } | more
    )  # fmt: skip


def _tables(ledger: Ledger) -> Finding:
    return with_changes(audit_tables(ledger), ledger)


# --- by hand -----------------------------------------------------------------------------------------


def test_a_percentage_or_the_count_that_it_needs() -> None:
    """3 of 32 are 9.4%, 2 of 32 are 6.3%: with one patient more, which the sum needs, the 9% stays."""
    rows = [("22/32 (69)", "a"), ("7/32 (22)", "b"), ("2/32 (9)", "c")]
    book = _ledger([{"count_percent": text, "where": {"arm": arm}} for text, arm in rows], 32, {"arm": ARM})
    found = _tables(book)
    assert found.repairs == ((2,),)
    assert found.repair_changes == (Change((2,), ((1, 0, 0),), ((3.0, 32.0, 9.38),), proven=True),)
    assert reprinted(book.claims[2], (3.0, 32.0, 9.38)) == "3/32 (9)"


def test_the_size_of_a_group_counts() -> None:
    """8 of 25 are 32%. The tables leave 8 of 26 women, 30.8%: one patient more, and 31% stays."""
    claims = [
        {"count": "26", "where": {"sex": "f"}},
        {"count": "8", "where": {"sex": "f", "arm": "a"}},
        {"count_percent": "8/25 (31)", "of": {"sex": "f"}, "where": {"arm": "a"}},
    ]
    found = _tables(_ledger(claims, 30, {"arm": ARM, "sex": SEX}))
    assert found.repairs == ((2,),)
    assert found.repair_changes == (Change((2,), ((0, 1, 0),), ((8.0, 26.0, 30.77),), proven=True),)


def test_which_repair_changes_least() -> None:
    """5 and 7 are no 15: three more of one or of the other, or 12, whose 60% of 20 is 15 below the 75%."""
    claims = [
        {"count": "5", "where": {"arm": "a"}},
        {"count": "7", "where": {"arm": "b"}},
        {"count_percent": "15 (75)", "where": {"arm": ["a", "b"]}},
    ]
    book = _ledger(claims, 20, {"arm": ARM})
    found = audit(book)
    (tables,) = found.findings
    assert [change.units for change in tables.repair_changes if change] == [((3,),), ((3,),), ((3, 15),)]
    assert (tables.least, tables.least_proven) == ((0, 1), True)
    lines = [line.strip() for line in to_lines(found)]
    assert "nearest: c2 at 12 (60) (no smaller change will do: proven)" in lines
    assert "least change (proven): c0 or c1" in lines


def test_nothing_to_move_to() -> None:
    """No percentage of nobody can be shown."""
    claims = [
        {"count": "0", "where": {"arm": "a"}},
        {"percent": "50%", "of": {"arm": "a"}, "where": {"sex": "f"}},
    ]
    found = _tables(_ledger(claims, 4, {"arm": ARM, "sex": SEX}))
    by_repair = dict(zip(found.repairs, found.repair_changes, strict=True))
    assert by_repair[(1,)] is None
    assert by_repair[(0,)] is not None
    assert by_repair[(0,)].units == ((2,),)  # type: ignore[union-attr]
    assert not found.least_proven


def test_out_of_time_is_no_proof() -> None:
    claims = [{"count": "5", "where": {"arm": "a"}}, {"count": "7", "where": {"arm": "a"}}]
    book = _ledger(claims, 20, {"arm": ARM})
    found = audit_tables(book)
    assert smallest_table_change(found, book, [0], [1], seconds=0.0) is None


# --- by trying all -----------------------------------------------------------------------------------


def _units(number: Number, value: float, rounding: str) -> int | None:
    """Widen what is printed unit by unit until it holds a value."""
    if math.isnan(value):
        return None
    window = number.interval(rounding)
    for units in itertools.count():
        by = units / 10**number.decimals
        if value in dataclasses.replace(window, low=window.low - by, high=window.high + by):
            return units
    raise AssertionError


def _moves(claim: Claim, shown: tuple[float, ...], ledger: Ledger) -> Any:
    """Return the move of each number of a claim, None if one is not defined."""
    rounding = str(ledger.convention("rounding"))
    moved = [_units(number, value, rounding) for number, value in zip(claim.numbers, shown, strict=True)]
    return None if None in moved else tuple(moved)


@cache
def _cohorts(patients: int, *columns: tuple[str, tuple[Any, ...]]) -> tuple[pd.DataFrame, ...]:
    """Every cohort, the order of patients aside."""
    names = [name for name, _ in columns]
    kinds = list(itertools.product(*(levels for _, levels in columns)))
    chosen = itertools.combinations_with_replacement(kinds, patients)
    return tuple(pd.DataFrame(list(rows), columns=names) for rows in chosen)


def _size(moved: Iterable[tuple[int, ...]]) -> tuple[int, int]:
    sums = [sum(units) for units in moved]
    return max(sums), sum(sums)


def _hold_against_all(ledger: Ledger, cohorts: tuple[pd.DataFrame, ...]) -> None:
    """Compare every change with what the cohorts show that meet everything else."""
    found = _tables(ledger)
    claims = [statement.claims[0] for statement in found.statements]
    shown = [[compute(claim, table, ledger) for claim in claims] for table in cohorts]
    moves = [[_moves(c, values, ledger) for c, values in zip(claims, row, strict=True)] for row in shown]
    everything = range(len(claims))
    asked: list[Any] = [(everything, *pair) for pair in zip(found.repairs, found.repair_changes, strict=True)]
    for conflict, changes in zip(found.conflicts, found.changes, strict=True):
        asked += [(conflict, change.statements, change) for change in changes]
    for group, amended, change in asked if found.fewest else ():
        others = set(group) - set(amended)
        meet = [
            (tuple(row[k] for k in amended), tuple(_rounded(claims[k], seen[k]) for k in amended))
            for row, seen in zip(moves, shown, strict=True)
            if not any(row[k] is None or any(row[k]) for k in others)
            and not any(row[k] is None for k in amended)
        ]
        if change is None:
            assert not meet
        else:
            assert change.proven
            assert _size(change.units) == min(_size(moved) for moved, _ in meet)
            assert (change.units, change.values) in meet  # noqa: PD011 - no data frame


def _rounded(claim: Claim, values: tuple[float, ...]) -> tuple[float, ...]:
    pairs = zip(claim.numbers, values, strict=True)
    return tuple(round(value, number.decimals + 2) for number, value in pairs)


def _off(rng: random.Random, number: float, unit: float = 1) -> float:
    """Misprint a number, one time in three."""
    return max(number + unit * rng.randint(-3, 3), 0) if rng.random() < 1 / 3 else number


@pytest.mark.parametrize("seed", range(10))
def test_counts_percentages_and_tests_as_by_trying_all(seed: int) -> None:
    rng = random.Random(seed)
    cohorts = _cohorts(6, ("arm", ("a", "b", "c")), ("sex", ("f", "m")))
    arm, sex = (rng.choice(cohorts)[name] for name in ("arm", "sex"))

    def row(arms: str, women: bool = False) -> str:
        of = int((sex == "f").sum()) if women else len(sex)
        count = int((arm.isin([*arms]) & ((sex == "f") | (not women))).sum())
        percent = min(_off(rng, round(100 * count / max(of, 1))), 100)
        whole = max(_off(rng, of), 1)
        return (
            f"{min(_off(rng, count), whole):.0f}" + (f"/{whole:.0f}" if women else "") + f" ({percent:.0f})"
        )

    p = rng.choice([">0.99", "<0.5", f"{rng.random():.2f}"])
    claims = [
        {"count_percent": row("a"), "where": {"arm": "a"}},
        {"count_percent": row("ab"), "where": {"arm": ["a", "b"]}},
        {"count_percent": row("a", women=True), "of": {"sex": "f"}, "where": {"arm": "a"}},
        {"count_percent": row("bc", women=True), "of": {"sex": "f"}, "where": {"arm": ["b", "c"]}},
        {"count": f"{_off(rng, (sex == 'f').sum()):.0f}", "where": {"sex": "f"}},
        {"p_value": p, "outcome": {"sex": "f"},
         "groups": [{"arm": "a"}, {"arm": ["b", "c"]}]},
    ]  # fmt: skip
    conventions = {"rounding": {"value": rng.choice(["half-up", "truncated"])}}
    _hold_against_all(_ledger(claims, 6, {"arm": ARM, "sex": SEX}, conventions=conventions), cohorts)


@pytest.mark.parametrize("seed", range(8))
def test_medians_and_ranges_as_by_trying_all(seed: int) -> None:
    rng = random.Random(seed)
    cohorts = _cohorts(4, ("arm", ("a", "b")), ("age", (1, 2, 3, 4)))
    true = rng.choice([table for table in cohorts if set(table["arm"]) == {"a", "b"}])

    def spread(ages: pd.Series, decimals: int) -> str:
        low, high = sorted(_off(rng, end) for end in (ages.min(), ages.max()))
        median = min(max(_off(rng, ages.median(), 0.5), low), high)
        return f"{median:.{decimals}f} [{low:.0f}-{high:.0f}]"

    of_a = true.loc[true["arm"] == "a", "age"]
    claims = [
        {"median_range": spread(true["age"], 1), "attribute": "age"},
        {"median_range": spread(of_a, 0), "attribute": "age", "where": {"arm": "a"}},
        {"median": f"{_off(rng, true['age'].median(), 0.5):.1f}", "attribute": "age", "where": {"arm": "b"}},
        {"count": f"{_off(rng, len(of_a)):.0f}", "where": {"arm": "a"}},
        {"count_percent": f"{_off(rng, (true['age'] > 2).sum()):.0f} (50)", "where": {"age": ">2"}},
    ]
    ages = {"number": {"min": 1, "max": 4, "decimals": 0}}
    _hold_against_all(_ledger(claims, 4, {"arm": {"levels": ["a", "b"]}, "age": ages}), cohorts)
