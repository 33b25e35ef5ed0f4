"""Places that a script takes over. Oracle: an HTML parser, which must get back what went in."""

from __future__ import annotations

import json
import math

import pytest
from bs4 import BeautifulSoup

from recohort.exhibits import open_exhibits
from recohort.exhibits.markup import element
from recohort.exhibits.play import life_rows, stage


def test_data_survive_the_page_they_stand_in() -> None:
    data = {"text": "</script><!-- <b> & é", "numbers": [1, 2.5, None]}
    page = BeautifulSoup(str(stage("trial", data, element("p", "still"))), "html.parser")
    place = page.find(attrs={"data-play": "trial"})
    assert json.loads(place.find("script", type="application/json").string) == data
    assert place.p.get_text() == "still"
    assert len(page.find_all()) == 3


def test_numbers_that_json_lacks_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        stage("trial", [math.inf])


def test_patients_of_a_panel_are_those_that_its_curves_are_drawn_from() -> None:
    study = open_exhibits()
    panel = study.panel("fig2a")
    rows = life_rows(panel, (1, 2), study.cohort, study.ledger)
    for number, curve in enumerate((panel.curves[1], panel.curves[2])):
        ours = [(time, event) for _, time, event, group in rows if group == number]
        assert ours == sorted(zip(curve.time.tolist(), curve.event.tolist(), strict=True))
    assert len({patient for patient, *_ in rows}) == len(rows)
