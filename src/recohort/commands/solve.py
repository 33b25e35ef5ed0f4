"""`recohort solve`: reconstruct one cohort."""

from __future__ import annotations

import argparse
from pathlib import Path

from recohort.commands import DONE
from recohort.commands.arguments import add_seed
from recohort.commands.reports import in_words, naming, report_missed, verdicts
from recohort.files import check_writable, shown

__all__ = ["arguments", "run"]


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's own arguments; --ledger and --json are there."""
    parser.epilog = (
        "The search ends with the first cohort that meets every claim, or after 8 tries, and then names the "
        "claims that the best cohort misses. A try is up to 20 starts for each group of patients, and one "
        "for all together. There is no limit in seconds, so that the same seed ends the same way everywhere. "
        "Contradictions that are quick to prove are looked for first; `recohort conflicts` looks for all."
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write the cohort")
    add_seed(parser, "bytes")


def run(options: argparse.Namespace) -> int:
    """Reconstruct one cohort and write it."""
    from recohort import ledger as ledgers

    check_writable(options.out, options.ledger)
    ledger = ledgers.load(options.ledger)

    from recohort import check, cohort, terminal
    from recohort.solve.reconstruct import Unsatisfiable, reconstruct

    try:
        with naming(options.ledger), terminal.progress() as tell:
            patients = reconstruct(ledger, options.seed, progress=tell).assign(source=cohort.SOURCE)
    except Unsatisfiable as error:
        return report_missed(options, ledger, error.claims, proven=error.proven)
    rows = check.check(patients, ledger)  # nothing is written that the checker has not seen
    missed = {row.claim for row in rows if row.verdict == "not reproduced"}
    if missed:
        return report_missed(options, ledger, missed, proven=False)
    cohort.write(patients, ledger, options.out)
    if options.json:
        terminal.print_json({"out": shown(options.out), "seed": options.seed} | verdicts(patients, rows))
    else:
        terminal.print_text(f"{shown(options.out)}: {in_words(patients)}, seed {options.seed}")
        terminal.print_text(check.scorecard_line(rows))
    return DONE
