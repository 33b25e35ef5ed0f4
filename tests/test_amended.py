"""What is not taken as printed, counted. Oracles: made-up cells, and the list of facts in chapter 12."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from recohort import paths
from recohort.exhibits import Exhibits, open_exhibits
from recohort.exhibits.amended import Amended, amended, kinds_in_words, reconciled, weighty
from recohort.exhibits.cells import Cell
from recohort.exhibits.switches import Conflict, Part, read_parts

if TYPE_CHECKING:
    from recohort.ledger import Ledger


@pytest.fixture(scope="module")
def book() -> Exhibits:
    return open_exhibits()


def cell(claim: str, printed: str = "1 (2)", reading: str = "cut", because: str = "cut off") -> Cell:
    return Cell(claim, claim, printed, printed, "reproduced", reading, because, (1.0,))


def made_up() -> tuple[list[Part], dict[str, Cell]]:
    """Two rows with one slip, one of them printed twice; one slip of its own; one number as printed."""
    cells = {
        one.claim: one
        for one in (
            cell("row.a"), cell("text.a", because="repeats the row"), cell("row.b"),
            cell("rate", "43%", "read as 79%", "too low"), cell("fine", reading="", because=""),
        )
    }  # fmt: skip
    statements = (("row.a", "text.a"), ("row.b",), ("fine", "rate.again"))
    conflicts = (Conflict(frozenset({0}), True, None), Conflict(frozenset({1, 2}), True, None))
    return [Part("p", statements, conflicts, (), None, ())], cells


def test_places_make_statements_and_statements_facts() -> None:
    found = amended(*made_up())
    assert found == Amended(((("row.a", "text.a"), ("row.b",)), (("rate",),)))
    assert (found.places, found.statements, len(found.facts)) == (4, 3, 2)


def test_the_counts_are_said_once() -> None:
    said = reconciled(*made_up(), fewest=3)
    for count in ("4 printed places", "3 statements", "no fewer", "2 facts", "2 lights"):
        assert count in said
    assert "at least 2 would be needed" in reconciled(*made_up(), fewest=2)


def test_the_facts_are_those_that_chapter_12_lists(book: Exhibits) -> None:
    """Its list is by hand: three pairs of repeats, five rows with one patient, five numbers alone."""
    found = json.loads((paths.DATA / "conflicts.json").read_text("utf-8"))
    facts = amended(read_parts(found), book.cells).facts
    assert sorted(tuple(map(len, fact)) for fact in facts) == [(1,)] * 5 + [(1,) * 5] + [(2,)] * 3
    in_facts = [name for fact in facts for claims in fact for name in claims]
    assert sorted(in_facts) == sorted(claim.id for claim in book.ledger.claims if claim.read_as)
    assert sorted(in_facts) == sorted(found["amended_by_cohort"])


def test_kinds(small_ledger: Ledger) -> None:
    names = ["fig1.os.active.2y", "table.stage.2", "table.stage.3"]
    assert kinds_in_words(names, small_ledger) == "1 survival rate and 2 counts or percentages"
    assert kinds_in_words(names[:1], small_ledger) == "1 survival rate"
    assert kinds_in_words([], small_ledger) == ""
    assert [weighty(name, small_ledger) for name in (*names, "table.response.p")] == [
        True,
        False,
        False,
        True,
    ]
