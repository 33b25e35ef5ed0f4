"""The list of exercises, the sheets, and a book without solutions, on a made-up book with our settings."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup

from recohort.paths import ROOT

EXTENSION = runpy.run_path(str(ROOT / "book" / "_ext" / "exercises.py"))
COLAB_CELL = (ROOT / "notebooks" / "_colab_cell.py").read_text("utf-8").rstrip("\n")
SECRET = "forty-two"
QUIZ = """\
from recohort.teaching.quiz import choice, number
choice("c", "Which?", {"this": "Yes.", "that": "No."}, "this")"""
ASKED = """\
# One

A chapter of the made-up book, with exercises in it.

## Exercises

```{exercise}
:label: ex-one
What is asked first?
```"""
SOLVED = f"""\
```{{solution-start}} ex-one
:class: dropdown
```

It is {SECRET}."""
REST = f"""\
```{{solution-end}}
```

```{{exercise}}
:label: ex-two
:class: computer first-hour
And then?
```

```{{solution-start}} ex-two
:class: dropdown
```

Again {SECRET}.
```{{solution-end}}
```

## Summary

Done."""
INDEX = """\
# A title

The first page of a made-up book, long enough.

```{exercise-list}
```

```{sheets}
```
"""


def notebook() -> nbformat.NotebookNode:
    markdown, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell
    cells = [
        code(COLAB_CELL, metadata={"tags": ["remove-cell"]}),
        markdown(ASKED),
        code(QUIZ, metadata={"tags": ["remove-input"]}),
        markdown(SOLVED),
        code(f"print('{SECRET}')"),
        markdown(REST),
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def build(folder: Path, **environment: str) -> Path:
    """Build a book with a chapter, the list and the page for instructors; return the folder of its pages."""
    for name in ("_ext", "_static"):
        shutil.copytree(
            ROOT / "book" / name, folder / "book" / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "_config.yml", folder)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters: [{file: notebooks/one}]\n")
    (folder / "book" / "references.bib").touch()
    (folder / "book" / "index.md").write_text(INDEX)
    (folder / "notebooks").mkdir()
    nbformat.write(notebook(), folder / "notebooks" / "one.ipynb")
    clean = {name: value for name, value in os.environ.items() if name != "HIDE_SOLUTIONS"}
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", ".", "--all", "-W", "-n", "--keep-going"]
    done = subprocess.run(
        command, cwd=folder, env=clean | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("hidden"), HIDE_SOLUTIONS="1")


def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text("utf-8"), "lxml")


def test_the_list_leads_to_every_exercise(whole: Path) -> None:
    links = [a for a in parsed(whole / "book" / "index.html").select("article a") if "#ex-" in a["href"]]
    assert [a["href"] for a in links] == ["../notebooks/one.html#ex-one", "../notebooks/one.html#ex-two"]
    assert [a.text for a in links] == ["Exercise 1", "Exercise 2"]
    assert [a.find_parent("li").text.strip().endswith("(needs a computer)") for a in links] == [False, True]
    assert "What is asked first?" in links[0].find_parent("li").text
    page = parsed(whole / "notebooks" / "one.html")
    assert all(page.find(id=label) for label in ("ex-one", "ex-two"))


def test_the_sheets_hold_the_exercises_with_room_or_answers(whole: Path) -> None:
    plain, solved = (parsed(whole / "_static" / EXTENSION[name]) for name in ("SHEET", "WITH_SOLUTIONS"))
    for sheet in (plain, solved):
        headings = ["Exercise 1", "Exercise 2 · needs a computer"]
        assert [heading.text for heading in sheet.select("h3")] == headings
        assert [answer.text for answer in sheet.select(".answers li")] == ["this", "that"]
        assert "none of them is real" in sheet.text
        assert not sheet.select("script, link, a, [id], [data-right], input")
    assert SECRET not in str(plain)
    assert len(plain.select(".room")) == 1  # the first can be ticked
    assert len(solved.select(".solution")) == 2
    assert "Name" in plain.text
    assert "Name" not in solved.text


def test_the_sheet_for_a_first_hour_holds_what_is_marked_so(whole: Path) -> None:
    sheet = parsed(whole / "_static" / EXTENSION["FIRST_HOUR"])
    assert [heading.text for heading in sheet.select("h3")] == ["Exercise 2 · needs a computer"]
    assert "And then?" in sheet.text
    assert SECRET not in str(sheet)


def test_the_solutions_are_there_unless_hidden(whole: Path) -> None:
    assert SECRET in (whole / "notebooks" / "one.html").read_text("utf-8")
    links = parsed(whole / "book" / "index.html").select("article a")
    assert [a["href"] for a in links if "sheet" in a["href"]] == [
        f"../_static/{EXTENSION[name]}" for name in ("FIRST_HOUR", "SHEET", "WITH_SOLUTIONS")
    ]


def test_no_file_of_a_book_without_solutions_tells_one(hidden: Path) -> None:
    texts = [path for path in hidden.rglob("*") if path.suffix in {".html", ".js", ".ipynb", ".md", ".txt"}]
    assert [path.name for path in texts if SECRET in path.read_text("utf-8", "ignore")] == []
    assert not (hidden / "_static" / EXTENSION["WITH_SOLUTIONS"]).exists()
    page = parsed(hidden / "notebooks" / "one.html")
    assert len(page.select("div.exercise")) == 2
    assert page.select("form.quiz")
    assert "Done." in page.text
    assert "with_solutions" not in (hidden / "book" / "index.html").read_text("utf-8")


def test_a_notebook_without_solutions_is_a_notebook() -> None:
    stripped = EXTENSION["strip_notebook"](json.dumps(notebook()))
    read = nbformat.reads(stripped, as_version=4)
    nbformat.validate(read)
    assert SECRET not in stripped
    text = "\n".join(cell.source for cell in read.cells)
    assert text.count("{exercise}") == 2
    assert "## Summary" in text


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("2*.ipynb")), ids=lambda path: path.stem)
def test_the_chapters_lose_their_solutions_and_nothing_else(path: Path) -> None:
    source = path.read_text("utf-8")
    before, after = nbformat.reads(source, 4), nbformat.reads(EXTENSION["strip_notebook"](source), 4)
    text = "\n".join(cell.source for cell in after.cells)
    assert "solution-" not in text
    asked = "\n".join(cell.source for cell in before.cells).count("{exercise}")
    assert text.count("{exercise}") == asked
    assert "## Summary" in text
