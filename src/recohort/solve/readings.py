"""An audit repeated under other conventions: which reading of a paper explains most with least.

Conventions are changed one at a time; those changes that help, at most one of each convention, are then
tried together. What a change does not touch is not audited again.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from recohort.solve.audit import Audit, audited_parts, join
from recohort.solve.conflicts import audit_again, audit_part
from recohort.solve.conventions import Alternative, alternatives, under
from recohort.solve.instance import Settings
from recohort.solve.parts import Part
from recohort.solve.problem import Test
from recohort.solve.table_conflicts import audit_tables
from recohort.solve.workers import Workers, local

__all__ = ["Reading", "Readings", "best", "in_words", "readings", "shown"]

Tell = Callable[[str, float], None]
Changed = tuple[Alternative, ...]
HURRIED = 0.25
"""Share of the time limit for each question, as there are many readings."""
MOST_TOGETHER = 12
"""So many combinations of helpful changes are audited, those of most changes last."""


@dataclass(frozen=True)
class Reading:
    """An audit under changed conventions.

    Attributes
    ----------
    changed : tuple of Alternative
    audit : Audit
    """

    changed: Changed
    audit: Audit


@dataclass(frozen=True)
class Readings:
    """Audits under other conventions than a ledger's own.

    Attributes
    ----------
    tried : tuple of Reading
        One change at a time in the ledger's order, then combinations.
    not_followed : tuple of Alternative
        Options that the engine cannot act upon.
    """

    tried: tuple[Reading, ...]
    not_followed: tuple[Alternative, ...]


def best(base: Audit, found: Readings) -> Reading | None:
    """Return the reading that needs fewest amendments, of several the one that changes fewest conventions.

    None if no reading is shown to need fewer than the ledger's own conventions.
    """
    fewer = [one for one in found.tried if shown(one.audit) and one.audit.fewest < base.fewest]
    return min(fewer, key=lambda one: (one.audit.fewest, len(one.changed)), default=None)


def shown(audit: Audit) -> bool:
    """Whether patients show, part by part, that the fewest amendments are enough."""
    return audit.reached or all(finding.repairs or not finding.fewest for finding in audit.findings)


def readings(
    base: Audit,
    cohorts: Sequence[pd.DataFrame] = (),
    settings: Settings | None = None,
    *,
    jobs: int = 1,
    tell: Tell = lambda _what, _share: None,
) -> Readings:
    """Repeat an audit under each convention that can be followed, then under helpful ones together.

    Parameters
    ----------
    base : Audit
        Under the ledger's own conventions, of all claims.
    cohorts : sequence of DataFrame
        Known patients: whatever they meet can hold together.
    settings : Settings, optional
        As for the audit itself.
    jobs : int
        Processes. What is found does not depend on it.
    tell : callable, optional
    """
    settings = settings or Settings()
    settings = dataclasses.replace(settings, seconds=settings.seconds * HURRIED)
    known, unknown = alternatives(base.ledger)
    before = {part.name: part for part in audited_parts(base.ledger, base.findings[0])}
    again = partial(_audit_under, base, before, settings, tuple(cohorts))
    alone = _all(again, [(one,) for one in known], jobs, lambda what, share: tell(what, 0.7 * share))
    helpful = [one.changed[0] for one in alone if shown(one.audit) and one.audit.fewest < base.fewest]
    together = list(itertools.islice(_together(helpful), MOST_TOGETHER))
    more = _all(again, together, jobs, lambda what, share: tell(what, 0.7 + 0.3 * share))
    return Readings((*alone, *more), unknown)


def _together(some: Sequence[Alternative]) -> Iterator[Changed]:
    """Yield combinations of changes, of each convention one at most."""
    for size in range(2, len(some) + 1):
        for combination in itertools.combinations(some, size):
            if len({one.convention for one in combination}) == size:
                yield combination


def _all(
    again: Callable[[Changed], Audit], wanted: Sequence[Changed], jobs: int, tell: Tell
) -> tuple[Reading, ...]:
    """Audit under each of some changes, side by side."""
    workers: Workers[Audit] = local(min(jobs, len(wanted)) or 1)
    done: dict[int, Audit] = {}
    for number, audit in workers(partial(_numbered, again, tuple(wanted)), iter(range(len(wanted)))):
        done[number] = audit
        tell(in_words(wanted[number]), len(done) / len(wanted))
    return tuple(Reading(changed, done[number]) for number, changed in enumerate(wanted))


def _numbered(again: Callable[[Changed], Audit], wanted: Sequence[Changed], number: int) -> Audit:
    return again(wanted[number])


def in_words(changed: Iterable[Alternative]) -> str:
    """Name changes of conventions."""
    return ", ".join(f"{name}: {option}" for name, option in changed)


def _audit_under(
    base: Audit,
    before: Mapping[str, Part],
    settings: Settings,
    cohorts: tuple[pd.DataFrame, ...],
    changed: Changed,
) -> Audit:
    """Audit under changed conventions, as far as they touch what was asked before."""
    ledger, other = under(base.ledger, settings, changed)
    found = {finding.name: finding for finding in base.findings}
    findings = [audit_tables(ledger, cohorts)]
    for part in audited_parts(ledger, findings[0]):
        if part.name not in before:
            findings.append(audit_part(part, other, cohorts))
        elif _question(part, other) == _question(before[part.name], settings):
            findings.append(found[part.name])
        else:
            findings.append(audit_again(part, found[part.name], other, cohorts))
    return join(ledger, findings, cohorts, settings.seconds)


def _question(part: Part, settings: Settings) -> tuple[object, ...]:
    """Give all that the audit of a part rests on."""
    statements = tuple((s.ids, s.demands) for s in part.statements)
    if not any(isinstance(s.demands[0], Test) for s in part.statements):
        settings = dataclasses.replace(settings, test=Settings().test)
    times = (part.problem.distinct, *part.problem.forbidden_ticks.tolist())
    return statements, part.kinds, part.counts, times, settings
