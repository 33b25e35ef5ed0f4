"""What our Sphinx extensions do to a page, on a made-up book with the settings of the real one."""

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

EXTENSIONS = ROOT / "book" / "_ext"
MARKUP = runpy.run_path(str(EXTENSIONS / "markup.py"))
MATHML = runpy.run_path(str(EXTENSIONS / "mathml.py"))["mathml"]
PAGES = runpy.run_path(str(EXTENSIONS / "pages.py"))
COLAB_CELL = (ROOT / "notebooks" / "_colab_cell.py").read_text("utf-8").rstrip("\n")
REPOSITORY = "https://github.com/someone/their-copy"
FIRST_PARAGRAPH = "The first paragraph is long enough to describe the page."
CLAIM_LINK = '<a href="../book/index.html" data-claim="table1.n">number with patients behind it</a>'
OUTSIDE = ("https://github.com", "mybinder", "colab.research")


def build(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Build a book of two pages in `folder` with our settings."""
    shutil.copytree(
        ROOT / "book" / "_ext", folder / "book" / "_ext", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    shutil.copy(ROOT / "_config.yml", folder)
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/index\nchapters: [{file: notebooks/one}]\n")
    (folder / "book" / "references.bib").touch()
    formula = environment.pop("formula", r"\frac{d_i}{n_i}")
    (folder / "book" / "index.md").write_text(f"# A title\n\n{FIRST_PARAGRAPH}\n\n$${formula}$$\n")
    cells = [
        nbformat.v4.new_code_cell(COLAB_CELL, metadata={"tags": ["remove-cell"]}),
        nbformat.v4.new_markdown_cell(f"# One\n\nA {CLAIM_LINK}."),
        nbformat.v4.new_code_cell("1 + 1"),
    ]
    (folder / "notebooks").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "notebooks" / "one.ipynb")
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        "build",
        str(folder),
        "-W",
        "-n",
        "--keep-going",
    ]
    plain = {k: v for k, v in os.environ.items() if k not in {"REPOSITORY_URL", "BOOK_URL"}}
    return subprocess.run(command, env=plain | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a book built without REPOSITORY_URL."""
    folder = tmp_path_factory.mktemp("private")
    done = build(folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a book built with REPOSITORY_URL."""
    folder = tmp_path_factory.mktemp("public")
    done = build(folder, REPOSITORY_URL=REPOSITORY)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"


def links(page: Path) -> list[str]:
    return [str(a["href"]) for a in BeautifulSoup(page.read_text("utf-8"), "lxml").select("a[href]")]


def test_without_repository_url_no_page_names_a_host(private: Path) -> None:
    for page in private.rglob("*.html"):
        assert not [link for link in links(page) if "://" in link]
        assert not any(host in page.read_text("utf-8") for host in OUTSIDE)


def test_repository_url_gives_repository_binder_and_colab_buttons(public: Path) -> None:
    found = links(public / "notebooks" / "one.html")
    assert REPOSITORY in found
    assert any(x.startswith("https://mybinder.org/v2/gh/someone/their-copy/main?urlpath=") for x in found)
    path = "someone/their-copy/blob/gh-pages/_sources/notebooks/one.ipynb"
    assert f"https://colab.research.google.com/github/{path}" in found
    assert (public / "_sources" / "notebooks" / "one.ipynb").is_file()


def test_only_the_published_notebook_knows_the_address(public: Path, private: Path) -> None:
    def first(book: Path) -> str:
        return str(
            json.loads((book / "_sources" / "notebooks" / "one.ipynb").read_text())["cells"][0]["source"]
        )

    assert f'url = "{REPOSITORY}"' in first(public)
    assert REPOSITORY not in first(private)


def test_page_describes_itself_by_its_first_paragraph(private: Path) -> None:
    head = BeautifulSoup((private / "book" / "index.html").read_text("utf-8"), "lxml").head
    assert head is not None
    assert [m["content"] for m in head.select('meta[name="description"]')] == [FIRST_PARAGRAPH]
    assert [m["content"] for m in head.select('meta[property="og:title"]')] == ["A title"]


def test_only_pages_that_link_to_claims_get_the_script_and_all_share_one_file(private: Path) -> None:
    def scripts(page: str) -> list[str]:
        soup = BeautifulSoup((private / page).read_text("utf-8"), "lxml")
        return [str(script["src"]) for script in soup.select("script[src*='claim']")]

    assert [src.split("?")[0] for src in scripts("notebooks/one.html")] == ["../_static/claim.js"]
    assert scripts("book/index.html") == []
    data = (private / "_static" / "claims-data.js").read_text("utf-8")
    assert '"claims":{"' in data
    assert "not real" in data


def test_formulas_are_mathml_and_no_page_loads_a_script_for_them(private: Path) -> None:
    page = BeautifulSoup((private / "book" / "index.html").read_text("utf-8"), "lxml")
    assert len(page.select("math mfrac")) == 1
    assert not [script for script in page.select("script[src]") if "mathjax" in str(script["src"]).lower()]


def test_a_formula_that_cannot_be_set_fails_the_build(tmp_path: Path) -> None:
    done = build(tmp_path, formula=r"\nosuchcommand{x}")
    assert done.returncode != 0
    assert r"\nosuchcommand" in done.stderr


@pytest.mark.parametrize("latex", [r"\nosuchcommand x", r"a & b"])
def test_mathml_refuses_what_it_cannot_set(latex: str) -> None:
    with pytest.raises(ValueError, match=r"nosuchcommand|&"):
        MATHML(latex, "inline")


def test_mathml_sets_aligned_equations() -> None:
    assert MATHML(r"\begin{aligned}a&=b\\c&=d\end{aligned}", "block").count("<mtr>") == 2


def test_icon_script_keeps_the_icons_in_use_alone(tmp_path: Path) -> None:
    scripts = tmp_path / "_static" / "scripts"
    scripts.mkdir(parents=True)
    bars, arrow = 'bars:[448,512,["navicon"],"f0c9","M0 96C0"],', '"arrow-up":[1,2,[],"f062",["M1","M2"]],'
    yen = 'yen:[1,2,[],"a","M"]'
    (scripts / "fontawesome.js").write_text(f"x={{{bars}{arrow}{yen}}}")
    (tmp_path / "page.html").write_text('<i class="fa-solid fa-navicon"></i><i class="fa-yen"></i>')
    PAGES["cut_icons"](tmp_path)
    assert (scripts / "fontawesome.js").read_text() == f"x={{{bars}{yen}}}"


@pytest.mark.parametrize(
    ("written", "mended"),
    [
        ("<tr><th></th><th>n</th></tr>", "<tr><td></td><th>n</th></tr>"),
        ('<th class="blank" > </th>', '<td class="blank" ></td>'),
        ("<thead><th>x</th></thead>", "<thead><th>x</th></thead>"),
        (
            '<div class="citation" id="a" role="doc-biblioentry">',
            '<div class="citation" id="a" role="listitem">',
        ),
        ('<summary aria-label="Toggle hidden content">\n<p>Show', "<summary>\n<p>Show"),
    ],
)
def test_markup_is_mended(written: str, mended: str) -> None:
    assert MARKUP["mend"](written) == mended
