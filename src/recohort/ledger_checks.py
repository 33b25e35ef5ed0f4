"""What a ledger must agree with itself about: names that exist, populations that can have members."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING

from recohort.conditions import Condition, Level, Levels, Threshold

if TYPE_CHECKING:
    from recohort.ledger import Claim, Ledger

__all__ = ["ACTING_CONVENTIONS", "allowed_levels", "check_references"]

ACTING_CONVENTIONS: Mapping[str, tuple[str, ...]] = {
    "rounding": ("half-up", "truncated"),
    "median_rule": ("first", "midpoint"),
    "survival_test": ("log-rank", "gehan", "tarone-ware", "peto"),
    "count_test": ("fisher", "chi-squared"),
    "follow_up": ("reverse-kaplan-meier", "observed-time"),
    "ties": ("distinct", "allowed"),
}
"""Conventions on which the engine acts, the first option being what holds when a ledger is silent."""

RESERVED_COLUMNS = frozenset({"patient", "source", "cohort"})


def check_references(ledger: Ledger) -> None:
    """Raise ValueError, in one line, on the first thing in a ledger that cannot be meant."""
    _check_columns(ledger)
    _check_conventions(ledger)
    for place, condition in _conditions(ledger):
        _check_condition(ledger, place, condition)
    seen: set[str] = set()
    for claim in ledger.claims:
        if claim.id in seen:
            raise ValueError(f"claim {claim.id}: this id stands twice; ids must differ")
        seen.add(claim.id)
        _check_claim(ledger, claim)


def allowed_levels(ledger: Ledger, condition: Condition) -> dict[str, frozenset[Level | None]] | None:
    """Levels that each attribute can still have among the patients who meet a condition.

    Follows applicability, rules and derived attributes until nothing changes (None stands for an
    empty cell). A necessary condition only: returning levels does not prove that a patient exists.

    Returns
    -------
    dict or None
        None if no patient can meet the condition.
    """
    allowed: dict[str, frozenset[Level | None]] = {}
    for name, attribute in ledger.attributes.items():
        if attribute.levels is not None:
            empty = {None} if attribute.where or attribute.may_be_empty else set()
            allowed[name] = frozenset(attribute.levels) | empty
    numeric: dict[str, tuple[float, float]] = {}
    consequences = [condition]
    applied: set[Condition] = set()
    while consequences:
        current = consequences.pop()
        if current in applied:
            continue
        applied.add(current)
        if not _narrow(ledger, current, allowed, numeric):
            return None
        consequences += _consequences(ledger, current, allowed)
    return allowed


def _narrow(
    ledger: Ledger,
    condition: Condition,
    allowed: dict[str, frozenset[Level | None]],
    numeric: dict[str, tuple[float, float]],
) -> bool:
    """Apply a condition to the allowed levels and number ranges; False if nothing is left."""
    for name, test in condition.tests:
        spec = ledger.attributes[name].number
        if isinstance(test, Levels):
            allowed[name] &= frozenset(test.levels)
            if not allowed[name]:
                return False
        elif spec is not None:
            low, high = numeric.get(name, (spec.min, spec.max))
            step = 10.0**-spec.decimals
            if test.sign in (">", ">="):
                low = max(low, test.limit + (step if test.sign == ">" else 0))
            else:
                high = min(high, test.limit - (step if test.sign == "<" else 0))
            numeric[name] = (low, high)
            if low > high + 1e-9:
                return False
    return True


def _consequences(
    ledger: Ledger, condition: Condition, allowed: dict[str, frozenset[Level | None]]
) -> Iterator[Condition]:
    """Conditions that follow from the levels that are left."""

    def sure(other: Condition) -> bool:
        return all(
            isinstance(test, Levels) and allowed.get(name, frozenset([None])) <= frozenset(test.levels)
            for name, test in other.tests
        )

    for name in condition.attributes:
        yield ledger.attributes[name].where
    for rule in ledger.rules:
        if sure(rule.when):
            yield rule.then
    for name, attribute in ledger.attributes.items():
        derived = attribute.derived
        if derived is None or not sure(attribute.where):
            continue
        if any(sure(alternative) for alternative in derived.any_of):
            yield Condition(((name, Levels((derived.level,))),))
        elif allowed[name] == {derived.otherwise}:
            for alternative in derived.any_of:
                if len(alternative.tests) == 1 and isinstance(alternative.tests[0][1], Levels):
                    other, test = alternative.tests[0]
                    left = tuple(v for v in ledger.attributes[other].levels or () if v not in test.levels)
                    yield Condition(((other, Levels(left)),)) if left else Condition(())


def _check_columns(ledger: Ledger) -> None:
    columns: set[str] = set(RESERVED_COLUMNS)
    owned = [(f"attributes.{name}", name) for name in ledger.attributes]
    for name, endpoint in ledger.endpoints.items():
        owned += [(f"endpoints.{name}", endpoint.time), (f"endpoints.{name}", endpoint.event)]
    for place, column in owned:
        if column in columns:
            raise ValueError(f"{place}: column {column!r} is taken; choose another name")
        columns.add(column)
    for name, endpoint in ledger.endpoints.items():
        if endpoint.not_after is not None:
            _known(endpoint.not_after, ledger.endpoints, f"endpoints.{name}.not_after", "endpoint")
            parent = ledger.endpoints[endpoint.not_after]
            if endpoint.not_after == name or parent.not_after is not None:
                raise ValueError(
                    f"endpoints.{name}.not_after: {endpoint.not_after!r} must be another endpoint "
                    "that has no not_after of its own"
                )
    for name, attribute in ledger.attributes.items():
        if attribute.not_after is not None:
            _known(attribute.not_after, ledger.endpoints, f"attributes.{name}.not_after", "endpoint")


def _check_conventions(ledger: Ledger) -> None:
    for name, convention in ledger.conventions.items():
        options = ACTING_CONVENTIONS.get(name, convention.options)
        if options and convention.value not in options:
            listed = ", ".join(str(option) for option in options)
            raise ValueError(f"conventions.{name}: value {convention.value!r} is not one of {listed}")


def _conditions(ledger: Ledger) -> Iterator[tuple[str, Condition]]:
    """Every condition of a ledger with its place."""
    for name, attribute in ledger.attributes.items():
        yield f"attributes.{name}.where", attribute.where
        if attribute.derived:
            for alternative in attribute.derived.any_of:
                yield f"attributes.{name}.derived", alternative
    for number, rule in enumerate(ledger.rules, 1):
        yield f"rule {number}", rule.when
        yield f"rule {number}", rule.then
    for claim in ledger.claims:
        for condition in (claim.where, claim.of, *(claim.groups or ()), claim.outcome or Condition()):
            yield f"claim {claim.id}", condition


def _check_condition(ledger: Ledger, place: str, condition: Condition) -> None:
    for name, test in condition.tests:
        _known(name, ledger.attributes, place, "attribute")
        attribute = ledger.attributes[name]
        if isinstance(test, Threshold) and attribute.number is None:
            raise ValueError(f"{place}: {name} has levels, so it cannot be compared with {test}")
        if isinstance(test, Levels):
            if attribute.levels is None:
                raise ValueError(f"{place}: {name} is a number; compare it, as in {name}: '>=60'")
            for level in test.levels:
                _known(level, attribute.levels, place, f"level of {name}")


def _check_claim(ledger: Ledger, claim: Claim) -> None:
    place = f"claim {claim.id}"
    if claim.endpoint is not None:
        _known(claim.endpoint, ledger.endpoints, place, "endpoint")
    if claim.attribute is not None:
        _known(claim.attribute, ledger.attributes, place, "attribute")
        if ledger.attributes[claim.attribute].number is None:
            raise ValueError(f"{place}: {claim.kind} needs a numeric attribute; {claim.attribute} has levels")
    times = [] if claim.month is None else [claim.month]
    if claim.at_risk is not None:
        _known(next(iter(claim.at_risk)), ledger.endpoints, place, "endpoint")
        times += list(claim.at_risk.values())
    for value in times:
        _check_time(ledger, place, value)
    populations = [claim.where & claim.of, *(claim.where & group for group in claim.groups or ())]
    for condition in populations:
        if allowed_levels(ledger, condition) is None:
            raise ValueError(f"{place}: no patient can be in its population ({condition}); check its levels")
    for number in (*claim.numbers, *claim.numbers_as_read):
        if number.part in ("count", "denominator") and number.value > ledger.study.patients:
            if claim.kind == "context":
                continue
            raise ValueError(
                f"{place}: impossible count {number.text}: the study has {ledger.study.patients} patients"
            )


def _check_time(ledger: Ledger, place: str, value: float | str) -> None:
    if isinstance(value, str):
        _known(value, ledger.conventions, place, "convention")
        if isinstance(ledger.convention(value), str):
            raise ValueError(f"{place}: convention {value} is not a number, so it cannot be a time")
    scale = ledger.study.time
    if not 0 <= ledger.month(value) <= scale.max:
        raise ValueError(f"{place}: time {value} lies outside follow-up, which ends at {scale.max:g} {scale.unit}")


def _known(name: object, names: object, place: str, what: str) -> None:
    options = [str(option) for option in names]  # type: ignore[attr-defined]
    if name not in names:  # type: ignore[operator]
        close = get_close_matches(str(name), options, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(options[:12])}"
        raise ValueError(f"{place}: unknown {what} {str(name)[:60]!r}; {hint}")
