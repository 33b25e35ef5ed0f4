"""The page that builds a curve; its arithmetic is held against recohort.estimators and lifelines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import logrank_test

from recohort.estimators import kaplan_meier, median_survival, rank_test
from recohort.exhibits.curves import risk_table
from recohort.paths import BOOK

from .conftest import BUILT

pytestmark = pytest.mark.browser

PAGE = BUILT / "notebooks" / "31_build_a_curve.html"
AT = [0, 6, 12, 24, 36]
SAY = """([first, second, at]) => {
  const s = recohort.survival, table = s.curve(first), median = s.median(table);
  const test = s.logRank(first, second);
  return {table, median: isFinite(median) ? median : null, at: at.map(t => s.at(table, t)), test,
          risk: s.riskTable(first, at)};
}"""


@pytest.fixture(scope="module")
def script(browser: Any) -> Any:
    page = browser.new_page()
    page.add_script_tag(path=BOOK / "_static" / "play" / "survival.js")
    yield page
    page.close()


def some_patients(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times with ties, events, and groups; some cases have no event or no overlap."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 25))
    time = rng.integers(1, 400 if seed % 2 else 40, n) / 10
    event = rng.random(n) < (0.0 if seed == 0 else 0.6)
    group = np.r_[0, 1, rng.integers(0, 2, n - 2)]
    return time, event.astype(int), group


@pytest.mark.parametrize("seed", range(30))
def test_numbers_are_those_of_python(seed: int, script: Any) -> None:
    time, event, group = some_patients(seed)
    everybody = [{"time": float(t), "event": bool(e)} for t, e in zip(time, event, strict=True)]
    rows = [[one for one, g in zip(everybody, group, strict=True) if g == k] for k in (0, 1)]
    said = script.evaluate(SAY, [*rows, AT])
    mine = group == 0
    curve = kaplan_meier(time[mine], event[mine])
    for name, ours in {"time": curve.times, "atRisk": curve.at_risk, "events": curve.events,
                       "censored": curve.censored, "survival": curve.survival}.items():  # fmt: skip
        assert np.allclose([row[name] for row in said["table"]], ours, atol=1e-12)
    fitted = KaplanMeierFitter().fit(time[mine], event[mine])
    assert np.allclose(said["at"], fitted.predict(AT), atol=1e-12)
    median = median_survival(curve)
    assert said["median"] == (median if np.isfinite(median) else None)
    counts = risk_table(time[mine], event[mine], AT)
    for name, ours in {"atRisk": "at_risk", "censored": "censored", "events": "events"}.items():
        assert [row[name] for row in said["risk"]] == counts[ours].tolist()
    test = rank_test(time, event, group)
    assert said["test"]["p"] == pytest.approx(test.p_value, abs=1e-10)
    assert said["test"]["observed"] == pytest.approx(test.observed[0], abs=1e-10)
    assert said["test"]["expected"] == pytest.approx(test.expected[0], abs=1e-10)
    assert said["test"]["variance"] == pytest.approx(test.variance[0, 0], abs=1e-10)
    if test.df:
        other = logrank_test(time[mine], time[~mine], event[mine], event[~mine]).p_value
        assert said["test"]["p"] == pytest.approx(other, abs=1e-10)


def test_small_p_values_keep_their_digits(script: Any) -> None:
    time = np.arange(1.0, 81.0)
    event, group = np.ones(80, dtype=int), np.repeat([0, 1], 40)
    rows = [[{"time": float(t), "event": True} for t in time[group == k]] for k in (0, 1)]
    ours = rank_test(time, event, group).p_value
    assert ours < 1e-12
    assert script.evaluate(SAY, [*rows, AT])["test"]["p"] == pytest.approx(ours, rel=1e-8)


def test_patients_are_moved_with_the_keyboard_alone(visit: Any) -> None:
    page = visit(PAGE.as_uri(), BUILT.as_uri()).page
    says = page.locator(".play output")
    before = says.inner_text()
    first = page.locator(".lives li").first
    assert first.get_attribute("data-event") in ("yes", "no")
    slider = first.locator("input[type=range]")
    start = float(slider.input_value())
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert float(slider.input_value()) == pytest.approx(start + 0.1)
    assert float(first.locator("input[type=number]").input_value()) == pytest.approx(start + 0.1)
    first.get_by_role("button").first.press("Enter")
    assert says.inner_text() != before
    first.locator("button").last.press("Enter")
    assert "6 patients" in says.inner_text()
    page.get_by_role("button", name="Start again").press("Enter")
    assert says.inner_text() == before


def test_each_curve_has_its_name_and_its_line_below_the_drawing(visit: Any) -> None:
    page = visit(PAGE.as_uri(), BUILT.as_uri()).page

    def lines(place: str) -> list[str | None]:
        return [line.get_attribute("stroke-dasharray") for line in page.locator(f"{place} path.curve").all()]

    drawn = [dashes for dashes in lines(".play .drawing") if dashes]
    assert lines(".play output") == drawn
    assert len(set(drawn)) == 2


def test_without_scripts_the_figure_stands_there(browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(PAGE.as_uri())
    assert page.locator("[data-play=build] figure svg").first.is_visible()
    context.close()
