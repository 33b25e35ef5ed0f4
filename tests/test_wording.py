"""A number of things in words. Oracle: how one says it."""

from __future__ import annotations

import pytest

from recohort.exhibits.conflicts import to_lines
from recohort.solve.audit import audit
from recohort.wording import counted
from test_readings import made_up


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "row", "1 row"),
        (2, "row", "2 rows"),
        (0, "row", "0 rows"),
        (1.0, "week", "1 week"),
        (13.0, "patient", "13 patients"),
        (0.1, "month", "0.1 months"),
        (1, "count or percentage", "1 count or percentage"),
        (3, "count or percentage", "3 counts or percentages"),
    ],
)
def test_a_number_of_things(number: float, noun: str, said: str) -> None:
    assert counted(number, noun) == said


def test_an_audit_of_one_statement_says_so() -> None:
    lines = list(to_lines(audit(made_up([{"count": "5", "where": {"arm": "a"}}]))))
    assert lines[0] == "tables: 1 statement, 0 conflicts"
