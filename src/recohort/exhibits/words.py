"""Results in words: what a figure's caption and its text alternative say."""

from __future__ import annotations

import math

from recohort.exhibits.curves import GroupCurve, PanelData, survival_at
from recohort.exhibits.numbers import p_text, percent, times

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
    who = "1 patient" if curve.n == 1 else f"{curve.n} patients"
    return f"{curve.label}, {who}: {rate}; median {times(curve.median, unit)}."


def panel_text(data: PanelData) -> str:
    """Text alternative of a panel: its result first, then all that a reader takes from the picture."""
    drawn = f"Panel {data.panel.letter}, {data.title}: Kaplan-Meier curves of {data.n} {NOT_REAL}."
    said = [f"{_result(data)}.", drawn, *(curve_text(curve, data.unit) for curve in data.curves)]
    for comparison in data.comparisons:
        a, b = (data.curves[i].label for i in comparison.pair)
        said.append(f"{a} against {b}: {comparison.test} P {p_text(comparison.p_value)}.")
    if not data.comparisons:
        said.append("No test between the groups.")
    return " ".join(said)


def headline(data: PanelData) -> str:
    """Return the result of a panel in a line, for its caption."""
    return f"{data.panel.letter}. {_result(data)}. {NOT_REAL.capitalize()}."


def _result(data: PanelData) -> str:
    """Say the rates of a panel, and the P value if there is one."""
    when = times(data.panel.month, data.unit)
    rates = ", ".join(f"{curve.label} {percent(curve.shown[1])}{_elsewhere(curve)}" for curve in data.curves)
    said = f"{data.endpoint.capitalize()} at {when}: {rates}"
    if len(data.comparisons) == 1 and len(data.curves) == 2:
        said += f"; P {p_text(data.comparisons[0].p_value)}"
    return said


def _elsewhere(curve: GroupCurve) -> str:
    """Say at what other time a rate is read, if it is."""
    return "" if curve.read_month is None else f" (at {times(curve.read_month)})"
