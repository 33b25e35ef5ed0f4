"""The table of page speeds: every page is in it and meets its targets. Oracle: reports made up by hand."""

from __future__ import annotations

import gzip
import json
import runpy
import threading
import urllib.request
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from recohort.paths import ROOT

SCRIPT = runpy.run_path(str(ROOT / ".ci" / "lighthouse.py"))
CONTENTS = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
PAGES = [CONTENTS["root"], *(chapter["file"] for part in CONTENTS["parts"] for chapter in part["chapters"])]


@pytest.fixture(scope="module")
def lines() -> list[dict[str, str]]:
    return SCRIPT["read_table"]()


def test_every_page_was_measured_and_meets_its_targets(lines: list[dict[str, str]]) -> None:
    ours = {line["page"]: line for line in lines if line["book"] == SCRIPT["OURS"]}
    missing = [page for page in PAGES if f"{page}.html" not in ours]
    assert not missing, f"make book && make lighthouse PAGES='{' '.join(f'{page}.html' for page in missing)}'"
    assert {page.removesuffix(".html") for page in ours} <= {*PAGES, "genindex", "search"}
    assert {page: SCRIPT["faults"](line) for page, line in ours.items() if SCRIPT["faults"](line)} == {}


def test_the_table_in_contributing_is_the_measured_one(lines: list[dict[str, str]]) -> None:
    text = SCRIPT["CONTRIBUTING"].read_text("utf-8")
    assert SCRIPT["insert"](text, SCRIPT["written"](lines)) == text, "make lighthouse"
    assert len({line["book"] for line in lines}) > 1  # another book, to compare
    lock = json.loads((ROOT / "tests" / "browser" / "package-lock.json").read_text("utf-8"))
    pinned = lock["packages"]["node_modules/lighthouse"]["version"]
    assert {line["lighthouse"] for line in lines} == {pinned}


def report(performance: float, **sizes: int) -> dict[str, Any]:
    """Return a made-up report with the fields of Lighthouse's own."""
    items = [
        {"url": f"http://localhost:1/{name}?v=1", "transferSize": size} for name, size in sizes.items()
    ] + [{"url": "data:image/svg+xml,", "transferSize": 7}]
    names = SCRIPT["CATEGORIES"]
    return {
        "categories": {name: {"score": performance if name == "performance" else 1} for name in names},
        "audits": {"network-requests": {"details": {"items": items}}},
        "environment": {"hostUserAgent": "Mozilla/5.0 HeadlessChrome/156.0.0.0 Safari/537.36"},
        "fetchTime": "2026-11-25T15:00:00.000Z",
        "lighthouseVersion": "12.8.2",
    }


def test_a_line_counts_what_the_network_brought() -> None:
    line = SCRIPT["row"]("a book", "a.html", report(0.944, style=400_000, page=151_000), {"style"})
    assert (line["first_kb"], line["following_kb"], line["performance"]) == ("551", "151", "94")
    assert (line["chromium"], line["date"], line["kind"]) == ("156", "2026-11-25", "read")
    assert SCRIPT["faults"](line) == ["performance 94 < 95", "first_kb 551 > 500", "following_kb 151 > 150"]
    playing = line | {"kind": "play", "following_kb": "150"}
    assert SCRIPT["faults"](playing) == []


def test_a_style_sheet_is_the_same_file_after_the_next_build() -> None:
    assert SCRIPT["path_of"]("http://localhost:1/_static/all.18f4fde6.css?v=1") == "_static/all.css"
    assert SCRIPT["path_of"]("http://localhost:1/a.b/c.html") == "a.b/c.html"


@pytest.mark.parametrize(
    ("first", "others", "counted"), [(0.95, [], 95), (0.90, [0.97, 0.96], 96), (0.90, [0.80, 0.97], 90)]
)
def test_a_slow_run_is_repeated_and_the_median_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: float, others: list[float], counted: int
) -> None:
    runs = iter([report(first), *map(report, others)])
    monkeypatch.setitem(SCRIPT["measure"].__globals__, "run", lambda address, file: next(runs))
    SCRIPT["measure"]("http://localhost:1/a.html", tmp_path / "book" / "a.json")
    assert list(runs) == []
    kept = json.loads((tmp_path / "book" / "a.json").read_text("utf-8"))
    assert SCRIPT["scores"](kept)["performance"] == counted


def test_the_server_sends_gzip(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("p{}" * 1000)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SCRIPT["Gzip"], directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/a.css?v=1") as answer:
            body = answer.read()
            assert answer.headers["Content-Type"] == "text/css"
            assert answer.headers["Content-Encoding"] == "gzip"
        server.shutdown()
    assert gzip.decompress(body) == b"p{}" * 1000
    assert len(body) < 100
