"""`recohort check`: hold a cohort against every printed number."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from recohort import paths
from recohort.commands import DONE, NOT_MET
from recohort.commands.reports import in_words, print_off_grid, verdicts
from recohort.files import InputError, check_writable, shown, write_text

if TYPE_CHECKING:
    from recohort.check import Row

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's own arguments; --ledger and --json are there."""
    parser.add_argument(
        "cohort",
        nargs="?",
        type=Path,
        help="cohort, a CSV file (default, with the book's ledger: the book's)",
    )
    parser.add_argument(
        "--only-failed", action="store_true", help="show only the numbers that are not reproduced"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the verdicts to a CSV file as well")


def run(options: argparse.Namespace) -> int:
    """Give one verdict per printed number."""
    from recohort import ledger as ledgers

    ledger = ledgers.load(options.ledger)
    file = options.cohort or _cohort_of(options.ledger)
    if options.csv is not None:
        check_writable(options.csv, options.ledger, file)

    from recohort import check, cohort, terminal

    patients = cohort.read(file, ledger)
    rows = check.check(patients, ledger)
    listed = [row for row in rows if row.verdict == "not reproduced" or not options.only_failed]
    if options.csv is not None:
        write_text(options.csv, check.to_frame(listed).to_csv(index=False, lineterminator="\n"))
    if options.json:
        terminal.print_json(
            {"ledger": shown(options.ledger), "cohort": shown(file)}
            | verdicts(patients, rows)
            | {"times_off_grid": cohort.times_off_grid(patients, ledger)}
            | {"rows": [_json_row(row) for row in listed]}
        )
    else:
        if listed:
            terminal.show_checked(listed)
        terminal.print_text(f"{shown(file)}: {in_words(patients)}")
        print_off_grid(patients, ledger)
        terminal.print_text(check.scorecard_line(rows))
    return NOT_MET if check.scorecard(rows)["not reproduced"] else DONE


def _cohort_of(ledger: Path) -> Path:
    """Return the book's cohort for the book's ledger; of another one the patients must be named."""
    if ledger.resolve() != paths.LEDGER.resolve():
        raise InputError(f"{shown(ledger)}: name the patients too: recohort check COHORT --ledger FILE")
    return paths.COHORT


def _json_row(row: Row) -> dict[str, object]:
    """Turn a row into what JSON can hold: a median that is not reached is null, and its text says so."""
    finite = row.computed is not None and isfinite(row.computed)
    return asdict(row) | {"computed": row.computed if finite else None}
