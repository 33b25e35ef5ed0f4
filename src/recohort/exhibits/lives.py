"""Follow-up as it was: a line for each patient, from the start to the last contact, and dots of a column.

A line ends in a filled circle (the last event, such as death) or a bar (censored). A cross on it is an
earlier event, such as a relapse, after which the line is thin; a triangle is something that was done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recohort.exhibits.curves import ticks
from recohort.exhibits.km import INK, NORMAL, RIGHT, ROW, SETTINGS, STYLES, WIDTH, to_svg
from recohort.exhibits.markup import Html, figure
from recohort.exhibits.numbers import times
from recohort.exhibits.words import NOT_REAL
from recohort.ledger import Ledger

__all__ = ["Life", "dots", "dots_figure", "draw_lives", "lives", "lives_figure", "lives_of", "lives_text"]

LINE = 0.135
BESIDE = 0.5


@dataclass(frozen=True)
class Life:
    """What is known of one patient's course.

    Attributes
    ----------
    label : str
    end : float
        Time of the last event or the last contact.
    event : bool
        Whether it ended with the event.
    early : float or None
        Time of an earlier event.
    done : float or None
        Time of something that was done.
    style : int
        Which of the line colours it wears.
    """

    label: str
    end: float
    event: bool
    early: float | None = None
    done: float | None = None
    style: int = 0


def lives_of(
    cohort: pd.DataFrame, ledger: Ledger, style: Sequence[int], done: str | None = None
) -> list[Life]:
    """Read courses from a cohort, whose first endpoint lies within the last.

    Parameters
    ----------
    cohort : DataFrame
    ledger : Ledger
    style : sequence of int
        One per patient.
    done : str, optional
        An attribute that holds a time.
    """
    ends = list(ledger.endpoints.values())
    first, last = ends[0], ends[-1]
    found = []
    for number, (_, row) in enumerate(cohort.iterrows()):
        before = bool(row[first.event]) and row[first.time] < row[last.time]
        when = None if done is None or pd.isna(row[done]) else float(row[done])
        found.append(
            Life(
                str(row["patient"]), float(row[last.time]), bool(row[last.event]),
                float(row[first.time]) if before else None, when, style[number],
            )
        )  # fmt: skip
    return found


def draw_lives(ax: Axes, courses: Sequence[Life]) -> None:
    """Draw a line for each patient, the first one uppermost."""
    for y, life in enumerate(courses):
        colour = STYLES[life.style].colour
        thick = life.end if life.early is None else life.early
        ax.plot([0, thick], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        ax.plot([thick, life.end], [y, y], color=colour, linewidth=0.8)
        if life.early is not None:
            ax.plot(life.early, y, "x", color=INK, markersize=4.5, markeredgewidth=1.4, gid="early")
        if life.done is not None:
            ax.plot(life.done, y, "^", color=INK, markersize=4.5, gid="done")
        mark = "o" if life.event else "|"
        ax.plot(life.end, y, mark, color=INK, markersize=4.5, markeredgewidth=1.2, clip_on=False, gid="end")
    ax.set_yticks(range(len(courses)), [life.label for life in courses])
    ax.set_ylim(len(courses) - 0.4, -0.6)


def lives_figure(
    courses: Sequence[Life], unit: str, legend: Sequence[tuple[str, str]], until: float = 0.0
) -> Figure:
    """Draw courses on a time axis that reaches `until` at least, with a legend of marks and their meaning."""
    foot = 0.46 + ROW * ((len(legend) + 1) // 2)
    height = LINE * len(courses) + foot + 0.08
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(WIDTH, height))
        box = (BESIDE / WIDTH, foot / height, 1 - (BESIDE + RIGHT) / WIDTH, 1 - (foot + 0.08) / height)
        ax = drawing.add_axes(box, label="lives")
        draw_lives(ax, courses)
        at = ticks(max(until, *(life.end for life in courses)))
        ax.set(xlim=(0, at[-1]), xticks=at, xlabel=unit.capitalize())
        ax.set_xticklabels([times(t) for t in at])
        ax.tick_params(axis="y", length=0, labelsize=NORMAL - 2)
        ax.spines["left"].set_visible(False)
        _legend(drawing, height, legend)
    return drawing


def lives(
    courses: Sequence[Life],
    unit: str,
    name: str,
    caption: str,
    words: Sequence[str],
    *,
    whose: str = NOT_REAL,
    until: float = 0.0,
) -> Html:
    """Return the figure for a page, with its text alternative.

    Parameters
    ----------
    courses : sequence of Life
    unit : str
    name : str
        Differs between the figures of a page.
    caption : str
    words : sequence of str
        What the circle, the bar, the cross and the triangle mean; the last ones may be left out.
    whose : str
        Who the patients are.
    until : float
        Where the axis should at least reach, for figures that share a scale.
    """
    legend = list(zip(("o", "|", "x", "^"), words, strict=False))
    drawn = to_svg(lives_figure(courses, unit, legend, until), name)
    return figure(drawn, lives_text(courses, unit, words, whose), caption)


def lives_text(courses: Sequence[Life], unit: str, words: Sequence[str], whose: str = NOT_REAL) -> str:
    """Say what the lines show, in numbers."""
    counts = (
        sum(life.event for life in courses),
        sum(not life.event for life in courses),
        sum(life.early is not None for life in courses),
        sum(life.done is not None for life in courses),
    )
    said = ", ".join(f"{word}: {count}" for word, count in zip(words, counts, strict=False))
    longest = times(max(life.end for life in courses), unit)
    return (
        f"A line of follow-up for each of {len(courses)} {whose}. {said.capitalize()}. "
        f"The longest is {longest}."
    )


def dots_figure(groups: Sequence[tuple[str, Sequence[float]]], step: float, axis: str) -> Figure:
    """Draw values as stacked dots, one row of stacks per group; see :func:`dots`."""
    stacks = [Counter(int(np.floor(value / step)) for value in values) for _, values in groups]
    tallest = [max(stack.values()) for stack in stacks]
    dot, gap, foot = 0.085, 0.3, 0.42
    height = dot * sum(tallest) + gap * len(groups) + foot
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(WIDTH, height))
        box = (RIGHT / WIDTH, foot / height, 1 - 2 * RIGHT / WIDTH, 1 - foot / height)
        ax = drawing.add_axes(box, label="dots")
        ax.set(ylim=(0, (height - foot) / dot), xlabel=axis)
        ax.set_yticks([])
        ax.spines["left"].set_visible(False)
        base = 0.0
        for i in reversed(range(len(groups))):
            for place, count in stacks[i].items():
                x, y = [(place + 0.5) * step] * count, base + 0.7 + np.arange(count)
                ax.plot(x, y, "o", color=STYLES[i].colour, markersize=4.6, gid="dots")
            top = base + tallest[i] + 0.9
            ax.text(0, top, groups[i][0], transform=ax.get_yaxis_transform(), va="bottom", fontweight="bold")
            base = top + gap / dot - 0.9
    return drawing


def dots(
    groups: Sequence[tuple[str, Sequence[float]]], step: float, axis: str, name: str, caption: str
) -> Html:
    """Return values as stacked dots, for a page, with a text alternative.

    Parameters
    ----------
    groups : sequence of (label, values)
        Up to four, each with a value at least.
    step : float
        Width of a stack, in the unit of the values.
    axis : str
        Label of the axis.
    name, caption : str
        As for :func:`lives`.
    """
    said = [
        f"{label}: {len(v)} from {min(v):g} to {max(v):g}, median {np.median(v):g}" for label, v in groups
    ]
    alt = f"{axis} as dots, {NOT_REAL}. {'; '.join(said)}."
    return figure(to_svg(dots_figure(groups, step, axis), name), alt, caption)


def _legend(drawing: Figure, height: float, legend: Sequence[tuple[str, str]]) -> None:
    """Explain the marks at the foot of a figure, two in a line."""
    lines = (len(legend) + 1) // 2
    ax = drawing.add_axes((0, 0, 1, ROW * lines / height), label="legend")
    ax.set(xlim=(0, WIDTH), ylim=(lines - 0.5, -0.5))
    ax.axis("off")
    for i, (mark, word) in enumerate(legend):
        x, y = (0.62, i // 2) if i % 2 == 0 else (2.1, i // 2)
        ax.plot(x, y, mark, color=INK, markersize=5, markeredgewidth=1.3)
        ax.text(x + 0.12, y, word, va="center")
