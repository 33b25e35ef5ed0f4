"""What the commands print: tables for people, JSON for machines, progress while one waits."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING, NoReturn

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from recohort.check import Row
    from recohort.ledger import Claim
    from recohort.solve.bounds import Bounds

__all__ = ["json_text", "print_json", "print_text", "progress", "show_bounds", "show_checked", "show_claims"]

STYLES = {
    "reproduced": "green",
    "reproduced as read": "yellow",
    "not reproduced": "bold red",
    "context": "dim",
}
WIDTH_OF_A_FILE = 120
"""Columns when the output is no terminal and COLUMNS does not say otherwise."""
EVERY = 30.0
"""Seconds between lines of progress when the output is no terminal."""


class _Console(Console):
    """A console that leaves a closed pipe to the command line, which knows the exit code."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    known = stream.isatty() or "COLUMNS" in os.environ
    # texts of a ledger are shown as they are: no [markup], no :emoji:
    return _Console(
        stderr=stderr,
        width=None if known else WIDTH_OF_A_FILE,
        markup=False,
        emoji=False,
        highlight=False,
    )


def print_text(text: str) -> None:
    """Print a sentence on one line."""
    _console().print(text, soft_wrap=True)


def json_text(content: dict[str, object]) -> str:
    """Give one JSON object as text; a number that JSON does not have is an error, not NaN."""
    return json.dumps(content, indent=1, allow_nan=False)


def print_json(content: dict[str, object]) -> None:
    """Print one JSON object."""
    print(json_text(content))


def show_checked(rows: Iterable[Row]) -> None:
    """Print one line per printed number, grouped by place, the verdict in words and colour."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("claim", "number", "printed", "read as", "computed", "verdict"):
        table.add_column(name, overflow="fold", justify="right" if name == "computed" else "left")
    place = claim = ""
    for row in rows:
        if row.place != place:
            table.add_section()
            table.add_row(Text(row.place, style="bold"))
        first = row.claim != claim or row.place != place
        place, claim = row.place, row.claim
        table.add_row(
            row.claim if first else "",
            row.part,
            row.printed,
            row.read_as,
            row.computed_text,
            Text(row.verdict, style=STYLES[row.verdict]),
        )
    _console().print(table)


def show_claims(claims: Iterable[Claim]) -> None:
    """Print claims as they stand in the paper."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("claim", "printed", "place"):
        table.add_column(name, overflow="fold")
    for claim in claims:
        table.add_row(claim.id, claim.printed, claim.at)
    _console().print(table)


def show_bounds(rows: Sequence[Bounds]) -> None:
    """Print one line per quantity; an end that is not known to be reached carries a question mark."""
    inner = ["in cohorts"] if any(isfinite(row.low_inner) for row in rows) else []
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in ("quantity", "least", "most", "found", *inner, "verdict"):
        table.add_column(
            name, overflow="fold", justify="left" if name in ("quantity", "verdict") else "right"
        )
    for row in rows:
        least = _number(row.low, row.kind) + "?" * (not row.low_reached)
        most = _number(row.high, row.kind) + "?" * (not row.high_reached)
        seen = [(row.low_found, row.high_found), (row.low_inner, row.high_inner)][: 1 + len(inner)]
        ranges = (" to ".join(dict.fromkeys(_number(end, row.kind) for end in ends)) for ends in seen)
        table.add_row(row.name, least, most, *ranges, row.verdict)
    _console().print(table)


def _number(number: float, kind: str) -> str:
    if not isfinite(number):
        return "-"
    return f"{100 * number:.1f}%" if kind == "survival" else f"{number:.0f}"


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show on stderr that work goes on: a bar, or a line every `EVERY` seconds where that is no terminal.

    Yields
    ------
    callable
        To be told what is being done and which share, 0 to 1, is behind us.
    """
    console = _console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=1.0)

        def tell(what: str, share: float) -> None:
            bar.update(task, description=what, completed=share)

        if console.is_terminal:
            yield tell
            return
        done = threading.Event()
        lines = threading.Thread(target=_say_now_and_then, args=(bar, done), daemon=True)
        lines.start()
        try:
            yield tell
        finally:
            done.set()
            lines.join()


def _say_now_and_then(bar: Progress, done: threading.Event) -> None:
    """Print what a bar would show, until the work is done."""
    start = time.monotonic()
    while not done.wait(EVERY):
        (task,) = bar.tasks
        print(f"{time.monotonic() - start:.0f} s: {task.description}", file=sys.stderr, flush=True)
