"""Draw the README's picture, Figure 1 from the reconstructed cohort.

Run by `make picture`; tests/test_readme.py holds the files to what this script would write.
"""

from __future__ import annotations

import io

import matplotlib as mpl

from recohort import paths
from recohort.exhibits import open_exhibits
from recohort.exhibits.km import SETTINGS, km_figure

FOLDER = paths.BOOK / "_static"
PANELS = ("fig1a", "fig1b")


def pictures() -> dict[str, str]:
    """Return each panel as SVG on white, by file name."""
    study = open_exhibits()
    panels = {name: study.panel(name) for name in PANELS}
    until = max(data.last for data in panels.values())
    drawn = {}
    for name, data in panels.items():
        out = io.StringIO()
        with mpl.rc_context({**SETTINGS, "svg.hashsalt": name, "svg.fonttype": "path"}):
            km_figure(data, until=until, band=True).savefig(
                out, format="svg", facecolor="white", metadata={"Date": None, "Creator": None}
            )
        drawn[f"{name}.svg"] = out.getvalue()
    return drawn


if __name__ == "__main__":
    for file, svg in pictures().items():
        (FOLDER / file).write_text(svg, encoding="utf-8")
