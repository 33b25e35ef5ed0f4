"""A second computation of every printed number, for the checker's tests.

It shares no code with the checker: it reads the YAML and the CSV itself, follows the definitions with
exact fractions in plain loops, and says for each printed number whether these patients would print it.
Only P values of rank tests need floating point. `test_check.py` holds it against lifelines.
"""

from __future__ import annotations

import csv
import math
import operator
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import yaml

Patient = dict[str, Any]
Value = Fraction | float | None  # None: a median that is not reached; nan: nobody to compute it from
Times = tuple[tuple[Fraction, int], ...]  # time and event (1) or censoring (0), one pair per patient
WORDS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
]
TENS = dict(zip(("twenty", "thirty", "forty"), (20, 30, 40), strict=True))
TOKEN = re.compile(r"not reached|[<>]?\d+(?:\.\d+)?|[A-Za-z]+(?:-[a-z]+)?", re.IGNORECASE)
COMPARE = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Study:
    """What the second opinion takes from a ledger: its raw content, and the patients as dictionaries."""

    raw: dict[str, Any]
    patients: tuple[Patient, ...]

    @classmethod
    def read(cls, ledger: Path, cohort: Path) -> Study:
        raw = yaml.safe_load(ledger.read_text(encoding="utf-8"))
        levels = {name: a.get("levels") for name, a in raw["attributes"].items()}
        times = {e["time"] for e in raw["endpoints"].values()} | {
            e["event"] for e in raw["endpoints"].values()
        }
        with cohort.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return cls(
            raw, tuple({k: _cell(v, levels.get(k), k in times) for k, v in row.items()} for row in rows)
        )

    def convention(self, name: str, default: Any) -> Any:
        return self.raw["conventions"].get(name, {}).get("value", default)

    def month(self, value: float | str) -> Fraction:
        return Fraction(str(self.convention(value, None) if isinstance(value, str) else value))


def _cell(text: str, levels: list[Any] | None, is_time: bool) -> Any:
    if text == "":
        return None
    if levels is not None:
        return int(text) if isinstance(levels[0], int) else text
    return Fraction(text) if is_time or re.fullmatch(r"[\d.]+", text) else text


# --- verdicts ----------------------------------------------------------------------------


def verdicts(study: Study, claim: dict[str, Any], patients: tuple[Patient, ...]) -> list[str]:
    """What the verdict on each number of a claim must be."""
    if "context" in claim:
        return ["context"]
    reading = claim.get("read_as", {})
    kind = kind_of(claim)
    as_printed = values(study, claim, patients)
    as_read = (
        values(study, claim | {"month": reading["month"]}, patients) if "month" in reading else as_printed
    )
    default = study.convention("rounding", "half-up")
    found = []
    printed = tokens(claim[kind])
    read = tokens(reading.get("printed", claim[kind]))
    for token, other, value, read_value in zip(printed, read, as_printed, as_read, strict=True):
        if fits(token, value, default):
            found.append("reproduced")
        elif reading and fits(other, read_value, reading.get("rounding", default)):
            found.append("reproduced as read")
        else:
            found.append("not reproduced")
    return found


def kind_of(claim: dict[str, Any]) -> str:
    kinds = {"count", "percent", "count_percent", "median", "range", "median_range", "survival"}
    return next(key for key in claim if key in kinds | {"median_survival", "p_value", "follow_up", "context"})


@cache
def tokens(printed: str) -> tuple[str, ...]:
    """The numbers in a printed string, in their order."""
    return tuple(t for t in TOKEN.findall(printed) if number(t) is not None or t.lower() == "not reached")


@cache
def number(token: str) -> Fraction | None:
    first, _, second = token.lower().partition("-")
    if token.lower() in WORDS:
        return Fraction(WORDS.index(token.lower()))
    if first in TENS:
        return Fraction(TENS[first] + (WORDS.index(second) if second else 0))
    return Fraction(token.lstrip("<>")) if token[-1].isdigit() else None


def fits(token: str, value: Value, rounding: str) -> bool:
    """Whether somebody who found this value could print it so."""
    if value is None or token.lower() == "not reached":
        return value is None and token.lower() == "not reached"
    if math.isnan(value):
        return False
    printed = number(token)
    assert printed is not None
    slack = Fraction(1, 10**9) if isinstance(value, float) else Fraction(0)
    off = Fraction(value) - printed
    if token[0] in "<>":
        return off < -slack if token[0] == "<" else off > slack
    unit = Fraction(1, 10 ** len(token.partition(".")[2]))
    return 0 <= off < unit if rounding == "truncated" else abs(off) <= unit / 2 + slack


# --- values ------------------------------------------------------------------------------


def values(study: Study, claim: dict[str, Any], patients: tuple[Patient, ...]) -> list[Value]:
    """The value of each number of a claim, in the order printed."""
    kind, printed = kind_of(claim), claim[kind_of(claim)]
    where, of = claim.get("where", {}), claim.get("of", {})
    everyone = _at_risk(study, claim, patients)
    group = [p for p in everyone if meets(p, where)]
    if kind in ("count", "percent", "count_percent"):
        whole = [p for p in everyone if meets(p, of)]
        part = [p for p in whole if meets(p, where)]
        percent: Value = Fraction(100 * len(part), len(whole)) if whole else math.nan
        counts: list[Value] = [Fraction(len(part)), Fraction(len(whole))][: len(tokens(printed)) - 1]
        if kind == "percent":
            return [percent]
        if kind == "count":
            return [Fraction(len(part))]
        return [percent, *counts] if re.match(r"[\d.]+%", printed) else [*counts, percent]
    if kind in ("median", "range", "median_range"):
        known = sorted(p[claim["attribute"]] for p in group if p[claim["attribute"]] is not None)
        if not known:
            return [math.nan] * len(tokens(printed))
        middle = (known[(len(known) - 1) // 2] + known[len(known) // 2]) / 2
        return {"median": [middle], "range": [known[0], known[-1]]}.get(kind, [middle, known[0], known[-1]])
    if kind == "p_value":
        groups = [[p for p in group if meets(p, g)] for g in claim["groups"]]
        return [_p_value(study, claim, groups)]
    if not group:
        return [math.nan]
    times = _times(study, claim["endpoint"], group)
    if kind == "survival":
        return [100 * survival(times, study.month(claim["month"]))]
    if kind == "follow_up":
        times = tuple((time, 1 - event) for time, event in times)
    return [median_time(times)]


def belongs(study: Study, claim: dict[str, Any], patient: Patient) -> bool:
    """Whether a patient is in the population of a claim."""
    return bool(_at_risk(study, claim, (patient,))) and meets(patient, claim.get("where", {}))


def meets(patient: Patient, where: dict[str, Any]) -> bool:
    for name, wanted in where.items():
        value = patient[name]
        sign, limit = _limit(wanted) if isinstance(wanted, str) else ("", 0)
        if not sign:
            kept = value in (wanted if isinstance(wanted, list) else [wanted])
        else:
            kept = value is not None and COMPARE[sign](value, limit)
        if not kept:
            return False
    return True


@cache
def _limit(wanted: str) -> tuple[str, Fraction]:
    found = re.fullmatch(r"([<>]=?) ?([\d.]+)", wanted)
    return (found[1], Fraction(found[2])) if found else ("", Fraction(0))


def _at_risk(study: Study, claim: dict[str, Any], patients: tuple[Patient, ...]) -> list[Patient]:
    """Those followed, and free of the event, up to a claim's landmark."""
    left = list(patients)
    for endpoint, month in claim.get("at_risk", {}).items():
        column, landmark = study.raw["endpoints"][endpoint]["time"], study.month(month)
        left = [patient for patient in left if patient[column] >= landmark]
    return left


def _times(study: Study, endpoint: str, group: list[Patient]) -> Times:
    spec = study.raw["endpoints"][endpoint]
    return tuple((p[spec["time"]], int(p[spec["event"]])) for p in group)


@cache
def survival(times: Times, month: Fraction) -> Fraction:
    """Kaplan-Meier estimate just after a month, by its definition."""
    left = Fraction(1)
    for t in {time for time, event in times if event and time <= month}:
        at_risk = sum(time >= t for time, _ in times)
        left *= 1 - Fraction(sum(time == t and event for time, event in times), at_risk)
    return left


@cache
def median_time(times: Times) -> Fraction | None:
    """First time at which the Kaplan-Meier estimate is at most one half."""
    return next((t for t in sorted({t for t, e in times if e}) if survival(times, t) <= HALF), None)


def _p_value(study: Study, claim: dict[str, Any], groups: list[list[Patient]]) -> Value:
    one, other = groups
    if not one or not other:
        return math.nan
    if "outcome" in claim:
        yes = [sum(meets(p, claim["outcome"]) for p in group) for group in groups]
        return _fisher(yes[0], len(one), yes[1], len(other))
    return _log_rank(_times(study, claim["endpoint"], one), _times(study, claim["endpoint"], other))


def _fisher(a: int, n: int, b: int, m: int) -> Fraction:
    """Two-sided exact P: all tables with these margins that are at most as likely as this one."""
    k = a + b
    ways = [math.comb(n, i) * math.comb(m, k - i) for i in range(max(0, k - m), min(n, k) + 1)]
    seen = math.comb(n, a) * math.comb(m, b)
    return Fraction(sum(w for w in ways if w <= seen), math.comb(n + m, k))


@cache
def _log_rank(one: Times, other: Times) -> float:
    """Asymptotic two-sided P of the log-rank test; 1 where no event tells the groups apart."""
    observed = expected = variance = Fraction(0)
    both = one + other
    for t in {time for time, event in both if event}:
        n, n1 = sum(time >= t for time, _ in both), sum(time >= t for time, _ in one)
        d, d1 = sum(time == t and e for time, e in both), sum(time == t and e for time, e in one)
        observed += d1
        expected += Fraction(d * n1, n)
        if n > 1:
            variance += Fraction(d * n1 * (n - n1) * (n - d), n * n * (n - 1))
    return math.erfc(math.sqrt((observed - expected) ** 2 / variance / 2)) if variance else 1.0
