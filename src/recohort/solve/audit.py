"""The whole audit: tables, every part of the survival problem, and what ties them.

Parts share no statement, so they are audited side by side.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from recohort.ledger import Ledger
from recohort.solve.conflicts import audit_part
from recohort.solve.instance import Instance, Settings
from recohort.solve.parts import Part, parts_of
from recohort.solve.statements import Finding, as_printed
from recohort.solve.table_conflicts import audit_tables
from recohort.solve.witness import met_claims
from recohort.solve.workers import Workers, local

__all__ = ["Audit", "audit"]

Tell = Callable[[str, float], None]
MOST_WITH_TESTS = 16
"""P values within a part take part up to so many patients; in larger parts proofs take too long."""


@dataclass(frozen=True)
class Audit:
    """What a whole audit found.

    Attributes
    ----------
    ledger : Ledger
        As printed, whole.
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
    seconds : float
        Limit of each question.
    """

    ledger: Ledger
    findings: tuple[Finding, ...]
    fewest: int
    amended: tuple[str, ...] | None
    reached: bool
    left_out: tuple[str, ...]
    seconds: float


def audit(
    ledger: Ledger,
    cohorts: Sequence[pd.DataFrame] = (),
    settings: Settings | None = None,
    *,
    only: Collection[str] = (),
    jobs: int = 1,
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
    jobs : int
        Processes; a part is audited in one. What is found does not depend on it.
    tell : callable, optional
        Told what is being done and the share that is done.
    """
    settings = settings or Settings()
    printed = as_printed(ledger)
    wanted = printed.with_claims(c for c in printed.claims if not only or c.id in only)
    tell("tables", 0.0)
    findings = [audit_tables(wanted, cohorts, tell=lambda what: tell(f"tables: {what}", 0.05))]
    rows = findings[0].statements
    doubtful = {c.id for conflict in findings[0].conflicts for k in conflict for c in rows[k].claims}
    parts = _parts(printed, only, doubtful)
    workers: Workers[Finding] = local(min(jobs, len(parts)) or 1)
    done: dict[int, Finding] = {}

    def say() -> None:
        waiting = [name for number, (name, _, _) in enumerate(parts) if number not in done]
        tell("; ".join(waiting) or "done", 0.1 + 0.9 * len(done) / max(len(parts), 1))

    say()
    one = partial(_audit_one, tuple(parts), settings, tuple(cohorts))
    for number, finding in workers(one, iter(range(len(parts)))):
        done[number] = finding
        say()
    found = _join(wanted, [*findings, *(done[number] for number in sorted(done))], cohorts, settings.seconds)
    return dataclasses.replace(found, ledger=printed)


def _audit_one(
    parts: tuple[tuple[str, Part, bool], ...],
    settings: Settings,
    cohorts: tuple[pd.DataFrame, ...],
    number: int,
) -> Finding:
    name, part, with_tests = parts[number]
    return audit_part(part, name, settings, cohorts, tests=with_tests)


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


def _join(ledger: Ledger, findings: list[Finding], cohorts: Sequence[pd.DataFrame], seconds: float) -> Audit:
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
        seconds,
    )
