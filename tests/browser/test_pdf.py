"""The book as a PDF, read back by poppler's pdftotext, the oracle here."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from recohort.paths import ROOT

from .test_pages import BANNER, parsed

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PDF = ROOT / "_build" / "pdf" / "thirty-eight-patients.pdf"


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def sheets() -> list[str]:
    """Return the text of each printed page."""
    assert shutil.which("pdftotext"), "no pdftotext on the path (Debian: apt-get install poppler-utils)"
    subprocess.run([sys.executable, ROOT / ".ci" / "pdf.py"], check=True, capture_output=True)
    done = subprocess.run(["pdftotext", "-layout", PDF, "-"], check=True, capture_output=True, text=True)
    return [words(sheet) for sheet in done.stdout.split("\f")[:-1]]


def test_every_page_says_that_the_patients_are_reconstructed(sheets: list[str]) -> None:
    assert len(sheets) > 0
    assert [number for number, sheet in enumerate(sheets, 1) if BANNER not in sheet] == []


def test_all_chapters_are_there_in_the_order_of_the_contents(sheets: list[str]) -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    names = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    titles = []
    for name in names:
        heading = parsed(str(Path(name).with_suffix(".html"))).select_one("article h1")
        assert heading is not None
        titles.append(words(heading.get_text().removesuffix("#")))
    warning = parsed("book/index.html").select_one(".bd-header-announcement")
    assert warning is not None
    texts = [sheet.removeprefix(words(warning.get_text())).strip() for sheet in sheets]
    at = 0
    for title in titles:
        at = next((n for n in range(at + 1, len(texts)) if texts[n].startswith(title)), len(texts))
        assert at < len(texts), f"no page begins with {title!r} after the chapters before it"
