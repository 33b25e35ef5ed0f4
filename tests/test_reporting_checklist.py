"""The checklist rests on the ledger: every convention is linked from the point that leaves it open."""

from __future__ import annotations

import re

from recohort.ledger import load
from recohort.paths import BOOK, LEDGER

PAGE = (BOOK / "reporting_checklist.md").read_text("utf-8")
POINTS = re.findall(r"^(\S[^\n]*)\n: (.*?)(?=^\S|\Z)", PAGE, re.MULTILINE | re.DOTALL)
VERDICTS = ("Printed", "In part", "Not found", "Cannot be said")


def test_every_convention_is_linked_and_every_link_is_a_convention() -> None:
    linked = set(re.findall(r'href="conventions\.html#convention-(\w+)"', PAGE))
    assert linked == set(load(LEDGER).conventions)


def test_every_point_says_what_is_asked_what_is_printed_and_what_to_ask() -> None:
    assert len(POINTS) == PAGE.count("*Asked for:*") > len(VERDICTS)
    for name, text in POINTS:
        assert text.startswith("*Asked for:*"), name
        assert len(re.findall(rf"\*\*({'|'.join(VERDICTS)})\.\*\*", text)) == 1, name
        assert "{cite:p}" in text, name
        assert re.search(r"\*To ask:\* .+\?", text, re.DOTALL), name


def test_what_is_called_missing_is_missing_from_the_ledger() -> None:
    """The ledger has every printed number: none of them is an interval, a ratio or a count of events."""
    counts = {"context", "count", "count_percent", "median_range"}
    of_survival = {"follow_up", "median_survival", "p_value", "survival"}
    assert {claim.kind for claim in load(LEDGER).claims} <= counts | of_survival
