"""Write patients.csv, the 42 patients of Freireich et al. 1963 as lifelines carries them.

    python examples/freireich_1963/make_patients.py

These are published data of real patients, unlike everything else in this repository. In lifelines
``Rx`` is 1 for placebo and ``sex`` is 1 for male.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from lifelines.datasets import load_leukemia

from recohort.files import write_text

HERE = Path(__file__).parent


def patients() -> pd.DataFrame:
    """Return the patients in the columns of design.yaml."""
    known = load_leukemia()
    return pd.DataFrame(
        {
            "patient": [f"P{number:02d}" for number in range(1, len(known) + 1)],
            "arm": known["Rx"].map({0: "6-MP", 1: "placebo"}),
            "sex": known["sex"].map({0: "female", 1: "male"}),
            "log_wbc": known["logWBC"],
            "remission_weeks": known["t"],
            "relapse": known["status"],
            "source": "published",
        }
    )


if __name__ == "__main__":
    write_text(HERE / "patients.csv", patients().to_csv(index=False, lineterminator="\n"))
