"""Every page in both colour modes against the rules of axe-core (npm, package.json), the oracle here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .conftest import SET_MODE, each_page

pytestmark = pytest.mark.browser

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RUN = """() => axe.run(document, {resultTypes: ["violations"]}).then(found => found.violations.flatMap(
  rule => rule.nodes.map(node => `${rule.id}: ${node.target.join(" ")}: ${node.html.slice(0, 120)}`)))"""
PLANTED = """() => document.querySelector("article").insertAdjacentHTML(
  "beforeend", '<p style="color: #888; background: #999">Hard to read</p><button></button>')"""


@pytest.fixture(scope="session")
def axe() -> str:
    assert AXE.is_file(), "axe-core is missing: run `npm ci` in tests/browser (`make browser` does)"
    return AXE.read_text("utf-8")


@each_page
def test_page_breaks_no_rule(name: str, axe: str, served: str, visit: Any) -> None:
    page = visit(f"{served}/{name}", served).page
    page.evaluate(axe)
    page.add_style_tag(content="* { transition: none !important }")  # colours at rest
    broken = []
    for mode in ("light", "dark"):
        page.evaluate(SET_MODE, mode)
        broken += [f"{mode}: {fault}" for fault in page.evaluate(RUN)]
    assert broken == []


def test_a_planted_fault_is_found(axe: str, served: str, visit: Any) -> None:
    page = visit(f"{served}/book/index.html", served).page
    page.evaluate(axe)
    page.evaluate(PLANTED)
    assert {fault.split(":")[0] for fault in page.evaluate(RUN)} >= {"color-contrast", "button-name"}
