"""Running CP-SAT so that Ctrl-C ends it, and so that its proofs can be relied on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

if TYPE_CHECKING:
    from ortools.sat.python.cp_model_helper import CpSolverStatus

__all__ = ["PROVER", "finder", "prover", "run"]

PROVER = f"OR-Tools {version('ortools')}, CP-SAT on one core without presolve"
"""What every proof is by."""


def finder() -> cp_model.CpSolver:
    """Return a solver that finds solutions; what it calls impossible need not be (see `prover`)."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    return solver


def prover() -> cp_model.CpSolver:
    """Return a solver on one core whose "infeasible" and whose bounds serve as proofs.

    It has no presolve: that of OR-Tools 9.15 calls models infeasible that have solutions (its issue 5274),
    among them order models that known patients meet.
    """
    solver = finder()
    solver.parameters.cp_model_presolve = False
    return solver


def run(solver: cp_model.CpSolver, model: cp_model.CpModel) -> CpSolverStatus:
    """Solve a model in a thread, so that the main thread can be interrupted meanwhile.

    Inside `solver.solve` Python sees no signal; CP-SAT catches SIGINT itself and returns what it has,
    which would pass for an ordinary end. It also leaves SIGINT without a handler behind: from then on
    Ctrl-C would kill the process. So nothing calls `solver.solve` but this.

    Raises
    ------
    KeyboardInterrupt
        As soon as the solver has stopped.
    """
    solver.parameters.catch_sigint_signal = False
    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(solver.solve, model)
        try:
            return job.result()
        except KeyboardInterrupt:
            solver.stop_search()
            raise
