"""The attributes of all patients, so that every claim on counts, medians and ranges holds as read.

Two stages with OR-Tools CP-SAT. The first finds levels, and numbers that merely fit, under all rules
and claims jointly: random preferences for levels make each seed another cross-tabulation. The second
keeps who belongs where and chooses numbers that read like patients.

One worker, a fixed seed and limits in deterministic time: the same seed gives the same table.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from ortools.sat.python import cp_model

from recohort.cohort import column_dtype
from recohort.conditions import Level
from recohort.ledger import Ledger
from recohort.solve.attribute_claims import add_claims
from recohort.solve.attribute_model import AttributeModel, FixedRow, LatestRow
from recohort.solve.cpsat import run
from recohort.solve.plausible_numbers import NumberProblem

__all__ = ["Infeasible", "Settings", "Unfinished", "solve_baseline"]

Row = dict[str, Level | float | None]
Pair = tuple[int, int]

PREFERENCE = 9
"""Levels are preferred by random whole numbers up to this."""
GOOD_ENOUGH = 0.2
"""Preferences need not be met best: the first stage stops within this share of the optimum."""
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
    for name, rows in (("fixed", fixed), ("latest", latest)):
        if rows is not None and len(rows) != ledger.study.patients:
            raise ValueError(f"{name} has {len(rows)} rows; the study has {ledger.study.patients} patients")
    rng = np.random.default_rng(settings.seed)
    solver = _solver(settings)
    model = AttributeModel(ledger, fixed, latest)
    model.model.add_bool_and(list(add_claims(model).values()))
    steps = _stage_one(model, solver, rng)
    if steps is None:
        raise Infeasible(_culprits(AttributeModel(ledger, fixed, latest), solver))
    found = _stage_two(model, steps, solver, rng)
    if fixed is None and latest is None:
        found = [found[p] for p in rng.permutation(len(found))]
    return _frame(ledger, found)


def _solver(settings: Settings) -> cp_model.CpSolver:
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = settings.seed % 2**31
    solver.parameters.max_deterministic_time = settings.deterministic_seconds
    solver.parameters.linearization_level = 2  # counts are sums: their linear relaxation decides most
    solver.parameters.relative_gap_limit = GOOD_ENOUGH
    return solver


# --- first stage: levels ------------------------------------------------------------------------


def _stage_one(m: AttributeModel, solver: cp_model.CpSolver, rng: np.random.Generator) -> list[Row] | None:
    """Find rows that meet all rules and claims, with random preferences; None if there are none.

    Rows that no number can tell apart are made to differ where possible.
    """
    literals = [literal for patients in m.level.values() for mine in patients for literal in mine.values()]
    literals += [literal for patients in m.above.values() for literal in patients]
    weights = rng.integers(0, PREFERENCE + 1, len(literals)).tolist()
    wishes = cp_model.LinearExpr.weighted_sum(literals, weights)
    m.model.minimize(wishes)
    rows = _solved_rows(m, solver)
    same: list[cp_model.IntVar] = []
    for _ in range(ROUNDS):
        if rows is None or not (pairs := _equal_rows(rows, without=m.number)) or len(pairs) > len(rows):
            break
        same += [_same(m, *pair) for pair in pairs]
        m.model.minimize(wishes + PREFERENCE * len(literals) * cp_model.LinearExpr.sum(same))
        rows = _solved_rows(m, solver)
    return rows


def _solved_rows(m: AttributeModel, solver: cp_model.CpSolver) -> list[Row] | None:
    status = run(solver, m.model)
    if status == cp_model.INFEASIBLE:
        return None
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise Unfinished(
            f"no attributes found and none excluded in {solver.parameters.max_deterministic_time:g} "
            "deterministic seconds; allow more time"
        )
    rows: list[Row] = []
    for p in m.patients:
        row: Row = {}
        for name, present in m.present.items():
            if not solver.boolean_value(present[p]):
                row[name] = None
            elif name in m.number:
                row[name] = solver.value(m.number[name][p]) / m.scale(name)
            else:
                levels = m.level[name][p].items()
                row[name] = next(level for level, literal in levels if solver.boolean_value(literal))
        rows.append(row)
    return rows


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


def _stage_two(
    m: AttributeModel, rows: list[Row], solver: cp_model.CpSolver, rng: np.random.Generator
) -> list[Row]:
    """Replace the numbers of the first stage by plausible ones, no two rows equal if possible."""
    problems = {
        name: NumberProblem(m.ledger, name, rows, _limits(m, name, rows))
        for name in m.number
        if any(row[name] is not None for row in rows)
    }
    targets = {name: problem.targets(rng) for name, problem in problems.items()}
    found = [dict(row) for row in rows]
    for name, problem in problems.items():
        _enter(found, problem, problem.solve(targets[name], solver))
    apart: set[Pair] = set()
    for name, problem in itertools.chain.from_iterable([problems.items()] * ROUNDS):
        equal = {pair for pair in _equal_rows(found) if set(pair) <= problem.limits.keys()}
        if equal:
            apart |= equal
            mine = sorted(pair for pair in apart if set(pair) <= problem.limits.keys())
            _enter(found, problem, problem.solve(targets[name], solver, mine))
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


def _culprits(m: AttributeModel, solver: cp_model.CpSolver) -> tuple[str, ...]:
    """Claims that contradict each other, and none of which can be spared if time allows to show it."""
    switches = add_claims(m)
    name_of = {switch.index: name for name, switch in switches.items()}

    def core(names: list[str]) -> list[str] | None:
        """Those of some claims that suffice for a contradiction; None if none is found."""
        m.model.clear_assumptions()
        m.model.add_assumptions([switches[name] for name in names])
        if run(solver, m.model) != cp_model.INFEASIBLE:
            return None
        return [name_of[index] for index in solver.sufficient_assumptions_for_infeasibility()]

    left = core(list(switches)) or []
    for name in list(left):
        if name in left and (smaller := core([other for other in left if other != name])) is not None:
            left = smaller
    return tuple(name for name in switches if name in left)
