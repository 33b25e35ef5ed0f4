"""The command line: what it prints, its exit codes, and files that stay whole."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from recohort import check, paths
from recohort.cli import COMMANDS, main
from recohort.cohort import SOURCE
from recohort.solve.problem import UnsupportedClaim
from recohort.solve.reconstruct import Budget, Unsatisfiable
from recohort.terminal import progress

FIXTURES = Path(__file__).with_name("fixtures")
SMALL_LEDGER, SMALL_COHORT = FIXTURES / "small_ledger.yaml", FIXTURES / "small_cohort.csv"
SMALL = [str(SMALL_COHORT), f"--ledger={SMALL_LEDGER}"]
SCORE = "Of 38 printed numbers: 35 reproduced, 3 reproduced as read, 0 not reproduced."


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def changed(tmp_path: Path) -> str:
    """The small ledger with a number that the cohort does not give."""
    text = SMALL_LEDGER.read_text(encoding="utf-8")
    assert text.count('count_percent: "3 (25)"') == 1
    file = tmp_path / "changed.yaml"
    file.write_text(text.replace('count_percent: "3 (25)"', 'count_percent: "3 (26)"'), encoding="utf-8")
    return f"--ledger={file}"


# --- help and usage ----------------------------------------------------------------------


def test_help_names_every_command_and_loads_nothing_heavy() -> None:
    code = "import sys; from recohort.cli import main; main([]); print(sorted(sys.modules), file=sys.stderr)"
    done = python("-c", code)
    for command in COMMANDS:
        assert command.name in done.stdout.split()
        assert command.summary in done.stdout
    for heavy in ("pandas", "numpy", "pandera", "scipy", "numba", "ortools", "rich", "pydantic"):
        assert f"'{heavy}'" not in done.stderr


def test_module_and_installed_script_are_one() -> None:
    script = Path(sys.executable).with_name("recohort")
    by_script = subprocess.run([script, "--version"], capture_output=True, text=True, timeout=60, check=False)
    assert by_script.stdout == python("-m", "recohort", "--version").stdout
    assert by_script.stdout.startswith("recohort ")


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_takes_a_ledger_and_speaks_json(command: str, capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    out = capsys.readouterr().out
    assert "--ledger FILE" in out
    assert "--json" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chek"], "invalid choice: 'chek'"),
        (["check", "--verbose"], "unrecognized arguments: --verbose"),
        (["check", "a", "b\nc"], "unrecognized arguments: b c"),
        (["check", "--csv"], "argument --csv: expected one argument"),
        (["solve"], "the following arguments are required: --out"),
        (["solve", "--out", "x", "--seed", "one"], "'one' is not a whole number from 0 to"),
        (["solve", "--out", "x", "--seed", "-1"], "--seed"),
        (["solve", "--out", "x", "--seed", "1.5"], "'1.5' is not a whole number from 0 to"),
        (["solve", "--out", "x", "--seed", "²"], "'²' is not a whole number from 0 to"),
        (["solve", "--out", "x", "--seed", "9" * 5000], "is not a whole number from 0 to"),
    ],
    ids=str,
)
def test_wrong_usage_gets_one_line(arguments: list[str], says: str, capsys) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert says in err
    assert "--help" in err


# --- check -------------------------------------------------------------------------------


def test_check_prints_a_table_and_the_scorecard_last(capsys) -> None:
    assert main(["check", *SMALL]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    lines = [line.strip() for line in out.splitlines() if line.strip()]
    assert lines[-1] == f"{SCORE} Listed as context, not tested: 1."
    assert lines[-2].endswith("small_cohort.csv: 12 patients")
    assert "\x1b" not in out  # colours are for terminals
    rows = [line.split() for line in lines]
    assert ["table.stage.2", "count", "5", "5", "reproduced"] in rows
    assert ["percent", "41", "41,", "truncated", "41.67", "reproduced", "as", "read"] in rows
    assert [line for line in lines if line in {"text", "Table 1", "Figure 1", "Figure 2"}] == [
        "text", "Table 1", "Figure 1", "Figure 2",
    ]  # fmt: skip


def test_check_says_when_a_claim_is_not_met(changed: str, capsys) -> None:
    assert main(["check", str(SMALL_COHORT), changed]) == 1
    out = capsys.readouterr().out
    assert "34 reproduced, 3 reproduced as read, 1 not reproduced" in out
    assert ["percent", "26", "25.00", "not", "reproduced"] in [line.split() for line in out.splitlines()]


def test_check_shows_only_what_failed_if_asked(changed: str, tmp_path: Path, capsys) -> None:
    file = tmp_path / "verdicts.csv"
    assert main(["check", str(SMALL_COHORT), changed, "--only-failed", f"--csv={file}"]) == 1
    out = capsys.readouterr().out
    assert ["percent", "26", "25.00", "not", "reproduced"] in [line.split()[-5:] for line in out.splitlines()]
    assert "table.stage.2" not in out
    assert "34 reproduced, 3 reproduced as read, 1 not reproduced" in out  # the score is that of all
    assert list(pd.read_csv(file)["verdict"]) == ["not reproduced"]
    assert main(["check", str(SMALL_COHORT), changed, "--only-failed", "--json"]) == 1
    content = json.loads(capsys.readouterr().out)
    assert [row["printed"] for row in content["rows"]] == ["26"]
    assert content["tested"] == 38
    assert main(["check", *SMALL, "--only-failed"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith(SCORE)


def test_check_asks_for_the_patients_of_another_ledger(capsys) -> None:
    assert main(["check", f"--ledger={SMALL_LEDGER}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "name the patients too: recohort check COHORT" in err
    assert main(["check", f"--ledger={paths.LEDGER.parent / '..' / 'data' / 'claims.yaml'}", "--json"]) == 0


def test_times_between_the_steps_are_taken_as_they_are_and_noted(tmp_path: Path, capsys) -> None:
    text = SMALL_COHORT.read_text(encoding="utf-8")
    assert text.count(",30,0,30,0,") == 1
    file = tmp_path / "days.csv"
    file.write_text(text.replace(",30,0,30,0,", ",29.97,0,29.97,0,"), encoding="utf-8")
    assert main(["check", str(file), f"--ledger={SMALL_LEDGER}"]) == 0
    assert "2 of 24 times lie between steps of 0.1 months" in " ".join(capsys.readouterr().out.split())
    assert main(["check", str(file), f"--ledger={SMALL_LEDGER}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["times_off_grid"] == 2
    assert main(["check", *SMALL]) == 0
    assert "between steps" not in capsys.readouterr().out


def test_check_json_is_one_object_with_a_row_per_number(capsys, small_ledger, small_cohort) -> None:
    assert main(["check", *SMALL, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    content = json.loads(out, parse_constant=refuse)
    assert content["patients"] == 12
    assert content["tested"] == 38
    assert content["verdicts"] == {
        "reproduced": 35, "reproduced as read": 3, "not reproduced": 0, "context": 1,
    }  # fmt: skip
    rows = check.check(small_cohort, small_ledger)
    assert [row["claim"] for row in content["rows"]] == [row.claim for row in rows]
    median = next(row for row in content["rows"] if row["claim"] == "fig1.os.active.median")
    assert median["computed"] is None
    assert median["computed_text"] == "not reached"


def test_check_writes_csv_beside_the_table(tmp_path: Path, capsys, small_ledger, small_cohort) -> None:
    file = tmp_path / "verdicts.csv"
    assert main(["check", *SMALL, f"--csv={file}"]) == 0
    assert SCORE in capsys.readouterr().out
    written = pd.read_csv(file, dtype={"printed": str}, keep_default_na=False)
    rows = check.check(small_cohort, small_ledger)
    assert list(written.columns) == list(check.to_frame(rows).columns)
    assert list(written["verdict"]) == [row.verdict for row in rows]
    assert list(written["printed"]) == [row.printed for row in rows]


def test_texts_of_a_ledger_are_shown_as_they_are(tmp_path: Path, capsys) -> None:
    text = SMALL_LEDGER.read_text(encoding="utf-8")
    file = tmp_path / "ledger.yaml"
    text = text.replace("id: text.n, at: text", 'id: text.n, at: "[red]x[/] :smile:"')
    file.write_text(text, encoding="utf-8")
    assert main(["check", str(SMALL_COHORT), f"--ledger={file}"]) == 0
    assert "[red]x[/] :smile:" in capsys.readouterr().out


def test_the_paper_is_the_default(capsys) -> None:
    assert main(["check", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert Path(content["ledger"]).name == paths.LEDGER.name
    assert content["reconstructed"] is True
    assert content["verdicts"]["not reproduced"] == 0


def test_a_reader_who_leaves_gets_no_complaint() -> None:
    recohort = f"{sys.executable} -m recohort check {' '.join(SMALL)}"
    shell = ["bash", "-c", f"{recohort} | true; echo ${{PIPESTATUS[0]}}"]  # true reads nothing
    done = subprocess.run(shell, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout == "141\n"


# --- solve -------------------------------------------------------------------------------


@pytest.fixture
def solver(monkeypatch, small_cohort):
    """Let `reconstruct` do something else: raise, or return the small cohort."""
    calls = []

    def become(result):
        def reconstruct(ledger, seed, *, progress):
            calls.append(seed)
            progress("thinking", 0.5)
            if isinstance(result, BaseException):
                raise result
            return result

        monkeypatch.setattr("recohort.solve.reconstruct.reconstruct", reconstruct)
        return calls

    return become


def solve(out: Path, *more: str) -> list[str]:
    return ["solve", f"--out={out}", f"--ledger={SMALL_LEDGER}", *more]


def test_solve_writes_the_cohort_and_says_what_it_is(tmp_path: Path, capsys, solver, small_cohort) -> None:
    calls = solver(small_cohort)
    out = tmp_path / "cohort.csv"
    out.write_text("as it was")
    assert main(solve(out, "--seed=7")) == 0
    assert calls == [7]
    text = capsys.readouterr().out
    assert "12 reconstructed patients, not real ones, seed 7" in text
    assert SCORE in text
    assert out.read_text() == SMALL_COHORT.read_text().replace("made up", SOURCE)


def test_solve_json(tmp_path: Path, capsys, solver, small_cohort) -> None:
    solver(small_cohort)
    assert main(solve(tmp_path / "cohort.csv", "--seed=7", "--json")) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["seed"] == 7
    assert content["reconstructed"] is True
    assert content["verdicts"]["not reproduced"] == 0


@pytest.mark.parametrize(("proven", "says"), [(True, "cannot all hold (proven)"), (False, "(no proof)")])
def test_claims_that_cannot_be_met_are_named(proven: bool, says: str, tmp_path: Path, capsys, solver) -> None:
    solver(Unsatisfiable(["fig1.pfs.p", "fig1.os.p"], proven=proven))
    out = tmp_path / "cohort.csv"
    out.write_text("as it was")
    assert main(solve(out)) == 1
    text = capsys.readouterr().out
    assert says in text
    assert "fig1.pfs.p" in text
    assert "fig1.os.p" in text
    assert "fig1.os.control" not in text
    assert main(solve(out, "--json")) == 1
    content = json.loads(capsys.readouterr().out)
    assert content["proven"] is proven
    assert [claim["claim"] for claim in content["missed"]] == ["fig1.pfs.p", "fig1.os.p"]
    assert content["missed"][0]["printed"] == "0.24"
    assert out.read_text() == "as it was"


def test_a_failed_search_says_where_a_proof_may_be_had(tmp_path: Path, capsys, solver) -> None:
    solver(Unsatisfiable(["fig1.pfs.p"], proven=False))
    assert main(solve(tmp_path / "cohort.csv")) == 1
    *_, ledger = capsys.readouterr().out.split("To look for a proof: recohort conflicts --ledger ")
    assert Path(ledger.strip()).resolve() == SMALL_LEDGER


def test_a_clash_is_proven_before_the_search(tmp_path: Path, capsys) -> None:
    """Of seven, 43% and 54% of one curve at one time."""
    text = SMALL_LEDGER.read_text(encoding="utf-8")
    again = (
        'claims:\n  - {id: again, at: text, survival: "54%", endpoint: pfs, month: 24, where: {arm: active}}'
    )
    file = tmp_path / "ledger.yaml"
    file.write_text(text.replace("claims:", again, 1), encoding="utf-8")
    out = tmp_path / "cohort.csv"
    assert main(["solve", f"--out={out}", f"--ledger={file}"]) == 1
    said = capsys.readouterr().out
    assert "these claims cannot all hold (proven)" in said
    assert "Taken for granted: the printed group sizes and distinct times" in said
    assert "again" in said
    assert "fig1.pfs.active.2y" in said
    assert "fig1.pfs.control.2y" not in said
    assert not out.exists()
    assert main(["sample", "-n", "1", f"--out={out}", f"--ledger={file}"]) == 1
    assert "cannot all hold (proven)" in capsys.readouterr().out


def test_the_help_of_solve_says_what_ends_the_search(capsys) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["solve", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert f"after {Budget().rounds} tries" in said
    assert f"up to {Budget().rounds_per_part} starts" in said
    assert "no limit in seconds" in said


def test_without_a_terminal_a_line_says_now_and_then_what_is_being_done(capsys, monkeypatch) -> None:
    monkeypatch.setattr("recohort.terminal.EVERY", 0.05)
    with progress() as tell:
        tell("thinking", 0.1)
        time.sleep(0.4)
        tell("checking", 0.9)
        time.sleep(0.2)
    out, err = capsys.readouterr()
    assert out == ""
    what = [line.split(": ")[1] for line in err.splitlines()]
    assert list(dict.fromkeys(what)) == ["thinking", "checking"]
    assert len(what) < 13
    time.sleep(0.15)
    assert capsys.readouterr().err == ""


def interrupted_import() -> ImportError:
    """Return what Ctrl-C becomes while an extension module loads."""
    error = ImportError("initialization failed")
    error.__cause__ = KeyboardInterrupt()
    return error


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (interrupted_import(), 130, "interrupted"),
        (UnsupportedClaim("claim a: the solver does not aim at this"), 2, "small_ledger.yaml: claim a"),
        (OSError(28, "No space left on device", "/tmp/x"), 2, "/tmp/x: No space left on device"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_stops_solve_is_one_line_and_the_old_file_whole(
    fault: BaseException, code: int, says: str, tmp_path: Path, capsys, solver
) -> None:
    solver(fault)
    out = tmp_path / "cohort.csv"
    out.write_text("as it was")
    assert main(solve(out)) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert out.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [out]


def test_a_solver_that_is_wrong_is_not_believed(tmp_path: Path, capsys, solver, small_cohort) -> None:
    solver(small_cohort.assign(arm=["active"] * 8 + ["control"] * 4))
    out = tmp_path / "cohort.csv"
    assert main(solve(out)) == 1
    assert not out.exists()
    assert "text.active" in capsys.readouterr().out


def test_a_cohort_that_breaks_a_rule_is_not_written(tmp_path: Path, capsys, solver, small_cohort) -> None:
    solver(small_cohort.assign(marker=small_cohort["marker"].fillna(0)))
    out = tmp_path / "cohort.csv"
    assert main(solve(out)) == 2
    assert not out.exists()
    assert "marker must be empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("out", "says"),
    [
        ("no/folder/cohort.csv", "no folder"),
        ("", "this is a folder; give the name of a file"),
        (str(SMALL_LEDGER), "is read here and would be replaced"),
        ("/dev/null", "not a regular file"),
    ],
)
@pytest.mark.parametrize("command", ["solve", "check"])
def test_an_unwritable_output_is_found_before_any_work(
    command: str, out: str, says: str, tmp_path: Path, capsys, monkeypatch
) -> None:
    def work(*_arguments: object, **_options: object) -> None:
        raise AssertionError("work began")

    monkeypatch.setattr("recohort.solve.reconstruct.reconstruct", work)
    monkeypatch.setattr("recohort.check.check", work)
    file = tmp_path / out
    arguments = solve(file) if command == "solve" else ["check", *SMALL, f"--csv={file}"]
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert says in err
