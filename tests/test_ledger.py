"""Ledgers that load as they are meant; those that do not are in `test_bad_ledgers.py`."""

from __future__ import annotations

from pathlib import Path

import pytest

from recohort.conditions import Condition
from recohort.ledger import Ledger, LedgerError, load
from recohort.ledger_checks import allowed_levels

TEXT = (Path(__file__).with_name("fixtures") / "small_ledger.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "content",
    [TEXT.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + TEXT.encode()],
    ids=["Windows line ends", "byte-order mark"],
)
def test_what_editors_do_to_a_file_is_accepted(content: bytes, tmp_path: Path, small_ledger: Ledger) -> None:
    file = tmp_path / "ledger.yaml"
    file.write_bytes(content)
    assert load(file) == small_ledger


def test_a_ledger_needs_no_claims(tmp_path: Path) -> None:
    file = tmp_path / "design.yaml"
    file.write_text(TEXT[: TEXT.index("claims:")])
    assert load(file).claims == ()


def test_printed_strings_and_numbers_as_read(small_ledger: Ledger) -> None:
    claim = small_ledger.claim("table.stage.3")
    assert claim.kind == "count_percent"
    assert claim.printed == "5 (33)"
    assert [number.text for number in claim.numbers] == ["5", "33"]
    assert [number.text for number in claim.numbers_as_read] == ["4", "33"]
    with pytest.raises(KeyError):
        small_ledger.claim("table.stage.4")


def test_populations_join_all_conditions(small_ledger: Ledger) -> None:
    claim = small_ledger.claim("fig2.none.2y")
    population = small_ledger.population(claim, Condition.from_mapping({"arm": "active"}))
    assert str(population) == "arm active, response nonresponder, surgery 0, at risk for pfs at 3"


def test_conventions_have_defaults(small_ledger: Ledger) -> None:
    assert small_ledger.convention("landmark") == 3
    assert small_ledger.convention("ties") == "distinct"
    assert small_ledger.convention("survival_test") == "log-rank"
    assert small_ledger.month("landmark") == small_ledger.month(3.0) == 3.0
    with pytest.raises(KeyError):
        small_ledger.convention("phase_of_the_moon")


def test_time_has_a_grid(small_ledger: Ledger) -> None:
    scale = small_ledger.study.time
    assert scale.decimals == 1
    assert scale.ticks(2.6) == 26


def test_a_ledger_cannot_be_changed_by_accident(small_ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="frozen"):
        small_ledger.claims[0].at = "elsewhere"
    assert small_ledger.with_claims(small_ledger.claims[:2]).claims == small_ledger.claims[:2]
    assert len(small_ledger.claims) > 2


@pytest.mark.parametrize(
    ("where", "allows"),
    [
        ({}, {"stage": {1, 2, 3}, "marker": {0, 1, None}, "response": {"responder", "nonresponder"}}),
        ({"marker": 0}, {"marker": {0}, "stage": {2, 3}}),  # applies to stages 2 and 3 only
        ({"early": "good"}, {"response": {"responder"}}),  # by the rule
        ({"marker": 1}, {"grade": {"high"}}),  # derived
        ({"grade": "low"}, {"stage": {2}, "marker": {0}}),  # derived, backwards
        ({"stage": 3}, {"grade": {"high"}}),
        ({"grade": "low", "stage": 3}, None),
        ({"early": "good", "response": "nonresponder"}, None),
        ({"age": ">=60"}, {"stage": {1, 2, 3}}),
        ({"age": ">90"}, None),
        ({"age": "<18"}, None),
        ({"age": "<=18"}, {"stage": {1, 2, 3}}),
    ],
)
def test_what_a_condition_leaves(where: dict[str, object], allows, small_ledger: Ledger) -> None:
    allowed = allowed_levels(small_ledger, Condition.from_mapping(where))
    if allows is None:
        assert allowed is None
    else:
        assert allowed is not None
        assert {name: set(allowed[name]) for name in allows} == allows


def test_numbers_narrow_together(small_ledger: Ledger) -> None:
    young, old = (Condition.from_mapping({"age": limit}) for limit in ("<60", ">=60"))
    assert allowed_levels(small_ledger, young & old) is None


def test_errors_are_ledger_errors(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no such file"):
        load(tmp_path / "none.yaml")
