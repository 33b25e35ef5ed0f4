"""The survival part of a ledger as arrays: patient types, curves, and what each curve must show.

A *type* is one combination of the attributes on which survival claims depend. A *track* is what one
pass of the kernel evaluates: an endpoint (or its reverse, censoring as the event, for follow-up).
Every rate and every median becomes a *query*: survival just after a tick lies in an interval. A
median of 12 months, say, is S > 1/2 just before the earliest time that prints as 12, and S <= 1/2 at
the latest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from recohort.conditions import Condition, Level, Levels, Population
from recohort.ledger import Claim, Ledger
from recohort.ledger_checks import allowed_levels

__all__ = [
    "Curve",
    "Problem",
    "Query",
    "SizeTarget",
    "Test",
    "Track",
    "UnsupportedClaim",
    "build",
    "curves_of",
]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

OPEN = 1e-9
"""How far inside an open end a number must stay."""
SLACK = 1e-12
MAX_TYPES = 4096

COUNTS = ("count", "percent", "count_percent")
SURVIVAL = ("survival", "median_survival", "follow_up", "p_value")


class UnsupportedClaim(ValueError):  # noqa: N818 - named as what it is
    """A claim that the checker can test but the solver cannot yet aim at."""


class Track(NamedTuple):
    """One endpoint's curves, queries and tests, laid out for the kernel.

    `member` has shape (n_types, n_curves); queries are sorted by tick.
    """

    endpoint: int
    reverse: int
    member: Bytes
    landmark_endpoint: Ints
    landmark_tick: Ints
    query_curve: Ints
    query_tick: Ints
    query_low: Floats
    query_high: Floats
    test_a: Ints
    test_b: Ints
    z_low: Floats
    z_high: Floats
    size_curve: Ints
    size_target: Ints


@dataclass(frozen=True)
class Curve:
    """A population followed for an endpoint; `reverse` takes censoring as the event."""

    endpoint: str
    population: Population
    reverse: bool = False


@dataclass(frozen=True)
class Query:
    """Survival of a curve just after a tick lies in [low, high]."""

    curve: Curve
    tick: int
    low: float
    high: float
    claims: tuple[str, ...]


@dataclass(frozen=True)
class Test:
    """The log-rank z of two curves (its absolute value) lies in [low, high]."""

    a: Curve
    b: Curve
    low: float
    high: float
    claims: tuple[str, ...]


@dataclass(frozen=True)
class SizeTarget:
    """A landmark population has so many members."""

    curve: Curve
    size: int
    claims: tuple[str, ...]


@dataclass
class Problem:
    """Everything a survival search must meet.

    Attributes
    ----------
    ledger : Ledger
    attributes : tuple of str
        Attributes on which survival claims depend.
    types : tuple of dict
        Their possible combinations.
    queries, tests, sizes
        The demands, each with the ids of the claims it comes from.
    """

    ledger: Ledger
    attributes: tuple[str, ...]
    types: tuple[dict[str, Level | None], ...]
    queries: tuple[Query, ...]
    tests: tuple[Test, ...]
    sizes: tuple[SizeTarget, ...]
    forbidden_ticks: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    @cached_property
    def endpoints(self) -> tuple[str, ...]:
        """Endpoint names, in the order of the rows of time and event arrays."""
        return tuple(self.ledger.endpoints)

    @cached_property
    def parent(self) -> Ints:
        """For each endpoint the index of the one it lies within, or -1."""
        index = {name: k for k, name in enumerate(self.endpoints)}
        return np.array(
            [index.get(self.ledger.endpoints[name].not_after or "", -1) for name in self.endpoints], np.int64
        )

    def demands(self) -> Iterator[Query | Test | SizeTarget]:
        """All demands."""
        yield from self.queries
        yield from self.tests
        yield from self.sizes

    def members(self, curve: Curve) -> npt.NDArray[np.bool_]:
        """Which types belong to a curve, its landmark aside; shape (n_types,)."""
        return np.array([curve.population.where.holds(kind) for kind in self.types], bool)

    def type_of(self, patient: dict[str, Level | None]) -> int:
        """Index of the type that a patient has."""
        key = tuple(patient.get(name) for name in self.attributes)
        return self._type_index[key]

    @cached_property
    def _type_index(self) -> dict[tuple[Level | None, ...], int]:
        return {tuple(kind[a] for a in self.attributes): k for k, kind in enumerate(self.types)}

    @cached_property
    def parts(self) -> tuple[npt.NDArray[np.bool_], ...]:
        """Sets of types that no rate or median ties to each other, smallest first.

        Found from the ledger alone: two types belong together if some curve with a query of its own
        holds both. Tests between curves, follow-up and curves of the whole cohort do not tie.
        """
        label = np.arange(len(self.types))
        for query in self.queries:
            inside = self.members(query.curve)
            if query.curve.reverse or inside.all():
                continue
            touched = np.isin(label, np.unique(label[inside]))
            label[touched] = label[touched].min() if touched.any() else 0
        return tuple(label == value for value in np.unique(label))

    def tracks(self, types: npt.NDArray[np.bool_] | None = None) -> tuple[Track, ...]:
        """Lay out the demands for the kernel.

        Parameters
        ----------
        types : bool array, shape (n_types,), optional
            Keep only demands whose curves lie within these types.
        """
        return tuple(self._track(*key, types) for key in self.track_keys)

    @cached_property
    def track_keys(self) -> tuple[tuple[int, bool], ...]:
        """Endpoint index and direction of each track."""
        curves = [c for demand in self.demands() for c in curves_of(demand)]
        return tuple(sorted({(self.endpoints.index(c.endpoint), c.reverse) for c in curves}))

    def demands_of(
        self, endpoint: int, reverse: bool, types: npt.NDArray[np.bool_] | None = None
    ) -> tuple[list[Query], list[Test], list[SizeTarget]]:
        """Demands of one track, in the order of its arrays, kept to curves within `types`."""
        name = self.endpoints[endpoint]

        def here(demand: Query | Test | SizeTarget) -> bool:
            curves = curves_of(demand)
            mine = curves[0].endpoint == name and curves[0].reverse == reverse
            return mine and (types is None or not any((self.members(c) & ~types).any() for c in curves))

        queries = sorted((q for q in self.queries if here(q)), key=lambda q: q.tick)
        return queries, [t for t in self.tests if here(t)], [s for s in self.sizes if here(s)]

    def _track(self, endpoint: int, reverse: bool, types: npt.NDArray[np.bool_] | None) -> Track:
        mine_q, mine_t, mine_s = self.demands_of(endpoint, reverse, types)
        demands: list[Query | Test | SizeTarget] = [*mine_q, *mine_t, *mine_s]
        curves = list(dict.fromkeys(c for d in demands for c in curves_of(d)))
        index = {curve: k for k, curve in enumerate(curves)}
        member = np.zeros((len(self.types), len(curves)), np.uint8)
        for curve, k in index.items():
            member[:, k] = self.members(curve)
        landmarks = [curve.population.at_risk for curve in curves]
        scale = self.ledger.study.time
        return Track(
            endpoint,
            int(reverse),
            member,
            _ints(-1 if m is None else self.endpoints.index(m[0]) for m in landmarks),
            _ints(0 if m is None else math.ceil(m[1] / scale.resolution - 1e-6) for m in landmarks),
            _ints(index[q.curve] for q in mine_q),
            _ints(q.tick for q in mine_q),
            np.array([q.low for q in mine_q], float),
            np.array([q.high for q in mine_q], float),
            _ints(index[t.a] for t in mine_t),
            _ints(index[t.b] for t in mine_t),
            np.array([t.low for t in mine_t], float),
            np.array([t.high for t in mine_t], float),
            _ints(index[s.curve] for s in mine_s),
            _ints(s.size for s in mine_s),
        )

    @cached_property
    def exchanges(self) -> Ints:
        """Pairs of types that may trade attributes without touching any count of the ledger.

        Returns
        -------
        int64 array, shape (n, 4)
            Rows (u, v, u', v'): a patient of type u and one of type v become u' and v'.
        """
        counted = list(_restricted_counts(self.ledger, frozenset(self.attributes)))
        holds = np.array([[c.holds(kind) for c in counted] for kind in self.types], dtype=np.int64)
        holds = holds.reshape(len(self.types), len(counted))
        rows = []
        for u, v in itertools.combinations(range(len(self.types)), 2):
            for bundle in self._bundles:
                swapped = []
                for mine, other in ((u, v), (v, u)):
                    kind = self.types[mine] | {name: self.types[other][name] for name in bundle}
                    swapped.append(self._type_index.get(tuple(kind[a] for a in self.attributes), -1))
                a, b = swapped
                if -1 in swapped or {a, b} == {u, v}:
                    continue
                if (holds[u] + holds[v] == holds[a] + holds[b]).all():
                    rows.append((u, v, a, b))
        return np.array(sorted(set(rows)), np.int64).reshape(-1, 4)

    @cached_property
    def _bundles(self) -> list[tuple[str, ...]]:
        """Attributes that must move together: those linked by applicability, derivation or rules."""
        label = {name: name for name in self.attributes}

        def tie(names: Iterable[str]) -> None:
            mine = [n for n in names if n in label]
            for other in mine[1:]:
                old, new = label[other], label[mine[0]]
                for name, value in label.items():
                    if value == old:
                        label[name] = new

        for name in self.attributes:
            attribute = self.ledger.attributes[name]
            derived = attribute.derived.any_of if attribute.derived else ()
            tie([name, *attribute.where.attributes, *(a for c in derived for a in c.attributes)])
        for rule in self.ledger.rules:
            tie([*rule.when.attributes, *rule.then.attributes])
        return [
            tuple(n for n in self.attributes if label[n] == value) for value in sorted(set(label.values()))
        ]


def build(ledger: Ledger) -> Problem:
    """Turn a ledger's survival claims, as read, into a problem.

    Raises
    ------
    UnsupportedClaim
        For a test other than the two-group log-rank, which search cannot aim at.
    """
    queries: dict[tuple[Curve, int, float, float], list[str]] = {}
    tests: dict[tuple[Curve, Curve, float, float], list[str]] = {}
    sizes: dict[tuple[Curve, int], list[str]] = {}
    for claim in ledger.claims:
        if claim.kind in ("survival", "median_survival", "follow_up"):
            for key in _queries(ledger, claim):
                queries.setdefault(key, []).append(claim.id)
        elif claim.kind == "p_value" and claim.endpoint is not None:
            tests.setdefault(_test(ledger, claim), []).append(claim.id)
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
        _types(ledger, used),
        tuple(Query(*k, tuple(c)) for k, c in queries.items()),
        tuple(Test(*k, tuple(c)) for k, c in tests.items()),
        tuple(SizeTarget(*k, tuple(c)) for k, c in sizes.items()),
        _forbidden(ledger),
    )


def curves_of(demand: Query | Test | SizeTarget) -> tuple[Curve, ...]:
    """Curves that a demand speaks of."""
    return (demand.a, demand.b) if isinstance(demand, Test) else (demand.curve,)


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int64)


def _queries(ledger: Ledger, claim: Claim) -> Iterator[tuple[Curve, int, float, float]]:
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
    below = 0.5 if ledger.convention("median_rule") == "first" else 0.5 - OPEN
    yield curve, first - 1, 0.5 + OPEN, 1.0
    yield curve, last, 0.0, below + SLACK


def _test(ledger: Ledger, claim: Claim) -> tuple[Curve, Curve, float, float]:
    assert claim.endpoint is not None
    assert claim.groups is not None
    if len(claim.groups) != 2 or ledger.convention("survival_test") != "log-rank":
        raise UnsupportedClaim(f"claim {claim.id}: the solver aims at log-rank tests of two groups only")
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


def _types(ledger: Ledger, names: Sequence[str]) -> tuple[dict[str, Level | None], ...]:
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


def _restricted_counts(ledger: Ledger, names: frozenset[str]) -> Iterator[Condition]:
    """Yield the counted conditions of a ledger, each cut down to the given attributes."""
    seen: set[Condition] = set()
    for claim in ledger.claims:
        if claim.kind in COUNTS:
            wholes = [claim.of, claim.of & claim.where]
        elif claim.outcome is not None:
            wholes = [claim.where & g & o for g in claim.groups or () for o in (Condition(), claim.outcome)]
        elif claim.attribute is not None:
            wholes = [claim.where]
        else:
            continue
        for whole in wholes:
            cut = Condition(tuple(item for item in whole.tests if item[0] in names))
            if cut and cut not in seen:
                seen.add(cut)
                yield cut


def _forbidden(ledger: Ledger) -> Ints:
    """Ticks on which no time may fall, so that "at 24 months" has one meaning (ties allowed: none)."""
    if ledger.convention("ties") != "distinct":
        return np.zeros(0, np.int64)
    months = set()
    for claim in ledger.claims:
        months |= {ledger.month(m) for m in (claim.month, *(claim.at_risk or {}).values()) if m is not None}
        if claim.read_as and claim.read_as.month is not None:
            months.add(claim.read_as.month)
    scale = ledger.study.time
    return np.array(sorted({scale.ticks(m) for m in months}), np.int64)
