"""The command line: ``python -m recohort COMMAND``, also installed as ``recohort``.

Exit codes: 0 done and every claim met, 1 claims not met, 2 bad input (one line on stderr), 130
interrupted, 141 when whoever reads the output has left. Heavy modules are imported where they are
used, so that help and complaints come at once.

Each command is a module of `recohort.commands`, listed in `COMMANDS`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, NoReturn

from recohort import __version__, paths
from recohort.commands import (
    BAD_INPUT,
    DONE,
    INTERRUPTED,
    READER_LEFT,
    bounds,
    check,
    conflicts,
    describe,
    sample,
    solve,
)
from recohort.commands.reports import complain
from recohort.files import InputError, shown

__all__ = ["COMMANDS", "Command", "main"]


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
        return complain(f"{name}: {error}", BAD_INPUT)
    except (KeyboardInterrupt, ImportError) as error:
        if isinstance(error, ImportError) and not isinstance(error.__cause__, KeyboardInterrupt):
            raise  # only Ctrl-C while an extension module loads comes as an ImportError
        return complain(f"{name}: interrupted; files are as they were", INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing is left to flush at exit
        return READER_LEFT
    except OSError as error:
        place = f"{shown(str(error.filename))}: " if error.filename else ""
        return complain(f"{name}: {place}{error.strerror or error}", BAD_INPUT)
    return int(code)


class Command(NamedTuple):
    """One command: its name, what it does in a few words, and its module in `recohort.commands`."""

    name: str
    summary: str
    module: ModuleType


COMMANDS = (
    Command("check", "hold a cohort against every printed number", check),
    Command("solve", "reconstruct one cohort from the printed numbers", solve),
    Command("conflicts", "find claims that cannot hold together as printed", conflicts),
    Command("sample", "draw many different cohorts from the printed numbers", sample),
    Command("bounds", "prove how small and how large each quantity can be", bounds),
    Command("describe", "print known patients as a paper would", describe),
)


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
        command.module.arguments(sub)
        sub.add_argument(
            "--ledger", type=Path, default=paths.LEDGER, metavar="FILE", help="ledger (default: the book's)"
        )
        sub.add_argument("--json", action="store_true", help="print JSON instead of a table")
        sub.set_defaults(run=command.module.run)
    return parser
