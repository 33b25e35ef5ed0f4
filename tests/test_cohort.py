"""The table of patients: what a file must hold, who belongs to a population, writing whole or not at all."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recohort.cli import main
from recohort.cohort import SOURCE, CohortError, columns, members, read, validate, write, write_text
from recohort.conditions import Condition, Population
from recohort.files import InputError, check_writable, shown
from recohort.ledger import Ledger

FIXTURES = Path(__file__).with_name("fixtures")
SMALL_LEDGER, SMALL_COHORT = FIXTURES / "small_ledger.yaml", FIXTURES / "small_cohort.csv"
TEXT = SMALL_COHORT.read_text(encoding="utf-8")
JARGON = re.compile(r"pandera|Traceback|dtype|Series|SchemaError|codec|Errno|failure case|Error tokenizing")

P01 = "P01,34,active,1,,,good,responder,0,,30,0,30,0"
P02 = "P02,41,active,2,0,low,good,responder,1,2,26.5,0,26.5,0"
P03 = "P03,47,active,2,1,high,poor,responder,0,,14,1,25,1"
P06 = "P06,63,active,2,0,low,poor,nonresponder,1,2.6,18,1,21,1"
P12 = "P12,66,control,3,1,high,poor,nonresponder,0,,4,1,8,1,made up\n"

# fmt: off
EDITS = [
    # --- the table
    ("column missing", "patient,age,arm", "patient,age", "column 'arm' is missing; the first row must name"),
    ("column misspelt", "patient,age,arm", "patient,age,arms", "column 'arm' is missing; is 'arms' meant?"),
    ("column twice", "patient,age,arm", "patient,age,arm,arm", "column 'arm' stands twice in the header"),
    ("no header", TEXT[: TEXT.index("P01")], "", "column 'patient' is missing"),
    ("header only", TEXT[TEXT.index("P01") :], "", "0 patients, but the ledger's study has 12"),
    ("one patient less", P12, "", "11 patients, but the ledger's study has 12"),
    ("one patient more", P12, P12 + P12.replace("P12", "P13"), "13 patients, but the ledger's study has 12"),
    ("patient twice", "P02,41", "P01,41", "row 2 (P01): this patient stands twice"),
    ("patient without name", "P02,41", ",41", "row 3 (): patient needs a name"),
    ("cell missing", "P02,41,active", "P02,41", "row 3: 14 cells, but the header has 15"),
    ("cell too many", "P02,41,", "P02,41,,", "row 3: 16 cells, but the header has 15"),
    ("blank line", "P02,41", "\nP02,41", "row 3: 0 cells"),
    ("remark below", P12, P12 + "Data cut-off: spring\n", "row 14: 1 cells"),
    ("quote not closed", "P02,41,active", 'P02,41,"active', "is a quote not closed?"),
    # --- cells
    ("unknown level", "P02,41,active",
     "P02,41,placebo", "row 3 (P02): arm must be one of active, control, not placebo"),
    ("level in capitals", "P02,41,active",
     "P02,41,Active", "row 3 (P02): arm must be one of active, control"),
    ("unknown number level", P02, P02.replace("active,2", "active,5"), "stage must be one of 1, 2, 3, not 5"),
    ("part of a level", P02, P02.replace("active,2", "active,2.5"), "stage must be a whole number"),
    ("level missing", "P02,41,active", "P02,41,", "row 3 (P02): arm is empty, but it applies to everyone"),
    ("age in words", "P02,41", "P02,forty-one", "row 3 (P02): age must be a whole number, not 'forty-one'"),
    ("age with a point", "P02,41", "P02,41.5", "row 3 (P02): age must be a whole number"),
    ("age beyond limits", "P02,41", "P02,141", "row 3 (P02): age must lie between 18 and 90, not 141"),
    ("age beyond reason", "P02,41", "P02,99999999999999999999", "of reasonable size"),
    ("age missing", "P02,41", "P02,", "row 3 (P02): age is empty, but it applies to everyone"),
    ("time with text", "26.5,0,26.5", "26.5 months,0,26.5", "pfs_months must be a number, not '26.5 months'"),
    ("decimal comma", "26.5,0,26.5", '"26,5",0,26.5', "not '26,5'; write a decimal point"),
    ("time missing", "26.5,0,26.5", ",0,26.5", "pfs_months must be a number, but the cell is empty"),
    ("time negative", "26.5,0,26.5",
     "-26.5,0,26.5", "pfs_months must lie between 0.1 and 60 months, not -26.5"),
    ("time zero", "26.5,0,26.5", "0,0,26.5", "pfs_months must lie between 0.1 and 60 months, not 0"),
    ("time not a number", "26.5,0,26.5", "NaN,0,26.5", "pfs_months must be a number, not 'NaN'"),
    ("time NA", "26.5,0,26.5", "NA,0,26.5", "pfs_months must be a number, not 'NA'"),
    ("time infinite", "26.5,0,26.5", "inf,0,26.5", "pfs_months must be a number, not 'inf'"),
    ("time overflows", "26.5,0,26.5", "1e999,0,26.5", "of reasonable size"),
    ("other digits", "26.5,0,26.5", "٢٦,0,26.5", "pfs_months must be a number"),
    ("time with underscores", "26.5,0,26.5", "2_6,0,26.5", "pfs_months must be a number"),
    ("after the last follow-up", P01,
     P01.replace("30,0,30,0", "61,0,61,0"), "pfs_months must lie between 0.1 and 60"),
    ("event 2", "26.5,0,26.5,0", "26.5,2,26.5,0", "row 3 (P02): pfs_event must be 0 or 1, not 2"),
    ("event in words", "26.5,0,26.5,0", "26.5,no,26.5,0", "pfs_event must be a whole number, not 'no'"),
    ("event missing", "26.5,0,26.5,0",
     "26.5,,26.5,0", "pfs_event must be a whole number, but the cell is empty"),
    # --- rules
    ("inner time later", P03,
     P03.replace("14,1,25,1", "25.1,1,25,1"), "pfs_months must not be after os_months"),
    ("death without event", P03,
     P03.replace("14,1,25,1", "25,0,25,1"), "os_event is 1, so pfs_event must be 1 too"),
    ("two last contacts", P02, P02.replace("26.5,0,26.5", "26.4,0,26.5"), "must be the same last contact"),
    ("filled where it does not apply", P01,
     P01.replace("1,,", "1,0,"), "marker must be empty: it applies only to stage 2 or 3"),
    ("empty where it applies", P02,
     P02.replace("2,0,low", "2,,low"), "marker is empty, but it applies to stage 2 or 3"),
    ("derived, first reason", P03,
     P03.replace("1,high", "1,low"), "grade must be high: it follows from marker 1"),
    ("derived, no reason", P02, P02.replace("0,low", "0,high"), "grade must be low: nothing makes it high"),
    ("rule of the ledger", P06,
     P06.replace("poor", "good"), "with early good a patient must have response responder"),
    ("surgery after the event", P06,
     P06.replace("1,2.6", "1,18.1"), "surgery_months must not be after pfs_months"),
    ("surgery without date", P06,
     P06.replace("1,2.6", "1,"), "surgery_months is empty, but it applies to surgery 1"),
    ("date without surgery", P06, P06.replace("1,2.6", "0,2.6"), "surgery_months must be empty"),
]
FILES = [
    ("empty", b"", "the file is empty"),
    ("blank lines", b"\n\n\n", "the file is empty"),
    ("Latin-1", TEXT.replace("made up", "inventée").encode("latin-1"), "line 2: not UTF-8"),
    ("UTF-16", TEXT.encode("utf-16"), "line 1: not UTF-8"),
    ("semicolons", TEXT.replace(",", ";").encode(), "semicolons; save the file as CSV with commas"),
    ("tabs", TEXT.replace(",", "\t").encode(), "tabs; save the file as CSV with commas"),
    ("spreadsheet", b"PK\x03\x04\x14\x00\x06\x00", "holds null bytes"),
    ("huge", TEXT.encode() + b"\n" * 6_000_000, "larger than 5 MB"),
    ("one huge cell", TEXT.replace("made up", "x" * 400_000, 1).encode(), "cannot be read as CSV"),
    ("a ledger", SMALL_LEDGER.read_bytes(), "column 'patient' is missing"),
]
# fmt: on


@pytest.fixture
def refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Check a cohort that must be refused without touching a file; return the message."""

    def run(content: bytes) -> str:
        file, out = tmp_path / "cohort.csv", tmp_path / "out.csv"
        file.write_bytes(content)
        out.write_text("as it was")
        assert main(["check", str(file), "--ledger", str(SMALL_LEDGER), "--csv", str(out)]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith(f"recohort check: {file}: ")
        assert captured.err.count("\n") == 1
        assert not JARGON.search(captured.err), captured.err
        assert out.read_text() == "as it was"
        assert file.read_bytes() == content
        assert sorted(tmp_path.iterdir()) == [file, out]
        return captured.err

    return run


@pytest.mark.parametrize(
    ("old", "new", "says"), [edit[1:] for edit in EDITS], ids=[edit[0] for edit in EDITS]
)
def test_a_broken_cohort_gets_one_line(old: str, new: str, says: str, refuse) -> None:
    assert TEXT.count(old) == 1
    assert says in refuse(TEXT.replace(old, new).encode())


@pytest.mark.parametrize(("content", "says"), [file[1:] for file in FILES], ids=[file[0] for file in FILES])
def test_a_file_that_is_no_cohort_gets_one_line(content: bytes, says: str, refuse) -> None:
    assert says in refuse(content)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("missing.csv", "no such file; give the path of a cohort (CSV)"),
        (".", "folder"),
        ("/dev/null", "not a regular"),
    ],
)
def test_a_path_that_is_no_cohort(path: str, says: str, tmp_path: Path, small_ledger: Ledger) -> None:
    with pytest.raises(CohortError, match=re.escape(says)):
        read(tmp_path / path, small_ledger)


# --- good cohorts ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode() + b"\n\n",
        lambda text: text.replace(",", " , ").encode(),
        lambda text: text.replace("26.5", "26.50").replace(",30,", ",3.0e1,").encode(),
    ],
    ids=[
        "Windows line ends",
        "byte-order mark",
        "blank lines below",
        "spaces",
        "other ways to write a number",
    ],
)
def test_what_programs_do_to_a_file_is_accepted(change, tmp_path: Path, small_ledger, small_cohort) -> None:
    file = tmp_path / "cohort.csv"
    file.write_bytes(change(TEXT))
    pd.testing.assert_frame_equal(read(file, small_ledger), small_cohort)


def test_columns_come_in_the_order_of_the_ledger(small_ledger: Ledger) -> None:
    assert ",".join(columns(small_ledger)) == TEXT.partition("\n")[0]


def test_other_columns_and_orders_are_accepted(tmp_path: Path, small_ledger: Ledger, small_cohort) -> None:
    raw = pd.read_csv(SMALL_COHORT, dtype=str, keep_default_na=False)
    file = tmp_path / "cohort.csv"
    raw.assign(remark="none")[["remark", *reversed(raw.columns)]].to_csv(file, index=False)
    pd.testing.assert_frame_equal(read(file, small_ledger), small_cohort)
    raw.drop(columns="source").to_csv(file, index=False)
    assert list(read(file, small_ledger).columns) == columns(small_ledger)


# by eye from the twelve rows of the file
@pytest.mark.parametrize(
    ("where", "at_risk", "who"),
    [
        ({}, None, "1 2 3 4 5 6 7 8 9 10 11 12"),
        ({"arm": "control"}, None, "8 9 10 11 12"),
        ({"stage": [1, 3], "arm": "active"}, None, "1 4 5 7"),
        ({"age": ">=61"}, None, "6 7 11 12"),
        ({"age": ">61"}, None, "6 7 12"),
        ({"age": "<=38"}, None, "1 8"),
        ({"age": "<38"}, None, "1"),
        ({"surgery_months": "<2.5"}, None, "2"),
        ({"marker": 0}, None, "2 4 6 10 11"),
        ({"early": ["good", "poor"]}, None, "1 2 3 5 6 8 9 10 12"),
        ({"response": "nonresponder"}, ("pfs", 4.0), "6 9 10 11 12"),
        ({"response": "nonresponder"}, ("pfs", 4.1), "6 9 10 11"),
        ({}, ("os", 25.0), "1 2 3 4 8"),
    ],
    ids=str,
)
def test_members(where, at_risk, who: str, small_ledger: Ledger, small_cohort: pd.DataFrame) -> None:
    inside = members(small_cohort, Population(Condition.from_mapping(where), at_risk), small_ledger)
    assert list(small_cohort["patient"][inside]) == [f"P{int(number):02d}" for number in who.split()]


def test_written_and_read_again(tmp_path: Path, small_ledger: Ledger, small_cohort: pd.DataFrame) -> None:
    file = tmp_path / "cohort.csv"
    write(small_cohort, small_ledger, file)
    assert file.read_text() == TEXT.replace("made up", SOURCE)
    again = read(file, small_ledger)
    pd.testing.assert_frame_equal(again.drop(columns="source"), small_cohort.drop(columns="source"))
    assert set(again["source"]) == {SOURCE}


def test_nothing_invalid_is_written(tmp_path: Path, small_ledger: Ledger, small_cohort: pd.DataFrame) -> None:
    file = tmp_path / "cohort.csv"
    file.write_text("as it was")
    with pytest.raises(CohortError, match="pfs_event must be 0 or 1"):
        write(small_cohort.assign(pfs_event=np.int64(2)), small_ledger, file)
    assert file.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [file]


def test_a_valid_cohort_stays_as_it_is(small_ledger: Ledger, small_cohort: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(validate(small_cohort, small_ledger), small_cohort)


# --- files -------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupted_write_leaves_the_old_file(fault, tmp_path: Path, monkeypatch) -> None:
    file = tmp_path / "out.csv"
    file.write_text("as it was")

    def fail(_descriptor: int) -> None:
        raise fault

    monkeypatch.setattr("recohort.files.os.fsync", fail)
    with pytest.raises(type(fault) if isinstance(fault, OSError) else fault):
        write_text(file, "half")
    assert file.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [file]


# fmt: off
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no/such/out.csv", "no folder"),
        (".", "this is a folder; give the name of a file"),
        ("folder", "this is a folder"),
        ("input.yaml", "is read here and would be replaced"),
        ("folder/../input.yaml", "is read here and would be replaced"),
        ("input.yaml/out.csv", "cannot be written"),
        ("a\0b", "embedded null"),
        ("x" * 300, "File name too long"),
        ("/dev/null", "not a regular file"),
        ("/proc/out.csv", "out.csv"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_before(name: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "input.yaml").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=re.escape(says)):
        check_writable(tmp_path / name, tmp_path / "input.yaml")
    assert sorted(tmp_path.rglob("*")) == before
# fmt: on


def test_an_output_that_can_be_written_is_left_alone(tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text("as it was")
    check_writable(old)
    check_writable(tmp_path / "new.csv")
    assert old.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [old]


def test_paths_are_shown_on_one_line_seen_from_here(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "data" / "claims.yaml") == "data/claims.yaml"
    assert shown("/somewhere/else") == "/somewhere/else"
    assert shown("two\nlines") == r"'two\nlines'"
    assert len(shown("x" * 5000)) < 200
