"""A figure to take along: as SVG, as PNG, and the numbers behind it as CSV.

While the book is built, its extension names a folder (:func:`recohort.paths.downloads`); each figure that a
page shows is saved there as it is drawn, so that page and file cannot differ. Elsewhere nothing is written.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from recohort.cohort import SOURCE
from recohort.exhibits.curves import PanelData
from recohort.exhibits.km import SETTINGS
from recohort.exhibits.markup import Html, element
from recohort.files import write_bytes

__all__ = ["curves_csv", "download_links", "save"]

ADDRESS = "../downloads/"
"""The folder of these files, as seen from a page one folder below the book's root."""
PAPER: dict[str, Any] = {"dpi": 300, "facecolor": "white", "bbox_inches": "tight", "pad_inches": 0.08}
NO_DATE = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}
"""Without these the same figure would be other bytes each day, or with each version of the library."""


def curves_csv(data: PanelData) -> str:
    """Return the curves of a panel as a table.

    Parameters
    ----------
    data : PanelData

    Returns
    -------
    str
        UTF-8, separated by commas: ``group``, ``time`` in the unit of the study, ``survival`` just after that
        time with its 95 % limits ``low`` and ``high`` (empty where they do not exist), ``at_risk``,
        ``events``, ``censored``, and ``source``, which says in every row that no patient is real.
    """
    groups = [curve.table.assign(group=curve.label) for curve in data.curves]
    table = pd.concat(groups, ignore_index=True).assign(source=SOURCE)
    first = ["group", "time", "survival", "low", "high", "at_risk", "events", "censored"]
    return str(table[[*first, "source"]].to_csv(index=False, lineterminator="\n", float_format="%.10g"))


def save(figure: Figure, data: PanelData, name: str, folder: Path) -> None:
    """Write a drawn panel and its numbers as ``name.svg``, ``name.png`` and ``name.csv``.

    Parameters
    ----------
    figure : Figure
        On paper it has a white ground and its letters are drawn, so that it looks the same everywhere.
    data : PanelData
    name : str
    folder : Path
        Made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for kind, metadata in NO_DATE.items():
        out = io.BytesIO()
        with mpl.rc_context({**SETTINGS, "svg.hashsalt": name, "svg.fonttype": "path"}):
            figure.savefig(out, format=kind, metadata=metadata, **PAPER)
        write_bytes(folder / f"{name}.{kind}", out.getvalue())
    write_bytes(folder / f"{name}.csv", curves_csv(data).encode("utf-8"))


def download_links(data: PanelData, name: str) -> Html:
    """Return links to the files of a panel."""
    links: list[str | Html] = ["Take along: "]
    for kind in ("SVG", "PNG", "CSV"):
        said = f"{kind} of panel {data.panel.letter}, {data.title}"
        address = f"{ADDRESS}{name}.{kind.lower()}"
        links += [element("a", kind, href=address, download="", aria_label=said), ", "]
    return element("p", *links[:-1], class_="take-along")
