"""Reading a CSV file that a stranger, or a spreadsheet program, may have written."""

from __future__ import annotations

import csv
import io
import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["parse_csv", "parse_number"]

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)


def parse_csv(text: str, needed: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Split a comma-separated text into its header and its rows, spaces around cells removed.

    Parameters
    ----------
    text : str
    needed : sequence of str
        Columns that must be there; others may be.

    Returns
    -------
    header : list of str
    rows : list of list of str
        Each as long as the header; row k of the list is row k + 2 of the file.

    Raises
    ------
    ValueError
        One line: the row and what is wrong.
    """
    try:
        table = [
            [cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""), strict=True)
        ]
    except csv.Error as error:
        raise ValueError(f"cannot be read as CSV ({error}); is a quote not closed?") from None
    while table and not any(table[-1]):
        table.pop()
    if not table:
        raise ValueError("the file is empty; it should hold a header row and one row per patient")
    header, *rows = table
    _check_header(header, needed)
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise ValueError(
                f"row {number}: {len(row)} cells, but the header has {len(header)}; "
                "check commas and quotes, and delete lines that are no patients"
            )
    return header, rows


def _check_header(header: list[str], needed: Sequence[str]) -> None:
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and header[0].count(sign) > 2:
            raise ValueError(f"cells are separated by {name}; save the file as CSV with commas")
    for column in needed:
        if column not in header:
            close = get_close_matches(column, set(header) - set(needed), n=1)
            hint = f"is {close[0]!r} meant?" if close else f"the first row must name {', '.join(needed)}"
            raise ValueError(f"column {column!r} is missing; {hint}")
        if header.count(column) > 1:
            raise ValueError(f"column {column!r} stands twice in the header; keep one")


def parse_number(text: str, *, whole: bool = False) -> float:
    """Return the number in a cell.

    Raises
    ------
    ValueError
        Saying what the cell should hold instead; the message does not name the cell.
    """
    wanted = "a whole number" if whole else "a number"
    if not text:
        raise ValueError(f"must be {wanted}, but the cell is empty")
    if not _NUMBER.fullmatch(text):
        hint = "; write a decimal point" if re.fullmatch(r"-?\d+,\d+", text) else ""
        raise ValueError(f"must be {wanted}, not {text[:40]!r}{hint}")
    number = float(text)
    if abs(number) > 1e9 or (whole and not number.is_integer()):
        raise ValueError(f"must be {wanted} of reasonable size, not {text[:40]}")
    return number
