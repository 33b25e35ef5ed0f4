"""HTML by small pieces: everything is escaped here, and links to claims are made in one place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape, unescape

from recohort.exhibits.cells import Cell

__all__ = [
    "CLAIM_PAGE",
    "WORDS",
    "Html",
    "Prose",
    "breakable",
    "claim_link",
    "element",
    "figure",
    "flex",
    "number_link",
    "verdict_link",
]

CLAIM_PAGE = "../book/every_printed_number.html"
"""The page that lists every claim, as seen from a page one folder below the book's root."""

WORDS: Mapping[str, str] = {
    "reproduced": "yes",
    "reproduced as read": "if re-read",
    "not reproduced": "no",
    "context": "not tested",
}
"""A verdict in a word short enough for a phone."""


@dataclass(frozen=True)
class Html:
    """A piece of HTML that a notebook displays; the same text serves the tests."""

    text: str

    def _repr_html_(self) -> str:
        return self.text

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Prose:
    """A sentence with computed numbers, in Markdown."""

    text: str

    def _repr_markdown_(self) -> str:
        return self.text


def element(tag: str, *children: str | Html, **attributes: str | int | None) -> Html:
    """Make an element; texts are escaped, `Html` is taken as it is, attributes of None are left out.

    A trailing underscore is dropped from a name (``class_``), others become hyphens (``data_claim``).
    """
    names = {
        name.rstrip("_").replace("_", "-"): value for name, value in attributes.items() if value is not None
    }
    inside = "".join(f' {name}="{escape(str(value))}"' for name, value in names.items())
    content = "".join(child.text if isinstance(child, Html) else escape(child) for child in children)
    return Html(f"<{tag}{inside}>{content}</{tag}>")


def breakable(text: str | Html) -> str | Html:
    """Return a long id (``fig1.os.responder.2y``) with places where it may go on in the next line."""
    if isinstance(text, Html) or not re.fullmatch(r"[a-z]\w*(\.\w+)+", text):
        return text
    return Html(re.sub(r"(?<=[._])", "<wbr>", escape(text)))


def claim_link(claim_id: str, page: str = CLAIM_PAGE) -> str:
    """Return the address of a claim's entry: its place, its reading, its verdict."""
    return f"{page}#claim-{claim_id}"


def verdict_link(cell: Cell) -> Html:
    """Return the verdict on a cell in a word or two that leads to its entry."""
    word = WORDS[cell.verdict]
    return element(
        "a",
        word,
        class_=f"verdict {cell.verdict.replace(' ', '-')}",
        href=claim_link(cell.claim),
        data_claim=cell.claim,
        aria_label=f"{word}: {cell.place}, printed {cell.printed}",
    )


def number_link(cell: Cell) -> Html:
    """Return a cell's reproduced number as a link to its entry, for a finger or a mouse.

    The verdict beside it is the same link, so the keyboard need not stop twice.
    """
    return element(
        "a",
        cell.reproduced,
        class_="number",
        href=claim_link(cell.claim),
        data_claim=cell.claim,
        tabindex=-1,
    )


def figure(svg: str, alt: str, caption: str | Html, *more: Html) -> Html:
    """Return a figure: a drawing with its text alternative, a caption, and whatever stands below.

    Parameters
    ----------
    svg : str
        A whole SVG element.
    alt : str
        What a reader takes from the drawing, in words.
    caption : str or Html
    *more : Html
        For example the numbers behind the drawing.
    """
    role = "group" if "data-claim=" in svg else "img"  # links inside an image would be out of reach
    named = re.sub(
        r"<svg\b", f'<svg role="{role}" style="max-width: 30rem" aria-label="{escape(alt)}"', svg, count=1
    )
    return element("figure", Html(named), element("figcaption", caption), *more, class_="exhibit drawing")


CLAIMED = re.compile(r'<g data-part="claim-([^"]+)">(.*?)</g>', re.DOTALL)
"""A text that draws the number of a claim, see :func:`recohort.exhibits.km.draw_key`."""


def link_claims(svg: str, cells: Mapping[str, Cell]) -> str:
    """Let the numbers in a drawing lead to their claims, as those of a table do.

    They are all that is then heard of the drawing itself: its other texts are in its text alternative.

    Parameters
    ----------
    svg : str
        As from :func:`recohort.exhibits.km.to_svg`.
    cells : mapping of str to Cell
        By claim id.
    """
    if not CLAIMED.search(svg):
        return svg

    def linked(found: re.Match[str]) -> str:
        claim, inside = found.groups()
        inside = inside.replace(' aria-hidden="true"', "")
        text = re.sub(r"<!--.*?-->|<[^>]+>", "", inside, flags=re.DOTALL).strip()
        said = f"{text}: {cells[claim].place}, printed {cells[claim].printed}"
        return element(
            "a", Html(inside), href=claim_link(claim), data_claim=claim, aria_label=unescape(said)
        ).text

    return CLAIMED.sub(linked, svg.replace("<text ", '<text aria-hidden="true" '))


def flex(parts: Iterable[Html]) -> Html:
    """Return parts side by side where there is room, below each other where there is not."""
    return element("div", *parts, class_="exhibit side-by-side")
