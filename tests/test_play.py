"""Places that a script takes over. Oracle: an HTML parser, which must get back what went in."""

from __future__ import annotations

import json
import math

import pytest
from bs4 import BeautifulSoup

from recohort.exhibits.markup import element
from recohort.exhibits.play import stage


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
