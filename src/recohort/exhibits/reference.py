"""Reference pages made from a ledger, so that they cannot go stale: claims, columns, conventions."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import groupby

from recohort.check import Row
from recohort.cohort import SOURCE
from recohort.exhibits.claim_words import about, in_words
from recohort.exhibits.markup import WORDS, Html, element
from recohort.exhibits.tables import simple
from recohort.ledger import Attribute, Convention, Ledger

__all__ = [
    "COLUMNS", "about", "claims_table", "columns_table", "computed_in_words", "conventions_list", "in_words",
    "part_in_words",
    "rules_list",
]  # fmt: skip

BEFORE: Mapping[str, str] = {
    "denominator": "of", "median": "median", "low": "lowest", "high": "highest", "p": "P",
}  # fmt: skip
AFTER: Mapping[str, str] = {"count": "patients", "percent": "percent", "rate": "percent"}
"""What a number is, in a word before or after it."""
EXACT_HALF = "an exact half, which may be rounded either way"
COLUMNS = ("What", "Printed", "Read as", "Computed", "Same?")


def part_in_words(row: Row) -> str:
    """Return a printed number with the word that says what it is: ``of 32``, ``69 percent``."""
    words = (BEFORE.get(row.part), row.printed, AFTER.get(row.part))
    return " ".join(word for word in words if word)


def computed_in_words(row: Row) -> str:
    """Return what was computed, with a note where it lies halfway between two printed numbers."""
    if row.computed is None or row.verdict != "reproduced" or not re.fullmatch(r"\d+(\.\d+)?", row.printed):
        return row.computed_text
    units = row.computed * 10 ** len(row.printed.partition(".")[2])
    halfway = math.isclose(units % 1, 0.5, abs_tol=1e-9)
    return f"{row.computed_text} ({EXACT_HALF})" if halfway else row.computed_text


def claims_table(rows: Iterable[Row], ledger: Ledger) -> Html:
    """Return every printed number with its verdict; each claim can be linked to as ``#claim-<id>``.

    Parameters
    ----------
    rows : iterable of Row
        The checker's verdicts, in the order of the ledger.
    ledger : Ledger
    """
    head = (element("th", text, scope="col", role="columnheader") for text in COLUMNS)
    bodies: list[Html] = []
    for place, here in groupby(rows, key=lambda row: row.place):
        heading = element("th", place, colspan=len(COLUMNS), scope="rowgroup", role="rowheader")
        bodies.append(
            element(
                "tbody", element("tr", heading, class_="section", role="row"), role="rowgroup", class_="place"
            )
        )
        for name, numbers in groupby(here, key=lambda row: row.claim):
            bodies.append(_claim_body(name, list(numbers), ledger))
    table = element(
        "table",
        element("caption", "Every printed number, by place and in the order of print."),
        element("thead", element("tr", *head, role="row"), role="rowgroup"),
        *bodies,
        class_="exhibit-table claims",
        role="table",
        data_filter="claims",
    )
    return element("div", table, class_="exhibit")


def columns_table(ledger: Ledger) -> Html:
    """Return the data dictionary of a cohort: column, meaning and to whom it applies, values."""
    study, scale = ledger.study, ledger.study.time
    width = len(str(study.patients))
    first, last = (f"{study.patient_prefix}{i:0{width}d}" for i in (1, study.patients))
    limits = f"{scale.min:g} to {scale.max:g} {scale.unit}, {_decimals(scale.decimals)}"
    rows = [("patient", "number of the row; it stands for nobody", f"{first} to {last}")]
    for name, attribute in ledger.attributes.items():
        meaning = attribute.meaning or attribute.label or name
        if attribute.where:
            meaning += f". Empty unless {in_words(attribute.where, ledger)}"
        rows.append((name, meaning, _values(attribute)))
    for name, endpoint in ledger.endpoints.items():
        label = endpoint.label or name
        rows.append((endpoint.time, f"{label}: time to the event or the last contact", limits))
        rows.append((endpoint.event, f"{label}: whether that time ended with an event", "0 = no; 1 = yes"))
    rows.append(("source", "says in every row that this is no real patient", SOURCE))
    body = [(element("code", name), meaning, values) for name, meaning, values in rows]
    return simple("Columns of a cohort", ("Column", "Meaning", "Values"), body)


def conventions_list(ledger: Ledger, acting: Iterable[str]) -> Html:
    """Return the conventions of a ledger as a list of terms, each with an address ``#convention-<name>``.

    Parameters
    ----------
    ledger : Ledger
    acting : iterable of str
        Names of those that the computations act on; the others are only written down.
    """
    names = set(acting)
    entries = [
        piece for name, c in ledger.conventions.items() for piece in _convention(name, c, acts=name in names)
    ]
    return element("dl", *entries, class_="exhibit conventions")


def rules_list(ledger: Ledger) -> Html:
    """List what must hold for each row of a cohort, besides the columns' own limits."""
    said: list[str] = []
    for name, attribute in ledger.attributes.items():
        derived, end = attribute.derived, attribute.not_after
        if derived is not None:
            causes = "; or ".join(in_words(cause, ledger) for cause in derived.any_of)
            high, other = (attribute.level_labels.get(v, str(v)) for v in (derived.level, derived.otherwise))
            said.append(f"{high} if {causes}; else {other}")
        if end is not None:
            said.append(f"{name} is at most {ledger.endpoints[end].time}")
    said += [f"{in_words(rule.when, ledger)} means {in_words(rule.then, ledger)}" for rule in ledger.rules]
    for inner in ledger.endpoints.values():
        if inner.not_after is not None:
            outer = ledger.endpoints[inner.not_after]
            said.append(f"{inner.time} is at most {outer.time}")
            said.append(f"where {outer.event} is 1, {inner.event} is 1")
            said.append(f"where {inner.event} is 0, {inner.time} and {outer.time} are the same last contact")
    return element("ul", *(element("li", f"{rule}.") for rule in said), class_="exhibit")


def _claim_body(name: str, numbers: list[Row], ledger: Ledger) -> Html:
    claim = ledger.claim(name)
    what = about(claim, ledger)
    label = element(
        "th",
        what[:1].upper() + what[1:],
        " ",
        element("a", element("code", name), href=f"#claim-{name}", data_claim=name),
        scope="row",
        role="rowheader",
        rowspan=len(numbers),
    )
    lines = [
        element("tr", *([label] if i == 0 else []), *_number_cells(row), role="row")
        for i, row in enumerate(numbers)
    ]
    because = next((row.because for row in numbers if row.read_as), "")
    if because:
        note = element("td", f"Why: {because}.", colspan=len(COLUMNS), role="cell")
        lines.append(element("tr", note, class_="because", role="row"))
    verdicts = " ".join(dict.fromkeys(row.verdict.replace(" ", "-") for row in numbers))
    return element("tbody", *lines, id=f"claim-{name}", data_verdict=verdicts, role="rowgroup")


def _number_cells(row: Row) -> list[Html]:
    printed: list[str | Html] = [row.printed]
    if row.part in BEFORE:
        printed = [element("small", BEFORE[row.part]), " ", row.printed]
    elif row.part in AFTER:
        printed = [row.printed, " ", element("small", AFTER[row.part])]
    verdict = element(
        "a",
        WORDS[row.verdict],
        class_=f"verdict {row.verdict.replace(' ', '-')}",
        href=f"#claim-{row.claim}",
        aria_label=f"{WORDS[row.verdict]}: {row.claim}, {row.printed}",
    )
    contents: tuple[list[str | Html], ...] = (printed, [row.read_as], [computed_in_words(row)], [verdict])
    return [
        element("td", *content, role="cell", data_label=heading)
        for heading, content in zip(COLUMNS[1:], contents, strict=True)
    ]


def _values(attribute: Attribute) -> str:
    number = attribute.number
    if number is not None:
        return f"{number.min:g} to {number.max:g} {number.unit}, {_decimals(number.decimals)}"
    labels = attribute.level_labels
    return "; ".join(
        f"{level} = {labels[level]}" if level in labels else str(level) for level in attribute.levels or ()
    )


def _decimals(decimals: int) -> str:
    return {0: "whole numbers", 1: "1 decimal"}.get(decimals, f"{decimals} decimals")


def _convention(name: str, convention: Convention, *, acts: bool) -> list[Html]:
    others = [str(option) for option in convention.options if option != convention.value]
    parts: list[str | Html] = ["We take ", element("strong", str(convention.value)), "."]
    if others:
        parts.append(f" Also possible: {'; '.join(others)}.")
    kind = "changes the computations" if acts else "written down only"
    return [
        element(
            "dt", name.replace("_", " ").capitalize(), " ", element("small", kind), id=f"convention-{name}"
        ),
        element("dd", *parts, " ", convention.why),
    ]
