"""One cohort, whole: attributes, then each part of the survival problem, then all together.

The parts are groups of patients that no rate or median ties to each other (see `Problem.parts`).
Each is small enough to anneal from nothing; joined, they are annealed on until the tests between
them hold too. Then the remaining attributes are solved around the types that survival asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from recohort import cohort as cohort_table
from recohort.check import check
from recohort.conditions import Level
from recohort.ledger import Ledger
from recohort.solve.baseline import Infeasible, Settings, solve_baseline
from recohort.solve.clashes import clash
from recohort.solve.demands import build
from recohort.solve.moves import Rules
from recohort.solve.objective import State, losses
from recohort.solve.problem import Problem, Track
from recohort.solve.search import Schedule, anneal
from recohort.solve.starts import likely_state
from recohort.wording import counted

__all__ = [
    "Beginning",
    "Budget",
    "Unsatisfiable",
    "anneal_part",
    "assemble",
    "reconstruct",
    "refuse_clash",
    "rules_of",
    "start_state",
    "survive",
    "to_cohort",
]

PART = Schedule(300_000, 0.3, 0.02)
JOINED = Schedule(800_000, 0.2, 0.02)

Beginning = Literal["nothing", "printed"]

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of the budget that is used up."""


class Unsatisfiable(Exception):  # noqa: N818 - named as what it is
    """No cohort was found.

    Attributes
    ----------
    claims : tuple of str
        Ids of the claims that could not be met together.
    proven : bool
        True if a solver proved them to conflict; False if the search ran out of its budget.
    """

    def __init__(self, claims: Iterable[str], *, proven: bool) -> None:
        self.claims = tuple(claims)
        self.proven = proven
        how = "cannot be met together" if proven else "could not be met within the search budget"
        super().__init__(f"{', '.join(self.claims)}: {how}")


@dataclass(frozen=True)
class Budget:
    """How long to search, in proposals, so that the same seed ends the same way everywhere.

    `chains` run side by side, the best goes on: not as many as there are cores, but always as many.
    `begin` names where the rounds of a part begin, by turns: at "nothing", nobody with an event, or at
    "printed", near the printed rates.
    """

    part: Schedule = PART
    joined: Schedule = JOINED
    rounds_per_part: int = 20
    rounds: int = 8
    chains: int = 2
    begin: tuple[Beginning, ...] = ("nothing", "printed")


def reconstruct(
    ledger: Ledger, seed: int, *, budget: Budget | None = None, progress: Progress | None = None
) -> pd.DataFrame:
    """Find one cohort that meets every claim of a ledger as read.

    Parameters
    ----------
    ledger : Ledger
    seed : int
        The same seed gives the same cohort.
    budget : Budget, optional
    progress : callable, optional
        Told what is being done.

    Returns
    -------
    DataFrame
        Validated, checked by :mod:`recohort.check`, with the columns of `recohort.cohort.columns`.

    Raises
    ------
    Unsatisfiable
        With the claims that could not be met.
    """
    tell = progress or (lambda _what, _share: None)
    tell("attributes", 0.0)
    try:
        attributes = solve_baseline(ledger, Settings(seed=seed))
    except Infeasible as error:
        raise Unsatisfiable(error.claims, proven=True) from None
    problem = build(ledger)
    tell("contradictions", 0.0)
    refuse_clash(ledger)
    state = survive(problem, attributes, seed, budget or Budget(), tell) if ledger.endpoints else None
    tell("attributes around survival", 0.95)
    cohort = to_cohort(problem, state, attributes, seed)
    missed = sorted({row.claim for row in check(cohort, ledger) if row.verdict == "not reproduced"})
    if missed:
        raise Unsatisfiable(missed, proven=False)
    tell("done", 1.0)
    return cohort


def refuse_clash(ledger: Ledger) -> None:
    """Look for a contradiction that is cheap to prove, so that nobody searches in vain.

    Raises
    ------
    Unsatisfiable
        With the claims in it.
    """
    if contradicting := clash(ledger):
        raise Unsatisfiable((claim.id for claim in contradicting), proven=True)


def survive(problem: Problem, attributes: pd.DataFrame, seed: int, budget: Budget, tell: Progress) -> State:
    """Find types, times and events that meet every survival demand.

    Raises
    ------
    Unsatisfiable
        With the claims that the best state still misses.
    """
    kinds = [problem.type_of(row) for row in _rows(attributes[list(problem.attributes)])]
    full = problem.tracks()
    rules = rules_of(problem)
    random = np.random.default_rng(seed)
    best: tuple[float, State] | None = None
    for attempt in range(budget.rounds):
        share = attempt / budget.rounds
        pieces = []
        for number, part in enumerate(problem.parts):
            mine = np.array([k for k in kinds if part[k]], np.int64)
            if not mine.size:
                continue
            who = f"part {number + 1} of {len(problem.parts)} ({counted(mine.size, 'patient')})"
            tell(f"{who}, try {attempt + 1}", share)
            pieces.append(anneal_part(problem, part, mine, rules, random, budget)[1])
        tell(f"all patients together, try {attempt + 1}", share + 0.5 / budget.rounds)
        joined = _untie(rules, _concatenate(pieces))
        loss, state = _best_chain(full, rules, [joined] * budget.chains, budget.joined, random)
        if best is None or loss < best[0]:
            best = (loss, state)
        if loss == 0:
            return state
    assert best is not None
    raise Unsatisfiable(_missed(problem, full, best[1]), proven=False)


def rules_of(problem: Problem) -> Rules:
    """Return what every proposal must respect, from the ledger."""
    ledger = problem.ledger
    scale = ledger.study.time
    longest = [scale.max / 3] if not problem.queries else []
    longest += [q.tick * scale.resolution for q in problem.queries if q.tick < scale.ticks(scale.max)]
    return Rules(
        problem.parent,
        problem.exchanges,
        problem.forbidden_ticks,
        int(ledger.convention("ties") == "distinct"),
        scale.ticks(scale.min),
        scale.ticks(scale.max),
        scale.ticks(min(scale.max, 3 * max(longest, default=scale.max))),
    )


def start_state(
    problem: Problem, kinds: npt.NDArray[np.int64], rules: Rules, random: np.random.Generator
) -> State:
    """Everybody followed without an event, for times spread over the horizon."""
    spread = np.setdiff1d(np.arange(rules.first, rules.horizon), rules.forbidden)
    ticks = random.choice(spread, size=kinds.size, replace=spread.size < 3 * kinds.size)
    time = np.repeat(ticks[None, :], len(problem.endpoints), axis=0).astype(np.int64)
    return State(kinds.copy(), time, np.zeros(time.shape, np.uint8))


def anneal_part(
    problem: Problem,
    part: npt.NDArray[np.bool_],
    kinds: npt.NDArray[np.int64],
    rules: Rules,
    random: np.random.Generator,
    budget: Budget,
) -> tuple[float, State]:
    """Meet the demands within one part, or come as near as the budget allows.

    Rounds start by turns from nothing and near the printed rates: low rates of many patients are out of
    reach of the former.

    Returns
    -------
    float, State
        The loss, 0 if all demands are met, and the patients.
    """
    tracks = problem.tracks(part)
    best: tuple[float, State] | None = None
    for number in range(budget.rounds_per_part):
        begin = budget.begin[number % len(budget.begin)]
        start = start_state if begin == "nothing" else likely_state
        starts = [_untie(rules, start(problem, kinds, rules, random)) for _ in range(budget.chains)]
        loss, state = _best_chain(tracks, rules, starts, budget.part, random)
        if best is None or loss < best[0]:
            best = (loss, state)
        if loss == 0:
            break
    assert best is not None
    return best


def _best_chain(
    tracks: tuple[Track, ...],
    rules: Rules,
    starts: list[State],
    schedule: Schedule,
    random: np.random.Generator,
) -> tuple[float, State]:
    """Anneal from each start side by side; the lowest loss wins, the first of equals."""
    seeds = [int(s) for s in random.integers(0, 2**32, size=len(starts))]
    with ThreadPoolExecutor(len(starts)) as pool:
        jobs = [
            pool.submit(anneal, tracks, rules, start, schedule, s)
            for start, s in zip(starts, seeds, strict=True)
        ]
        results = [job.result() for job in jobs]
    state, loss, _ = min(results, key=lambda result: result[1])
    return loss, state


def _concatenate(pieces: list[State]) -> State:
    return State(
        np.concatenate([p.types for p in pieces]),
        np.concatenate([p.time for p in pieces], axis=1),
        np.concatenate([p.event for p in pieces], axis=1),
    )


def _untie(rules: Rules, state: State) -> State:
    """Move patients of different parts off each other's times, by as little as it takes."""
    if not rules.distinct:
        return state
    for endpoint in range(state.time.shape[0]):
        taken = set(rules.forbidden.tolist())
        for patient in range(state.types.size):
            old = int(state.time[endpoint, patient])
            free = next(
                tick
                for step in range(rules.last)
                for tick in (old + step, old - step)
                if rules.first <= tick <= rules.last and tick not in taken
            )
            together = state.time[:, patient] == old
            state.time[together, patient] = free
            taken.add(free)
    return state


def to_cohort(problem: Problem, state: State | None, attributes: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Complete a survival state to a table of patients that meets the counts too.

    Raises
    ------
    Unsatisfiable
        If no attributes fit around the types of the state.
    """
    ledger = problem.ledger
    if state is None:
        return assemble(problem, None, attributes)
    order = np.random.default_rng(seed).permutation(ledger.study.patients)
    state = State(state.types[order], state.time[:, order], state.event[:, order])
    latest = [dict(zip(problem.endpoints, row, strict=True)) for row in _times(problem, state).T.tolist()]
    try:
        attributes = solve_baseline(
            ledger, Settings(seed=seed), [problem.types[k] for k in state.types], latest
        )
    except Infeasible as error:
        raise Unsatisfiable(error.claims, proven=True) from None
    return assemble(problem, state, attributes)


def assemble(problem: Problem, state: State | None, attributes: pd.DataFrame) -> pd.DataFrame:
    """Return the table of patients whose outcomes are a state's and whose attributes are given, row by row.

    Raises
    ------
    CohortError
        If outcomes and attributes of a patient break a rule together.
    """
    ledger = problem.ledger
    study = ledger.study
    width = len(str(study.patients))
    names = [f"{study.patient_prefix}{i + 1:0{width}d}" for i in range(study.patients)]
    cohort = pd.concat([pd.Series(names, name="patient"), attributes.reset_index(drop=True)], axis=1)
    if state is not None:
        for endpoint, time, event in zip(
            ledger.endpoints.values(), _times(problem, state), state.event, strict=True
        ):
            cohort[endpoint.time] = time
            cohort[endpoint.event] = event.astype(int)
    cohort["source"] = cohort_table.SOURCE
    return cohort_table.validate(cohort[cohort_table.columns(ledger)], ledger)


def _times(problem: Problem, state: State) -> npt.NDArray[np.float64]:
    """Return the times of a state in the ledger's unit, shape (n_endpoints, n_patients)."""
    return np.asarray(np.round(state.time * problem.ledger.study.time.resolution, 6), float)


def _rows(frame: pd.DataFrame) -> list[dict[str, Level | None]]:
    """Rows as maps from attribute to level, an empty cell as None."""
    columns = {name: [None if pd.isna(v) else v for v in frame[name]] for name in frame.columns}
    return [{name: values[row] for name, values in columns.items()} for row in range(len(frame))]


def _missed(problem: Problem, tracks: tuple[Track, ...], state: State) -> list[str]:
    """Ids of the claims whose demands a state misses."""
    missed: dict[str, None] = {}
    for (endpoint, reverse), penalties in zip(problem.track_keys, losses(tracks, state), strict=True):
        queries, tests, sizes = problem.demands_of(endpoint, reverse)
        claims = [d.claims for d in queries] + [d.claims for d in tests] + [d.claims for d in sizes]
        for ids, penalty in zip(claims, penalties, strict=True):
            if penalty > 0:
                missed |= dict.fromkeys(ids)
    return list(missed)
