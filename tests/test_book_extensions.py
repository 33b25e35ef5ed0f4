"""What our Sphinx extensions do to a page, on a made-up book with the settings of the real one."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup, Tag
from fontTools.ttLib import TTFont
from PIL import Image

from recohort.paths import ROOT

EXTENSIONS = ROOT / "book" / "_ext"
MARKUP = runpy.run_path(str(EXTENSIONS / "markup.py"))
MATHML = runpy.run_path(str(EXTENSIONS / "mathml.py"))["mathml"]
CHANGES = runpy.run_path(str(EXTENSIONS / "pages.py"))["changes"]
LIGHT = runpy.run_path(str(EXTENSIONS / "light.py"))
COLAB_CELL = (ROOT / "notebooks" / "_colab_cell.py").read_text("utf-8").rstrip("\n")
REPOSITORY = "https://github.com/someone/their-copy"
BOOK = "https://someone.github.io/their-copy/"
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
    (folder / "book" / "index.md").write_text(
        f"# A title\n\n{FIRST_PARAGRAPH}\n\n$${formula}$$\n\n```{{clone-line}}\n```\n"
    )
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
    done = build(folder, REPOSITORY_URL=REPOSITORY, BOOK_URL=BOOK)
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


def test_the_commands_that_fetch_a_copy_stand_where_the_address_is_known(public: Path, private: Path) -> None:
    shown = (public / "book" / "index.html").read_text("utf-8")
    assert f"git clone {REPOSITORY} recohort" in BeautifulSoup(shown, "lxml").text
    assert "git clone" not in (private / "book" / "index.html").read_text("utf-8")


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
    LIGHT["cut_icons"](tmp_path)
    assert (scripts / "fontawesome.js").read_text() == f"x={{{bars}{yen}}}"


@pytest.mark.parametrize(
    ("style", "cut"),
    [
        (".a{x:1}.b{y:2}", ".a{x:1}"),
        (".a,.b .a,#c{x:1}", ".a,#c{x:1}"),
        ("/* .a */p>.b{x:1}p{y:2}", "p{y:2}"),
        ("p{y:2}/*! Copyright x, y.com */i,.b{x:1}", "/*! Copyright x, y.com */\np{y:2}i{x:1}"),
        ("a:not(.b):hover{x:1}:is(.a,.b) td{x:1}", "a:not(.b):hover{x:1}:is(.a,.b) td{x:1}"),
        ('[href=".b"]{x:1}.a-b{y:2}', '[href=".b"]{x:1}'),
        ("@media print{.b{x:1}.a{x:1}}", "@media print{.a{x:1}}"),
        ("@supports (x:1){@media print{.b{x:1}}}i{z:3}", "i{z:3}"),
        (
            "@keyframes b{0%{x:.5}to{x:1}}@font-face{src:url(d;.b)}",
            "@keyframes b{0%{x:.5}to{x:1}}@font-face{src:url(d;.b)}",
        ),
    ],
)
def test_styles_keep_what_a_page_can_use(style: str, cut: str) -> None:
    assert LIGHT["cut_style"](style, {"a", "c"}) == cut


def test_classes_count_that_pages_and_scripts_set(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text('<p class="a b-c" id="d">no</p><script>x.className = "e"</script>')
    (tmp_path / "one.js").write_text('y.classList.add("f-g")')
    assert {"a", "b-c", "d", "e", "f-g"} <= LIGHT["words"](tmp_path)
    assert "no" not in LIGHT["words"](tmp_path)


COLOURS = """
html[data-theme="light"] .highlight pre { line-height: 125%; }
html[data-theme="light"] .highlight { background: #fff; color: #000 }
html[data-theme="light"] .highlight .n { color: #000 } /* Name */
html[data-theme="light"] .highlight .o { color: #000 } /* Operator */
html[data-theme="light"] .highlight .k { color: #00f; font-weight: bold } /* Keyword */
html[data-theme="light"] .highlight .ge { color: #000; font-style: italic } /* Emphasis */
html[data-theme="dark"] .highlight { background: #222; color: #EEE }
html[data-theme="dark"] .highlight .n { color: #EEE } /* Name */
html[data-theme="dark"] .highlight .o { color: #F00 } /* Operator */
html[data-theme="dark"] .highlight .ge { color: #EEE; font-style: italic } /* Emphasis */
"""


def test_code_has_no_marks_that_change_nothing() -> None:
    assert LIGHT["plain_tokens"](COLOURS) == {"n"}
    code = '<pre><span class="n">x</span><span class="o">=</span>\n<span class="n">y</span></pre>'
    text = f'<span class="n">kept</span>{code}<p>'
    bare = text.replace(code, '<pre>x<span class="o">=</span>\ny</pre>')
    assert LIGHT["unmarked"](text, {"n"}) == bare


def test_all_style_sheets_become_one(tmp_path: Path) -> None:
    static = tmp_path / "_static"
    (static / "styles").mkdir(parents=True)
    (static / "a.css").write_text('@import "styles/b.css";\n.x{src:url(p.png)}.unused{y:1}')
    (static / "styles" / "b.css").write_text('@charset "UTF-8";\n.x{src:url("../q.png")}')
    (static / "c.css").write_text("i{z:url(data:x)}")
    links = '<link rel="stylesheet" href="{0}_static/a.css?v=1" /><link rel="icon" href="i">{1}<p class="x">'
    pages = {
        "one.html": links.format("", ""),
        "f/two.html": links.format("../", '<link rel="stylesheet" href="../_static/c.css">'),
    }
    for name, text in pages.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = LIGHT["in_one_sheet"](pages, static)
    (sheet,) = static.glob("all.*.css")
    style = '@charset "UTF-8";\n\n.x{src:url("q.png")}\n.x{src:url(p.png)}\ni{z:url(data:x)}'
    assert sheet.read_text() == style
    end = '<link rel="icon" href="i"><p class="x">'
    assert found == {
        "one.html": f'<link rel="stylesheet" href="_static/{sheet.name}" />{end}',
        "f/two.html": f'<link rel="stylesheet" href="../_static/{sheet.name}" />{end}',
    }


@pytest.mark.parametrize(
    ("script", "after"),
    [
        ('<script src="a.js?v=1"></script>', '<script defer src="a.js?v=1"></script>'),
        ('<script data-x="y" src="a.js">', '<script defer data-x="y" src="a.js">'),
        ('<script defer="defer" src="a.js">', '<script defer="defer" src="a.js">'),
        ('<script src="a.js" defer>', '<script src="a.js" defer>'),
        ("<script>src=1</script>", "<script>src=1</script>"),
        ('<script type="application/json" src="x">', '<script type="application/json" src="x">'),
        ('<link rel="preload" as="script" href="a.js" />\n<p>', "<p>"),
        ('<script src="../_static/documentation_options.js?v=9"></script>', r"<script>let x = '\n'</script>"),
    ],
)
def test_scripts_wait_for_the_text(script: str, after: str) -> None:
    assert LIGHT["unhurried"](script, r"let x = '\n'") == after


def test_only_the_search_page_reads_the_index(private: Path) -> None:
    def scripts(page: str) -> list[Tag]:
        return BeautifulSoup((private / page).read_text("utf-8"), "lxml").select("script[src]")

    assert [script for script in scripts("search.html") if "searchindex" in str(script["src"])]
    for page in ("notebooks/one.html", "genindex.html"):
        assert not [script for script in scripts(page) if "search" in str(script["src"])]
        assert all(script.has_attr("defer") for script in scripts(page))


def test_the_icon_font_holds_the_icons_in_use(private: Path) -> None:
    (sheet,) = (private / "_static").glob("all.*.css")
    style = sheet.read_text("utf-8")
    solid, *_ = re.findall(r"font-weight:900;src:url\(data:font/woff;base64,([^)]*)\)", style)
    letters = TTFont(io.BytesIO(base64.b64decode(solid))).getBestCmap()
    assert {0xF0C9, ord("\uf0eb")} <= set(
        letters
    )  # bars, by their code; a bulb, which the theme writes itself
    assert len(letters) < 100
    assert "webfonts" not in style


def test_a_link_shown_elsewhere_has_a_picture(public: Path, private: Path) -> None:
    def tags(page: Path) -> dict[str, str]:
        head = BeautifulSoup(page.read_text("utf-8"), "lxml")
        return {str(m["property"]): str(m["content"]) for m in head.select('meta[property^="og:"]')}

    shown = tags(public / "notebooks" / "one.html")
    assert shown["og:url"] == f"{BOOK}notebooks/one.html"
    assert shown["og:image"] == f"{BOOK}_static/preview.png"
    assert "not real" in shown["og:image:alt"]
    with Image.open(public / "_static" / "preview.png") as picture:
        assert picture.size == (1200, 630)
    assert {"og:title", "og:description", "og:site_name"} <= set(tags(private / "notebooks" / "one.html"))
    assert "og:image" not in tags(private / "notebooks" / "one.html")


def test_a_page_is_dated_by_its_last_commit(tmp_path: Path) -> None:
    def git(*command: str, day: str = "2026-03-01") -> None:
        who = {f"GIT_{x}_{y}": "someone" for x in ("AUTHOR", "COMMITTER") for y in ("NAME", "EMAIL")}
        dated = os.environ | who | {"GIT_AUTHOR_DATE": f"{day}T12:00", "GIT_COMMITTER_DATE": f"{day}T12:00"}
        subprocess.run(["git", *command], cwd=tmp_path, env=dated, check=True, capture_output=True)

    assert CHANGES(tmp_path) == {}
    git("init")
    for number, day in enumerate(["2026-03-01", "2026-04-09", "2026-05-17"]):
        name = "a.md" if number != 1 else "b.md"
        (tmp_path / name).write_text(str(number))
        git("add", name)
        git("commit", "-m", "x", day=day)
    assert CHANGES(tmp_path) == {"a.md": "17 May 2026", "b.md": "9 April 2026"}


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
