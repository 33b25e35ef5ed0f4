"""Conditions on a patient's attributes, and the populations that they select."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["Condition", "ConditionError", "Level", "Levels", "Population", "Threshold", "explain_level"]

_SHAPE = "a condition is a map such as {sex: female, stage: [1, 2], age: '>=60'}"
Level = int | str
_THRESHOLD = re.compile(r"^(<=|>=|<|>) ?(-?\d{1,9}(?:\.\d{1,6})?)$")
_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class ConditionError(ValueError):
    """A condition that cannot be read."""


@dataclass(frozen=True)
class Levels:
    """The attribute has one of these levels."""

    levels: tuple[Level, ...]

    def holds(self, value: Level | float | None) -> bool:
        """Return whether a value (None: empty) is one of the levels."""
        return value in self.levels

    def __str__(self) -> str:
        return " or ".join(str(level) for level in self.levels)


@dataclass(frozen=True)
class Threshold:
    """The numeric attribute compares so with a limit."""

    sign: str
    limit: float

    def holds(self, value: Level | float | None) -> bool:
        """Return whether a value (None: empty) lies on the asked side of the limit."""
        return value is not None and not isinstance(value, str) and _COMPARE[self.sign](value, self.limit)

    def __str__(self) -> str:
        return f"{self.sign}{self.limit:g}"


Test = Levels | Threshold


@dataclass(frozen=True)
class Condition:
    """A conjunction of tests on attributes; hashable, and the empty one holds for everyone.

    Parameters
    ----------
    tests : tuple of (attribute, test)
        Sorted by attribute; an attribute may stand more than once.
    """

    tests: tuple[tuple[str, Test], ...] = ()

    @classmethod
    def from_mapping(cls, value: object) -> Condition:
        """Read a condition as a ledger writes it.

        Raises
        ------
        ConditionError
            If it is not a map of attributes to levels, lists of levels or thresholds.
        """
        if not isinstance(value, Mapping):
            got = "nothing" if value is None else repr(str(value)[:60])
            raise ConditionError(f"{_SHAPE}, not {got}")
        return cls(tuple(sorted(((str(k), _test(k, v)) for k, v in value.items()), key=lambda item: item[0])))

    def __and__(self, other: Condition) -> Condition:
        merged = dict.fromkeys(self.tests) | dict.fromkeys(other.tests)
        return Condition(tuple(sorted(merged, key=lambda item: (item[0], str(item[1])))))

    def __bool__(self) -> bool:
        return bool(self.tests)

    def __str__(self) -> str:
        return ", ".join(f"{name} {test}" for name, test in self.tests) or "everyone"

    @property
    def attributes(self) -> frozenset[str]:
        """Names of the attributes it speaks of."""
        return frozenset(name for name, _ in self.tests)

    def holds(self, patient: Mapping[str, Level | float | None]) -> bool:
        """Return whether one patient, a map of attribute to value, meets it."""
        return all(test.holds(patient.get(name)) for name, test in self.tests)


@dataclass(frozen=True)
class Population:
    """The patients who meet a condition and, if given, are still at risk at a time.

    Parameters
    ----------
    where : Condition
    at_risk : (str, float), optional
        An endpoint and a time in the ledger's unit: its time is at least that long.
    """

    where: Condition = Condition()
    at_risk: tuple[str, float] | None = None

    def __str__(self) -> str:
        landmark = f", at risk for {self.at_risk[0]} at {self.at_risk[1]:g}" if self.at_risk else ""
        return f"{self.where}{landmark}"


def _test(name: object, value: object) -> Test:
    if isinstance(value, str) and (found := _THRESHOLD.match(value)):
        return Threshold(found[1], float(found[2]))
    given = value if isinstance(value, list) else [value]
    if not 1 <= len(given) <= 60:
        raise ConditionError(f"{str(name)[:60]}: give one to sixty levels, not {len(given)}")
    levels: list[Level] = []
    for level in given:
        if isinstance(level, bool) or not isinstance(level, int | str):
            raise ConditionError(f"{str(name)[:60]}: {explain_level(level)}")
        levels.append(level)
    return Levels(tuple(dict.fromkeys(levels)))


def explain_level(level: object) -> str:
    """Say why a value from a YAML file is not a level."""
    if isinstance(level, bool):
        return f"YAML reads this as {str(level).lower()}; put yes, no, on, off, true, false in quotes"
    if level is None:
        return "the level is empty; give a whole number or a text"
    return f"level {str(level)[:40]!r} must be a whole number or a text in quotes"
