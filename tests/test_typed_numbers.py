"""No number of the paper or of the cohort is typed into prose: it is computed, or it is on a short list.

The text of a page is what a reader sees: headings, paragraphs, lists, exercises; without code,
formulas, links' addresses and computed values (roles). The fixed words of `Prose(...)` count as well.
`typed_numbers.yaml` names what may be typed, and why.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import yaml
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from packaging.specifiers import SpecifierSet

from recohort.ledger import load
from recohort.paths import LEDGER, ROOT

ALLOWED = yaml.safe_load((ROOT / "tests" / "typed_numbers.yaml").read_text("utf-8"))
SETTINGS = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["parse"]["myst_enable_extensions"]
MARKDOWN = create_md_parser(MdParserConfig(enable_extensions=set(SETTINGS)), RendererHTML)
PAGES = sorted([*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "book").glob("*.md")])
NOT_PROSE = {
    "raw", "literalinclude", "code-cell", "glue", "bibliography", "tableofcontents", "grid", "solution-start",
}  # fmt: skip
NUMBER = re.compile(
    r"\d|\b(seven|eight|nine|ten|eleven|twelve|\w+teen|(twen|thir|for|fif|six|seven|eigh|nine)ty|hundred)\b",
    re.IGNORECASE,
)


def prose(markdown: str, exercise: str = "") -> Iterator[tuple[str, str]]:
    """Yield each piece of running text with the label of the exercise it stands in, if any."""
    for token in MARKDOWN.parse(markdown):
        if token.type == "inline":
            pieces = [child.content if child.type == "text" else "\n" for child in token.children or []]
            yield exercise, " ".join("".join(pieces).split())
        directive = re.match(r"\{([\w:-]+)\}\s*(.*)", token.info.strip())
        if token.type in ("fence", "colon_fence") and directive:
            name, title = directive.groups()
            options, body = re.match(r"((?::[\w-]+:[^\n]*\n)*)(.*)", token.content, re.DOTALL).groups()
            label = re.search(r":label: (\S+)", options)
            inside = label[1] if label and name == "exercise" else exercise
            if name not in NOT_PROSE:
                yield from prose(body, inside)
                yield from prose(title, inside)


def fixed_words(code: str) -> Iterator[str]:
    """Yield the literal parts of what a cell hands to `Prose`, without what is computed or looked up."""
    for call in ast.walk(ast.parse(code)):
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Prose":
            looked_up = {
                id(part)
                for inner in ast.walk(call)
                if isinstance(inner, ast.FormattedValue)
                for part in ast.walk(inner)
            }
            for part in ast.walk(call):
                if (
                    isinstance(part, ast.Constant)
                    and isinstance(part.value, str)
                    and id(part) not in looked_up
                ):
                    yield part.value


def read(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the pieces of text of a page."""
    if path.suffix == ".md":
        yield from prose(path.read_text("utf-8").split("\n---\n", 1)[-1])
        return
    label = ""
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            yield from prose(cell.source)
            # The answer and its words belong to the exercise above them, until the next heading.
            for found in re.finditer(r"^:label: (\S+)|^#{1,3} ", cell.source, re.MULTILINE):
                label = found[1] or ""
        elif cell.cell_type == "code":
            yield from ((label, words) for words in fixed_words(cell.source))


def labels(page: dict[str, dict[str, list[str]]]) -> set[str]:
    """Return the exercises of a page whose numbers are none of the paper's."""
    return {label for listed in page.get("exercises", {}).values() for label in listed}


def typed(path: Path, used: set[str]) -> list[str]:
    """Return the sentences of a page with a number that nothing allows; note in `used` what was needed."""
    page = ALLOWED.get(path.stem, {})
    free = labels(page)
    wrong = []
    for exercise, text in read(path):
        if exercise in free:
            used |= {exercise} if NUMBER.search(text) else set()
            continue
        left = text
        for allowed in sorted([*page.get("phrases", {}), *ALLOWED["everywhere"]], key=len, reverse=True):
            if re.search(allowed, left):
                used.add(allowed)
                left = re.sub(allowed, "", left)
        if NUMBER.search(left):
            wrong.append(text)
    return wrong


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_number_of_the_paper_is_typed(path: Path) -> None:
    assert typed(path, set()) == [], "compute it (glue, Prose), or say in typed_numbers.yaml why it may stand"


def test_the_list_holds_nothing_that_is_not_needed() -> None:
    used: set[str] = set()
    for path in PAGES:
        typed(path, used)
    listed = set(ALLOWED["everywhere"])
    pages = {path.stem for path in PAGES}
    for name, page in ALLOWED.items():
        if name != "everywhere":
            assert name in pages, f"no such page: {name}"
            listed |= set(page.get("phrases", {})) | labels(page)
    assert listed - used == set()


@pytest.mark.parametrize(
    ("markdown", "found"),
    [
        ("Of 38 patients", ["Of 38 patients"]),
        ("- thirteen of them", ["thirteen of them"]),
        ("Of {glue:text}`n` patients, $n = 38$, see `P38` and [here](page38.html)", []),
        ("```python\nx = 38\n```", []),
        ("```{exercise}\n:label: ex-1\nTwelve of them.\n```", ["Twelve of them."]),
        (":::{admonition} All 38\nText.\n:::", ["All 38"]),
    ],
)
def test_what_counts_as_prose(markdown: str, found: list[str]) -> None:
    assert [text for _, text in prose(markdown) if NUMBER.search(text)] == found


def test_the_fixed_words_of_computed_sentences_count() -> None:
    code = "Prose(f'Of {percent(rate(24))} at 24 months, ' + ', '.join(f'{cell[\"a.1\"]}' for x in y))"
    assert [words for words in fixed_words(code) if NUMBER.search(words)] == [" at 24 months, "]


def test_the_title_and_the_versions_are_those_of_their_sources() -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    ones = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    tens = ["-", "-", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    ten, one = divmod(load(LEDGER).study.patients, 10)
    assert config["title"] == f"{tens[ten]}-{ones[one]} patients".capitalize()
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    fitting = [f"3.{minor}" for minor in range(30) if f"3.{minor}.0" in SpecifierSet(wanted)]
    text = (ROOT / "book" / "cite_and_rerun.md").read_text("utf-8")
    assert f"Python {', '.join(fitting[:-1])} or {fitting[-1]}" in text
