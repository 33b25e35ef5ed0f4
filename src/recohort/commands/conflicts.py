"""`recohort conflicts`: find claims that cannot hold together."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from recohort.commands import DONE, INTERRUPTED, NOT_MET
from recohort.commands.arguments import add_jobs, processes, seconds
from recohort.commands.reports import complain, naming
from recohort.files import InputError, check_writable, shown, write_text

if TYPE_CHECKING:
    import pandas as pd

    from recohort.ledger import Ledger
    from recohort.solve.audit import Audit
    from recohort.solve.instance import Settings
    from recohort.solve.kept import Kept

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's own arguments; --ledger and --json are there."""
    parser.add_argument(
        "--cohort", type=Path, metavar="FILE", help="patients that show which amendments are enough"
    )
    parser.add_argument("--only", nargs="+", default=(), metavar="CLAIM", help="audit these claims alone")
    parser.add_argument(
        "--seconds", type=seconds, default=20.0, metavar="N", help="limit of each question (default 20)"
    )
    parser.add_argument(
        "--no-changes",
        dest="changes",
        action="store_false",
        help="do not ask how far numbers would have to move (quicker)",
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
    from recohort.solve.instance import Settings
    from recohort.solve.readings import readings

    cohorts = [cohort.read(options.cohort, ledger)] if options.cohort else []
    settings = Settings(seconds=options.seconds)
    kept = _kept(options, ledger, cohorts, settings)
    others = None
    try:
        with naming(options.ledger), terminal.progress() as tell:
            found = _base(options, ledger, cohorts, settings, kept, tell)
            if options.conventions:
                others = readings(found, cohorts, settings, jobs=processes(options), tell=tell, kept=kept)
    except KeyboardInterrupt:
        if kept is None or not kept.path.exists():
            raise
        goes_on = f"the same command goes on from {shown(kept.path)}"
        return complain(f"recohort conflicts: interrupted; {goes_on}", INTERRUPTED)
    if options.out:
        write_text(options.out, terminal.json_text(conflicts.to_json(found, others)) + "\n")
    if kept:
        kept.clear()
    if options.json:
        terminal.print_json(conflicts.to_json(found, others))
    else:
        for line in conflicts.to_lines(found, others):
            terminal.print_text(line)
    return NOT_MET if found.fewest else DONE


def _kept(
    options: argparse.Namespace, ledger: Ledger, cohorts: Sequence[pd.DataFrame], settings: Settings
) -> Kept | None:
    """Return where finished readings are kept: beside the output, until it is written."""
    from recohort.solve.kept import Kept, fingerprint

    if options.out is None or not options.conventions:
        return None
    of = fingerprint(
        ledger.model_dump_json(), settings, options.changes, *(cohort.to_csv() for cohort in cohorts)
    )
    return Kept(options.out.with_name(f"{options.out.name}.readings"), of)


def _base(
    options: argparse.Namespace,
    ledger: Ledger,
    cohorts: Sequence[pd.DataFrame],
    settings: Settings,
    kept: Kept | None,
    tell: Callable[[str, float], None],
) -> Audit:
    """Audit under the ledger's own conventions, unless that is kept from before."""
    from recohort.solve.audit import audit, join
    from recohort.solve.statements import as_printed

    printed = as_printed(ledger)
    if kept and (before := kept.load("own", printed)):
        return join(printed, list(before), cohorts, settings.seconds)
    found = audit(
        ledger,
        cohorts,
        settings,
        only=options.only,
        changes=options.changes,
        jobs=processes(options),
        tell=tell,
    )
    if kept:
        kept.save("own", found.findings)
    return found
