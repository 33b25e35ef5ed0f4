"""Write cohorts.csv: 200 small made-up cohorts with tied times, the same on every machine.

    python tests/oracles/make_cohorts.py [FOLDER]

Only `random.random` is used, the one generator whose sequence Python promises to keep.
"""

import csv
import random
import sys
from collections.abc import Iterator
from pathlib import Path

COHORTS = 200
LONGEST_TIMES = (3, 6, 12, 40)  # the shorter, the more ties


def cohorts(seed: int = 1958) -> Iterator[dict[str, int]]:
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


def write(folder: Path) -> None:
    """Write cohorts.csv into `folder`."""
    with (folder / "cohorts.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, ["cohort", "time", "event", "group"], lineterminator="\n")
        table.writeheader()
        table.writerows(cohorts())


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
