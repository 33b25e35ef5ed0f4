"""The page of switches; each verdict is held against recohort.exhibits.switches."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from bs4 import BeautifulSoup

from recohort import paths
from recohort.exhibits.switches import Part, Set, presets, read_parts, survival_first, whole
from recohort.ledger import load

from .conftest import BUILT, read_from_disk

pytestmark = pytest.mark.browser

PAGE = BUILT / "notebooks" / "33_break_the_paper.html"
FOUND = survival_first(json.loads((paths.DATA / "conflicts.json").read_text("utf-8")), load(paths.LEDGER))
PARTS = read_parts(FOUND)
EVERYTHING = tuple(frozenset(range(len(part.statements))) for part in PARTS)
WORDS = {"cannot": "Cannot hold together", "can": "Can hold together", "unknown": "Not known"}
TOTAL = sum(map(len, EVERYTHING))


def some(draw: random.Random, part: Part) -> Set:
    """Draw what is on: the whole part less a few, mostly of those in conflicts, or a few, or some."""
    n = len(part.statements)
    involved = sorted({k for conflict in part.conflicts for k in conflict.statements}) or [0]
    kind = draw.random()
    if kind < 0.6:
        return frozenset(range(n)) - set(draw.sample(involved, draw.randint(0, len(involved))))
    if kind < 0.8:
        return frozenset(draw.sample(involved, draw.randint(0, min(4, len(involved)))))
    return frozenset(draw.sample(range(n), draw.randint(0, n)))


def cases() -> list[list[Set]]:
    """Every preset, every repair and undecided repair of a part, and subsets drawn with a fixed seed."""
    listed = [
        [every - mine for every, mine in zip(EVERYTHING, off, strict=True)] for off in presets(PARTS).values()
    ]
    book = listed[1]
    for p, found in enumerate(FOUND["parts"]):
        for repair in [*found["repairs"], *found["undecided_repairs"]]:
            off = {PARTS[p].statements.index(tuple(ids)) for ids in repair}
            listed += [[*book[:p], EVERYTHING[p] - off, *book[p + 1 :]]]
            listed += [
                [frozenset[int]()] * p + [EVERYTHING[p] - off] + [frozenset[int]()] * (len(PARTS) - p - 1)
            ]
    draw = random.Random(1)
    return listed + [[some(draw, part) for part in PARTS] for _ in range(60)]


CASES = cases()


@pytest.fixture
def page(visit: Any) -> Any:
    yield from read_from_disk(visit, PAGE)


@pytest.fixture(scope="module")
def data() -> dict[str, Any]:
    written = BeautifulSoup(PAGE.read_text("utf-8"), "html.parser")
    return json.loads(written.select_one("[data-play=break] script").string)


def test_cases_are_of_every_kind() -> None:
    found = [whole(PARTS, on) for on in CASES]
    assert {(one.status, one.apart) for one in found} == {
        ("cannot", False), ("can", False), ("unknown", False), ("unknown", True),
    }  # fmt: skip
    for number in range(len(PARTS) - 1):  # the tables come last
        assert {one.parts[number].status for one in found} == set(WORDS)
    assert len({one.fewest for one in found}) > 8


def test_verdicts_are_those_of_python(data: dict[str, Any], page: Any) -> None:
    ask = "([data, on]) => recohort.holds.whole(data, on.map(some => new Set(some)))"
    for on in CASES:
        ours = whole(PARTS, on)
        said = page.evaluate(ask, [data, [sorted(mine) for mine in on]])
        assert said == {
            "status": ours.status,
            "apart": ours.apart,
            "fewest": ours.fewest,
            "parts": [
                {"status": one.status, "lit": list(one.lit), "fewest": one.fewest} for one in ours.parts
            ],
        }


def set_switches(page: Any, on: list[Set]) -> None:
    """Click each switch that does not stand as wanted."""
    page.evaluate(
        """on => document.querySelectorAll(".play fieldset").forEach((part, p) =>
          part.querySelectorAll("[role=switch]").forEach((box, k) => {
            if (box.checked !== on[p].includes(k)) { box.click(); }
          }))""",
        [sorted(mine) for mine in on],
    )


@pytest.mark.parametrize("on", CASES[::5], ids=map(str, range(0, len(CASES), 5)))
def test_the_page_shows_the_verdict(on: list[Set], data: dict[str, Any], page: Any) -> None:
    set_switches(page, on)
    ours = whole(PARTS, on)
    says = page.locator(".play output").inner_text()
    left = sum(map(len, on))
    lit = sum(len(one.lit) for one in ours.parts)
    assert says.startswith(WORDS[ours.status])
    assert (f"at least {ours.fewest} of the {left} that are on must give way" in says) == (
        ours.status == "cannot"
    )
    assert ("each part can hold by itself" in says) == ours.apart
    assert (f"{lit} of " in says) == (lit > 0)
    assert ("All lights out" in says) == (lit == 0)
    assert f"{TOTAL - left}" in says
    assert f"proven minimum is {FOUND['fewest']}" in says or TOTAL - left == FOUND["fewest"]
    for number, one in enumerate(ours.parts):
        part = page.locator(".play fieldset").nth(number)
        verdict = part.locator(".verdict").inner_text()
        assert verdict.startswith(WORDS[one.status])
        told = part.locator("details.conflict[open].lit").all_inner_texts()
        assert bool(told) == bool(one.lit)
        conflicts = data["parts"][number]["conflicts"]
        assert all(any(conflicts[i]["why"] in text for i in one.lit) for text in told)
        shown = part.locator("details.conflict").evaluate_all("all => all.map(one => one.matches('.lit'))")
        assert [i for i, yes in enumerate(shown) if yes] == list(one.lit)
        heads = part.locator(".heads [data-conflict]").evaluate_all(
            "all => all.map(one => one.matches('.lit'))"
        )
        assert heads == shown
        dots = part.locator(".dots .member").count()
        assert dots == sum(len(conflict.statements) for conflict in PARTS[number].conflicts)
    assert page.locator(".lamps .lit").count() == lit


def test_presets_with_the_keyboard(page: Any) -> None:
    for name, off in presets(PARTS).items():
        page.get_by_role("button", name=name).press("Enter")
        boxes = page.locator(".play fieldset").evaluate_all(
            "parts => parts.map(part => [...part.querySelectorAll('[role=switch]')].map(box => box.checked))"
        )
        assert [{k for k, yes in enumerate(some) if not yes} for some in boxes] == list(map(set, off))


def test_a_switch_puts_a_light_out_and_on_again_with_the_keyboard(page: Any) -> None:
    part = page.locator(".play fieldset").nth(1)
    conflict = part.locator("details.conflict").first
    assert "(on)" in conflict.inner_text()
    switch = part.get_by_role("switch").first
    switch.press("Space")
    assert "(out)" in conflict.inner_text()
    assert page.locator(".play output").get_attribute("aria-live") == "polite"
    switch.press("Space")
    assert "(on)" in conflict.inner_text()


def test_a_whole_part_at_once(page: Any) -> None:
    part = page.locator(".play fieldset").nth(2)
    every = part.get_by_role("checkbox", name="All")
    every.press("Space")
    assert part.locator("[role=switch]:checked").count() == 0
    assert "nothing is on" in part.locator(".verdict").inner_text()
    part.get_by_role("switch").first.press("Space")
    assert every.evaluate("box => box.indeterminate")
    every.press("Space")
    assert part.locator("[role=switch]:not(:checked)").count() == 0


def test_the_fewest_switches_put_out_every_light(page: Any) -> None:
    page.get_by_role("button", name="As this book reads it").click()
    said = page.locator(".play output").inner_text()
    assert f"All lights out with {FOUND['fewest']} switched off. Nobody can do with fewer" in said
    page.get_by_text("in no known conflict").first.click()
    page.locator("details.harmless [role=switch]").first.press("Space")
    said = page.locator(".play output").inner_text()
    assert f"with {FOUND['fewest'] + 1} switched off; the proven minimum is {FOUND['fewest']}" in said


def test_a_claim_of_a_conflict_opens_its_entry(page: Any) -> None:
    conflict = page.locator("details.conflict").nth(1)
    conflict.locator("summary").press("Enter")
    link = conflict.get_by_role("link").first
    name = link.get_attribute("data-claim")
    assert link.get_attribute("href") == f"../book/every_printed_number.html#claim-{name}"
    link.press("Enter")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    assert name in dialog.inner_text()


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_hangs_over_the_edge(width: int, page: Any) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    for details in page.locator(".play details").all():
        details.evaluate("one => { one.open = true; }")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    over = page.locator(".play *").evaluate_all(
        "(all, width) => all.filter(one => one.getBoundingClientRect().right > width + 1).length", width
    )
    assert over == 0


def test_without_scripts_the_conflicts_can_be_read(browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(PAGE.as_uri())
    rows = page.locator("[data-play=break] tbody tr")
    assert rows.count() == sum(len(part.conflicts) for part in PARTS)
    assert all(row.is_visible() for row in rows.all())
    context.close()


def test_a_switch_stays_under_the_finger(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    part = page.locator(".play fieldset").nth(1)
    within = """part => part.querySelector("[role=switch]").getBoundingClientRect().top
      - part.getBoundingClientRect().top"""
    before, said = part.evaluate(within), part.locator(".verdict").inner_text()
    part.get_by_role("switch").first.press("Space")
    page.get_by_role("button", name="As this book reads it").press("Enter")
    assert part.locator(".verdict").inner_text() != said
    assert part.evaluate(within) == before


def test_focus_is_never_below_the_verdict_in_sight(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    page.locator("details.conflict summary").last.focus()
    for _ in range(30):
        page.keyboard.press("Shift+Tab")
        below = page.evaluate(
            """() => document.activeElement.getBoundingClientRect().top
              - document.querySelector(".play .view").getBoundingClientRect().bottom"""
        )
        assert below >= 0
