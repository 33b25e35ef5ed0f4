"""The order model. Oracle: every cohort of a few patients on a short grid of times, all at once in numpy."""

from __future__ import annotations

import itertools
import math
import random
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from scipy.special import chdtrc

from recohort.ledger import Claim, Ledger
from recohort.solve.demands import build
from recohort.solve.instance import Count, Instance
from recohort.solve.order_demands import OrderModel
from recohort.solve.witness import cohort_of, met_claims

GRID = {("rfs",): ((21, 22, 23, 24), (30,), (31, 32, 33, 34), (60,), (61, 62, 63, 64)),
        ("rfs", "os"): ((21, 22, 23, 24, 25), (30,), (31, 32, 33, 34, 35))}  # fmt: skip
"""Months 30 and 60 are asked about, and medians of these and the next months, between which nobody fits.
Somebody may leave in the very month asked about. Before and after there are as many times as orders need."""
HALF = 0.5 + 1e-12
ARM = {3: "aab", 4: "aabb"}


def _ledger(
    claims: list[dict[str, Any]], patients: int, endpoints: tuple[str, ...], **conventions: str
) -> Ledger:
    nested = {"not_after": "os"} if "os" in endpoints else {}
    every = {"rfs": {"time": "rfs_t", "event": "rfs_e", **nested}, "os": {"time": "os_t", "event": "os_e"}}
    return Ledger.model_validate(
        {
            "study": {"title": "made up", "patients": patients,
                      "time": {"unit": "months", "resolution": 1.0, "min": 1.0, "max": 90.0}},
            "attributes": {"arm": {"levels": ["a", "b"]}, "sex": {"levels": ["m", "f"]}},
            "endpoints": {name: every[name] for name in endpoints},
            "conventions": {name: {"value": value} for name, value in conventions.items()},
            "claims": [{"id": f"c{i}", "at": "nowhere"} | claim for i, claim in enumerate(claims)],
        }
    )  # fmt: skip


@dataclass(frozen=True)
class Everything:
    """All cohorts: arrays of shape (n_cohorts, n_patients)."""

    arm: np.ndarray
    sex: np.ndarray
    time: dict[str, np.ndarray]
    event: dict[str, np.ndarray]

    def members(self, where: dict[str, str], at_risk: dict[str, float] | None) -> np.ndarray:
        inside = np.ones_like(self.arm, bool)
        for name, level in where.items():
            inside &= {"arm": self.arm, "sex": self.sex}[name] == level
        for endpoint, month in (at_risk or {}).items():
            inside &= self.time[endpoint] >= month
        return inside

    def survival(self, endpoint: str, inside: np.ndarray, months: tuple[float, ...]) -> list[np.ndarray]:
        t = self.time[endpoint]
        risk = (inside[:, None, :] & (t[:, None, :] >= t[:, :, None])).sum(axis=2)
        kept = np.where(inside & (self.event[endpoint] == 1), (risk - 1) / np.maximum(risk, 1), 1.0)
        return [np.where(t <= month, kept, 1.0).prod(axis=1) for month in months]

    def p_value(self, endpoint: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        t = self.time[endpoint]
        later = t[:, None, :] >= t[:, :, None]
        n_a, n_b = ((g[:, None, :] & later).sum(axis=2) for g in (a, b))
        here = (a | b) & (self.event[endpoint] == 1)
        n = np.maximum(n_a + n_b, 1)
        u = np.where(here, a - n_a / n, 0).sum(axis=1)
        v = np.where(here, n_a * n_b / n**2, 0).sum(axis=1)
        return np.where(v > 0, chdtrc(1, u**2 / np.where(v > 0, v, 1)), 1.0)

    def value(self, claim: Claim) -> np.ndarray:
        """What every cohort would print."""
        endpoint, risk = str(claim.endpoint), {k: float(m) for k, m in (claim.at_risk or {}).items()}
        where = {name: test.levels[0] for name, test in claim.where.tests}
        if claim.kind == "p_value":
            groups = [
                self.members(where | {n: t.levels[0] for n, t in g.tests}, risk) for g in claim.groups or ()
            ]
            empty = ~(groups[0].any(axis=1) & groups[1].any(axis=1))
            return np.where(empty, np.nan, self.p_value(endpoint, *groups))
        inside = self.members(where, risk)
        if claim.kind == "count":
            return inside.sum(axis=1).astype(float)
        if claim.kind == "survival":
            (rate,) = self.survival(endpoint, inside, (float(claim.month or 0),))
            return np.where(inside.any(axis=1), 100 * rate, np.nan)
        *by, ever = self.survival(endpoint, inside, (29, 30, 31, 59, 60, 61, 999))
        median = np.full(len(self.arm), np.nan)  # any other
        for month, before, after in ((30, *by[:2]), (31, *by[1:3]), (60, *by[3:5]), (61, *by[4:])):
            median[(before > HALF) & (after <= HALF)] = month
        median[ever > HALF] = np.inf
        return np.where(inside.any(axis=1), median, np.nan)


@lru_cache(maxsize=4)
def _everything(patients: int, endpoints: tuple[str, ...]) -> Everything:
    grid = GRID[endpoints]
    times = [t for stretch in grid for t in stretch]
    lives = [(t, e, t, e) for t in times for e in (0, 1)]
    if "os" in endpoints:
        lives += [(t, 1, u, e) for t in times for u in times for e in (0, 1) if t < u or (t == u and not e)]
    people = np.array(lives)
    rows = np.stack(np.meshgrid(*[np.arange(len(lives))] * patients, indexing="ij"), axis=-1).reshape(
        -1, patients
    )
    for column in (0, 2):  # nobody shares a time
        rows = rows[(np.diff(np.sort(people[rows, column]), axis=1) > 0).all(axis=1)]
    for stretch in grid:  # of cohorts that differ in gaps between times only, keep one
        used = np.stack([(people[rows][:, :, [0, 2]] == t).any(axis=(1, 2)) for t in stretch], axis=1)
        rows = rows[(np.diff(used.astype(int), axis=1) <= 0).all(axis=1)]
    sexes = sorted(set(itertools.permutations("m" * (patients // 2) + "f" * (patients - patients // 2))))
    every = np.repeat(rows, len(sexes), axis=0)
    return Everything(
        np.tile(list(ARM[patients]), (len(every), 1)),
        np.tile(np.array(sexes), (len(rows), 1)),
        {"rfs": people[every, 0], "os": people[every, 2]},
        {"rfs": people[every, 1], "os": people[every, 3]},
    )


def _some_claims(
    rng: random.Random, every: Everything, endpoints: tuple[str, ...], tests: bool
) -> list[dict[str, Any]]:
    """Draw claims that each hold in some cohort, though perhaps not all in one."""
    claims: list[dict[str, Any]] = []
    for _ in range(rng.randint(2, 5)):
        endpoint = rng.choice(endpoints)
        claim: dict[str, Any] = {"endpoint": endpoint}
        if rng.random() < 0.3:
            claim["at_risk"] = {"rfs": 30.0}
        if tests and rng.random() < 0.3:
            claim |= {"groups": [{"arm": "a"}, {"arm": "b"}], "p_value": "0.5"}
        else:
            claim["where"] = rng.choice([{}, {"arm": "a"}, {"arm": "b"}, {"sex": "m"}, {"sex": "f"}])
            month = rng.choice([30.0, 60.0][: len(GRID[endpoints]) // 2])
            claim |= rng.choice([{"survival": "50%", "month": month}, {"median_survival": "NR"}])
        kind = next(k for k in ("p_value", "survival", "median_survival") if k in claim)
        value = every.value(Claim.model_validate({"id": "x", "at": "x"} | claim))[
            rng.randrange(len(every.arm))
        ]
        if math.isnan(value):
            continue
        claim[kind] = {"p_value": f"{value:.2f}", "survival": f"{value:.0f}%",
                       "median_survival": "NR" if math.isinf(value) else f"{value:.0f}"}[kind]  # fmt: skip
        claims.append(claim)
        if "at_risk" in claim and rng.random() < 0.5:
            claims.append(
                {"count": str(rng.randint(1, 3)), "where": claim.get("where", {}), "at_risk": {"rfs": 30.0}}
            )
    return claims


def _counts(ledger: Ledger, patients: int) -> tuple[Count, ...]:
    types = build(ledger, outer=True).types
    half, arms = patients // 2, ARM[patients].count("a")
    known = []
    if types and "arm" in types[0]:
        known.append(Count(tuple(kind["arm"] == "a" for kind in types), arms, arms))
    if types and "sex" in types[0]:
        known.append(Count(tuple(kind["sex"] == "m" for kind in types), half, half))
    return tuple(known)


def _instance(ledger: Ledger, patients: int) -> Instance:
    problem = build(ledger, outer=True)
    return Instance(
        problem,
        (True,) * len(problem.types),
        problem.queries,
        problem.tests,
        problem.sizes,
        _counts(ledger, patients),
    )


@pytest.mark.parametrize(
    ("patients", "endpoints", "tests"),
    [(4, ("rfs",), False), (4, ("rfs",), True), (3, ("rfs", "os"), False), (3, ("rfs", "os"), True)],
)
def test_agrees_with_every_cohort(patients: int, endpoints: tuple[str, ...], tests: bool) -> None:
    every = _everything(patients, endpoints)
    rng = random.Random(f"{patients} {endpoints} {tests}")
    seen: dict[str, int] = {}
    tries = 24 if tests else 50  # P values of every cohort take their time
    for _ in range(tries):
        claims = _some_claims(rng, every, endpoints, tests)
        if not claims:
            continue
        ledger = _ledger(claims, patients, endpoints)
        possible = np.ones(len(every.arm), bool)
        for claim in ledger.claims:
            values, which = np.unique(every.value(claim), return_inverse=True)
            window = claim.numbers[0].interval()
            possible &= np.array([value in window for value in values])[which]
        model = OrderModel(_instance(ledger, patients))
        answer = model.solve()
        assert answer.status == ("feasible" if possible.any() else "infeasible"), claims
        seen[answer.status] = seen.get(answer.status, 0) + 1
        if answer.trace is not None:
            cohort = cohort_of(model, answer.trace)
            assert cohort is not None, claims
            assert met_claims(cohort, ledger) == {claim.id for claim in ledger.claims}, claims
    assert min(seen["feasible"], seen["infeasible"]) >= tries / 5, seen


def test_no_more_slots_than_events() -> None:
    """By hand: 100 % leaves arm a no event; 80 % of the other leaves 2 of at most 10 with one, and 2 deaths.

    A death takes a slot of its own only after a relapse, of which 2 patients can have one.
    """
    rates = [
        {"survival": "100%", "endpoint": "rfs", "month": 60, "where": {"arm": "a"}},
        {"survival": "80%", "endpoint": "rfs", "month": 60, "where": {"arm": "b"}},
        {"survival": "50%", "endpoint": "os", "month": 60, "where": {"arm": "b"}},
    ]
    for claims, slots in ((rates[:2], 2), (rates, 4)):
        problem = build(_ledger(claims, 10, ("rfs", "os")), outer=True)
        instance = Instance(problem, (True,) * len(problem.types), problem.queries)
        assert OrderModel(instance).n_slots == slots
