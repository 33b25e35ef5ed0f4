"""The built book, on a web server and on disk, and a browser to look at it."""

from __future__ import annotations

import functools
import html
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from chromium import NO_CHROMIUM, find_chromium
from playwright.sync_api import Browser, Page, sync_playwright

from recohort.paths import ROOT

BUILT = ROOT / "_build" / "html"
SCREENSHOTS = ROOT / "_build" / "screenshots"
PAGES = sorted(
    path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*.html") if "_static" not in path.parts
)
each_page = pytest.mark.parametrize("name", [name for name in PAGES if name != "index.html"])
SET_MODE = "mode => { document.documentElement.dataset.mode = document.documentElement.dataset.theme = mode }"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Return the address of a web server that serves the built book."""
    assert PAGES, "no book in _build/html: run `make book` first"
    handler = functools.partial(_Quiet, directory=str(BUILT))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = find_chromium()
    assert chromium, NO_CHROMIUM
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@dataclass
class Visit:
    """A page as a reader opened it, with everything that went wrong."""

    page: Page
    outside: list[str] = field(default_factory=list)  # requests to other hosts
    faults: list[str] = field(default_factory=list)  # console errors, uncaught errors, failed requests


@pytest.fixture
def visit(browser: Browser) -> Iterator[Any]:
    """Return a function that opens an address and notes what the page does."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")

    def opened(address: str, home: str) -> Visit:
        seen = Visit(context.new_page())
        seen.page.on("console", lambda m: seen.faults.append(m.text) if m.type == "error" else None)
        seen.page.on("pageerror", lambda error: seen.faults.append(str(error)))
        seen.page.on("requestfailed", lambda r: seen.faults.append(f"{r.url}: {r.failure}"))
        seen.page.on(
            "response", lambda r: seen.faults.append(f"{r.status} {r.url}") if r.status >= 400 else None
        )

        def note(url: str) -> None:
            if not url.startswith((home, "data:", "blob:")):
                seen.outside.append(url)

        seen.page.on("request", lambda request: note(request.url))
        seen.page.goto(address, wait_until="networkidle")
        return seen

    yield opened
    context.close()


def read_from_disk(visit: Any, page: Path) -> Iterator[Any]:
    """Yield a page opened from disk; then nothing must have gone wrong, nor been asked of another host."""
    seen = visit(page.as_uri(), BUILT.as_uri())
    yield seen.page
    assert not seen.faults
    assert not seen.outside


def shot(name: str, width: str, mode: str) -> Path:
    """Return where the screenshot of a page is kept."""
    return SCREENSHOTS / f"{name.removesuffix('.html').replace('/', '-')}-{width}-{mode}.png"


@pytest.fixture(scope="session", autouse=True)
def contact_sheet() -> Iterator[None]:
    """Make the folder of screenshots before the tests, write one page that shows them all after."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    yield
    rows = []
    for name in PAGES:
        shots = [shot(name, width, mode).name for mode in ("light", "dark") for width in ("wide", "narrow")]
        cells = "".join(
            f'<td><a href="{s}"><img src="{s}" alt="{s}" height="400" loading="lazy"></a></td>' for s in shots
        )
        rows.append(f"<tr><th>{html.escape(name)}</th>{cells}</tr>")
    sheet = (
        "<!doctype html><meta charset=utf-8><title>Screenshots</title><table>" + "\n".join(rows) + "</table>"
    )
    (SCREENSHOTS / "index.html").write_text(sheet, "utf-8")
