"""``python -m recohort.validate``: the blind validation, less than ten minutes on two cores."""

from __future__ import annotations

import argparse
from pathlib import Path

from recohort import paths, terminal
from recohort.files import check_writable
from recohort.validate.run import DRAWS, all_jobs, run


def main() -> None:
    """Run what is missing of the validation."""
    parser = argparse.ArgumentParser(prog="python -m recohort.validate", description=__doc__)
    parser.add_argument("--out", type=Path, default=paths.DATA / "validation.csv", help="the table (CSV)")
    parser.add_argument("--draws", type=int, default=DRAWS, help="samples of each data set and size")
    parser.add_argument(
        "--rates",
        type=int,
        nargs="+",
        choices=(1, 4),
        default=[1],
        help="survival rates printed of each curve",
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    check_writable(options.out)
    with terminal.progress() as tell:
        table = run(options.out, all_jobs(options.draws, options.rates), options.jobs, tell)
    terminal.print_text(f"{options.out}: {len(table)} rows")


if __name__ == "__main__":
    main()
