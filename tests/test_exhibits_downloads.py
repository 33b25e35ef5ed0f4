"""Figures to take along. Oracles: the panel's own curve, lifelines, the files' own headers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from lifelines import KaplanMeierFitter
from PIL import Image

from recohort import paths
from recohort.exhibits import Exhibits, open_exhibits
from recohort.exhibits.downloads import curves_csv, save
from recohort.exhibits.km import km_figure

LARGEST = 250_000  # bytes of one file


@pytest.fixture(scope="module")
def study() -> Exhibits:
    return open_exhibits()


def test_the_table_is_the_curve_that_lifelines_fits(study: Exhibits) -> None:
    data = study.panel("fig1a")
    table = pd.read_csv(io.StringIO(curves_csv(data)))
    assert set(table["source"]) == {"reconstructed"}
    for curve in data.curves:
        group = table[table["group"] == curve.label]
        fitted = KaplanMeierFitter().fit(curve.time, curve.event)
        assert np.allclose(group["survival"], fitted.predict(group["time"]))
        assert group["events"].sum() == curve.event.sum()
        assert group["events"].sum() + group["censored"].sum() == curve.n == group["at_risk"].max()


def test_nothing_is_written_unless_the_book_is_built(
    study: Exhibits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RECOHORT_DOWNLOADS", raising=False)
    assert paths.downloads() is None
    assert "take-along" not in str(study.figure("fig1a"))
    monkeypatch.setenv("RECOHORT_DOWNLOADS", str(tmp_path / "downloads"))
    page = BeautifulSoup(str(study.figure("fig1a", "fig1b", band=True)), "lxml")
    links = [link["href"] for link in page.select(".take-along a")]
    assert links == [f"../downloads/fig1{p}.{kind}" for p in "ab" for kind in ("svg", "png", "csv")]
    assert {path.name for path in (tmp_path / "downloads").iterdir()} == {Path(link).name for link in links}
    assert all(path.stat().st_size < LARGEST for path in (tmp_path / "downloads").iterdir())


def test_files_say_that_nobody_is_real_and_are_the_same_each_time(study: Exhibits, tmp_path: Path) -> None:
    data = study.panel("fig2a")
    for folder in ("one", "two"):
        save(km_figure(data), data, "fig2a", tmp_path / folder)
    for kind in ("svg", "png", "csv"):
        first, second = ((tmp_path / folder / f"fig2a.{kind}").read_bytes() for folder in ("one", "two"))
        assert first == second, kind
    assert "not real" in (tmp_path / "one" / "fig2a.svg").read_text(
        "utf-8"
    )  # as a comment beside the outlines
    with Image.open(tmp_path / "one" / "fig2a.png") as picture:
        assert picture.width > 1000
        assert (
            picture.convert("L").crop((0, picture.height - 60, picture.width, picture.height)).getextrema()[0]
            < 99
        )


def test_every_panel_of_the_paper_can_be_saved(study: Exhibits, tmp_path: Path) -> None:
    for name in study.layout.panels:
        data = study.panel(name)
        save(km_figure(data), data, name, tmp_path)
    assert len(list(tmp_path.iterdir())) == 3 * len(study.layout.panels)
