"""The page of other cohorts; each number on it is held against lifelines and recohort.estimators."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pandas as pd
import pytest
from bs4 import BeautifulSoup

from recohort import ensemble
from recohort.check import survival_columns
from recohort.cohort import members
from recohort.estimators import kaplan_meier, rank_test
from recohort.exhibits import Exhibits, open_exhibits
from recohort.exhibits.curves import PanelData, panel_data, pooled, risk_table, survival_at, ticks
from recohort.exhibits.numbers import p_number, percent, times
from recohort.paths import ENSEMBLE

from .conftest import BUILT, read_from_disk

pytestmark = pytest.mark.browser

PAGE = BUILT / "notebooks" / "32_same_paper_other_patients.html"
PANELS = [
    "fig1a", "fig1b", "fig2a", "fig2b", "supp2a", "supp2b", "supp2c", "supp2d", "supp2e", "supp2f", "supp2g",
    "supp2h", "supp2i", "supp2j",
]  # fmt: skip
"""As the page offers them: patients by patients, both endpoints of each."""
ROWS = "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))"


@cache
def study() -> Exhibits:
    return open_exhibits()


@cache
def whole() -> pd.DataFrame:
    return ensemble.read(ENSEMBLE, study().ledger)


def cohort(number: int) -> pd.DataFrame:
    table = whole()
    return table[table[ensemble.NUMBER] == number].drop(columns=ensemble.NUMBER).reset_index(drop=True)


def expected(data: PanelData) -> list[str]:
    """Return the column of this cohort's numbers, from lifelines and, where they differ, fail."""
    found = []
    for curve in data.curves:
        ours = kaplan_meier(curve.time, curve.event)
        half = data.panel.month / 2
        assert ours.at(half) == pytest.approx(survival_at(curve.table, half)["survival"])
        found += [str(curve.n), percent(curve.shown[1]), times(curve.median, data.unit)]
        found += [percent(ours.at(half)), times(curve.time.max())]
    for one in data.comparisons:
        p = rank_test(*pooled(*(data.curves[i] for i in one.pair))).p_value
        assert p == pytest.approx(one.p_value, abs=1e-9)
        found.append(p_number(p))
    return found


@pytest.fixture
def page(visit: Any) -> Any:
    yield from read_from_disk(visit, PAGE)


@pytest.mark.parametrize("place", [1, 37, 80])
def test_numbers_are_those_of_python(place: int, page: Any) -> None:
    page.get_by_role("slider", name="Cohort").fill(str(place))
    number = int(page.locator(".play output").inner_text().split(",")[0].removeprefix("Cohort "))
    patients = cohort(number)
    for position, name in enumerate(PANELS):
        page.get_by_role("combobox", name="Patients").select_option(index=position // 2)
        page.get_by_role("combobox", name="Endpoint").select_option(index=position % 2)
        data = panel_data(study().layout.panels[name], patients, study().ledger, study().cells)
        rows = page.locator("table.printed tbody tr:not(.section)").evaluate_all(ROWS)
        assert [row[2] for row in rows] == expected(data)
        risk = page.locator("table.risk tbody tr:not(.section)").evaluate_all(ROWS)
        months = page.locator("table.risk thead th").all_inner_texts()[1:]
        at = ticks(float(months[-1]))
        assert [float(month) for month in months] == at
        counted = [risk_table(curve.time, curve.event, at) for curve in data.curves]
        assert [row[1:] for row in risk] == [
            table[name].astype(str).tolist()
            for table in counted
            for name in ("at_risk", "censored", "events")
        ]


def test_printed_numbers_stay_while_curves_change(page: Any) -> None:
    table = page.locator("table.printed tbody tr:not(.section)")
    before, curve = table.evaluate_all(ROWS), page.locator("svg.curves path.curve").first.get_attribute("d")
    page.get_by_role("button", name="Next").press("Enter")
    after = table.evaluate_all(ROWS)
    assert page.locator("svg.curves path.curve").first.get_attribute("d") != curve
    assert [row[1] for row in before] == [row[1] for row in after]
    printed = [(row[1], row[2], row[3]) for row in after if row[1] not in ("–", "") and "read" not in row[1]]
    assert len(printed) >= 5
    assert all(mine == said and mine == every for said, mine, every in printed)
    page.get_by_role("button", name="Previous").press("Enter")
    assert table.evaluate_all(ROWS) == before


def test_ranges_are_those_of_all_cohorts_on_the_page(page: Any) -> None:
    written = BeautifulSoup(PAGE.read_text("utf-8"), "html.parser")
    data = json.loads(written.select_one("[data-play=others] script").string)
    chosen = [entry["number"] for entry in data["cohorts"]]
    panel, ledger = study().layout.panels["fig1a"], study().ledger
    found = []
    for table in map(cohort, chosen):
        inside = members(table, panel.population(ledger, panel.groups[0]), ledger)
        time, event = survival_columns(table, ledger, panel.endpoint)
        found.append((kaplan_meier(time[inside], event[inside]).at(panel.month / 2), time[inside].max()))
    shares, longest = zip(*found, strict=True)
    rows = page.locator("table.printed tbody tr:not(.section)").evaluate_all(ROWS)
    assert rows[3][3] == f"{percent(min(shares))} to {percent(max(shares))}"
    assert rows[4][3] == f"{times(min(longest))} to {times(max(longest))}"


def test_steps_with_the_keyboard_and_round_the_end(page: Any) -> None:
    says = page.locator(".play output")
    first = says.inner_text()
    page.get_by_role("button", name="Previous").press("Enter")
    slider = page.get_by_role("slider", name="Cohort")
    assert slider.input_value() == slider.get_attribute("max")
    page.get_by_role("button", name="Next").press("Enter")
    assert says.inner_text() == first
    slider.press("ArrowRight")
    assert says.inner_text() != first
    assert "not real" in says.inner_text()


def test_does_not_move_by_itself_where_motion_is_unwelcome(page: Any) -> None:
    assert page.get_by_role("button", name="Play").count() == 0


def test_plays_and_pauses(browser: Any) -> None:
    context = browser.new_context(reduced_motion="no-preference")
    page = context.new_page()
    page.goto(PAGE.as_uri())
    says = page.locator(".play output")
    first = says.inner_text()
    page.get_by_role("button", name="Play").press("Enter")
    page.wait_for_function("text => document.querySelector('.play output').innerText !== text", arg=first)
    page.get_by_role("button", name="Pause").press("Enter")
    stopped = says.inner_text()
    page.wait_for_timeout(2000)
    assert says.inner_text() == stopped
    context.close()


def test_without_scripts_figures_of_several_cohorts_stand_there(browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(PAGE.as_uri())
    figures = page.locator("[data-play=others] figure svg")
    assert figures.count() >= 2
    assert figures.first.is_visible()
    context.close()
