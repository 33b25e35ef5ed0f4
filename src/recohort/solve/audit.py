"""The whole audit: tables, every part of the survival problem, and what ties them; then by readings.

A reading changes one convention. Which names and options are understood stands in `READINGS`; whatever
else a ledger leaves open is not tried.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recohort.ledger import Claim, Ledger
from recohort.solve.conflicts import Finding, Part, as_printed, audit_part, audit_tables, parts_of
from recohort.solve.instance import Instance, Settings
from recohort.solve.witness import met_claims

__all__ = ["READINGS", "Audit", "audit", "read", "readings_of"]

Tell = Callable[[str, float], None]
MOST_WITH_TESTS = 16
"""P values within a part take part up to so many patients; in larger parts proofs take too long."""

READINGS = {
    "survival_test": ("gehan", "tarone-ware"),
    "rfs_definition": ("relapse-only",),
    "last_contact": ("per-endpoint",),
    "month_length": ("28 days",),
    "median_rule": ("midpoint",),
    "rounding": ("truncated",),
    "rate_reading": (),
}
"""Conventions that can be changed, and the options that are tried; of `rate_reading` every option that names
a month."""


@dataclass(frozen=True)
class Audit:
    """What a whole audit found.

    Attributes
    ----------
    ledger : Ledger
        As printed.
    findings : tuple of Finding
    fewest : int
        Proven: at least so many statements must be amended.
    amended : tuple of str or None
        Claims that the best cohort given does not meet as printed.
    reached : bool
        Whether that cohort amends no more statements than the fewest: then no fewer will do, proven for
        all claims.
    left_out : tuple of str
        Claims that no part holds: tests between parts, follow-up, tests of large parts.
    """

    ledger: Ledger
    findings: tuple[Finding, ...]
    fewest: int
    amended: tuple[str, ...] | None
    reached: bool
    left_out: tuple[str, ...]


def audit(
    ledger: Ledger,
    cohorts: Sequence[pd.DataFrame] = (),
    settings: Settings | None = None,
    *,
    only: Collection[str] = (),
    tell: Tell = lambda _what, _share: None,
) -> Audit:
    """Audit a ledger as printed.

    Parameters
    ----------
    ledger : Ledger
    cohorts : sequence of DataFrame
        Known patients; the one that amends least shows what is enough.
    settings : Settings, optional
    only : collection of str
        Ids of claims: audit these alone.
    """
    settings = settings or Settings()
    printed = as_printed(ledger)
    wanted = printed.with_claims(c for c in printed.claims if not only or c.id in only)
    tell("tables", 0.0)
    findings = [audit_tables(wanted, cohorts, tell=lambda what: tell(f"tables: {what}", 0.05))]
    rows = findings[0].statements
    doubtful = {c.id for conflict in findings[0].conflicts for k in conflict for c in rows[k].claims}
    parts = _parts(printed, only, doubtful)
    for number, (name, part, with_tests) in enumerate(parts):
        share = 0.1 + 0.9 * number / len(parts)
        tell(name, share)
        findings.append(audit_part(part, name, settings, cohorts, tests=with_tests))
    return _join(wanted, findings, cohorts)


def _parts(printed: Ledger, only: Collection[str], doubtful: Collection[str]) -> list[tuple[str, Part, bool]]:
    """Name the parts and say in which of them P values take part."""
    if not printed.endpoints:
        return []
    named = []
    for part in parts_of(printed, doubtful):
        whole = Instance(part.problem, (True,) * len(part.kinds), counts=part.counts)
        size = whole.most(np.array(part.kinds, bool))
        kept = tuple(s for s in part.statements if not only or s.ids & set(only))
        if kept:
            mine = dataclasses.replace(part, statements=kept)
            named.append((_name(part, size), mine, size <= MOST_WITH_TESTS or bool(only)))
    return named


def _name(part: Part, size: int) -> str:
    """Describe a part by what all its patients, and nobody else, have in common."""
    mine = [kind for kind, yes in zip(part.problem.types, part.kinds, strict=True) if yes]
    others = [kind for kind, yes in zip(part.problem.types, part.kinds, strict=True) if not yes]
    for name in part.problem.attributes:
        levels = {kind[name] for kind in mine}
        if len(levels) == 1 and not levels & {kind[name] for kind in others}:
            return f"{name} {levels.pop()}, {size} patients"
    return f"{size} patients"


def _join(ledger: Ledger, findings: list[Finding], cohorts: Sequence[pd.DataFrame]) -> Audit:
    """Add the parts up and hold the sum against the best cohort."""
    statements = [s for finding in findings for s in finding.statements]
    held = {claim_id for s in statements for claim_id in s.ids}
    tested = [c for c in ledger.claims if c.kind != "context"]
    loose = [c for c in tested if c.id not in held]
    best: tuple[int, tuple[str, ...]] | None = None
    for cohort in cohorts:
        met = met_claims(cohort, ledger)
        missed = tuple(c.id for c in tested if c.id not in met)
        number = sum(not s.ids <= met for s in statements) + sum(c.id not in met for c in loose)
        if best is None or number < best[0]:
            best = (number, missed)
    fewest = sum(finding.fewest for finding in findings)
    return Audit(
        ledger,
        tuple(findings),
        fewest,
        best[1] if best else None,
        best is not None and best[0] == fewest,
        tuple(c.id for c in loose),
    )


# --- readings -------------------------------------------------------------------------------------


def readings_of(ledger: Ledger) -> tuple[tuple[str, str], ...]:
    """List what can be changed in a ledger: a convention and another of its options."""
    found = []
    for name, options in READINGS.items():
        convention = ledger.conventions.get(name)
        if convention is None:
            continue
        tried = options or [str(option) for option in convention.options if _months(str(option))]
        found += [(name, o) for o in tried if o in convention.options and o != convention.value]
    return tuple(found)


def read(ledger: Ledger, settings: Settings, name: str, option: str) -> tuple[Ledger, Settings]:
    """Change one convention.

    Returns
    -------
    Ledger, Settings
        What the audit is to be asked with. The checker judges its witnesses by the same ledger.
    """
    if name == "survival_test":
        return ledger, dataclasses.replace(settings, test=option)
    if name == "rfs_definition":
        return ledger, dataclasses.replace(settings, inner_counts_outer=False)
    if name == "last_contact":
        return ledger, dataclasses.replace(settings, one_contact=False)
    if name == "month_length":
        days = float(option.split()[0])
        return _at_month(ledger, lambda month: round(month * 365.25 / 12 / days, 2)), settings
    if name == "rate_reading":
        return _at_month(ledger, lambda _: _months(option)), settings
    changed = ledger.conventions[name].model_copy(update={"value": option})
    return ledger.model_copy(update={"conventions": {**ledger.conventions, name: changed}}), settings


def _months(option: str) -> float:
    """Give the month that an option names, if it is another than that of the rates."""
    found = re.search(r"just-after-(\d+(?:\.\d+)?)", option)
    return float(found[1]) if found else 0.0


def _at_month(ledger: Ledger, change: Callable[[float], float]) -> Ledger:
    """Read every rate at another month."""

    def moved(claim: Claim) -> Claim:
        if claim.kind != "survival" or claim.month is None:
            return claim
        return claim.model_copy(update={"month": change(ledger.month(claim.month))})

    return ledger.with_claims(map(moved, ledger.claims))
