"""Kaplan-Meier figures, built from small functions that each draw one thing on an Axes.

A figure is a column: title, key (patients, median, rate, P as in a printed figure), curves with marks
for the censored, and the table of those at risk, censored and with the event after Morris et al.,
BMJ Open 2019. It is 3.5 inches wide, so that a phone shows it at reading size; a wide screen puts two
side by side. Every figure says that its patients are not real.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recohort.exhibits.cells import Cell
from recohort.exhibits.curves import GroupCurve, PanelData, risk_table, survival_at, ticks
from recohort.exhibits.numbers import p_text, percent, times
from recohort.exhibits.words import NOT_REAL

__all__ = [
    "EXTENDED", "STYLES", "Style", "draw_curve", "draw_key", "draw_landmark", "draw_risk_table", "km_figure",
    "to_svg",
]  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How one curve looks: colour, line and mark differ, so that any one of them is enough."""

    colour: str
    line: str | tuple[float, tuple[float, ...]]
    mark: str


STYLES = (
    Style("#0072b2", "solid", "|"),
    Style("#d55e00", (0, (5, 1.6)), "x"),
    Style("#009e73", (0, (7, 1.6, 1.4, 1.6)), "+"),
    Style("#aa4499", (0, (1.4, 1.4)), "|"),
)
"""Colours of Okabe and Ito (the last one of Tol), dark enough for a white page."""

EXTENDED: Mapping[str, str] = {"at_risk": "At risk", "censored": "Censored", "events": "Events"}
"""Rows of the extended risk table, and their labels."""

INK = "#1b1b1c"
"""Stands for the page's own text colour, which `to_svg` puts in its place."""

WIDTH, LEFT, RIGHT = 3.5, 0.68, 0.14
COLUMNS = (2.03, 2.76, 3.44)
"""Right ends of the key's columns: patients, median, rate."""
ROW = 0.165
KEY_ROW = 0.27
"""The key's numbers are links: on a phone, where an inch is some 90 pixels, a finger needs 24."""
SMALL, NORMAL = 8.0, 9.0
SETTINGS: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica Neue", "Arial"],
    "font.size": SMALL,
    "svg.fonttype": "none",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw_curve(ax: Axes, curve: GroupCurve, *, band: bool) -> None:
    """Draw one curve as steps, with a mark wherever somebody was censored.

    Parameters
    ----------
    ax : Axes
        Time across, survival from 0 to 1 upwards.
    curve : GroupCurve
    band : bool
        Shade the pointwise 95 % log-log limits.
    """
    style, table = STYLES[curve.style], curve.table
    ax.step(
        table["time"], table["survival"], where="post", color=style.colour, linestyle=style.line,
        linewidth=1.7, label=curve.label, gid=f"curve-{curve.style}",
        clip_on=False,  # at 100% half of the line would be cut off
    )  # fmt: skip
    gone = table[table["censored"] > 0]
    ax.plot(
        gone["time"], gone["survival"], linestyle="none", marker=style.mark, color=style.colour,
        markersize=5, markeredgewidth=1.1, clip_on=False, gid=f"censored-{curve.style}",
    )  # fmt: skip
    if band:
        ax.fill_between(
            table["time"],
            table["low"],
            table["high"],
            step="post",
            color=style.colour,
            alpha=0.14,
            linewidth=0,
        )


def draw_key(ax: Axes, data: PanelData) -> None:
    """Write a line per curve (patients, median, rate) and a line per test, as printed figures do."""
    ax.set(xlim=(0, WIDTH), ylim=(key_rows(data) - 0.5, -0.5))
    ax.axis("off")
    for right, text in zip(COLUMNS, ("N", "Median", f"At {times(data.panel.month)}"), strict=True):
        ax.text(right, 0, text, ha="right", va="center")
    for row, curve in enumerate(data.curves, start=1):
        mark = "†" if curve.read_month is not None else _reread(curve.printed["rate"])
        at = "" if curve.read_month is None else f" at {times(curve.read_month)}"
        rate = f"{percent(curve.shown[1])}{at}{mark}"
        line = {"n": str(curve.n), "median": times(curve.median), "rate": rate}
        for right, (name, text) in zip(COLUMNS, line.items(), strict=True):
            ax.text(right, row, text, ha="right", va="center", gid=_claim(curve.printed[name]))
        _sample(ax, curve.style, 0.05, row)
        ax.text(0.36, row, curve.label, va="center")
    each = rows_per_test(data)
    for number, comparison in enumerate(data.comparisons):
        middle = 0.5 + len(data.curves) + each * (number + 0.5)
        p = f"{comparison.test} P {p_text(comparison.p_value)}{_reread(comparison.printed)}"
        ax.text(COLUMNS[-1], middle, p, ha="right", va="center", gid=_claim(comparison.printed))
        if len(data.curves) > 2:
            for i, word, up in zip(comparison.pair, ("", "against "), (-0.3, 0.3), strict=True):
                _sample(ax, data.curves[i].style, 0.05, middle + up)
                ax.text(0.36, middle + up, word + data.curves[i].label, va="center")


def rows_per_test(data: PanelData) -> float:
    """Return how many rows of the key a test takes: two short ones if it has to name its groups."""
    return 1.6 if len(data.curves) > 2 else 1.0


def key_rows(data: PanelData) -> float:
    """Return how many rows the key takes."""
    return 1 + len(data.curves) + rows_per_test(data) * len(data.comparisons)


def draw_landmark(ax: Axes, month: float) -> None:
    """Draw a thin dotted line at the month from which a panel compares."""
    ax.axvline(month, color=INK, linestyle=(0, (1, 2.5)), linewidth=0.8, gid="landmark", zorder=0)
    ax.text(month, 0.02, f" landmark, {times(month)}", va="bottom", ha="left")


def draw_risk_table(
    ax: Axes, curves: Sequence[GroupCurve], at: Sequence[float], rows: Mapping[str, str] = EXTENDED
) -> None:
    """Write the counts of :func:`recohort.exhibits.curves.risk_table` below the times of an axis.

    Parameters
    ----------
    ax : Axes
        An empty one below the curves, with the same limits across.
    curves : sequence of GroupCurve
    at : sequence of float
    rows : mapping of str to str
        Columns of the risk table to be shown, and their labels. A single one stands on the curve's
        own line; several stand below its name.
    """
    single = len(rows) == 1
    lines = risk_lines(len(curves), rows)
    ax.set(ylim=(lines - 0.5, -0.5))
    ax.axis("off")
    beside_axis = ax.get_yaxis_transform()
    line = 0
    ax.text(
        -0.03,
        line,
        next(iter(rows.values())) if single else "",
        transform=beside_axis,
        ha="right",
        va="center",
    )
    for curve in curves:
        counts = risk_table(curve.time, curve.event, at)
        if not single:
            ax.text(0.0, line, curve.label, transform=beside_axis, va="center", fontweight="bold")
            _margin_sample(ax, curve.style, line)
        for name, label in rows.items():
            line += 1
            if single:
                _margin_sample(ax, curve.style, line)
            else:
                ax.text(-0.06, line, label, transform=beside_axis, ha="right", va="center")
            for time, count in zip(at, counts[name], strict=True):
                ax.text(time, line, str(count), ha="center", va="center", gid=f"{name}-{curve.style}")
        line += 0 if single else 1


def risk_lines(groups: int, rows: Mapping[str, str]) -> int:
    """Return how many lines a risk table takes."""
    return 1 + groups if len(rows) == 1 else groups * (1 + len(rows))


def km_figure(
    data: PanelData,
    *,
    until: float | None = None,
    tests: int | None = None,
    rows: Mapping[str, str] = EXTENDED,
    band: bool = False,
) -> Figure:
    """Draw a whole panel.

    Parameters
    ----------
    data : PanelData
    until : float, optional
        Where the axis should at least reach, for panels that share a scale.
    tests : int, optional
        For how many tests the key has room, for panels whose curves should stand level.
    rows : mapping of str to str
        Rows of the risk table.
    band : bool
        Shade confidence bands.
    """
    at = ticks(max(data.last, until or 0.0))
    notes = _notes(data)
    heights = {
        "title": 0.24,
        "key": KEY_ROW * key_rows(data),
        "gap": 0.12 + KEY_ROW * rows_per_test(data) * max(0, (tests or 0) - len(data.comparisons)),
        "curves": 2.0,
        "axis": 0.46,
        "risk": ROW * risk_lines(len(data.curves), rows),
        "notes": 0.08 + ROW * len(notes),
    }
    total = sum(heights.values())
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(WIDTH, total))
        top = 1.0
        axes = {}
        for name, height in heights.items():
            top -= height / total
            left, width = (LEFT, WIDTH - LEFT - RIGHT) if name in ("curves", "risk") else (0.0, WIDTH)
            if name in ("key", "curves", "risk"):
                axes[name] = figure.add_axes((left / WIDTH, top, width / WIDTH, height / total), label=name)
        title = f"{data.panel.letter}  {data.title}"
        figure.text(0.06 / WIDTH, 1 - 0.12 / total, title, fontsize=NORMAL, fontweight="bold", va="center")
        draw_key(axes["key"], data)
        for curve in data.curves:
            draw_curve(axes["curves"], curve, band=band)
        _frame(axes["curves"], at, data.unit, data.endpoint)
        if data.landmark is not None:
            draw_landmark(axes["curves"], data.landmark)
        axes["risk"].set_xlim(0, at[-1])
        draw_risk_table(axes["risk"], data.curves, at, rows)
        for i, note in enumerate(reversed(notes)):
            figure.text(0.06 / WIDTH, (0.07 + ROW * i) / total, note, va="center", fontstyle="italic")
    return figure


def to_svg(figure: Figure, name: str) -> str:
    """Return a figure as an SVG element for a page: same bytes each time, colours that follow the page.

    Parameters
    ----------
    figure : Figure
    name : str
        Differs between the figures of a page, so that their inner ids differ.
    """
    out = io.StringIO()
    with mpl.rc_context({**SETTINGS, "svg.hashsalt": name}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r' width="[\d.]+pt" height="[\d.]+pt"', "", svg, count=1)
    svg = re.sub(r'id="(?=curve-|censored-|at_risk-|events-|claim-)', 'data-part="', svg)
    named = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found.group() if found[1] in named else "", svg)
    for number, style in enumerate(STYLES):
        svg = svg.replace(style.colour, f"var(--curve-{number}, {style.colour})")
    return svg.replace(INK, "currentColor").strip()


def _frame(ax: Axes, at: Sequence[float], unit: str, endpoint: str) -> None:
    """Axes of a survival figure: from 0 to 100 %, ticks where the risk table counts."""
    ax.set(
        xlim=(0, at[-1]),
        ylim=(0, 1.0),
        xticks=list(at),
        xlabel=unit.capitalize(),
        ylabel=endpoint.capitalize(),
    )
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25%", "50%", "75%", "100%"])
    ax.set_xticklabels([times(t) for t in at])
    ax.spines["bottom"].set_position(("outward", 4))
    ax.tick_params(length=3)
    ax.xaxis.labelpad = 2


def _claim(printed: Sequence[Cell]) -> str | None:
    """Name the claim that prints a number, the one in the figure if there are several."""
    return f"claim-{printed[-1].claim}" if printed else None


def _sample(ax: Axes, style: int, x: float, y: float) -> None:
    """Draw a short piece of a curve's line, with its mark."""
    look = STYLES[style]
    ax.plot(
        [x, x + 0.12, x + 0.24], [y, y, y], color=look.colour, linestyle=look.line, linewidth=1.7,
        marker=look.mark, markevery=[1], markersize=5, markeredgewidth=1.1,
    )  # fmt: skip


def _margin_sample(ax: Axes, style: int, y: float) -> None:
    """Draw a piece of a curve's line in the margin of the risk table."""
    look = STYLES[style]
    ax.plot(
        [-0.16, -0.05], [y, y], color=look.colour, linestyle=look.line, linewidth=1.7,
        transform=ax.get_yaxis_transform(), clip_on=False,
    )  # fmt: skip


def _notes(data: PanelData) -> list[str]:
    """Lines at the foot of a figure: whose rate is read at another time, and that nobody here is real."""
    notes = []
    for curve in data.curves:
        if curve.read_month is not None:
            there = percent(survival_at(curve.table, curve.month)["survival"])
            notes.append(f"† {there} at {times(curve.month, data.unit)}")
    replaced = [cell.printed for cell in _drawn(data) if cell.misprinted]
    if replaced:
        notes.append(f"‡ printed {', '.join(replaced)}")
    return [*notes, NOT_REAL.capitalize()]


def _drawn(data: PanelData) -> list[Cell]:
    """List the rates and P values that the key draws, in its order."""
    printed = [curve.printed["rate"] for curve in data.curves] + [c.printed for c in data.comparisons]
    return [cells[-1] for cells in printed if cells]


def _reread(printed: Sequence[Cell]) -> str:
    """Return the mark of a number that stands for another one in print."""
    return "‡" if printed and printed[-1].misprinted else ""
