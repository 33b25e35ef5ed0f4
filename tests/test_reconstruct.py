"""Reconstruction end to end: the committed cohort, interrupted runs, and ledgers that cannot be met."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from recohort import cohort as cohort_table
from recohort import ledger, paths
from recohort.check import check, scorecard
from recohort.ledger import Ledger
from recohort.solve.reconstruct import Budget, Unsatisfiable, reconstruct
from recohort.solve.search import Schedule
from test_search import toy

SEED_OF_THE_COMMITTED_COHORT = 1
QUICK = Budget(Schedule(100_000, 0.3, 0.02), Schedule(100_000, 0.2, 0.02), rounds_per_part=3, rounds=2)


@pytest.fixture(scope="module")
def paper() -> Ledger:
    return ledger.load(paths.LEDGER)


@pytest.fixture(scope="module")
def committed(paper: Ledger) -> pd.DataFrame:
    return cohort_table.read(paths.COHORT, paper)


def solve(out: Path, *, seed: int = SEED_OF_THE_COMMITTED_COHORT) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "recohort", "solve", "--out", str(out), "--seed", str(seed)]
    return subprocess.Popen(
        command, cwd=paths.ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def cpu_seconds(pid: int) -> float:
    """Processor time of a running process (proc(5), fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def needs_proc() -> None:
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to know how far the run is")


def test_the_committed_cohort_is_what_its_seed_gives(tmp_path: Path) -> None:
    out = tmp_path / "cohort.csv"
    process = solve(out)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert out.read_bytes() == paths.COHORT.read_bytes()


def test_the_committed_cohort_meets_every_claim_as_read(paper: Ledger, committed: pd.DataFrame) -> None:
    verdicts = scorecard(check(committed, paper))
    assert verdicts["not reproduced"] == 0
    assert sum(verdicts.values()) == sum(max(len(c.numbers), 1) for c in paper.claims)


def test_taken_as_printed_only_claims_with_a_reading_fail(paper: Ledger, committed: pd.DataFrame) -> None:
    plain = [c.model_copy(update={"read_as": None, "because": None}) for c in paper.claims]
    missed = {r.claim for r in check(committed, paper.with_claims(plain)) if r.verdict == "not reproduced"}
    amended = {c.id for c in paper.claims if c.read_as}
    assert missed <= amended
    # repeats of one number at two places are one miss: PAPER-FACTS 5 to 9, five in all
    survival = [paper.claim(i) for i in missed if paper.claim(i).endpoint]
    assert len({(c.kind, c.endpoint, c.where, str(c.at_risk), c.groups) for c in survival}) == 5


def test_patients_read_like_patients(committed: pd.DataFrame) -> None:
    clinical = committed.drop(columns="patient")
    assert not clinical.duplicated().any()
    for column in ("age", "wbc"):
        assert committed[column].nunique() > 20
    for column in ("rfs_months", "os_months"):
        assert committed[column].is_unique
    assert 6 < committed["os_months"].median() < 60


@pytest.mark.usefixtures("needs_proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
def test_an_interrupted_run_leaves_the_old_file_whole(tmp_path: Path, how: signal.Signals) -> None:
    out = tmp_path / "cohort.csv"
    shutil.copy(paths.COHORT, out)
    process = solve(out, seed=5)
    while cpu_seconds(process.pid) < 5:  # past its imports, well before its end
        assert process.poll() is None, "it ended before it could be interrupted"
        time.sleep(0.1)
    process.send_signal(how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Traceback" not in errors
    assert out.read_bytes() == paths.COHORT.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["cohort.csv"]


def test_a_toy_is_solved_and_the_same_seed_gives_the_same_table() -> None:
    first, second, other = (reconstruct(toy(), seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, second)
    assert not first.equals(other)
    assert not [row for row in check(first, toy()) if row.verdict == "not reproduced"]


def test_counts_that_exclude_each_other_are_named_and_proven() -> None:
    impossible = toy({"id": "n.a.again", "at": "abstract", "count": "7", "where": {"arm": "a"}})
    with pytest.raises(Unsatisfiable) as caught:
        reconstruct(impossible, 1)
    assert caught.value.proven
    assert set(caught.value.claims) == {"n.a", "n.a.again"}


def test_rates_that_exclude_each_other_are_named_and_proven_before_the_search() -> None:
    impossible = toy({"id": "os.a.again", "at": "abstract", "survival": "50%", "endpoint": "os", "month": 12,
                      "where": {"arm": "a"}})  # fmt: skip
    with pytest.raises(Unsatisfiable) as caught:
        reconstruct(impossible, 1, progress=lambda what, _share: pytest.fail(what) if "try" in what else None)
    assert caught.value.proven
    assert set(caught.value.claims) == {"os.a", "os.a.again"}


def test_what_only_the_search_could_not_meet_is_not_called_proven(monkeypatch) -> None:
    monkeypatch.setattr("recohort.solve.reconstruct.clash", lambda _ledger: ())
    impossible = toy({"id": "os.a.again", "at": "abstract", "survival": "50%", "endpoint": "os", "month": 12,
                      "where": {"arm": "a"}})  # fmt: skip
    with pytest.raises(Unsatisfiable) as caught:
        reconstruct(impossible, 1, budget=QUICK)
    assert not caught.value.proven
    assert set(caught.value.claims) & {"os.a", "os.a.again"}


def test_an_unsatisfiable_ledger_ends_the_command_with_exit_1(tmp_path: Path) -> None:
    text = paths.LEDGER.read_text(encoding="utf-8")
    wrong = text.replace(
        'count_percent: "12 (32)", where: {ecog: 0}', 'count_percent: "13 (34)", where: {ecog: 0}'
    )
    assert wrong != text
    (tmp_path / "wrong.yaml").write_text(wrong, encoding="utf-8")
    out = tmp_path / "cohort.csv"
    command = [sys.executable, "-m", "recohort", "solve", "--ledger", str(tmp_path / "wrong.yaml")]
    done = subprocess.run(
        [*command, "--out", str(out)],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "table1.ecog.0" in done.stdout + done.stderr
    assert not out.exists()
