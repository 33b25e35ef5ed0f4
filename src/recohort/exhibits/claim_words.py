"""Claims in words: what they state and of whom, with the ledger's labels."""

from __future__ import annotations

from collections.abc import Mapping

from recohort.conditions import Condition, Level, Levels, Threshold
from recohort.exhibits.numbers import times
from recohort.ledger import Attribute, Claim, Ledger

__all__ = ["about", "in_words"]

SIGNS: Mapping[str, str] = {"<": "<", "<=": "≤", ">": ">", ">=": "≥"}
TESTS: Mapping[str, str] = {"fisher": "Fisher's exact", "chi-squared": "chi-squared"}


def in_words(condition: Condition, ledger: Ledger) -> str:
    """Say who meets a condition, with the ledger's labels: ``stage II, no surgery``."""
    said = []
    for name, test in condition.tests:
        attribute = ledger.attributes[name]
        label = attribute.label or name
        if isinstance(test, Threshold):
            said.append(f"{label} {SIGNS[test.sign]} {test.limit:g}")
        else:
            said.append(_levels_in_words(attribute, label, test))
    return ", ".join(said) or "all patients"


def about(claim: Claim, ledger: Ledger) -> str:
    """Say what a claim states and of whom: ``overall survival at 24 months: stage II``."""
    if claim.kind == "context":
        return claim.note or ""
    who = in_words(claim.where, ledger)
    if claim.groups is not None:
        among = f"{who}: " if claim.where else ""
        who = among + " against ".join(in_words(group, ledger) for group in claim.groups)
    if claim.of:
        who += f"; among {in_words(claim.of, ledger)}"
    if claim.at_risk is not None:
        endpoint, month = next(iter(claim.at_risk.items()))
        label = ledger.endpoint_label(endpoint)
        who += f"; at risk for {label} at {times(ledger.month(month), ledger.study.time.unit)}"
    return f"{_statistic(claim, ledger)}: {who}"


def _levels_in_words(attribute: Attribute, label: str, test: Levels) -> str:
    """``Ph-negative`` speaks for itself; ``yes`` or ``2`` needs the attribute's name."""
    shown = [attribute.level_labels.get(level, str(level)) for level in test.levels]
    bare = all(_speaks(level, attribute) for level in test.levels)
    listed = " or ".join(shown) if len(shown) == 1 else f"({' or '.join(shown)})"
    return listed if bare else f"{label}: {listed}"


def _speaks(level: Level, attribute: Attribute) -> bool:
    return attribute.level_labels.get(level, "no") not in ("yes", "no")


def _statistic(claim: Claim, ledger: Ledger) -> str:
    unit = ledger.study.time.unit
    if claim.endpoint is not None:
        endpoint = ledger.endpoint_label(claim.endpoint)
    if claim.kind == "survival":
        assert claim.month is not None
        return f"{endpoint} at {times(ledger.month(claim.month), unit)}"
    if claim.kind == "median_survival":
        return f"median of {endpoint}"
    if claim.kind == "follow_up":
        return "median follow-up"
    if claim.kind == "p_value":
        name = str(ledger.convention("survival_test" if claim.endpoint else "count_test"))
        what = endpoint if claim.endpoint else in_words(claim.outcome or Condition(), ledger)
        return f"P, {TESTS.get(name, name)} test, {what}"
    if claim.attribute is not None:
        label = ledger.attributes[claim.attribute].label or claim.attribute
        return f"{label}, {claim.kind.replace('_', ' and ')}"
    return "patients"
