"""How far a cohort is from meeting every demand: the loss, evaluated by the compiled kernel.

Only additions, multiplications, divisions and square roots take part, so the same cohort has the same
loss on every machine of one architecture.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from recohort.kernel import PerCurve, compiled, curve_lists, evaluate_endpoint, inlined, per_curve
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
Indices = npt.NDArray[np.uint64]

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
    `curves` and `n_curves` list the curves of each type, (n_tracks, n_types, n_curves) and
    (n_tracks, n_types), landmarks aside; see `recohort.kernel.curve_lists`.
    """

    endpoint: Ints
    reverse: Ints
    curves: Indices
    n_curves: Indices
    landmark_endpoint: Ints
    landmark_tick: Ints
    n_queries: Ints
    query_curve: Indices
    query_tick: Ints
    query_low: Floats
    query_high: Floats
    n_tests: Ints
    test_a: Indices
    test_b: Indices
    z_low: Floats
    z_high: Floats
    n_sizes: Ints
    size_curve: Indices
    size_target: Ints


class Work(NamedTuple):
    """Scratch, one row a track."""

    curves: Indices
    n_curves: Indices
    event: Bytes
    running: PerCurve
    survival: Floats
    oe: Floats
    v: Floats
    penalty: Floats


def pack(tracks: tuple[Track, ...]) -> Layout:
    """Lay tracks out in padded arrays."""

    def stack(name: str) -> npt.NDArray[Any]:
        arrays = [np.asarray(getattr(track, name)) for track in tracks]
        shape = tuple(max(a.shape[axis] for a in arrays) for axis in range(arrays[0].ndim))
        padded = np.zeros((len(arrays), *shape), arrays[0].dtype)
        for row, array in enumerate(arrays):
            window: tuple[int | slice, ...] = (row, *(slice(size) for size in array.shape))
            padded[window] = array
        return padded

    arrays = {name: stack(name) for name in Track._fields}
    arrays["curves"], arrays["n_curves"] = curve_lists(arrays["member"])
    for name in ("query_curve", "test_a", "test_b", "size_curve"):
        arrays[name] = arrays[name].astype(np.uint64)
    for count, name in (("n_queries", "query_tick"), ("n_tests", "test_a"), ("n_sizes", "size_curve")):
        arrays[count] = np.array([getattr(track, name).size for track in tracks], np.int64)
    return Layout(**{name: arrays[name] for name in Layout._fields})


def scratch(layout: Layout, n_patients: int) -> Work:
    """Allocate what an evaluation writes to."""
    n_tracks, _, n_curves = layout.curves.shape
    n_queries, n_tests = layout.query_tick.shape[1], layout.test_a.shape[1]
    return Work(
        np.zeros((n_tracks, n_patients, n_curves), np.uint64),
        np.zeros((n_tracks, n_patients), np.uint64),
        np.zeros((n_tracks, n_patients), np.uint8),
        per_curve(n_curves),
        np.zeros(n_queries),
        np.zeros(n_tests),
        np.zeros(n_tests),
        np.zeros((n_tracks, n_queries + n_tests + layout.size_curve.shape[1])),
    )


@inlined
def fill_member(layout: Layout, work: Work, track: int, state: State, patient: int) -> bool:
    """List the curves of a patient; return whether the list has changed."""
    kind = state.types[patient]
    changed = False
    n = np.uint64(0)
    for k in range(layout.n_curves[track, kind]):
        curve = layout.curves[track, kind, k]
        landmark = layout.landmark_endpoint[track, curve]
        if landmark >= 0 and state.time[landmark, patient] < layout.landmark_tick[track, curve]:
            continue
        changed = changed or work.curves[track, patient, n] != curve
        work.curves[track, patient, n] = curve
        n += np.uint64(1)
    changed = changed or work.n_curves[track, patient] != n
    work.n_curves[track, patient] = n
    return changed


@inlined
def _penalty(excess: float, scale: float) -> float:
    return MISSED + min(excess / scale, CAP) if excess > 0 else 0.0


@inlined
def track_loss(layout: Layout, work: Work, track: int, order: Ints, state: State) -> float:
    """Loss of one track; its row of `work.penalty` gets queries, then tests, then sizes."""
    endpoint, n = layout.endpoint[track], order.size
    n_queries, n_tests = layout.n_queries[track], layout.n_tests[track]
    for patient in range(n):
        work.event[track, patient] = state.event[endpoint, patient] != layout.reverse[track]
    evaluate_endpoint(
        order, state.time[endpoint], work.event[track], work.curves[track], work.n_curves[track],
        layout.query_curve[track, :n_queries], layout.query_tick[track, :n_queries],
        layout.test_a[track, :n_tests], layout.test_b[track, :n_tests],
        work.running, work.survival, work.oe, work.v,
    )  # fmt: skip
    total = 0.0
    place = 0
    for q in range(n_queries):
        s = work.survival[q]
        missed = max(layout.query_low[track, q] - s, s - layout.query_high[track, q])
        work.penalty[track, place] = _penalty(missed, RATE_SCALE)
        total += work.penalty[track, place]
        place += 1
    for t in range(n_tests):
        z = 0.0
        if work.v[t] > 0:
            z = abs(work.oe[t]) / np.sqrt(work.v[t])
        missed = max(layout.z_low[track, t] - z, z - layout.z_high[track, t])
        work.penalty[track, place] = _penalty(missed, Z_SCALE)
        total += work.penalty[track, place]
        place += 1
    for k in range(layout.n_sizes[track]):
        size = work.running.size[layout.size_curve[track, k]]
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
