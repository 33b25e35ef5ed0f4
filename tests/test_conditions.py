"""Conditions as a ledger writes them, and whom they select."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recohort.conditions import Condition, ConditionError, Levels, Population, Threshold

read = Condition.from_mapping
ANNE = {"sex": "female", "stage": 2, "age": 60.0, "marker": None}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({}, True),
        ({"sex": "female"}, True),
        ({"sex": "male"}, False),
        ({"sex": ["male", "female"]}, True),
        ({"sex": "female", "stage": 3}, False),
        ({"stage": 2}, True),
        ({"stage": "2"}, False),  # a text is not a number
        ({"marker": 0}, False),  # an empty cell has no level
        ({"marker": "<1"}, False),
        ({"age": ">=60"}, True),
        ({"age": ">60"}, False),
        ({"age": "<=60"}, True),
        ({"age": "<60"}, False),
        ({"age": "< 60.5"}, True),
        ({"height": 170}, False),  # not known of her
    ],
    ids=str,
)
def test_whom_a_condition_holds_for(condition: dict[str, object], holds: bool) -> None:
    assert read(condition).holds(ANNE) is holds


@pytest.mark.parametrize(
    ("written", "test"),
    [
        (">=60", Threshold(">=", 60)),
        ("<-1.5", Threshold("<", -1.5)),
        ("<0.0001%", Levels(("<0.0001%",))),  # a level of its own
        (["<5"], Levels(("<5",))),  # in a list it is always a level
        ([1, 1, 2], Levels((1, 2))),
        ("60", Levels(("60",))),
        ("=60", Levels(("=60",))),
    ],
    ids=str,
)
def test_levels_and_comparisons_are_told_apart(written: object, test: object) -> None:
    assert read({"x": written}).tests == (("x", test),)


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        (None, "a condition is a map such as {sex: female, stage: [1, 2], age: '>=60'}, not nothing"),
        ("sex female", "a condition is a map such as {sex: female, stage: [1, 2], age: '>=60'}, not 'sex"),
        ([{"sex": "female"}], "a condition is a map"),
        ({"sex": []}, "sex: give one to sixty levels, not 0"),
        ({"stage": list(range(61))}, "stage: give one to sixty levels, not 61"),
        ({"marker": True}, "marker: YAML reads this as true; put yes, no, on, off, true, false in quotes"),
        ({"marker": ["no", False]}, "marker: YAML reads this as false"),
        ({"marker": None}, "marker: the level is empty; give a whole number or a text"),
        ({"marker": 0.5}, "marker: level '0.5' must be a whole number or a text in quotes"),
        ({"marker": {"a": 1}}, "must be a whole number or a text in quotes"),
        ({"x" * 500: 0.5}, f"{'x' * 60}: level"),
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_what_is_no_condition(condition: object, says: str) -> None:
    with pytest.raises(ConditionError, match=re.escape(says)) as raised:
        read(condition)
    assert "\n" not in str(raised.value)


def test_conditions_join_and_compare_whatever_their_order() -> None:
    one, other = read({"sex": "female"}), read({"stage": [1, 2]})
    assert one & other == other & one == read({"stage": [1, 2], "sex": "female"})
    assert hash(one & other) == hash(other & one)
    assert one & one == one & Condition() == one
    assert (one & other).attributes == {"sex", "stage"}
    assert bool(one)
    assert not Condition()


def test_joined_tests_on_one_attribute_must_all_hold() -> None:
    middle = read({"age": ">=50"}) & read({"age": "<60"})
    assert [middle.holds({"age": age}) for age in (49, 50, 59, 60)] == [False, True, True, False]
    nobody = read({"sex": "female"}) & read({"sex": "male"})
    assert not nobody.holds(ANNE)


def test_conditions_and_populations_read_aloud() -> None:
    condition = read({"stage": [1, 2], "age": ">=60"})
    assert str(condition) == "age >=60, stage 1 or 2"
    assert str(Condition()) == "everyone"
    assert str(Population(condition, ("os", 4.0))) == "age >=60, stage 1 or 2, at risk for os at 4"


levels = st.one_of(st.integers(0, 3), st.sampled_from(["a", "b"]))
conditions = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.lists(levels, min_size=1, max_size=3)).map(
    read
)
patients = st.fixed_dictionaries({name: st.one_of(st.none(), levels) for name in "xyz"})


@given(conditions, conditions, patients)
def test_both_hold_when_the_joined_one_does(
    one: Condition, other: Condition, patient: dict[str, object]
) -> None:
    assert (one & other).holds(patient) == (one.holds(patient) and other.holds(patient))
