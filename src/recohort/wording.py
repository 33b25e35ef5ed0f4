"""How a number of things is said."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: float, noun: str) -> str:
    """Write a number of things: ``1 row``, ``2 rows``, ``0.5 months``, ``3 counts or percentages``."""
    if number == 1:
        return f"1 {noun}"
    text = str(number).removesuffix(".0")
    return f"{text} {' or '.join(f'{word}s' for word in noun.split(' or '))}"
