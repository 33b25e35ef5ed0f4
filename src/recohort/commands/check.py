"""`recohort check`: hold a cohort against every printed number."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from recohort import paths
from recohort.commands import DONE, NOT_MET
from recohort.commands.reports import in_words, verdicts
from recohort.files import check_writable, shown, write_text

if TYPE_CHECKING:
    from recohort.check import Row

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's own arguments; --ledger and --json are there."""
    parser.add_argument(
        "cohort", nargs="?", type=Path, default=paths.COHORT, help="cohort, a CSV file (default: the book's)"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the verdicts to a CSV file as well")


def run(options: argparse.Namespace) -> int:
    """Give one verdict per printed number."""
    from recohort import ledger as ledgers

    if options.csv is not None:
        check_writable(options.csv, options.ledger, options.cohort)
    ledger = ledgers.load(options.ledger)

    from recohort import check, cohort, terminal

    patients = cohort.read(options.cohort, ledger)
    rows = check.check(patients, ledger)
    if options.csv is not None:
        write_text(options.csv, check.to_frame(rows).to_csv(index=False, lineterminator="\n"))
    if options.json:
        terminal.print_json(
            {"ledger": shown(options.ledger), "cohort": shown(options.cohort)}
            | verdicts(patients, rows)
            | {"rows": [_json_row(row) for row in rows]}
        )
    else:
        terminal.show_checked(rows)
        terminal.print_text(f"{shown(options.cohort)}: {in_words(patients)}")
        terminal.print_text(check.scorecard_line(rows))
    return NOT_MET if check.scorecard(rows)["not reproduced"] else DONE


def _json_row(row: Row) -> dict[str, object]:
    """Turn a row into what JSON can hold: a median that is not reached is null, and its text says so."""
    finite = row.computed is not None and isfinite(row.computed)
    return asdict(row) | {"computed": row.computed if finite else None}
