"""Ctrl-C while CP-SAT works, and what of its answers is believed."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
from ortools.sat.python import cp_model

from recohort.ledger import Ledger
from recohort.solve import baseline, cpsat
from recohort.solve.cpsat import prover, run


def hard_model() -> cp_model.CpModel:
    """Pigeons: 13 in 12 holes, which no solver refutes quickly without symmetry."""
    model = cp_model.CpModel()
    inside = [[model.new_bool_var("") for _ in range(12)] for _ in range(13)]
    for pigeon in inside:
        model.add_bool_or(pigeon)
    for hole in zip(*inside, strict=True):
        for i, one in enumerate(hole):
            for other in hole[i + 1 :]:
                model.add_bool_or([~one, ~other])
    return model


def solver() -> cp_model.CpSolver:
    made = cp_model.CpSolver()
    made.parameters.num_workers = 1
    made.parameters.cp_model_presolve = False
    made.parameters.symmetry_level = 0
    made.parameters.max_time_in_seconds = 60
    return made


def test_an_easy_model_is_solved() -> None:
    model = cp_model.CpModel()
    x = model.new_int_var(0, 9, "x")
    model.add(3 * x == 21)
    made = solver()
    assert run(made, model) == cp_model.OPTIMAL
    assert made.value(x) == 7


def test_ctrl_c_ends_a_hard_one() -> None:
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(solver(), hard_model())
    assert 0.5 < time.monotonic() - started < 20


def test_nothing_else_calls_the_solver() -> None:
    """CP-SAT's own handling of SIGINT, once used, takes Ctrl-C from Python for good."""
    calls = re.compile(r"solver\.solve\(|CpSolver\(\)\.solve\(")
    solve = Path(cpsat.__file__).parent
    callers = [file.name for file in solve.glob("*.py") if calls.search(file.read_text(encoding="utf-8"))]
    assert callers == []


def test_what_is_proven_is_proven_without_presolve() -> None:
    """Presolve calls some models infeasible that have solutions; only what is then checked may have it."""
    assert not prover().parameters.cp_model_presolve
    assert _with("CpSolver()") == {"cpsat.py"}
    assert _with("finder()") == {"cpsat.py", "baseline.py", "order_bounds.py"}


def _with(text: str) -> set[str]:
    package = Path(cpsat.__file__).parents[1]
    return {path.name for path in package.rglob("*.py") if text in path.read_text("utf-8")}


def test_what_a_solver_with_presolve_calls_impossible_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presolve that always says "infeasible": patients are found all the same, and a conflict is proven."""

    def doubtful(solver: cp_model.CpSolver, model: cp_model.CpModel) -> object:
        return cp_model.INFEASIBLE if solver.parameters.cp_model_presolve else run(solver, model)

    monkeypatch.setattr(baseline, "run", doubtful)
    assert list(baseline.solve_baseline(_made_up("3"), baseline.Settings())["arm"]).count("a") == 3
    with pytest.raises(baseline.Infeasible) as caught:
        baseline.solve_baseline(_made_up("3", "2"), baseline.Settings())
    assert caught.value.claims == ("c0", "c1")


def _made_up(*counts: str) -> Ledger:
    claims = [
        {"id": f"c{i}", "at": "nowhere", "count": count, "where": {"arm": "a"}}
        for i, count in enumerate(counts)
    ]
    time_scale = {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 99.9}
    study = {"title": "made up", "patients": 5, "time": time_scale}
    return Ledger.model_validate(
        {"study": study, "attributes": {"arm": {"levels": ["a", "b"]}}, "claims": claims}
    )
