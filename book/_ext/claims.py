"""Sphinx extension: what stands behind a printed number opens in the page.

Pages that link to claims (``a[data-claim]``) get a small script and its style; all of them share one file of
claims and patients, which a browser loads when a reader first asks. Without the script the links lead to the
claim's row in the table of every printed number.

`claim_columns` in the configuration names the columns to show with every claim.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from recohort.exhibits import open_exhibits
from recohort.exhibits.claim_patients import claim_data, claim_script

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

DATA = "claims-data.js"  # claim.js looks for it beside itself


def add_script(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Give the script to a page that links to claims, and to no other."""
    if 'data-claim="' in context.get("body", ""):
        app.add_js_file("claim.js", loading_method="defer")
        app.add_css_file("claim.css")


def write_data(app: Sphinx, error: Exception | None) -> None:
    """Write the claims and their patients beside the script."""
    if error is None and app.builder.format == "html":
        study = open_exhibits()
        data = claim_data(study.rows, study.cohort, study.ledger, app.config.claim_columns)
        (Path(app.outdir) / "_static" / DATA).write_text(claim_script(data), "utf-8")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect the steps above to the build."""
    app.add_config_value("claim_columns", [], "html", list)
    app.connect("html-page-context", add_script)
    app.connect("build-finished", write_data)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
