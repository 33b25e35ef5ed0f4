"""Measure the pages of a built book with Lighthouse: a phone on a slow network, and a server that sends gzip.

    .ci/lighthouse.py [PAGE ...]                                    this book (`make lighthouse`)
    .ci/lighthouse.py --book FOLDER --name "msprime 1.4.4" PAGE ... another book, to compare

Without PAGE, every page that was not measured since the book was built; an interrupted run goes on where
it stopped. The scores of all books are kept in tests/browser/lighthouse.csv; the table in CONTRIBUTING.md
is written from them.
Exit 1 if a page of this book falls short, 2 if nothing can be measured.
"""

from __future__ import annotations

import argparse
import csv
import functools
import gzip
import io
import json
import os
import re
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from chromium import NO_CHROMIUM, find_chromium

from recohort.files import write_text
from recohort.paths import ROOT

BUILT = ROOT / "_build" / "html"
LIGHTHOUSE = ROOT / "tests" / "browser" / "node_modules" / ".bin" / "lighthouse"
TABLE = ROOT / "tests" / "browser" / "lighthouse.csv"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
MARKS = "<!-- lighthouse: written by `make lighthouse` -->\n", "<!-- lighthouse: end -->\n"
OURS = "this book"
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-quic --disable-component-update"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
COLUMNS = ["book", "page", "kind", *CATEGORIES, "first_kb", "following_kb", "date", "lighthouse", "chromium"]
TARGETS = {  # scores: at least; kilobytes: at most
    "read": dict(zip(CATEGORIES, (95, 100, 100, 100), strict=True)) | {"first_kb": 500, "following_kb": 150},
    "play": dict(zip(CATEGORIES, (90, 100, 100, 100), strict=True)) | {"first_kb": 800, "following_kb": 150},
}
# Other work on the machine slows a page: where the first run falls short, the median of three counts.
MORE_RUNS = 2
Row = dict[str, str]
Report = dict[str, Any]


# --- measuring -----------------------------------------------------------------------------


@functools.cache
def packed(path: str) -> bytes:
    """Return a file as it is sent."""
    return gzip.compress(Path(path).read_bytes(), 6)


class Gzip(SimpleHTTPRequestHandler):
    """Sends every file compressed, over connections that stay open, to be kept for ten minutes."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a file."""
        path = Path(self.translate_path(self.path))
        body = packed(str(path)) if path.is_file() else b""
        self.send_response(200 if body else 404)
        if body:
            self.send_header("Content-Type", self.guess_type(path))
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Cache-Control", "max-age=600")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


def run(address: str, report: Path) -> Report:
    """Let Lighthouse look at an address once."""
    part = report.with_suffix(".part")
    command = [
        LIGHTHOUSE,
        address,
        "--quiet",
        "--output=json",
        f"--output-path={part}",
        f"--chrome-flags={FLAGS}",
    ]
    command += ["--disable-full-page-screenshot", "--only-categories=" + ",".join(CATEGORIES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=180)
    if done.returncode or not part.is_file():
        raise RuntimeError(
            f"Lighthouse could not measure {address}: {(done.stderr.strip() or '?').splitlines()[-1]}"
        )
    found: Report = json.loads(part.read_text("utf-8"))
    part.unlink()
    if "runtimeError" in found:
        raise RuntimeError(f"Lighthouse could not measure {address}: {found['runtimeError']['message']}")
    return found


def scores(report: Report) -> dict[str, int]:
    """Return the scores of a report, 0 to 100."""
    return {name: round(100 * (report["categories"][name]["score"] or 0)) for name in CATEGORIES}


def sent(report: Report) -> dict[str, int]:
    """Return the bytes that came over the network, by address."""
    requests = report["audits"]["network-requests"]["details"]["items"]
    return {r["url"].split("#")[0]: int(r["transferSize"]) for r in requests if r["url"].startswith("http")}


def path_of(url: str) -> str:
    """Return the path of an address, without what changes in it from build to build."""
    return re.sub(r"\.[0-9a-f]{8,}\.", ".", url.split("/", 3)[3].partition("?")[0])


def kind(report: Report) -> str:
    """Return ``"play"`` for a page that loads something to play with, else ``"read"``."""
    return "play" if any("/_static/play/" in url for url in sent(report)) else "read"


def measure(address: str, file: Path) -> None:
    """Measure a page and keep the report: one run, or the median of three where the first falls short."""
    runs = [run(address, file)]
    if scores(runs[0])["performance"] < TARGETS[kind(runs[0])]["performance"]:
        runs += [run(address, file) for _ in range(MORE_RUNS)]
    runs.sort(key=lambda report: scores(report)["performance"])
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(runs[len(runs) // 2]))


# --- what was measured -----------------------------------------------------------------------


def row(book: str, page: str, report: Report, kept: set[str]) -> Row:
    """Return a line of the table; `kept` are the paths that a browser has from the first page."""
    sizes = {path_of(url): size for url, size in sent(report).items()}
    agent = re.search(r"Chrome/([\d.]+)", report["environment"]["hostUserAgent"])
    values = {
        "book": book,
        "page": page,
        "kind": kind(report),
        **scores(report),
        "first_kb": round(sum(sizes.values()) / 1000),
        "following_kb": round(sum(size for path, size in sizes.items() if path not in kept) / 1000),
        "date": report["fetchTime"][:10],
        "lighthouse": report["lighthouseVersion"],
        "chromium": agent.group(1).split(".")[0] if agent else "?",
    }
    return {key: str(value) for key, value in values.items()}


def read_table() -> list[Row]:
    """Return the lines that are kept, none at first."""
    return list(csv.DictReader(TABLE.read_text("utf-8").splitlines())) if TABLE.is_file() else []


def faults(line: Row) -> list[str]:
    """Return in what a page falls short of its targets."""
    least = {key: target for key, target in TARGETS[line["kind"]].items() if key in CATEGORIES}
    most = {key: target for key, target in TARGETS[line["kind"]].items() if key not in CATEGORIES}
    found = [f"{key} {line[key]} < {target}" for key, target in least.items() if int(line[key]) < target]
    return found + [
        f"{key} {line[key]} > {target}" for key, target in most.items() if int(line[key]) > target
    ]


def span(lines: list[Row], key: str, worst: Callable[[list[int]], int]) -> str:
    """Return the median and the worst of a column."""
    values = [int(line[key]) for line in lines]
    return f"{statistics.median(values):.0f} ({worst(values)})"


def written(lines: list[Row]) -> str:
    """Return the table of CONTRIBUTING.md."""
    heads = [
        "Pages",
        "Performance",
        "Accessibility",
        "Best practices",
        "SEO",
        "KB, first page",
        "KB, following page",
    ]
    text = [f"| Median (worst) of | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    groups = {(OURS, "read"): "this book, pages to read", (OURS, "play"): "this book, pages to play with"}
    groups |= {(line["book"], "read"): line["book"] for line in lines if line["book"] != OURS}
    for (book, sort), name in groups.items():
        chosen = [line for line in lines if line["book"] == book and (line["kind"] == sort or book != OURS)]
        if chosen:
            cells = [span(chosen, key, min) for key in CATEGORIES]
            cells += [span(chosen, key, max) for key in ("first_kb", "following_kb")]
            text.append(f"| {name} | {len(chosen)} | {' | '.join(cells)} |")
    dates = sorted(line["date"] for line in lines)
    with_what = ", ".join(
        sorted({f"Lighthouse {x['lighthouse']} and Chromium {x['chromium']}" for x in lines})
    )
    when = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
    return "\n".join(text) + f"\n\nMeasured {when} with {with_what}.\n"


def insert(text: str, table: str) -> str:
    """Return CONTRIBUTING.md with the table between its marks."""
    before, start, rest = text.partition(MARKS[0])
    _, end, after = rest.partition(MARKS[1])
    if not (start and end):
        raise RuntimeError(f"{CONTRIBUTING.name} has lost the marks of the table: {' '.join(MARKS)}")
    return before + start + table + end + after


def keep(book: str, lines: list[Row]) -> None:
    """Write the lines of a book beside those of the others, and the table from all."""
    others = [line for line in read_table() if line["book"] != book]
    every = sorted([*lines, *others], key=lambda line: (line["book"] != OURS, line["book"], line["page"]))
    text = io.StringIO()
    table = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows(every)
    write_text(TABLE, text.getvalue())
    write_text(CONTRIBUTING, insert(CONTRIBUTING.read_text("utf-8"), written(every)))


# --- the command -----------------------------------------------------------------------------


def pages_of(built: Path) -> list[str]:
    """Return the pages of a built book, without the entrance that only leads to the first page."""
    every = (path.relative_to(built) for path in sorted(built.rglob("*.html")))
    return [
        path.as_posix() for path in every if path.parts[0] != "_static" and path.as_posix() != "index.html"
    ]


def measure_all(built: Path, wanted: list[str], *, anew: bool) -> None:
    """Measure the wanted pages, except (unless `anew`) those with a report younger than the book."""
    reports = built.parent / "lighthouse"
    age = max(path.stat().st_mtime for path in built.rglob("*") if path.is_file())
    todo = []
    for page in wanted:
        file = reports / f"{page}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        if anew or not file.is_file() or file.stat().st_mtime < age:
            todo.append((page, file))
    handler = functools.partial(Gzip, directory=str(built))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for number, (page, file) in enumerate(todo, 1):
            print(f"{number}/{len(todo)} {page}", end=" ", file=sys.stderr, flush=True)
            measure(f"http://localhost:{server.server_port}/{page}", file)
            print(*scores(json.loads(file.read_text("utf-8"))).values(), file=sys.stderr)
        server.shutdown()


def measured(built: Path, book: str, wanted: list[str]) -> list[Row]:
    """Return the lines of the pages that have a report; the first of `wanted` is the one to come in by."""
    files = {page: built.parent / "lighthouse" / f"{page}.json" for page in wanted}
    reports = {page: json.loads(file.read_text("utf-8")) for page, file in files.items() if file.is_file()}
    front = reports.get(wanted[0])
    kept = {path_of(url) for url in sent(front)} if front else set()
    return [row(book, page, report, kept) for page, report in reports.items()]


def main() -> int:
    """Measure, keep, and say which pages of this book fall short."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "pages", nargs="*", metavar="PAGE", help="measure these anew (another book: the first page first)"
    )
    parser.add_argument("--book", type=Path, default=BUILT, metavar="FOLDER", help="the built HTML")
    parser.add_argument("--name", default=OURS, help="what the table calls it")
    asked = parser.parse_args()
    built, ours = asked.book.resolve(), asked.book == BUILT
    chromium = find_chromium()
    every = (
        ["book/index.html", *(page for page in pages_of(built) if page != "book/index.html")]
        if ours
        else asked.pages
    )
    unknown = [page for page in asked.pages if not (built / page).is_file()]
    problem = (
        (not chromium and NO_CHROMIUM)
        or (
            not LIGHTHOUSE.exists()
            and "no Lighthouse: run `npm ci` in tests/browser (`make lighthouse` does)"
        )
        or (ours and not (built / every[0]).is_file() and "no book in _build/html: run `make book` first")
        or (unknown and f"no such page in {asked.book}: {', '.join(unknown)}")
        or (
            not ours
            and (not every or asked.name == OURS)
            and "another book needs --name and the pages to measure"
        )
    )
    if problem:
        print(f"lighthouse: {problem}", file=sys.stderr)
        return 2
    os.environ["CHROME_PATH"] = str(chromium)
    try:
        measure_all(built, asked.pages or every, anew=bool(asked.pages))
        lines = measured(built, asked.name, every)
        keep(asked.name, lines)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"\nlighthouse: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(
            "\nlighthouse: stopped; the pages measured so far are kept, the same command goes on",
            file=sys.stderr,
        )
        return 130
    short = {line["page"]: faults(line) for line in lines if ours and faults(line)}
    for page, why in short.items():
        print(f"{page}: {', '.join(why)}")
    print(f"{len(lines)} pages measured, {len(short)} fall short")
    return bool(short)


if __name__ == "__main__":
    sys.exit(main())
