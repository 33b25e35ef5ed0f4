"""The ensemble file, and the drawing of one: tested on a trial of two arms, small enough to check by hand."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import TOY
from recohort import cohort, ensemble, paths
from recohort.check import check
from recohort.cli import main
from recohort.cohort import SOURCE, CohortError
from recohort.ledger import Ledger, load
from recohort.solve.draws import Plan, Settings, draw
from recohort.solve.sample import Folder, sample
from recohort.solve.workers import local
from test_invariants import same_order

NO_ENDPOINT = """
study: {title: Table, patients: 8, time: {unit: months, resolution: 0.1, min: 0.1, max: 60}}
attributes:
  arm: {levels: [a, b]}
  sex: {levels: [f, m]}
claims:
  - {id: n.a, at: text, count: "3", where: {arm: a}}
  - {id: n.m, at: text, count: "4", where: {sex: m}}
"""
ONE_ORDER = """
study: {title: Alone, patients: 2, time: {unit: months, resolution: 0.1, min: 0.1, max: 60}}
attributes: {arm: {levels: [a, b]}}
endpoints: {os: {time: os_months, event: os_event}}
claims:
  - {id: n.a, at: text, count: "2", where: {arm: a}}
  - {id: os, at: text, survival: "100%", endpoint: os, month: 60, where: {arm: a}}
"""


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return written(tmp_path, TOY)


def written(folder: Path, text: str) -> Path:
    file = folder / "toy.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def run(ledger: Path, out: Path, n: int, *more: str) -> int:
    return main(["sample", f"--ledger={ledger}", f"--out={out}", f"-n{n}", "--jobs=1", *more])


# --- the command -------------------------------------------------------------------------


def test_cohorts_meet_every_claim_and_differ(toy: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "e.parquet"
    assert run(toy, out, 30, "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["cohorts"] == sum(said["starts"]) == 30
    ledger = load(toy)
    tables = [table for _, table in ensemble.each(ensemble.read(out, ledger))]
    assert len(tables) == 30
    for table in tables:
        assert {row.verdict for row in check(table, ledger)} == {"reproduced"}
    assert not same_order(tables, ledger)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.parquet", "toy.yaml"]


def test_same_seed_same_bytes_however_many_jobs(toy: Path, tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("1.parquet", "2.parquet", "3.parquet"))
    assert run(toy, one, 30) == 0
    assert main(["sample", f"--ledger={toy}", f"--out={two}", "-n30", "--jobs=2"]) == 0
    assert run(toy, other, 30, "--seed=2") == 0
    assert one.read_bytes() == two.read_bytes()
    assert one.read_bytes() != other.read_bytes()


def test_the_file_says_that_nobody_is_real(toy: Path, tmp_path: Path, capsys) -> None:
    out = tmp_path / "e.parquet"
    run(toy, out, 3)
    assert "reconstructed patients, not real ones" in capsys.readouterr().out
    assert set(pd.read_parquet(out)["source"]) == {SOURCE}
    assert "no row is a real patient" in str(ensemble.facts(out)["warning"])


def test_without_endpoints_cohorts_differ_by_their_rows(tmp_path: Path) -> None:
    ledger, out = written(tmp_path, NO_ENDPOINT), tmp_path / "e.parquet"
    run(ledger, out, 2)
    tables = ensemble.read(out, load(ledger)).groupby("cohort")
    rows = {tuple(sorted(zip(table["arm"], table["sex"], strict=True))) for _, table in tables}
    assert len(rows) == len(tables)


def test_says_when_there_are_no_more_orders(tmp_path: Path, capsys) -> None:
    """Nobody dies: there is one order of events, the empty one."""
    ledger, out = written(tmp_path, ONE_ORDER), tmp_path / "e.parquet"
    assert run(ledger, out, 5) == 1
    assert "not 5, as the last starts gave no new order" in capsys.readouterr().out
    assert len(ensemble.read(out, load(ledger))) == 2


def test_contradiction_is_named_and_nothing_is_written(tmp_path: Path, capsys) -> None:
    more = '  - {id: n.a2, at: text, count: "7", where: {arm: a}}\n'
    out = tmp_path / "e.parquet"
    assert run(written(tmp_path, TOY + more), out, 2) == 1
    assert "cannot all hold (proven)" in capsys.readouterr().out
    assert not out.exists()


@pytest.mark.parametrize("wrong", ["-n0", "-nx", "--jobs=0", "--jobs=2 --scheduler=tcp://x:1"])
def test_wrong_usage(wrong: str, capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["sample", "--out=x", *wrong.split()])
    assert capsys.readouterr().err.count("\n") == 1


# --- interrupted -------------------------------------------------------------------------


class PowerCutError(Exception):
    """The power goes out."""


def test_goes_on_where_it_was_interrupted(toy: Path, tmp_path: Path) -> None:
    plan, calls = Plan(load(toy), 1, Settings(cohorts=3)), []

    def counting(function, numbers, most=99):
        for number in numbers:
            if len(calls) == most:
                raise PowerCutError
            calls.append(number)
            yield number, function(number)

    folder = Folder(tmp_path / "starts", plan)
    with pytest.raises(PowerCutError):
        sample(plan, 12, lambda f, n: counting(f, n, 2), folder)
    resumed = sample(plan, 12, counting, folder)
    assert calls == list(range(len(calls)))  # no start twice, none left out
    whole = sample(plan, 12, local(1), Folder(tmp_path / "other", plan))
    assert resumed.starts == whole.starts
    for one, other in zip(resumed.cohorts, whole.cohorts, strict=True):
        pd.testing.assert_frame_equal(one, other)
    folder.clear()
    assert not folder.path.exists()


def test_what_was_kept_for_another_seed_or_is_damaged_is_not_used(toy: Path, tmp_path: Path) -> None:
    ledger = load(toy)
    plan = Plan(ledger, 1, Settings(cohorts=2))
    folder = Folder(tmp_path / "starts", plan)
    folder.save(0, draw(plan, 0))
    folder.save(1, draw(plan, 1))
    assert sorted(folder.load_all()) == [0, 1]
    assert Folder(folder.path, Plan(ledger, 2, Settings(cohorts=2))).load_all() == {}
    assert Folder(folder.path, Plan(ledger, 1, Settings(cohorts=3))).load_all() == {}
    file = folder.path / "start-00000.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    assert sorted(folder.load_all()) == [1]


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill -9"])
def test_a_killed_command_loses_nothing(toy: Path, tmp_path: Path, sign: int) -> None:
    out, whole = tmp_path / "e.parquet", tmp_path / "whole.parquet"
    out.write_text("as it was", encoding="utf-8")
    command = [sys.executable, "-m", "recohort", "sample", f"--ledger={toy}", f"--out={out}", "-n90"]
    process = subprocess.Popen([*command, "--jobs=2"], start_new_session=True, stderr=subprocess.PIPE)
    starts = tmp_path / "e.parquet.starts"
    until = time.monotonic() + 120
    while len(list(starts.glob("start-*.parquet"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    os.killpg(process.pid, sign)
    process.communicate(timeout=60)
    assert process.returncode == (130 if sign == signal.SIGINT else -sign)
    assert out.read_text(encoding="utf-8") == "as it was"
    before = {file.name: file.stat().st_mtime_ns for file in starts.glob("start-*.parquet")}
    assert len(before) >= 2
    assert (
        subprocess.run([*command, "--jobs=1"], check=False, capture_output=True, timeout=300).returncode == 0
    )
    assert not starts.exists()
    assert run(toy, whole, 90) == 0
    assert out.read_bytes() == whole.read_bytes()


# --- the file ----------------------------------------------------------------------------


def damaged(toy: Path, tmp_path: Path, change) -> str:
    """Change a good file's table and return what reading it says."""
    ledger, out = load(toy), tmp_path / "e.parquet"
    plan = Plan(ledger, 1, Settings(cohorts=2))
    ensemble.write(draw(plan, 0).cohorts, ledger, out, {})
    pq.write_table(pa.Table.from_pandas(change(pd.read_parquet(out)), preserve_index=False), out)
    with pytest.raises(CohortError) as caught:
        ensemble.read(out, ledger)
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.drop(columns="arm"), "column 'arm' is missing"),
        (lambda t: t[1:], "cohort 1: 11 patients, but the study has 12"),
        (lambda t: t[::-1], "ascending order"),
        (lambda t: t[t["cohort"] == 2], "without a gap"),
        (lambda t: t.assign(cohort="1"), "numbered from 1"),
        (lambda t: t.assign(arm=t["arm"].where(t.index != 13, "c")), "cohort 2: row 3 (P02): arm must be"),
        (lambda t: t.assign(rfs_months=t["os_months"] + 0.1), "cohort 1: row 2 (P01): rfs_months must not"),
    ],
)  # fmt: skip
def test_a_damaged_file_gets_one_line(toy: Path, tmp_path: Path, change, says: str) -> None:
    message = damaged(toy, tmp_path, change)
    assert says in message
    assert "\n" not in message


def test_no_parquet_file(tmp_path: Path, small_ledger: Ledger) -> None:
    for file in (tmp_path / "none", written(tmp_path, "x: 1")):
        with pytest.raises(CohortError):
            ensemble.read(file, small_ledger)
        with pytest.raises(CohortError):
            ensemble.facts(file)


def test_reading_gives_a_cohort_as_the_cohort_module_does(
    small_ledger: Ledger, small_cohort, tmp_path
) -> None:
    file = tmp_path / "e.parquet"
    ensemble.write([small_cohort, small_cohort], small_ledger, file, {})
    for _, table in ensemble.each(ensemble.read(file, small_ledger)):
        expected = small_cohort.assign(source=SOURCE)
        pd.testing.assert_frame_equal(cohort.validate(table, small_ledger), expected)


def test_the_committed_ensemble_is_what_its_readme_says() -> None:
    ledger = load(paths.LEDGER)
    facts = ensemble.facts(paths.ENSEMBLE)
    whole = ensemble.read(paths.ENSEMBLE, ledger)
    assert int(whole["cohort"].max()) == sum(facts["starts"]) == 1000  # type: ignore[arg-type]
    assert paths.ENSEMBLE.stat().st_size < 1_000_000
