"""The attributes of all patients, so that every claim on counts, medians and ranges holds as read.

Two stages with OR-Tools CP-SAT. The first finds levels, and numbers that merely fit, under all rules
and claims jointly: random preferences for levels make each seed another cross-tabulation. The second
keeps who belongs where and chooses numbers that read like patients.

One worker, a fixed seed and limits in deterministic time: the same seed gives the same table.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from ortools.sat.python import cp_model

from recohort.cohort import column_dtype
from recohort.conditions import Level
from recohort.ledger import Claim, Ledger
from recohort.solve.attribute_claims import (
    Shortcuts,
    add_claims,
    concerns_attributes,
    groups_of_unknown_size,
)
from recohort.solve.attribute_conflict import minimal_conflict
from recohort.solve.attribute_model import AttributeModel, FixedRow, LatestRow
from recohort.solve.cpsat import finder, prover, run
from recohort.solve.plausible_numbers import NumberProblem

__all__ = ["Infeasible", "Settings", "Unfinished", "solve_baseline"]

Row = dict[str, Level | float | None]
Pair = tuple[int, int]

PREFERENCE = 9
"""Levels are preferred by random whole numbers up to this."""
GOOD_ENOUGH = 0.2
"""Preferences need not be met best: the first stage stops within this share of the optimum."""
QUICK = 0.5
"""Deterministic seconds in which a solution is usually found and preferences are met well enough."""
POLISH = 2.0
"""Deterministic seconds at most for the numbers of one attribute."""
NEAR = 3
"""How far from a first solution the unprinted sizes of tested groups are looked for first."""
JUDGE = 2.0
"""Deterministic seconds at most to see whether some claims contradict each other."""
ROUNDS = 4
"""How often equal rows are taken apart."""


@dataclass(frozen=True)
class Settings:
    """How to solve.

    Attributes
    ----------
    seed : int
        Same seed, same table.
    deterministic_seconds : float
        Limit of each solver call, in the solver's deterministic time (roughly seconds).
    """

    seed: int = 0
    deterministic_seconds: float = 20.0


class Infeasible(Exception):  # noqa: N818 - a finding, not a fault
    """Claims that cannot be met together.

    Attributes
    ----------
    claims : tuple of str
        Ids, in the order of the ledger. Dropping any one leaves the others satisfiable, unless the
        time limit cut the reduction short. Empty if the rules or the fixed rows contradict themselves.
    """

    def __init__(self, claims: tuple[str, ...]) -> None:
        self.claims = claims
        together = f"these claims cannot be met together: {', '.join(claims)}"
        super().__init__(together if claims else "the rules contradict each other or the rows given")


class Unfinished(Exception):  # noqa: N818
    """Neither a solution nor a proof that there is none within the time limit."""


def solve_baseline(
    ledger: Ledger,
    settings: Settings,
    fixed: Sequence[FixedRow] | None = None,
    latest: Sequence[LatestRow] | None = None,
) -> pd.DataFrame:
    """Find attributes for all patients.

    Parameters
    ----------
    ledger : Ledger
    settings : Settings
    fixed : sequence of dict, length n_patients, optional
        For each patient the values already decided (None: empty); row i keeps them.
    latest : sequence of dict, length n_patients, optional
        For each patient and endpoint, in the ledger's unit of time, the latest that a number with
        `not_after` may be.

    Returns
    -------
    DataFrame
        One row per patient, one column per attribute. Rows are in random order unless `fixed` or
        `latest` speaks of them.

    Raises
    ------
    Infeasible
        If the claims contradict each other.
    Unfinished
        If the time limit ran out.
    UnsupportedClaim
        If a claim is beyond what can be solved for.
    """
    for name, given in (("fixed", fixed), ("latest", latest)):
        if given is not None and len(given) != ledger.study.patients:
            raise ValueError(f"{name} has {len(given)} rows; the study has {ledger.study.patients} patients")
    search = _Search(settings, np.random.default_rng(settings.seed), fixed, latest)
    model, rows = _stage_one(search, ledger)
    rows = _stage_two(model, rows, search)
    if fixed is None and latest is None:
        rows = [rows[p] for p in search.rng.permutation(len(rows))]
    return _frame(ledger, rows)


@dataclass(frozen=True)
class _Search:
    """What all steps share: how to solve, the source of chance, and what is given of the patients."""

    settings: Settings
    rng: np.random.Generator
    fixed: Sequence[FixedRow] | None
    latest: Sequence[LatestRow] | None

    def model(self, ledger: Ledger) -> AttributeModel:
        return AttributeModel(ledger, self.fixed, self.latest)

    def solver(self, seconds: float = math.inf) -> cp_model.CpSolver:
        """Return a solver that finds, with its limits set; `seconds` are deterministic."""
        return self._limited(finder(), seconds)

    def prover(self, seconds: float = math.inf) -> cp_model.CpSolver:
        """Return a solver whose "infeasible" is a proof; the first solution that it finds ends it."""
        solver = prover()
        solver.parameters.stop_after_first_solution = True
        return self._limited(solver, seconds)

    def _limited(self, solver: cp_model.CpSolver, seconds: float) -> cp_model.CpSolver:
        solver.parameters.random_seed = self.settings.seed % 2**31
        solver.parameters.max_deterministic_time = min(seconds, self.settings.deterministic_seconds)
        solver.parameters.linearization_level = 2  # counts are sums: their linear relaxation decides most
        solver.parameters.relative_gap_limit = GOOD_ENOUGH
        return solver


# --- first stage: levels ------------------------------------------------------------------------


def _stage_one(search: _Search, ledger: Ledger) -> tuple[AttributeModel, list[Row]]:
    """Find levels, and numbers that fit: by a shortcut if one leads there, or else without."""
    for shortcuts in _shortcuts(search, ledger):
        try:
            found = _levels(search, ledger, shortcuts)
        except Unfinished:
            if shortcuts is None:
                raise
            continue
        if found is not None:
            return found
    raise Infeasible(_culprits(search, ledger))


def _shortcuts(search: _Search, ledger: Ledger) -> Iterator[Shortcuts | None]:
    """Yield what to try in turn; at last None, no shortcut.

    A P value of groups whose sizes are not printed leaves very many tables of counts. So these sizes
    are first found without such tests, and then looked for about there.
    """
    loose = groups_of_unknown_size(ledger)
    near = {}
    if loose:
        _, rows = _stage_one(search, ledger.with_claims(c for c in ledger.claims if c.id not in loose))
        for group in (group for groups in loose.values() for group in groups):
            size = sum(group.holds(row) for row in rows)
            near[group] = range(max(0, size - NEAR), size + NEAR + 1)
    if any(claim.kind in ("median", "median_range") for claim in ledger.claims):
        yield Shortcuts(near, plain_medians=True)
    if near:
        yield Shortcuts(near)
    yield None


def _levels(
    search: _Search, ledger: Ledger, shortcuts: Shortcuts | None
) -> tuple[AttributeModel, list[Row]] | None:
    """Find rows that meet all rules and claims, with random preferences; None if there are none.

    Rows that no number can tell apart are made to differ where possible.
    """
    m = search.model(ledger)
    add_claims(m, shortcuts)
    literals = [x for patients in m.level.values() for mine in patients for x in mine.values()]
    weights = search.rng.integers(0, PREFERENCE + 1, len(literals)).tolist()
    wishes = cp_model.LinearExpr.weighted_sum(literals, weights)
    m.model.minimize(wishes)
    long = (
        search.settings.deterministic_seconds if shortcuts is None or not shortcuts.plain_medians else QUICK
    )
    rows = _solved_rows(search, m, long)
    same: list[cp_model.IntVar] = []
    for _ in range(ROUNDS):
        if rows is None or not (pairs := _equal_rows(rows, without=m.number)) or len(pairs) > len(rows):
            break
        same += [_same(m, *pair) for pair in pairs]
        m.model.minimize(wishes + PREFERENCE * len(literals) * cp_model.LinearExpr.sum(same))
        rows = _solved_rows(search, m, long)
    return None if rows is None else (m, rows)


def _solved_rows(search: _Search, m: AttributeModel, long: float) -> list[Row] | None:
    """Solve in little time, to meet preferences too; failing that take the first solution in a longer one."""
    solver = search.solver(QUICK)
    status = run(solver, m.model)
    if status == cp_model.UNKNOWN and long > QUICK:
        solver = search.solver(long)
        solver.parameters.stop_after_first_solution = True
        status = run(solver, m.model)
    if status == cp_model.INFEASIBLE:  # of a solver with presolve that is no proof
        solver = search.prover(long)
        status = run(solver, m.model)
    if status == cp_model.UNKNOWN:
        raise Unfinished(f"no attributes found, and none excluded, in {long:g} deterministic seconds")
    return None if status == cp_model.INFEASIBLE else [_row(m, solver, p) for p in m.patients]


def _row(m: AttributeModel, solver: cp_model.CpSolver, patient: int) -> Row:
    """Read a patient's row off a solution."""
    row: Row = {}
    for name, present in m.present.items():
        if not solver.boolean_value(present[patient]):
            row[name] = None
        elif name in m.number:
            row[name] = solver.value(m.number[name][patient]) / m.scale(name)
        else:
            levels = m.level[name][patient].items()
            row[name] = next(level for level, literal in levels if solver.boolean_value(literal))
    return row


def _equal_rows(rows: Sequence[Row], without: Collection[str] = ()) -> list[Pair]:
    """Return pairs of equal rows among patients who have none of some numbers."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for patient, row in enumerate(rows):
        if all(row[name] is None for name in without):
            groups[tuple(row.values())].append(patient)
    return [pair for group in groups.values() for pair in itertools.combinations(group, 2)]


def _same(m: AttributeModel, a: int, b: int) -> cp_model.IntVar:
    """Return a literal that has to be true unless two patients differ in some level."""
    same = m.model.new_bool_var("")
    reasons = [same]
    for patients in m.level.values():
        for level, literal in patients[a].items():
            differs = m.model.new_bool_var("")
            m.model.add(cp_model.LinearExpr.sum([literal, patients[b][level]]) == 1).only_enforce_if(differs)
            reasons.append(differs)
    m.model.add_bool_or(reasons)
    return same


# --- second stage: numbers ----------------------------------------------------------------------


def _stage_two(m: AttributeModel, rows: list[Row], search: _Search) -> list[Row]:
    """Replace the numbers of the first stage by plausible ones, no two rows equal if possible."""
    problems = {
        name: NumberProblem(m.ledger, name, rows, _limits(m, name, rows))
        for name in m.number
        if any(row[name] is not None for row in rows)
    }
    targets = {name: problem.targets(search.rng) for name, problem in problems.items()}
    found = [dict(row) for row in rows]
    for name, problem in problems.items():
        _enter(found, problem, problem.solve(targets[name], search.solver(POLISH)))
    apart: set[Pair] = set()
    for name, problem in itertools.chain.from_iterable([problems.items()] * ROUNDS):
        equal = {pair for pair in _equal_rows(found) if set(pair) <= problem.limits.keys()}
        if equal:
            apart |= equal
            mine = sorted(pair for pair in apart if set(pair) <= problem.limits.keys())
            _enter(found, problem, problem.solve(targets[name], search.solver(POLISH), mine))
    return found


def _limits(m: AttributeModel, name: str, rows: Sequence[Row]) -> dict[int, Pair]:
    """For each patient with a number the steps that keep it on the same side of every threshold."""
    limits = {}
    for patient, row in enumerate(rows):
        value = row[name]
        if value is None:
            continue
        low, high = m.limits[name][patient]
        for start in (start for attribute, start in m.above if attribute == name):
            if float(value) * m.scale(name) >= start - 0.5:
                low = max(low, start)
            else:
                high = min(high, start - 1)
        limits[patient] = (low, high)
    return limits


def _enter(rows: list[Row], problem: NumberProblem, steps: dict[int, int] | None) -> None:
    """Enter new numbers; where the solver found none in time, the old ones stay."""
    for patient, step in (steps or {}).items():
        rows[patient][problem.name] = step / problem.scale


def _frame(ledger: Ledger, rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            name: pd.Series([row[name] for row in rows], dtype=column_dtype(attribute))
            for name, attribute in ledger.attributes.items()
        }
    )


# --- contradictions -----------------------------------------------------------------------------


def _culprits(search: _Search, ledger: Ledger) -> tuple[str, ...]:
    """Name claims that contradict each other, as few as can be shown in the time allowed."""
    loose = groups_of_unknown_size(ledger).keys()
    left = search.settings.deterministic_seconds

    def contradict(some: Sequence[Claim]) -> bool:
        nonlocal left
        # a test whose group sizes no claim prints any more would leave too many tables
        unsized = groups_of_unknown_size(ledger.with_claims(some)).keys() - loose
        m = search.model(ledger.with_claims(claim for claim in some if claim.id not in unsized))
        add_claims(m)
        solver = search.prover(min(JUDGE, left))
        status = run(solver, m.model)
        left = max(0.0, left - solver.deterministic_time)
        return bool(status == cp_model.INFEASIBLE)

    conflict = minimal_conflict([c for c in ledger.claims if concerns_attributes(c)], contradict)
    return tuple(claim.id for claim in ledger.claims if claim in conflict)
