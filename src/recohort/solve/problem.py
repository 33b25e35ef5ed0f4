"""The survival part of a ledger as arrays: patient types, curves, and what each curve must show.

A *type* is one combination of the attributes on which survival claims depend. A *track* is what one
pass of the kernel evaluates: an endpoint (or its reverse, censoring as the event, for follow-up).
`demands.build` makes a problem from a ledger.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recohort.conditions import Condition, Level, Population
from recohort.ledger import Ledger

__all__ = [
    "Curve",
    "Demand",
    "Problem",
    "Query",
    "SizeTarget",
    "Test",
    "Track",
    "UnsupportedClaim",
    "by_kind",
    "curves_of",
]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

COUNTS = ("count", "percent", "count_percent")


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


Demand = Query | Test | SizeTarget


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

    @property
    def distinct(self) -> bool:
        """Whether no two patients share a time."""
        return self.ledger.convention("ties") == "distinct"

    def demands(self) -> Iterator[Demand]:
        """All demands."""
        yield from self.queries
        yield from self.tests
        yield from self.sizes

    def with_demands(self, demands: Iterable[Demand]) -> Problem:
        """Return the problem with other demands."""
        queries, tests, sizes = by_kind(demands)
        return replace(self, queries=queries, tests=tests, sizes=sizes)

    def members(self, curve: Curve) -> npt.NDArray[np.bool_]:
        """Which types belong to a curve, its landmark aside; shape (n_types,)."""
        return np.array([curve.population.where.holds(kind) for kind in self.types], bool)

    def within(self, demand: Demand, types: npt.NDArray[np.bool_]) -> bool:
        """Whether all patients of a demand's curves are of these types."""
        return not any((self.members(c) & ~types).any() for c in curves_of(demand))

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

        def here(demand: Demand) -> bool:
            curve = curves_of(demand)[0]
            mine = curve.endpoint == name and curve.reverse == reverse
            return mine and (types is None or self.within(demand, types))

        queries = sorted((q for q in self.queries if here(q)), key=lambda q: q.tick)
        return queries, [t for t in self.tests if here(t)], [s for s in self.sizes if here(s)]

    def _track(self, endpoint: int, reverse: bool, types: npt.NDArray[np.bool_] | None) -> Track:
        mine_q, mine_t, mine_s = self.demands_of(endpoint, reverse, types)
        demands: list[Demand] = [*mine_q, *mine_t, *mine_s]
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


def by_kind(
    demands: Iterable[Demand],
) -> tuple[tuple[Query, ...], tuple[Test, ...], tuple[SizeTarget, ...]]:
    """Sort demands into queries, tests and sizes, each in the order given."""
    some = tuple(demands)
    return (
        tuple(d for d in some if isinstance(d, Query)),
        tuple(d for d in some if isinstance(d, Test)),
        tuple(d for d in some if isinstance(d, SizeTarget)),
    )


def curves_of(demand: Demand) -> tuple[Curve, ...]:
    """Curves that a demand speaks of."""
    return (demand.a, demand.b) if isinstance(demand, Test) else (demand.curve,)


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), np.int64)


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
