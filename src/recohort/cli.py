"""The command line: ``python -m recohort COMMAND``, also installed as ``recohort``.

Exit codes: 0 done and every claim met, 1 claims not met, 2 bad input (one line on stderr), 130
interrupted, 141 when whoever reads the output has left. Heavy modules are imported where they are
used, so that help and complaints come at once.

A command is one function from parsed arguments to an exit code, listed in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from recohort import __version__, paths
from recohort.files import InputError, check_writable, shown, write_text

if TYPE_CHECKING:
    import pandas as pd

    from recohort.check import Row
    from recohort.ledger import Ledger

__all__ = ["COMMANDS", "Command", "main"]

DONE, NOT_MET, BAD_INPUT, INTERRUPTED, READER_LEFT = 0, 1, 2, 130, 141
LARGEST_SEED = 2**31 - 1
LARGEST_ENSEMBLE = 100_000
MOST_JOBS = 256


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process if not given.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal may lack a character, but should show the rest
            stream.reconfigure(errors="backslashreplace")
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.run is None:
        parser.print_help()
        return DONE
    name = f"recohort {options.command}"
    try:
        code = options.run(options)
        sys.stdout.flush()
    except InputError as error:
        return _complain(f"{name}: {error}", BAD_INPUT)
    except (KeyboardInterrupt, ImportError) as error:
        if isinstance(error, ImportError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise  # only Ctrl-C while an extension module loads comes as an ImportError
        return _complain(f"{name}: interrupted; files are as they were", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush at exit
        return READER_LEFT
    except OSError as error:
        place = f"{shown(str(error.filename))}: " if error.filename else ""
        return _complain(f"{name}: {place}{error.strerror or error}", BAD_INPUT)
    return int(code)


def _complain(message: str, code: int) -> int:
    print(" ".join(message.split()), file=sys.stderr)
    return code


# --- commands ----------------------------------------------------------------------------


def _check_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "cohort", nargs="?", type=Path, default=paths.COHORT, help="cohort, a CSV file (default: the book's)"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write the verdicts to a CSV file as well")


def _check(options: argparse.Namespace) -> int:
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
            | _verdicts(patients, rows)
            | {"rows": [_json_row(row) for row in rows]}
        )
    else:
        terminal.show_checked(rows)
        terminal.print_text(f"{shown(options.cohort)}: {_describe(patients)}")
        terminal.print_text(check.scorecard_line(rows))
    return NOT_MET if check.scorecard(rows)["not reproduced"] else DONE


def _solve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write the cohort")
    parser.add_argument(
        "--seed", type=_seed, default=1, metavar="N", help="same seed, same bytes (default 1)"
    )


def _solve(options: argparse.Namespace) -> int:
    """Reconstruct one cohort and write it."""
    from recohort import ledger as ledgers

    check_writable(options.out, options.ledger)
    ledger = ledgers.load(options.ledger)

    from recohort import check, cohort, terminal
    from recohort.solve.problem import UnsupportedClaim
    from recohort.solve.reconstruct import Unsatisfiable, reconstruct

    try:
        with terminal.progress() as tell:
            patients = reconstruct(ledger, options.seed, progress=tell).assign(source=cohort.SOURCE)
    except UnsupportedClaim as error:
        raise InputError(f"{shown(options.ledger)}: {error}") from None
    except Unsatisfiable as error:
        return _report_missed(options, ledger, error.claims, proven=error.proven)
    rows = check.check(patients, ledger)  # nothing is written that the checker has not seen
    missed = {row.claim for row in rows if row.verdict == "not reproduced"}
    if missed:
        return _report_missed(options, ledger, missed, proven=False)
    cohort.write(patients, ledger, options.out)
    if options.json:
        terminal.print_json({"out": shown(options.out), "seed": options.seed} | _verdicts(patients, rows))
    else:
        terminal.print_text(f"{shown(options.out)}: {_describe(patients)}, seed {options.seed}")
        terminal.print_text(check.scorecard_line(rows))
    return DONE


def _report_missed(options: argparse.Namespace, ledger: Ledger, ids: Collection[str], *, proven: bool) -> int:
    """Say which claims keep a cohort from being written."""
    from recohort import terminal

    missed = [claim for claim in ledger.claims if claim.id in ids]
    if options.json:
        listed = [{"claim": claim.id, "place": claim.at, "printed": claim.printed} for claim in missed]
        terminal.print_json({"out": None, "seed": options.seed, "proven": proven, "missed": listed})
    else:
        terminal.show_claims(missed)
        how = "cannot all hold (proven)" if proven else "were not met by the search (no proof)"
        terminal.print_text(f"No cohort was written: these claims {how}.")
    return NOT_MET


def _jobs_argument(parser: argparse._ActionsContainer) -> None:
    parser.add_argument(
        "--jobs",
        type=_whole(1, MOST_JOBS),
        metavar="N",
        help="processes on this machine (default: one a core)",
    )


def _processes(options: argparse.Namespace) -> int:
    return options.jobs or min(os.cpu_count() or 1, MOST_JOBS)


def _conflicts_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--cohort", type=Path, metavar="FILE", help="patients that show which amendments are enough"
    )
    parser.add_argument("--only", nargs="+", default=(), metavar="CLAIM", help="audit these claims alone")
    parser.add_argument(
        "--seconds", type=_seconds, default=40.0, metavar="N", help="limit of each question (default 40)"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write what was found (JSON)")
    _jobs_argument(parser)


def _conflicts(options: argparse.Namespace) -> int:
    """Find claims that cannot hold together as printed, and the fewest that must be amended."""
    from recohort import ledger as ledgers

    if options.out:
        check_writable(options.out, options.ledger, *filter(None, [options.cohort]))
    ledger = ledgers.load(options.ledger)
    unknown = sorted(set(options.only) - {claim.id for claim in ledger.claims})
    if unknown:
        raise InputError(f"{shown(options.ledger)}: no claim has the id {unknown[0][:60]!r}")

    from recohort import cohort, terminal
    from recohort.exhibits import conflicts
    from recohort.solve.audit import audit
    from recohort.solve.instance import Settings
    from recohort.solve.problem import UnsupportedClaim

    cohorts = [cohort.read(options.cohort, ledger)] if options.cohort else []
    settings = Settings(seconds=options.seconds)
    try:
        with terminal.progress() as tell:
            found = audit(ledger, cohorts, settings, only=options.only, jobs=_processes(options), tell=tell)
    except UnsupportedClaim as error:
        raise InputError(f"{shown(options.ledger)}: {error}") from None
    if options.out:
        write_text(options.out, terminal.json_text(conflicts.to_json(found)) + "\n")
    if options.json:
        terminal.print_json(conflicts.to_json(found))
    else:
        for line in conflicts.to_lines(found):
            terminal.print_text(line)
    return NOT_MET if found.fewest else DONE


def _sample_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-n", type=_whole(1, LARGEST_ENSEMBLE), default=1000, metavar="N", help="cohorts (default 1000)"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write (Parquet)")
    parser.add_argument("--seed", type=_seed, default=1, metavar="N", help="same seed, same file (default 1)")
    where = parser.add_mutually_exclusive_group()
    _jobs_argument(where)
    where.add_argument("--scheduler", metavar="ADDRESS", help="of a Dask cluster instead: tcp://host:8786")


def _sample(options: argparse.Namespace) -> int:
    """Draw an ensemble of cohorts, no two with the same order of events, and write it."""
    from recohort import ledger as ledgers

    check_writable(options.out, options.ledger)
    ledger = ledgers.load(options.ledger)

    from recohort import ensemble, terminal
    from recohort.solve.draws import Drawn, Plan
    from recohort.solve.problem import UnsupportedClaim
    from recohort.solve.reconstruct import Unsatisfiable
    from recohort.solve.sample import Folder, sample
    from recohort.solve.workers import Workers, cluster, local

    plan = Plan(ledger, options.seed)
    folder = Folder(options.out.with_name(f"{options.out.name}.starts"), plan)
    workers: Workers[Drawn] = cluster(options.scheduler) if options.scheduler else local(_processes(options))
    try:
        with terminal.progress() as tell:
            made = sample(plan, options.n, workers, folder, tell)
    except UnsupportedClaim as error:
        raise InputError(f"{shown(options.ledger)}: {error}") from None
    except Unsatisfiable as error:
        return _report_missed(options, ledger, error.claims, proven=error.proven)
    except KeyboardInterrupt:
        kept = f"; the same command goes on from {shown(folder.path)}" if folder.path.exists() else ""
        return _complain(f"recohort sample: interrupted{kept}", INTERRUPTED)
    if not made.cohorts:
        folder.clear()
        return _report_missed(options, ledger, made.missed, proven=False)
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
            f"{shown(options.out)}: {found} cohorts of {ledger.study.patients} reconstructed patients, not "
            f"real ones; no two have the same order of events; {sum(n > 0 for n in made.starts)} starts{few}"
        )
    return DONE if found == options.n else NOT_MET


def _describe_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("cohort", type=Path, help="known patients, a CSV file with the design's columns")
    parser.add_argument(
        "--design",
        type=Path,
        required=True,
        metavar="FILE",
        help="a ledger without claims, and what to print",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to write the ledger")


def _describe_cohort(options: argparse.Namespace) -> int:
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
        terminal.print_json(made | _verdicts(patients, rows))
    else:
        terminal.print_text(f"{shown(options.out)}: {len(ledger.claims)} claims of {_describe(patients)}")
        terminal.print_text(check.scorecard_line(rows))
    return DONE


def _bounds_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="CSV file, kept up to date; a further run goes on from it"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="quantities whose name has this in it")
    parser.add_argument(
        "--cohorts", type=Path, action="append", default=[], metavar="FILE",
        help="a cohort (CSV) or an ensemble (Parquet) that meets every claim, to show what is reached",
    )  # fmt: skip
    parser.add_argument("--jobs", type=_whole(1, 64), default=2, metavar="N", help="processes (default 2)")


def _bounds(options: argparse.Namespace) -> int:
    """Prove how small and how large each quantity can be."""
    from recohort import ledger as ledgers

    if options.out is not None:
        check_writable(options.out, options.ledger, *options.cohorts)
    ledger = ledgers.load(options.ledger)

    from recohort import terminal
    from recohort.solve import bounds
    from recohort.solve.order_bounds import Contradiction
    from recohort.solve.problem import UnsupportedClaim

    known = [patients for path in options.cohorts for patients in _cohorts_in(path, ledger)]
    try:
        with terminal.progress() as tell:
            rows = bounds.run(
                ledger, options.out, only=options.only, cohorts=known, jobs=options.jobs, tell=tell
            )
    except UnsupportedClaim as error:
        raise InputError(f"{shown(options.ledger)}: {error}") from None
    except Contradiction as error:
        return _complain(
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


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes
    ----------
    name, summary : str
    arguments : callable
        Adds the command's own arguments to its parser; `--ledger` and `--json` are there.
    run : callable
        Takes the parsed arguments, returns the exit code; raises InputError for bad input.
    """

    name: str
    summary: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


COMMANDS = (
    Command("check", "hold a cohort against every printed number", _check_arguments, _check),
    Command("solve", "reconstruct one cohort from the printed numbers", _solve_arguments, _solve),
    Command(
        "conflicts", "find claims that cannot hold together as printed", _conflicts_arguments, _conflicts
    ),
    Command("sample", "draw many different cohorts from the printed numbers", _sample_arguments, _sample),
    Command("bounds", "prove how small and how large each quantity can be", _bounds_arguments, _bounds),
    Command("describe", "print known patients as a paper would", _describe_arguments, _describe_cohort),
)


# --- parsing and wording -----------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """A parser that complains in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(BAD_INPUT, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="recohort",
        description="Reconstruct patients from the numbers that a clinical paper prints. "
        "No reconstructed patient is a real one.",
        epilog="Exit codes: 0 all claims met, 1 claims not met, 2 bad input.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"recohort {__version__}")
    parser.set_defaults(run=None)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.summary, description=f"{command.summary}.")
        command.arguments(sub)
        sub.add_argument(
            "--ledger", type=Path, default=paths.LEDGER, metavar="FILE", help="ledger (default: the book's)"
        )
        sub.add_argument("--json", action="store_true", help="print JSON instead of a table")
        sub.set_defaults(run=command.run)
    return parser


def _whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within limits."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and lowest <= int(text[:12]) <= highest):
            raise argparse.ArgumentTypeError(
                f"{text[:40]!r} is not a whole number from {lowest} to {highest}"
            )
        return int(text)

    return parse


_seed = _whole(0, LARGEST_SEED)


def _seconds(text: str) -> float:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 3600):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from 1 to 3600")
    return float(text)


def _describe(patients: pd.DataFrame) -> str:
    """Say how many patients there are, and that they are not real where the file says so."""
    from recohort.cohort import SOURCE

    made = " reconstructed" if (patients["source"] == SOURCE).all() else ""
    return f"{len(patients)}{made} patients" + (", not real ones" if made else "")


def _verdicts(patients: pd.DataFrame, rows: Sequence[Row]) -> dict[str, object]:
    from recohort.check import scorecard
    from recohort.cohort import SOURCE

    counts = scorecard(rows)
    return {
        "patients": len(patients),
        "reconstructed": bool((patients["source"] == SOURCE).all()),
        "tested": len(rows) - counts["context"],
        "verdicts": counts,
    }


def _json_row(row: Row) -> dict[str, object]:
    """Turn a row into what JSON can hold: a median that is not reached is null, and its text says so."""
    finite = row.computed is not None and isfinite(row.computed)
    return asdict(row) | {"computed": row.computed if finite else None}
