"""Small made-up cohorts and the papers on them, at the edges of what a ledger can say.

Each seed gives patients who obey the ledger's own conventions, and the design of a paper on them: times on
printed months and at both ends of the follow-up, tied or distinct, one endpoint or two nested ones, empty
cells, overlapping subgroups, landmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from recohort import cohort
from recohort.design import Design

__all__ = ["known"]

SCALES: tuple[dict[str, Any], ...] = (
    {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 30.0},
    {"unit": "months", "resolution": 0.1, "min": 1.0, "max": 5.0},
    {"unit": "months", "resolution": 1.0, "min": 1.0, "max": 24.0},
    {"unit": "months", "resolution": 1.0, "min": 0.0, "max": 20.0},
    {"unit": "weeks", "resolution": 1.0, "min": 1.0, "max": 52.0},
    {"unit": "weeks", "resolution": 1.0, "min": 4.0, "max": 30.0},
    {"unit": "months", "resolution": 0.5, "min": 0.5, "max": 12.0},
)
"""A few steps, so that ends and printed months are met often."""


def known(seed: int) -> tuple[pd.DataFrame, Design]:
    """Return the patients of a seed and the design of a paper that describes them."""
    random = np.random.default_rng(seed)
    while True:
        raw = _paper(random)
        patients = _patients(random, raw)
        if patients is not None:
            design = Design.from_mapping(raw)
            return cohort.validate(patients, design.ledger), design


def _paper(random: np.random.Generator) -> dict[str, Any]:
    """Draw a design."""
    scale = dict(SCALES[random.integers(len(SCALES))])
    ticks = [round(scale[end] / scale["resolution"]) for end in ("min", "max")]

    def time() -> float:
        """Return a time that the paper prints something of: seldom before anybody can leave or at the end."""
        tick = random.choice([*ticks, ticks[0] - 1, *random.integers(*ticks, 8)])
        return round(max(int(tick), 0) * scale["resolution"], 6)

    options = {
        "ties": ("distinct", "allowed"),
        "rounding": ("half-up", "truncated"),
        "median_rule": ("first", "midpoint"),
        "survival_test": ("log-rank", "gehan", "tarone-ware"),
        "count_test": ("fisher", "chi-squared"),
    }
    conventions = {name: {"value": str(random.choice(values))} for name, values in options.items()}
    rfs = {"time": "rfs_months", "event": "rfs_event", "not_after": "os"}
    os = {"time": "os_months", "event": "os_event"}
    nested = random.random() < 0.7
    inner = "rfs" if nested else "os"
    landmarks = [time() for _ in range(random.choice([0, 1, 1, 2]))]
    subgroups: dict[str, Any] = {"a": {"where": {"arm": "a"}}, "b": {"where": {"arm": "b"}}}
    if random.random() < 0.5:
        subgroups["late"] = {"where": {"stage": [2, 3]}}
    if random.random() < 0.3:
        subgroups["late_a"] = {"where": {"stage": [2, 3], "arm": "a"}}
    if random.random() < 0.3:
        subgroups["good"] = {"where": {"early": "good"}}
    tests: list[dict[str, Any]] = [
        {"groups": ["a", "b"]},
        {"groups": ["a", "b"], "outcome": {"early": "good"}},
    ]
    for number, landmark in enumerate(landmarks):
        for arm in "ab":
            at = {"where": {"arm": arm}, "at_risk": {inner: landmark}}
            subgroups[f"still_{arm}_{number}"] = at
        tests.append({"groups": [f"still_a_{number}", f"still_b_{number}"]})
    return {
        "study": {"title": "Made up", "patients": int(random.integers(6, 17)), "time": scale},
        "attributes": {
            "arm": {"levels": ["a", "b"]},
            "stage": {"levels": [1, 2, 3]},
            "marker": {"levels": [0, 1], "where": {"stage": [2, 3]}},
            "early": {"levels": ["good", "poor"], "may_be_empty": True},
            "age": {"number": {"decimals": 1, "min": 0, "max": 99}},
        },
        "endpoints": {"rfs": rfs, "os": os} if nested else {"os": os},
        "conventions": conventions,
        "design": {
            "subgroups": subgroups,
            "table": random.choice(["stage", "marker", "early", "age"], 2, replace=False).tolist(),
            "columns": ["all", "a"],
            "rates_at": sorted({time() for _ in range(random.integers(1, 4))}),
            "tests": tests,
            "follow_up": "os",
        },
    }


def _patients(random: np.random.Generator, raw: dict[str, Any]) -> pd.DataFrame | None:
    """Draw patients; None if there is no room for distinct times."""
    n, scale, plan = raw["study"]["patients"], raw["study"]["time"], raw["design"]
    step = scale["resolution"]
    first, last = (round(scale[end] / step) for end in ("min", "max"))
    printed = {first, last, *(round(t / step) for t in _times(plan))}
    edges = sorted({t + d for t in printed for d in (-1, 0, 1) if first <= t + d <= last})
    top = random.choice([last, (first + last) // 2 + 1])
    pool = [*range(first, top + 1), *(edges * int(random.choice([0, 1, 4])))]
    distinct = raw["conventions"]["ties"]["value"] == "distinct"
    died = (random.random(n) < random.choice([0.1, 0.5, 0.9])).astype(int)
    relapsed = random.random(n) < random.choice([0.0, 0.3, 0.8])
    if "rfs" not in raw["endpoints"]:
        relapsed[:] = False
    os = _draw(random, pool, n, distinct)
    if os is None:
        return None
    rfs, taken = os.copy(), set(os[~relapsed].tolist())
    for who in np.flatnonzero(relapsed):
        free = [t for t in pool if t <= os[who] and not (distinct and t in taken)]
        if not free:
            return None
        rfs[who] = random.choice(free)
        taken.add(int(rfs[who]))
    stage = random.integers(1, 4, n)
    marker = [int(random.integers(2)) if s > 1 else None for s in stage]
    columns: dict[str, object] = {
        "patient": [f"P{k:02d}" for k in range(1, n + 1)],
        "arm": random.choice(["a", "b"], n, p=random.choice([[0.5, 0.5], [0.8, 0.2]])).astype(object),
        "stage": pd.array(stage, "Int64"),
        "marker": pd.array(marker, "Int64"),
        "early": random.choice(np.array(["good", "poor", None], dtype=object), n),
        "age": pd.array(np.round(random.uniform(20, 60, n), 1), "Float64"),
        "rfs_months": np.round(rfs * step, 6),
        "rfs_event": (relapsed | (died == 1)).astype(np.int64),
        "os_months": np.round(os * step, 6),
        "os_event": died.astype(np.int64),
        "source": "made up",
    }
    return pd.DataFrame(columns)


def _times(plan: dict[str, Any]) -> Iterator[float]:
    yield from plan["rates_at"]
    for group in plan["subgroups"].values():
        yield from group.get("at_risk", {}).values()


def _draw(
    random: np.random.Generator, pool: list[int], n: int, distinct: bool
) -> np.ndarray[Any, np.dtype[np.int64]] | None:
    """Draw so many times from a pool in which some stand more often."""
    if not distinct:
        return random.choice(pool, n)
    values, often = np.unique(pool, return_counts=True)
    return random.choice(values, n, replace=False, p=often / often.sum()) if len(values) >= n else None
