"""The page of histories; its arithmetic is held against recohort.histories."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from recohort.histories import histories
from recohort.paths import BOOK

from .conftest import BUILT

pytestmark = pytest.mark.browser

PAGE = BUILT / "notebooks" / "30_which_histories.html"
CASES = [
    (5, "27"), (7, "86"), (25, "73"), (23, "95"), (4, "45"), (1, "0"), (1, "100"), (13, "52"), (8, "62.5"),
    (8, "62"), (8, "63"), (12, "50"), (16, "26.7"),
]  # fmt: skip
"""Among them exact halves: 5/8 is 62.5%."""


@pytest.fixture(scope="module")
def exact(browser: Any) -> Any:
    page = browser.new_page()
    page.add_script_tag(path=BOOK / "_static" / "play" / "histories.js")
    yield page
    page.close()


@pytest.mark.parametrize(("patients", "printed"), CASES)
def test_counts_and_lists_are_those_of_python(patients: int, printed: str, exact: Any) -> None:
    ours = [list(history.at_risk) for history in histories(patients, f"{printed}%")]
    question = {"n": patients, "p": printed}
    assert exact.evaluate("q => recohort.histories.count(q.n, q.p)", question) == len(ours)
    assert exact.evaluate("q => [...recohort.histories.list(q.n, q.p)]", question) == ours


def test_survival_is_an_exact_fraction(exact: Any) -> None:
    for history in islice(histories(25, "73%"), 50):
        said = exact.evaluate("a => recohort.histories.survival(a).map(String)", list(history.at_risk))
        assert [int(part) for part in said] == list(history.survival.as_integer_ratio())


@pytest.mark.parametrize("printed", ["", "101", "-1", "1.234", "x", "1e1"])
def test_what_is_no_percentage_is_refused(printed: str, exact: Any) -> None:
    assert exact.evaluate("p => recohort.histories.limits(p)", printed) is None


def test_presets_and_fields_with_the_keyboard_alone(visit: Any) -> None:
    page = visit(PAGE.as_uri(), BUILT.as_uri()).page
    says, shown = page.locator(".play output"), page.locator(".ladders li")
    assert says.inner_text().startswith("1 history of 5 patients")
    assert shown.count() == 1
    page.get_by_role("button", name="73% of 25").focus()
    page.keyboard.press("Enter")
    total = len(list(histories(25, "73%")))
    assert says.inner_text().startswith(f"{total:,} histories of 25 patients")
    first = shown.count()
    page.get_by_role("button", name="Show more").press("Enter")
    assert shown.count() == 2 * first
    page.get_by_label("Printed percentage").fill("45")
    page.get_by_label("Patients at the start").fill("4")
    assert says.inner_text().startswith("No history of 4 patients prints as 45%")
    assert shown.count() == 0


def test_without_scripts_a_figure_stands_there(browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(PAGE.as_uri())
    assert page.locator("[data-play=histories] figure svg").is_visible()
    context.close()
