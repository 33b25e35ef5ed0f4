"""How far a cohort is from meeting every demand: the loss, evaluated by the compiled kernel.

Only additions, multiplications, divisions and square roots take part, so the same cohort has the same
loss on every machine of one architecture.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from recohort.kernel import compiled, evaluate_endpoint
from recohort.solve.problem import Track

__all__ = [
    "Layout",
    "State",
    "Work",
    "evaluate",
    "fill_member",
    "losses",
    "orders_of",
    "pack",
    "scratch",
    "track_loss",
]

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

MISSED = 0.25
"""Loss of any missed demand, on top of how far it is missed."""
RATE_SCALE = 0.08
Z_SCALE = 0.5
SIZE_SCALE = 2.0
CAP = 2.0


class State(NamedTuple):
    """One cohort. `time` and `event` have shape (n_endpoints, n_patients), `types` (n_patients,)."""

    types: Ints
    time: Ints
    event: Bytes


class Layout(NamedTuple):
    """All tracks in one set of arrays, one row a track, padded to the widest.

    A tuple of tracks would be copied, with a reference count for each of its arrays, at every use.
    """

    endpoint: Ints
    reverse: Ints
    member: Bytes
    landmark_endpoint: Ints
    landmark_tick: Ints
    n_queries: Ints
    query_curve: Ints
    query_tick: Ints
    query_low: Floats
    query_high: Floats
    n_tests: Ints
    test_a: Ints
    test_b: Ints
    z_low: Floats
    z_high: Floats
    n_sizes: Ints
    size_curve: Ints
    size_target: Ints


class Work(NamedTuple):
    """Scratch, one row a track."""

    member: Bytes
    event: Bytes
    survival: Floats
    median: Ints
    oe: Floats
    v: Floats
    penalty: Floats


def pack(tracks: tuple[Track, ...]) -> Layout:
    """Lay tracks out in padded arrays."""

    def stack(name: str) -> npt.NDArray[np.generic]:
        arrays = [np.asarray(getattr(track, name)) for track in tracks]
        shape = tuple(max(a.shape[axis] for a in arrays) for axis in range(arrays[0].ndim))
        padded = np.zeros((len(arrays), *shape), arrays[0].dtype)
        for row, array in enumerate(arrays):
            window: tuple[int | slice, ...] = (row, *(slice(size) for size in array.shape))
            padded[window] = array
        return padded

    def count(name: str) -> Ints:
        return np.array([getattr(track, name).size for track in tracks], np.int64)

    counts = {"n_queries": "query_tick", "n_tests": "test_a", "n_sizes": "size_curve"}
    return Layout(*(count(counts[f]) if f in counts else stack(f) for f in Layout._fields))  # type: ignore[arg-type]


def scratch(layout: Layout, n_patients: int) -> Work:
    """Allocate what an evaluation writes to."""
    n_tracks, _, n_curves = layout.member.shape
    n_queries, n_tests = layout.query_tick.shape[1], layout.test_a.shape[1]
    return Work(
        np.zeros((n_tracks, n_patients, n_curves), np.uint8),
        np.zeros((n_tracks, n_patients), np.uint8),
        np.zeros((n_tracks, n_queries)),
        np.zeros((n_tracks, n_curves), np.int64),
        np.zeros((n_tracks, n_tests)),
        np.zeros((n_tracks, n_tests)),
        np.zeros((n_tracks, n_queries + n_tests + layout.size_curve.shape[1])),
    )


@compiled
def fill_member(layout: Layout, work: Work, track: int, state: State, patient: int) -> bool:
    """Write a patient's row of curve memberships; return whether it changed."""
    kind = state.types[patient]
    changed = False
    for curve in range(layout.member.shape[2]):
        inside = layout.member[track, kind, curve]
        landmark = layout.landmark_endpoint[track, curve]
        if inside and landmark >= 0:
            inside = np.uint8(state.time[landmark, patient] >= layout.landmark_tick[track, curve])
        changed = changed or work.member[track, patient, curve] != inside
        work.member[track, patient, curve] = inside
    return changed


@compiled
def _penalty(excess: float, scale: float) -> float:
    return MISSED + min(excess / scale, CAP) if excess > 0 else 0.0


@compiled
def track_loss(layout: Layout, work: Work, track: int, order: Ints, state: State) -> float:
    """Loss of one track; its row of `work.penalty` gets queries, then tests, then sizes."""
    endpoint, n = layout.endpoint[track], order.size
    n_queries, n_tests = layout.n_queries[track], layout.n_tests[track]
    for patient in range(n):
        work.event[track, patient] = state.event[endpoint, patient] != layout.reverse[track]
    evaluate_endpoint(
        order, state.time[endpoint], work.event[track], work.member[track],
        layout.query_curve[track, :n_queries], layout.query_tick[track, :n_queries],
        layout.test_a[track, :n_tests], layout.test_b[track, :n_tests],
        work.survival[track], work.median[track], work.oe[track], work.v[track],
    )  # fmt: skip
    total = 0.0
    place = 0
    for q in range(n_queries):
        s = work.survival[track, q]
        missed = max(layout.query_low[track, q] - s, s - layout.query_high[track, q])
        work.penalty[track, place] = _penalty(missed, RATE_SCALE)
        total += work.penalty[track, place]
        place += 1
    for t in range(n_tests):
        z = 0.0
        if work.v[track, t] > 0:
            z = abs(work.oe[track, t]) / np.sqrt(work.v[track, t])
        missed = max(layout.z_low[track, t] - z, z - layout.z_high[track, t])
        work.penalty[track, place] = _penalty(missed, Z_SCALE)
        total += work.penalty[track, place]
        place += 1
    for k in range(layout.n_sizes[track]):
        size = 0
        for patient in range(n):
            size += work.member[track, patient, layout.size_curve[track, k]]
        work.penalty[track, place] = _penalty(abs(size - layout.size_target[track, k]), SIZE_SCALE)
        total += work.penalty[track, place]
        place += 1
    return total


@compiled
def evaluate(layout: Layout, work: Work, orders: Ints, state: State, loss: Floats) -> float:
    """Fill the loss of every track from nothing and return the sum."""
    for track in range(loss.size):
        for patient in range(state.types.size):
            fill_member(layout, work, track, state, patient)
        loss[track] = track_loss(layout, work, track, orders[layout.endpoint[track]], state)
    return float(loss.sum())


def losses(tracks: tuple[Track, ...], state: State) -> list[Floats]:
    """Penalty of every demand, track by track: queries, then tests, then sizes; 0 means met."""
    layout = pack(tracks)
    work = scratch(layout, state.types.size)
    evaluate(layout, work, orders_of(state), state, np.zeros(len(tracks)))
    sizes = layout.n_queries + layout.n_tests + layout.n_sizes
    return [row[:size] for row, size in zip(work.penalty, sizes, strict=True)]


def orders_of(state: State) -> Ints:
    """Patients by time, for each endpoint; shape (n_endpoints, n_patients)."""
    return np.argsort(state.time, axis=1, kind="stable").astype(np.int64)
