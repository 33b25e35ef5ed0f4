"""Behind a printed number: the patients whom a claim speaks of and its entry in the ledger, as data.

A page shows them when a reader asks, from one file that all pages share. The file is a classic script, not
JSON to be fetched, because a page opened from disk may not fetch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recohort.check import Row, survival_columns
from recohort.cohort import members
from recohort.conditions import Condition
from recohort.exhibits.markup import WORDS
from recohort.exhibits.numbers import rounded
from recohort.exhibits.reference import COLUMNS, about, computed_in_words, in_words, part_in_words
from recohort.exhibits.words import NOT_REAL
from recohort.ledger import Attribute, Claim, Ledger
from recohort.wording import counted

__all__ = ["claim_data", "claim_script", "patient_groups", "shown_columns"]

COUNTS = ("count", "percent", "count_percent")
SPREADS = ("median", "range", "median_range")
NOTHING = "–"
BoolArray = npt.NDArray[np.bool_]
Groups = list[tuple[str, list[int]]]


def claim_script(data: dict[str, Any]) -> str:
    """Return a classic script that hands :func:`claim_data` to the page as ``recohort.claims``."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f"window.recohort = window.recohort || {{}};\nrecohort.claims = {text};\n"


def claim_data(
    rows: Iterable[Row], cohort: pd.DataFrame, ledger: Ledger, always: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the entry and the patients of every claim, as JSON can hold them.

    Parameters
    ----------
    rows : iterable of Row
        The checker's verdicts on this cohort, in the order of the ledger.
    cohort : DataFrame
    ledger : Ledger
    always : sequence of str
        Attributes shown with every claim, besides those that it speaks of.

    Returns
    -------
    dict
        ``warning``; ``headings`` of a claim's numbers; ``columns``, per column its heading and a text per
        patient; ``claims``, per id its ``what``, ``place``, ``numbers`` (printed, read as, computed,
        verdict in a word, verdict), ``because``, ``groups`` (title, row numbers in the cohort) and the
        names of the ``columns`` that it shows.

    Raises
    ------
    ValueError
        If `always` names what is no attribute of the ledger.
    """
    unknown = [name for name in always if name not in ledger.attributes]
    if unknown:
        raise ValueError(f"the ledger has no attribute {unknown[0]!r}")
    claims = {
        name: _entry(ledger.claim(name), list(numbers), cohort, ledger, always)
        for name, numbers in groupby(rows, key=lambda row: row.claim)
    }
    return {
        "warning": f"{NOT_REAL.capitalize()}.",
        "headings": COLUMNS[1:],
        "columns": _columns(cohort, ledger),
        "claims": claims,
    }


def patient_groups(claim: Claim, cohort: pd.DataFrame, ledger: Ledger) -> Groups:
    """Divide the patients whom a claim speaks of as its statistic does.

    Returns
    -------
    list of (str, list of int)
        A title, and positions in the cohort: those counted and those not; those with a value, lowest
        first; a curve's patients, shortest time first; the groups of a test. Empty for context.
    """
    if claim.kind == "context":
        return []
    if claim.kind in COUNTS:
        whole = claim.model_copy(update={"where": Condition()})
        inside = members(cohort, ledger.population(whole, claim.of), ledger)
        return _split(inside, members(cohort, ledger.population(claim, claim.of), ledger), "counted")
    order = _order(claim, cohort, ledger)
    if claim.kind == "p_value":
        return [
            found
            for group in claim.groups or ()
            for found in _tested(claim, group, cohort, ledger, order)
        ]  # fmt: skip
    inside = members(cohort, ledger.population(claim), ledger)
    if claim.kind in SPREADS:
        known = inside & cohort[str(claim.attribute)].notna().to_numpy(dtype=bool)
        titled = [(f"{_patients(known)}, lowest first", known), ("not known", inside & ~known)]
        return [(title, order(mask)) for title, mask in titled if mask.any()]
    return [(f"{_patients(inside)}, shortest time first", order(inside))]


def shown_columns(claim: Claim, ledger: Ledger, always: Sequence[str] = ()) -> list[str]:
    """Name the columns to show with a claim: what it speaks of first, then `always` and the endpoints."""
    if claim.kind == "context":
        return []
    conditions = [claim.where, claim.of, *(claim.groups or ()), claim.outcome or Condition()]
    spoken = {claim.attribute}.union(*(condition.attributes for condition in conditions))
    endpoints = [claim.endpoint, *(claim.at_risk or ())]
    first = [name for name in ledger.attributes if name in spoken]
    first += [name for name in endpoints if name is not None]
    return list(dict.fromkeys(["patient", *first, *always, *ledger.endpoints]))


def _entry(
    claim: Claim, rows: Sequence[Row], cohort: pd.DataFrame, ledger: Ledger, always: Sequence[str]
) -> dict[str, Any]:
    what = about(claim, ledger)
    return {
        "what": what[:1].upper() + what[1:],
        "place": claim.at,
        "numbers": [
            [part_in_words(row), row.read_as, computed_in_words(row), WORDS[row.verdict], row.verdict]
            for row in rows
        ],
        "because": next((row.because for row in rows if row.read_as), ""),
        "groups": patient_groups(claim, cohort, ledger),
        "columns": shown_columns(claim, ledger, always),
    }


def _tested(
    claim: Claim,
    group: Condition,
    cohort: pd.DataFrame,
    ledger: Ledger,
    order: Callable[[BoolArray], list[int]],
) -> Groups:
    """One group of a test: whole, or divided by the outcome."""
    inside = members(cohort, ledger.population(claim, group), ledger)
    who = in_words(group, ledger)
    if claim.outcome is None:
        return [(f"{who}: {_patients(inside)}, shortest time first", order(inside))]
    met = members(cohort, claim.outcome, ledger)
    return [
        (f"{who}: {title}", found)
        for title, found in _split(inside, inside & met, in_words(claim.outcome, ledger))
    ]


def _split(whole: BoolArray, part: BoolArray, name: str) -> Groups:
    """Those who are in the part, then those who are not; nobody needs no heading."""
    total = int(whole.sum())
    halves = ((name, part), (f"not {name}", whole & ~part))
    return [
        (f"{int(mask.sum())} of {total} {title}", [int(i) for i in mask.nonzero()[0]])
        for title, mask in halves
        if mask.any()
    ]


def _order(claim: Claim, cohort: pd.DataFrame, ledger: Ledger) -> Callable[[BoolArray], list[int]]:
    """Return a function that lists the patients of a mask in the order in which the statistic takes them."""
    if claim.endpoint is not None:
        key = survival_columns(cohort, ledger, claim.endpoint)[0]
    elif claim.attribute is not None:
        key = cohort[claim.attribute].to_numpy(dtype=float, na_value=np.inf)
    else:
        key = np.arange(len(cohort), dtype=float)
    ranked = np.argsort(key, kind="stable")
    return lambda mask: [int(i) for i in ranked if mask[i]]


def _patients(mask: BoolArray) -> str:
    return counted(int(mask.sum()), "patient")


def _columns(cohort: pd.DataFrame, ledger: Ledger) -> dict[str, list[Any]]:
    """Every column as a reader sees it: its heading, and a text per patient."""
    shown: dict[str, list[Any]] = {"patient": ["Patient", cohort["patient"].astype(str).tolist()]}
    for name, attribute in ledger.attributes.items():
        texts = [NOTHING if pd.isna(value) else _value(value, attribute) for value in cohort[name]]
        shown[name] = [attribute.label or name, texts]
    unit, decimals = ledger.study.time.unit, ledger.study.time.decimals
    for name, endpoint in ledger.endpoints.items():
        time, event = survival_columns(cohort, ledger, name)
        texts = [rounded(t, decimals) + ("" if e else "+") for t, e in zip(time, event, strict=True)]
        label = endpoint.label or name
        shown[name] = [f"{label[:1].upper()}{label[1:]}, {unit}", texts]
    return shown


def _value(value: float | str, attribute: Attribute) -> str:
    """Numbers get their decimals; levels that are texts are short, those that are numbers need a label."""
    if attribute.number is not None:
        return rounded(float(value), attribute.number.decimals)
    return str(value) if isinstance(value, str) else attribute.level_labels.get(int(value), str(value))
