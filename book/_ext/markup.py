"""Sphinx extension: mends what pandas, docutils and MyST-NB write against the rules of accessibility.

Tested on the built pages by `tests/browser/test_accessibility.py`; the theme's own faults are mended in
`book/_templates`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata

MENDED = {
    # pandas: a corner of a table that heads nothing is no heading
    re.compile(r"<th((?: [^>]*)?)>\s*</th>"): r"<td\1></td>",
    # docutils: a role that was withdrawn, inside a list that wants items
    re.compile(r'(<div class="citation"[^>]*) role="doc-biblioentry"'): r'\1 role="listitem"',
    # MyST-NB: a label that hides the words "Show code cell source" from those who hear the page
    re.compile(r'<summary aria-label="Toggle hidden content">'): "<summary>",
}


def mend(body: str) -> str:
    """Return a page's text with its faults mended."""
    for fault, remedy in MENDED.items():
        body = fault.sub(remedy, body)
    return body


def mend_page(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Mend a page before it is written."""
    if "body" in context:
        context["body"] = mend(context["body"])


def setup(app: Sphinx) -> ExtensionMetadata:
    """Connect the step above to the build."""
    app.connect("html-page-context", mend_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
