"""The whole audit: tables, every part of the survival problem, and what ties them.

Parts share no statement, so they are audited side by side.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from recohort.ledger import Ledger
from recohort.solve.conflicts import audit_part
from recohort.solve.instance import Settings
from recohort.solve.parts import Part, parts_of
from recohort.solve.statements import Finding, as_printed
from recohort.solve.table_changes import with_changes
from recohort.solve.table_conflicts import audit_tables
from recohort.solve.witness import met_claims
from recohort.solve.workers import Workers, local

__all__ = ["Audit", "audit", "audited_parts", "join"]

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
    enough : int or None
        So many statements it amends: so many will do, shown for all claims.
    left_out : tuple of str
        Claims that no part holds: tests between parts, follow-up, tests of large parts.
    seconds : float
        Limit of each question.
    """

    ledger: Ledger
    findings: tuple[Finding, ...]
    fewest: int
    amended: tuple[str, ...] | None
    enough: int | None
    left_out: tuple[str, ...]
    seconds: float

    @property
    def reached(self) -> bool:
        """Whether the best cohort amends no more than the fewest: no fewer will do, for all claims."""
        return self.enough == self.fewest


def audit(
    ledger: Ledger,
    cohorts: Sequence[pd.DataFrame] = (),
    settings: Settings | None = None,
    *,
    only: Collection[str] = (),
    changes: bool = True,
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
    changes : bool
        Whether to ask how far numbers must move, too; it takes most of the time.
    jobs : int
        Processes; a part is audited in one, but asks many cases in as many threads. What is found does not
        depend on it.
    tell : callable, optional
        Told what is being done and the share that is done.
    """
    settings = dataclasses.replace(settings or Settings(), threads=jobs)
    printed = as_printed(ledger)
    wanted = printed.with_claims(c for c in printed.claims if not only or c.id in only)
    tell("tables", 0.0)

    def tell_of_tables(what: str) -> None:
        tell(f"tables: {what}", 0.05)

    found = audit_tables(wanted, cohorts, tell=tell_of_tables)
    findings = [with_changes(found, wanted, tell=tell_of_tables) if changes else found]
    parts = audited_parts(printed, findings[0], only)
    workers: Workers[Finding] = local(min(jobs, len(parts)) or 1)
    done: dict[int, Finding] = {}

    def say() -> None:
        waiting = [part.name for number, part in enumerate(parts) if number not in done]
        tell("; ".join(waiting) or "done", 0.1 + 0.9 * len(done) / max(len(parts), 1))

    say()
    one = partial(_audit_one, parts, settings, tuple(cohorts), changes)
    for number, finding in workers(one, iter(range(len(parts)))):
        done[number] = finding
        say()
    findings += (done[number] for number in sorted(done))
    return dataclasses.replace(join(wanted, findings, cohorts, settings.seconds), ledger=printed)


def _audit_one(
    parts: tuple[Part, ...], settings: Settings, cohorts: tuple[pd.DataFrame, ...], changes: bool, number: int
) -> Finding:
    return audit_part(parts[number], settings, cohorts, changes=changes)


def audited_parts(printed: Ledger, tables: Finding, only: Collection[str] = ()) -> tuple[Part, ...]:
    """Give the parts of a ledger's survival claims as they are audited.

    Parameters
    ----------
    printed : Ledger
    tables : Finding
        Counts that conflict are not relied on.
    only : collection of str
        Ids of claims: keep to these, P values among them.

    Notes
    -----
    Orders are modelled without ties. Of tied times only rank tests take notice: a tie can be broken, events
    first, without a change to any curve. So P values take part only where times are distinct.
    """
    if not printed.endpoints:
        return ()
    doubtful = {
        claim.id for conflict in tables.conflicts for k in conflict for claim in tables.statements[k].claims
    }
    parts = []
    for part in parts_of(printed, doubtful):
        if only:
            mine = dataclasses.replace(
                part, statements=tuple(s for s in part.statements if s.ids & set(only))
            )
        else:
            mine = part if part.size <= MOST_WITH_TESTS else part.without_tests()
        if not part.problem.distinct:
            mine = mine.without_tests()
        if mine.statements:
            parts.append(mine)
    return tuple(parts)


def join(ledger: Ledger, findings: list[Finding], cohorts: Sequence[pd.DataFrame], seconds: float) -> Audit:
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
        best[0] if best else None,
        tuple(c.id for c in loose),
        seconds,
    )
