"""Write cohorts.csv: 200 small made-up cohorts with tied times, then the book's own, once for each endpoint.

    python tests/oracles/make_cohorts.py [FOLDER]

The same on every machine: only `random.random` is used, the one generator whose sequence Python promises
to keep.
"""

import csv
import random
import sys
from collections.abc import Iterator
from pathlib import Path

COHORTS = 200
BOOK = Path(__file__).parents[2] / "data" / "reconstructed_cohort.csv"
LONGEST_TIMES = (3, 6, 12, 40)  # the shorter, the more ties


def cohorts(seed: int = 1958) -> Iterator[dict[str, int | str]]:
    """Yield one patient after another: 2-30 in a cohort, in 2 or 3 groups, whole-number times."""
    rng = random.Random(seed)

    def below(n: int) -> int:
        return int(rng.random() * n)

    for cohort in range(1, COHORTS + 1):
        patients = 2 + below(29)
        groups = 2 + (patients > 2 and below(2))
        longest = LONGEST_TIMES[below(len(LONGEST_TIMES))]
        event_rate = (0.3, 0.6, 0.9, 1.0)[below(4)]
        for patient in range(patients):
            yield {
                "cohort": cohort,
                "time": 1 + below(longest),
                "event": int(rng.random() < event_rate),
                "group": patient if patient < groups else below(groups),  # no group stays empty
            }


def of_the_book() -> Iterator[dict[str, int | str]]:
    """Yield the reconstructed patients of the book, by response: relapse-free survival, overall survival."""
    with BOOK.open(encoding="utf-8", newline="") as file:
        patients = list(csv.DictReader(file))
    for cohort, endpoint in enumerate(("rfs", "os"), start=COHORTS + 1):
        for patient in patients:
            yield {
                "cohort": cohort,
                "time": patient[f"{endpoint}_months"],
                "event": patient[f"{endpoint}_event"],
                "group": int(patient["response"] == "responder"),
            }


def write(folder: Path) -> None:
    """Write cohorts.csv into `folder`."""
    with (folder / "cohorts.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, ["cohort", "time", "event", "group"], lineterminator="\n")
        table.writeheader()
        table.writerows(cohorts())
        table.writerows(of_the_book())


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
