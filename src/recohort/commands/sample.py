"""`recohort sample`: draw many different cohorts."""

from __future__ import annotations

import argparse
from pathlib import Path

from recohort.commands import DONE, INTERRUPTED, NOT_MET
from recohort.commands.arguments import add_jobs, add_seed, processes, whole
from recohort.commands.reports import complain, naming, report_missed
from recohort.files import check_writable, shown
from recohort.wording import counted

__all__ = ["arguments", "run"]

LARGEST_ENSEMBLE = 100_000


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's own arguments; --ledger and --json are there."""
    parser.add_argument(
        "-n", type=whole(1, LARGEST_ENSEMBLE), default=1000, metavar="N", help="cohorts (default 1000)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write (Parquet)")
    add_seed(parser, "file")
    where = parser.add_mutually_exclusive_group()
    add_jobs(where)
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster instead: tcp://host:8786")


def run(options: argparse.Namespace) -> int:
    """Draw an ensemble of cohorts, no two with the same order of events, and write it."""
    from recohort import ledger as ledgers

    check_writable(options.out, options.ledger)
    ledger = ledgers.load(options.ledger)

    from recohort import ensemble, terminal
    from recohort.solve.draws import Drawn, Plan
    from recohort.solve.reconstruct import Unsatisfiable
    from recohort.solve.sample import Folder, sample
    from recohort.solve.workers import Workers, cluster, local

    plan = Plan(ledger, options.seed)
    folder = Folder(options.out.with_name(f"{options.out.name}.starts"), plan)
    workers: Workers[Drawn] = cluster(options.scheduler) if options.scheduler else local(processes(options))
    try:
        with naming(options.ledger), terminal.progress() as tell:
            made = sample(plan, options.n, workers, folder, tell)
    except Unsatisfiable as error:
        return report_missed(options, ledger, error.claims, proven=error.proven)
    except KeyboardInterrupt:
        kept = f"; the same command goes on from {shown(folder.path)}" if folder.path.exists() else ""
        return complain(f"recohort sample: interrupted{kept}", INTERRUPTED)
    if not made.cohorts:
        folder.clear()
        return report_missed(options, ledger, made.missed, proven=False)
    found = len(made.cohorts)
    ensemble.write(made.cohorts, ledger, options.out, {"seed": options.seed, "starts": made.starts})
    folder.clear()
    if options.json:
        terminal.print_json(
            {"out": shown(options.out), "seed": options.seed, "cohorts": found, "starts": made.starts}
        )
    else:
        few = "" if found == options.n else f"; not {options.n}, as the last starts gave no new order"
        terminal.print_text(
            f"{shown(options.out)}: {counted(found, 'cohort')} of "
            f"{counted(ledger.study.patients, 'reconstructed patient')}, not real ones; no two have the same "
            "order of events; "
            f"{counted(sum(n > 0 for n in made.starts), 'start')}{few}"
        )
    return DONE if found == options.n else NOT_MET
