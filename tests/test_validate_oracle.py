"""The oracle of the blind validation, against every subset by hand, and against lifelines."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from lifelines import KaplanMeierFitter

from recohort import cohort, describe
from recohort.validate import oracle as module
from recohort.validate.datasets import DATASETS, groups_of, sample, whole
from recohort.validate.measures import Group
from recohort.validate.oracle import ENOUGH, Printed, draws, oracle, printed_of
from test_validation import dataset_of

KNOWN = Group(np.array([4.0, 1.0, 2.0, 2.0, 6.0, 3.0, 5.0]), np.array([1, 1, 0, 1, 0, 1, 1]))
AT = 3.0
Key = tuple[tuple[float, int], ...]


def key(group: Group) -> Key:
    return tuple(sorted(zip(group.time.tolist(), group.event.tolist(), strict=True)))


def shown(group: Group, at: float) -> tuple[int, float]:
    """What a paper prints of a group, by lifelines: a rate in percent, or -1, and the median."""
    fitter = KaplanMeierFitter().fit(group.time, group.event)
    survival = float(fitter.predict(at))
    defined = group.time.max() >= at or survival == 0
    # lifelines' own median misses an exact half where a product is a last bit above it
    curve = fitter.survival_function_["KM_estimate"]
    median = min(curve.index[curve <= 0.5 + 1e-9], default=math.inf)
    return math.floor(100 * survival + 0.5 + 1e-9) if defined else -1, float(median)


def subsets(size: int) -> dict[Key, tuple[int, float]]:
    rows = [list(row) for row in itertools.combinations(range(KNOWN.time.size), size)]
    groups = [Group(KNOWN.time[row], KNOWN.event[row]) for row in rows]
    return {key(group): shown(group, AT) for group in groups}


@pytest.mark.parametrize("size", [2, 3, 4])
def test_draws_are_all_subsets_that_print_the_same(size: int) -> None:
    every = subsets(size)
    for rate, median in set(every.values()):
        alike = {k for k, numbers in every.items() if numbers == (rate, median)}
        tick = -1 if math.isinf(median) else round(median)
        printed = Printed(np.array([3]), np.array([rate]), tick)
        found = draws(KNOWN, size, printed, 1.0, np.random.default_rng(size), wanted=400, tries=10**6)
        assert len(found) == 400
        counts = {k: sum(key(group) == k for group in found) for k in {key(group) for group in found}}
        assert set(counts) == alike
        expected = 400 / len(alike)  # each equally often: five standard deviations
        assert all(abs(count - expected) <= 5 * math.sqrt(expected) for count in counts.values())


@pytest.mark.parametrize(
    ("name", "patients", "rates_at"), [("veterans", 100, (6.0,)), ("rossi", 38, (26.0, 40.0))]
)
def test_draws_print_what_the_ledger_prints_by_lifelines(
    name: str, patients: int, rates_at: tuple[float, ...]
) -> None:
    dataset = dataset_of(name)
    design = dataset.design(patients, rates_at)
    truth = cohort.validate(sample(dataset, patients, 4), design.ledger)
    ledger = describe.describe(truth, design)
    hidden = groups_of(truth, dataset)
    found = oracle(ledger, dataset, hidden, rates_at, seed=1)
    assert found
    for group, cohorts in found.items():
        printed = [shown(hidden[group], at) for at in rates_at]
        assert len(cohorts) >= ENOUGH
        for one in cohorts[::50]:
            assert one.time.size == hidden[group].time.size
            assert [shown(one, at) for at in rates_at] == printed
            assert key(one) != key(hidden[group])


def test_the_sample_itself_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of seven patients: of the draws that print the same, only the hidden ones are missing."""
    dataset = DATASETS["rossi"]
    monkeypatch.setattr(module, "groups_of", lambda *_: {"all": KNOWN})
    monkeypatch.setattr(module, "printed_of", lambda *_: Printed(np.array([3]), np.array([50]), 3))
    every = {k for k, numbers in subsets(4).items() if numbers == (50, 3.0)}
    hidden = min(every)
    truth = Group(*(np.array(column) for column in zip(*hidden, strict=True)))
    ledger = dataset.design(38).ledger
    found = oracle(ledger, dataset, {"all": truth}, (3.0,), seed=0)
    assert {key(group) for group in found["all"]} == every - {hidden}


def test_without_enough_draws_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = DATASETS["rossi"]
    monkeypatch.setattr(module, "ENOUGH", module.WANTED + 1)
    design = dataset.design(38)
    truth = cohort.validate(sample(dataset, 38, 0), design.ledger)
    assert draws(KNOWN, 8, Printed(np.array([3]), np.array([50]), 3), 1.0, np.random.default_rng(0)) == []
    assert oracle(describe.describe(truth, design), dataset, groups_of(truth, dataset), (26.0,), 0) == {}


def test_printed_numbers_are_read_from_the_ledger() -> None:
    """Rossi: a rate of everybody at week 26, no median reached; a rate after the last patient is absent."""
    dataset = DATASETS["rossi"]
    design = dataset.design(38, (26.0, 60.0))
    truth = cohort.validate(sample(dataset, 38, 0), design.ledger)
    printed = printed_of(describe.describe(truth, design), "all", (26.0, 60.0))
    rate, median = shown(groups_of(truth, dataset)["all"], 26.0)
    assert math.isinf(median)
    assert (printed.at.tolist(), printed.rate.tolist(), printed.median) == ([26, 60], [rate, -1], -1)


def test_whole_data_sets_hold_every_sample() -> None:
    dataset = DATASETS["lung"]
    everybody = whole(dataset)
    again = sample(dataset, len(everybody), 3)
    columns = [*dataset.factors, "time", "event"]
    assert sorted(map(tuple, again[columns].to_numpy())) == sorted(map(tuple, everybody[columns].to_numpy()))
