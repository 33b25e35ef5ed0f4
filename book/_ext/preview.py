"""Sphinx extension: what others show of a page that somebody links to: site, title, description, a picture.

The picture is the first panel of Figure 1 beside the name of the book and its warning, drawn when the book is
built. Its address must be a full one, so pages name it where that of the book is known (`BOOK_URL`).
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from recohort.exhibits import open_exhibits
from recohort.exhibits.km import SETTINGS, STYLES, draw_curve
from recohort.exhibits.words import headline

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

PICTURE = Path("_static", "preview.png")
PANEL = "fig1a"
SIZE = (12, 6.3)  # inches of 100 pixels: what the services recommend


def add_preview(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Add what the description of a page (see `pages.py`) leaves out."""
    tags = {"og:site_name": app.config.html_title, "twitter:card": "summary"}
    if app.config.html_baseurl:
        base = app.config.html_baseurl.rstrip("/")
        tags |= {"og:url": f"{base}/{pagename}.html", "og:image": f"{base}/{PICTURE.as_posix()}"}
        tags |= {
            "og:image:alt": headline(open_exhibits().panel(PANEL)),
            "twitter:card": "summary_large_image",
        }
    written = (
        f'<meta {"property" if key.startswith("og:") else "name"}="{key}" content="{html.escape(text)}" />\n'
        for key, text in tags.items()
    )
    context["metatags"] = (context.get("metatags") or "") + "".join(written)


def picture(title: str) -> Figure:
    """Draw the picture: name and warning on the left, the curves on the right."""
    data = open_exhibits().panel(PANEL)
    with mpl.rc_context({**SETTINGS, "font.size": 17}):
        figure = Figure(figsize=SIZE, facecolor="white")
        axes = figure.add_axes((0.53, 0.15, 0.43, 0.74))
        for curve in data.curves:
            draw_curve(axes, curve, band=False)
            colour, end = STYLES[curve.style].colour, curve.table["survival"].iloc[-1]
            axes.text(data.last, end + 0.02, curve.label, color=colour, ha="right", va="bottom")
        axes.set(ylim=(0, 1.02), xlim=(0, data.last), xlabel=data.unit.capitalize(), title=data.title)
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        figure.text(0.04, 0.72, "\n".join(title.rsplit(" ", 1)), fontsize=42, fontweight="bold", va="center")
        figure.text(
            0.04, 0.42, "A clinical paper, reproduced\nfrom its printed numbers", va="center", fontsize=21
        )
        figure.text(0.04, 0.16, "Reconstructed patients, not real", va="center", fontsize=21, color="#a01313")
    return figure


def draw(app: Sphinx, error: Exception | None) -> None:
    """Save the picture with the book."""
    if error is None and app.builder.format == "html" and app.config.html_baseurl:
        picture(app.config.html_title).savefig(Path(app.outdir, PICTURE), dpi=100)


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect the steps above to the build."""
    app.connect("html-page-context", add_preview, priority=600)
    app.connect("build-finished", draw)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
