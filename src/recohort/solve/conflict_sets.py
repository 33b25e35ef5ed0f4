"""Conflicts and the smallest repairs of a set of statements, each proven by an oracle.

A *conflict* is a set of statements that cannot hold together, made as small as the oracle can show. A
*repair* is a set without which the others can. A repair takes one statement out of every conflict. So when
each smallest way to hit the known conflicts has been asked about, and some of them are repairs, these are
all smallest repairs: a smaller one would have to hit the known conflicts too.

References
----------
Reiter, Artif Intell 1987 (hitting sets); Davies and Bacchus, CP 2011 (smallest ones first); Junker,
AAAI 2004 (QuickXplain).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from recohort.solve.hitting_sets import minimal_hitting_sets, smallest
from recohort.wording import counted

__all__ = ["Explorer", "Findings", "Verdict"]

E = TypeVar("E")
Set = frozenset[int]

SEARCHES = 6
"""So many searches in vain weigh as much as a question, where these are limited."""
GUESSES = 20
"""So many guesses of a conflict may be wrong; each shows patients, and the next is a better one."""


@dataclass(frozen=True)
class Verdict(Generic[E]):
    """Whether statements can hold together.

    Attributes
    ----------
    status : str
        `unknown` is neither a proof nor a witness.
    met : frozenset of int
        If feasible, all statements that the witness meets, asked for or not.
    evidence
        A witness, or what proves that there is none.
    """

    status: Literal["feasible", "infeasible", "unknown"]
    met: Set = frozenset()
    evidence: E | None = None


@dataclass
class Findings(Generic[E]):
    """What an exploration found.

    Attributes
    ----------
    conflicts, repairs : dict
        Set of statements -> evidence. Conflicts are proven infeasible and, unless in `unminimised`,
        minimal; each repair has a witness for everything outside it.
    open : set
        Sets of the smallest size of which the oracle could not say whether they are repairs.
    unminimised : set
        Conflicts that may hold a statement too many.
    """

    conflicts: dict[Set, E | None] = field(default_factory=dict)
    repairs: dict[Set, E | None] = field(default_factory=dict)
    open: set[Set] = field(default_factory=set)
    unminimised: set[Set] = field(default_factory=set)

    @property
    def fewest(self) -> int:
        """No repair has fewer statements; proven, whatever is open."""
        return min((len(hit) for hit in [*self.repairs, *self.open]), default=0)

    @property
    def complete(self) -> bool:
        """Whether the smallest repairs are proven to be all there are."""
        return not self.open


class Explorer(Generic[E]):
    """Find conflicts and all smallest repairs among statements 0 .. n - 1.

    Parameters
    ----------
    n : int
    ask : callable
        Whether a set of statements can hold together, and whether a quick answer will do: only how small
        a conflict gets depends on it.
    witnesses : iterable of Verdict
        Known: sets of statements that hold together.
    tell : callable, optional
        Told in words what was found.
    most : int, optional
        After so many questions, or `SEARCHES` times so many searches in vain, every further answer is
        "unknown", unless what is known answers.
    search : callable, optional
        Looks for a witness, quickly, before the oracle is asked. What it finds none for may be a conflict, as
        small as the search can make it; a small one is easier to prove.
    needed : callable, optional
        Statements without those that follow from the others.

    Attributes
    ----------
    findings : Findings
    witnesses : list of Verdict
        All that were given or found.
    calls : int
        Questions that the oracle was asked.
    """

    def __init__(
        self,
        n: int,
        ask: Callable[[Set, bool], Verdict[E]],
        witnesses: Iterable[Verdict[E]] = (),
        tell: Callable[[str], None] = lambda _: None,
        most: int | None = None,
        search: Callable[[Set], Verdict[E]] | None = None,
        needed: Callable[[Set], Set] = lambda kept: kept,
    ) -> None:
        self._most = most
        self.everything = frozenset(range(n))
        self._ask, self._tell, self._search, self._needed = ask, tell, search, needed
        self.witnesses: list[Verdict[E]] = list(witnesses)
        self._unknown: set[Set] = set()
        self._missed: dict[Set, Verdict[E]] = {}
        self.findings: Findings[E] = Findings()
        self.calls = 0

    def explore(self, within: Iterable[Iterable[int]] = ()) -> Findings[E]:
        """Find everything, first among smaller sets of statements where conflicts are cheaper to find.

        Parameters
        ----------
        within : iterable of sets
            Sets to look at before the whole.
        """
        for part in (*map(frozenset, within), self.everything):
            self._settle(part)
        return self.findings

    def _settle(self, part: Set) -> None:
        """Settle every smallest way to hit the conflicts within a part.

        Where questions are limited, none is asked once one way is known to be a repair: no fewer will do.
        """
        found = self.findings
        while True:
            known = [conflict for conflict in found.conflicts if conflict <= part]
            hits = list(minimal_hitting_sets(known))
            hits = [hit for hit in hits if len(hit) == len(hits[0])]
            limited, enough = self._most is not None, False
            if limited:
                hits.sort(key=lambda hit: not self._shown(part - hit))
            verdicts: dict[Set, Verdict[E]] = {}
            for hit in hits:
                verdicts[hit] = self.look(part - hit) if enough else self.resolve(part - hit)
                enough |= limited and verdicts[hit].status == "feasible"
                if verdicts[hit].status == "infeasible" and not enough:
                    self._tell(counted(len(found.conflicts), "conflict"))
                    break
            else:
                if part == self.everything:
                    found.repairs = {h: v.evidence for h, v in verdicts.items() if v.status == "feasible"}
                    found.open = {h for h, v in verdicts.items() if v.status == "unknown"}
                return

    def suppose(self, sets: Iterable[Set], *, quick: bool = False) -> None:
        """Ask about sets that may be conflicts, say by what is known of a similar system.

        What is proven is kept as it is: such a conflict may hold a statement too many.
        """
        for some in sets:
            known = any(conflict <= some for conflict in self.findings.conflicts)
            if not known and (verdict := self.ask(some, quick=quick)).status == "infeasible":
                self.findings.conflicts[some] = verdict.evidence
                self.findings.unminimised.add(some)

    def minimise(self) -> None:
        """Try again, with the full limit, to make conflicts smaller that may hold a statement too many."""
        found = self.findings
        for conflict in sorted(found.unminimised, key=lambda c: (len(c), sorted(c))):
            if conflict not in found.conflicts:
                continue
            now, doubtful = conflict, False
            for k in sorted(conflict):
                status = self.ask(now - {k}).status
                doubtful |= status == "unknown"
                now -= {k} if status == "infeasible" else frozenset()
            evidence = found.conflicts[conflict]
            self._forget([other for other in found.conflicts if now <= other])
            if not any(other < now for other in found.conflicts):
                found.conflicts[now] = evidence
                found.unminimised |= {now} if doubtful else frozenset()
        found.open = {hit for hit in found.open if all(hit & conflict for conflict in found.conflicts)}

    def decide(self, prove: Callable[[Set], Verdict[E]]) -> None:
        """Ask with more patience about sets of which it is open whether they are repairs.

        Parameters
        ----------
        prove : callable
            Whether statements can hold together, by an oracle with more patience.
        """
        found, asked = self.findings, set[Set]()
        while waiting := found.open - asked:
            hit = min(waiting, key=sorted)
            asked.add(hit)
            kept = self._needed(self.everything - hit)
            verdict = self.guess(kept, prove)
            if verdict.status == "unknown":
                verdict = prove(kept)
            if verdict.status == "infeasible" and self._known(kept) is None:
                self._note(kept, verdict.evidence)
            if verdict.status == "feasible":
                self.witnesses.append(verdict)
            if verdict.status != "unknown":
                self._settle(self.everything)

    def resolve(self, kept: Set) -> Verdict[E]:
        """Ask about a set; if it is infeasible, a small conflict in it is on record afterwards."""
        verdict = self.guess(kept)
        if verdict.status == "unknown":
            verdict = self.ask(kept)
        if verdict.status == "infeasible" and self._known(kept) is None:
            conflict, proof = self._shrink(kept, verdict.evidence)
            self.findings.conflicts[conflict] = proof
        return verdict

    def guess(
        self, kept: Set, prove: Callable[[Set], Verdict[E]] | None = None, *, most: int = GUESSES
    ) -> Verdict[E]:
        """Guess a conflict in a set, as small as the search can make it, and prove it.

        A wrong guess shows a witness, and the next is better. Meanwhile one for the whole set may turn up.

        Parameters
        ----------
        kept : set
        prove : callable, optional
            Another oracle.
        most : int
            So many guesses may be wrong.

        Returns
        -------
        Verdict
            On the whole set. A conflict that is proven is on record afterwards.
        """
        unknown: Verdict[E] = Verdict("unknown")
        if self._search is None:
            return unknown
        if (verdict := self.look(kept)).status == "feasible":
            return verdict
        if prove is None and self._spent:
            return unknown  # nobody would say whether a guess is right
        core = self._needed(kept)
        for _ in range(most):
            if not self._missing(kept):
                return self.ask(kept)
            if not self._missing(core):
                break
            guess = frozenset(smallest(sorted(core), self._missing))
            for k in sorted(guess):  # the search may find patients for more statements and none for fewer
                guess -= {k} if self._missing(guess - {k}) else frozenset()
            verdict = (prove or self.ask)(guess)
            if verdict.status == "unknown":
                break
            if verdict.status == "infeasible":
                self._note(guess, verdict.evidence)
                return verdict
            self.witnesses.append(verdict)
        return unknown

    def _missing(self, some: Iterable[int]) -> bool:
        """Whether the search finds no witness, or there is none."""
        return self.look(frozenset(some)).status != "feasible"

    def _note(self, conflict: Set, proof: E | None) -> None:
        """Put a conflict on record: it is minimal if the search finds witnesses without any one statement."""
        self._forget([known for known in self.findings.conflicts if conflict < known])
        self.findings.conflicts[conflict] = proof
        if any(self._missing(conflict - {k}) for k in conflict):
            self.findings.unminimised.add(conflict)

    def _forget(self, conflicts: Iterable[Set]) -> None:
        """Drop conflicts that hold a smaller one."""
        for conflict in conflicts:
            del self.findings.conflicts[conflict]
            self.findings.unminimised.discard(conflict)

    def repairs_within(self, part: Iterable[int], most: int) -> tuple[tuple[Set, ...], bool]:
        """Give the repairs of some of the statements, as far as they have at most so many.

        Returns
        -------
        tuple of set, bool
            None contains another; the Boolean says whether they are proven to be all.
        """
        part = frozenset(part)
        while True:
            known = [conflict for conflict in self.findings.conflicts if conflict <= part]
            verdicts = {}
            for hit in (hit for hit in minimal_hitting_sets(known) if len(hit) <= most):
                verdicts[hit] = self.resolve(part - hit)
                if verdicts[hit].status == "infeasible":
                    break
            else:
                sure = all(verdict.status != "unknown" for verdict in verdicts.values())
                return tuple(h for h, v in verdicts.items() if v.status == "feasible"), sure

    def ask(self, kept: Set, *, quick: bool = False) -> Verdict[E]:
        """Ask the oracle, unless what is known or can be found already answers."""
        if (verdict := self.look(kept)).status != "unknown":
            return verdict
        if kept in self._unknown or self._spent:
            return Verdict("unknown")
        self.calls += 1
        verdict = self._ask(kept, quick)
        if verdict.status == "unknown" and not quick:
            self._unknown.add(kept)
        if verdict.status == "feasible":
            self.witnesses.append(verdict)
        return verdict

    @property
    def _spent(self) -> bool:
        """Whether no question is asked any more."""
        return self._tired or (self._most is not None and self.calls >= self._most)

    @property
    def _tired(self) -> bool:
        """Whether nobody is searched for any more."""
        return self._most is not None and len(self._missed) >= SEARCHES * self._most

    def look(self, kept: Set) -> Verdict[E]:
        """Answer from what is known already, or by the search alone; nothing is searched for twice."""
        if verdict := self._known(kept) or self._missed.get(kept):
            return verdict
        verdict = self._search(kept) if self._search and not self._tired else Verdict("unknown")
        if verdict.status == "feasible":
            self.witnesses.append(verdict)
        else:
            self._missed[kept] = verdict
        return verdict

    def _shown(self, kept: Set) -> bool:
        """Whether a witness is known."""
        known = self._known(kept)
        return known is not None and known.status == "feasible"

    def _known(self, kept: Set) -> Verdict[E] | None:
        """Answer from what is known already; nothing never contradicts itself."""
        if not kept:
            return Verdict("feasible")
        for witness in self.witnesses:
            if kept <= witness.met:
                return witness
        for conflict, proof in self.findings.conflicts.items():
            if conflict <= kept:
                return Verdict("infeasible", evidence=proof)
        return None

    def _shrink(self, kept: Set, proof: E | None) -> tuple[Set, E | None]:
        """Reduce an infeasible set to a minimal one, with its proof; what cannot be decided stays in."""
        proofs, doubtful = {kept: proof}, False

        def infeasible(some: Sequence[int]) -> bool:
            nonlocal doubtful
            verdict = self.ask(frozenset(some), quick=True)
            doubtful |= verdict.status == "unknown"
            if verdict.status == "infeasible":
                proofs[frozenset(some)] = verdict.evidence
            return verdict.status == "infeasible"

        conflict = frozenset(smallest(sorted(kept), infeasible))
        if doubtful:
            self.findings.unminimised.add(conflict)
        self._forget([known for known in self.findings.conflicts if conflict < known])
        return conflict, proofs[conflict]
