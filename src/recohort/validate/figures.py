"""Drawings of the blind validation: curves against the truth, errors side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from recohort.exhibits.curves import ticks
from recohort.exhibits.km import INK, NORMAL, SETTINGS, SMALL, STYLES, WIDTH, to_svg
from recohort.exhibits.markup import Html, figure
from recohort.exhibits.numbers import percent, rounded, times
from recohort.exhibits.tables import in_numbers, simple
from recohort.validate.measures import Group, band_of, errors, follow_up_of, grid_to, survival_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recohort.validate.competitors import Weibull

__all__ = ["against_truth", "draw_against_truth", "draw_errors", "error_dots"]

OURS, THEIRS = STYLES[0].colour, STYLES[1].colour
LEFT, RIGHT, FOOT, HEAD = 0.68, 0.14, 0.92, 0.32
HEIGHT = 2.0
BAND_LABEL = "90% of reconstructed"


def draw_against_truth(
    ax: Axes,
    truth: Group,
    cohorts: Sequence[Group],
    points: Sequence[tuple[float, float]],
    fitted: Weibull | None = None,
    band: str = BAND_LABEL,
) -> None:
    """Draw the true curve, the band and mean of an ensemble, what was printed, and a fitted curve.

    Parameters
    ----------
    ax : Axes
    truth : Group
    cohorts : sequence of Group
    points : sequence of (time, survival)
        The printed rates and median.
    fitted : Weibull, optional
    band : str
        What the legend calls the band; of fewer than 19 cohorts it is their range.
    """
    grid = grid_to(follow_up_of(truth))
    curves = np.array([survival_on(cohort, grid) for cohort in cohorts])
    low, high = band_of(curves)
    ax.fill_between(grid, low, high, color=OURS, alpha=0.2, linewidth=0, label=band)
    ax.plot(grid, curves.mean(axis=0), color=OURS, linestyle=(0, (5, 1.6)), label="their mean")
    ax.plot(grid, survival_on(truth, grid), color=INK, linewidth=1.7, label="true")
    if fitted is not None:
        ax.plot(grid, fitted.at(grid), color=THEIRS, linestyle=(0, (1.4, 1.4)), label="fitted curve")
    inside = [(t, s) for t, s in points if t <= grid[-1]]
    ax.plot(*zip(*inside, strict=True), "o", color=INK, markersize=5, label="printed", clip_on=False)
    at = ticks(float(grid[-1]))
    ax.set(xlim=(0, at[-1]), ylim=(0, 1.0), xticks=at)
    ax.set_xticklabels([times(t) for t in at])
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25%", "50%", "75%", "100%"])


def against_truth(
    title: str,
    truth: Group,
    cohorts: Sequence[Group],
    points: Sequence[tuple[float, float]],
    *,
    unit: str,
    fitted: Weibull | None = None,
    band: str = BAND_LABEL,
) -> Html:
    """Return one group's curves against the truth, for a page.

    Parameters
    ----------
    title : str
        Differs between the figures of a page.
    truth, cohorts, points, fitted, band
        As in :func:`draw_against_truth`.
    unit : str
        Of time.
    """
    height = HEAD + HEIGHT + FOOT
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(WIDTH, height))
        box = (LEFT / WIDTH, FOOT / height, 1 - (LEFT + RIGHT) / WIDTH, HEIGHT / height)
        ax = drawing.add_axes(box, label="curves")
        draw_against_truth(ax, truth, cohorts, points, fitted, band)
        ax.set(xlabel=unit.capitalize(), ylabel="Survival")
        drawing.text(0.06 / WIDTH, 1 - 0.14 / height, title, fontsize=NORMAL, fontweight="bold", va="center")
        drawing.legend(loc="lower center", ncols=3, frameon=False, fontsize=SMALL - 0.5, columnspacing=1.0)
    found = errors(truth, cohorts)
    alt = (
        f"{title}: the mean of {len(cohorts)} reconstructed cohorts is {rounded(100 * found.mean, 1)} "
        f"percentage points off the true survival on average and {rounded(100 * found.largest, 1)} at most; "
        f"their band holds the true curve for {percent(found.covered)} of follow-up."
    )
    numbers = in_numbers(_numbers(title, truth, cohorts, fitted, unit, band))
    said = f"{title}. The truth is real, the cohorts are reconstructed."
    return figure(to_svg(drawing, title), alt, said, numbers)


def _numbers(
    title: str, truth: Group, cohorts: Sequence[Group], fitted: Weibull | None, unit: str, band: str
) -> Html:
    """Return the curves of :func:`draw_against_truth` as a table."""
    end = follow_up_of(truth)
    at = np.array([t for t in ticks(end) if t <= end])
    curves = np.array([survival_on(cohort, at) for cohort in cohorts])
    low, high = band_of(curves)
    columns = {
        "True": map(percent, survival_on(truth, at)),
        "Mean": map(percent, curves.mean(axis=0)),
        f"Band, {band}": (f"{percent(a)}–{percent(b)}" for a, b in zip(low, high, strict=True)),
    }
    if fitted is not None:
        columns["Fitted curve"] = map(percent, fitted.at(at))
    caption = f"{title}: true survival and that of reconstructed cohorts"
    return simple(caption, (unit.capitalize(), *columns), zip(map(times, at), *columns.values(), strict=True))


def draw_errors(ax: Axes, table: pd.DataFrame) -> None:
    """Draw a row of dots per data set: mean errors of a fitted curve, the reconstructed and the oracle.

    Parameters
    ----------
    ax : Axes
    table : DataFrame
        Index: labels of the rows; columns `recohort`, `parametric` and `oracle`, in proportions.
    """
    rows = np.arange(len(table))
    ours, theirs = 100 * table["recohort"].to_numpy(), 100 * table["parametric"].to_numpy()
    ax.plot(100 * table["oracle"].to_numpy(), rows, "|", color=INK, markersize=9, label="oracle")
    ax.hlines(rows, np.minimum(ours, theirs), np.maximum(ours, theirs), color=INK, linewidth=0.6)
    ax.plot(ours, rows, "o", color=OURS, markersize=6, label="reconstructed")
    ax.plot(theirs, rows, "s", color=THEIRS, markersize=5.5, markerfacecolor="none", label="fitted curve")
    ax.set_yticks(rows, list(table.index))
    ax.set(ylim=(len(table) - 0.5, -0.5), xlim=(0, None), xlabel="Mean error, percentage points")


def error_dots(table: pd.DataFrame, name: str, caption: str) -> Html:
    """Return the dots of :func:`draw_errors` for a page; the text alternative gives the numbers."""
    height = 0.2 * len(table) + FOOT
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(WIDTH, height))
        left = 1.35
        box = (left / WIDTH, (FOOT - 0.1) / height, 1 - (left + RIGHT) / WIDTH, 1 - FOOT / height)
        draw_errors(drawing.add_axes(box, label="errors"), table)
        drawing.legend(loc="lower center", ncols=3, frameon=False)
    nearer = table.index[table["recohort"] < table["parametric"]]
    alt = f"The reconstructed are nearer to the truth in {len(nearer)} of {len(table)} rows."
    for label, row in table.iterrows():
        shown = (rounded(100 * float(row[name]), 1) for name in ("recohort", "parametric", "oracle"))
        alt += " {}: reconstructed {}, fitted {}, oracle {}.".format(label, *shown)
    return figure(to_svg(drawing, name), alt, caption)
