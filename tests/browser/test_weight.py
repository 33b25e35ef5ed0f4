"""What a page weighs: every file that Chromium asks for, as a gzip server sends it."""

from __future__ import annotations

import gzip
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from .conftest import BUILT, each_page

pytestmark = pytest.mark.browser

FIRST = 500_000  # bytes of the first page that a reader opens
INTERACTIVE = 800_000  # the same, where the page is one to play with
FOLLOWING = 150_000  # bytes of another page, after the book's entrance
ASKED = "() => [location.href, ...performance.getEntriesByType('resource').map(entry => entry.name)]"


@cache
def sent(path: str) -> int:
    """Return how many bytes of a file of the book are sent."""
    return len(gzip.compress((BUILT / path).read_bytes(), 6))


def asked(page: Any) -> set[str]:
    """Return the files that a page has asked for."""
    return {unquote(urlsplit(url).path).lstrip("/") for url in page.evaluate(ASKED) if url.startswith("http")}


@pytest.fixture(scope="module")
def kept(served: str, browser: Any) -> set[str]:
    """Return the files that a reader's browser has kept who came in by the front page."""
    page = browser.new_page()
    page.goto(f"{served}/book/index.html", wait_until="networkidle")
    files = asked(page)
    page.close()
    return files


@each_page
def test_page_is_light(name: str, kept: set[str], served: str, visit: Any) -> None:
    files = asked(visit(f"{served}/{name}", served).page)
    assert [file for file in files if file.endswith(".css")]
    most = INTERACTIVE if any("/play/" in file for file in files) else FIRST
    assert sum(map(sent, files)) <= most, sorted(files, key=sent)[-5:]
    assert sum(map(sent, files - kept)) <= FOLLOWING, sorted(files - kept, key=sent)[-5:]
