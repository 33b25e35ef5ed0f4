"""The folder to copy, examples/freireich_1963: solved by the command, drawn, and full of ties."""

from __future__ import annotations

import shutil
from pathlib import Path

from lifelines import KaplanMeierFitter
from lifelines.datasets import load_leukemia

from recohort import check, cli, cohort, ledger
from recohort.exhibits import open_exhibits
from recohort.paths import ROOT

EXAMPLE = ROOT / "examples" / "freireich_1963"


def test_a_copied_folder_is_solved_and_drawn(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "my_paper")
    out = folder / "my_cohort.csv"
    assert cli.main(["solve", "--ledger", str(folder / "claims.yaml"), "--out", str(out), "--seed", "2"]) == 0
    assert cli.main(["check", "--ledger", str(folder / "claims.yaml"), str(out)]) == 0
    paper = ledger.load(folder / "claims.yaml")
    made = cohort.read(out, paper)
    assert set(made["source"]) == {cohort.SOURCE}
    assert all(row.verdict == "reproduced" for row in check.check(made, paper))
    study = open_exhibits(folder / "claims.yaml", out, folder / "exhibits.yaml")
    assert "placebo" in str(study.figure("remission")).lower()
    curves = {curve.label: curve for curve in study.panel("remission").curves}
    for label, curve in curves.items():
        fitted = KaplanMeierFitter().fit(curve.time, curve.event)
        assert curve.rate == fitted.predict(12), label


def test_its_times_are_heavily_tied() -> None:
    """Freireich's 42 remissions, as lifelines carries them, share 24 weeks."""
    known = load_leukemia()
    patients = cohort.read(EXAMPLE / "patients.csv", ledger.load(EXAMPLE / "claims.yaml"))
    assert sorted(patients["remission_weeks"]) == sorted(known["t"].astype(float))
    assert patients["remission_weeks"].nunique() == known["t"].nunique() < len(patients) / 1.5
