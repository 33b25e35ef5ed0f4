"""Open data sets whose patients are known, and samples of them that stand for small studies.

Chosen so that they differ: short and long lives, few and many censored, two to four subgroups,
curves that fall from the first day and curves that hardly fall. All are carried by lifelines or
scikit-survival. Left out: sets with fewer than 100 patients (larynx, lymphoma), with events in fewer
than a tenth (AIDS trial), of animals (Waltons), with competing risks or times that depend on
themselves (transplant panels).

Times are given in months of 365.25/12 days with one decimal, as papers print them, so that several
patients share a time; weeks stay weeks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recohort.design import EVERYONE, Design
from recohort.validate.measures import Group

__all__ = ["DATASETS", "Dataset", "groups_of", "sample", "whole"]

DAYS_PER_MONTH = 365.25 / 12
SOURCE = "published"


@dataclass(frozen=True)
class Dataset:
    """One open data set, and how a paper would describe it.

    Attributes
    ----------
    name, label : str
    load : callable
        Returns the data with the columns of `factors`, `time` (in `unit`) and `event`; nothing missing.
    factors : dict
        Attribute to levels. Of each the first two are compared, of the first one in particular.
    unit : str
        "months" or "weeks".
    rate_at : float
        The time at which the paper prints its survival rates, a usual one for the disease.
    size : int
        Rows of the data; known without loading them, since not every package that carries one is a
        dependency of the book.
    """

    name: str
    label: str
    load: Callable[[], pd.DataFrame]
    factors: Mapping[str, tuple[str, ...]]
    unit: str
    rate_at: float
    size: int

    @property
    def groups(self) -> tuple[str, str]:
        """Names of the two subgroups that the paper compares first."""
        one, other = list(self.subgroups)[:2]
        return one, other

    @property
    def subgroups(self) -> dict[str, dict[str, Any]]:
        """One subgroup for each level of each factor, by name."""
        return {
            _name(factor, level): {"where": {factor: level}}
            for factor, levels in self.factors.items()
            for level in levels
        }

    def design(self, patients: int, rates_at: tuple[float, ...] | None = None) -> Design:
        """Return the design of a paper on so many of these patients.

        Parameters
        ----------
        patients : int
        rates_at : tuple of float, optional
            Times of the printed rates, `rate_at` alone if not given.
        """
        tests = [
            {"groups": [_name(factor, level) for level in levels[:2]]}
            for factor, levels in self.factors.items()
        ]
        resolution = 0.1 if self.unit == "months" else 1.0
        return Design.from_mapping(
            {
                "study": {
                    "title": f"Sample of {patients}: {self.label}",
                    "patients": patients,
                    "time": {"unit": self.unit, "resolution": resolution, "min": resolution, "max": 240.0},
                },
                "attributes": {name: {"levels": list(levels)} for name, levels in self.factors.items()},
                "endpoints": {"os": {"time": "time", "event": "event"}},
                "conventions": {"ties": {"value": "allowed"}},
                "design": {
                    "subgroups": self.subgroups,
                    "rates_at": list(rates_at or (self.rate_at,)),
                    "tests": tests,
                    "follow_up": "os",
                },
            }
        )


def sample(dataset: Dataset, patients: int, seed: int) -> pd.DataFrame:
    """Draw patients without replacement, as a cohort with the columns of the data set's design.

    Returns
    -------
    DataFrame
        One row per patient; times on the grid of the design, at least one step.
    """
    known = whole(dataset)
    random = np.random.default_rng([seed, patients])
    drawn = known.iloc[random.choice(len(known), size=patients, replace=False)].reset_index(drop=True)
    drawn.insert(0, "patient", [f"P{k:03d}" for k in range(1, patients + 1)])
    return drawn.assign(source=SOURCE)


def whole(dataset: Dataset) -> pd.DataFrame:
    """Return all patients of a data set, times on the grid of the design, at least one step."""
    known = dataset.load()
    step = 10.0 if dataset.unit == "months" else 1.0
    columns: dict[str, object] = {name: known[name].astype(object) for name in dataset.factors}
    columns["time"] = (known["time"] * step).round().clip(lower=1) / step
    columns["event"] = known["event"].astype(np.int64)
    return pd.DataFrame(columns)


def groups_of(patients: pd.DataFrame, dataset: Dataset) -> dict[str, Group]:
    """Return everybody and each subgroup, by name; of nobody where a subgroup is empty."""
    inside = {EVERYONE: np.ones(len(patients), dtype=bool)}
    for name, group in dataset.subgroups.items():
        [(factor, level)] = group["where"].items()
        inside[name] = (patients[factor] == level).to_numpy(dtype=bool)
    time, event = patients["time"].to_numpy(dtype=float), patients["event"].to_numpy(dtype=np.int64)
    return {name: Group(time[mine], event[mine]) for name, mine in inside.items()}


def _name(factor: str, level: str) -> str:
    """Name a subgroup."""
    return f"{factor}_{level}".lower().replace(" ", "_")


def _months(days: pd.Series[Any]) -> pd.Series[Any]:
    return days.astype(float) / DAYS_PER_MONTH


def _lung() -> pd.DataFrame:
    from lifelines.datasets import load_lung

    data = load_lung().dropna(subset=["ph.ecog"])
    return pd.DataFrame(
        {
            "ecog": data["ph.ecog"].clip(upper=2).map({0: "0", 1: "1", 2: "2 or more"}),
            "time": _months(data["time"]),
            "event": data["status"],
        }
    )


def _gbsg2() -> pd.DataFrame:
    from lifelines.datasets import load_gbsg2

    data = load_gbsg2()
    return pd.DataFrame(
        {
            "hormones": data["horTh"],
            "menopause": data["menostat"].str.lower(),
            "time": _months(data["time"]),
            "event": data["cens"],
        }
    )


def _rossi() -> pd.DataFrame:
    from lifelines.datasets import load_rossi

    data = load_rossi()
    return pd.DataFrame(
        {
            "aid": data["fin"].map({0: "none", 1: "given"}),
            "time": data["week"],
            "event": data["arrest"],
        }
    )


def _kidney() -> pd.DataFrame:
    from lifelines.datasets import load_kidney_transplant

    data = load_kidney_transplant()
    female = (data["black_male"] == 0) & (data["white_male"] == 0)
    return pd.DataFrame(
        {
            "age": np.where(data["age"] >= 50, "50 or older", "younger"),
            "sex": np.where(female, "female", "male"),
            "time": _months(data["time"]),
            "event": data["death"],
        }
    )


def _veterans() -> pd.DataFrame:
    from sksurv.datasets import load_veterans_lung_cancer

    data, outcome = load_veterans_lung_cancer()
    small = data["Celltype"].astype(str).isin(["smallcell", "adeno"])
    return pd.DataFrame(
        {
            "treatment": data["Treatment"].astype(str),
            "cells": np.where(small, "small or adeno", "other"),
            "time": _months(pd.Series(outcome["Survival_in_days"])),
            "event": outcome["Status"],
        }
    )


def _whas500() -> pd.DataFrame:
    from sksurv.datasets import load_whas500

    data, outcome = load_whas500()
    return pd.DataFrame(
        {
            "failure": data["chf"].astype(int).map({0: "no", 1: "yes"}),
            "sex": data["gender"].astype(int).map({0: "male", 1: "female"}),
            "time": _months(pd.Series(outcome["lenfol"])),
            "event": outcome["fstat"],
        }
    )


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "lung", "advanced lung cancer", _lung, {"ecog": ("0", "1", "2 or more")}, "months", 12.0, 227
        ),
        Dataset(
            "veterans",
            "lung cancer, inoperable",
            _veterans,
            {"treatment": ("standard", "test"), "cells": ("small or adeno", "other")},
            "months",
            6.0,
            137,
        ),
        Dataset(
            "gbsg2",
            "breast cancer, recurrence",
            _gbsg2,
            {"hormones": ("no", "yes"), "menopause": ("pre", "post")},
            "months",
            36.0,
            686,
        ),
        Dataset(
            "whas500",
            "after a heart attack",
            _whas500,
            {"failure": ("no", "yes"), "sex": ("male", "female")},
            "months",
            24.0,
            500,
        ),
        Dataset(
            "kidney",
            "after a kidney transplant",
            _kidney,
            {"age": ("younger", "50 or older"), "sex": ("male", "female")},
            "months",
            24.0,
            863,
        ),
        Dataset(
            "rossi",
            "arrest after release from prison",
            _rossi,
            {"aid": ("none", "given")},
            "weeks",
            26.0,
            432,
        ),
    )
}
"""The data sets by name."""
