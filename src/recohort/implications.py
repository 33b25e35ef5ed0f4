"""What follows from a condition: the levels that each attribute can still have.

Applicability ("only where stage is 2"), rules and derived attributes all come down to plain
implications between conditions. They are followed until nothing changes, which is a necessary test
only: where levels are left, a patient need not exist.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from recohort.conditions import Condition, Level, Levels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from recohort.ledger import Attribute, Ledger, Rule

__all__ = ["Implications", "allowed_levels"]

Allowed = dict[str, frozenset[Level | None]]
"""The levels that are left to each attribute that has levels; None stands for an empty cell."""


def allowed_levels(ledger: Ledger, condition: Condition) -> Allowed | None:
    """Levels that each attribute can still have among the patients who meet a condition.

    Returns
    -------
    dict or None
        None if no patient can meet the condition.
    """
    return ledger.implications.follow(condition)


class Implications:
    """The implications of one ledger, found by the attributes that they start from.

    Attributes
    ----------
    count : int
        How many there are.
    """

    def __init__(self, attributes: Mapping[str, Attribute], rules: Iterable[Rule]) -> None:
        self._attributes = attributes
        self._from: dict[str, list[tuple[Condition, Condition]]] = {}
        unconditional = []
        self.count = 0
        for premise, conclusion in chain(_of_rules(rules), _of_attributes(attributes)):
            self.count += 1
            if not premise:
                unconditional.append(conclusion)
            for name, _ in premise.tests:
                self._from.setdefault(name, []).append((premise, conclusion))
        free = {name: _all_levels(a) for name, a in attributes.items() if a.levels is not None}
        self._start = self._settle(free, unconditional, changed=list(free))

    def follow(self, condition: Condition) -> Allowed | None:
        """Return the levels that a condition leaves, None if nobody can meet it."""
        return None if self._start is None else self._settle(dict(self._start), [condition], changed=[])

    def _settle(self, allowed: Allowed, waiting: list[Condition], changed: list[str]) -> Allowed | None:
        """Apply conditions, and whatever follows from them, to the levels that are left."""
        limits: dict[str, tuple[float, float]] = {}
        while waiting or changed:
            while changed:
                follows = self._from.get(changed.pop(), ())
                waiting += [then for premise, then in follows if _sure(allowed, premise)]
            if waiting and not self._narrow(waiting.pop(), allowed, limits, waiting, changed):
                return None
        return allowed

    def _narrow(
        self,
        condition: Condition,
        allowed: Allowed,
        limits: dict[str, tuple[float, float]],
        waiting: list[Condition],
        changed: list[str],
    ) -> bool:
        """Apply one condition, noting what it changed; False if it leaves nothing."""
        for name, test in condition.tests:
            if isinstance(test, Levels):
                left = allowed[name] & frozenset(test.levels)
                if not left:
                    return False
                if left != allowed[name]:
                    allowed[name] = left
                    changed.append(name)
                continue
            attribute = self._attributes[name]
            assert attribute.number is not None
            low, high = limits.get(name, (attribute.number.min, attribute.number.max))
            step = 10.0**-attribute.number.decimals
            if test.sign in (">", ">="):
                low = max(low, test.limit + (step if test.sign == ">" else 0))
            else:
                high = min(high, test.limit - (step if test.sign == "<" else 0))
            if low > high + 1e-9:
                return False
            if limits.get(name) != (low, high):
                limits[name] = low, high
                waiting.append(attribute.where)
        return True


def _all_levels(attribute: Attribute) -> frozenset[Level | None]:
    empty: frozenset[None] = frozenset([None]) if attribute.where or attribute.may_be_empty else frozenset()
    return frozenset(attribute.levels or ()) | empty


def _sure(allowed: Allowed, condition: Condition) -> bool:
    """Whether the levels that are left leave no choice but to meet a condition."""
    return all(
        isinstance(test, Levels) and allowed[name].issubset(test.levels) for name, test in condition.tests
    )


def _is(name: str, *levels: Level) -> Condition:
    return Condition(((name, Levels(levels)),))


def _of_rules(rules: Iterable[Rule]) -> Iterator[tuple[Condition, Condition]]:
    for rule in rules:
        yield rule.when, rule.then


def _of_attributes(attributes: Mapping[str, Attribute]) -> Iterator[tuple[Condition, Condition]]:
    for name, attribute in attributes.items():
        where, derived = attribute.where, attribute.derived
        if attribute.levels is not None and where:
            yield _is(name, *attribute.levels), where  # whoever has a level is somebody it applies to
        if derived is None:
            continue
        for reason in derived.any_of:
            yield where & reason, _is(name, derived.level)
            if len(reason.tests) != 1:
                continue
            [(source, test)] = reason.tests
            other = attributes[source]
            if isinstance(test, Levels) and not other.may_be_empty:
                left = [level for level in other.levels or () if level not in test.levels]
                if left:  # without the derived level, the reason does not hold either
                    yield _is(name, derived.otherwise) & where & other.where, _is(source, *left)
