"""What a paper leaves open: tables of bounds with bars, and the envelope of many cohorts around a curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recohort import estimators
from recohort.check import survival_columns
from recohort.cohort import members
from recohort.conditions import Population
from recohort.diversity import groups_of
from recohort.exhibits import Exhibits, flex, percent, rounded, simple, times
from recohort.exhibits.curves import PanelData, survival_at, ticks
from recohort.exhibits.km import NORMAL, SETTINGS, SMALL, STYLES, WIDTH, to_svg
from recohort.exhibits.markup import Html, element, figure
from recohort.exhibits.reference import in_words
from recohort.exhibits.tables import in_numbers
from recohort.ledger import Ledger
from recohort.solve.bounds import Bounds
from recohort.wording import counted

__all__ = [
    "at_risk_figure",
    "bounds_table",
    "cross_table",
    "describe",
    "diversity_table",
    "envelope",
    "envelopes",
    "group_tables",
    "range_text",
    "who",
]

KINDS = {"at risk": "At risk", "survival": "Survival", "events": "Events", "patients": "Patients"}
HEAD, HEIGHT, FOOT, LEFT, RIGHT = 0.32, 2.0, 0.72, 0.68, 0.14
OPEN = "°"
"""Marks an end that is proven, but at which no patients are known."""


def who(population: Population, ledger: Ledger) -> str:
    """Say who is in a population, with the ledger's labels."""
    said = in_words(population.where, ledger)
    return (
        f"{said}; landmark {times(population.at_risk[1], ledger.study.time.unit)}"
        if population.at_risk
        else said
    )


def range_text(low: float, high: float, kind: str, marks: tuple[str, str] = ("", "")) -> str:
    """Write ``3 to 5``, ``20% to 71%``; one number where both ends agree."""
    if math.isnan(low) or math.isnan(high):
        return "–"
    a, b = (percent(v) if kind == "survival" else f"{v:.0f}" for v in (low, high))
    a, b = a + marks[0], b + marks[1]
    return a if a == b else f"{a} to {b}"


def bounds_table(caption: str, rows: Iterable[tuple[str, Bounds]], everybody: float = math.nan) -> Html:
    """Return a table of quantities: the proven range with a bar, and the range in the cohorts known.

    Parameters
    ----------
    caption : str
    rows : iterable of (label, Bounds)
    everybody : float
        The right end of the bars of counts; the largest bound if not given.
    """
    listed = list(rows)
    most = max((b.high for _, b in listed if b.kind != "survival"), default=1.0)
    top = most if math.isnan(everybody) else everybody
    headings = ("Quantity", "Proven limits", "Seen", "Verdict")
    body = []
    for label, row in listed:
        marks = ("" if row.low_reached else OPEN, "" if row.high_reached else OPEN)
        text = range_text(row.low, row.high, row.kind, marks)
        bar = _bar(row, 1.0 if row.kind == "survival" else max(top, 1.0))
        seen = range_text(row.low_inner, row.high_inner, row.kind)
        body.append((label, element("span", text, bar), seen, row.verdict))
    return simple(caption, headings, body)


def _bar(row: Bounds, top: float) -> Html:
    """Draw the proven range in light, the range in known cohorts in dark."""

    def rect(low: float, high: float, opacity: str) -> Html:
        left, width = 100 * low / top, max(100 * (high - low) / top, 1.5)
        return element("rect", x=f"{left:.1f}", y="1", width=f"{width:.1f}", height="6", opacity=opacity)

    pieces = [
        element("line", x1="0", y1="7.5", x2="100", y2="7.5", stroke="currentColor", stroke_width="0.6")
    ]
    pieces.append(rect(row.low, row.high, "0.3"))
    if not math.isnan(row.low_inner):
        pieces.append(rect(row.low_inner, row.high_inner, "1"))
    return element(
        "svg", *pieces, viewBox="0 0 101.5 8", preserveAspectRatio="none", aria_hidden="true",
        fill="currentColor",
        style="display: block; width: 100%; max-width: 9rem; height: .55rem",
    )  # fmt: skip


def group_tables(rows: Sequence[Bounds], ledger: Ledger, populations: Iterable[Population]) -> Html:
    """Return one folded table per population, with all its quantities."""
    parts = []
    for population in populations:
        mine = [row for row in rows if row.population == str(population) and row.kind != "patients"]
        lines = [(describe(row, ledger), row) for row in mine]
        size = max(row.high for row in rows if row.population == str(population) and row.kind == "patients")
        name = f"{who(population, ledger)} ({counted(size, 'patient')})"
        parts.append(element("details", element("summary", name), bounds_table(name, lines, size)))
    return element("div", *parts, class_="exhibit")


def describe(row: Bounds, ledger: Ledger) -> str:
    """Say what a row bounds, its patients aside: ``At risk at 24 months, overall survival``."""
    endpoint = ledger.endpoint_label(row.endpoint) if row.endpoint else ""
    assert row.time is not None
    when = "in all" if math.isinf(row.time) else f"at {times(row.time, ledger.study.time.unit)}"
    return f"{KINDS[row.kind]} {when}, {endpoint}"


def cross_table(rows: Sequence[Bounds], ledger: Ledger, populations: Iterable[Population]) -> Html:
    """Return how many patients are in each of some populations."""
    known = {row.population: row for row in rows if row.kind == "patients"}
    return bounds_table("How many patients are both", [(who(p, ledger), known[str(p)]) for p in populations])


def diversity_table(measured: pd.DataFrame, ledger: Ledger) -> Html:
    """Return a folded table of how different an ensemble's cohorts are, curve by curve.

    Parameters
    ----------
    measured : DataFrame
        Of one ensemble, see :func:`recohort.diversity.measure`.
    """
    rows = []
    for group, row in zip(groups_of(ledger), measured.to_dict("records"), strict=True):
        assert (group.endpoint, str(group.population)) == (row["endpoint"], row["group"])
        curve = f"{who(group.population, ledger)}, {ledger.endpoint_label(group.endpoint)}"
        apart = (rounded(row[f"distance_{which}"], 1) for which in ("within_start", "between_starts"))
        rows.append((curve, str(row["histories"]), *apart))
    headings = ("Curve", "Histories", "Apart, of one start", "Apart, of two starts")
    table = simple("How different the cohorts are, in percentage points", headings, rows)
    return element("details", element("summary", "How different the cohorts are, curve by curve"), table)


def at_risk_figure(rows: Sequence[Bounds], title: str, name: str, caption: str) -> Html:
    """Draw how many can be at risk over time: proven limits in light, what was seen in dark."""
    at = [float(row.time or 0) for row in rows]
    height = HEAD + 1.7 + FOOT
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(WIDTH, height))
        ax = drawing.add_axes(
            (LEFT / WIDTH, FOOT / height, 1 - (LEFT + RIGHT) / WIDTH, 1.7 / height), label="bars"
        )
        colour = STYLES[0].colour
        ax.vlines(at, [r.low for r in rows], [r.high for r in rows], color=colour, linewidth=11, alpha=0.3,
                  label="proven limits")  # fmt: skip
        ax.vlines(at, [r.low_inner for r in rows], [r.high_inner for r in rows], color=colour, linewidth=4,
                  label="seen in cohorts")  # fmt: skip
        for row, x in zip(rows, at, strict=True):
            if row.low_inner == row.high_inner:
                ax.plot(x, row.low_inner, "o", color=colour, markersize=5, zorder=3)
        most = int(max(r.high for r in rows))
        ax.set(xticks=at, xlim=(0, at[-1] * 1.1), ylim=(-0.3, most + 0.3), yticks=range(most + 1),
               xlabel="Months", ylabel="At risk")  # fmt: skip
        ax.set_xticklabels([times(t) for t in at])
        drawing.text(0.06 / WIDTH, 1 - 0.14 / height, title, fontsize=NORMAL, fontweight="bold", va="center")
        drawing.legend(loc="lower center", ncols=2, frameon=False, fontsize=SMALL)
    said = "; ".join(
        f"at {times(t)} months proven {range_text(r.low, r.high, r.kind)}, "
        f"seen {range_text(r.low_inner, r.high_inner, r.kind)}"
        for r, t in zip(rows, at, strict=True)
    )
    numbers = simple(
        f"{title}: the picture in numbers",
        ("Months", "Proven", "Seen in cohorts"),
        (
            (times(t), range_text(r.low, r.high, r.kind), range_text(r.low_inner, r.high_inner, r.kind))
            for r, t in zip(rows, at, strict=True)
        ),
    )
    return figure(to_svg(drawing, name), f"{title}: {said}.", caption, in_numbers(numbers))


def envelope(
    whole: pd.DataFrame, cohorts: int, endpoint: str, population: Population, ledger: Ledger, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest survival over many cohorts, at each time of a grid.

    Parameters
    ----------
    whole : DataFrame
        The rows of all cohorts below each other, all of one size.
    cohorts : int
    endpoint : str
    population : Population
    ledger : Ledger
    grid : float array, shape (n_times,)

    Returns
    -------
    tuple of float arrays, shape (n_times,)
        A curve is flat after its last time.
    """
    time, event = (column.reshape(cohorts, -1) for column in survival_columns(whole, ledger, endpoint))
    inside = members(whole, population, ledger).reshape(cohorts, -1)
    low, high = np.ones(grid.size), np.zeros(grid.size)
    for t, e, mine in zip(time, event, inside, strict=True):
        if mine.any():
            survival = estimators.kaplan_meier(t[mine], e[mine]).on(grid + 1e-9)
            low, high = np.minimum(low, survival), np.maximum(high, survival)
    return low, high


def envelopes(study: Exhibits, whole: pd.DataFrame, cohorts: int, *names: str, until: float = 48.0) -> Html:
    """Draw panels with the envelope of many cohorts around each curve of the study's own cohort."""
    grid = np.arange(0.0, until + 0.05, 0.1)
    parts = []
    for name in names:
        data = study.panel(name)
        panel = study.layout.panels[name]
        limits = [
            envelope(
                whole, cohorts, panel.endpoint, panel.population(study.ledger, group), study.ledger, grid
            )
            for group in panel.groups
        ]
        parts.append(_envelope_figure(data, limits, grid, cohorts, f"envelope-{name}"))
    return flex(parts)


def _envelope_figure(
    data: PanelData,
    limits: Sequence[tuple[np.ndarray, np.ndarray]],
    grid: np.ndarray,
    cohorts: int,
    name: str,
) -> Html:
    foot = FOOT + 0.18 * ((len(data.curves) - 1) // 2)  # two to a line of the legend
    height = HEAD + HEIGHT + foot
    with mpl.rc_context(SETTINGS):
        drawing = Figure(figsize=(WIDTH, height))
        box = (LEFT / WIDTH, foot / height, 1 - (LEFT + RIGHT) / WIDTH, HEIGHT / height)
        ax = drawing.add_axes(box, label="curves")
        for curve, (low, high) in zip(data.curves, limits, strict=True):
            _draw_envelope(ax, grid, low, high, curve.style)
            look, table = STYLES[curve.style], curve.table
            ax.step(table["time"], table["survival"], where="post", color=look.colour, linestyle=look.line,
                    linewidth=1.5, label=curve.label)  # fmt: skip
        at = ticks(float(grid[-1]))
        ax.set(xlim=(0, grid[-1]), ylim=(0, 1.0), xticks=at, xlabel=data.unit.capitalize(),
               ylabel=data.endpoint.capitalize())  # fmt: skip
        ax.set_xticklabels([times(t) for t in at])
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1.0], ["0", "25%", "50%", "75%", "100%"])
        title = f"{data.panel.letter}  {data.title}"
        drawing.text(0.06 / WIDTH, 1 - 0.14 / height, title, fontsize=NORMAL, fontweight="bold", va="center")
        drawing.legend(loc="lower center", ncols=2, frameon=False, fontsize=SMALL - 0.5)
    month = data.panel.month
    said = []
    for curve, (low, high) in zip(data.curves, limits, strict=True):
        halves = [
            f"{range_text(*_at(grid, low, high, t), 'survival')} at {times(t)}" for t in (month / 2, month)
        ]
        said.append(f"{curve.label} {' and '.join(halves)}")
    words = f"{data.title}: {'; '.join(said)} {data.unit}. The envelope of {cohorts} reconstructed cohorts."
    caption = f"{'; '.join(said)} {data.unit}. Lines: the book's cohort. Reconstructed patients, not real."
    numbers = _envelope_numbers(data, limits, grid, counted(cohorts, "cohort"))
    return figure(to_svg(drawing, name), words, caption, in_numbers(numbers))


def _envelope_numbers(
    data: PanelData, limits: Sequence[tuple[np.ndarray, np.ndarray]], grid: np.ndarray, whose: str
) -> Html:
    """Return the picture as a table: at each tick the book's cohort and, in brackets, the envelope."""
    at = ticks(float(grid[-1]))
    columns = []
    for curve, (low, high) in zip(data.curves, limits, strict=True):
        own = [percent(survival_at(curve.table, time)["survival"]) for time in at]
        ranges = [range_text(*_at(grid, low, high, time), "survival") for time in at]
        columns.append([f"{one} ({many})" for one, many in zip(own, ranges, strict=True)])
    return simple(
        f"{data.title}: the book's cohort, and in brackets the lowest and highest of {whose}",
        (data.unit.capitalize(), *(curve.label for curve in data.curves)),
        zip(map(times, at), *columns, strict=True),
    )


def _at(grid: np.ndarray, low: np.ndarray, high: np.ndarray, time: float) -> tuple[float, float]:
    place = int(np.argmin(abs(grid - time)))
    return float(low[place]), float(high[place])


def _draw_envelope(ax: Axes, grid: np.ndarray, low: np.ndarray, high: np.ndarray, style: int) -> None:
    colour = STYLES[style].colour
    (low_times, lowest), (high_times, highest) = _corners(grid, low), _corners(grid, high)
    ax.fill(
        [*low_times, *high_times[::-1]], [*lowest, *highest[::-1]],
        color=colour, alpha=0.22, linewidth=0, gid=f"envelope-{style}",
    )  # fmt: skip
    ax.plot(low_times, lowest, high_times, highest, color=colour, linewidth=0.5)


def _corners(grid: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the corners of a falling staircase: a page is the lighter, the fewer points it draws."""
    falls = 1 + np.flatnonzero(np.diff(values))
    times = np.r_[grid[0], np.repeat(grid[falls], 2), grid[-1]]
    return times, np.repeat(values[np.r_[0, falls]], 2)
