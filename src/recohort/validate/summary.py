"""The table of the blind validation in a few numbers: errors side by side on the same groups."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

__all__ = ["KEY", "MEASURES", "by_method", "paired", "ratio", "share_better", "unsolved"]

KEY = ["dataset", "patients", "rates", "draw", "group"]
MEASURES = ["mean", "largest", "one_cohort", "rmst", "median", "log_hazard_ratio_error", "covered", "width"]


def paired(table: pd.DataFrame, *methods: str) -> pd.DataFrame:
    """Keep the groups for which every one of these methods gave an answer.

    Parameters
    ----------
    table : DataFrame
        As :func:`recohort.validate.run.run` writes it.
    *methods : str
        All methods of the table if none is given.
    """
    wanted = list(methods) or sorted(table["method"].unique())
    chosen = table[table["method"].isin(wanted)]
    answers = chosen.groupby(KEY)["method"].transform("nunique")
    return chosen[answers == len(wanted)]


def by_method(table: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Mean of every measure by method, over groups that all methods answered.

    Parameters
    ----------
    table : DataFrame
    by : sequence of str
        Further columns to split by.
    """
    return paired(table).groupby([*by, "method"])[MEASURES].mean()


def ratio(
    table: pd.DataFrame, measure: str = "mean", method: str = "recohort", than: str = "parametric"
) -> float:
    """Return the mean error of one method as a share of another's, on the same groups."""
    pairs = _side_by_side(table, measure, method, than)
    return float(pairs[method].mean() / pairs[than].mean())


def share_better(
    table: pd.DataFrame, measure: str = "mean", method: str = "recohort", than: str = "parametric"
) -> float:
    """Share of the groups in which one method is nearer to the truth than another."""
    pairs = _side_by_side(table, measure, method, than)
    return float((pairs[method] < pairs[than]).mean())


def unsolved(table: pd.DataFrame) -> int:
    """Return for how many ledgers no cohort was found."""
    ledgers = table[KEY[:-1]].drop_duplicates()
    solved = table.loc[table["method"] == "recohort", KEY[:-1]].drop_duplicates()
    return len(ledgers) - len(solved)


def _side_by_side(table: pd.DataFrame, measure: str, *methods: str) -> pd.DataFrame:
    return paired(table, *methods).pivot_table(index=KEY, columns="method", values=measure).dropna()
