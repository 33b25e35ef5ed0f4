"""Print the built book as one PDF, in the order of its contents, with Chromium.

Run by `make pdf` after `make book`. Every page is taken as it reads without JavaScript, all folds
open; links between pages become links inside the PDF.
"""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag
from chromium import NO_CHROMIUM, find_chromium
from playwright.sync_api import sync_playwright

from recohort.paths import ROOT

BUILT = ROOT / "_build" / "html"
OUT = ROOT / "_build" / "pdf" / "thirty-eight-patients.pdf"
FIRST = BUILT / "book" / "index.html"
SHEET = ROOT / "book" / "print.css"
SMALL = "font: 8px sans-serif; color: #444; width: 100%; margin: 0 15mm;"


def parsed(path: Path) -> BeautifulSoup:
    """Return a built page."""
    return BeautifulSoup(path.read_text("utf-8"), "lxml")


def only(page: Tag, selector: str) -> Tag:
    """Return the element that each built page has."""
    found = page.select_one(selector)
    assert found is not None, f"the built page has no {selector}"
    return found


def contents(first: BeautifulSoup) -> list[Path]:
    """Return the pages in the order of the side bar, the first page before them."""
    links = first.select("nav.bd-links a.internal")
    pages = [
        (FIRST.parent / urlsplit(str(link["href"])).path).resolve() for link in links if link["href"] != "#"
    ]
    return list(dict.fromkeys([FIRST.resolve(), *pages]))


def anchor(page: Path, fragment: str = "") -> str:
    """Return what a place is called in the one document that holds all pages."""
    return f"{page.stem}--{fragment}"


def chapter(path: Path, pages: list[Path]) -> Tag:
    """Return the article of a page, its links led to the other articles and its files found from anywhere."""
    article = copy.copy(only(parsed(path), "article"))
    for tag in article.select("script, .headerlink, .prev-next-area, .sd-tab-set > input"):
        tag.decompose()
    for tag in article.select("details"):
        tag["open"] = ""
    for tag in article.find_all(True):
        if tag.get("id") and not (tag.name == "svg" or tag.find_parent("svg")):
            tag["id"] = anchor(path, str(tag["id"]))
        for key in ("href", "src", "data"):
            parts = urlsplit(str(tag.get(key) or ""))
            if not tag.get(key) or parts.scheme or parts.netloc or tag.find_parent("svg"):
                continue
            target = (path.parent / parts.path).resolve() if parts.path else path
            inside = key == "href" and target in pages
            tag[key] = f"#{anchor(target, parts.fragment)}" if inside else target.as_uri()
        if tag.get("loading"):
            del tag["loading"]
    article["id"] = anchor(path)
    article["class"] = ["bd-article", "printed-chapter"]
    return article


def document(first: BeautifulSoup) -> str:
    """Return all pages as one HTML document."""
    pages = contents(first)
    styles = only(first, "head").select('link[rel="stylesheet"]')
    for link in styles:
        link["href"] = (FIRST.parent / urlsplit(str(link["href"])).path).resolve().as_uri()
    head = "".join(map(str, styles)) + f'<link rel="stylesheet" href="{SHEET.as_uri()}">'
    chapters = "\n".join(str(chapter(page, pages)) for page in pages)
    title = only(first, ".logo__title").get_text(strip=True)
    return (
        f'<!doctype html><html lang="en" data-theme="light" data-mode="light"><head><meta charset="utf-8">'
        f"<title>{title}</title>{head}</head><body>{chapters}</body></html>"
    )


def main() -> int:
    """Write the PDF; return 0, or 2 where something is missing."""
    chromium = find_chromium()
    if not FIRST.is_file() or not chromium:
        print(f"pdf: {'run `make book` first' if chromium else NO_CHROMIUM}", file=sys.stderr)
        return 2
    OUT.parent.mkdir(parents=True, exist_ok=True)
    first = parsed(FIRST)
    source = OUT.with_suffix(".html")
    source.write_text(document(first), "utf-8")
    warning = only(first, ".bd-header-announcement").get_text(" ", strip=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(source.as_uri(), wait_until="load")
        part = OUT.with_suffix(".part")
        page.pdf(
            path=part,
            format="A4",
            margin={"top": "20mm", "bottom": "18mm", "left": "15mm", "right": "15mm"},
            print_background=True,
            display_header_footer=True,
            header_template=f'<div style="{SMALL} text-align: center">{warning}</div>',
            footer_template=f'<div style="{SMALL} text-align: right"><span class="pageNumber"></span></div>',
            outline=True,
            tagged=True,
        )
        browser.close()
    part.replace(OUT)
    print(OUT.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
