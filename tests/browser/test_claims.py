"""The table of claims: its filter and its deep links, as a reader uses them."""

from __future__ import annotations

from typing import Any

import pytest

from recohort.ledger import load
from recohort.paths import LEDGER

pytestmark = pytest.mark.browser

PAGE = "book/every_printed_number.html"
SHOWN = "tbody[data-verdict]:not([hidden])"


@pytest.fixture
def page(served: str, visit: Any) -> Any:
    return visit(f"{served}/{PAGE}", served).page


def test_all_claims_stand_there_at_first(page: Any) -> None:
    total = len(load(LEDGER).claims)
    assert page.locator(SHOWN).count() == total
    assert page.locator(".table-filter output").inner_text() == f"{total} of {total} claims"


def test_words_are_searched_for_together(page: Any) -> None:
    page.get_by_label("Search claims").fill("tp53 table")
    shown = page.locator(SHOWN)
    assert shown.count() == 1
    assert shown.first.get_attribute("id") == "claim-table1.tp53"
    headings = page.locator("tbody.place:not([hidden])").all_inner_texts()
    assert [heading.strip() for heading in headings] == ["Table 1"]


def test_verdicts_can_be_chosen(page: Any) -> None:
    page.get_by_label("Verdict").select_option("reproduced-as-read")
    read_as = {f"claim-{claim.id}" for claim in load(LEDGER).claims if claim.read_as}
    shown = {body.get_attribute("id") for body in page.locator(SHOWN).all()}
    assert shown == read_as


def test_a_link_shows_a_claim_that_was_filtered_away(page: Any) -> None:
    page.get_by_label("Search claims").fill("nothing is called so")
    assert page.locator(SHOWN).count() == 0
    page.evaluate("location.hash = '#claim-table1.ecog.0'")
    page.wait_for_function("document.getElementById('claim-table1.ecog.0').offsetParent !== null")
    assert page.get_by_label("Search claims").input_value() == ""


def test_a_deep_link_leads_to_its_claim(served: str, visit: Any) -> None:
    page = visit(f"{served}/{PAGE}#claim-table1.ecog.0", served).page
    box = page.locator("[id='claim-table1.ecog.0']").bounding_box()
    assert 0 < box["y"] < page.viewport_size["height"]


def test_without_scripts_the_whole_table_is_there(served: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served}/{PAGE}")
    assert page.locator("tbody[data-verdict]").count() == len(load(LEDGER).claims)
    assert page.locator("tbody[data-verdict]").first.is_visible()
    assert page.locator(".table-filter").count() == 0
    context.close()
