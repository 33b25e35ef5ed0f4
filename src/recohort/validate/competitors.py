"""What one would do without reconstructing: parametric curves, and patients drawn at random.

Both see the same ledger and nothing else. The parametric competitor fits each group by itself: a
Weibull curve through its printed rate and median, an exponential one where only one of them is there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recohort.validate.measures import Group

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from recohort.ledger import Ledger

    Floats = npt.NDArray[np.float64]

__all__ = ["Weibull", "fit_weibull", "naive_group", "printed_points", "simulate"]

NEAREST_RATE = 0.0025
"""A printed 100 % or 0 % is taken as halfway to what would round to the next percentage."""

FLATTEST = 0.01
"""A smaller shape is no disease; its scale is beyond what a float can hold."""


@dataclass(frozen=True)
class Weibull:
    """S(t) = exp(-(t / scale) ** shape); exponential with a shape of 1."""

    shape: float
    scale: float

    def at(self, t: Floats) -> Floats:
        """Survival at times."""
        with np.errstate(over="ignore"):  # a steep curve: long after its scale nobody is left
            return np.exp(-((t / self.scale) ** self.shape))

    def draw(self, size: int, random: np.random.Generator) -> Floats:
        """Draw event times."""
        return np.asarray(self.scale * random.weibull(self.shape, size))


def fit_weibull(points: Iterable[tuple[float, float]]) -> Weibull | None:
    """Fit a curve to printed points of survival.

    Parameters
    ----------
    points : iterable of (time, survival)
        Two points are met exactly, more by least squares of log(-log S) on log t, one by an
        exponential curve.

    Returns
    -------
    Weibull or None
        None without any point.
    """
    known = [(t, min(max(s, NEAREST_RATE), 1 - NEAREST_RATE)) for t, s in points if t > 0]
    if not known:
        return None
    x = np.array([math.log(t) for t, _ in known])
    y = np.array([math.log(-math.log(s)) for _, s in known])
    spread = float(((x - x.mean()) ** 2).sum())
    shape = float(((x - x.mean()) * (y - y.mean())).sum()) / spread if spread > 0 else 1.0
    if shape < FLATTEST:  # points that rounding has put out of order
        shape = 1.0
    return Weibull(shape, float(math.exp(x.mean() - y.mean() / shape)))


def printed_points(ledger: Ledger, name: str) -> list[tuple[float, float]]:
    """Points of survival that a described ledger prints for one of its subgroups.

    Parameters
    ----------
    ledger : Ledger
        With one endpoint and ids as :mod:`recohort.describe` gives them.
    name : str
        Of the subgroup.
    """
    points = []
    for claim in ledger.claims:
        if claim.id.startswith(f"fig1.os.{name}."):
            value = claim.numbers[0].value
            if claim.kind == "survival" and claim.month is not None:
                points.append((ledger.month(claim.month), value / 100))
            elif claim.kind == "median_survival" and math.isfinite(value):
                points.append((value, 0.5))
    return points


def simulate(
    curve: Weibull, size: int, longest: float, resolution: float, random: np.random.Generator
) -> Group:
    """Draw patients from a curve, entering evenly over time: censored uniformly up to `longest`."""
    died, left = curve.draw(size, random), random.uniform(0, longest, size)
    return Group(_on_grid(np.minimum(died, left), resolution), (died <= left).astype(np.int64))


def naive_group(size: int, longest: float, resolution: float, random: np.random.Generator) -> Group:
    """Draw patients knowing only how many there are and how long they were followed."""
    return Group(_on_grid(random.uniform(0, longest, size), resolution), random.integers(0, 2, size))


def _on_grid(time: Floats, resolution: float) -> Floats:
    return np.maximum(np.round(time / resolution), 1) * resolution
