"""Sphinx extension: all exercises on one page, sheets to print, and a book without solutions.

- `exercise-list` lists every exercise of the book with a link, `sheets` the sheets.
- The build writes `_static/exercise_sheet.html`, the same with solutions, and a page for a first hour;
  they are made of the built pages.
- An exercise's `:class:` says what it needs (`computer`, `chapter`) and whether it is for a `first-hour`.
- `HIDE_SOLUTIONS=1` in the environment leaves the solutions out: of the pages, of the search index, of the
  sheets and of the published copies of the notebooks.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bs4 import BeautifulSoup, Tag
from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective
from sphinx_exercise.nodes import is_exercise_node, solution_node

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.environment import BuildEnvironment
    from sphinx.util.typing import ExtensionMetadata

SHEET, WITH_SOLUTIONS = "exercise_sheet.html", "exercise_sheet_with_solutions.html"
FIRST_HOUR = "exercise_sheet_first_hour.html"
FOR_FIRST_HOUR = "first-hour"  # a class of exercises
NEEDS = {"computer": "needs a computer", "chapter": "needs its chapter"}  # class to what a reader is told
NOT_REAL = "The patients of these exercises are made up or reconstructed, none of them is real."
STYLE = Path(__file__).with_name("sheet.css")


class DropSolutions(SphinxTransform):
    """Take the solutions out of a page, once their start and end have been joined."""

    default_priority = 11  # sphinx-exercise joins them at 10

    def apply(self, **_: Any) -> None:
        """Remove every solution if the book is built without."""
        if self.config.without_solutions:
            for node in list(self.document.findall(solution_node)):
                node.parent.remove(node)


class ExerciseListNode(nodes.General, nodes.Element):
    """Stands for the list until all pages have been read."""


class ExerciseList(SphinxDirective):
    """The directive `exercise-list`."""

    def run(self) -> list[nodes.Node]:
        """Leave a place for the list."""
        return [ExerciseListNode()]


class Sheets(SphinxDirective):
    """The directive `sheets`: links to the sheets that this build writes."""

    def run(self) -> list[nodes.Node]:
        """List the sheets."""
        home = "../" * self.env.docname.count("/") + "_static/"
        links = {
            FIRST_HOUR: "Exercises for a first hour, on one page",
            SHEET: "Exercise sheet to print",
            WITH_SOLUTIONS: "Exercise sheet with solutions",
        }
        if self.config.without_solutions:
            del links[WITH_SOLUTIONS]
        items = nodes.bullet_list()
        for file, text in links.items():
            link = nodes.reference("", text, internal=True, refuri=home + file)
            items += nodes.list_item("", nodes.paragraph("", "", link))
        return [items]


def needs(classes: Iterable[str]) -> list[str]:
    """Return what an exercise of these classes needs, in words."""
    return [NEEDS[name] for name in classes if name in NEEDS]


def chapters(env: BuildEnvironment) -> dict[str, list[tuple[int, str, str]]]:
    """Return the exercises of each page as (number, label, text), pages and exercises in the book's order."""
    found: dict[str, list[tuple[int, str, str]]] = {}
    for label, entry in getattr(env, "sphinx_exercise_registry", {}).items():
        if is_exercise_node(entry["node"]):
            numbers = env.toc_fignumbers.get(entry["docname"], {}).get("exercise", {})
            text = " ".join(child.astext() for child in entry["node"].children[1:])
            wanted = needs(entry["node"]["classes"])
            text += f" ({', '.join(wanted)})" if wanted else ""
            found.setdefault(entry["docname"], []).append(
                (numbers.get(label, (0,))[-1], label, " ".join(text.split()))
            )
    return {name: sorted(found[name]) for name in sorted(found)}


def fill_list(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the list where a page asks for it."""
    for place in list(doctree.findall(ExerciseListNode)):
        filled: list[nodes.Node] = []
        for chapter, exercises in chapters(app.env).items():
            title = nodes.section(ids=[f"exercises-{nodes.make_id(chapter)}"])
            title += nodes.title("", app.env.titles[chapter].astext())
            items = nodes.bullet_list()
            for number, label, text in exercises:
                address = f"{app.builder.get_relative_uri(docname, chapter)}#{label}"
                link = nodes.reference("", f"Exercise {number}", internal=True, refuri=address)
                items += nodes.list_item("", nodes.paragraph("", "", link, nodes.Text(f". {text}")))
            title += items
            filled.append(title)
        place.replace_self(filled)


def asked(page: Tag) -> Iterator[tuple[Tag, list[Tag], Tag | None]]:
    """Yield each exercise of a page with what stands between it and its solution, and the solution."""
    for exercise in page.select("div.exercise"):
        between: list[Tag] = []
        solution = None
        for follows in exercise.find_next_siblings():
            classes = follows.get("class") or []
            if "solution" in classes:
                solution = follows
                break
            if "exercise" in classes or follows.name == "section":
                between = []
                break
            between.append(follows)
        yield exercise, between, solution


def on_paper(piece: Tag) -> str:
    """Return a piece of a page for paper: no links, no ids, answers to be ticked or written."""
    copy = BeautifulSoup(str(piece), "html.parser")
    for gone in copy.select("a.headerlink, button, script, data, p.admonition-title"):
        gone.decompose()
    for form in copy.select("form.quiz"):
        legend = form.select_one("legend")
        question = legend.decode_contents() if legend else ""
        ticks = [
            label.get_text(" ", strip=True) for label in form.select("label") if label.select("[type=radio]")
        ]
        listed = "".join(f"<li>{answer}</li>" for answer in ticks)
        unit = "" if ticks else form.get_text(" ", strip=True).rsplit("Your answer", 1)[-1]
        room = f'<ul class="answers">{listed}</ul>' if ticks else f'<p><span class="blank"></span>{unit}</p>'
        form.replace_with(BeautifulSoup(f"<p>{question}</p>{room}", "html.parser"))
    for tag in copy.find_all(True):
        for name in [name for name in tag.attrs if name == "id" or name.startswith("data-")]:
            del tag[name]
        if tag.name == "a":
            tag.unwrap()
    return str(copy)


def sheet(app: Sphinx, *, solutions: bool = False, first_hour: bool = False) -> str:
    """Return a page to print, made of the built pages."""
    kind = " for a first hour" if first_hour else " with solutions" if solutions else ""
    title = f"{app.config.html_title}: exercises{kind}"
    name = "" if solutions else "<p>Name <span class='blank'></span></p>"
    parts = [f"<h1>{title}</h1>{name}<p class='note'>{NOT_REAL}</p>"]
    for chapter, exercises in chapters(app.env).items():
        page = BeautifulSoup(Path(app.outdir, f"{chapter}.html").read_text("utf-8"), "html.parser")
        numbers = {label: number for number, label, _ in exercises}
        parts += [] if first_hour else [f"<h2>{app.env.titles[chapter].astext()}</h2>"]
        for exercise, between, solution in asked(page):
            classes = list(map(str, exercise.get("class") or []))
            if first_hour and FOR_FIRST_HOUR not in classes:
                continue
            body = on_paper(exercise) + "".join(on_paper(piece) for piece in between)
            quiz = any(piece.select("form.quiz") for piece in between)
            room = "" if quiz or solutions else '<div class="room"></div>'
            answer = on_paper(solution) if solutions and solution else ""
            heading = " · ".join([f"Exercise {numbers[str(exercise['id'])]}", *needs(classes)])
            parts.append(f"<section><h3>{heading}</h3>{body}{room}{answer}</section>")
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    head += f"<style>{STYLE.read_text('utf-8')}</style>"
    body = f'<body class="{FOR_FIRST_HOUR}">' if first_hour else "<body>"
    return f'<!doctype html><html lang="en"><head>{head}</head>{body}{"".join(parts)}</body></html>\n'


def strip_notebook(source: str) -> str:
    """Return a notebook without its solutions."""
    notebook = json.loads(source)
    kept, within = [], False
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            if within:
                within, text = "{solution-end}" not in text, text.partition("```{solution-end}\n```")[2]
            text = re.sub(r"```{solution-start}.*?```{solution-end}\n```", "", text, flags=re.DOTALL)
            before, start, _ = text.partition("```{solution-start}")
            within, text = within or bool(start), before.strip("\n")
            cell["source"] = text.splitlines(keepends=True)
            kept += [cell] if text else []
        elif not within:
            kept.append(cell)
    return json.dumps(notebook | {"cells": kept}, indent=1, ensure_ascii=False) + "\n"


def finish(app: Sphinx, error: Exception | None) -> None:
    """Write the sheets; without solutions, take them out of the published notebooks too."""
    if error is not None or app.builder.format != "html" or not chapters(app.env):
        return
    folder = Path(app.outdir, "_static")
    (folder / SHEET).write_text(sheet(app), "utf-8")
    (folder / FIRST_HOUR).write_text(sheet(app, first_hour=True), "utf-8")
    if app.config.without_solutions:
        (folder / WITH_SOLUTIONS).unlink(missing_ok=True)
        for path in Path(app.outdir, "_sources").rglob("*.ipynb"):
            path.write_text(strip_notebook(path.read_text("utf-8")), "utf-8")
    else:
        (folder / WITH_SOLUTIONS).write_text(sheet(app, solutions=True), "utf-8")


def read_switch(app: Sphinx, config: Config) -> None:
    """Ask the environment whether to leave the solutions out."""
    config.without_solutions = os.environ.get("HIDE_SOLUTIONS", "").lower() in {"1", "yes", "true"}


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect the steps above to the build."""
    app.add_config_value("without_solutions", default=False, rebuild="env", types=[bool])
    app.add_node(ExerciseListNode)
    app.add_directive("exercise-list", ExerciseList)
    app.add_directive("sheets", Sheets)
    app.add_transform(DropSolutions)
    app.connect("config-inited", read_switch)
    app.connect("doctree-resolved", fill_list)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
