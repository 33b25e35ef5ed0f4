"""Results in words: what a figure's caption and its text alternative say."""

from __future__ import annotations

import math

from recohort.exhibits.curves import GroupCurve, PanelData, survival_at
from recohort.exhibits.numbers import p_text, percent, rounded, times
from recohort.wording import counted

__all__ = ["NOT_REAL", "curve_text", "headline", "panel_text"]

NOT_REAL = "reconstructed patients, not real"


def curve_text(curve: GroupCurve, unit: str) -> str:
    """One curve in a sentence: who, the rate with its interval, the median."""
    month, share = curve.shown
    there = survival_at(curve.table, month)
    rate = f"{percent(share)} at {times(month, unit)}"
    if not math.isnan(there["low"]):
        rate += f" (95% confidence interval {percent(there['low'])} to {percent(there['high'])})"
    if curve.read_month is not None:
        rate += f", {percent(curve.rate)} at {times(curve.month, unit)}"
    return f"{curve.label}, {counted(curve.n, 'patient')}: {rate}; median {times(curve.median, unit)}."


def panel_text(data: PanelData) -> str:
    """Text alternative of a panel: its result first, then all that a reader takes from the picture."""
    drawn = f"Panel {data.panel.letter}, {data.title}: Kaplan-Meier curves of {data.n} {NOT_REAL}."
    said = [f"{_result(data)}.", drawn, *(curve_text(curve, data.unit) for curve in data.curves)]
    for comparison in data.comparisons:
        a, b = (data.curves[i].label for i in comparison.pair)
        instead = [f", printed {cell.printed}" for cell in comparison.printed[-1:] if cell.misprinted]
        said.append(f"{a} against {b}: {comparison.test} P {p_text(comparison.p_value)}{''.join(instead)}.")
    if not data.comparisons:
        said.append("No test between the groups.")
    return " ".join(said)


def headline(data: PanelData) -> str:
    """Return the result of a panel in a line, for its caption."""
    return f"{data.panel.letter}. {_result(data, intervals=True)}. {NOT_REAL.capitalize()}."


def _result(data: PanelData, *, intervals: bool = False) -> str:
    """Say the rates of a panel, with their intervals or without, and the P value if there is one."""
    when = times(data.panel.month, data.unit)
    rates = ", ".join(f"{curve.label} {_rate(curve, intervals)}" for curve in data.curves)
    said = f"{data.endpoint.capitalize()} at {when}: {rates}"
    if len(data.comparisons) == 1 and len(data.curves) == 2:
        said += f"; P {p_text(data.comparisons[0].p_value)}"
    return said


def _rate(curve: GroupCurve, interval: bool) -> str:
    """Say the rate of a curve, with its interval if asked for, and when it is read, if not as printed."""
    month, share = curve.shown
    there = survival_at(curve.table, month)
    notes = [] if curve.read_month is None else [f"at {times(curve.read_month)}"]
    if interval and not math.isnan(there["low"]):
        notes.append(f"95% CI {rounded(100 * there['low'], 0)}–{percent(there['high'])}")
    return percent(share) + (f" ({'; '.join(notes)})" if notes else "")
