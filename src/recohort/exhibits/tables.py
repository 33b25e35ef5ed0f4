"""Tables of what is printed beside what the cohort gives, as HTML with header cells.

Two shapes. :func:`beside` has one printed number a row: published, reproduced, the same? :func:`grid`
keeps the columns of a wide printed table and puts the two into each cell. Both read on a phone; the
styles are in ``book/_static/exhibits.css``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from recohort.check import Verdict
from recohort.exhibits.cells import Cell, tally
from recohort.exhibits.curves import GroupCurve, PanelData, risk_table, survival_at
from recohort.exhibits.layout import Table
from recohort.exhibits.markup import WORDS, Html, breakable, claim_link, element, number_link, verdict_link
from recohort.exhibits.numbers import p_number, percent, rounded, times
from recohort.exhibits.words import NOT_REAL

__all__ = [
    "Line",
    "beside",
    "curve_numbers",
    "exhibit_table",
    "grid",
    "in_numbers",
    "panel_lines",
    "reasons",
    "simple",
    "summary",
    "verdict_key",
]

HEADINGS = ("Published", "Reproduced", "Same?")
MEANINGS: Mapping[Verdict, str] = {
    "reproduced": "comes out as printed",
    "reproduced as read": "not as printed, only under the reading given",
    "not reproduced": "does not come out",
    "context": "cannot be tested on these patients",
}
"""What a verdict means, in few words."""


@dataclass(frozen=True)
class Line:
    """A row of a table of printed numbers: a section heading if it has no cells and no value.

    Attributes
    ----------
    label : str
    cells : tuple of Cell
        The claims that print this quantity, one or more.
    computed : str
        What the cohort gives where nothing is printed.
    """

    label: str
    cells: tuple[Cell, ...] = ()
    computed: str = ""

    @property
    def is_section(self) -> bool:
        """Whether the line is a heading for the lines below it."""
        return not self.cells and not self.computed


def verdict_key(cells: Iterable[Cell]) -> Html:
    """Say in a line above a table what its verdicts mean; those that do not occur are left out."""
    said = [f"“{WORDS[verdict]}”: {MEANINGS[verdict]}" for verdict in tally(cells)]
    return element("p", f"{HEADINGS[-1]} {'; '.join(said)}.", class_="exhibit verdict-key")


def exhibit_table(table: Table, cells: Mapping[str, Cell]) -> Html:
    """Return a table of a layout: published beside reproduced in one column, or a grid for several."""
    shown = _columns_of(table, cells)
    return element("div", verdict_key(cells[name] for name in table.claims), shown)


def _columns_of(table: Table, cells: Mapping[str, Cell]) -> Html:
    if len(table.columns) > 1:
        return grid(table, cells)
    lines = [
        Line(row.section)
        if row.section is not None
        else Line(row.label or "", tuple(cells[name] for name in row.cells if name is not None))
        for row in table.rows
    ]
    return beside(f"{table.caption}, {table.columns[0]}", table.stub, lines)


def beside(caption: str, stub: str, lines: Sequence[Line]) -> Html:
    """Return a table with one printed quantity a row.

    Parameters
    ----------
    caption : str
    stub : str
        Heading of the row labels.
    lines : sequence of Line
    """
    groups: list[list[Html]] = [[]]
    for line in lines:
        if line.is_section:
            groups.append([_section(line.label, 1 + len(HEADINGS))])
        else:
            groups[-1].append(_beside_row(line))
    return _table(caption, (stub, *HEADINGS), groups, "beside")


def grid(table: Table, cells: Mapping[str, Cell]) -> Html:
    """Return a printed table with its own columns; each cell has the published number, then ours."""
    groups: list[list[Html]] = [[]]
    for row in table.rows:
        if row.section is not None:
            groups.append([_section(row.section, 1 + len(table.columns))])
            continue
        entries = zip(table.columns, row.cells, strict=True)
        groups[-1].append(
            _row(row.label or "", *(_grid_cell(column, name, cells) for column, name in entries))
        )
    caption = f"{table.caption}. In each cell the published number comes first, then the reproduced one"
    return _table(caption, (table.stub, *table.columns), groups, "grid")


def simple(caption: str, headings: Sequence[str], rows: Iterable[Sequence[str | Html]]) -> Html:
    """Return a plain table whose first column holds the row headings; ids among these may break."""
    body = [_row(breakable(row[0]), *(_datum(value) for value in row[1:])) for row in rows]
    return _table(caption, headings, [body], "simple")


def in_numbers(table: Html) -> Html:
    """Fold a table away below the drawing that it repeats, for those who do not see the drawing."""
    return element("details", element("summary", "The curves in numbers"), table)


def panel_lines(data: PanelData) -> list[Line]:
    """Return what is printed about a panel, group by group, then its tests.

    A quantity that the paper does not print has the cohort's value alone.
    """
    lines: list[Line] = []
    if data.printed_n:
        lines.append(Line("Patients", tuple(data.printed_n)))
    for curve in data.curves:
        lines.append(Line(curve.label))
        lines.append(Line("Patients", tuple(curve.printed["n"]), str(curve.n)))
        lines.append(Line("Median", tuple(curve.printed["median"]), times(curve.median, data.unit)))
        rate_label = f"At {times(curve.month, data.unit)}"
        lines.append(Line(rate_label, tuple(curve.printed["rate"]), percent(curve.rate)))
    if data.comparisons:
        lines.append(Line(f"P, {data.comparisons[0].test} test"))
    for comparison in data.comparisons:
        a, b = (data.curves[i].label for i in comparison.pair)
        computed = p_number(comparison.p_value)
        lines.append(Line(f"{a} against {b}", tuple(comparison.printed), computed))
    return lines


def curve_numbers(data: PanelData, at: Sequence[float]) -> Html:
    """Return a panel's curves as a table: survival with its 95 % interval, and who is where."""
    headings = (data.unit.capitalize(), "Survival (95% CI)", "At risk", "Censored", "Events")
    groups = []
    for curve in data.curves:
        group = [_section(curve.label, len(headings))]
        counts = risk_table(curve.time, curve.event, at)
        for time, left, censored, events in counts.itertuples():
            shown = _survival_text(curve, time, left)
            group.append(
                _row(times(time), *(_datum(text) for text in (shown, str(left), str(censored), str(events))))
            )
        groups.append(group)
    caption = f"{data.title}: the curves in numbers. {NOT_REAL.capitalize()}"
    return _table(caption, headings, groups, "simple")


def reasons(cells: Iterable[Cell]) -> Html:
    """List the cells that are not taken as printed: what is printed, how it is read, why.

    Cells that share print and reason share an entry.
    """
    alike: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        if cell.verdict == "reproduced as read":
            alike.setdefault((cell.printed, cell.reading, cell.because), []).append(cell)
    items = [
        element("li", *_links(found), f": printed {printed}, {reading}. Why: {because}.")
        for (printed, reading, because), found in alike.items()
    ]
    return element("ul", *items, class_="exhibit reasons") if items else Html("")


def _links(cells: Sequence[Cell]) -> list[str | Html]:
    """Return a link to each claim's entry, by what it states, then where they are printed."""
    links: list[str | Html] = []
    for cell in cells:
        links += [element("a", cell.what, href=claim_link(cell.claim), data_claim=cell.claim), "; "]
    places = dict.fromkeys(cell.place for cell in cells)
    return [*links[:-1], f" ({'; '.join(places)})"]


def summary(cells: Iterable[Cell]) -> str:
    """Say how many cells came out, ``41 cells: 35 reproduced, 6 reproduced as read``."""
    found = list(cells)
    order: Mapping[Verdict, int] = tally(found)
    return f"{len(found)} cells: " + ", ".join(f"{count} {verdict}" for verdict, count in order.items())


def _table(caption: str, headings: Sequence[str], groups: Sequence[Sequence[Html]], kind: str) -> Html:
    """Put a table together; each group of rows is a body of its own, so that its heading can head it.

    Roles are spelled out because some browsers drop them where a style sheet turns rows into blocks.
    """
    head = (element("th", text, scope="col", role="columnheader") for text in headings)
    bodies = (element("tbody", *group, role="rowgroup") for group in groups if group)
    inside = element(
        "table",
        element("caption", f"{caption}."),
        element("thead", element("tr", *head, role="row"), role="rowgroup"),
        *bodies,
        class_=f"exhibit-table {kind}",
        role="table",
    )
    return element("div", inside, class_="exhibit")


def _section(label: str, columns: int) -> Html:
    heading = element("th", label, colspan=columns, scope="rowgroup", role="rowheader")
    return element("tr", heading, class_="section", role="row")


def _row(label: str | Html, *data: Html) -> Html:
    return element("tr", element("th", label, scope="row", role="rowheader"), *data, role="row")


def _datum(*content: str | Html, class_: str | None = None, data_label: str | None = None) -> Html:
    return element("td", *content, role="cell", class_=class_, data_label=data_label)


def _beside_row(line: Line) -> Html:
    if not line.cells:
        return _row(line.label, _datum("not printed", class_="unprinted"), _datum(line.computed), _datum())
    ours = {cell.reproduced: cell for cell in reversed(line.cells)}
    places = _apart(line.cells)
    return _row(
        line.label,
        _datum(_published(line.cells, places)),
        _datum(*(piece for cell in reversed(ours.values()) for piece in _reproduced(cell))),
        _datum(*map(_mark, line.cells, places)),
    )


def _published(cells: Sequence[Cell], places: Sequence[str]) -> str:
    """Say what is printed in the first spelling; where places print different numbers, which prints what."""
    spelling: dict[str, str] = {}
    where: dict[str, list[str]] = {}
    for cell, place in zip(cells, places, strict=True):
        spelling.setdefault(cell.printed.lower(), cell.printed)
        where.setdefault(cell.printed.lower(), []).append(place)
    if len(spelling) == 1:
        return next(iter(spelling.values()))
    return "; ".join(f"{text} ({' and '.join(where[key])})" for key, text in spelling.items())


def _apart(cells: Sequence[Cell]) -> list[str]:
    """Name what of its place tells a cell from the others of its row; nothing if it stands alone."""
    places = [cell.place.split(", ") for cell in cells]
    if len(places) == 1:
        return [""]
    common = set(places[0]).intersection(*places[1:])
    names = [next((part for part in place if part not in common), place[-1]) for place in places]
    return [
        f"{name} {names[:k].count(name) + 1}" if names.count(name) > 1 else name  # twice in the text
        for k, name in enumerate(names)
    ]


def _mark(cell: Cell, where: str) -> Html:
    """Return a verdict, after the place that it is about where a row has several."""
    place: list[str | Html] = [element("small", where), " "] if where else []
    return element("span", *place, verdict_link(cell), class_="at-place")


def _survival_text(curve: GroupCurve, time: float, at_risk: int) -> str:
    """Survival with its interval at a time; nothing is claimed where nobody is left."""
    if at_risk == 0:
        return "–"
    there = survival_at(curve.table, time)
    if math.isnan(there["low"]):
        return percent(there["survival"])
    return f"{percent(there['survival'])} ({rounded(100 * there['low'], 0)}–{percent(there['high'])})"


def _reproduced(cell: Cell) -> list[str | Html]:
    """Return our number, which opens its patients, and, if the print is read otherwise, how."""
    if cell.verdict == "context":
        return ["–"]
    number = number_link(cell)
    if not cell.reading:
        return [number]
    return [number, element("small", cell.reading, class_="reading")]


def _grid_cell(heading: str, name: str | None, cells: Mapping[str, Cell]) -> Html:
    if name is None or name == "-":
        return _datum("–" if name else "", class_="empty")
    cell = cells[name]
    return _datum(
        element("span", element("span", "published ", class_="spoken"), cell.printed, class_="published"),
        element(
            "span", element("span", "reproduced ", class_="spoken"), *_reproduced(cell), class_="reproduced"
        ),
        verdict_link(cell),
        data_label=heading,
    )
