"""Every page of the built book, as a reader's browser sees it."""

from __future__ import annotations

import copy
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup, Tag

from recohort.paths import ROOT

from .conftest import BUILT, SET_MODE, each_page, shot

pytestmark = pytest.mark.browser

CONTENTS = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
ORDER = [
    f"{name}.html"
    for name in (
        CONTENTS["root"],
        *(chapter["file"] for part in CONTENTS["parts"] for chapter in part["chapters"]),
    )
]
BANNER = "Reconstructed patients, not real ones"
FEWEST_WORDS = 6  # in a text alternative that says what a figure shows
SAID_WHOLE = (
    re.compile(  # drawings whose text alternative gives every mark, or that repeat a table of the page
        r"^(\d+ l|L)adders? of numbers at risk|^A line of follow-up|, years as dots|10⁹/L as dots"
        r"|^Whole percentages that|^The reconstructed are nearer"
    )
)
RESULT = re.compile(r"\d ?%|\d (patients|of|percentage points)|at \d+ months")
OPEN_NUMBER = re.compile(r"\b(nan|inf|NaN|NaT)\b|∞")
TOO_WIDE = """() => document.scrollingElement.scrollWidth <= window.innerWidth ? [] :
  [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > window.innerWidth + 1)
    .map(e => `${e.tagName}.${e.className} ${Math.round(e.getBoundingClientRect().right)}`).slice(0, 10)
    .concat(`page ${document.scrollingElement.scrollWidth}`)"""


@each_page
def test_page_works_from_a_web_server(name: str, served: str, visit: Any) -> None:
    seen = visit(f"{served}/{name}", served)
    assert seen.outside == []
    assert seen.faults == []
    assert BANNER in seen.page.locator(".bd-header-announcement").inner_text()

    for width, size in {"wide": 1280, "narrow": 360}.items():
        seen.page.set_viewport_size({"width": size, "height": 900 if size > 800 else 740})
        for mode in ("light", "dark"):
            seen.page.evaluate(SET_MODE, mode)
            seen.page.screenshot(path=shot(name, width, mode), full_page=True, animations="disabled")
    assert seen.page.evaluate(TOO_WIDE) == []


@each_page
def test_page_works_from_disk(name: str, visit: Any) -> None:
    seen = visit((BUILT / name).as_uri(), BUILT.as_uri())
    assert seen.outside == []
    assert seen.faults == []


def test_entrance_leads_to_the_book(served: str, visit: Any) -> None:
    seen = visit(f"{served}/index.html", served)
    seen.page.wait_for_url("**/book/index.html")
    assert seen.page.locator("h1").first.inner_text()


@pytest.mark.parametrize("from_disk", [True, False])
def test_search_finds_pages_offline(from_disk: bool, served: str, visit: Any) -> None:
    home = BUILT.as_uri() if from_disk else served
    seen = visit(f"{home}/book/index.html", home)
    seen.page.keyboard.press("Control+k")
    seen.page.keyboard.type("immortal time")
    seen.page.keyboard.press("Enter")
    found = seen.page.locator("#search-results li a")
    found.first.wait_for()
    assert "landmarks" in " ".join(str(found.nth(n).get_attribute("href")) for n in range(found.count()))
    assert seen.outside == []


@cache
def parsed(name: str | Path) -> BeautifulSoup:
    return BeautifulSoup((BUILT / name).read_text("utf-8"), "lxml")


@cache
def anchors(name: Path) -> frozenset[str]:
    tags = parsed(name).find_all(True)
    return frozenset(str(tag[key]) for tag in tags for key in ("id", "name") if tag.get(key))


def inside(name: str) -> list[tuple[str, str]]:
    """Return the (path, fragment) of each link and each file that a page names within the book."""
    found = []
    for tag in parsed(name).find_all(["a", "img", "script", "link", "source", "object", "iframe"]):
        for key in ("href", "src", "data"):
            parts = urlsplit(str(tag.get(key) or ""))
            if tag.get(key) and not parts.scheme and not parts.netloc:
                path = (BUILT / name).parent / unquote(parts.path) if parts.path else BUILT / name
                found.append((str(path.resolve()), unquote(parts.fragment)))
    return found


@each_page
def test_links_and_fragments_resolve(name: str) -> None:
    broken = []
    for path, fragment in inside(name):
        target = BUILT.resolve() / path
        if not target.is_file():
            broken.append(path)
        elif fragment and target.suffix == ".html" and fragment not in anchors(target):
            broken.append(f"{path}#{fragment}")
    assert broken == []


def alternative(tag: Tag) -> str:
    """Return the text that stands in for an image."""
    title = tag.find("title") if tag.name == "svg" else None
    return str(tag.get("alt") or tag.get("aria-label") or (title.get_text() if title else ""))


@each_page
def test_figures_have_text_alternatives(name: str) -> None:
    article = parsed(name).select_one("article") or parsed(name)
    images = [tag for tag in article.select("img, svg, object") if tag.get("aria-hidden") != "true"]
    poor = [str(tag)[:120] for tag in images if len(alternative(tag).split()) < FEWEST_WORDS]
    assert poor == []


@each_page
def test_page_describes_itself(name: str) -> None:
    head = parsed(name).head
    assert head is not None
    descriptions = head.select('meta[name="description"]')
    assert len(descriptions) == 1
    assert len(str(descriptions[0]["content"])) > len("Thirty-eight patients") or name in {
        "genindex.html",
        "search.html",
    }


@each_page
def test_page_can_be_shown_elsewhere_and_says_when_it_changed(name: str) -> None:
    page = parsed(name)
    tags = {tag["property"]: tag["content"] for tag in page.select('meta[property^="og:"]')}
    assert {"og:title", "og:description", "og:site_name", "og:type"} <= set(tags)
    if name in {"genindex.html", "search.html"}:
        return
    assert re.search(r"Last updated on \d+ \w+ 20\d\d", page.select_one(".last-updated").get_text())
    around = [bool(page.select_one(f".prev-next-area a.{side}")) for side in ("left-prev", "right-next")]
    assert around == [name != ORDER[0], name != ORDER[-1]]


@each_page
def test_a_curve_is_a_table_too_and_its_result_comes_first(name: str) -> None:
    for drawing in parsed(name).select("article figure.drawing"):
        said = alternative(drawing.svg)
        first = re.split(r"\. (?=[A-Z])", said)[0]
        if not SAID_WHOLE.search(said):
            assert drawing.select("details > summary ~ .exhibit td"), said
            assert RESULT.search(first), said


@each_page
def test_what_is_not_reached_is_said_in_words(name: str) -> None:
    page = copy.copy(parsed(name).select_one("article") or parsed(name))
    for code in page.select("script, pre, code, math"):
        code.decompose()
    assert OPEN_NUMBER.findall(page.get_text(" ")) == []
    assert [s for s in page.select("svg[aria-label]") if OPEN_NUMBER.search(str(s["aria-label"]))] == []
