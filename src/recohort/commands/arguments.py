"""Arguments that more than one command takes, and what they may be."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

__all__ = ["add_jobs", "add_seed", "processes", "seconds", "whole"]

LARGEST_SEED = 2**31 - 1
MOST_JOBS = 256


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a parser of whole numbers within limits."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and lowest <= int(text[:12]) <= highest):
            raise argparse.ArgumentTypeError(
                f"{text[:40]!r} is not a whole number from {lowest} to {highest}"
            )
        return int(text)

    return parse


def seconds(text: str) -> float:
    """Parse a time limit."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 3600):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number from 1 to 3600")
    return float(text)


def add_seed(parser: argparse.ArgumentParser, same: str) -> None:
    """Add --seed; `same` is what the same seed gives again."""
    parser.add_argument(
        "--seed",
        type=whole(0, LARGEST_SEED),
        default=1,
        metavar="N",
        help=f"same seed, same {same} (default 1)",
    )


def add_jobs(parser: argparse._ActionsContainer) -> None:
    """Add --jobs."""
    parser.add_argument(
        "--jobs",
        type=whole(1, MOST_JOBS),
        metavar="N",
        help="processes on this machine (default: one a core)",
    )


def processes(options: argparse.Namespace) -> int:
    """How many processes to use."""
    return options.jobs or min(os.cpu_count() or 1, MOST_JOBS)
