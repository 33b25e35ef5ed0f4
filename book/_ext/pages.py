"""Sphinx extension: what every page of the book needs besides its text.

- `REPOSITORY_URL` in the environment gives repository, Binder and Colab buttons; without it there are none.
- `clone-line` says how to get a copy of the repository, where its address is given.
- Each page gets a description and a title for search engines and previews: its own, or its first sentence.
- Each page says when its source last changed, as the repository knows it.
- Notebooks run side by side.
- Figures that a page draws are saved below `downloads`, and the page links to them.
- The published copy of a notebook knows where to fetch the repository from (see `notebooks/_colab.py`).
"""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from jupyter_client.manager import KernelManager
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config
    from sphinx.util.typing import ExtensionMetadata

PUBLISHED_BRANCH = "gh-pages"  # the workflow pushes the built book there, notebooks in _sources/
URL_LINE = 'os.environ.get("REPOSITORY_URL", "")'  # stands in the first cell of each notebook
DESCRIPTION_LENGTH = 155  # characters; search engines cut longer ones


def repository() -> str:
    """Return the address of the repository, or nothing if this build was not told."""
    url = os.environ.get("REPOSITORY_URL", "").rstrip("/").removesuffix(".git")
    return url if url.startswith("https://") else ""


class CloneLine(SphinxDirective):
    """The directive `clone-line`: the commands that fetch the repository, or nothing."""

    def run(self) -> list[nodes.Node]:
        """Write the commands."""
        if not repository():
            return []
        commands = f"git clone {repository()} recohort\ncd recohort"
        return [nodes.literal_block(commands, commands, language="sh")]


def add_buttons(app: Sphinx, config: Config) -> None:
    """Offer repository, Binder and Colab where the address of the repository is given."""
    url = repository()
    config.html_baseurl = os.environ.get("BOOK_URL", "")
    options = config.html_theme_options
    if not url:
        options.pop("repository_url", None)
        options.pop("launch_buttons", None)
        return
    on_github = url.startswith("https://github.com/")
    options["repository_url"] = url
    options["repository_provider"] = "github" if on_github else "gitlab"
    options["repository_branch"] = "main"
    options["use_repository_button"] = True
    options["launch_buttons"] = {
        "notebook_interface": "jupyterlab",
        "binderhub_url": "https://mybinder.org",
        "colab_url": "https://colab.research.google.com" if on_github else "",
    }


def point_colab_to_the_published_notebook(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Colab opens the copy that knows the repository's address."""
    for group in context.get("header_buttons", []):
        for button in group.get("buttons", []):
            if button["text"] == "Colab":
                button["url"] = button["url"].replace("/blob/main/", f"/blob/{PUBLISHED_BRANCH}/_sources/")


def describe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add the description and the preview's title to a page."""
    tags = context.get("metatags") or ""
    given = re.search(r'<meta [^>]*?content="([^"]*)"[^>]*?name="description"', tags) or re.search(
        r'<meta [^>]*?name="description"[^>]*?content="([^"]*)"', tags
    )
    text = html.unescape(given.group(1)) if given else _first_paragraph(doctree)
    text = html.escape(text or str(app.config.html_title))
    if not given:
        tags += f'<meta name="description" content="{text}" />\n'
    title = html.escape(re.sub(r"<[^>]+>", "", context.get("title") or str(app.config.html_title)))
    tags += (
        f'<meta property="og:type" content="article" />\n<meta property="og:title" content="{title}" />\n'
        f'<meta property="og:description" content="{text}" />\n'
    )
    context["metatags"] = tags


def changes(folder: Path) -> dict[str, str]:
    """Return the day of the last commit to each file below a folder, by path; none outside a repository."""
    command = ["git", "log", "--format=%x00%cd", "--date=format:%-d %B %Y", "--name-only", "--relative", "."]
    try:
        log = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return {}
    found: dict[str, str] = {}
    for commit in log.split("\0")[1:]:  # the newest first
        day, *files = commit.split("\n")
        for file in filter(None, files):
            found.setdefault(file, day)
    return found


def look_up_changes(app: Sphinx) -> None:
    """Ask the repository once."""
    app.config.page_changes = changes(Path(app.srcdir))


def say_last_change(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Date a page by its source; the theme would date it by the build."""
    source = Path(app.env.doc2path(pagename)).relative_to(app.srcdir) if doctree else Path()
    context["last_updated"] = app.config.page_changes.get(source.as_posix())


def _first_paragraph(doctree: nodes.document | None) -> str:
    """Return the first paragraph of running text (failing that, of a list or box), cut at a word."""
    paragraphs = list(doctree.findall(nodes.paragraph)) if doctree else []
    paragraphs.sort(key=lambda p: not isinstance(p.parent, nodes.section | nodes.document))
    texts = (" ".join(paragraph.astext().split()) for paragraph in paragraphs)
    text = next((text for text in texts if len(text) > DESCRIPTION_LENGTH // 4), "")
    if len(text) > DESCRIPTION_LENGTH:
        text = text[: DESCRIPTION_LENGTH - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
    return text


def stamp_notebooks(folder: Path, url: str) -> list[Path]:
    """Write the repository's address into the first cell of each notebook below `folder`."""
    stamped = []
    for path in sorted(folder.rglob("*.ipynb")):
        notebook = json.loads(path.read_text("utf-8"))
        first = notebook["cells"][0]
        first["source"] = "".join(first["source"]).replace(URL_LINE, json.dumps(url))
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")
        stamped.append(path)
    return stamped


def finish(app: Sphinx, error: Exception | None) -> None:
    """Stamp the published notebooks."""
    if error is None and app.builder.format == "html":
        url = os.environ.get("REPOSITORY_URL", "")
        if url:
            stamp_notebooks(Path(app.outdir) / "_sources", url)


def offer_figures(app: Sphinx) -> None:
    """Tell the notebooks where the figures that they draw may be saved."""
    if app.builder.format == "html":
        os.environ["RECOHORT_DOWNLOADS"] = str(Path(app.outdir, "downloads"))


def run_notebooks_side_by_side(app: Sphinx) -> None:
    """Read pages in as many processes as there are cores."""
    app.parallel = os.cpu_count() or 1
    # Works on the whole book after it has been read, but does not say that parallel reading is safe.
    app.extensions["sphinx_multitoc_numbering"].parallel_read_safe = True
    # Otherwise each kernel warns that it can be overheard.
    KernelManager.transport_encryption.default_value = "auto"


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect the steps above to the build."""
    run_notebooks_side_by_side(app)
    app.add_directive("clone-line", CloneLine)
    app.connect("config-inited", add_buttons)
    app.add_config_value("page_changes", {}, "", dict)
    app.connect("builder-inited", offer_figures)
    app.connect("builder-inited", look_up_changes)
    app.connect("html-page-context", describe)
    app.connect("html-page-context", say_last_change)
    app.connect("html-page-context", point_colab_to_the_published_notebook, priority=900)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
