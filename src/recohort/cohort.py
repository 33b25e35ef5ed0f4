"""The table of patients: its schema, the rules every row obeys, populations, reading and writing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaErrors

from recohort.conditions import Condition, Levels, Population
from recohort.ledger import Attribute, Endpoint, Ledger

__all__ = ["SOURCE", "CohortError", "columns", "members", "read", "schema", "validate", "write", "write_text"]

SOURCE = "reconstructed"
"""What the last column says in every row: these are not real patients."""

MAX_BYTES = 20_000_000
GRID_SLACK = 1e-6
BoolArray = npt.NDArray[np.bool_]


class CohortError(ValueError):
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
    rules = [pa.Check(holds, error=message) for message, holds in _row_rules(ledger)]
    return pa.DataFrameSchema(checked, checks=rules)


def _attribute_column(name: str, attribute: Attribute) -> pa.Column:
    if attribute.levels is not None:
        wanted = ", ".join(str(level) for level in attribute.levels)
        check = pa.Check.isin(list(attribute.levels), error=f"{name} must be one of {wanted}")
    else:
        assert attribute.number is not None
        low, high = attribute.number.min, attribute.number.max
        check = pa.Check.in_range(low, high, error=f"{name} must lie between {low:g} and {high:g}")
    return pa.Column(_dtype(attribute), check, nullable=True)


def _dtype(attribute: Attribute) -> str:
    """Integers stay integers where a cell may be empty; texts are plain objects."""
    if attribute.number is not None:
        return "Float64" if attribute.number.decimals else "Int64"
    return "Int64" if all(isinstance(level, int) for level in attribute.levels or ()) else "object"


RowRule = Callable[[pd.DataFrame], "pd.Series[bool]"]


def _row_rules(ledger: Ledger) -> Iterator[tuple[str, RowRule]]:
    """Each rule per patient: what it says when broken, and the rows that keep it."""

    def holds(frame: pd.DataFrame, condition: Condition) -> BoolArray:
        return members(frame, condition, ledger)

    def series(frame: pd.DataFrame, kept: BoolArray) -> pd.Series[bool]:
        return pd.Series(kept, index=frame.index)

    for name, attribute in ledger.attributes.items():

        def applies(f: pd.DataFrame, name: str = name, a: Attribute = attribute) -> pd.Series[bool]:
            return series(f, holds(f, a.where) | f[name].isna().to_numpy())

        def filled(f: pd.DataFrame, name: str = name, a: Attribute = attribute) -> pd.Series[bool]:
            return series(f, ~holds(f, a.where) | f[name].notna().to_numpy())

        yield f"{name} must be empty unless {attribute.where}", applies
        if not attribute.may_be_empty:
            yield f"{name} is missing", filled
        if attribute.derived is not None:

            def derived(f: pd.DataFrame, name: str = name, a: Attribute = attribute) -> pd.Series[bool]:
                rule = a.derived
                assert rule is not None
                any_of = np.logical_or.reduce([holds(f, c) for c in rule.any_of])
                expected = np.where(any_of, np.array(rule.level, object), np.array(rule.otherwise, object))
                return series(f, ~holds(f, a.where) | (f[name].to_numpy(dtype=object) == expected))

            yield f"{name} does not follow from the attributes it is derived from", derived
    for rule in ledger.rules:

        def kept(f: pd.DataFrame, when: Condition = rule.when, then: Condition = rule.then) -> pd.Series[bool]:
            return series(f, ~holds(f, when) | holds(f, then))

        yield f"{rule.when} means {rule.then}", kept
    for name, attribute in ledger.attributes.items():
        if attribute.not_after is not None:
            end = ledger.endpoints[attribute.not_after].time

            def before(f: pd.DataFrame, name: str = name, end: str = end) -> pd.Series[bool]:
                late = f[name].astype("Float64") > f[end] + GRID_SLACK
                return ~late.fillna(False).astype(bool)

            yield f"{name} must not be after {end}", before
    for endpoint in ledger.endpoints.values():
        if endpoint.not_after is not None:
            yield from _nesting_rules(endpoint, ledger.endpoints[endpoint.not_after])


def _nesting_rules(inner: Endpoint, outer: Endpoint) -> Iterator[tuple[str, RowRule]]:
    """Rules for an endpoint that lies within another (relapse-free within overall survival)."""
    yield (
        f"{inner.time} must not be after {outer.time}",
        lambda f: f[inner.time] <= f[outer.time] + GRID_SLACK,
    )
    yield (
        f"{outer.event} = 1 must be an event for {inner.event} too",
        lambda f: (f[outer.event] == 0) | (f[inner.event] == 1),
    )
    yield (
        f"without {inner.event}, {inner.time} and {outer.time} must be the same last contact",
        lambda f: (f[inner.event] == 1) | ((f[inner.time] - f[outer.time]).abs() < GRID_SLACK),
    )


def read(path: str | Path, ledger: Ledger) -> pd.DataFrame:
    """Read and validate a cohort file.

    Parameters
    ----------
    path : str or Path
        UTF-8, comma-separated, with a header row; an empty cell means "does not apply".
    ledger : Ledger
        Says which columns there are and what they may hold.

    Returns
    -------
    DataFrame
        One row per patient; times in the ledger's unit.

    Raises
    ------
    CohortError
        With one line: file, row and patient, what is wrong.
    """
    file = Path(path)
    try:
        if not file.is_file():
            raise CohortError(f"{path}: no such file; give the path of a cohort (CSV)")
        if file.stat().st_size > MAX_BYTES:
            raise CohortError(f"{path}: larger than {MAX_BYTES // 1_000_000} MB; a cohort is a short table")
        raw = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8", index_col=False)
    except UnicodeDecodeError:
        raise CohortError(f"{path}: not UTF-8; save the file in UTF-8") from None
    except pd.errors.EmptyDataError:
        raise CohortError(f"{path}: the file is empty; it should hold a header row and patients") from None
    except (pd.errors.ParserError, OSError, ValueError) as error:
        if isinstance(error, CohortError):
            raise
        raise CohortError(f"{path}: cannot be read as CSV: {' '.join(str(error).split())[:200]}") from None
    try:
        return validate(_typed(raw, ledger), ledger)
    except CohortError as error:
        raise CohortError(f"{path}: {error}") from None


def validate(cohort: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Check a cohort against its schema, every rule and the number of patients.

    Raises
    ------
    CohortError
        With one line for the first row that breaks a rule.
    """
    if len(cohort) != ledger.study.patients:
        raise CohortError(f"{len(cohort)} patients; the ledger's study has {ledger.study.patients}")
    try:
        return schema(ledger).validate(cohort, lazy=True)
    except SchemaErrors as error:
        failed = error.failure_cases
        failed = failed.assign(row=pd.to_numeric(failed["index"], errors="coerce")).sort_values(
            "row", kind="stable"
        )
        first = failed.iloc[0]
        if pd.isna(first["row"]):
            raise CohortError(f"{first['column']}: {first['check']}") from None
        row = int(first["row"])
        message = str(first["check"])
        if message == "field_uniqueness":
            message = "this patient stands twice"
        elif first["failure_case"] is not None and first["schema_context"] == "Column":
            message = f"{message}, not {first['failure_case']!s:.40}"
        raise CohortError(f"row {row + 2} ({cohort['patient'].iloc[row]}): {message}") from None


def _typed(raw: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Turn a table of texts into typed columns."""
    wanted = columns(ledger)
    for column in wanted:
        if column not in raw.columns and column != "source":
            raise CohortError(f"column {column!r} is missing; a cohort has {', '.join(wanted)}")
    frame = pd.DataFrame({"patient": raw["patient"].str.strip()})
    for name, attribute in ledger.attributes.items():
        kind = _dtype(attribute)
        if kind == "object":
            frame[name] = raw[name].where(raw[name] != "", None).astype(object)
        else:
            frame[name] = _numbers(raw, name, may_be_empty=True).astype(kind)
    for endpoint in ledger.endpoints.values():
        frame[endpoint.time] = _numbers(raw, endpoint.time, may_be_empty=False)
        frame[endpoint.event] = _numbers(raw, endpoint.event, may_be_empty=False, whole=True).astype(int)
    frame["source"] = raw["source"] if "source" in raw else ""
    return frame


def _numbers(raw: pd.DataFrame, name: str, *, may_be_empty: bool, whole: bool = False) -> pd.Series[float]:
    text = raw[name].str.strip()
    numbers = pd.to_numeric(text.where(text != "", None), errors="coerce").astype(float)
    bad = ~np.isfinite(numbers) & ((text != "") | (not may_be_empty))
    if whole:
        bad |= numbers != numbers.round()
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        found = repr(text.iloc[row][:40]) if text.iloc[row] else "an empty cell"
        kind = "a whole number" if whole else "a number"
        raise CohortError(f"row {row + 2} ({raw['patient'].iloc[row]}): {name} must be {kind}, not {found}")
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


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all: beside the target first, then renamed."""
    target = Path(path)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
