"""Every page of the built book, as a reader's browser sees it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

from .conftest import BUILT, SET_MODE, each_page, shot

pytestmark = pytest.mark.browser

BANNER = "Reconstructed patients, not real ones"
FEWEST_WORDS = 6  # in a text alternative that says what a figure shows
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
