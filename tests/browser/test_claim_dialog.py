"""What stands behind a printed number, as a reader opens it; the patients are held against `members`."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import pytest

from recohort.cohort import members, read
from recohort.ledger import load
from recohort.paths import COHORT, LEDGER

from .conftest import BUILT

pytestmark = pytest.mark.browser

TABLE_1 = "notebooks/02_table_1.html"
SUPPLEMENT = "notebooks/03_supplemental_table_1.html"
FIGURE_2 = "notebooks/05_figure_2.html"
CLAIMS = {"table1.ecog.0": TABLE_1, "table1.tp53": TABLE_1, "supp1.mrd_high.ph_positive": SUPPLEMENT}
LOADED = "!!(window.recohort && recohort.claims)"


def link(page: Any, claim: str) -> Any:
    return page.locator(f"a.verdict[data-claim='{claim}']").first


def opened(page: Any, claim: str) -> Any:
    """Open a claim with the keyboard alone."""
    link(page, claim).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    return dialog


@pytest.mark.parametrize("claim", CLAIMS)
def test_the_patients_are_those_of_python(claim: str, visit: Any) -> None:
    seen = visit((BUILT / CLAIMS[claim]).as_uri(), BUILT.as_uri())
    assert not seen.page.evaluate(LOADED), "the patients are loaded before anybody asks"
    dialog = opened(seen.page, claim)
    ledger = load(LEDGER)
    cohort, of = read(COHORT, ledger), ledger.claim(claim)
    whole = members(
        cohort, ledger.population(of.model_copy(update={"where": type(of.where)()}), of.of), ledger
    )
    part = members(cohort, ledger.population(of, of.of), ledger)
    bodies = [body.locator("tr").all() for body in dialog.locator(".patients tbody").all()]
    shown = [[row.locator("th").inner_text() for row in rows[1:]] for rows in bodies]
    expected = [cohort["patient"][mask].tolist() for mask in (part, whole & ~part)]
    assert shown == [names for names in expected if names]
    assert bodies[0][0].inner_text() == f"{part.sum()} of {whole.sum()} counted"
    assert of.at in dialog.inner_text()
    assert "Reconstructed patients, not real" in dialog.inner_text()
    assert seen.outside == []
    assert seen.faults == []


def test_escape_and_the_button_close_it_and_focus_returns(served: str, visit: Any) -> None:
    page = visit(f"{served}/{TABLE_1}", served).page
    focused = "document.activeElement.dataset.claim"
    dialog = opened(page, "table1.ecog.0")
    assert page.evaluate("document.activeElement.textContent") == "Close"
    page.keyboard.press("Escape")
    assert dialog.count() == 0
    assert page.evaluate(focused) == "table1.ecog.0"
    dialog = opened(page, "table1.tp53")
    page.keyboard.press("Enter")  # the button has the focus
    assert dialog.count() == 0
    assert page.evaluate(focused) == "table1.tp53"


@pytest.mark.parametrize("where", ["served", "on disk"])
def test_back_closes_it_and_stays_on_the_page(where: str, served: str, visit: Any) -> None:
    home = served if where == "served" else BUILT.as_uri()
    page = visit(f"{home}/{SUPPLEMENT}", home).page
    page.goto(f"{home}/{TABLE_1}")
    before = page.evaluate("history.length")
    dialog = opened(page, "table1.ecog.0")
    page.go_back()
    assert dialog.count() == 0
    assert page.url == f"{home}/{TABLE_1}"
    for claim in ("table1.ecog.0", "table1.tp53"):  # one after another, as fast as can be
        dialog = opened(page, claim)
        page.keyboard.press("Escape")
        assert dialog.count() == 0
    page.wait_for_function("!(history.state && history.state.claim)")
    assert page.evaluate("history.length") == before + 1  # the entry that was left, to be used again
    page.go_back()
    assert page.url == f"{home}/{SUPPLEMENT}"


def test_on_a_phone_it_says_that_there_are_more_columns(served: str, visit: Any) -> None:
    page = visit(f"{served}/{TABLE_1}", served).page
    hint = opened(page, "table1.tp53").get_by_text("More columns")
    page.set_viewport_size({"width": 360, "height": 740})
    hint.wait_for(state="visible")
    page.set_viewport_size({"width": 1280, "height": 740})
    hint.wait_for(state="hidden")


def test_it_is_named_by_what_the_number_is(served: str, visit: Any) -> None:
    page = visit(f"{served}/{TABLE_1}", served).page
    opened(page, "table1.ecog.0")
    assert page.get_by_role("dialog", name="ECOG performance status: 0").count() == 1
    assert link(page, "table1.ecog.0").get_attribute("aria-haspopup") == "dialog"


def test_a_reproduced_number_opens_it_too(served: str, visit: Any) -> None:
    page = visit(f"{served}/{TABLE_1}", served).page
    page.locator("a.number[data-claim='table1.ecog.0']").click()
    page.get_by_role("dialog").wait_for()  # the patients are loaded only now
    assert page.get_by_role("dialog").is_visible()


def test_it_leads_on_to_the_row(served: str, visit: Any) -> None:
    page = visit(f"{served}/{TABLE_1}", served).page
    opened(page, "table1.ecog.0").get_by_role("link", name="every printed number").click()
    page.wait_for_url("**/every_printed_number.html#claim-table1.ecog.0")


def test_a_number_without_patients_says_so(served: str, visit: Any) -> None:
    page = visit(f"{served}/book/every_printed_number.html", served).page
    context = next(claim.id for claim in load(LEDGER).claims if claim.kind == "context")
    page.locator(f"a[data-claim='{context}']").click()
    assert "No table of these patients" in page.get_by_role("dialog").inner_text()


def test_the_numbers_of_a_figure_open_it(served: str, visit: Any) -> None:
    page = visit(f"{served}/{FIGURE_2}", served).page
    label = page.locator("figure svg a[data-claim$='.nonresponder.hsct.n']").first
    claim = label.get_attribute("data-claim")
    label.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    patients = dialog.locator(".patients tbody").first.locator("tr:not(.section)")
    assert patients.count() == int(str(label.text_content()))
    assert claim in dialog.inner_text()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.dataset.claim") == claim


def test_a_finger_can_tell_the_numbers_of_a_figure_apart(served: str, visit: Any) -> None:
    """24 pixels from centre to centre, as WCAG 2.2 asks (2.5.8)."""
    page = visit(f"{served}/{FIGURE_2}", served).page
    page.set_viewport_size({"width": 360, "height": 740})
    boxes = [link.bounding_box() for link in page.locator("figure svg").first.locator("a").all()]
    centres = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes]
    assert len(centres) > 1
    assert min(math.dist(a, b) for a, b in combinations(centres, 2)) >= 24


def test_on_a_phone_the_page_behind_stays_as_wide_as_it_was(served: str, visit: Any) -> None:
    page = visit(f"{served}/{TABLE_1}", served).page
    page.set_viewport_size({"width": 360, "height": 740})
    box = opened(page, "table1.ecog.0").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 360


def test_without_scripts_the_link_leads_to_the_row(served: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served}/{TABLE_1}")
    link(page, "table1.ecog.0").click()
    page.wait_for_url("**/every_printed_number.html#claim-table1.ecog.0")
    assert page.locator("[id='claim-table1.ecog.0']").is_visible()
    context.close()


def test_where_the_patients_cannot_be_loaded_the_link_leads_to_the_row(served: str, visit: Any) -> None:
    page = visit(f"{served}/{TABLE_1}", served).page
    page.route("**/claims-data.js", lambda route: route.abort())
    link(page, "table1.ecog.0").click()
    page.wait_for_url("**/every_printed_number.html#claim-table1.ecog.0")


def test_a_page_without_claims_gets_no_script() -> None:
    assert "claim.js" in (BUILT / TABLE_1).read_text("utf-8")
    assert "claim.js" not in (BUILT / "book" / "glossary.html").read_text("utf-8")
