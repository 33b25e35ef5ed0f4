"""Tests of recohort.estimators, against arithmetic by hand, lifelines and R's survival package.

R's answers are in tests/oracles/estimators.csv, made by estimators.R from cohorts.csv.
"""

import importlib.util
import math
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import median_survival_times, restricted_mean_survival_time

from recohort.estimators import (
    RANK_TESTS,
    chi_squared,
    fisher_exact,
    kaplan_meier,
    median_survival,
    rank_test,
    restricted_mean,
    reverse_kaplan_meier,
)

ORACLES = Path(__file__).parent / "oracles"
AGREE = 1e-9

# One patient: (time, event, group). Few distinct times, so that ties are common.
patients = st.tuples(st.integers(0, 12), st.integers(0, 1), st.integers(0, 2))
cohorts = st.lists(patients, min_size=1, max_size=30)


@pytest.fixture(scope="module")
def known_cohorts():
    """Return the 200 made-up cohorts and, last, the book's own with either endpoint, by number."""
    table = pd.read_csv(ORACLES / "cohorts.csv")
    return dict(iter(table.groupby("cohort")))


@pytest.fixture(scope="module")
def r_says():
    """Return a function that looks up R's answer: a number, or an array in ascending order of `at`."""
    table = pd.read_csv(ORACLES / "estimators.csv", dtype={"group": "Int64"})
    answers = {
        (cohort, None if pd.isna(group) else int(group), quantity): part["value"].to_numpy()
        for (cohort, group, quantity), part in table.groupby(["cohort", "group", "quantity"], dropna=False)
    }

    def look_up(cohort, quantity, group=None):
        values = answers[cohort, group, quantity]
        return values if values.size > 1 else values[0]

    return look_up


# --- Kaplan-Meier, by hand --------------------------------------------------------------


def test_five_patients_by_hand():
    """Five patients: events at 2, 5 and 5, censored at 5 and 7.

    At 2: 5 at risk, 1 event, S = 4/5. At 5: 4 at risk (the censored one still counts), 2 events,
    S = 4/5 x 2/4 = 2/5. At 7 nothing happens to S.
    Greenwood at 5: S^2 (1/(5x4) + 2/(4x2)) = 4/25 x 3/10 = 12/250.
    """
    curve = kaplan_meier([5, 2, 5, 7, 5], [0, 1, 1, 0, 1])
    assert curve.times.tolist() == [2, 5, 7]
    assert curve.at_risk.tolist() == [5, 4, 1]
    assert curve.events.tolist() == [1, 2, 0]
    assert curve.censored.tolist() == [0, 1, 1]
    assert curve.survival == pytest.approx([0.8, 0.4, 0.4])
    assert curve.std_error[1:] == pytest.approx([math.sqrt(12 / 250)] * 2)
    assert [curve.at(t) for t in (0, 1.99, 2, 4.99, 5, 100)] == pytest.approx([1, 1, 0.8, 0.8, 0.4, 0.4])
    assert [curve.at_risk_at(t) for t in (0, 2, 2.01, 5, 7, 7.01)] == [5, 5, 4, 4, 1, 0]
    assert median_survival(curve) == 5
    assert restricted_mean(curve, 6) == pytest.approx(2 + 3 * 0.8 + 1 * 0.4)


def test_standard_error_is_undefined_once_nobody_survives():
    curve = kaplan_meier([1, 2], [1, 1])
    assert curve.std_error[0] == pytest.approx(math.sqrt(1 / 8))
    assert math.isnan(curve.std_error[1])


def test_median_at_exactly_one_half():
    """Events at 1, 2 and 3 of four patients: S is exactly 1/2 from 2 to 3."""
    curve = kaplan_meier([1, 2, 3, 4], [1, 1, 1, 0])
    assert median_survival(curve, "first") == 2
    assert median_survival(curve, "midpoint") == 2.5


def test_median_at_one_half_without_a_further_drop():
    """R: survfit(Surv(c(1, 2, 3, 4), c(1, 1, 0, 0)) ~ 1) prints median 2."""
    curve = kaplan_meier([1, 2, 3, 4], [1, 1, 0, 0])
    assert median_survival(curve, "first") == median_survival(curve, "midpoint") == 2


def test_median_where_the_product_of_floats_misses_one_half():
    """6/7 x 5/6 x 4/5 x 7/8 ... : every product that is one half on paper counts as one half."""
    for n in range(2, 61, 2):  # n patients, half of them die one after another
        curve = kaplan_meier(range(1, n + 1), [1] * (n // 2) + [0] * (n // 2))
        assert median_survival(curve) == n // 2


def test_median_not_reached():
    assert median_survival(kaplan_meier([1, 2, 3], [1, 0, 0])) == math.inf
    assert median_survival(kaplan_meier([4, 5], [0, 0]), "midpoint") == math.inf


def test_reverse_kaplan_meier_keeps_a_death_at_risk_at_its_own_time():
    """A death and a censoring at 2: two are at risk of being censored there, so S = 1/2, not 0."""
    assert reverse_kaplan_meier([2, 2], [1, 0]).survival.tolist() == [0.5]


@pytest.mark.parametrize(
    ("time", "event"),
    [
        ([], []),
        ([1, 2], [1]),
        ([1, -2], [1, 1]),
        ([1, math.nan], [1, 1]),
        ([1, math.inf], [1, 1]),
        ([1], [2]),
    ],
)
def test_impossible_patients_are_refused(time, event):
    with pytest.raises(ValueError, match=r"one time and one event|finite number|must be 1"):
        kaplan_meier(time, event)


def test_unknown_rules_are_refused():
    curve = kaplan_meier([1], [1])
    with pytest.raises(ValueError, match="first, midpoint"):
        median_survival(curve, "last")
    with pytest.raises(ValueError, match="log-rank, gehan"):
        rank_test([1, 2], [1, 1], [0, 1], "cox")
    with pytest.raises(ValueError, match="at least two groups"):
        rank_test([1, 2], [1, 1], [0, 0])
    with pytest.raises(ValueError, match="at least 0"):
        restricted_mean(curve, -1)


# --- Kaplan-Meier, properties -----------------------------------------------------------


def exact_survival(cohort, t):
    """S(t) as a fraction, patient by patient: no array, no float."""
    survival = Fraction(1)
    for u in sorted({time for time, event, _ in cohort if event and time <= t}):
        at_risk = sum(time >= u for time, _, _ in cohort)
        events = sum(time == u and event for time, event, _ in cohort)
        survival *= Fraction(at_risk - events, at_risk)
    return survival


@given(cohorts)
def test_survival_is_the_exact_product(cohort):
    time, event, _ = zip(*cohort, strict=True)
    curve = kaplan_meier(time, event)
    for t in range(-1, 14):
        assert curve.at(t) == pytest.approx(float(exact_survival(cohort, t)), abs=1e-13)


@given(cohorts)
def test_nobody_is_lost_and_nobody_returns(cohort):
    time, event, _ = zip(*cohort, strict=True)
    curve = kaplan_meier(time, event)
    left_before = np.cumsum(curve.events + curve.censored) - curve.events - curve.censored
    assert (curve.at_risk + left_before == len(cohort)).all()
    assert (np.diff(curve.survival, prepend=1.0) <= 0).all()
    assert (np.diff(curve.at_risk) < 0).all()
    assert curve.events.sum() == sum(event)


@given(cohorts, st.randoms(use_true_random=False))
def test_the_order_of_patients_does_not_matter(cohort, random):
    shuffled = random.sample(cohort, len(cohort))
    for fit in (kaplan_meier, reverse_kaplan_meier):
        one, other = (fit([p[0] for p in c], [p[1] for p in c]) for c in (cohort, shuffled))
        assert (one.survival == other.survival).all()
        assert (one.at_risk == other.at_risk).all()


@given(cohorts)
def test_median_is_the_first_time_with_half_left(cohort):
    time, event, _ = zip(*cohort, strict=True)
    half = [t for t in sorted(set(time)) if exact_survival(cohort, t) <= Fraction(1, 2)]
    assert median_survival(kaplan_meier(time, event)) == (half[0] if half else math.inf)


@given(cohorts, st.integers(0, 15))
def test_restricted_mean_is_the_exact_area(cohort, to):
    time, event, _ = zip(*cohort, strict=True)
    area = sum(exact_survival(cohort, t) for t in range(to))  # S is flat between whole numbers
    assert restricted_mean(kaplan_meier(time, event), to) == pytest.approx(float(area), abs=1e-12)


# --- rank tests -------------------------------------------------------------------------


def test_log_rank_by_hand():
    """Group 0 dies at 1 and 3, group 1 dies at 2 and is censored at 4.

    At 1: 2 and 2 at risk, E0 = 1/2, V = 1/4. At 2: 1 and 2, E0 = 1/3, V = 2/9.
    At 3: 1 and 1, E0 = 1/2, V = 1/4. O0 - E0 = 2 - 4/3 = 2/3, V = 13/18, chi2 = 4/9 / (13/18) = 8/13.
    """
    test = rank_test([1, 3, 2, 4], [1, 1, 1, 0], [0, 0, 1, 1])
    assert test.observed.tolist() == [2, 1]
    assert test.expected == pytest.approx([4 / 3, 5 / 3])
    assert test.variance[0, 0] == pytest.approx(13 / 18)
    assert test.statistic == pytest.approx(8 / 13)
    assert test.df == 1


def test_log_rank_with_a_tie_by_hand():
    """Two of four die together, one of each group: E0 = 1 and V = 2 x 1/2 x 1/2 x (4-2)/(4-1) = 1/3."""
    test = rank_test([1, 2, 1, 2], [1, 0, 1, 0], [0, 0, 1, 1])
    assert test.expected == pytest.approx([1, 1])
    assert test.variance[0, 0] == pytest.approx(1 / 3)
    assert (test.statistic, test.p_value) == (0, 1)


@pytest.mark.parametrize(
    ("kind", "weights"),
    # at risk 4, 3, 2 with one event each
    [
        ("log-rank", [1, 1, 1]),
        ("gehan", [4, 3, 2]),
        ("tarone-ware", [2, math.sqrt(3), math.sqrt(2)]),
        ("peto", [4 / 5, 4 / 5 * 3 / 4, 4 / 5 * 3 / 4 * 2 / 3]),
        ("fleming-harrington", [1, 3 / 4, 3 / 4 * 2 / 3]),
    ],
)
def test_weights_by_hand(kind, weights):
    test = rank_test([1, 3, 2, 4], [1, 1, 1, 0], [0, 0, 1, 1], kind)
    assert test.observed == pytest.approx([weights[0] + weights[2], weights[1]])
    assert test.expected == pytest.approx(
        [
            weights[0] / 2 + weights[1] / 3 + weights[2] / 2,
            weights[0] / 2 + weights[1] * 2 / 3 + weights[2] / 2,
        ]
    )


@pytest.mark.parametrize("kind", RANK_TESTS)
def test_groups_that_never_meet_at_an_event_are_not_told_apart(kind):
    """Group 0 is censored before anyone dies."""
    test = rank_test([1, 1, 2, 3], [0, 0, 1, 1], [0, 0, 1, 1], kind)
    assert (test.statistic, test.df, test.p_value) == (0, 0, 1)


@pytest.mark.parametrize("kind", RANK_TESTS)
def test_no_event_at_all(kind):
    test = rank_test([1, 2, 3], [0, 0, 0], [0, 1, 1], kind)
    assert (test.statistic, test.df, test.p_value) == (0, 0, 1)


@given(cohorts, st.sampled_from(RANK_TESTS), st.permutations([0, 1, 2]))
def test_group_labels_do_not_matter(cohort, kind, labels):
    time, event, group = zip(*cohort, (1, 1, 0), (1, 1, 1), strict=True)  # at least two groups
    one = rank_test(time, event, group, kind)
    other = rank_test(time, event, [labels[g] for g in group], kind)
    assert (one.statistic, one.df) == pytest.approx((other.statistic, other.df), abs=1e-9)
    assert one.observed.sum() == pytest.approx(one.expected.sum())


@given(cohorts, st.sampled_from(["log-rank", "peto", "fleming-harrington"]))
def test_identical_groups_do_not_differ(cohort, kind):
    time, event, _ = zip(*cohort, strict=True)
    test = rank_test(time * 2, event * 2, [0] * len(time) + [1] * len(time), kind)
    assert test.statistic == pytest.approx(0, abs=1e-12)
    assert test.p_value == pytest.approx(1, abs=1e-5)


# --- tests of counts --------------------------------------------------------------------


def test_fisher_by_hand():
    """The lady tasting tea, all 3 + 3 cups right: 2 of the 20 ways are as extreme (Fisher 1935)."""
    assert fisher_exact([[3, 0], [0, 3]]) == pytest.approx(2 / 20)


@given(st.lists(st.integers(0, 15), min_size=4, max_size=4))
def test_fisher_is_the_sum_of_tables_no_likelier(cells):
    a, b, c, d = cells

    def ways(k):
        return math.comb(a + b, k) * math.comb(c + d, a + c - k)

    possible = range(max(0, a - d), min(a + b, a + c) + 1)
    exact = Fraction(sum(ways(k) for k in possible if ways(k) <= ways(a)), sum(map(ways, possible)))
    assert fisher_exact([[a, b], [c, d]]) == pytest.approx(float(exact), abs=1e-11)


def test_chi_squared_by_hand():
    """20 of 40 against 10 of 40: every cell is 5 off, 25 (2/15 + 2/25) = 16/3, P = erfc(sqrt(8/3))."""
    assert chi_squared([[20, 20], [10, 30]]) == pytest.approx(math.erfc(math.sqrt(8 / 3)))


def test_chi_squared_leaves_out_what_is_empty():
    assert chi_squared([[20, 0, 20], [10, 0, 30], [0, 0, 0]]) == chi_squared([[20, 20], [10, 30]])
    assert chi_squared([[3, 4], [0, 0]]) == 1


def test_impossible_tables_are_refused():
    for table in ([[1, -1], [2, 3]], [[0.5, 1], [2, 3]], [1, 2]):
        with pytest.raises(ValueError, match="whole, non-negative counts"):
            chi_squared(table)
    with pytest.raises(ValueError, match="2 x 2"):
        fisher_exact([[1, 2, 3], [4, 5, 6]])


# --- R's survival package ---------------------------------------------------------------


def test_curves_agree_with_r(known_cohorts, r_says):
    for number, cohort in known_cohorts.items():
        curve = kaplan_meier(cohort["time"], cohort["event"])
        assert curve.survival == pytest.approx(r_says(number, "survival"), abs=AGREE)
        assert curve.std_error == pytest.approx(r_says(number, "std_error"), abs=AGREE, nan_ok=True)
        mean = restricted_mean(curve, cohort["time"].max())
        assert mean == pytest.approx(r_says(number, "restricted_mean"), abs=AGREE)


def test_medians_agree_with_r(known_cohorts, r_says):
    """R takes the midpoint of a stretch at exactly one half; the rules differ in some of the cohorts."""
    differ = 0
    for number, cohort in known_cohorts.items():
        for group, part in [(None, cohort), *cohort.groupby("group")]:
            curve = kaplan_meier(part["time"], part["event"])
            median = median_survival(curve, "midpoint")
            assert median == r_says(number, "median", group)
            differ += median != median_survival(curve, "first")
            follow_up = reverse_kaplan_meier(part["time"], part["event"])
            assert median_survival(follow_up, "midpoint") == r_says(number, "reverse_median", group)
    assert differ > 20


@pytest.mark.parametrize(("kind", "name"), [("log-rank", "rho0"), ("fleming-harrington", "rho1")])
def test_rank_tests_agree_with_r(known_cohorts, r_says, kind, name):
    for number, cohort in known_cohorts.items():
        test = rank_test(cohort["time"], cohort["event"], cohort["group"], kind)
        assert test.statistic == pytest.approx(r_says(number, f"{name}_chisq"), abs=AGREE)
        assert test.observed == pytest.approx(r_says(number, f"{name}_observed"), abs=AGREE)
        assert test.expected == pytest.approx(r_says(number, f"{name}_expected"), abs=AGREE)
        if test.df:  # without a comparison R has no P value
            assert test.p_value == pytest.approx(r_says(number, f"{name}_p"), abs=AGREE)


def test_tests_of_counts_agree_with_r(known_cohorts, r_says):
    for number, cohort in known_cohorts.items():
        table = [
            [((cohort["group"] == 0) == g).mul(cohort["event"] == e).sum() for e in (0, 1)] for g in (1, 0)
        ]
        assert fisher_exact(table) == pytest.approx(r_says(number, "fisher"), abs=AGREE)
        pearson = r_says(number, "pearson")
        if not math.isnan(pearson):  # R has no answer where a margin is 0
            assert chi_squared(table) == pytest.approx(pearson, abs=AGREE)
            assert chi_squared(table, corrected=True) == pytest.approx(r_says(number, "yates"), abs=AGREE)


# --- lifelines --------------------------------------------------------------------------


def test_curves_agree_with_lifelines(known_cohorts):
    for cohort in known_cohorts.values():
        curve = kaplan_meier(cohort["time"], cohort["event"])
        fitted = KaplanMeierFitter().fit(cohort["time"], cohort["event"])
        assert curve.survival == pytest.approx(np.atleast_1d(fitted.predict(curve.times)), abs=AGREE)
        to = float(cohort["time"].max())
        assert restricted_mean(curve, to) == pytest.approx(
            restricted_mean_survival_time(fitted, to), abs=AGREE
        )


def test_medians_agree_with_lifelines(known_cohorts):
    """lifelines takes the first time with S at most one half, too.

    But it adds logarithms, and a half may come out as 0.5000000000000001, which it takes for
    more than a half: the median is then one drop late. Asked with S rounded, it agrees.
    """
    for cohort in known_cohorts.values():
        for _, part in cohort.groupby("group"):
            curve = kaplan_meier(part["time"], part["event"])
            fitted = KaplanMeierFitter().fit(part["time"], part["event"])
            rounded = fitted.survival_function_.round(12)
            assert median_survival(curve, "first") == median_survival_times(rounded)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("log-rank", {}),
        ("gehan", {"weightings": "wilcoxon"}),
        ("tarone-ware", {"weightings": "tarone-ware"}),
        ("peto", {"weightings": "peto"}),
        ("fleming-harrington", {"weightings": "fleming-harrington", "p": 1, "q": 0}),
    ],
)
def test_rank_tests_agree_with_lifelines(known_cohorts, kind, options):
    for cohort in known_cohorts.values():
        time, event, group = (cohort[column] for column in ("time", "event", "group"))
        ours = rank_test(time, event, group, kind)
        theirs = multivariate_logrank_test(time, group, event, **options)
        assert ours.statistic == pytest.approx(theirs.test_statistic, abs=AGREE)
        if ours.df == group.nunique() - 1:  # lifelines does not lower the degrees of freedom
            assert ours.p_value == pytest.approx(theirs.p_value, abs=AGREE)


def test_a_small_group_among_large_ones_keeps_its_degree_of_freedom():
    """One patient against two groups of 300: the variance is lopsided, not singular."""
    rng = np.random.default_rng(3)
    time, group = rng.exponential(10, 601), np.repeat([0, 1, 2], [300, 300, 1])
    time[-1] = 0.5
    event = np.ones(601)
    ours, theirs = rank_test(time, event, group), multivariate_logrank_test(time, group, event)
    assert ours.df == 2
    assert ours.statistic == pytest.approx(theirs.test_statistic, abs=AGREE)


# --- the oracles themselves -------------------------------------------------------------


def test_cohorts_are_what_their_script_writes(tmp_path):
    spec = importlib.util.spec_from_file_location("make_cohorts", ORACLES / "make_cohorts.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.write(tmp_path)
    assert (tmp_path / "cohorts.csv").read_bytes() == (ORACLES / "cohorts.csv").read_bytes()


@pytest.mark.r
@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
def test_r_gives_the_committed_answers_again(tmp_path):
    subprocess.run(["Rscript", ORACLES / "estimators.R", tmp_path], check=True)
    again, committed = (pd.read_csv(folder / "estimators.csv") for folder in (tmp_path, ORACLES))
    pd.testing.assert_frame_equal(again, committed, check_exact=False, rtol=1e-12, atol=1e-12)
