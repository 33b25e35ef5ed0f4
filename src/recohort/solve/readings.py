"""An audit repeated under other conventions: which reading of a paper explains most with least.

Conventions are changed one at a time; those changes that help, or may, are then tried together, at most one
of each convention. What a change does not touch is not audited again, and where it is clear that the change
makes things worse, fewer questions are asked.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from recohort.ledger import Ledger
from recohort.solve.audit import Audit, audited_parts, join
from recohort.solve.conflicts import audit_again
from recohort.solve.conventions import Alternative, alternatives, months, under
from recohort.solve.instance import Settings
from recohort.solve.kept import Kept
from recohort.solve.parts import Part
from recohort.solve.problem import Test
from recohort.solve.statements import Finding
from recohort.solve.table_conflicts import audit_tables
from recohort.solve.workers import Workers, local

__all__ = ["Reading", "Readings", "best", "in_words", "readings", "shown"]

Tell = Callable[[str, float], None]
Changed = tuple[Alternative, ...]
HURRIED = 0.5
"""Share of the time limit for each question, as there are many readings."""
MOST_TOGETHER = 12
"""So many combinations of changes that may help are audited, those of most changes last."""
MOST_OF_PART = 30
"""So many questions are asked of a part."""
WORSE, MOST_WHERE_WORSE = 0.2, 5
"""Share of that limit, and questions, where a change has made things worse already than they were without."""
MOST_OF_TABLES = 400
"""So many questions are asked of the tables; what is then open is called not known."""


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
    fewer = [one for one in found.tried if _helps(base, one)]
    return min(fewer, key=lambda one: (one.audit.fewest, len(one.changed)), default=None)


def _helps(base: Audit, one: Reading) -> bool:
    return one.audit.fewest < base.fewest and shown(one.audit, base)


def shown(audit: Audit, base: Audit) -> bool:
    """Whether patients show that a reading's fewest amendments are enough, if only part by part.

    Claims that no part holds (tests between parts, say) are left aside, but none that took part in proofs
    under the ledger's own conventions.
    """
    if audit.reached:
        return True
    enough = all(finding.repairs for finding in audit.findings)
    return enough and set(audit.left_out) <= set(base.left_out)


def readings(
    base: Audit,
    cohorts: Sequence[pd.DataFrame] = (),
    settings: Settings | None = None,
    *,
    jobs: int = 1,
    tell: Tell = lambda _what, _share: None,
    kept: Kept | None = None,
) -> Readings:
    """Repeat an audit under each convention that can be followed, then under those together that may help.

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
        Told which readings are in work and the share that is done.
    kept : Kept, optional
        Keeps each reading that is finished; those that it holds already are not made again.
    """
    settings = settings or Settings()
    settings = dataclasses.replace(settings, seconds=settings.seconds * HURRIED)
    known, unknown = alternatives(base.ledger)
    before = {part.name: part for part in audited_parts(base.ledger, base.findings[0])}
    again = _Again(base, before, settings, tuple(cohorts))
    alone = _all(again, [(one,) for one in known], jobs, lambda what, share: tell(what, 0.7 * share), kept)
    helpful = [one.changed[0] for one in alone if one.audit.fewest < base.fewest]
    together = list(itertools.islice(_together(helpful, base.ledger), MOST_TOGETHER))
    more = _all(again, together, jobs, lambda what, share: tell(what, 0.7 + 0.3 * share), kept)
    return Readings((*alone, *more), unknown)


def _together(some: Sequence[Alternative], ledger: Ledger) -> Iterator[Changed]:
    """Yield combinations of changes, of each convention and of what each printed month means one at most."""
    for size in range(2, len(some) + 1):
        for combination in itertools.combinations(some, size):
            about = [what for one in combination for what in (one.convention, *months(ledger, one))]
            if len(set(about)) == len(about):
                yield combination


def _all(
    again: _Again, wanted: Sequence[Changed], jobs: int, tell: Tell, kept: Kept | None
) -> tuple[Reading, ...]:
    """Audit under each of some changes, side by side, unless it is kept from before."""
    done: dict[int, tuple[Finding, ...]] = {}
    names = [_file_name(again.base.ledger, changed) for changed in wanted]
    for number, changed in enumerate(wanted):
        if kept and (found := kept.load(names[number], again.ledger(changed))):
            done[number] = found
    waiting = [number for number in range(len(wanted)) if number not in done]
    in_work: dict[int, str] = {}

    def say() -> None:
        tell("; ".join(list(in_work.values())) or "done", len(done) / len(wanted))

    def handed_out() -> Iterator[int]:  # called from other threads
        for number in waiting:
            in_work[number] = in_words(wanted[number])
            say()
            yield number

    workers: Workers[tuple[Finding, ...]] = local(min(jobs, len(waiting)) or 1)
    for number, found in workers(partial(_numbered, again, tuple(wanted)), handed_out()):
        done[number] = found
        if kept:
            kept.save(names[number], found)
        del in_work[number]
        say()
    return tuple(
        Reading(changed, again.joined(changed, done[number])) for number, changed in enumerate(wanted)
    )


def _file_name(ledger: Ledger, changed: Changed) -> str:
    """Name changes of conventions by their places in the ledger: its words may hold anything."""
    places = {name: place for place, name in enumerate(ledger.conventions)}
    options = ((places[name], ledger.conventions[name].options.index(option)) for name, option in changed)
    return "-".join(f"{convention}.{option}" for convention, option in options)


def _numbered(again: _Again, wanted: Sequence[Changed], number: int) -> tuple[Finding, ...]:
    return again.audit(wanted[number])


def in_words(changed: Iterable[Alternative]) -> str:
    """Name changes of conventions."""
    return ", ".join(f"{name}: {option}" for name, option in changed)


@dataclass(frozen=True)
class _Again:
    """An audit repeated as far as changed conventions touch what was asked before."""

    base: Audit
    before: Mapping[str, Part]
    settings: Settings
    cohorts: tuple[pd.DataFrame, ...]

    def ledger(self, changed: Changed) -> Ledger:
        """Return the ledger under changed conventions."""
        return under(self.base.ledger, self.settings, changed).ledger

    def joined(self, changed: Changed, findings: Sequence[Finding]) -> Audit:
        """Put together what was found under changed conventions."""
        return join(self.ledger(changed), list(findings), self.cohorts, self.settings.seconds)

    def audit(self, changed: Changed) -> tuple[Finding, ...]:
        """Audit the tables, then the parts."""
        ledger, other = under(self.base.ledger, self.settings, changed)
        findings = [audit_tables(ledger, self.cohorts, seconds=other.seconds, most=MOST_OF_TABLES)]
        for part in audited_parts(ledger, findings[0]):
            like = self._like(part)
            before = self.before.get(like.name)
            if before is not None and _question(part, other) == _question(before, self.settings):
                findings.append(like)
                continue
            limits, most = other, MOST_OF_PART
            if sum(finding.fewest for finding in findings) > self.base.fewest:
                limits, most = dataclasses.replace(other, seconds=WORSE * other.seconds), MOST_WHERE_WORSE
            findings.append(audit_again(part, like, limits, self.cohorts, most=most))
        return tuple(findings)

    def _like(self, part: Part) -> Finding:
        """Return what was found of most of a part's statements under the ledger's own conventions."""
        mine = {s.ids for s in part.statements}
        return max(self.base.findings, key=lambda found: len(mine & {s.ids for s in found.statements}))


def _question(part: Part, settings: Settings) -> tuple[object, ...]:
    """Give all that the audit of a part rests on."""
    statements = tuple((s.ids, s.demands) for s in part.statements)
    tested = any(isinstance(s.demands[0], Test) for s in part.statements)
    test = part.problem.ledger.convention("survival_test") if tested else None
    return statements, part.kinds, part.counts, part.problem.distinct, test, settings
