"""A ledger under other conventions: what each option changes, for the numbers and for the order model."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from recohort.ledger import Convention, Ledger
from recohort.ledger_checks import ACTING_CONVENTIONS
from recohort.solve.instance import WEIGHTS, Settings

__all__ = ["Alternative", "Conventions", "alternatives", "months", "under"]


class Alternative(NamedTuple):
    """One convention, and the option taken instead of the ledger's own."""

    convention: str
    option: str | float


class Conventions(NamedTuple):
    """What an audit goes by.

    Attributes
    ----------
    ledger : Ledger
    settings : Settings
    """

    ledger: Ledger
    settings: Settings


def alternatives(ledger: Ledger) -> tuple[tuple[Alternative, ...], tuple[Alternative, ...]]:
    """Give the alternatives that an audit can follow, and those that it cannot."""
    known: list[Alternative] = []
    unknown: list[Alternative] = []
    for name, convention in ledger.conventions.items():
        options = [option for option in convention.options if option != convention.value]
        for option in options:
            (known if _acts(ledger, name, convention, option) else unknown).append(Alternative(name, option))
    return tuple(known), tuple(unknown)


def _acts(ledger: Ledger, name: str, convention: Convention, option: str | float) -> bool:
    """Whether an option changes something that an audit can follow."""
    if option in convention.amounts_to:
        return True
    if name == "survival_test":
        return option in WEIGHTS
    if name in ACTING_CONVENTIONS:
        return name != "follow_up"  # no proof rests on the follow-up
    return not isinstance(option, str) and name in set(_times_by_name(ledger))


def _times_by_name(ledger: Ledger) -> Iterator[str]:
    """Yield the conventions that stand for a time in some claim."""
    for claim in ledger.claims:
        for time in (claim.month, *(claim.at_risk or {}).values()):
            if isinstance(time, str):
                yield time


def months(ledger: Ledger, one: Alternative) -> dict[float, float]:
    """Give the months of printed rates that an option reads as others."""
    effect = ledger.conventions[one.convention].amounts_to.get(one.option)
    return dict(effect.months) if effect else {}


def under(ledger: Ledger, settings: Settings, changed: Iterable[Alternative]) -> Conventions:
    """Return a ledger, and settings of the order model, under changed conventions.

    Parameters
    ----------
    ledger : Ledger
    settings : Settings
    changed : iterable of Alternative
        Of those that :func:`alternatives` says can be followed.
    """
    conventions = dict(ledger.conventions)
    moved: dict[float, float] = {}
    rules = ledger.rules
    for one in changed:
        name, option = one
        convention = conventions[name]
        conventions[name] = convention.model_copy(update={"value": option})
        moved |= months(ledger, one)
        if effect := convention.amounts_to.get(option):
            rules = tuple(rule for rule in rules if rule not in effect.drops)
            if effect.outer_event_counts is not None:
                settings = dataclasses.replace(settings, inner_counts_outer=effect.outer_event_counts)
            if effect.one_last_contact is not None:
                settings = dataclasses.replace(settings, one_contact=effect.one_last_contact)
    other = ledger.changed(conventions=conventions, rules=rules)
    claims = [
        claim
        if claim.month is None or other.month(claim.month) not in moved
        else claim.model_copy(update={"month": moved[other.month(claim.month)]})
        for claim in other.claims
    ]
    return Conventions(other.with_claims(claims), settings)
