"""Many cohorts in one Parquet file: the columns of a cohort and `cohort`, its number from 1.

The file says in a column and in its metadata that no patient in it is a real one.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pandera.errors import SchemaErrors

from recohort import cohort as cohorts
from recohort.cohort import CohortError
from recohort.files import shown, write_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from recohort.ledger import Ledger

__all__ = ["NUMBER", "WARNING", "each", "facts", "read", "write"]

NUMBER = "cohort"
"""The column with the number of the cohort."""
WARNING = (
    "reconstructed: no row is a real patient. Each cohort agrees with the printed numbers as the ledger "
    "reads them; how often something occurs among the cohorts is no probability."
)
UNREADABLE = "cannot be read as Parquet; give the path of an ensemble"
MAX_BYTES = 500_000_000
_FACTS = b"recohort"


def write(
    made: Sequence[pd.DataFrame], ledger: Ledger, path: str | Path, facts: Mapping[str, object]
) -> None:
    """Write cohorts to a Parquet file, whole or not at all.

    Parameters
    ----------
    made : sequence of DataFrame
        Each validated by :func:`recohort.cohort.validate`.
    ledger : Ledger
    path : str or Path
    facts : mapping
        What else the file should say of itself, as JSON in its metadata under the key ``recohort``;
        the warning that nobody in it is real is added.
    """
    names = [NUMBER, *cohorts.columns(ledger)]
    numbered = [table.assign(**{NUMBER: k}) for k, table in enumerate(made, 1)]
    whole = pd.concat(numbered, ignore_index=True) if numbered else _empty(ledger)
    whole["source"] = cohorts.SOURCE
    table = pa.Table.from_pandas(whole[names], preserve_index=False)
    about = {"source": cohorts.SOURCE, "warning": WARNING, **facts}
    metadata = (table.schema.metadata or {}) | {_FACTS: json.dumps(about, allow_nan=False).encode()}
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata), buffer, compression="zstd", compression_level=19)
    write_bytes(path, buffer.getvalue())


def _empty(ledger: Ledger) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in [NUMBER, *cohorts.columns(ledger)]})


def read(path: str | Path, ledger: Ledger) -> pd.DataFrame:
    """Read and validate an ensemble.

    Returns
    -------
    DataFrame
        The rows of all cohorts, ascending by `cohort`, with the dtypes of a single cohort's columns.

    Raises
    ------
    CohortError
        With one line: the file, the cohort, what is wrong.
    """
    try:
        whole = _open(path).read().to_pandas()
        _check_numbers(whole, ledger)
        return _validated(whole, ledger)
    except pa.ArrowException:
        raise CohortError(f"{shown(path)}: {UNREADABLE}") from None
    except CohortError as error:
        raise CohortError(f"{shown(path)}: {error}") from None


def _check_numbers(whole: pd.DataFrame, ledger: Ledger) -> None:
    """See that all columns are there, and cohorts numbered and whole."""
    for name in (NUMBER, *cohorts.columns(ledger)):
        if name not in whole:
            raise CohortError(f"column {name!r} is missing; give an ensemble (Parquet) of this ledger")
    numbers = whole[NUMBER].to_numpy()
    if numbers.dtype.kind != "i" or (numbers < 1).any() or (np.diff(numbers) < 0).any():
        raise CohortError("cohorts must be numbered from 1, in ascending order")
    found, sizes = np.unique(numbers, return_counts=True)
    if (found != np.arange(1, found.size + 1)).any():
        raise CohortError("cohorts must be numbered from 1, without a gap")
    for number in found[sizes != ledger.study.patients].tolist():
        size = sizes[number - 1]
        raise CohortError(f"cohort {number}: {size} patients, but the study has {ledger.study.patients}")


def _validated(whole: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Hold all rows against the rules at once; cohort by cohort only to say where one is broken."""
    names = whole["patient"]
    apart = whole.assign(patient=whole[NUMBER].astype(str) + "/" + names.astype(str))
    try:
        cohorts.schema(ledger).validate(apart, lazy=True)
    except SchemaErrors:
        pass
    else:
        return whole
    for number, table in each(whole):
        try:
            cohorts.validate(table, ledger)
        except CohortError as error:
            raise CohortError(f"cohort {number}: {error}") from None
    raise CohortError("a column does not hold what the ledger says it holds")


def each(whole: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """Take an ensemble apart: the number and the table of each cohort, as `recohort.cohort.read` gives it."""
    for number in range(1, int(whole[NUMBER].max() if len(whole) else 0) + 1):
        yield number, whole[whole[NUMBER] == number].drop(columns=NUMBER).reset_index(drop=True)


def facts(path: str | Path) -> dict[str, object]:
    """Return what an ensemble says of itself.

    Raises
    ------
    CohortError
        If the file cannot be read or says nothing.
    """
    try:
        found = json.loads((_open(path).schema_arrow.metadata or {})[_FACTS])
    except CohortError as error:
        raise CohortError(f"{shown(path)}: {error}") from None
    except (KeyError, ValueError):
        raise CohortError(f"{shown(path)}: says nothing of itself; it was not made by this program") from None
    return dict(found)


def _open(path: str | Path) -> pq.ParquetFile:
    file = Path(path)
    try:
        if not file.is_file():
            raise CohortError("no such file; give the path of an ensemble (Parquet)")
        if file.stat().st_size > MAX_BYTES:
            raise CohortError(f"larger than {MAX_BYTES // 1_000_000} MB; no ensemble is")
        return pq.ParquetFile(io.BytesIO(file.read_bytes()))
    except (OSError, pa.ArrowException):
        raise CohortError(UNREADABLE) from None
