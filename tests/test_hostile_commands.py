"""Hostile files given to every command as a process: one line, exit 2, two seconds, no file touched.

`test_bad_ledgers` tries many more within one process; here a whole command is measured, with its start.
A design is a ledger without claims, so `describe` must refuse the same.
"""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from recohort import design
from recohort.ledger_checks import MisfitError

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "freireich_1963"
LEDGER, PLAN = ((EXAMPLE / f"{name}.yaml").read_text("utf-8") for name in ("claims", "design"))
JARGON = re.compile(r"Input should|pydantic|Value error|Traceback|validation|<class|NoneType|Errno")
SECONDS = 2.0
COMMANDS = ("check", "solve", "describe", "conflicts", "bounds", "sample")

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in itertools.pairwise("abcdefghi")
)


def edit(old: str, new: str):
    """Change something that a ledger and its design share."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


# what is done to the file, and what the message must say
# fmt: off
HOSTILE = {
    "huge number of patients": (edit("patients: 42", "patients: 1000000000000"), "must be at most 2,000"),
    "negative number of patients": (edit("patients: 42", "patients: -42"), "must be at least 1, not -42"),
    "NaN": (edit("max: 52.0", "max: .nan"), "must be a finite number, not nan"),
    "infinite": (edit("max: 52.0", "max: .inf"), "must be a finite number, not inf"),
    "10 MB": (lambda text: text + " " * 10_000_000, "larger than 1 MB"),
    "deep aliases": (lambda text: LAUGHS + text, "aliases (*name) are not allowed"),
    "deep nesting": (lambda text: f"{text}\nx: {'[' * 50_000}", "nested deeper than 30 levels"),
    "not UTF-8": (lambda text: text.replace("Freireich", "Fr\xe9ireich").encode("latin-1"), "not UTF-8"),
    "null bytes": (lambda text: text + "\0", "null bytes"),
    "a command in a tag": (edit("rules: []", "rules: !!python/object/apply:os.system ['touch owned']"),
                           "are not allowed"),
    "Python in a rule": (edit("rules: []", "rules: exec(open(1))"), "must be a list"),
    "contradictory levels": (edit("levels: [6-MP, placebo]", "levels: [6-MP, 6-MP]"), "levels must differ"),
    "levels and a number": (edit("number: {decimals: 2, min: 0.0, max: 7.0}",
                                 "number: {decimals: 2, min: 0.0, max: 7.0}\n    levels: [1, 2]"),
                            "either levels or number"),
    "limits backwards": (edit("min: 0.0, max: 7.0", "min: 7.0, max: 0.0"), "min must not exceed max"),
    "path as a name": (edit("  arm:", "  ../../etc/passwd:"), "a name is lower-case letters"),
    "empty": (lambda text: "", "the file is empty"),
}
# fmt: on
TURNS = [
    pytest.param(command, name, id=f"{command}: {name}")
    for number, name in enumerate(HOSTILE)
    for command in (COMMANDS[(number + turn) % len(COMMANDS)] for turn in range(2))
]


def refused(command: str, bad: Path, folder: Path) -> str:
    """Run a command on a bad file; return its one line when it behaves as it must."""
    out = folder / "out.csv"
    out.write_text("as it was", "utf-8")
    there = sorted(folder.rglob("*"))
    arguments = {
        "check": [str(EXAMPLE / "patients.csv"), f"--ledger={bad}", f"--csv={out}"],
        "solve": [f"--ledger={bad}", f"--out={out}"],
        "describe": [str(EXAMPLE / "patients.csv"), f"--design={bad}", f"--out={out}"],
        "conflicts": [f"--ledger={bad}", f"--out={out}"],
        "bounds": [f"--ledger={bad}", f"--out={out}"],
        "sample": [f"--ledger={bad}", f"--out={out}"],
    }[command]
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "recohort", command, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    after = os.times()
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.strip().isprintable()
    assert not JARGON.search(done.stderr), done.stderr
    assert out.read_text("utf-8") == "as it was"
    assert sorted(folder.rglob("*")) == there
    # time on a core, as others may use the machine
    used = after.children_user + after.children_system - before.children_user - before.children_system
    assert used < SECONDS
    return done.stderr


@pytest.mark.parametrize(("command", "name"), TURNS)
def test_a_hostile_file_is_refused(command: str, name: str, tmp_path: Path) -> None:
    change, says = HOSTILE[name]
    content = change(PLAN if command == "describe" else LEDGER)
    bad = tmp_path / "paper.yaml"
    bad.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    before = bad.read_bytes()
    assert says in refused(command, bad, tmp_path)
    assert bad.read_bytes() == before


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("trick", ["missing/../../x.yaml", "esc\x1b[2J.yaml", "$(touch owned).yaml", "pipe"])
def test_a_trick_in_a_file_name_is_refused(command: str, trick: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    bad = inside / trick
    if trick == "pipe":
        os.mkfifo(bad)
    elif "/" not in trick:
        bad.write_text("[", "utf-8")
    refused(command, bad, inside)


def test_names_of_subgroups_cannot_be_paths_or_code() -> None:
    """Names of subgroups are looked up, never evaluated or opened."""
    for name in ("../../etc/passwd", "__import__('os')", "all; rm"):
        raw = yaml.safe_load(PLAN)
        raw["design"]["subgroups"][name] = {"where": {"arm": "placebo"}}
        with pytest.raises(MisfitError, match="lower-case letters"):
            design.Design.from_mapping(raw)


def test_no_source_file_evaluates_text() -> None:
    """No eval, exec or unsafe YAML anywhere in the package."""
    unsafe = re.compile(
        r"(?<![\w.])(?:eval|exec)\(|yaml\.(?:unsafe_load|full_load|UnsafeLoader|FullLoader|Loader\b)"
    )
    for file in (ROOT / "src").rglob("*.py"):
        assert not unsafe.search(file.read_text("utf-8")), file
