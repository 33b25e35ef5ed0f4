"""Kaplan-Meier panels: plotted data and words. Oracles: hand counts, our estimators, formulas."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from bs4 import BeautifulSoup

from recohort import estimators
from recohort.check import check, survival_columns
from recohort.cohort import members
from recohort.exhibits import open_exhibits
from recohort.exhibits.cells import cells
from recohort.exhibits.curves import (
    WEIGHTS,
    PanelData,
    compare,
    curve_table,
    median,
    panel_data,
    pooled,
    risk_table,
    survival_at,
    ticks,
)
from recohort.exhibits.km import EXTENDED, STYLES, km_figure, to_svg
from recohort.exhibits.layout import Panel
from recohort.exhibits.markup import claim_link
from recohort.exhibits.numbers import p_text, percent, times
from recohort.exhibits.words import headline, panel_text

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from recohort.exhibits import Exhibits
    from recohort.ledger import Ledger


def panel(endpoint: str, **changes: Any) -> Panel:
    return Panel.model_validate(
        {
            "letter": "A",
            "title": "A made-up panel",
            "places": ["Figure 1"],
            "endpoint": endpoint,
            "month": 24,
            "groups": [{"label": arm, "where": {"arm": arm}} for arm in ("active", "control")],
            "compare": [[0, 1]],
            **changes,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(small_cohort: pd.DataFrame, small_ledger: Ledger) -> dict[str, PanelData]:
    found = cells(check(small_cohort, small_ledger), small_ledger)
    return {name: panel_data(panel(name), small_cohort, small_ledger, found) for name in ("pfs", "os")}


@pytest.fixture(scope="module")
def book() -> Exhibits:
    return open_exhibits()


def random_cohort(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Times with ties, some cohorts without events, some with all."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    return rng.integers(1, 25, n) / 2, (rng.random(n) < rng.choice([0.0, 0.3, 0.7, 1.0])).astype(int)


# --- what is computed --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_lifelines_curve_is_our_curve(seed: int) -> None:
    time, event = random_cohort(seed)
    table, ours = curve_table(time, event), estimators.kaplan_meier(time, event)
    assert table["time"].iloc[0] == 0
    assert table["survival"].iloc[0] == 1
    np.testing.assert_allclose(table["time"][1:], ours.times)
    np.testing.assert_allclose(table["survival"][1:], ours.survival, atol=1e-9)
    np.testing.assert_array_equal(table["at_risk"][1:], ours.at_risk)
    np.testing.assert_array_equal(table["events"][1:], ours.events)
    np.testing.assert_array_equal(table["censored"][1:], ours.censored)
    assert median(table) == estimators.median_survival(ours)


@pytest.mark.parametrize("seed", range(20))
def test_limits_follow_the_log_log_formula(seed: int) -> None:
    """S to the power exp(± 1.96 se / (S log S)), Klein and Moeschberger, formula 4.3.2."""
    time, event = random_cohort(seed)
    table, ours = curve_table(time, event)[1:], estimators.kaplan_meier(time, event)
    s = ours.survival
    inside = (s > 0) & (s < 1)
    shift = np.exp(1.959964 * ours.std_error[inside] / (s[inside] * np.log(s[inside])))
    np.testing.assert_allclose(table["low"][inside], s[inside] ** (1 / shift), atol=1e-6)
    np.testing.assert_allclose(table["high"][inside], s[inside] ** shift, atol=1e-6)
    assert table.loc[~inside, ["low", "high"]].isna().all(axis=None)  # the method gives none there


def test_risk_table_by_hand(data: dict[str, PanelData]) -> None:
    active = data["pfs"].curves[0]  # 2.5*, 9.5*, 14*, 18*, 22, 26.5, 30
    counted = risk_table(active.time, active.event, [0, 14, 22, 24, 31])
    assert counted.to_numpy().tolist() == [[7, 0, 0], [5, 0, 2], [3, 0, 4], [2, 1, 4], [0, 3, 4]]


@pytest.mark.parametrize("seed", range(20))
def test_nobody_is_lost_or_counted_twice(seed: int) -> None:
    time, event = random_cohort(seed)
    counted = risk_table(time, event, [0, 1, 2.5, 6, 12, 13])
    assert (counted.sum(axis=1) == time.size).all()
    assert counted["at_risk"].is_monotonic_decreasing
    curve = estimators.kaplan_meier(time, event)
    assert counted["at_risk"].tolist() == [curve.at_risk_at(t) for t in counted.index]


def test_survival_includes_a_drop_exactly_then(data: dict[str, PanelData]) -> None:
    control = data["pfs"].curves[1].table  # 4*, 5*, 7*, 12*, 27
    assert survival_at(control, 4)["survival"] == pytest.approx(4 / 5)
    assert survival_at(control, 3.9)["survival"] == 1
    assert survival_at(control, 24)["survival"] == pytest.approx(1 / 5)


@pytest.mark.parametrize(
    ("last", "expected"),
    [(20, [0, 3, 6, 9, 12, 15, 18, 21]), (30, [0, 6, 12, 18, 24, 30]), (72.7, list(range(0, 96, 12)))],
)
def test_ticks_reach_past_the_last_time(last: float, expected: list[float]) -> None:
    assert ticks(last) == expected
    assert ticks(last)[-1] >= last


@pytest.mark.parametrize("test", WEIGHTS)
def test_tests_of_lifelines_and_ours_agree(data: dict[str, PanelData], test: str) -> None:
    a, b = data["os"].curves
    assert compare(a, b, test) == pytest.approx(
        estimators.rank_test(*pooled(a, b), kind=test).p_value, abs=1e-9
    )


def test_a_panel_finds_what_is_printed_about_it(data: dict[str, PanelData]) -> None:
    pfs, os = data["pfs"], data["os"]
    assert [curve.n for curve in pfs.curves] == [7, 5]
    assert [curve.rate for curve in pfs.curves] == pytest.approx([3 / 7, 1 / 5])
    assert [[cell.claim for cell in curve.printed["rate"]] for curve in pfs.curves] == [
        ["fig1.pfs.active.2y"],
        ["fig1.pfs.control.2y"],
    ]
    assert [curve.printed["median"] for curve in pfs.curves] == [[], []]
    assert [cell.claim for cell in pfs.comparisons[0].printed] == ["fig1.pfs.p"]
    assert os.curves[0].read_month == 25
    assert os.curves[0].rate == pytest.approx(5 / 7)
    assert os.curves[0].shown == (25, pytest.approx(15 / 28))
    assert os.curves[1].read_month is None
    assert [curve.median for curve in os.curves] == [math.inf, 16]


def test_a_landmark_keeps_those_at_risk(small_cohort: pd.DataFrame, small_ledger: Ledger) -> None:
    groups = [{"label": "surgery", "where": {"surgery": 1}}, {"label": "none", "where": {"surgery": 0}}]
    later = panel("os", at_risk={"pfs": "landmark"}, groups=groups, places=["Figure 2"])
    found = panel_data(
        later, small_cohort, small_ledger, cells(check(small_cohort, small_ledger), small_ledger)
    )
    assert [curve.n for curve in found.curves] == [3, 8]  # P07 left at 2.5 months, before the landmark of 3
    assert [cell.claim for cell in found.curves[0].printed["rate"]] == ["fig2.surgery.2y"]


def test_an_empty_group_is_an_error(small_cohort: pd.DataFrame, small_ledger: Ledger) -> None:
    nobody = [{"label": "nobody", "where": {"age": ">=90"}}]
    with pytest.raises(ValueError, match="nobody: the cohort has no such patient"):
        panel_data(panel("os", groups=nobody, compare=[]), small_cohort, small_ledger, {})


# --- what is drawn -----------------------------------------------------------------------------


def axes(figure: Figure, name: str) -> Axes:
    return next(ax for ax in figure.axes if ax.get_label() == name)


def points(ax: Axes, gid: str) -> list[list[float]]:
    line = next(line for line in ax.lines if line.get_gid() == gid)
    return np.asarray(line.get_xydata()).tolist()


def lines_of(ax: Axes) -> list[list[str]]:
    """Texts of an Axes by line, from left to right; text set in the margin comes first."""
    placed: dict[float, list[tuple[float, str]]] = {}
    for text in ax.texts:
        x, y = text.get_position()
        left = -100 if text.get_transform() != ax.transData else 0
        placed.setdefault(y, []).append((x + left, text.get_text()))
    return [[word for _, word in sorted(placed[y]) if word] for y in sorted(placed)]


def test_the_curve_drops_where_the_events_are(data: dict[str, PanelData]) -> None:
    ax = axes(km_figure(data["pfs"]), "curves")
    np.testing.assert_allclose(
        points(ax, "curve-1"), [[0, 1], [4, 0.8], [5, 0.6], [7, 0.4], [12, 0.2], [27, 0.2]], atol=1e-9
    )
    assert {line.get_drawstyle() for line in ax.lines if str(line.get_gid()).startswith("curve")} == {
        "steps-post"
    }
    assert ax.get_ylim() == (0, 1)
    assert ax.get_xlim() == (0, 30)


def test_each_censored_patient_has_a_mark_on_the_curve(data: dict[str, PanelData]) -> None:
    ax = axes(km_figure(data["pfs"]), "curves")
    np.testing.assert_allclose(points(ax, "censored-0"), [[22, 3 / 7], [26.5, 3 / 7], [30, 3 / 7]], atol=1e-9)
    np.testing.assert_allclose(points(ax, "censored-1"), [[27, 0.2]], atol=1e-9)


def test_bands_are_drawn_when_asked_for(data: dict[str, PanelData]) -> None:
    without, with_bands = (axes(km_figure(data["pfs"], band=band), "curves") for band in (False, True))
    assert (len(without.collections), len(with_bands.collections)) == (0, 2)


def test_the_extended_risk_table(data: dict[str, PanelData]) -> None:
    ax = axes(km_figure(data["pfs"]), "risk")
    assert lines_of(ax) == [
        ["active"],
        ["At risk", "7", "6", "5", "4", "2", "1"],
        ["Censored", "0", "0", "0", "0", "1", "2"],
        ["Events", "0", "1", "2", "3", "4", "4"],
        ["control"],
        ["At risk", "5", "3", "2", "1", "1", "0"],
        ["Censored", "0", "0", "0", "0", "0", "1"],
        ["Events", "0", "2", "3", "4", "4", "4"],
    ]
    assert ax.get_xlim() == axes(km_figure(data["pfs"]), "curves").get_xlim()


def test_plain_numbers_at_risk(data: dict[str, PanelData]) -> None:
    ax = axes(km_figure(data["pfs"], rows={"at_risk": EXTENDED["at_risk"]}), "risk")
    assert lines_of(ax) == [["At risk"], ["7", "6", "5", "4", "2", "1"], ["5", "3", "2", "1", "1", "0"]]


def test_the_key_carries_what_printed_figures_do(data: dict[str, PanelData]) -> None:
    p = estimators.rank_test(*pooled(*data["os"].curves)).p_value
    assert lines_of(axes(km_figure(data["os"]), "key")) == [
        ["N", "Median", "At 24"],
        ["active", "7", "not reached", "54% at 25†"],
        ["control", "5", "16", "40%"],
        [f"log-rank P = {p:.2f}"],
    ]


def test_every_figure_says_what_it_shows(data: dict[str, PanelData]) -> None:
    said = [text.get_text() for text in km_figure(data["os"]).texts]
    assert said == [
        "A  A made-up panel",
        "Reconstructed patients, not real",
        "† 71% at 24 months",
    ]


def test_panels_can_share_a_scale(data: dict[str, PanelData]) -> None:
    assert axes(km_figure(data["pfs"], until=50), "curves").get_xlim() == (0, 60)


def test_panels_can_stand_level(data: dict[str, PanelData]) -> None:
    """One test less than its neighbour leaves the curves at the same height below the top."""
    alone, beside = (km_figure(data["pfs"], tests=tests) for tests in (1, 2))
    depths = []
    for figure in (alone, beside):
        height = float(figure.get_size_inches()[1])
        depths.append(height * (1 - axes(figure, "curves").get_position().y1))
    line = beside.get_size_inches()[1] - alone.get_size_inches()[1]
    assert line > 0
    assert depths[1] - depths[0] == pytest.approx(line)


def test_styles_differ_without_colour() -> None:
    assert len({str(style.line) for style in STYLES}) == len(STYLES)
    assert len({style.colour for style in STYLES}) == len(STYLES)


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.colour)
def test_lines_stand_out_from_a_white_page(style: Any) -> None:
    """Contrast of at least 3 to 1, as WCAG 2.2 asks of graphics (success criterion 1.4.11)."""
    channels = np.array([int(style.colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (float(linear @ [0.2126, 0.7152, 0.0722]) + 0.05) >= 3


def test_the_svg_is_the_same_each_time_and_follows_the_page(data: dict[str, PanelData]) -> None:
    first, second = (to_svg(km_figure(data["pfs"]), "made-up") for _ in range(2))
    assert first == second
    root = BeautifulSoup(first, "lxml-xml").svg
    assert root is not None
    assert root.get("viewBox")
    assert root.get("width") is None
    assert "currentColor" in first
    assert "var(--curve-0, #0072b2)" in first
    assert "Reconstructed patients, not real" in root.get_text()
    assert "<metadata" not in first


# --- what is said ------------------------------------------------------------------------------


def test_the_text_alternative_states_the_result(data: dict[str, PanelData]) -> None:
    low, high = (round(100 * survival_at(data["os"].curves[1].table, 24)[end]) for end in ("low", "high"))
    text = panel_text(data["os"])
    result = "Overall survival at 24 months: active 54% (at 25), control 40%; P"
    assert text.startswith(result)  # the conclusion first
    assert ". Panel A, A made-up panel: Kaplan-Meier curves of 12 reconstructed patients, not real. " in text
    assert "active, 7 patients: 54% at 25 months (95% confidence interval " in text
    assert ", 71% at 24 months; median not reached." in text
    assert f"40% at 24 months (95% confidence interval {low}% to {high}%); median 16 months." in text
    assert re.search(r"active against control: log-rank P = 0\.\d\d\.$", text)


def test_the_caption_gives_the_rates_with_their_intervals(data: dict[str, PanelData]) -> None:
    said = {}
    for name, when in (("pfs", (24, 24)), ("os", (25, 24))):
        there = [survival_at(c.table, month) for c, month in zip(data[name].curves, when, strict=True)]
        said[name] = [f"95% CI {100 * t['low']:.0f}–{100 * t['high']:.0f}%" for t in there]
    active, control = said["pfs"]
    assert headline(data["pfs"]).startswith(
        f"A. Progression-free survival at 24 months: active 43% ({active}), control 20% ({control}); P"
    )
    active, control = said["os"]
    assert f"active 54% (at 25; {active}), control 40% ({control}); P" in headline(data["os"])


def test_a_number_that_stands_for_another_is_marked(book: Exhibits) -> None:
    """The paper prints P 0.20 for Figure 2A, and two rates in Supplemental Figure 2F, that cannot be."""
    marks = {}
    for name in book.layout.panels:
        drawn = km_figure(book.panel(name))
        shown = [text for line in lines_of(axes(drawn, "key")) for text in line if "‡" in text]
        notes = [text.get_text() for text in drawn.texts if "‡" in text.get_text()]
        if shown or notes:
            marks[name] = (shown, notes)
    printed = {claim.id: claim.printed for claim in book.ledger.claims}
    rates = [f"supp2.ino.os.{group}.2y" for group in ("exposed", "unexposed")]
    assert marks == {
        "fig2a": (["log-rank P = 0.28‡"], [f"‡ printed {printed['fig2.rfs.p']}"]),
        "supp2f": (["79%‡", "100%‡"], [f"‡ printed {', '.join(printed[rate] for rate in rates)}"]),
    }
    assert f"log-rank P = 0.28, printed {printed['fig2.rfs.p']}." in panel_text(book.panel("fig2a"))


def test_the_landmark_is_drawn_where_the_panel_compares_from_it(book: Exhibits) -> None:
    month = book.ledger.month("landmark_months")
    for name, expected in {"fig1a": [], "fig2a": [month], "fig2b": [month]}.items():
        lines = axes(km_figure(book.panel(name)), "curves").lines
        assert [float(line.get_xdata()[0]) for line in lines if line.get_gid() == "landmark"] == expected


def test_a_test_names_its_groups_where_there_are_more_than_two(book: Exhibits) -> None:
    data = book.panel("fig2b")
    said = [text.get_text() for text in axes(km_figure(data), "key").texts]
    for comparison in data.comparisons:
        a, b = (data.curves[i].label for i in comparison.pair)
        assert said.index(f"against {b}") == said.index(a, 1 + 4 * len(data.curves)) + 1


# --- the paper ---------------------------------------------------------------------------------


def test_panels_agree_with_the_checker(book: Exhibits) -> None:
    """The figure rests on lifelines, the verdicts on our estimators: no reader may see two answers."""
    for name in book.layout.panels:
        for curve in (drawn := book.panel(name)).curves:
            month, rate = curve.shown
            for cell in curve.printed["rate"]:
                assert 100 * rate == pytest.approx(cell.computed[0], abs=1e-7), (cell.claim, month)
            for cell in curve.printed["median"]:
                assert curve.median == cell.computed[0], cell.claim
            for cell in curve.printed["n"]:
                assert curve.n == cell.computed[0], cell.claim
        for comparison in drawn.comparisons:
            assert comparison.printed
            for cell in comparison.printed:
                assert comparison.p_value == pytest.approx(cell.computed[0], abs=1e-9), cell.claim


def test_figure_1_splits_everybody(book: Exhibits) -> None:
    for name, endpoint in {"fig1a": "rfs", "fig1b": "os"}.items():
        drawn = book.panel(name)
        assert drawn.n == len(book.cohort)
        time, event = survival_columns(book.cohort, book.ledger, endpoint)
        for curve, group in zip(drawn.curves, drawn.panel.groups, strict=True):
            inside = members(book.cohort, group.where, book.ledger)
            np.testing.assert_array_equal(curve.time, time[inside])
            np.testing.assert_array_equal(curve.event, event[inside])


def test_panels_without_a_printed_test_have_none(book: Exhibits) -> None:
    assert [name for name in book.layout.panels if not book.panel(name).comparisons] == ["supp2i", "supp2j"]


def test_figures_on_a_page_have_text_alternatives_and_ids_of_their_own(book: Exhibits) -> None:
    page = BeautifulSoup(book.figure("fig1a", "fig1b", band=True).text, "lxml")
    drawings = page.select("figure > svg")
    assert [svg["aria-label"] for svg in drawings] == [panel_text(book.panel(n)) for n in ("fig1a", "fig1b")]
    assert all(svg["role"] == "group" for svg in drawings)  # not "img": it holds links
    ids = [tag["id"] for tag in page.find_all(id=True)]
    shared = {name for name in ids if ids.count(name) > 1}
    assert shared == set()


def test_the_numbers_of_the_key_lead_to_their_claims(book: Exhibits) -> None:
    page = BeautifulSoup(book.figure("fig2a").text, "lxml")
    links = page.select("svg a[data-claim]")
    drawn = book.panel("fig2a")
    expected = {}
    for curve in drawn.curves:
        said = {"n": str(curve.n), "median": times(curve.median), "rate": percent(curve.shown[1])}
        expected |= {found[-1].claim: said[name] for name, found in curve.printed.items() if found}
    for comparison in drawn.comparisons:
        if comparison.printed:
            reread = "‡" if comparison.printed[-1].reading else ""
            text = f"{comparison.test} P {p_text(comparison.p_value)}{reread}"
            expected[comparison.printed[-1].claim] = text
    assert expected
    assert {str(a["data-claim"]): a.get_text().strip().rstrip("†") for a in links} == expected
    for a in links:
        assert a["href"] == claim_link(str(a["data-claim"]))
        assert str(a["aria-label"]).startswith(a.get_text().strip())
    hidden = [text for text in page.select("svg text") if text.get("aria-hidden") == "true"]
    assert len(hidden) + len(links) == len(page.select("svg text"))


def test_a_study_of_its_own_has_no_links_into_the_book(book: Exhibits) -> None:
    page = BeautifulSoup(replace(book, linked=False).figure("fig2a").text, "lxml")
    assert page.select("svg a") == []
    assert page.select_one("figure > svg")["role"] == "img"
    assert "aria-hidden" not in str(page.select_one("svg text"))


def test_the_curves_stand_below_in_numbers(book: Exhibits) -> None:
    page = BeautifulSoup(book.figure("fig1a", "fig1b").text, "lxml")
    table = page.select("details table")[1]
    curve = book.panel("fig1b").curves[0]
    at = ticks(max(book.panel(name).last for name in ("fig1a", "fig1b")))
    rows = [
        [c.get_text() for c in row.find_all(["th", "td"])] for row in table.select("tbody")[0].select("tr")
    ]
    counted = risk_table(curve.time, curve.event, at)
    assert [row[2:] for row in rows[1:]] == counted.astype(str).to_numpy().tolist()
    assert rows[1][:2] == ["0", "100%"]
    assert rows[-1][1] == "–"  # nobody is left: nothing is claimed
