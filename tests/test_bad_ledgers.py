"""Malformed and hostile ledgers: one clear line, exit code 2, at most two seconds, no file touched.

Most are edits of the small ledger of `fixtures/`: what stands there, what somebody wrote instead, and
what the message must say.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recohort.cli import main

FIXTURES = Path(__file__).with_name("fixtures")
SMALL_LEDGER, SMALL_COHORT = FIXTURES / "small_ledger.yaml", FIXTURES / "small_cohort.csv"
TEXT = SMALL_LEDGER.read_text(encoding="utf-8")
JARGON = re.compile(r"Input should|pydantic|Value error|Traceback|validation|<class|NoneType|Errno|\\n")
SECONDS = 2.0

N = '- {id: text.n, at: text, count: "Twelve"}'
AGE = "age: {number: {decimals: 0, min: 18, max: 90, unit: years}}"
STAGE_1 = '{id: table.stage.1, at: Table 1, count_percent: "3 (25)", where: {stage: 1}}'
RULE = "- {when: {early: good}, then: {response: responder}}"
OS_24 = "endpoint: os, month: 24, where: {arm: active}"
AT_RISK = "at_risk: {pfs: landmark}}\n  - {id: fig2.surgery.2y"
GROUPS = 'p_value: "0.24", endpoint: pfs, groups: [{arm: active}, {arm: control}]'

# name, what stands in the small ledger, what somebody writes instead, what the message must say
# fmt: off
EDITS = [
    # --- keys
    ("unknown key in study", "  patients: 12",
     "  patients: 12\n  author: me", "study.author: unknown key; known: title"),
    ("misspelt key of study", "  title: A",
     "  tittle: A", "study.tittle: unknown key; did you mean 'title'?"),
    ("misspelt key of claim", "where: {stage: 1}",
     "wher: {stage: 1}", "claim table.stage.1, wher: unknown key; did you mean 'where'?"),
    ("misspelt section", "attributes:", "atributes:", "atributes: unknown key; did you mean 'attributes'?"),
    ("unknown key of read_as", "read_as: {rounding:", "read_as: {rouding:", "did you mean 'rounding'?"),
    ("unknown key of number", "decimals: 0, min",
     "digits: 0, min", "attributes.age.number.digits: unknown key"),
    ("section missing", "study:", "extra:", "extra: unknown key; known: study"),
    ("key missing", "  patients: 12\n", "", "study: key 'patients' is missing"),
    ("claim without id", "{id: text.n, at: text", "{at: text", "claim number 2: key 'id' is missing"),
    ("claim without place", "{id: text.n, at: text", "{id: text.n", "claim text.n: key 'at' is missing"),
    ("key twice", "  patients: 12", "  patients: 12\n  patients: 13", "key 'patients' stands twice"),
    ("attribute twice", "  arm:", "  age: {levels: [1]}\n  arm:", "key 'age' stands twice"),
    ("comma cuts a text", "because: 5/12 is 41.67%",
     "because: 5/12, or 41.67%", "if it belongs to a text with a comma"),
    ("yes as a key", "  arm:", "  yes: {levels: [1]}\n  arm:", "key yes must be a word; put it in quotes"),
    ("list as a key", "  arm:", "  [a, b]: {levels: [1]}\n  arm:", "must be a word"),
    # --- ids and names
    ("id twice", "id: text.active", "id: text.n", "claim text.n: this id stands twice"),
    ("id in capitals", "id: text.n,", "id: Text N,", "an id is lower-case letters"),
    ("very long id", "id: text.n,", f"id: {'x' * 5000},", "at most 100"),
    ("path as id", "id: text.n,", "id: ../../etc/passwd,", "an id is lower-case letters"),
    ("attribute in capitals", "  arm:", "  Arm:", "a name is lower-case letters"),
    ("attribute named like a column", "  arm:",
     "  source: {levels: [1]}\n  arm:", "already belongs to every cohort"),
    ("endpoint column taken", "event: os_event", "event: pfs_event", "already belongs to endpoints.pfs"),
    # --- names that do not exist
    ("unknown attribute", "where: {stage: 1}",
     "where: {stagee: 1}", "unknown attribute 'stagee'; did you mean 'stage'?"),
    ("unknown level", "where: {stage: 1}", "where: {stage: 4}", "unknown level of stage '4'; known: 1, 2, 3"),
    ("number as text level", "where: {stage: 1}", "where: {stage: '1'}", "write 1 without quotes"),
    ("rule on unknown attribute", "{when: {early: good}",
     "{when: {earlier: good}", "rule 1: unknown attribute"),
    ("unknown endpoint", OS_24, OS_24.replace("os", "dfs"), "unknown endpoint 'dfs'"),
    ("unknown numeric attribute", "attribute: age}", "attribute: aged}", "unknown attribute 'aged'"),
    ("median of levels", "attribute: age}", "attribute: arm}", "needs a number, but arm has levels"),
    ("comparison of levels", "where: {stage: 1}", "where: {stage: '>1'}", "stage has levels"),
    ("level of a number", 'where: {age: ">=60"}', "where: {age: 60}", "age is a number; compare it"),
    ("unknown not_after", "not_after: pfs}", "not_after: dfs}", "unknown endpoint 'dfs'"),
    ("not_after in a circle", "{time: os_months,",
     "{not_after: pfs, time: os_months,", "name another endpoint"),
    ("not_after itself", "not_after: os,", "not_after: pfs,", "name another endpoint"),
    ("applies in a circle", "  stage: {", "  stage: {where: {marker: 1}, ", "go in a circle"),
    ("applies to itself", "  arm: {", "  arm: {where: {arm: active}, ", "go in a circle"),
    ("derived level unknown", "otherwise: low", "otherwise: medium", "derived names 'medium', which is not"),
    ("derived from nothing", "{high: [{marker: 1}, {stage: 3}], ", "{high: [], ", "must hold at least 1"),
    ("unknown option", "{value: distinct,", "{value: none,", "'none' is not one of distinct, allowed"),
    # --- printed strings
    ("number without quotes", 'count: "Twelve"', "count: 12", "count: must be in quotes, as printed"),
    ("time of day", 'count: "Twelve"', "count: 12:30", "must be in quotes, as printed"),
    ("unreadable count", 'count: "Twelve"',
     'count: "a dozen"', "'a dozen' is not a count: expected something"),
    ("unreadable percentage", '"71%"', '"71 percent"', "is not a percent"),
    ("percentage above 100", '"71%"', '"710%"', "cannot exceed 100"),
    ("negative count", 'count: "Twelve"', 'count: "-12"', "is not a count"),
    ("not a number", 'count: "Twelve"', 'count: "NaN"', "is not a count"),
    ("P above 1", '">0.1"', '">1.1"', "a P value lies between 0 and 1"),
    ("range backwards", '"2.0-3.0"', '"3.0-2.0"', "the range runs backwards"),
    ("impossible count", 'count: "Twelve"', 'count: "13"', "impossible count 13; the study has 12 patients"),
    ("huge count", 'count: "Twelve"', 'count: "999999999999999999999"', "is not a count"),
    ("count above its denominator", '"6/9 (67)"', '"9/6 (67)"', "the count exceeds"),
    ("empty print", 'count: "Twelve"', 'count: ""', "is not a count"),
    ("two statistics", 'count: "Twelve"', 'count: "12", percent: "100%"', "found count and percent"),
    ("no statistic", ', count: "Twelve"', "", "found none"),
    ("unread reading", '"4 (33)"}, because', '"four of them"}, because', "is not a count_percent"),
    ("read_as without because", ", because: 5/12 is 41.67%", "", "read_as needs because"),
    ("because without read_as", "read_as: {rounding: truncated}, ", "", "because needs read_as"),
    ("empty read_as", "{rounding: truncated}", "{}", "read_as needs one of"),
    ("unknown rounding", "{rounding: truncated}",
     "{rounding: up}", "must be 'half-up' or 'truncated', not 'up'"),
    ("month of a count", "{rounding: truncated}", "{month: 25}", "read_as month goes with survival"),
    # --- what a claim needs
    ("survival without month", "month: 12}", "note: no month}", "survival needs month"),
    ("month of a count claim", N, N[:-1] + ", month: 3}", "month does not go with count"),
    ("P without groups", ", groups: [{arm: active}, {arm: control}],\n     outcome",
     ",\n     outcome", "needs groups"),
    ("one group", GROUPS, GROUPS.replace(", {arm: control}", ""), "must hold at least 2, and holds 1"),
    ("groups overlap", GROUPS, GROUPS.replace("{arm: control}", "{stage: 1}"), "could be in two groups"),
    ("three groups by Fisher", "groups: [{arm: active}, {arm: control}],\n     outcome",
     "groups: [{stage: 1}, {stage: 2}, {stage: 3}],\n     outcome", "Fisher's test compares two groups"),
    ("endpoint and outcome", GROUPS, GROUPS + ", outcome: {stage: 1}", "either endpoint or outcome"),
    # --- populations
    ("empty by applicability", "where: {stage: 1}", "where: {stage: 1, marker: 1}", "nobody can be in its"),
    ("empty by rule", "where: {stage: 1}",
     "where: {early: good, response: nonresponder}", "nobody can be in its"),
    ("empty by derivation", "where: {stage: 1}", "where: {marker: 1, grade: low}", "nobody can be in its"),
    ("empty by of and where", "of: {arm: active}, where: {response: responder}",
     "of: {arm: active}, where: {arm: control}", "nobody can be in its"),
    ("empty by numbers", '{age: ">=60"}', '{age: ">=91"}', "nobody can be in its"),
    ("nobody obeys the rules", RULE,
     RULE + "\n  - {when: {}, then: {stage: 1, marker: 1}}", "obey all rules"),
    ("applies to nobody", "where: {surgery: 1}, not",
     "where: {stage: 1, marker: 0}, not", "it applies to nobody"),
    ("condition is a text", "where: {stage: 1}", "where: stage 1", "a condition is a map such as"),
    ("condition is empty", "where: {stage: 1}", "where: null", "a condition is a map such as"),
    ("value is empty", "where: {stage: 1}", "where:", "put a space behind a colon"),
    ("no level", "where: {stage: 1}", "where: {stage: []}", "give one to sixty levels, not 0"),
    ("yes as a level", "where: {stage: 1}", "where: {stage: yes}", "put yes, no, on, off"),
    ("part of a level", "where: {stage: 1}", "where: {stage: 1.5}", "must be a whole number or a text"),
    # --- numbers and times
    ("no patients", "patients: 12", "patients: 0", "study.patients: must be at least 1, not 0"),
    ("negative patients", "patients: 12", "patients: -12", "study.patients: must be at least 1, not -12"),
    ("huge patients", "patients: 12", "patients: 1000000000000", "study.patients: must be at most 2,000"),
    ("patients in words", "patients: 12", "patients: twelve", "must be a whole number, not 'twelve'"),
    ("a part of a patient", "patients: 12", "patients: 12.5", "must be a whole number, not 12.5"),
    ("true patients", "patients: 12", "patients: yes", "must be a whole number, not true"),
    ("no end of time", "max: 60}\n\n", "max: .inf}\n\n", "must be a finite number, not inf"),
    ("not a time", "month: 12}", "month: .nan}", "must be a number, or the name of a convention, not nan"),
    ("time in quotes", "month: 12}", "month: '12'}", "'12' is not a time; give a number without quotes"),
    ("time beyond follow-up", "month: 12}", "month: 61}", "61 lies outside the follow-up"),
    ("negative time", "month: 12}", "month: -12}", "lies outside the follow-up"),
    ("at_risk beyond follow-up", AT_RISK, AT_RISK.replace("landmark", "600"), "lies outside the follow-up"),
    ("at_risk by a text convention", AT_RISK, AT_RISK.replace("landmark", "ties"), "'ties' is not a time"),
    ("at_risk of two", AT_RISK, AT_RISK.replace("landmark}", "3, os: 3}"), "may hold at most 1"),
    ("read beyond follow-up", "{month: 25.0}", "{month: 250.0}", "lies outside the follow-up"),
    ("resolution of nothing", "resolution: 0.1", "resolution: 0", "must be more than 0"),
    ("resolution too fine", "resolution: 0.1", "resolution: 0.0000001", "resolution is too fine"),
    ("unknown unit", "unit: months, res", "unit: moons, res", "'days', 'weeks', 'months' or 'years'"),
    ("limits backwards", "min: 18, max: 90", "min: 90, max: 18", "min must not exceed max"),
    ("too many decimals", "decimals: 0", "decimals: 30", "must be at most 4"),
    # --- attributes
    ("levels and number", f"  {AGE}", f"  {AGE[:-1]}, levels: [1]}}", "give either levels or number"),
    ("level twice", "levels: [active, control]", "levels: [active, active]", "levels must differ"),
    ("yes and no as levels", "levels: [active, control]", "levels: [yes, no]", "put yes, no, on, off"),
    ("empty level", "levels: [active, control]", "levels: ['', control]", "a level has 1 to 100 characters"),
    ("mixed levels", "levels: [active, control]", "levels: [active, 1]", "all whole numbers or all texts"),
    ("date as level", "levels: [active, control]",
     "levels: [2026-01-31]", "a whole number or a text in quotes"),
    ("huge level", "levels: [active, control]", "levels: [1, 10000000]", "at most six digits"),
    ("one level, no list", "levels: [active, control]", "levels: active", "must be a list"),
    ("label is no text", "label: Stage", "label: no", "must be a text in quotes, not false"),
    ("label of unknown level", "{1: one, 2", "{0: one, 2", "level_labels names 0, which is not"),
    ("maybe empty", "may_be_empty: true", "may_be_empty: maybe", "must be true or false, not 'maybe'"),
    ("not_after without number", "  arm: {", "  arm: {not_after: os, ", "not_after goes with a number"),
    # --- the study
    ("date without quotes", '"2026-01-31"', "2026-01-31", 'a date is in quotes, as in "2026-03-26"'),
    ("title missing its text", "title: A made-up study", "title:", "must be a text in quotes, not nothing"),
    ("title without end", "title: A made-up study", f"title: {'A' * 3000}", "has more than 2,000 characters"),
    ("study is a list", "study:\n  title: A made-up study\n", "study: [1]\n_:\n", "must be a map"),
    ("claims are a map", "claims:\n", "claims: {}\nclams:\n", "claims: must be a list"),
    # --- YAML
    ("bracket not closed", "{id: text.n, at: text", "{id: text.n, at: [text", "not YAML"),
    ("quote not closed", 'count: "Twelve"', 'count: "Twelve', "not YAML"),
    ("tab for spaces", "  title:", "\ttitle:", "indent with spaces"),
    ("colon in a text", "title: A made-up", "title: A: made-up", "a text that holds a colon needs quotes"),
    ("indentation", "  patients: 12", "   patients: 12", "indentation"),
    ("alias", "label: Stage", "label: *stage", "aliases (*name) are not allowed"),
    ("merge key", "  arm: {", "  arm: {<<: {may_be_empty: true}, ", "merge keys (<<) are not allowed"),
    ("tag of a Python object", "label: Stage", "label: !!python/object/apply:os.system ['ls']", "tags ("),
    ("tag of a text", "label: Stage", "label: !!str Stage", "tags (tag:yaml.org,2002:str) are not allowed"),
    ("two documents", "claims:\n", "---\nclaims:\n", "one file holds one ledger"),
    ("impossible date", '"2026-01-31"', "2026-13-99", "'2026-13-99' cannot be read; put it in quotes"),
    ("number of 5,000 digits", "patients: 12", f"patients: {'9' * 5000}", "cannot be read; put it in quotes"),
    ("escape character", "label: Stage", 'label: "\\e[2J"', "invisible character"),
    ("text direction", "label: Stage", "label: S\u202etage", "invisible character"),
]
# fmt: on


def edited(old: str, new: str) -> str:
    assert TEXT.count(old) == 1, f"{TEXT.count(old)} times in the small ledger: {old}"
    return TEXT.replace(old, new)


def complain(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must refuse its input, in time and in one line; return that line."""
    start = time.process_time()  # not the clock: others may use the machine
    code = main(arguments)
    seconds = time.process_time() - start
    out, err = capsys.readouterr()
    assert code == 2, err
    assert out == ""
    assert err.count("\n") == 1, err
    assert err.endswith("\n")
    assert len(err) < 700
    assert not JARGON.search(err.replace("two\\nlines", "")), err
    assert seconds < SECONDS
    return err


@pytest.fixture
def refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Check a ledger that must be refused without touching a file; return the message."""

    def run(content: str | bytes, name: str = "ledger.yaml") -> str:
        ledger, out = tmp_path / name, tmp_path / "out.csv"
        ledger.write_bytes(content if isinstance(content, bytes) else content.encode())
        out.write_text("as it was")
        before = ledger.read_bytes()
        message = complain(["check", str(SMALL_COHORT), "--ledger", str(ledger), "--csv", str(out)], capsys)
        assert name in message
        assert out.read_text() == "as it was"
        assert ledger.read_bytes() == before
        assert sorted(tmp_path.iterdir()) == sorted([ledger, out])
        return message

    return run


@pytest.mark.parametrize(
    ("old", "new", "says"), [edit[1:] for edit in EDITS], ids=[edit[0] for edit in EDITS]
)
def test_an_edit_that_cannot_be_meant_gets_one_line(old: str, new: str, says: str, refuse) -> None:
    message = refuse(edited(old, new))
    assert says in message
    assert re.search(r"ledger.yaml: line \d+[,:] ", message), "no place in the message"


def chain(claims: int, last: str = "") -> str:
    """A ledger in which every claim makes all rules fire, one after the other, in the worst order."""
    attributes = "".join(f"  a{k}: {{levels: [0, 1]}}\n" for k in range(200))
    rules = "".join(f"  - {{when: {{a{k}: 1}}, then: {{a{k + 1}: 1}}}}\n" for k in reversed(range(199)))
    counts = "".join(
        f"  - {{id: c{k}, at: t, count: '1', where: {{a0: 1, a{1 + k % 198}: 1}}}}\n" for k in range(claims)
    )
    study = TEXT[TEXT.index("study:") : TEXT.index("attributes:")]
    return f"{study}attributes:\n{attributes}rules:\n{rules}claims:\n{counts}{last}"


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in itertools.pairwise("abcdefghi")
)
# fmt: off
FILES = [
    ("empty", "", "the file is empty"),
    ("comments only", "# a ledger\n# to be written\n", "the file is empty"),
    ("a list", "- study\n- attributes\n", "line 1: the file must be a map"),
    ("a sentence", "Dear sir or madam", "line 1: the file must be a map"),
    ("Latin-1", TEXT.replace("A made-up", "Une \xe9").encode("latin-1"), "not UTF-8; save the file as text"),
    ("UTF-16", TEXT.encode("utf-16"), "line 1: not UTF-8"),
    ("UTF-16 without mark", TEXT.encode("utf-16-le"), "line 1: holds null bytes"),
    ("picture", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "line 1: not UTF-8"),
    ("10 MB of blanks", TEXT + " " * 10_000_000, "larger than 1 MB"),
    ("10 MB of claims", TEXT + "  - {id: a, at: b, count: '1'}\n" * 330_000, "larger than 1 MB"),
    ("many small values", "claims: [" + "1," * 450_000 + "1]", "more than 100,000 values"),
    ("many empty maps", "claims: [" + "{}," * 300_000 + "1]", "more than 100,000 values"),
    ("one long text", f"study: '{'x' * 990_000}'", "study: must be a map"),
    ("too many claims", chain(2_001), "claims: may hold at most 2,000"),
    ("too many rules for the claims", chain(2_000), "rules: too many rules for 2000 claims"),
    ("rules that chain", chain(1_000, "  - {id: last, at: t, count: '99'}\n"), "impossible count 99"),
    ("a thousand laughs", LAUGHS, "aliases (*name) are not allowed"),
    ("an alias of itself", "study: &study [*study]", "aliases (*name) are not allowed"),
    ("100,000 brackets", "study: " + "[" * 100_000, "nested deeper than 30 levels"),
    ("100,000 closed brackets", "study: " + "[" * 100_000 + "]" * 100_000, "nested deeper than 30 levels"),
    ("100,000 dashes", "study: \n" + "- " * 100_000, "nested deeper than 30 levels"),
]
# fmt: on


@pytest.mark.parametrize(("content", "says"), [file[1:] for file in FILES], ids=[file[0] for file in FILES])
def test_a_file_that_is_no_ledger_gets_one_line(content: str | bytes, says: str, refuse) -> None:
    assert says in refuse(content)


@pytest.mark.parametrize(
    "name", ["two\nlines.yaml", "[bold red]x[/].yaml", "-.yaml", "esc\x1b[2J.yaml", "ü\u202e.yaml"], ids=ascii
)
def test_a_strange_file_name_stays_on_one_line(name: str, tmp_path: Path, capsys) -> None:
    file = tmp_path / name.replace("/", "|")
    file.write_text("[")
    message = complain(["check", str(SMALL_COHORT), f"--ledger={file}"], capsys)
    assert (file.name if name.isprintable() else repr(name)[1:-1]) in message
    assert message.strip().isprintable()


# fmt: off
NO_FILES = [
    ("missing", lambda folder: folder / "no.yaml", "give the path of a ledger (YAML) with --ledger"),
    ("folder", lambda folder: folder, "this is a folder"),
    ("null byte", lambda folder: f"{folder}/a\0b.yaml", "no such file"),
    ("no name", lambda folder: "", "this is a folder"),
    ("too long", lambda folder: folder / ("x" * 5000), "File name too long"),
    ("below a file", lambda folder: SMALL_LEDGER / "ledger.yaml", "no such file"),
    ("/dev/null", lambda folder: "/dev/null", "not a regular file"),
    ("/dev/zero", lambda folder: "/dev/zero", "not a regular file"),
    ("pipe", lambda folder: os.mkfifo(folder / "pipe") or folder / "pipe", "not a regular file"),
    ("link to itself", lambda folder: (folder / "l").symlink_to("l") or folder / "l", "no such file"),
    ("climbing up", lambda folder: f"{folder}/{'../' * 400}etc/nothing.yaml", "no such file"),
]
# fmt: on


@pytest.mark.parametrize(
    ("make", "says"), [case[1:] for case in NO_FILES], ids=[case[0] for case in NO_FILES]
)
def test_a_path_that_is_no_file_gets_one_line(make, says: str, tmp_path: Path, capsys) -> None:
    assert says in complain(["check", str(SMALL_COHORT), f"--ledger={make(tmp_path)}"], capsys)


PROCESSES = ["pipe", "folder", "two\nlines.yaml", "laughs.yaml", "large.yaml", "misspelt.yaml"]


@pytest.mark.parametrize("name", PROCESSES, ids=ascii)
def test_a_process_refuses_in_one_line_and_soon(name: str, tmp_path: Path) -> None:
    ledger, out = tmp_path / name, tmp_path / "cohort.csv"
    if name == "pipe":
        os.mkfifo(ledger)
    elif name == "folder":
        ledger.mkdir()
    else:
        text = {"laughs": LAUGHS, "large": TEXT + " " * 10_000_000, "misspelt": edited("  arm:", "  Arm:")}
        ledger.write_text(text.get(ledger.stem, "["))
    out.write_text("as it was")
    command = [sys.executable, "-m", "recohort", "solve", f"--ledger={ledger}", f"--out={out}", "--seed=1"]
    before = os.times()
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    after = os.times()
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert not JARGON.search(done.stderr.replace("two\\nlines", ""))
    assert out.read_text() == "as it was"
    assert sorted(tmp_path.iterdir()) == sorted([ledger, out])
    assert (
        after.children_user + after.children_system - before.children_user - before.children_system < SECONDS
    )
