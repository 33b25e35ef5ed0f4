"""Ladders and follow-up lines: what is drawn is what is given, and the text alternative says it."""

from __future__ import annotations

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recohort.cohort import read as read_cohort
from recohort.exhibits.ladders import ladder_figure, ladder_text, ladders, printable_figure
from recohort.exhibits.lives import Life, dots, dots_figure, lives, lives_figure, lives_of, lives_text
from recohort.histories import History, printable
from recohort.ledger import load
from recohort.paths import COHORT, LEDGER

ONE = History(5, (5, 3, 2))


def part(figure: Figure, label: str) -> Axes:
    return next(ax for ax in figure.axes if ax.get_label() == label)


def marked(ax: Axes, gid: str) -> list[tuple[float, float]]:
    lines = [line for line in ax.lines if line.get_gid() == gid]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines]


def test_rungs_of_a_ladder() -> None:
    ax = part(ladder_figure([ONE]), "ladders")
    assert marked(ax, "event") == [(0, 5), (0, 3), (0, 2)]
    assert marked(ax, "censored") == [(0, 4)]
    assert marked(ax, "later") == [(0, 1)]
    said = [text.get_text() for text in ax.texts]
    assert {"4/5", "2/3", "1/2", "26.67%"} <= set(said)


def test_ladders_side_by_side_with_titles() -> None:
    ax = part(ladder_figure([ONE, History(7, (7,))], ["first", "second"]), "ladders")
    assert marked(ax, "event")[-1] == (1, 7)
    assert {"first", "second", "85.71%"} <= {text.get_text() for text in ax.texts}


def test_a_long_tail_is_cut_and_says_so() -> None:
    ax = part(ladder_figure([History(23, (20,))]), "ladders")
    assert min(y for _, y in marked(ax, "later")) == 18
    assert "and so on" in {text.get_text() for text in ax.texts}


@pytest.mark.parametrize("histories", [[], [ONE] * 5])
def test_too_many_ladders_are_refused(histories: list[History]) -> None:
    with pytest.raises(ValueError, match="one to 4"):
        ladder_figure(histories)


def test_ladders_in_words() -> None:
    assert ladder_text([ONE]) == (
        "Ladder of numbers at risk. 5 patients: events with 5, 3, 2 at risk, "
        "1 censored before the last event, survival 26.67%."
    )
    assert ladder_text([History(4), ONE]).startswith("2 ladders of numbers at risk. 4 patients: no event.")
    html = str(ladders([ONE], "made-up", "A <caption>"))
    assert 'role="img"' in html
    assert "A &lt;caption&gt;" in html


def test_printable_figure_counts_what_it_draws() -> None:
    html = str(printable_figure([3, 5], "made-up", "caption"))
    for patients in (3, 5):
        counts = printable(patients)
        once = list(counts.values()).count(1)
        assert f"{patients} patients: {len(counts)} percentages, {once} with one history" in html


MADE_UP = [
    Life("A", 10.0, event=True, early=4.0, done=2.0),
    Life("B", 20.5, event=False, style=1),
    Life("C", 3.0, event=True),
]


def test_lines_end_where_patients_do() -> None:
    ax = part(lives_figure(MADE_UP, "months", [("o", "died")]), "lives")
    assert marked(ax, "end") == [(10, 0), (20.5, 1), (3, 2)]
    assert marked(ax, "early") == [(4, 0)]
    assert marked(ax, "done") == [(2, 0)]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["A", "B", "C"]
    assert ax.get_xlim()[1] >= 20.5
    assert part(lives_figure(MADE_UP, "months", [("o", "died")], until=70), "lives").get_xlim()[1] >= 70


def test_lines_in_words() -> None:
    words = ["died", "last contact", "relapsed", "transplanted"]
    assert lives_text(MADE_UP, "months", words, "made-up patients") == (
        "A line of follow-up for each of 3 made-up patients. "
        "Died: 2, last contact: 1, relapsed: 1, transplanted: 1. The longest is 20.5 months."
    )
    assert "reconstructed patients, not real" in str(lives(MADE_UP, "months", "made-up", "caption", words))


def test_courses_follow_the_cohort() -> None:
    ledger = load(LEDGER)
    cohort = read_cohort(COHORT, ledger)
    courses = lives_of(cohort, ledger, [0] * len(cohort), done="hsct_months")
    assert [life.end for life in courses] == cohort["os_months"].tolist()
    assert [life.event for life in courses] == [bool(event) for event in cohort["os_event"]]
    relapsed = (cohort["rfs_event"] == 1) & (cohort["rfs_months"] < cohort["os_months"])
    assert [life.early for life in courses if life.early] == cohort.loc[relapsed, "rfs_months"].tolist()
    assert sum(life.done is not None for life in courses) == int((cohort["hsct"] == 1).sum())


def test_dots_stand_on_their_values() -> None:
    groups = [("Some", [1.0, 1.2, 9.0]), ("Others", [5.0])]
    ax = part(dots_figure(groups, 2, "Size"), "dots")
    drawn = [float(x) for line in ax.lines for x in line.get_xdata()]
    assert sorted(drawn) == [1, 1, 5, 9]  # the middles of the stacks from 0, 4 and 8
    lower, upper = (ax.texts[i].get_position()[1] for i in (0, 1))
    assert ax.texts[0].get_text() == "Others"
    assert lower < upper
    html = str(dots(groups, 2, "Size", "made-up", "caption"))
    assert "Some: 3 from 1 to 9, median 1.2; Others: 1 from 5 to 5, median 5." in html
