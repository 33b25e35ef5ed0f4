"""What a paper shows, redrawn from a cohort: tables and figures beside the printed numbers.

``open_exhibits()`` reads the ledger, the cohort and the layout, and hands out pieces for a page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from recohort import paths
from recohort.check import Row, check
from recohort.cohort import read
from recohort.exhibits.cells import Cell, at_place, cells, tally
from recohort.exhibits.curves import PanelData, panel_data, pooled, survival_at, ticks
from recohort.exhibits.downloads import download_links, save
from recohort.exhibits.flow import flow
from recohort.exhibits.km import EXTENDED, km_figure, to_svg
from recohort.exhibits.layout import Layout, load_layout
from recohort.exhibits.markup import Html, Prose, element, figure, flex, link_claims
from recohort.exhibits.numbers import p_text, percent, rounded, times
from recohort.exhibits.tables import (
    beside,
    curve_numbers,
    exhibit_table,
    in_numbers,
    panel_lines,
    reasons,
    simple,
    summary,
    verdict_key,
)
from recohort.exhibits.words import headline, panel_text
from recohort.ledger import Ledger, load

__all__ = [
    "EXTENDED", "Cell", "Exhibits", "Html", "PanelData", "Prose", "at_place", "element", "flex",
    "open_exhibits", "p_text", "percent", "pooled", "reasons", "rounded", "simple", "summary",
    "survival_at", "tally", "times",
]  # fmt: skip


@dataclass(frozen=True)
class Exhibits:
    """A ledger, a cohort, and what they give.

    Attributes
    ----------
    ledger : Ledger
    cohort : DataFrame
    rows : list of Row
        The checker's verdicts.
    cells : dict of str to Cell
        The same by printed cell.
    layout : Layout
    linked : bool
        Whether the claims have an entry in the book, to which a figure's numbers can lead.
    """

    ledger: Ledger
    cohort: pd.DataFrame
    rows: list[Row]
    cells: Mapping[str, Cell]
    layout: Layout
    linked: bool = True

    def table(self, name: str) -> Html:
        """Return a printed table beside the cohort's."""
        return exhibit_table(self.layout.tables[name], self.cells)

    def table_cells(self, name: str) -> list[Cell]:
        """Return the cells of a printed table, in reading order."""
        return [self.cells[claim] for claim in self.layout.tables[name].claims]

    def panel(self, name: str) -> PanelData:
        """Return everything that a Kaplan-Meier panel shows."""
        return panel_data(self.layout.panels[name], self.cohort, self.ledger, self.cells)

    def figure(self, *names: str, rows: Mapping[str, str] = EXTENDED, band: bool = False) -> Html:
        """Draw panels side by side on one scale, each with a text alternative and its numbers.

        While the book is built, each panel is saved as well and has links to its files.
        """
        panels = {name: self.panel(name) for name in names}
        until = max(data.last for data in panels.values())
        tests = max(len(data.comparisons) for data in panels.values())
        drawn = []
        for name, data in panels.items():
            drawing = km_figure(data, until=until, tests=tests, rows=rows, band=band)
            more = []
            if folder := paths.downloads():
                save(drawing, data, name, folder)
                more = [download_links(data, name)]
            numbers = in_numbers(curve_numbers(data, ticks(until)))
            svg = to_svg(drawing, name)
            if self.linked:
                svg = link_claims(svg, self.cells)
            drawn.append(figure(svg, panel_text(data), headline(data), numbers, *more))
        return flex(drawn)

    def compare(self, *names: str) -> Html:
        """Set what is printed about some panels beside what the cohort gives."""
        panels = [self.panel(name) for name in names]
        lines = {f"{data.panel.letter}: {data.title}": panel_lines(data) for data in panels}
        key = verdict_key(cell for some in lines.values() for line in some for cell in line.cells)
        return element("div", key, *(beside(title, "Group", some) for title, some in lines.items()))

    def printed(self, claim: str, part: str) -> float:
        """Return one printed number of a claim at its face value, for arithmetic on the print.

        Raises
        ------
        KeyError
            If the claim prints no such part (``count``, ``denominator``, ``percent``, ``rate``, …).
        """
        return {number.part: number.value for number in self.ledger.claim(claim).numbers}[part]

    def flow(self, name: str) -> Html:
        """Return a patient flow as a nested list."""
        return flow(self.layout.flows[name], self.cohort, self.ledger, self.cells)


def open_exhibits(
    ledger: str | Path = paths.LEDGER,
    cohort: str | Path = paths.COHORT,
    layout: str | Path = paths.DATA / "exhibits.yaml",
) -> Exhibits:
    """Read everything that the exhibits of a paper need, and check the cohort."""
    paper = load(ledger)
    patients = read(cohort, paper)
    rows = check(patients, paper)
    in_book = Path(ledger).resolve() == paths.LEDGER.resolve()
    return Exhibits(paper, patients, rows, cells(rows, paper), load_layout(layout, paper), linked=in_book)
