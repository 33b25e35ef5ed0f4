"""`recohort describe`: print known patients as a paper would."""

from __future__ import annotations

import argparse
from pathlib import Path

from recohort.commands import DONE
from recohort.commands.reports import in_words, print_off_grid, verdicts
from recohort.files import InputError, check_writable, shown
from recohort.wording import counted

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's own arguments; --ledger and --json are there."""
    parser.add_argument("cohort", type=Path, help="known patients, a CSV file with the design's columns")
    parser.add_argument(
        "--design",
        type=Path,
        required=True,
        metavar="FILE",
        help="a ledger without claims, and what to print",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write the ledger")


def run(options: argparse.Namespace) -> int:
    """Write the ledger that a paper would have printed of known patients."""
    from recohort import design as designs

    check_writable(options.out, options.cohort, options.design)
    design = designs.load(options.design)

    from recohort import check, cohort, describe, terminal

    patients = cohort.read(options.cohort, design.ledger)
    try:
        ledger = describe.describe(patients, design)
    except InputError as error:
        raise InputError(f"{shown(options.cohort)}: {error}") from None
    describe.write(ledger, design, options.out)
    rows = check.check(patients, ledger)
    if options.json:
        made = {"out": shown(options.out), "claims": len(ledger.claims)}
        off = {"times_off_grid": cohort.times_off_grid(patients, ledger)}
        terminal.print_json(made | off | verdicts(patients, rows))
    else:
        terminal.print_text(
            f"{shown(options.out)}: {counted(len(ledger.claims), 'claim')} of {in_words(patients)}"
        )
        print_off_grid(patients, ledger)
        terminal.print_text(check.scorecard_line(rows))
    return DONE
