"""A cohort that we know, and a design, to the ledger that a paper would have printed.

Rounded as papers round: whole percentages, times with the decimals of the follow-up's grid, P values with
two decimals, three below 0.01, ``<0.001`` and ``>0.99`` at the ends. Every number of the ledger is then
checked against the cohort it came from before anything is written.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import yaml

from recohort import check
from recohort.cohort import members
from recohort.conditions import Condition, Level, Levels
from recohort.design import Design, blank_claims
from recohort.files import InputError, write_text
from recohort.ledger import Claim, Ledger
from recohort.ledger_checks import check_references
from recohort.printed import SLACK
from recohort.yaml_file import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

__all__ = ["describe", "print_p_value", "shorten", "to_yaml", "write"]


def describe(cohort: pd.DataFrame, design: Design) -> Ledger:
    """Print a cohort as a paper would.

    Left out, as in a paper, is what cannot be computed: a curve of nobody, a rate after the last patient
    has left, a percentage of nobody, a test without patients on both sides.

    Parameters
    ----------
    cohort : DataFrame
        As returned by :func:`recohort.cohort.read`.
    design : Design

    Returns
    -------
    Ledger
        Every claim reproduced by this cohort.

    Raises
    ------
    InputError
        If the cohort holds what cannot be printed, or tied times where the design says there are none.
    """
    ledger = design.ledger
    _refuse_ties(cohort, ledger)
    claims = []
    for blank, _ in blank_claims(design):
        if _is_defined(blank, cohort, ledger):
            text = _printed(blank, check.compute(blank, cohort, ledger), ledger)
            # without read-as there is nothing else in a claim that depends on its number
            claims.append(Claim.model_validate(_fields(blank) | {blank.kind: text}))
    described = ledger.with_claims(claims)
    check_references(described)
    missed = [row for row in check.check(cohort, described) if row.verdict != "reproduced"]
    if missed:
        raise AssertionError(f"{missed[0].claim}: printed {missed[0].printed}, is {missed[0].computed}")
    return described


def write(ledger: Ledger, design: Design, path: str | Path) -> None:
    """Write a described cohort's ledger; an interrupted run leaves an existing file whole."""
    write_text(path, to_yaml(ledger, design))


# --- numbers as papers print them ----------------------------------------------------------------


def shorten(value: float, decimals: int, rounding: str = "half-up") -> str:
    """Print a non-negative number with so many decimals, rounded or truncated.

    A value that misses an exact half or a whole unit through floating point counts as that.
    """
    units = (value + SLACK) * 10**decimals
    return f"{math.floor(units + (0.5 if rounding == 'half-up' else 0.0)) / 10**decimals:.{decimals}f}"


def print_p_value(p: float, rounding: str = "half-up") -> str:
    """Print a P value: two decimals, three below 0.01, and never 0 or 1."""
    if p < 0.001:
        return "<0.001"
    if p >= 0.995:
        return ">0.99"
    return shorten(p, 3 if p < 0.01 else 2, rounding)


def _printed(claim: Claim, values: tuple[float, ...], ledger: Ledger) -> str:
    """Print the numbers of a claim in one string."""
    rounding = str(ledger.convention("rounding"))
    if claim.kind == "p_value":
        return print_p_value(values[0], rounding)
    if claim.kind == "survival":
        return f"{shorten(values[0], 0, rounding)}%"
    if claim.kind in ("median_survival", "follow_up"):
        if math.isinf(values[0]):
            return "not reached"
        scale = ledger.study.time
        return f"{shorten(values[0], scale.decimals, rounding)} {scale.unit}"
    if claim.kind == "median_range":
        spec = ledger.attributes[claim.attribute or ""].number
        assert spec is not None
        if values[1] < 0:
            raise InputError(
                f"{claim.attribute}: {values[1]:g} is negative and cannot be printed; leave it out of table"
            )
        median, low, high = (shorten(value, spec.decimals, rounding) for value in values)
        return f"{median} [{low}-{high}]"
    found = {number.part: value for number, value in zip(claim.numbers, values, strict=True)}
    count = f"{found['count']:.0f}" + (f"/{found['denominator']:.0f}" if "denominator" in found else "")
    return count if claim.kind == "count" else f"{count} ({shorten(found['percent'], 0, rounding)})"


def _is_defined(claim: Claim, cohort: pd.DataFrame, ledger: Ledger) -> bool:
    """Whether a number can be computed and a paper would print it."""
    if claim.kind == "count":
        return True
    if claim.endpoint is None or claim.kind == "p_value":
        return not any(math.isnan(value) for value in check.compute(claim, cohort, ledger))
    inside = members(cohort, ledger.population(claim), ledger)
    if not inside.any():
        return False
    if claim.month is None:
        return True
    month = ledger.month(claim.month)
    time, _ = check.survival_columns(cohort, ledger, claim.endpoint)
    return bool(time[inside].max() >= month) or check.compute(claim, cohort, ledger)[0] == 0


def _refuse_ties(cohort: pd.DataFrame, ledger: Ledger) -> None:
    """Refuse to call times distinct that are not."""
    if ledger.convention("ties") != "distinct":
        return
    for endpoint in ledger.endpoints.values():
        tied = cohort[endpoint.time][cohort[endpoint.time].duplicated()]
        if not tied.empty:
            raise InputError(
                f"two patients have {endpoint.time} {tied.iloc[0]:g}, but the design says that times are "
                "distinct; write conventions: {ties: {value: allowed}}"
            )


# --- the ledger as text --------------------------------------------------------------------------


_HEADER = """\
# Made by `python -m recohort describe`: what a paper would have printed of patients who are known.
# Every number is computed from them and rounded as papers round; none is typed by hand.
"""
LONGEST_LINE = 90
ENDLESS = 10**6


class _Quoted(str):
    """A printed string: in quotes, so that YAML keeps its zeros."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    """YAML without aliases, printed strings in quotes."""

    def ignore_aliases(self, data: object) -> bool:
        """Write everything out."""
        del data
        return True


class _SectionDumper(_Dumper):
    """Collections below a section go into one line where they fit."""

    def serialize(self, node: yaml.Node) -> None:
        """Choose the style of every collection, then write as usual."""
        _lay_out(node, depth=0)
        super().serialize(node)


def _in_quotes(dumper: yaml.SafeDumper, text: _Quoted) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, '"')


_Dumper.add_representer(_Quoted, _in_quotes)


def _lay_out(node: yaml.Node, depth: int) -> int:
    """Put short collections below a section into one line; return about how long a node is so."""
    if not isinstance(node, yaml.CollectionNode):
        return len(node.value)
    parts = [part for entry in node.value for part in (entry if isinstance(entry, tuple) else (entry,))]
    length = sum(_lay_out(part, depth + 1) + 2 for part in parts)
    node.flow_style = depth > 1 and length <= LONGEST_LINE
    return length


def to_yaml(ledger: Ledger, design: Design) -> str:
    """Return a described cohort's ledger as YAML, one claim a line, printed strings in quotes."""
    blocks = [_HEADER]
    for key, value in design.head.items():
        section = {key: value}
        blocks.append(
            yaml.dump(section, Dumper=_SectionDumper, sort_keys=False, allow_unicode=True, width=100)
        )
    place, lines = None, ["claims:"] if ledger.claims else ["claims: []"]
    for claim in ledger.claims:
        if claim.at != place:
            place = claim.at
            lines += ["", f"  # === {place} ==="]
        entry = yaml.dump(
            _entry(claim),
            Dumper=_Dumper,
            default_flow_style=True,
            sort_keys=False,
            allow_unicode=True,
            width=ENDLESS,
        )
        lines.append(f"  - {entry.strip()}")
    text = "\n".join([*blocks, *lines, ""])
    assert Ledger.model_validate(parse_yaml(text)) == ledger
    return text


def _fields(claim: Claim) -> dict[str, Any]:
    """Return what a claim says, as it was given."""
    return {name: getattr(claim, name) for name in claim.model_fields_set}


def _entry(claim: Claim) -> dict[str, object]:
    """Return a claim as a ledger writes it."""
    entry: dict[str, object] = {"id": claim.id, "at": claim.at, claim.kind: _Quoted(claim.printed)}
    month = None if claim.month is None else _number(claim.month)
    plain = {"attribute": claim.attribute, "endpoint": claim.endpoint, "month": month}
    entry |= {name: value for name, value in plain.items() if value is not None}
    if claim.groups is not None:
        entry["groups"] = [_mapping(group) for group in claim.groups]
    conditions = {"outcome": claim.outcome, "of": claim.of, "where": claim.where}
    entry |= {name: _mapping(condition) for name, condition in conditions.items() if condition}
    if claim.at_risk is not None:
        entry["at_risk"] = {name: _number(month) for name, month in claim.at_risk.items()}
    return entry


def _number(month: float | str) -> float | str:
    """Write a whole number without a decimal point."""
    return int(month) if isinstance(month, float) and month.is_integer() else month


def _mapping(condition: Condition) -> dict[str, object]:
    return dict(_written(condition))


def _written(condition: Condition) -> Iterator[tuple[str, Level | list[Level] | str]]:
    for name, test in condition.tests:
        if not isinstance(test, Levels):
            yield name, str(test)
        elif len(test.levels) == 1 and not _looks_like_comparison(test.levels[0]):
            yield name, test.levels[0]
        else:
            yield name, list(test.levels)


def _looks_like_comparison(level: Level) -> bool:
    """Tell a level such as "<1", which must stand in a list, or a ledger would read a comparison."""
    return isinstance(level, str) and level[:1] in "<>"
