"""How numbers are written for a reader: percentages, months, P values, rounded as papers round."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

__all__ = ["NOT_REACHED", "p_number", "p_text", "percent", "rounded", "times"]

NOT_REACHED = "not reached"
SMALL_P = 0.0095
"""P values that two digits would show as 0.00 or a generous 0.01 get a third."""


def rounded(value: float, decimals: int) -> str:
    """Round half up, as papers do: ``rounded(62.5, 0)`` is 63, where Python's own format gives 62.

    Floating-point noise is dropped first, so that ``100 * 0.725`` is a half and goes up.
    """
    exact = Decimal(f"{value:.9f}")
    return str(exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP))


def percent(share: float) -> str:
    """Write ``0.731`` as ``73%``."""
    return f"{rounded(100 * share, 0)}%"


def times(value: float, unit: str = "") -> str:
    """Write ``25.0`` as ``25 months``, ``1.0`` as ``1 month``, infinity as ``not reached``."""
    if math.isinf(value):
        return NOT_REACHED
    text = rounded(value, 1).removesuffix(".0")
    return f"{text} {unit.removesuffix('s') if text == '1' else unit}".strip()


def p_text(p_value: float) -> str:
    """Write a P value with its sign, to stand after a P: ``= 0.15``, ``= 0.006``, ``< 0.001``, ``> 0.99``."""
    number = p_number(p_value)
    return f"{number[0]} {number[1:]}" if number[0] in "<>" else f"= {number}"


def p_number(p_value: float) -> str:
    """Write a P value to stand alone: ``0.15``, ``0.006``, ``<0.001``, ``>0.99``.

    Small values get a third digit, and so do those that two digits would show as 0.05.
    """
    if p_value < 0.001:
        return "<0.001"
    if p_value > 0.99:
        return ">0.99"
    close = p_value < SMALL_P or 0.045 <= p_value < 0.055
    return rounded(p_value, 3 if close else 2)
