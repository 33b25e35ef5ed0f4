"""Tables, flows and layouts. Oracles: hand counts of the made-up study, and the ledger's own strings."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from bs4 import BeautifulSoup, Tag

from recohort.check import check
from recohort.conditions import Condition
from recohort.exhibits import open_exhibits
from recohort.exhibits.cells import Cell, at_place, cells, form, tally
from recohort.exhibits.flow import flow
from recohort.exhibits.layout import LayoutError, Step, Table, load_layout
from recohort.exhibits.markup import claim_link, element
from recohort.exhibits.numbers import p_number, p_text, percent, rounded, times
from recohort.exhibits.tables import Line, beside, exhibit_table, grid, panel_lines, reasons, simple, summary
from recohort.ledger import Claim

if TYPE_CHECKING:
    import pandas as pd

    from recohort.exhibits import Exhibits
    from recohort.ledger import Ledger


@pytest.fixture(scope="module")
def small_cells(small_cohort: pd.DataFrame, small_ledger: Ledger) -> dict[str, Cell]:
    return cells(check(small_cohort, small_ledger), small_ledger)


@pytest.fixture(scope="module")
def book() -> Exhibits:
    return open_exhibits()


def soup(html: object) -> BeautifulSoup:
    return BeautifulSoup(str(html), "lxml")


def texts(row: Tag) -> list[str]:
    return [cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])]


def rows(html: object) -> list[list[str]]:
    return [texts(row) for row in soup(html).select("tbody tr")]


# --- numbers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(62.5, 0, "63"), (100 * 0.725, 0, "73"), (2.631, 0, "3"), (0.0049, 2, "0.00"), (17.25, 1, "17.3")],
)
def test_rounds_half_up_as_papers_do(value: float, decimals: int, text: str) -> None:
    assert rounded(value, decimals) == text


@pytest.mark.parametrize(
    ("p", "alone", "after_p"),
    [
        (0.1472, "0.15", "= 0.15"),
        (0.0057, "0.006", "= 0.006"),
        (0.0454, "0.045", "= 0.045"),
        (0.0099, "0.01", "= 0.01"),
        (0.0004, "<0.001", "< 0.001"),
        (0.9951, ">0.99", "> 0.99"),
    ],
)
def test_p_values(p: float, alone: str, after_p: str) -> None:
    assert (p_number(p), p_text(p)) == (alone, after_p)


def test_times_and_percentages() -> None:
    assert [times(25.0, "months"), times(17.2, "months"), times(1.0, "months")] == [
        "25 months",
        "17.2 months",
        "1 month",
    ]
    assert times(float("inf"), "months") == "not reached"
    assert percent(0.7251) == "73%"


# --- cells -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "printed", "values", "text"),
    [
        ("count_percent", "2/32 (9)", (3, 32, 9.375), "3/32 (9)"),
        ("count_percent", "1 (2)", (1, 100 / 38), "1 (3)"),
        ("count_percent", "Twenty-six patients (68%)", (26, 68.4), "26 patients (68%)"),
        ("count_percent", "92% [11/12 patients]", (91.67, 11, 12), "92% [11/12 patients]"),
        ("median_range", "34 [18-72]", (33.5, 18, 70), "34 [18-70]"),
        ("percent", "62%", (62.5,), "62%"),  # an exact half may have been rounded down
        ("percent", "61%", (62.5,), "63%"),
        ("median_survival", "not reached", (17.2,), "17.2 months"),
        ("median_survival", "25 months", (float("inf"),), "not reached"),
        ("p_value", ">0.99", (1.0,), ">0.99"),
        ("p_value", "0.02", (0.0032,), "0.003"),
        ("survival", "43%", (float("nan"),), "undefined"),
    ],
)
def test_the_cohorts_numbers_take_the_form_of_the_print(
    kind: str, printed: str, values: tuple[float, ...], text: str
) -> None:
    extra = {
        "median_range": {"attribute": "age"},
        "median_survival": {"endpoint": "os"},
        "survival": {"endpoint": "os", "month": 24},
        "p_value": {"endpoint": "os", "groups": [{"arm": "a"}, {"arm": "b"}]},
    }
    claim = Claim.model_validate({"id": "x", "at": "text", kind: printed, **extra.get(kind, {})})
    assert form(claim, values, "months") == text


@pytest.mark.parametrize(
    ("claim", "reproduced", "verdict", "reading"),
    [
        ("text.n", "12", "reproduced", ""),
        ("text.active", "7 patients (58%)", "reproduced", ""),
        ("table.stage.2", "5 (42)", "reproduced as read", "decimals cut, not rounded"),
        ("table.stage.3", "4 (33)", "reproduced as read", "read as 4 (33)"),
        ("fig1.os.active.2y", "54%", "reproduced as read", "read at 25 months"),
        ("context.screened", "", "context", ""),
    ],
)
def test_a_claim_becomes_one_cell(
    small_cells: dict[str, Cell], claim: str, reproduced: str, verdict: str, reading: str
) -> None:
    cell = small_cells[claim]
    assert (cell.reproduced, cell.verdict, cell.reading) == (reproduced, verdict, reading)


def test_a_cell_is_as_good_as_its_worst_number(small_cohort: pd.DataFrame, small_ledger: Ledger) -> None:
    older = small_cohort.assign(age=small_cohort["age"].where(small_cohort["patient"] != "P07", 71))
    cell = cells(check(older, small_ledger), small_ledger)["table.age"]
    assert (cell.reproduced, cell.verdict) == ("54 [34-71]", "not reproduced")


def test_places_are_matched_whole() -> None:
    places = ["text, Results, Figure 2A", "Figure 2A, key", "text, Results, Supplemental Figure 2A"]
    found = {p: Cell(p, p, "1", "1", "reproduced", "", "", (1.0,)) for p in places}
    assert [cell.place for cell in at_place(found, "Figure 2A")] == places[:2]


def test_tally_and_summary(small_cells: dict[str, Cell]) -> None:
    some = [small_cells[name] for name in ("text.n", "table.stage.2", "table.stage.3", "context.screened")]
    assert tally(some) == {"reproduced": 1, "reproduced as read": 2, "context": 1}
    assert summary(some) == "4 cells: 1 reproduced, 2 reproduced as read, 1 context"


# --- tables ------------------------------------------------------------------------------------

STAGES = {
    "caption": "Stages <at start>",
    "stub": "Patients",
    "columns": ["N (%)"],
    "rows": [
        {"label": "All", "cells": ["text.n"]},
        {"section": "Stage"},
        {"label": "two", "cells": ["table.stage.2"]},
        {"label": "three", "cells": ["table.stage.3"]},
    ],
}


def test_published_beside_reproduced(small_cells: dict[str, Cell]) -> None:
    html = exhibit_table(Table.model_validate(STAGES), small_cells)
    assert rows(html) == [
        ["All", "Twelve", "12", "yes"],
        ["Stage"],
        ["two", "5 (41)", "5 (42) decimals cut, not rounded", "if re-read"],
        ["three", "5 (33)", "4 (33) read as 4 (33)", "if re-read"],
    ]
    table = soup(html).table
    assert table is not None
    assert table.caption is not None
    assert table.caption.get_text() == "Stages <at start>, N (%)."
    assert [th["scope"] for th in table.select("thead th")] == ["col"] * 4
    assert [th["scope"] for th in table.select("tbody th")] == ["row", "rowgroup", "row", "row"]
    assert len(table.select("tbody")) == 2  # the section heads a body of its own


def test_each_verdict_leads_to_its_claim(small_cells: dict[str, Cell]) -> None:
    links = soup(exhibit_table(Table.model_validate(STAGES), small_cells)).select("a.verdict")
    assert [link["href"] for link in links] == [
        claim_link(name) for name in ("text.n", "table.stage.2", "table.stage.3")
    ]
    for link in links:  # what is spoken starts with what is seen
        assert str(link["aria-label"]).startswith(link.get_text())


def test_claims_of_one_quantity_share_a_row(small_cells: dict[str, Cell]) -> None:
    first = small_cells["fig1.os.active.median"]
    again = Cell("key", "Figure 1, key", "Not reached", "not reached", "reproduced", "", "", (float("inf"),))
    table = beside("Medians", "Group", [Line("active", (first, again)), Line("both", (), "12 months")])
    assert rows(table) == [
        ["active", "not reached", "not reached", "Figure 1 yes key yes"],
        ["both", "not printed", "12 months", ""],
    ]


def test_where_places_print_different_numbers_each_is_said_with_its_place() -> None:
    def cell(place: str, printed: str) -> Cell:
        verdict = "reproduced" if printed == "71%" else "not reproduced"
        return Cell("x", place, printed, "71%", verdict, "", "", (71.4,))

    text, key = "text, Results, Figure 2B", "Figure 2B, key"
    one = Line("one", (cell(text, "71%"), cell(key, "75%")))
    two = Line("two", (cell(text, "71%"), cell(text, "75%"), cell(key, "71%")))
    assert rows(beside("Rates", "Group", [one, two])) == [
        ["one", "71% (text); 75% (key)", "71%", "text yes key no"],
        ["two", "71% (text 1 and key); 75% (text 2)", "71%", "text 1 yes text 2 no key yes"],
    ]


def test_a_grid_keeps_the_printed_columns(small_cells: dict[str, Cell]) -> None:
    layout = Table.model_validate(
        {
            "caption": "Two columns",
            "stub": "Who",
            "columns": ["All", "P"],
            "rows": [
                {"label": "early", "cells": ["text.early", "-"]},
                {"label": "arms", "cells": [None, "table.response.p"]},
            ],
        }
    )
    html = grid(layout, small_cells)
    assert rows(html) == [
        ["early", "published 44% [4/9 patients] reproduced 44% [4/9 patients] yes", "–"],
        ["arms", "", "published 0.24 reproduced 0.24 yes"],
    ]
    labels = [cell.get("data-label") for cell in soup(html).select("tbody td")]
    assert labels == ["All", None, None, "P"]


def test_reasons_are_given_once_for_like_cells(small_cells: dict[str, Cell]) -> None:
    twin = Cell(**{**vars(small_cells["table.stage.2"]), "claim": "twin"})
    items = soup(reasons([*small_cells.values(), twin])).select("li")
    assert len(items) == 3
    assert items[0].get_text() == (
        "Patients: two; Patients: two (Table 1): printed 5 (41), decimals cut, not rounded. "
        "Why: 5/12 is 41.67%."
    )


@pytest.mark.parametrize(
    ("heading", "shown"),
    [
        ("fig1.os.no_hsct.2y", "fig1.<wbr>os.<wbr>no_<wbr>hsct.<wbr>2y"),
        ("At 0.5 months", "At 0.5 months"),
        ("vs. women", "vs. women"),
        ("0.5", "0.5"),
    ],
)
def test_a_long_id_may_break_at_its_points(heading: str, shown: str) -> None:
    assert f">{shown}</th>" in simple("Ids", ["Id"], [[heading]]).text


def test_text_is_escaped() -> None:
    html = simple("<b>", ["&"], [["<i>"], [element("b", "bold", class_="x")]])
    assert "&lt;b&gt;" in html.text
    assert rows(html) == [["<i>"], ["bold"]]
    assert soup(html).select_one("b.x") is not None


# --- flows -------------------------------------------------------------------------------------

FLOW = {
    "label": "Screened",
    "claim": "context.screened",
    "then": [
        {
            "label": "Treated",
            "claim": "text.n",
            "then": [
                {
                    "label": "Active",
                    "claim": "text.active",
                    "then": [{"label": "Operated", "where": {"surgery": 1}}],
                },
                {"label": "Control", "rest": True},
            ],
        }
    ],
}


def test_a_flow_counts_by_claim_by_condition_and_by_rest(
    small_cohort: pd.DataFrame, small_ledger: Ledger, small_cells: dict[str, Cell]
) -> None:
    html = soup(flow(Step.model_validate(FLOW), small_cohort, small_ledger, small_cells))
    assert [box.get_text(" ", strip=True) for box in html.select(".box")] == [
        "Screened printed: 31 not tested",
        "Treated 12 printed: Twelve yes",
        "Active 7 patients (58%) printed: Seven patients (58%) yes",
        "Operated 2 not printed",
        "Control 5 not printed",
    ]
    assert html.select_one("ul > li > ul > li > ul > li > ul > li .step") is not None


def test_a_flow_must_divide_what_is_above(
    small_cohort: pd.DataFrame, small_ledger: Ledger, small_cells: dict[str, Cell]
) -> None:
    wrong = Step(label="Active", where=Condition(), then=(Step(label="Elderly", claim="table.age.elderly"),))
    top = Step(label="All", claim="text.active", then=(wrong,))
    with pytest.raises(ValueError, match="below 'Active' are patients who are not in it"):
        flow(Step(label="x", claim="text.n", then=(top,)), small_cohort, small_ledger, small_cells)


# --- layouts -----------------------------------------------------------------------------------

TABLE = "tables: {t: {caption: c, stub: s, columns: [N], rows: [ROW]}}"
PANEL = (
    "panels: {p: {letter: A, title: t, places: [], month: 1, endpoint: END, groups: [{label: g, where: W}]}}"
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (TABLE.replace("ROW", "{label: a, cells: [nope]}"), "no claim 'nope'"),
        (TABLE.replace("ROW", "{label: a}"), "0 cells for 1 columns"),
        (TABLE.replace("ROW", "{cells: []}"), "a section or a label"),
        ("flows: {f: {label: a, claim: text.n, rest: true}}", "exactly one of claim, where, rest"),
        ("flows: {f: {label: a, claim: text.m}}", "no claim 'text.m'"),
        (PANEL.replace("END", "dfs").replace("W", "{}"), "no endpoint 'dfs'"),
        (PANEL.replace("END", "os").replace("W", "{sex: 1}"), "no attribute 'sex'"),
        (PANEL.replace("END", "os, at_risk: {dfs: 3}").replace("W", "{}"), "no endpoint 'dfs'"),
        (PANEL.replace("END", "os, compare: [[0, 1]]").replace("W", "{}"), "compare names groups"),
        ("flows: {f: {label: a, where: {sex: 1}}}", "no attribute 'sex'"),
        ("figures: {}", "figures"),
        ("tables: [", "not YAML"),
    ],
)  # fmt: skip
def test_bad_layouts_get_one_line(tmp_path: Path, small_ledger: Ledger, text: str, complaint: str) -> None:
    file = tmp_path / "exhibits.yaml"
    file.write_text(text)
    with pytest.raises(LayoutError) as caught:
        load_layout(file, small_ledger)
    assert complaint in str(caught.value)
    assert "exhibits.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- the paper ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "place"), [("table1", "Table 1"), ("supp1", "Supplemental Table 1")])
def test_every_claim_of_a_table_stands_in_one_cell(book: Exhibits, name: str, place: str) -> None:
    printed = [claim.id for claim in book.ledger.claims if claim.at == place]
    assert Counter(book.layout.tables[name].claims) == Counter(printed)


def test_columns_of_the_response_table_hold_their_patients(book: Exhibits) -> None:
    table = book.layout.tables["supp1"]
    assert table.columns == ("Ph-negative", "Ph-positive", "All", "P")
    for row in table.rows:
        for column, name in zip(table.columns, row.cells, strict=False):
            if name in (None, "-"):
                continue
            claim = book.ledger.claim(name)
            ph = dict((claim.of & claim.where).tests).get("ph")
            expected = {"Ph-negative": "negative", "Ph-positive": "positive"}.get(column)
            assert (str(ph) if ph else None) == expected, name
            assert (claim.kind == "p_value") == (column == "P"), name


def test_every_printed_number_of_a_figure_stands_beside_its_panel(book: Exhibits) -> None:
    shown = {
        cell.claim
        for name in book.layout.panels
        for line in panel_lines(book.panel(name))
        for cell in line.cells
    }
    printed = {claim.id for claim in book.ledger.claims if "Figure" in claim.at}
    assert printed - shown == {
        "fig2legend.hsct.responder.n"
    }  # a footnote; it stands in the flow and the prose
    assert shown <= printed


def test_the_canonical_cohort_meets_every_cell(book: Exhibits) -> None:
    assert {cell.claim for cell in book.cells.values() if cell.verdict == "not reproduced"} == set()
    for name in book.layout.tables:
        for cell in book.table_cells(name):
            expected = book.ledger.claim(cell.claim).printed
            assert cell.printed == expected
            if cell.verdict == "reproduced":
                assert cell.reproduced.lower() == expected.lower()
            else:
                assert cell.reproduced != expected


def test_tables_show_every_printed_string(book: Exhibits) -> None:
    for name in book.layout.tables:
        shown = book.table(name).text
        assert all(cell.printed.replace(">", "&gt;") in shown for cell in book.table_cells(name))


def test_flow_of_the_paper_adds_up(book: Exhibits) -> None:
    boxes = {}
    for name in book.layout.flows:
        for box in soup(book.flow(name)).select(".box"):
            label = box.select_one(".step")
            count = box.select_one("b")
            assert label is not None
            boxes.setdefault(label.get_text(), []).append(count.get_text() if count else "")
    # by subtraction from the print: 25 - 15 - 3, 38 - 27 - 7, 12 - 3, 38 - 25, 13 - 7, 6 - 5
    assert boxes["Negative later"] == ["7"]
    assert boxes["Never negative"] == ["9", "4"]
    assert boxes["Non-responders"] == ["13"]
    assert boxes["Not transplanted"] == ["6"]
    assert boxes["Left before it"] == ["1"]
