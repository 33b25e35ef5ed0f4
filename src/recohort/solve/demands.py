"""From a ledger's survival claims, as read, to the demands of a problem.

Every rate and every median becomes a *query*: survival just after a tick lies in an interval. A
median of 12 months, say, is S > 1/2 just before the earliest time that prints as 12, and S <= 1/2 at
the latest. A P value becomes an interval for the log-rank z.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from recohort.conditions import Condition, Level, Levels
from recohort.ledger import Claim, Ledger
from recohort.ledger_checks import allowed_levels
from recohort.solve.problem import COUNTS, Curve, Problem, Query, SizeTarget, Test, UnsupportedClaim

__all__ = ["build", "types_of"]

Ints = npt.NDArray[np.int64]

OPEN = 1e-9
"""How far inside an open end a number must stay."""
SLACK = 1e-12
MAX_TYPES = 4096
SURVIVAL = ("survival", "median_survival", "follow_up", "p_value")


def build(ledger: Ledger, *, outer: bool = False, rank_tests: Collection[str] = ("log-rank",)) -> Problem:
    """Turn a ledger's survival claims, as read, into a problem.

    Parameters
    ----------
    ledger : Ledger
    outer : bool
        What the problem is for. A search may ask for a little more than a claim says. A proof must not:
        with `outer`, whoever meets the claims meets the demands. The two differ for medians by midpoint,
        and a search lets no time fall exactly on a printed month.
    rank_tests : collection of str
        Tests of survival that the caller can deal with.

    Raises
    ------
    UnsupportedClaim
        For any other test, or one of more than two groups.
    """
    queries: dict[tuple[Curve, int, float, float], list[str]] = {}
    tests: dict[tuple[Curve, Curve, float, float], list[str]] = {}
    sizes: dict[tuple[Curve, int], list[str]] = {}
    for claim in ledger.claims:
        if claim.kind in ("survival", "median_survival", "follow_up"):
            for key in _queries(ledger, claim, outer=outer):
                queries.setdefault(key, []).append(claim.id)
        elif claim.kind == "p_value" and claim.endpoint is not None:
            tests.setdefault(_test(ledger, claim, rank_tests), []).append(claim.id)
        elif claim.kind in COUNTS and claim.at_risk is not None:
            for key_s in _sizes(ledger, claim):
                sizes.setdefault(key_s, []).append(claim.id)
    used = sorted(
        {
            name
            for claim in ledger.claims
            if claim.kind in SURVIVAL or claim.at_risk is not None
            if claim.outcome is None
            for condition in (claim.where, claim.of, *(claim.groups or ()))
            for name in condition.attributes
        },
        key=list(ledger.attributes).index,
    )
    return Problem(
        ledger,
        tuple(used),
        types_of(ledger, used),
        tuple(Query(*k, tuple(c)) for k, c in queries.items()),
        tuple(Test(*k, tuple(c)) for k, c in tests.items()),
        tuple(SizeTarget(*k, tuple(c)) for k, c in sizes.items()),
        np.zeros(0, np.int64) if outer else _forbidden(ledger),
    )


def _queries(ledger: Ledger, claim: Claim, *, outer: bool) -> Iterator[tuple[Curve, int, float, float]]:
    assert claim.endpoint is not None
    scale = ledger.study.time
    curve = Curve(claim.endpoint, ledger.population(claim), reverse=claim.kind == "follow_up")
    rounding = str(ledger.convention("rounding"))
    if claim.read_as and claim.read_as.rounding:
        rounding = claim.read_as.rounding
    number = claim.numbers_as_read[0]
    window = number.interval(rounding)
    if claim.kind == "survival":
        assert claim.month is not None
        month = ledger.month(claim.month)
        if claim.read_as and claim.read_as.month is not None:
            month = claim.read_as.month
        low = window.low / 100 + (0 if window.low_closed else OPEN)
        high = window.high / 100 - (0 if window.high_closed else OPEN)
        yield curve, math.floor(month / scale.resolution + 1e-6), low - SLACK, high + SLACK
        return
    if claim.kind == "follow_up" and ledger.convention("follow_up") != "reverse-kaplan-meier":
        raise UnsupportedClaim(f"claim {claim.id}: the solver aims at reverse Kaplan-Meier follow-up only")
    if math.isinf(number.value):
        yield curve, scale.ticks(scale.max) + 1, 0.5 + OPEN, 1.0
        return
    first = math.ceil(window.low / scale.resolution - 1e-6)
    last = math.floor(window.high / scale.resolution + 1e-6)
    if not window.high_closed and abs(last * scale.resolution - window.high) < 1e-6:
        last -= 1
    # By midpoint a stretch at exactly one half may lie around the median: a search leaves it out.
    midpoint = ledger.convention("median_rule") != "first"
    yield curve, first - 1, 0.5 - SLACK if midpoint and outer else 0.5 + OPEN, 1.0
    yield curve, last, 0.0, 0.5 - OPEN if midpoint and not outer else 0.5 + SLACK


def _test(ledger: Ledger, claim: Claim, known: Collection[str]) -> tuple[Curve, Curve, float, float]:
    assert claim.endpoint is not None
    assert claim.groups is not None
    if len(claim.groups) != 2 or ledger.convention("survival_test") not in known:
        raise UnsupportedClaim(
            f"claim {claim.id}: the solver aims at {' and '.join(known)} tests of two groups only"
        )
    a, b = (Curve(claim.endpoint, ledger.population(claim, group)) for group in claim.groups)
    window = claim.numbers_as_read[0].interval(str(ledger.convention("rounding")))
    low, high = (float(stats.norm.isf(max(p, 1e-300) / 2)) for p in (window.high, window.low))
    return a, b, low - SLACK, high + SLACK if math.isfinite(high) else math.inf


def _sizes(ledger: Ledger, claim: Claim) -> Iterator[tuple[Curve, int]]:
    assert claim.at_risk is not None
    endpoint = next(iter(claim.at_risk))
    for number in claim.numbers_as_read:
        if number.part == "count":
            yield Curve(endpoint, ledger.population(claim, claim.of)), int(number.value)
        elif number.part == "denominator":
            whole = claim.model_copy(update={"where": Condition()})
            yield Curve(endpoint, ledger.population(whole, claim.of)), int(number.value)


def types_of(ledger: Ledger, names: Sequence[str]) -> tuple[dict[str, Level | None], ...]:
    """Every combination of levels of these attributes that a patient can have."""
    choices: list[list[Level | None]] = []
    for name in names:
        attribute = ledger.attributes[name]
        if attribute.levels is None:
            raise UnsupportedClaim(f"{name}: a survival claim cannot depend on a number; make levels of it")
        empty: list[Level | None] = [None] if attribute.where or attribute.may_be_empty else []
        choices.append([*attribute.levels, *empty])
    if math.prod(len(c) for c in choices) > MAX_TYPES:
        raise UnsupportedClaim(f"survival claims depend on more than {MAX_TYPES} kinds of patients")
    kinds = []
    for combination in itertools.product(*choices):
        kind = dict(zip(names, combination, strict=True))
        if _possible(ledger, kind):
            kinds.append(kind)
    return tuple(kinds)


def _possible(ledger: Ledger, kind: dict[str, Level | None]) -> bool:
    filled = Condition(tuple((name, Levels((value,))) for name, value in kind.items() if value is not None))
    allowed = allowed_levels(ledger, filled)
    if allowed is None:
        return False
    for name, value in kind.items():
        attribute = ledger.attributes[name]
        if value is None and not attribute.may_be_empty:
            # an empty cell means "does not apply", so its condition must be able to fail
            sure = all(
                isinstance(test, Levels) and allowed.get(other, frozenset([None])) <= frozenset(test.levels)
                for other, test in attribute.where.tests
            )
            if sure:
                return False
    return True


def _forbidden(ledger: Ledger) -> Ints:
    """Ticks on which a search lets no time fall, so that "at 24 months" has one meaning; none with ties."""
    if ledger.convention("ties") != "distinct":
        return np.zeros(0, np.int64)
    months = set()
    for claim in ledger.claims:
        months |= {ledger.month(m) for m in (claim.month, *(claim.at_risk or {}).values()) if m is not None}
        if claim.read_as and claim.read_as.month is not None:
            months.add(claim.read_as.month)
    scale = ledger.study.time
    return np.array(sorted({scale.ticks(m) for m in months}), np.int64)
