"""`recohort bounds`: prove how small and how large each quantity can be."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from recohort.commands import DONE, NOT_MET
from recohort.commands.arguments import add_jobs, processes
from recohort.commands.reports import complain, naming
from recohort.files import InputError, check_writable, shown

if TYPE_CHECKING:
    import pandas as pd

    from recohort.ledger import Ledger

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's own arguments; --ledger and --json are there."""
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="CSV file, kept up to date; a further run goes on from it"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="quantities whose name has this in it")
    parser.add_argument(
        "--cohorts", type=Path, action="append", default=[], metavar="FILE",
        help="a cohort (CSV) or an ensemble (Parquet) that meets every claim, to show what is reached",
    )  # fmt: skip
    parser.add_argument(
        "--known", type=Path, metavar="FILE",
        help="bounds of this ledger proven before, as --out writes them: no end comes out wider",
    )  # fmt: skip
    add_jobs(parser)


def run(options: argparse.Namespace) -> int:
    """Prove how small and how large each quantity can be."""
    from recohort import ledger as ledgers

    if options.out is not None:
        check_writable(options.out, options.ledger, *options.cohorts)
    ledger = ledgers.load(options.ledger)

    from recohort import terminal
    from recohort.solve import bounds
    from recohort.solve.order_bounds import Contradiction

    if options.known is not None and not options.known.exists():
        raise InputError(f"{shown(options.known)}: no such file")
    before = bounds.read(options.known) if options.known is not None else []
    cohorts = [patients for path in options.cohorts for patients in _cohorts_in(path, ledger)]
    try:
        with naming(options.ledger), terminal.progress() as tell:
            rows = bounds.run(
                ledger,
                options.out,
                only=options.only,
                cohorts=cohorts,
                before=before,
                jobs=processes(options),
                tell=tell,
            )
    except Contradiction as error:
        return complain(
            f"recohort bounds: no cohort meets these claims together (proven), so there is nothing to bound: "
            f"{', '.join(error.claims[:8])}{', ...' if len(error.claims) > 8 else ''}",
            NOT_MET,
        )
    if options.json:
        terminal.print_json({"ledger": shown(options.ledger), "bounds": bounds.as_json(rows)})
    else:
        terminal.show_bounds(rows)
        terminal.print_text(bounds.summary(rows))
    return DONE


def _cohorts_in(path: Path, ledger: Ledger) -> list[pd.DataFrame]:
    """Read one cohort or many, all of which must meet every claim."""
    from recohort import check, cohort, ensemble

    many = path.suffix == ".parquet"
    found = (
        [one for _, one in ensemble.each(ensemble.read(path, ledger))]
        if many
        else [cohort.read(path, ledger)]
    )
    for number, patients in enumerate(found, 1):
        if check.scorecard(check.check(patients, ledger))["not reproduced"]:
            raise InputError(f"{shown(path)}: cohort {number} does not meet every claim; see recohort check")
    return found
