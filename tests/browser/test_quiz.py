"""Questions with instant feedback, answered with the keyboard alone."""

from __future__ import annotations

from typing import Any

import pytest
from bs4 import BeautifulSoup

from .conftest import BUILT, PAGES

pytestmark = pytest.mark.browser

ASKING = [name for name in PAGES if 'class="exhibit quiz"' in (BUILT / name).read_text("utf-8")]
LEAST_QUESTIONS = 3
each_page = pytest.mark.parametrize("name", ASKING)


def test_there_are_pages_with_questions() -> None:
    assert ASKING


@each_page
def test_right_and_wrong_answers_are_told_apart(name: str, visit: Any) -> None:
    page = visit((BUILT / name).as_uri(), BUILT.as_uri()).page
    forms = page.locator("form.quiz")
    assert forms.count() >= LEAST_QUESTIONS
    for form in forms.all():
        radios = form.locator("input[type=radio]")
        if radios.count():
            for radio in radios.all():
                radio.focus()
                page.keyboard.press("Space")
                page.keyboard.press("Enter")
                expected = "right" if radio.get_attribute("data-right") == "yes" else "wrong"
                assert form.get_attribute("data-verdict") == expected
            assert form.locator("input[data-right=yes]").count() == 1
            continue
        field = form.locator("input[type=text]")
        right = field.get_attribute("data-answer")
        for answer, expected in (("", "wrong"), ("12345", "wrong"), (right.replace(".", ","), "right")):
            field.fill(answer)
            field.focus()
            page.keyboard.press("Enter")
            assert form.get_attribute("data-verdict") == expected
        assert form.locator("output").inner_text().startswith("Right. ")


@each_page
def test_questions_can_be_read_without_a_script(name: str) -> None:
    page = BeautifulSoup((BUILT / name).read_text("utf-8"), "lxml")
    for form in page.select("form.quiz"):
        assert form.find("legend").get_text(strip=True)
        assert not form.find("button")  # the script adds it, so nothing on the page does nothing
        assert all(box.find_parent("label") for box in form.find_all("input"))
    assert len({form["id"] for form in page.select("form.quiz")}) == len(page.select("form.quiz"))
