"""`recohort conflicts`: find claims that cannot hold together."""

from __future__ import annotations

import argparse
from pathlib import Path

from recohort.commands import DONE, NOT_MET
from recohort.commands.arguments import add_jobs, processes, seconds
from recohort.commands.reports import naming
from recohort.files import InputError, check_writable, shown, write_text

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's own arguments; --ledger and --json are there."""
    parser.add_argument(
        "--cohort", type=Path, metavar="FILE", help="patients that show which amendments are enough"
    )
    parser.add_argument("--only", nargs="+", default=(), metavar="CLAIM", help="audit these claims alone")
    parser.add_argument(
        "--seconds", type=seconds, default=40.0, metavar="N", help="limit of each question (default 40)"
    )
    parser.add_argument(
        "--conventions", action="store_true", help="repeat the audit under other conventions of the ledger"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what was found (JSON)")
    add_jobs(parser)


def run(options: argparse.Namespace) -> int:
    """Find claims that cannot hold together as printed, and the fewest that must be amended."""
    from recohort import ledger as ledgers
    from recohort.ledger_checks import suggest

    if options.out:
        check_writable(options.out, options.ledger, *filter(None, [options.cohort]))
    ledger = ledgers.load(options.ledger)
    if options.conventions and options.only:
        raise InputError("--conventions goes with a whole audit: leave out --only")
    unknown = sorted(set(options.only) - {claim.id for claim in ledger.claims})
    if unknown:
        near = suggest(unknown[0], [claim.id for claim in ledger.claims])
        raise InputError(f"{shown(options.ledger)}: no claim has the id {unknown[0][:60]!r}; {near}")

    from recohort import cohort, terminal
    from recohort.exhibits import conflicts
    from recohort.solve.audit import audit
    from recohort.solve.instance import Settings
    from recohort.solve.readings import readings

    cohorts = [cohort.read(options.cohort, ledger)] if options.cohort else []
    settings = Settings(seconds=options.seconds)
    with naming(options.ledger), terminal.progress() as tell:
        found = audit(ledger, cohorts, settings, only=options.only, jobs=processes(options), tell=tell)
        others = (
            readings(found, cohorts, settings, jobs=processes(options), tell=tell)
            if options.conventions
            else None
        )
    if options.out:
        write_text(options.out, terminal.json_text(conflicts.to_json(found, others)) + "\n")
    if options.json:
        terminal.print_json(conflicts.to_json(found, others))
    else:
        for line in conflicts.to_lines(found, others):
            terminal.print_text(line)
    return NOT_MET if found.fewest else DONE
