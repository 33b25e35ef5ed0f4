"""What more than one command says: of patients, of verdicts, of claims that were not met."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recohort import paths
from recohort.commands import NOT_MET
from recohort.files import InputError, shown
from recohort.wording import counted

if TYPE_CHECKING:
    import pandas as pd

    from recohort.check import Row
    from recohort.ledger import Ledger

__all__ = ["complain", "in_words", "naming", "print_off_grid", "report_missed", "verdicts"]


def complain(message: str, code: int) -> int:
    """Print a complaint on one line and return the exit code."""
    print(" ".join(message.split()), file=sys.stderr)
    return code


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the ledger's name to a complaint about one of its claims."""
    from recohort.solve.problem import UnsupportedClaim

    try:
        yield
    except UnsupportedClaim as error:
        raise InputError(f"{shown(path)}: {error}") from None


def report_missed(options: argparse.Namespace, ledger: Ledger, ids: Collection[str], *, proven: bool) -> int:
    """Say which claims keep a cohort from being written, and return the exit code."""
    from recohort import terminal
    from recohort.solve.statements import taken_for_granted

    missed = [claim for claim in ledger.claims if claim.id in ids]
    if options.json:
        listed = [{"claim": claim.id, "place": claim.at, "printed": claim.printed} for claim in missed]
        terminal.print_json({"out": None, "seed": options.seed, "proven": proven, "missed": listed})
    else:
        terminal.show_claims(missed)
        how = "cannot all hold (proven)" if proven else "were not met by the search (no proof)"
        terminal.print_text(f"No cohort was written: these claims {how}.")
        if not proven:
            terminal.print_text(f"To look for a proof: recohort conflicts{_of(options.ledger)}")
        elif any(claim.endpoint for claim in missed):
            terminal.print_text(f"Taken for granted: {taken_for_granted(ledger)}.")
    return NOT_MET


def _of(ledger: Path) -> str:
    """Name a ledger on a command line, unless it is the book's."""
    return "" if ledger == paths.LEDGER else f" --ledger {shlex.quote(shown(ledger))}"


def in_words(patients: pd.DataFrame) -> str:
    """Say how many patients there are, and that they are not real where the file says so."""
    from recohort.cohort import SOURCE

    made = " reconstructed" if (patients["source"] == SOURCE).all() else ""
    return counted(len(patients), f"{made} patient".strip()) + (", not real ones" if made else "")


def print_off_grid(patients: pd.DataFrame, ledger: Ledger) -> None:
    """Say how many times lie between the ledger's steps, if any do."""
    from recohort import terminal
    from recohort.cohort import times_off_grid

    if number := times_off_grid(patients, ledger):
        scale = ledger.study.time
        step = counted(scale.resolution, scale.unit.removesuffix("s"))
        everything = counted(len(patients) * len(ledger.endpoints), "time")
        terminal.print_text(
            f"{number} of {everything} lie between steps of {step} (study.time.resolution). Here they are "
            "taken as they are; solve, sample, bounds and conflicts know these steps only."
        )


def verdicts(patients: pd.DataFrame, rows: Sequence[Row]) -> dict[str, object]:
    """Give what a cohort's verdicts add up to, as JSON can hold it."""
    from recohort.check import scorecard
    from recohort.cohort import SOURCE

    counts = scorecard(rows)
    return {
        "patients": len(patients),
        "reconstructed": bool((patients["source"] == SOURCE).all()),
        "tested": len(rows) - counts["context"],
        "verdicts": counts,
    }
