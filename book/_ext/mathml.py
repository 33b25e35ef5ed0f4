"""Sphinx extension: formulas become MathML when the book is built.

Browsers draw MathML themselves, so no page loads a script for its formulas and a screen reader reads them.
A command that the converter does not know fails the build instead of reaching a reader.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def mathml(latex: str, display: str) -> str:
    """Convert a LaTeX formula to MathML; `display` is ``"inline"`` or ``"block"``.

    Raises
    ------
    ValueError
        If a command or an alignment mark is left unconverted.
    """
    aligned = latex.replace("{aligned}", "{align*}").replace("{split}", "{align*}")
    markup = convert(aligned.strip(), display=display)
    left_over = re.search(r"\\[A-Za-z]+|<mi>&</mi>", markup)
    if left_over:
        raise ValueError(left_over.group().replace("<mi>&</mi>", "&"))
    return markup


def _markup(node: nodes.math | nodes.math_block, display: str) -> str:
    latex = node.astext()
    try:
        return mathml(latex, display)
    except Exception as error:  # noqa: BLE001  the converter raises many kinds
        logger.warning("formula %r cannot be set: %s", latex, error, location=node)
        return ""


def visit_math(self: HTML5Translator, node: nodes.math) -> None:
    """Write an inline formula."""
    self.body.append(_markup(node, "inline"))
    raise nodes.SkipNode


def visit_math_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Write a displayed formula, with its number if it has one."""
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(_markup(node, "block"))
    if node.get("number"):
        self.body.append(f'<span class="eqno">({get_node_equation_number(self, node)})')
        self.add_permalink_ref(node, "Link to this equation")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> ExtensionMetadata:
    """Offer the renderer; `html_math_renderer: mathml` chooses it."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
