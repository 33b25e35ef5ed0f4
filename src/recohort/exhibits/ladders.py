"""Ladders of numbers at risk: a history of one group as a column of rungs, one for each patient.

A rung is a number at risk. A filled rung is an event with so many at risk, and its factor stands beside
it; an open rung is somebody censored before the last event; the dots below are those still at risk.
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recohort.exhibits.km import INK, ROW, SETTINGS, STYLES, WIDTH, to_svg
from recohort.exhibits.markup import Html, figure
from recohort.exhibits.numbers import rounded
from recohort.histories import History, printable
from recohort.wording import counted

__all__ = ["draw_ladder", "ladder_figure", "ladder_text", "ladders", "printable_figure"]

EVENT = STYLES[1].colour
FIRST, COLUMN, RUNG = 0.62, 0.72, 0.225
"""Inches: to the first ladder, between ladders, between rungs."""
MOST = 4
"""Ladders that fit side by side into the width of a phone."""


def draw_ladder(ax: Axes, history: History, x: float, lowest: int = 1) -> None:
    """Draw one history at `x`; numbers at risk run up the y axis.

    Parameters
    ----------
    ax : Axes
        One unit of x is one ladder, one unit of y one patient.
    history : History
    x : float
    lowest : int
        The last rung that is drawn.
    """
    for m in range(history.patients, lowest - 1, -1):
        if m in history.at_risk:
            ax.plot(x, m, "o", color=EVENT, markersize=8, gid="event")
            ax.text(x + 0.17, m, f"{m - 1}/{m}", va="center")
        elif m > history.remaining:
            ax.plot(x, m, "o", markerfacecolor="none", markeredgecolor=INK, markersize=8, gid="censored")
        else:
            ax.plot(x, m, "o", color=INK, markersize=2, gid="later")


def ladder_figure(histories: Sequence[History], titles: Sequence[str] = ()) -> Figure:
    """Draw up to four histories side by side.

    Parameters
    ----------
    histories : sequence of History
    titles : sequence of str
        One per history, above its percentage.

    Raises
    ------
    ValueError
        If there are none or too many of them.
    """
    if not 1 <= len(histories) <= MOST:
        raise ValueError(f"draw one to {MOST} histories, not {len(histories)}")
    most = max(history.patients for history in histories)
    lowest = max(1, min(history.remaining for history in histories) - 1)
    width = FIRST + COLUMN * MOST
    foot = 0.1 + 2 * ROW
    height = RUNG * (most - lowest + 2.6 + bool(titles) + (lowest > 1)) + foot
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(width, height))
        ax = drawing.add_axes(
            (FIRST / width, foot / height, 1 - FIRST / width, 1 - foot / height), label="ladders"
        )
        ax.set(xlim=(-0.35, MOST - 0.35), ylim=(lowest - 0.8 - (lowest > 1), most + 1.8 + bool(titles)))
        ax.axis("off")
        for x, history in enumerate(histories):
            draw_ladder(ax, history, float(x), lowest)
            percent = f"{rounded(float(100 * history.survival), 2)}%"
            ax.text(x, most + 1.0, percent, ha="center", va="center", fontweight="bold")
        for x, title in enumerate(titles):
            ax.text(x, most + 2.0, title, ha="center", va="center")
        for m in range(most, lowest - 1, -1):
            ax.text(-0.55, m, str(m), ha="right", va="center")
        if lowest > 1:
            ax.text(-0.55, lowest - 1, "and so on", ha="center", va="center")
        ax.text(-0.55, most + 1.0, "At risk", ha="right", va="center")
        _legend(drawing, width, height)
    return drawing


def ladders(histories: Sequence[History], name: str, caption: str, titles: Sequence[str] = ()) -> Html:
    """Return the figure for a page, with its text alternative.

    Parameters
    ----------
    histories : sequence of History
    name : str
        Differs between the figures of a page.
    caption : str
    titles : sequence of str
    """
    return figure(to_svg(ladder_figure(histories, titles), name), ladder_text(histories), caption)


def printable_figure(sizes: Sequence[int], name: str, caption: str) -> Html:
    """Return a figure of the whole percentages that groups of some sizes can print.

    A dot is a percentage with one history, a bar one with several; where there is nothing, no history
    prints so.
    """
    counts = {n: printable(n) for n in sizes}
    height = 0.2 * len(sizes) + 0.5 + 2 * ROW
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(WIDTH, height))
        foot = (0.45 + 2 * ROW) / height
        ax = drawing.add_axes((0.42 / WIDTH, foot, 1 - 0.6 / WIDTH, 1 - foot), label="printable")
        for y, by_percent in enumerate(counts.values()):
            several = [percent for percent, count in by_percent.items() if count > 1]
            one = [percent for percent, count in by_percent.items() if count == 1]
            ax.plot(several, [y] * len(several), "|", color=INK, markersize=7, markeredgewidth=0.9)
            ax.plot(one, [y] * len(one), "o", color=STYLES[0].colour, markersize=3.6, clip_on=False)
        ax.set(xlim=(-1, 101), ylim=(len(sizes) - 0.4, -0.6), xlabel="Printed percentage")
        ax.set_yticks(range(len(sizes)), [str(n) for n in sizes])
        ax.set_xticks([0, 25, 50, 75, 100])
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        drawing.text(0.02, 1.45 * ROW / height, "Rows: patients in the group.", va="center")
        drawing.text(0.02, 0.5 * ROW / height, "Dot: one history. Bar: several. Gap: none.", va="center")
    said = (
        f"{n} patients: {len(found)} percentages, {list(found.values()).count(1)} with one history"
        for n, found in counts.items()
    )
    alt = f"Whole percentages that a Kaplan-Meier estimate can print. {'; '.join(said)}."
    return figure(to_svg(drawing, name), alt, caption)


def ladder_text(histories: Sequence[History]) -> str:
    """Say what the ladders show."""
    start = (
        "Ladder of numbers at risk."
        if len(histories) == 1
        else f"{len(histories)} ladders of numbers at risk."
    )
    return " ".join([start, *map(_in_words, histories)])


def _in_words(history: History) -> str:
    who = f"{counted(history.patients, 'patient')}: "
    if not history.at_risk:
        return f"{who}no event."
    at = ", ".join(map(str, history.at_risk))
    gone = sum(history.censored)
    return (
        f"{who}events with {at} at risk, {gone} censored before the last event, "
        f"survival {rounded(float(100 * history.survival), 2)}%."
    )


def _legend(drawing: Figure, width: float, height: float) -> None:
    """Explain the three kinds of rungs at the foot of a figure."""
    ax = drawing.add_axes((0, 0, 1, (0.05 + 2 * ROW) / height), label="legend")
    ax.set(xlim=(0, width), ylim=(0, 2))
    ax.axis("off")
    entries = (
        (0.12, 1.45, {"color": EVENT, "markersize": 8}, "event, and the share who pass it"),
        (0.12, 0.5, {"markerfacecolor": "none", "markeredgecolor": INK, "markersize": 8}, "censored"),
        (1.2, 0.5, {"color": INK, "markersize": 2}, "still at risk after the last event"),
    )
    for x, y, look, text in entries:
        ax.plot(x, y, "o", **look)  # type: ignore[arg-type]
        ax.text(x + 0.14, y, text, va="center")
