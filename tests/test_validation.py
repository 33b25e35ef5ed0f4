"""The measures and competitors of the blind validation, against lifelines and by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lifelines import CoxPHFitter, KaplanMeierFitter

from recohort import check, cohort, describe
from recohort.exhibits import percent
from recohort.paths import ROOT
from recohort.validate.competitors import Weibull, fit_weibull, naive_group, printed_points, simulate
from recohort.validate.datasets import DATASETS, Dataset, sample
from recohort.validate.figures import against_truth, error_dots
from recohort.validate.measures import (
    Group,
    band_of,
    errors,
    follow_up_of,
    grid_to,
    log_hazard_ratio,
    median_of,
    survival_on,
)
from recohort.validate.run import COLUMNS, DIGITS, KEY, Job, all_jobs, fall_after, run_job

FOUR = Group(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1, 0, 1, 1]))


def test_follow_up_ends_where_a_tenth_are_at_risk() -> None:
    time = np.arange(1.0, 21.0)
    assert follow_up_of(Group(time, np.ones(20, int))) == 19.0  # two of twenty are at risk at 19
    assert follow_up_of(FOUR) == 4.0
    assert follow_up_of(Group(np.array([5.0]), np.array([0]))) == 5.0


def test_survival_on_a_grid_is_that_of_lifelines() -> None:
    truth = sample(DATASETS["lung"], 60, 3)
    group = Group(truth["time"].to_numpy(), truth["event"].to_numpy())
    grid = grid_to(follow_up_of(group))
    fitter = KaplanMeierFitter().fit(group.time, group.event)
    assert survival_on(group, grid) == pytest.approx(fitter.survival_function_at_times(grid).to_numpy())


def test_errors_by_hand() -> None:
    """S of FOUR: 3/4 from 1, 3/8 from 3, 0 from 4. A cohort without events has S = 1 up to 4."""
    nobody = Group(FOUR.time, np.zeros(4, int))
    found = errors(FOUR, [nobody])
    assert found.mean == pytest.approx((0 + 2 * 0.25 + 0.625) / 4)
    assert found.largest == pytest.approx(0.625)
    assert found.rmst == pytest.approx(found.mean)
    assert found.covered == pytest.approx(0.25)  # only up to the first event
    assert found.width == 0
    assert math.isnan(found.median)
    itself = errors(FOUR, [FOUR, FOUR])
    assert (itself.mean, itself.largest, itself.median, itself.covered) == (0, 0, 0, 1)
    half = errors(FOUR, [FOUR, nobody])
    assert half.mean == pytest.approx(found.mean / 2)
    assert half.one_cohort == pytest.approx(found.mean / 2)


def test_the_fall_after_the_last_printed_number_by_hand() -> None:
    """S of FOUR: 3/4 from 1, 3/8 from 3, 0 from 4, where follow-up ends."""
    assert fall_after(FOUR, [(1.5, 0.5), (2.0, 0.4)]) == pytest.approx(0.75)
    assert fall_after(FOUR, [(3.0, 0.4)]) == pytest.approx(0.375)
    assert fall_after(FOUR, [(9.0, 0.4)]) == 0
    assert fall_after(FOUR, []) == pytest.approx(1)


def test_a_band_holds_a_member_that_was_left_out_nine_times_of_ten() -> None:
    """The band is for a newcomer; quantiles of the members themselves would hold only 83 %."""
    random = np.random.default_rng(5)
    curves = random.random((25, 40_000))
    low, high = band_of(curves[1:])
    assert ((low <= curves[0]) & (curves[0] <= high)).mean() == pytest.approx(0.9 + 0.01, abs=0.01)


def test_median_of_a_curve() -> None:
    assert median_of(np.array([1.0, 2.0, 3.0]), np.array([0.8, 0.5, 0.1])) == 2.0
    assert math.isinf(median_of(np.array([1.0]), np.array([0.51])))


def dataset_of(name: str) -> Dataset:
    """Return a data set, if the package that carries it is there."""
    if name in ("veterans", "whas500"):
        pytest.importorskip("sksurv", reason="scikit-survival cannot be had for this Python")
    return DATASETS[name]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "seed"), [("lung", 1), ("veterans", 2), ("rossi", 3), ("gbsg2", 4)])
def test_hazard_ratio_is_that_of_lifelines(name: str, seed: int) -> None:
    dataset = dataset_of(name)
    data = sample(dataset, 80, seed)
    factor, levels = next(iter(dataset.factors.items()))
    one, other = (data[data[factor] == level] for level in levels[:2])
    pair = data[data[factor].isin(levels[:2])]
    table = pair[["time", "event"]].assign(second=(pair[factor] == levels[1]).astype(float))
    fitted = CoxPHFitter().fit(table, "time", "event").params_["second"]
    ours = log_hazard_ratio(*(Group(g["time"].to_numpy(), g["event"].to_numpy()) for g in (one, other)))
    assert ours == pytest.approx(fitted, abs=1e-5)


def test_separated_groups_have_no_hazard_ratio() -> None:
    never = Group(np.array([5.0, 6.0]), np.array([0, 0]))
    assert math.isnan(log_hazard_ratio(never, FOUR))
    assert math.isnan(log_hazard_ratio(FOUR, never))
    assert log_hazard_ratio(FOUR, FOUR) == pytest.approx(0.0)


def test_weibull_passes_through_rate_and_median() -> None:
    curve = fit_weibull([(24.0, 0.3), (10.0, 0.5)])
    assert curve is not None
    assert curve.at(np.array([10.0, 24.0])) == pytest.approx([0.5, 0.3])


def test_one_point_gives_an_exponential_curve() -> None:
    curve = fit_weibull([(24.0, 0.73)])
    assert curve is not None
    assert curve.shape == 1.0
    assert curve.at(np.array([24.0, 48.0])) == pytest.approx([0.73, 0.73**2])
    assert fit_weibull([]) is None


@given(
    st.lists(
        st.tuples(st.floats(0.1, 100), st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0])), min_size=1, max_size=4
    )
)
@example([(64.0, 0.0), (63.875, 0.2)])
@example([(36.0, 0.0), (40.0, 0.2), (0.5, 0.0), (0.4375, 0.2)])
def test_any_printed_points_give_a_falling_curve(points: list[tuple[float, float]]) -> None:
    curve = fit_weibull(points)
    assert curve is not None
    survival = curve.at(np.linspace(0, 200, 50))
    assert np.isfinite(survival).all()
    assert (np.diff(survival) <= 0).all()


def test_drawn_patients_follow_their_curve() -> None:
    random = np.random.default_rng(0)
    curve = Weibull(1.5, 10.0)
    group = simulate(curve, 20_000, 200.0, 0.1, random)
    grid = np.array([3.0, 10.0, 20.0])
    assert survival_on(group, grid) == pytest.approx(curve.at(grid), abs=0.02)
    naive = naive_group(10_000, 50.0, 0.1, random)
    assert naive.event.mean() == pytest.approx(0.5, abs=0.03)
    assert np.median(naive.time) == pytest.approx(25, abs=1)


@pytest.mark.parametrize("name", list(DATASETS))
def test_the_size_of_a_data_set_is_known(name: str) -> None:
    dataset = dataset_of(name)
    assert len(dataset.load()) == dataset.size


@pytest.mark.parametrize("name", list(DATASETS))
@settings(deadline=None, max_examples=3)
@given(seed=st.integers(0, 1000), patients=st.sampled_from([38, 100]))
def test_samples_are_cohorts_and_reproduce_their_ledger(name: str, seed: int, patients: int) -> None:
    dataset = dataset_of(name)
    design = dataset.design(patients)
    truth = cohort.validate(sample(dataset, patients, seed), design.ledger)
    ledger = describe.describe(truth, design)
    assert all(row.verdict == "reproduced" for row in check.check(truth, ledger))
    assert 2 <= len(dataset.subgroups) <= 4
    for subgroup in dataset.subgroups:
        assert len(printed_points(ledger, subgroup)) <= 2


@pytest.mark.parametrize("job", [Job("rossi", 38, 1, 0), Job("veterans", 100, 1, 1)], ids=str)
def test_the_committed_table_is_what_its_command_makes(job: Job) -> None:
    """Two ledgers of ``python -m recohort.validate --out data/validation.csv``, made again."""
    dataset_of(job.dataset)
    table = pd.read_csv(ROOT / "data" / "validation.csv")
    assert {Job(*key) for key in table[KEY].itertuples(index=False)} <= set(all_jobs())
    mine = table[(table[KEY] == list(job)).all(axis=1)].reset_index(drop=True)
    again = pd.DataFrame(run_job(job), columns=COLUMNS).round(DIGITS)
    pd.testing.assert_frame_equal(mine, again, check_dtype=False, atol=2 * 10**-DIGITS)


def test_a_drawing_against_the_truth_is_a_table_too() -> None:
    rng = np.random.default_rng(4)
    groups = [Group(rng.integers(1, 40, 30).astype(float), rng.integers(0, 2, 30)) for _ in range(4)]
    page = BeautifulSoup(against_truth("Made up", groups[0], groups[1:], [], unit="months").text, "lxml")
    rows = [[cell.get_text() for cell in row.select("th, td")] for row in page.select("details tbody tr")]
    at = [float(row[0]) for row in rows]
    fitted = [KaplanMeierFitter().fit(*group).predict(at).to_numpy() for group in groups]
    assert len(at) > 3
    assert [row[1] for row in rows] == [percent(s) for s in fitted[0]]
    assert [row[2] for row in rows] == [percent(s) for s in np.mean(fitted[1:], axis=0)]


def test_dots_of_errors_say_their_numbers() -> None:
    columns = {"recohort": [0.041, 0.03], "parametric": [0.06, 0.02], "oracle": [0.0306, 0.01]}
    page = error_dots(pd.DataFrame(columns, index=["A, 38", "B, 100"]), "Made up", "None").text
    assert "nearer to the truth in 1 of 2 rows" in page
    assert "A, 38: reconstructed 4.1, fitted 6.0, oracle 3.1." in page
