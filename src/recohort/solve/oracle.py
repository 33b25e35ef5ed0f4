"""Whether statements on a part can hold together.

The order model is given a moment; failing that, a search looks for patients; then the order model has its
time. Patients are shown to the checker before they count, and "infeasible" comes from the order model alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

import pandas as pd

from recohort.solve import cases
from recohort.solve.annealed import applies, patients_for
from recohort.solve.conflict_sets import Explorer, Verdict
from recohort.solve.instance import Settings
from recohort.solve.parts import Part
from recohort.solve.printed_units import met_by
from recohort.solve.witness import cohort_of

__all__ = ["explorer", "prove", "witness"]

HASTY = 0.01
"""Share of the time limit before patients are searched for."""
QUICK = 0.15
"""And for questions on which no proof rests."""
PATIENCE = 2
"""Where one does, the cases of a question are asked, and together given at most so many times the limit."""


def explorer(
    part: Part,
    settings: Settings,
    witnesses: Iterable[Verdict[pd.DataFrame]] = (),
    *,
    most: int | None = None,
) -> Explorer[pd.DataFrame]:
    """Return an explorer of a part's statements.

    Parameters
    ----------
    part : Part
    settings : Settings
        Of the order model; `seconds` limit each question.
    witnesses : iterable of Verdict
        Known patients: whatever they meet can hold together.
    most : int, optional
        So many questions are asked.
    """
    patient = dataclasses.replace(settings, patience=PATIENCE)

    def limited(share: float) -> Settings:
        return dataclasses.replace(settings, seconds=settings.seconds * share)

    def ask(kept: frozenset[int], quick: bool) -> Verdict[pd.DataFrame]:
        return prove(part, kept, limited(QUICK) if quick else patient)

    def search(kept: frozenset[int]) -> Verdict[pd.DataFrame]:
        verdict = prove(part, kept, limited(HASTY))
        if verdict.status != "unknown":
            return verdict
        return _checked(part, kept, patients_for(part, kept, settings))

    return Explorer(
        len(part.statements),
        ask,
        witnesses,
        most=most,
        search=search if applies(part, settings) else None,
        needed=part.without_implied,
    )


def witness(part: Part, cohort: pd.DataFrame) -> Verdict[pd.DataFrame]:
    """Say of patients which statements they meet."""
    return Verdict("feasible", met_by(part.statements, cohort, part.problem.ledger), cohort)


def prove(part: Part, kept: Collection[int], settings: Settings) -> Verdict[pd.DataFrame]:
    """Ask the order model about statements, and the checker about what it finds."""
    wanted = frozenset(kept)
    for build in (part.without_inner, part.model):
        model = build(wanted, settings)
        if model is None:
            continue
        model, answer = cases.solve(model)
        if answer.status == "infeasible":
            return Verdict("infeasible")
        verdict = _checked(part, wanted, cohort_of(model, answer.trace) if answer.trace is not None else None)
        if verdict.status == "feasible":
            return verdict
    return Verdict("unknown")


def _checked(part: Part, kept: frozenset[int], cohort: pd.DataFrame | None) -> Verdict[pd.DataFrame]:
    """Let the checker say what patients meet."""
    if cohort is None:
        return Verdict("unknown")
    shown = witness(part, cohort)
    return shown if kept <= shown.met else Verdict("unknown")
