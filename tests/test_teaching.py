"""Tools of the teaching chapters, the chapters' R scripts, and code that a page shows in two languages."""

from __future__ import annotations

import re
import shutil
import subprocess
from math import comb
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup

from recohort.estimators import rank_test
from recohort.paths import ROOT
from recohort.teaching.oracles import agree, answers
from recohort.teaching.permutation import permutation_rank_test
from recohort.teaching.quiz import choice, number

CHAPTERS = sorted((ROOT / "notebooks").glob("2[0-9]_*.ipynb"))
SCRIPTS = sorted((ROOT / "notebooks" / "r").glob("chapter_*.R"))
LEAST_EXERCISES, LEAST_IN_ALL = 5, 30
DIRECTIVE = re.compile(r"^```{(exercise|solution-start|solution-end)}(?:\n:label:)? ?(\S*)", re.MULTILINE)
each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def sources(path: Path, kind: str) -> list[str]:
    return [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


@each_chapter
def test_python_in_a_tab_is_a_cell_that_runs(path: Path) -> None:
    shown = re.findall(r"```python\n(.*?)\n```", "\n".join(sources(path, "markdown")), re.DOTALL)
    ran = sources(path, "code")
    assert [code for code in shown if code not in ran] == []


@each_chapter
def test_r_in_a_tab_is_in_the_script_that_runs(path: Path) -> None:
    text = "\n".join(sources(path, "markdown"))
    included = re.findall(r"{literalinclude} (\S+)\n.*\n:start-after: \"(.*)\"\n:end-before: \"(.*)\"", text)
    assert len(included) == text.count("literalinclude")
    for name, start, end in included:
        script = (path.parent / name).read_text("utf-8")
        assert script.count(f"{start}\n") == 1
        assert script.split(f"{start}\n")[1].split(end)[0].strip()


def exercises(path: Path) -> dict[str, dict[str, bool]]:
    """Return for each exercise of a chapter whether the page answers at once, and whether a solution asserts.

    A solution counts if it is folded and holds a cell of code that is run and asserts something.
    """
    found: dict[str, dict[str, bool]] = {}
    label, within = "", ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for kind, name in re.findall(DIRECTIVE, cell.source):
                within = kind
                if kind == "exercise":
                    assert name not in found, f"{name} stands twice"
                    found[name] = {"answers": False, "asserts": False}
                    label = name
                elif kind == "solution-start":
                    assert name == label, f"the solution of {name} follows {label}"
        elif "skip-execution" not in cell.metadata.get("tags", []) and label:
            called = re.search(r"^(choice|number)\(", cell.source, re.MULTILINE)
            found[label]["answers"] |= within == "exercise" and called is not None
            asserted = re.search(r"^ *assert ", cell.source, re.MULTILINE)
            found[label]["asserts"] |= within == "solution-start" and asserted is not None
    return found


@each_chapter
def test_every_exercise_has_a_folded_solution_that_asserts(path: Path) -> None:
    asked = exercises(path)
    assert len(asked) >= LEAST_EXERCISES
    assert [label for label, has in asked.items() if not has["asserts"]] == []
    text = "\n".join(sources(path, "markdown"))
    assert text.count("{solution-start}") == text.count("{solution-end}") == len(asked)
    assert text.count("../_static/quiz.js") == text.count("../_static/quiz.css") == 1


def test_there_are_thirty_exercises_and_half_answer_at_once() -> None:
    everywhere = {label: has for path in CHAPTERS for label, has in exercises(path).items()}
    assert len(everywhere) == sum(len(exercises(path)) for path in CHAPTERS), "a label stands twice"
    assert len(everywhere) >= LEAST_IN_ALL
    assert sum(has["answers"] for has in everywhere.values()) >= len(everywhere) / 2


@each_chapter
def test_chapter_has_its_parts(path: Path) -> None:
    text = "\n".join(sources(path, "markdown"))
    parts = ["After this chapter you can\n\n- ", "## Exercises", "## Summary\n\n- "]
    if path.stem.startswith("25_"):
        parts[1] = "## The lab: five abstracts"  # its exercises are the chapter
    assert all(part in text for part in parts)
    assert re.search(r"lifelines|statsmodels|scipy", "\n".join(sources(path, "code")))


def test_answers_and_agreement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "tests" / "oracles"
    folder.mkdir(parents=True)
    monkeypatch.setattr("recohort.paths.ROOT", tmp_path)
    (folder / "ours.csv").write_text("quantity,value\nmedian,17.2\nrate.1,0.5\nrate.2,0.25\n", "utf-8")
    theirs = answers("ours")
    assert agree(theirs, {"median": 17.2, "rate": [0.5, 0.25]}) == 3
    with pytest.raises(AssertionError, match="rate"):
        agree(theirs, {"rate": [0.5, 0.2501]})
    with pytest.raises(KeyError):
        agree(theirs, {"mean": 1.0})
    (folder / "twice.csv").write_text("quantity,value\na,1\na,2\n", "utf-8")
    with pytest.raises(ValueError, match="stands twice"):
        answers("twice")


def test_permutation_of_three_against_three() -> None:
    """All have the event in order of group: of 20 ways to deal, only this and its mirror are so extreme."""
    p_value, statistics = permutation_rank_test([1, 2, 3, 4, 5, 6], [1] * 6, list("aaabbb"))
    assert statistics.size == comb(6, 3)
    assert p_value == pytest.approx(2 / 20)
    observed = rank_test([1, 2, 3, 4, 5, 6], [1] * 6, [0, 0, 0, 1, 1, 1]).statistic
    assert statistics.max() == pytest.approx(observed)


def test_permutation_ignores_the_names_of_groups() -> None:
    time, event = np.arange(1, 10), np.array([1, 0, 1, 1, 0, 1, 1, 0, 1])
    group = np.array([0, 1, 1, 0, 1, 0, 0, 1, 1])
    assert permutation_rank_test(time, event, group)[0] == permutation_rank_test(time, event, 1 - group)[0]


def test_permutation_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="two groups, not 3"):
        permutation_rank_test([1, 2, 3], [1, 1, 1], [0, 1, 2])
    with pytest.raises(ValueError, match="too many"):
        permutation_rank_test(np.arange(40), np.ones(40), np.arange(40) % 2)


def test_choice_marks_one_answer_as_right() -> None:
    asked = choice("q", "Is 1 < 2?", {"yes": "It is.", "no": "Count & see."}, "yes")
    page = BeautifulSoup(asked.text, "lxml")
    assert [box["data-right"] for box in page.find_all("input", type="radio")] == ["yes", "no"]
    assert page.find("legend").text == "Is 1 < 2?"
    assert {box["name"] for box in page.find_all("input")} == {"q"}
    assert all(box.find_parent("label") for box in page.find_all("input"))
    with pytest.raises(ValueError, match="'maybe' is not one of"):
        choice("q", "?", {"yes": "", "no": ""}, "maybe")


def test_number_knows_its_answer_and_the_slips() -> None:
    asked = number("n", "Half of 1?", 0.5, slack=0.01, unit="%", why="Halved.", slips={"Doubled.": 2.0})
    page = BeautifulSoup(asked.text, "lxml")
    box = page.find("input")
    assert (box["data-answer"], box["data-slack"], box["data-why"]) == ("0.5", "0.01", "Halved.")
    assert page.find("data")["value"] == "2.0"
    assert box.find_parent("label")
    with pytest.raises(ValueError, match="a slip would count as right"):
        number("n", "?", 0.5, slack=0.01, why="", slips={"near": 0.505})


@pytest.mark.r
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_r_gives_the_committed_answers_again(script: Path, tmp_path: Path) -> None:
    subprocess.run(["Rscript", script, tmp_path], check=True, capture_output=True)
    again, committed = (
        pd.read_csv(folder / f"{script.stem}.csv") for folder in (tmp_path, ROOT / "tests" / "oracles")
    )
    pd.testing.assert_frame_equal(again, committed, check_exact=False, rtol=1e-9, atol=1e-12)
