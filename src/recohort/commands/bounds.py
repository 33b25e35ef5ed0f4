"""`recohort bounds`: prove how small and how large each quantity can be."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from recohort.commands import DONE, NOT_MET
from recohort.commands.arguments import add_jobs, processes
from recohort.commands.reports import complain, naming
from recohort.files import InputError, check_writable, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
    jobs = processes(options)
    try:
        with naming(options.ledger), terminal.progress() as tell:
            cohorts = [one for path in options.cohorts for one in _cohorts_in(path, ledger, jobs, tell)]
            rows = bounds.run(
                ledger,
                options.out,
                only=options.only,
                cohorts=cohorts,
                before=before,
                jobs=jobs,
                tell=tell,
            )
    except Contradiction as error:
        return complain(
            f"recohort bounds: no cohort meets these claims together (proven), so there is nothing to bound: "
            f"{', '.join(error.claims[:8])}{', ...' if len(error.claims) > 8 else ''}",
            NOT_MET,
        )
    if not rows:
        raise InputError(f"--only {options.only[:60]!r}: no quantity has this in its name")
    if options.json:
        terminal.print_json({"ledger": shown(options.ledger), "bounds": bounds.as_json(rows)})
    else:
        terminal.show_bounds(rows)
        terminal.print_text(bounds.summary(rows))
    return DONE


def _cohorts_in(
    path: Path, ledger: Ledger, jobs: int, tell: Callable[[str, float], None]
) -> list[pd.DataFrame]:
    """Read one cohort or many, all of which must meet every claim."""
    from recohort import cohort, ensemble
    from recohort.solve.workers import Workers, local

    tell(f"checking {shown(path)}", 0.0)
    if path.suffix == ".parquet":
        found = [one for _, one in ensemble.each(ensemble.read(path, ledger))]
    else:
        found = [cohort.read(path, ledger)]
    shares = min(jobs, len(found)) or 1
    workers: Workers[list[int]] = local(shares)
    unmet = [
        n for _, some in workers(partial(_unmet, ledger, found, shares), iter(range(shares))) for n in some
    ]
    if unmet:
        raise InputError(f"{shown(path)}: cohort {min(unmet)} does not meet every claim; see recohort check")
    return found


def _unmet(ledger: Ledger, found: Sequence[pd.DataFrame], shares: int, first: int) -> list[int]:
    """Check every so many cohorts; return the numbers, from 1, of those that miss a claim."""
    from recohort.check import check, scorecard

    mine = range(first, len(found), shares)
    return [n + 1 for n in mine if scorecard(check(found[n], ledger))["not reproduced"]]
