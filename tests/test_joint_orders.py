"""Orders of several curves. Oracle: every permutation of small cohorts, tried one by one."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recohort.estimators import kaplan_meier, rank_test
from recohort.histories import histories
from recohort.joint_orders import Kind, Order, cross_tables, merged_orders, survival_data

A, B = ("all", "a"), ("all", "b")


def _ladders(**rates: tuple[int, str]) -> dict[str, set[tuple[int, ...]]]:
    return {name: {h.at_risk for h in histories(n, printed)} for name, (n, printed) in rates.items()}


def _by_trying(sizes: dict[Kind, int], rates: dict[str, tuple[int, str]]) -> set[tuple[object, ...]]:
    """Every sequence in which patients leave, every choice of events; kept if the estimates print so."""
    ladders = _ladders(**rates)
    people = [kind for kind, size in sizes.items() for _ in range(size)]
    found: set[tuple[object, ...]] = set()
    for row in set(permutations(people)):
        for event in product((0, 1), repeat=len(row)):
            at_events = [
                (kind, tuple(row[i:].count(k) for k in sizes)) for i, kind in enumerate(row) if event[i]
            ]
            own = {
                name: tuple(
                    sum(n for k, n in zip(sizes, left, strict=True) if name in k)
                    for kind, left in at_events
                    if name in kind
                )
                for name in rates
            }
            if all(own[name] in ladders[name] for name in rates):
                found.add(tuple(at_events))
    return found


@pytest.mark.parametrize(
    ("sizes", "rates"),
    [
        ({A: 2, B: 2}, {"all": (4, "50%")}),
        ({A: 3, B: 2}, {"a": (3, "67%"), "b": (2, "50%")}),
        ({A: 3, B: 3}, {"all": (6, "53%"), "a": (3, "67%"), "b": (3, "33%")}),
        ({("all", "a", "x"): 2, ("all", "a", "y"): 1, ("all", "b", "x"): 2},
         {"all": (5, "60%"), "a": (3, "67%"), "x": (4, "50%")}),
    ],
)  # fmt: skip
def test_complete_against_every_permutation(
    sizes: dict[Kind, int], rates: dict[str, tuple[int, str]]
) -> None:
    found = list(merged_orders(sizes, _ladders(**rates)))
    listed = [tuple(zip(order.events, order.at_risk, strict=True)) for order in found]
    assert len(listed) == len(set(listed))
    assert set(listed) == _by_trying(sizes, rates)


def test_two_groups_by_hand() -> None:
    # a: one event at 2 of 2; b: one event at 1 of 1. Either may be first; the third possibility,
    # b's event after a's other patient was censored, has its own numbers at risk.
    orders = list(merged_orders({A: 2, B: 1}, {"a": {(2,)}, "b": {(1,)}}))
    assert [(o.events, o.at_risk) for o in orders] == [
        ((A, B), ((2, 1), (1, 1))),
        ((A, B), ((2, 1), (0, 1))),
        ((B, A), ((2, 1), (2, 0))),
    ]
    assert orders[1].of_group("all") == (3, 1)
    assert orders[1].ladder("b") == (1,)


def test_conflicting_groups_leave_nothing() -> None:
    # all members of a are members of all: an event in a cannot be none in all
    assert list(merged_orders({A: 3, B: 1}, {"all": {()}, "a": {(3,)}})) == []
    assert list(merged_orders({A: 3}, {"a": set()})) == []


def test_a_group_without_members_has_no_events() -> None:
    assert len(list(merged_orders({A: 1, B: 0}, {"a": {()}, "b": {()}}))) == 1
    assert list(merged_orders({A: 1, B: 0}, {"a": {()}, "b": {(1,)}})) == []


def test_cross_tables_by_hand() -> None:
    found = list(cross_tables({"r": 2, "s": 1}, {"c": 1, "d": 2}))
    assert found == [{("r", "c"): 1, ("r", "d"): 1, ("s", "d"): 1}, {("r", "d"): 2, ("s", "c"): 1}]
    assert list(cross_tables({"r": 2}, {"c": 1})) == []
    assert list(cross_tables({}, {})) == [{}]


@settings(deadline=None)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.data())
def test_cross_tables_have_their_sums(rows: list[int], data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, sum(rows)), min_size=2, max_size=2).map(sorted))
    columns = [cuts[0], cuts[1] - cuts[0], sum(rows) - cuts[1]]
    names = [f"r{i}" for i in range(len(rows))]
    tables = list(cross_tables(dict(zip(names, rows, strict=True)), dict(zip("cde", columns, strict=True))))
    assert tables
    for table in tables:
        assert [sum(n for (r, _), n in table.items() if r == name) for name in names] == rows
        assert [sum(n for (_, c), n in table.items() if c == name) for name in "cde"] == columns


@settings(deadline=None)
@given(st.permutations([A] * 4 + [B] * 3), st.lists(st.integers(0, 1), min_size=7, max_size=7))
def test_survival_data_gives_the_rank_test_of_the_cohort(row: list[Kind], event: list[int]) -> None:
    """Oracle: the test on the patients themselves, one leaving after another."""
    if not any(event):
        event[0] = 1
    at_events = [(kind, (row[i:].count(A), row[i:].count(B))) for i, kind in enumerate(row) if event[i]]
    events, at_risk = zip(*at_events, strict=True)
    time, happened, group = survival_data(Order({A: 4, B: 3}, events, at_risk), "a", "b")
    code = [int(kind == B) for kind in row]
    for kind in ("log-rank", "gehan"):
        direct = rank_test(np.arange(7), event, code, kind=kind)
        assert rank_test(time, happened, group, kind=kind).p_value == pytest.approx(direct.p_value, abs=1e-12)
    assert kaplan_meier(time, happened).survival[-1] == pytest.approx(
        kaplan_meier(np.arange(7), event).survival[-1]
    )
