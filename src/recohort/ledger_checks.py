"""What a ledger must agree with itself about: names that exist, populations that can have members."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import combinations
from typing import TYPE_CHECKING

from recohort.conditions import Condition, Level, Levels, Threshold
from recohort.implications import allowed_levels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from recohort.ledger import Attribute, Claim, Ledger

__all__ = ["ACTING_CONVENTIONS", "MisfitError", "Place", "allowed_levels", "check_references", "suggest"]

Place = tuple[str | int, ...]
"""Where something stands in a ledger: keys and positions, as in ("claims", 3, "where")."""

ACTING_CONVENTIONS: Mapping[str, tuple[str, ...]] = {
    "rounding": ("half-up", "truncated"),
    "median_rule": ("first", "midpoint"),
    "survival_test": ("log-rank", "gehan", "tarone-ware", "peto"),
    "count_test": ("fisher", "chi-squared"),
    "follow_up": ("reverse-kaplan-meier", "observed-time"),
    "ties": ("distinct", "allowed"),
}
"""Conventions on which the engine acts, the first option being what holds when a ledger is silent."""

_LOOK = "check it against where, derived and rules"
MAX_STEPS = 200_000
RESERVED_COLUMNS = ("patient", "source", "cohort")


class MisfitError(ValueError):
    """Something in a ledger that cannot be meant: where it stands, and one line that says why."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place


def check_references(ledger: Ledger) -> None:
    """Raise MisfitError on the first thing in a ledger that cannot be meant."""
    _check_columns(ledger)
    _check_conventions(ledger)
    for place, condition in _conditions(ledger):
        _check_condition(ledger, place, condition)
    _check_order(ledger)
    _check_size(ledger)
    _check_possible(ledger)
    seen: set[str] = set()
    for position, claim in enumerate(ledger.claims):
        if claim.id in seen:
            raise MisfitError(
                ("claims", position), "this id stands twice; every claim needs an id of its own"
            )
        seen.add(claim.id)
        _check_claim(ledger, ("claims", position), claim)


def _check_columns(ledger: Ledger) -> None:
    taken: dict[str, str] = dict.fromkeys(RESERVED_COLUMNS, "every cohort")
    owned: list[tuple[Place, str]] = [(("attributes", name), name) for name in ledger.attributes]
    for name, endpoint in ledger.endpoints.items():
        owned += [
            (("endpoints", name, "time"), endpoint.time),
            (("endpoints", name, "event"), endpoint.event),
        ]
    for place, column in owned:
        if column in taken:
            raise MisfitError(
                place, f"column {column!r} already belongs to {taken[column]}; choose another name"
            )
        taken[column] = f"{place[0]}.{place[1]}"
    for name, endpoint in ledger.endpoints.items():
        if endpoint.not_after is not None:
            place = ("endpoints", name, "not_after")
            _known(endpoint.not_after, ledger.endpoints, place, "endpoint")
            parent = ledger.endpoints[endpoint.not_after]
            if endpoint.not_after == name or parent.not_after is not None:
                raise MisfitError(place, "name another endpoint, and one that has no not_after itself")
    for name, attribute in ledger.attributes.items():
        if attribute.not_after is not None:
            _known(attribute.not_after, ledger.endpoints, ("attributes", name, "not_after"), "endpoint")


def _check_conventions(ledger: Ledger) -> None:
    for name, convention in ledger.conventions.items():
        options = ACTING_CONVENTIONS.get(name, convention.options)
        if options and convention.value not in options:
            listed = ", ".join(str(option) for option in options[:12])
            raise MisfitError(
                ("conventions", name, "value"), f"{str(convention.value)[:60]!r} is not one of {listed}"
            )
        for option, effect in convention.amounts_to.items():
            if option not in convention.options:
                near = suggest(str(option), [str(one) for one in convention.options])
                raise MisfitError(
                    ("conventions", name, "amounts_to"), f"{str(option)[:60]!r} is no option of it; {near}"
                )
            if not set(effect.drops) <= set(ledger.rules):
                raise MisfitError(("conventions", name, "amounts_to"), "drops a rule that the ledger has not")


def _conditions(ledger: Ledger) -> Iterator[tuple[Place, Condition]]:
    """Every condition of a ledger with its place."""
    for name, attribute in ledger.attributes.items():
        yield ("attributes", name, "where"), attribute.where
        if attribute.derived:
            for alternative in attribute.derived.any_of:
                yield ("attributes", name, "derived"), alternative
    for number, rule in enumerate(ledger.rules):
        yield ("rules", number, "when"), rule.when
        yield ("rules", number, "then"), rule.then
    for position, claim in enumerate(ledger.claims):
        place = ("claims", position)
        yield (*place, "where"), claim.where
        yield (*place, "of"), claim.of
        yield (*place, "outcome"), claim.outcome or Condition()
        for group in claim.groups or ():
            yield (*place, "groups"), group


def _check_condition(ledger: Ledger, place: Place, condition: Condition) -> None:
    for name, test in condition.tests:
        _known(name, ledger.attributes, place, "attribute")
        attribute = ledger.attributes[name]
        if isinstance(test, Threshold) and attribute.number is None:
            raise MisfitError(
                place, f"{name} has levels and cannot be compared; if '{test}' is one, write ['{test}']"
            )
        if isinstance(test, Levels):
            if attribute.levels is None:
                raise MisfitError(place, f"{name} is a number; compare it, as in {name}: '>=60'")
            for level in test.levels:
                _known(level, attribute.levels, place, f"level of {name}")


def _check_order(ledger: Ledger) -> None:
    """No attribute may depend on itself, directly or through others."""

    def sources(attribute: Attribute) -> set[str]:
        derived = attribute.derived.any_of if attribute.derived else ()
        return {name for condition in (attribute.where, *derived) for name in condition.attributes}

    waiting = {name: sources(attribute) for name, attribute in ledger.attributes.items()}
    while waiting:
        ready = [name for name, needed in waiting.items() if not needed & waiting.keys()]
        if not ready:
            circle = ", ".join(list(waiting)[:6])
            raise MisfitError(
                ("attributes", next(iter(waiting))), f"where and derived go in a circle ({circle}); break it"
            )
        for name in ready:
            del waiting[name]


def _check_size(ledger: Ledger) -> None:
    """Refuse a ledger that would take seconds to follow."""
    populations = sum(1 + len(claim.groups or ()) ** 2 for claim in ledger.claims)
    if populations * ledger.implications.count > MAX_STEPS:
        raise MisfitError(("rules",), f"too many rules for {len(ledger.claims)} claims; split the ledger")


def _check_possible(ledger: Ledger) -> None:
    """Somebody must be able to exist, and every attribute must be able to apply to somebody."""
    if allowed_levels(ledger, Condition()) is None:
        raise MisfitError(
            ("rules",), "no patient can obey all rules; see which of them contradict each other"
        )
    for name, attribute in ledger.attributes.items():
        if allowed_levels(ledger, attribute.where) is None:
            raise MisfitError(
                ("attributes", name, "where"), f"it applies to nobody ({attribute.where}); {_LOOK}"
            )


def _check_claim(ledger: Ledger, place: Place, claim: Claim) -> None:
    if claim.endpoint is not None:
        _known(claim.endpoint, ledger.endpoints, (*place, "endpoint"), "endpoint")
    if claim.attribute is not None:
        _known(claim.attribute, ledger.attributes, (*place, "attribute"), "attribute")
        if ledger.attributes[claim.attribute].number is None:
            raise MisfitError(
                (*place, "attribute"), f"{claim.kind} needs a number, but {claim.attribute} has levels"
            )
    if claim.month is not None:
        _check_time(ledger, (*place, "month"), claim.month)
    if claim.read_as is not None and claim.read_as.month is not None:
        _check_time(ledger, (*place, "read_as"), claim.read_as.month)
    for endpoint, month in (claim.at_risk or {}).items():
        _known(endpoint, ledger.endpoints, (*place, "at_risk"), "endpoint")
        _check_time(ledger, (*place, "at_risk"), month)
    _check_counts(ledger, place, claim)
    populations = [claim.where & claim.of, *(claim.where & group for group in claim.groups or ())]
    for condition in populations:
        if allowed_levels(ledger, condition) is None:
            raise MisfitError(place, f"nobody can be in its population ({condition}); {_LOOK}")
    if claim.groups is not None:
        _check_groups(ledger, place, claim)


def _check_counts(ledger: Ledger, place: Place, claim: Claim) -> None:
    if claim.kind == "context":
        return
    for number in (*claim.numbers, *claim.numbers_as_read):
        if number.part in ("count", "denominator") and number.value > ledger.study.patients:
            raise MisfitError(
                (*place, claim.kind),
                f"impossible count {number.text}; the study has {ledger.study.patients} patients",
            )


def _check_groups(ledger: Ledger, place: Place, claim: Claim) -> None:
    groups = claim.groups or ()
    for one, other in combinations(groups, 2):
        if allowed_levels(ledger, claim.where & one & other) is not None:
            raise MisfitError(
                (*place, "groups"),
                f"one patient could be in two groups ({one}; {other}); make them exclusive",
            )
    if claim.outcome is not None and len(groups) > 2 and ledger.convention("count_test") == "fisher":
        raise MisfitError(
            (*place, "groups"),
            f"Fisher's test compares two groups, not {len(groups)}; set count_test to chi-squared",
        )


def _check_time(ledger: Ledger, place: Place, value: float | str) -> None:
    if isinstance(value, str):
        numeric = [name for name, c in ledger.conventions.items() if not isinstance(c.value, str)]
        if value not in numeric:
            advice = "give a number without quotes, or the name of a convention whose value is a number"
            raise MisfitError(place, f"{value[:60]!r} is not a time; {advice} ({suggest(value, numeric)})")
    scale = ledger.study.time
    if not 0 <= ledger.month(value) <= scale.max:
        raise MisfitError(
            place,
            f"{ledger.month(value):g} lies outside the follow-up, from 0 to {scale.max:g} {scale.unit}",
        )


def _known(name: Level, names: Collection[Level] | Mapping[str, object], place: Place, what: str) -> None:
    if name in names:
        return
    if str(name) in {str(option) for option in names}:
        advice = f"write {name} without quotes" if isinstance(name, str) else f"write '{name}' in quotes"
        raise MisfitError(place, f"unknown {what} {str(name)!r}; {advice}, as among the levels")
    raise MisfitError(place, f"unknown {what} {str(name)[:60]!r}; {suggest(name, names)}")


def suggest(name: object, options: Collection[object] | Mapping[str, object]) -> str:
    """Name what may have been meant: the most similar option, or else the options."""
    texts = [str(option) for option in options]
    close = get_close_matches(str(name)[:60], texts, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(texts[:12])}{', …' if len(texts) > 12 else ''}" if texts else "none is defined"
