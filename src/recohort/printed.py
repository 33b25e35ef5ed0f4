"""A printed string and the interval of numbers it stands for.

A paper prints ``"73%"``; the number behind it lies anywhere from 72.5 to 73.5.
This module turns the strings of a ledger into :class:`Number` objects and each of
these into an :class:`Interval`, for the checker and the solvers alike. It knows
nothing of patients or claims.

Printed strings stay strings up to here because trailing zeros carry precision:
``"0.30"`` is narrower than ``"0.3"``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["KINDS", "ROUNDINGS", "SLACK", "Interval", "Number", "PrintedError", "parse", "unround"]

SLACK = 1e-9
"""How far a computed number may stray through floating point, in the unit printed."""

ROUNDINGS = ("half-up", "truncated")
LONGEST = 200
MOST_DECIMALS = 6


class PrintedError(ValueError):
    """A printed string that cannot be read; the message says on one line what would be right."""


@dataclass(frozen=True)
class Interval:
    """The numbers that a printed one may stand for.

    Attributes
    ----------
    low, high : float
        The ends, in the unit printed (a percentage in percent).
    low_closed, high_closed : bool
        Whether an end belongs to the interval.
    """

    low: float
    high: float
    low_closed: bool = True
    high_closed: bool = True

    def __contains__(self, x: float) -> bool:
        """Whether `x` lies inside, forgiving floating point by `SLACK`.

        ``100 * 0.725`` is a shade under 72.5 and must count as 72.5. So a closed end
        reaches `SLACK` further out, and an open end starts `SLACK` further in: a number
        that is 74 but for rounding error is not inside ``[73, 74)``.
        """
        above = x >= self.low - SLACK if self.low_closed else x > self.low + SLACK
        below = x <= self.high + SLACK if self.high_closed else x < self.high - SLACK
        return above and below

    def __str__(self) -> str:
        left, right = "[" if self.low_closed else "(", "]" if self.high_closed else ")"
        return f"{left}{self.low:g}, {self.high:g}{right}"


@dataclass(frozen=True)
class Number:
    """One number of a printed string.

    Attributes
    ----------
    text : str
        The number as printed, without unit or percent sign: ``"0.30"``, ``"<0.001"``,
        ``"Twenty-six"``, ``"not reached"``.
    value : float
        Its face value; infinite for "not reached".
    decimals : int
        Digits printed after the point.
    part : str
        Its role: ``count``, ``denominator``, ``percent``; ``median``, ``low``, ``high``
        (of an attribute, or a survival median); ``rate`` (survival, in percent);
        ``months`` (a follow-up time, in whatever unit of time the ledger has); ``p``;
        ``context`` (not tested).
    """

    text: str
    value: float
    decimals: int
    part: str

    def interval(self, rounding: str = "half-up") -> Interval:
        """Return what the number may stand for, in the unit printed.

        Counts and denominators are exact. Percentages and rates stay within 0 and 100,
        P values within 0 and 1; every other number is widened by :func:`unround`.

        Parameters
        ----------
        rounding : {"half-up", "truncated"}
            How the authors shortened their numbers.
        """
        if self.part in {"count", "denominator"} or math.isinf(self.value):
            return Interval(self.value, self.value)
        if self.part == "p":
            return _p_interval(self, rounding)
        wide = unround(self.text, rounding)
        return _clip(wide, 0.0, 100.0) if self.part in {"percent", "rate"} else wide


def unround(text: str, rounding: str = "half-up") -> Interval:
    """Undo the rounding of a printed number.

    Parameters
    ----------
    text : str
        A plain non-negative number, such as ``"73"`` or ``"0.30"``.
    rounding : {"half-up", "truncated"}
        ``half-up``: half a unit of the last digit to either side, both ends included,
        since an exact half may have gone either way (programs differ). ``truncated``:
        up to, but without, the next unit of the last digit.

    Returns
    -------
    Interval
        ``"73"`` gives [72.5, 73.5] or [73, 74).
    """
    if rounding not in ROUNDINGS:
        raise PrintedError(f"rounding {_show(rounding)} is unknown: use one of {', '.join(ROUNDINGS)}")
    cleaned = _clean(text)
    if not re.fullmatch(_NUMBER, cleaned):
        raise PrintedError(f'{_show(text)} is not a plain number such as "73" or "0.30"')
    value = Decimal(cleaned.replace(",", ""))
    unit = Decimal(1).scaleb(-_decimals(cleaned))
    if rounding == "truncated":
        return Interval(float(value), float(value + unit), high_closed=False)
    return Interval(float(value - unit / 2), float(value + unit / 2))


def parse(kind: str, text: str) -> tuple[Number, ...]:
    """Read the printed string of a claim.

    Parameters
    ----------
    kind : str
        The statistic, one of `KINDS`.
    text : str
        The string as printed. Hyphens and dashes are alike, number words up to
        ninety-nine are read, units of time and words such as "patients" are skipped.

    Returns
    -------
    tuple of Number
        In the order printed. ``parse("count_percent", "92% [11/12 patients]")`` gives
        percent, count, denominator. A context may hold no number at all.

    Raises
    ------
    PrintedError
        If the string cannot be read or contradicts itself (a count above its
        denominator, a percentage above 100, a range that runs backwards).
    """
    if kind not in KINDS:
        raise PrintedError(f"statistic {_show(kind)} is unknown: use one of {', '.join(KINDS)}")
    cleaned = _clean(text)
    if kind == "context":
        return tuple(_number(found, "context") for found in re.findall(_NUMBER, cleaned))
    for pattern in _PATTERNS[kind]:
        if match := pattern.fullmatch(cleaned):
            break
    else:
        raise PrintedError(f"{_show(text)} is not a {kind}: expected something like {_LIKE[kind]}")
    groups = match.groupdict()
    if groups.get("open") and groups["close"] != _CLOSING[groups["open"]]:
        raise PrintedError(f"{_show(text)} opens with {groups['open']} and closes with {groups['close']}")
    parts = [part for part in pattern.groupindex if part in _PARTS and groups[part]]
    numbers = tuple(_number(groups[part], part) for part in parts)
    _refuse_nonsense(text, cleaned, {number.part: number for number in numbers})
    return numbers


# --- how numbers are printed -------------------------------------------------------------
# Spaces are single when these patterns see them, no two neighbouring pieces can match the
# same character more than once, and lengths are bounded: matching takes linear time.

_INTEGER = r"(?:\d{1,3}(?:,\d{3}){1,2}|\d{1,9})(?![\d.])"
_FRACTION = rf"\.\d{{1,{MOST_DECIMALS}}}"
_NUMBER = rf"(?:(?:\d{{1,3}}(?:,\d{{3}}){{1,2}}|\d{{1,9}})(?:{_FRACTION})?|{_FRACTION})"

# fmt: off
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen",
    "eighteen", "nineteen",
]
# fmt: on
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS = {word: number for number, word in enumerate(_ONES)}
for _tens, _word in enumerate(_TENS, start=2):
    _WORDS[_word] = 10 * _tens
    _WORDS |= {f"{_word}-{_ONES[ones]}": 10 * _tens + ones for ones in range(1, 10)}

_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_WHO = r"(?: (?:patients?|subjects?|participants?|persons?|people|cases?|adults|children))?"
_UNIT = r"(?: ?(?:months?|weeks?|days?|years?|mo|wk|yrs?))?"
_COUNT = rf"(?P<count>{_WORD}|{_INTEGER})"
_OUT_OF = rf"(?: ?/ ?| (?:out )?of (?:the )?)(?P<denominator>{_WORD}|{_INTEGER})"
_OPEN, _CLOSE = r" ?(?P<open>[(\[]) ?", r" ?(?P<close>[)\]])"
_RANGE = rf"(?P<low>{_NUMBER}){_UNIT}(?: ?- ?| to )(?P<high>{_NUMBER}){_UNIT}"
_CALLED_RANGE = r"(?:range[,:]? )?"
_NOT_REACHED = r"not (?:yet )?reached|NR"
_MEDIAN_TIME = rf"(?:(?P<median>{_NUMBER}|{_NOT_REACHED}){_UNIT})"

_FORMS: dict[str, list[str]] = {
    "count": [rf"(?:N ?= ?)?{_COUNT}(?:{_OUT_OF})?{_WHO}"],
    "percent": [rf"(?P<percent>{_NUMBER})(?P<sign> ?%)?"],
    "count_percent": [
        rf"{_COUNT}(?:{_OUT_OF})?{_WHO}{_OPEN}(?P<percent>{_NUMBER}) ?%?{_CLOSE}{_WHO}",
        rf"(?P<percent>{_NUMBER}) ?%{_OPEN}(?:N ?= ?)?{_COUNT}(?:{_OUT_OF})?{_WHO}{_CLOSE}{_WHO}",
    ],
    "median": [rf"(?P<median>{_NUMBER}){_UNIT}"],
    "range": [rf"{_CALLED_RANGE}{_RANGE}"],
    "median_range": [rf"(?P<median>{_NUMBER}){_UNIT}{_OPEN}{_CALLED_RANGE}{_RANGE}{_CLOSE}{_UNIT}"],
    "survival": [rf"(?P<rate>{_NUMBER})(?P<sign> ?%)?"],
    "median_survival": [_MEDIAN_TIME],
    "p_value": [rf"(?:P ?)?(?:= ?)?(?P<p>(?:[<>≤≥] ?)?{_NUMBER})"],
    "follow_up": [_MEDIAN_TIME.replace("<median>", "<months>")],
    "context": [],
}
KINDS = tuple(_FORMS)
_PATTERNS = {
    kind: [re.compile(form, re.ASCII | re.IGNORECASE) for form in forms] for kind, forms in _FORMS.items()
}
_PARTS = frozenset(["count", "denominator", "percent", "median", "low", "high", "rate", "months", "p"])
_CLOSING = {"(": ")", "[": "]"}
_LIKE = {
    "count": '"38" or "Twenty-six"',
    "percent": '"68%"',
    "count_percent": '"12 (32)", "22/32 (69)" or "92% [11/12 patients]"',
    "median": '"2.8 months"',
    "range": '"1.8-4.1"',
    "median_range": '"34 [18-72]" or "2.8 months (range, 1.8-4.1 months)"',
    "survival": '"73%"',
    "median_survival": '"25 months" or "not reached"',
    "p_value": '"0.15", "<0.001" or ">0.99"',
    "follow_up": '"22.2 months"',
}


def _clean(text: object) -> str:
    """Check the length, make spaces single and dashes plain."""
    if not isinstance(text, str):
        raise PrintedError(f"{_show(text)} is not in quotes: quote it as printed, for trailing zeros count")
    if len(text) > LONGEST:
        raise PrintedError(f"{_show(text)} has {len(text)} characters: a printed cell has at most {LONGEST}")
    plain = re.sub(r"[‐‑‒–—−]", "-", " ".join(text.split()))
    plain = re.sub(r"(?<=\d)·(?=\d)", ".", plain)  # some journals print a raised decimal point
    if re.search(rf"\.\d{{{MOST_DECIMALS + 1}}}", plain, re.ASCII):
        raise PrintedError(f"{_show(text)} has more than {MOST_DECIMALS} decimals: print fewer")
    return plain


def _show(text: object) -> str:
    """Quote `text` for a message, on one line and not too long."""
    shown = repr(text).encode("utf-8", "backslashreplace").decode()  # lone surrogates cannot be printed
    return shown if len(shown) <= 60 else shown[:57] + "..."


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def _number(text: str, part: str) -> Number:
    if re.fullmatch(_NOT_REACHED, text, re.IGNORECASE):
        return Number(text, math.inf, 0, part)
    if text.lower() in _WORDS:
        return Number(text, float(_WORDS[text.lower()]), 0, part)
    digits = text.lstrip("<>≤≥ ").replace(",", "")
    return Number(text.replace(" ", ""), float(digits), _decimals(digits), part)


def _refuse_nonsense(text: str, cleaned: str, found: dict[str, Number]) -> None:
    """Raise if the numbers of one string contradict each other or cannot be."""
    value = {part: number.value for part, number in found.items()}
    percent = value.get("percent", value.get("rate", 0.0))
    if percent > 100:
        raise PrintedError(f"{_show(text)}: a percentage cannot exceed 100")
    if len(found) == 1 and ("percent" in found or "rate" in found) and percent <= 1 and "%" not in cleaned:
        raise PrintedError(f'{_show(text)} may be a proportion or a percentage: write a percentage with "%"')
    if value.get("denominator") == 0:
        raise PrintedError(f"{_show(text)}: nothing can be counted out of 0")
    if value.get("count", 0.0) > value.get("denominator", math.inf):
        raise PrintedError(f"{_show(text)}: the count exceeds the number it is out of")
    if value.get("low", 0.0) > value.get("high", math.inf):
        raise PrintedError(f"{_show(text)}: the range runs backwards; print the smaller number first")
    if "low" in value and not value["low"] <= value.get("median", value["low"]) <= value["high"]:
        raise PrintedError(f"{_show(text)}: the median lies outside its range")
    if "p" in value:
        sign, p = found["p"].text[0], value["p"]
        if p > 1 or (sign == ">" and p == 1) or (sign == "<" and p == 0):
            raise PrintedError(f"{_show(text)}: a P value lies between 0 and 1")


def _p_interval(number: Number, rounding: str) -> Interval:
    """``">0.99"`` is (0.99, 1], ``"<0.001"`` is [0, 0.001); a plain one is unrounded."""
    sign, value = number.text[0], number.value
    if sign in "<≤":
        return Interval(0.0, value, high_closed=sign == "≤")
    if sign in ">≥":
        return Interval(value, 1.0, low_closed=sign == "≥")
    return _clip(unround(number.text, rounding), 0.0, 1.0)


def _clip(wide: Interval, low: float, high: float) -> Interval:
    """Cut `wide` to what is possible; a new end is included."""
    return Interval(
        max(wide.low, low),
        min(wide.high, high),
        low_closed=wide.low_closed or wide.low < low,
        high_closed=wide.high_closed or wide.high > high,
    )
