"""What another program answered, written down beforehand and compared while a page is made."""

from __future__ import annotations

import csv
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from recohort import paths

__all__ = ["agree", "answers"]

TOLERANCE = 1e-6
"""Relative; fits by iteration stop at slightly different places."""


def answers(name: str) -> dict[str, float]:
    """Read ``tests/oracles/NAME.csv``, a table of quantities and values.

    Raises
    ------
    FileNotFoundError
        If nobody has asked the other program yet.
    ValueError
        If a quantity stands twice.
    """
    path = paths.ROOT / "tests" / "oracles" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["quantity"], float(row["value"])) for row in csv.DictReader(file)]
    found = dict(rows)
    if len(found) < len(rows):
        raise ValueError(f"{path.name}: a quantity stands twice")
    return found


def agree(theirs: Mapping[str, float], ours: Mapping[str, ArrayLike]) -> int:
    """Compare our numbers with those of the other program, and return how many were compared.

    Parameters
    ----------
    theirs : mapping of str to float
        As from :func:`answers`; a list is spread over ``name.1``, ``name.2``, ...
    ours : mapping of str to float or array-like
        By the same names, without the numbering.

    Raises
    ------
    KeyError
        If the other program was not asked for one of them.
    AssertionError
        If a number differs by more than one in a million.
    """
    compared = 0
    for name, values in ours.items():
        flat = np.atleast_1d(np.asarray(values, dtype=float))
        names = [name] if np.ndim(values) == 0 else [f"{name}.{i}" for i in range(1, flat.size + 1)]
        np.testing.assert_allclose(
            flat, [theirs[key] for key in names], rtol=TOLERANCE, atol=1e-12, err_msg=name
        )
        compared += flat.size
    return compared
