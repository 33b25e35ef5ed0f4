"""The table of patients: its schema, the rules every row obeys, populations, reading and writing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from recohort.conditions import Condition, Level, Levels, Population
from recohort.csv_file import parse_csv, parse_number
from recohort.files import InputError, read_text, shown, write_text

if TYPE_CHECKING:
    from pathlib import Path

    from recohort.ledger import Attribute, Derivation, Endpoint, Ledger

__all__ = [
    "SOURCE",
    "CohortError",
    "column_dtype",
    "columns",
    "members",
    "read",
    "schema",
    "times_off_grid",
    "validate",
    "write",
    "write_text",
]

SOURCE = "reconstructed"
"""What the last column says in every row: these are not real patients."""

MAX_BYTES = 5_000_000
GRID_SLACK = 1e-6
BoolArray = npt.NDArray[np.bool_]
Table = dict[str, list[str]]
RowRule = Callable[[pd.DataFrame], BoolArray]
"""Takes a cohort, returns which patients keep the rule."""


class CohortError(InputError):
    """A cohort that cannot be used; the message is one line."""


def columns(ledger: Ledger) -> list[str]:
    """Column names of a cohort file, in their order."""
    times = [column for e in ledger.endpoints.values() for column in (e.time, e.event)]
    return ["patient", *ledger.attributes, *times, "source"]


def members(cohort: pd.DataFrame, population: Population | Condition, ledger: Ledger) -> BoolArray:
    """Who belongs to a population.

    Parameters
    ----------
    cohort : DataFrame
        One row per patient.
    population : Population or Condition

    Returns
    -------
    ndarray of bool, shape (n_patients,)
    """
    if isinstance(population, Condition):
        population = Population(population)
    inside = np.ones(len(cohort), dtype=bool)
    for name, test in population.where.tests:
        if isinstance(test, Levels):
            inside &= cohort[name].isin(test.levels).to_numpy(dtype=bool)
        else:
            values = cohort[name].to_numpy(dtype=float, na_value=np.nan)
            inside &= np.array([test.holds(None if np.isnan(v) else float(v)) for v in values], dtype=bool)
    if population.at_risk is not None:
        endpoint, month = population.at_risk
        inside &= cohort[ledger.endpoints[endpoint].time].to_numpy(dtype=float) >= month - GRID_SLACK
    return inside


def times_off_grid(cohort: pd.DataFrame, ledger: Ledger) -> int:
    """Count the times of a cohort that lie between the steps of the ledger's time scale.

    They are no error: real follow-up is counted in days. Whatever is computed from a cohort takes times as
    they are. But the solvers know the steps only, so a ledger for them should have steps that fit.
    """
    step = ledger.study.time.resolution
    columns = [endpoint.time for endpoint in ledger.endpoints.values()]
    time = cohort[columns].to_numpy(dtype=float)
    return int((abs(time - np.round(time / step) * step) > GRID_SLACK).sum())


def schema(ledger: Ledger) -> pa.DataFrameSchema:
    """Return the pandera schema of a cohort: columns, levels, ranges and the rules per patient."""
    checked: dict[str, pa.Column] = {
        "patient": pa.Column(str, pa.Check.str_length(1, 40, error="patient needs a name"), unique=True)
    }
    for name, attribute in ledger.attributes.items():
        checked[name] = _attribute_column(name, attribute)
    scale = ledger.study.time
    for endpoint in ledger.endpoints.values():
        limits = f"{endpoint.time} must lie between {scale.min:g} and {scale.max:g} {scale.unit}"
        checked[endpoint.time] = pa.Column(
            float, pa.Check.in_range(scale.min - GRID_SLACK, scale.max + GRID_SLACK, error=limits)
        )
        checked[endpoint.event] = pa.Column(
            int, pa.Check.isin([0, 1], error=f"{endpoint.event} must be 0 or 1")
        )
    rules = [pa.Check(_as_series(kept), error=message) for message, kept in _row_rules(ledger)]
    return pa.DataFrameSchema(checked, checks=rules)


def _as_series(kept: RowRule) -> Callable[[pd.DataFrame], pd.Series[bool]]:
    """Give a rule the shape that pandera expects."""
    return lambda frame: pd.Series(kept(frame), index=frame.index)


def _attribute_column(name: str, attribute: Attribute) -> pa.Column:
    if attribute.levels is not None:
        wanted = ", ".join(str(level) for level in attribute.levels)
        check = pa.Check.isin(list(attribute.levels), error=f"{name} must be one of {wanted}")
    else:
        assert attribute.number is not None
        low, high = attribute.number.min, attribute.number.max
        check = pa.Check.in_range(low, high, error=f"{name} must lie between {low:g} and {high:g}")
    return pa.Column(column_dtype(attribute), check, nullable=True)


def column_dtype(attribute: Attribute) -> str:
    """Return the pandas type of a column: integers even where a cell may be empty; texts are objects."""
    if attribute.number is not None:
        return "Float64" if attribute.number.decimals else "Int64"
    return "Int64" if all(isinstance(level, int) for level in attribute.levels or ()) else "object"


def _row_rules(ledger: Ledger) -> Iterator[tuple[str, RowRule]]:
    """Each rule per patient: what it says when broken, and who keeps it."""
    for name, attribute in ledger.attributes.items():
        yield from _applicability_rules(ledger, name, attribute)
        if attribute.derived is not None:
            yield from _derived_rules(ledger, name, attribute.where, attribute.derived)
    for rule in ledger.rules:
        yield f"with {rule.when} a patient must have {rule.then}", _implies(ledger, rule.when, rule.then)
    for name, attribute in ledger.attributes.items():
        if attribute.not_after is not None:
            yield _not_after_rule(name, ledger.endpoints[attribute.not_after].time)
    for endpoint in ledger.endpoints.values():
        if endpoint.not_after is not None:
            yield from _nesting_rules(endpoint, ledger.endpoints[endpoint.not_after])


def _implies(ledger: Ledger, when: Condition, then: Condition) -> RowRule:
    return lambda frame: ~members(frame, when, ledger) | members(frame, then, ledger)


def _applicability_rules(ledger: Ledger, name: str, attribute: Attribute) -> Iterator[tuple[str, RowRule]]:
    """Rules on who has an empty cell."""

    def filled(frame: pd.DataFrame) -> BoolArray:
        return frame[name].notna().to_numpy(dtype=bool)

    yield (
        f"{name} must be empty: it applies only to {attribute.where}",
        lambda frame: members(frame, attribute.where, ledger) | ~filled(frame),
    )
    if not attribute.may_be_empty:
        yield (
            f"{name} is empty, but it applies to {attribute.where}",
            lambda frame: ~members(frame, attribute.where, ledger) | filled(frame),
        )


def _derived_rules(
    ledger: Ledger, name: str, where: Condition, derived: Derivation
) -> Iterator[tuple[str, RowRule]]:
    """Rules for an attribute that follows from others."""

    def is_level(level: Level) -> Condition:
        return Condition(((name, Levels((level,))),))

    for reason in derived.any_of:
        rule = _implies(ledger, where & reason, is_level(derived.level))
        yield f"{name} must be {derived.level}: it follows from {reason}", rule

    def otherwise(frame: pd.DataFrame) -> BoolArray:
        caused = [members(frame, reason, ledger) for reason in derived.any_of]
        expected = members(frame, is_level(derived.otherwise), ledger)
        return np.array(~members(frame, where, ledger) | np.any(caused, axis=0) | expected, dtype=bool)

    yield f"{name} must be {derived.otherwise}: nothing makes it {derived.level}", otherwise


def _not_after_rule(name: str, end: str) -> tuple[str, RowRule]:
    def kept(frame: pd.DataFrame) -> BoolArray:
        value = frame[name].to_numpy(dtype=float, na_value=np.nan)
        late = value > frame[end].to_numpy(dtype=float) + GRID_SLACK  # False for an empty cell
        return np.logical_not(late)

    return f"{name} must not be after {end}", kept


def _nesting_rules(inner: Endpoint, outer: Endpoint) -> Iterator[tuple[str, RowRule]]:
    """Rules for an endpoint that lies within another (relapse-free within overall survival)."""
    yield (
        f"{inner.time} must not be after {outer.time}",
        lambda f: (f[inner.time] <= f[outer.time] + GRID_SLACK).to_numpy(dtype=bool),
    )
    yield (
        f"{outer.event} is 1, so {inner.event} must be 1 too",
        lambda f: ((f[outer.event] == 0) | (f[inner.event] == 1)).to_numpy(dtype=bool),
    )
    yield (
        f"{inner.event} is 0, so {inner.time} and {outer.time} must be the same last contact",
        lambda f: ((f[inner.event] == 1) | ((f[inner.time] - f[outer.time]).abs() < GRID_SLACK)).to_numpy(
            dtype=bool
        ),
    )


def read(path: str | Path, ledger: Ledger) -> pd.DataFrame:
    """Read and validate a cohort file.

    Parameters
    ----------
    path : str or Path
        UTF-8, comma-separated, with a header row; an empty cell means "does not apply".
    ledger : Ledger
        Says which columns there are and what they may hold. Further columns are left out.

    Returns
    -------
    DataFrame
        One row per patient; times in the ledger's unit.

    Raises
    ------
    CohortError
        With one line: file, row and patient, what is wrong.
    """
    try:
        text = read_text(path, max_bytes=MAX_BYTES, kind="a cohort (CSV)")
        header, rows = parse_csv(text, [column for column in columns(ledger) if column != "source"])
        return validate(_typed(header, rows, ledger), ledger)
    except ValueError as error:
        raise CohortError(f"{shown(path)}: {error}") from None


def validate(cohort: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Check a cohort against its schema, every rule and the number of patients.

    Raises
    ------
    CohortError
        With one line for the first row that breaks a rule.
    """
    if len(cohort) != ledger.study.patients:
        raise CohortError(f"{len(cohort)} patients, but the ledger's study has {ledger.study.patients}")
    try:
        return schema(ledger).validate(cohort, lazy=True)
    except SchemaErrors as error:
        raise CohortError(_first_failure(error, cohort)) from None


def _first_failure(error: SchemaErrors, cohort: pd.DataFrame) -> str:
    """Describe the topmost row that fails, and there what is wrong with a cell before broken rules."""
    failed = error.failure_cases
    row = pd.to_numeric(failed["index"], errors="coerce")
    if row.isna().any():  # a column as a whole
        first = failed[row.isna()].iloc[0]
        return f"column {first['column']}: {first['check']}"
    in_cell = failed["schema_context"] == "Column"
    first = failed.assign(row=row, later=~in_cell).sort_values(["row", "later"], kind="stable").iloc[0]
    message = str(first["check"])
    if message == "field_uniqueness":
        message = "this patient stands twice"
    elif first["schema_context"] == "Column" and first["failure_case"] is not None:
        message = f"{message}, not {first['failure_case']!s:.40}"
    return f"row {int(first['row']) + 2} ({cohort['patient'].iloc[int(first['row'])]!s:.40}): {message}"


def _typed(header: list[str], rows: list[list[str]], ledger: Ledger) -> pd.DataFrame:
    """Turn a table of texts into typed columns."""
    table = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    typed: dict[str, object] = {"patient": np.array(table["patient"], dtype=object)}
    for name, attribute in ledger.attributes.items():
        typed[name] = _attribute_values(table, name, attribute)
    for endpoint in ledger.endpoints.values():
        typed[endpoint.time] = np.array(_numbers(table, endpoint.time), dtype=float)
        typed[endpoint.event] = np.array(_numbers(table, endpoint.event, whole=True), dtype=np.int64)
    typed["source"] = np.array(table.get("source", [""] * len(rows)), dtype=object)
    return pd.DataFrame(typed)


def _attribute_values(table: Table, name: str, attribute: Attribute) -> pd.Series[Any]:
    kind = column_dtype(attribute)
    if kind == "object":
        return pd.Series([cell or None for cell in table[name]], dtype=object)
    numbers = _numbers(table, name, whole=kind == "Int64", may_be_empty=True)
    if kind == "Int64":
        return pd.Series([None if n is None else int(n) for n in numbers], dtype=pd.Int64Dtype())
    return pd.Series(numbers, dtype=pd.Float64Dtype())


def _numbers(
    table: Table, name: str, *, whole: bool = False, may_be_empty: bool = False
) -> list[float | None]:
    """Read a column of numbers; None stands for an empty cell."""
    numbers: list[float | None] = []
    for row, cell in enumerate(table[name]):
        try:
            numbers.append(None if may_be_empty and not cell else parse_number(cell, whole=whole))
        except ValueError as error:
            raise ValueError(f"row {row + 2} ({table['patient'][row]:.40}): {name} {error}") from None
    return numbers


def write(cohort: pd.DataFrame, ledger: Ledger, path: str | Path) -> None:
    """Validate and write a cohort; an interrupted run leaves an existing file whole.

    Whole numbers are written without a decimal point and the `source` column says in every row that
    the patients are reconstructed.
    """
    validate(cohort, ledger)
    table = cohort.assign(source=SOURCE)[columns(ledger)].astype(object)
    text = table.map(_cell).to_csv(index=False, lineterminator="\n")
    write_text(path, text)


def _cell(value: object) -> str:
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:.10g}" if isinstance(value, float) else str(value)
