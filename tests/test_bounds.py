"""Bounds. Oracles: every cohort of a few patients on a short grid of times; histories worked out by hand."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ortools.sat.python import cp_model

from conftest import TOY
from recohort import cli, ensemble, paths, terminal
from recohort.conditions import Population
from recohort.ledger import Convention, Ledger, load
from recohort.solve import bounds, order_bounds
from recohort.solve.demands import build
from recohort.solve.draws import Plan, Settings
from recohort.solve.order_bounds import Contradiction
from recohort.solve.quantities import Quantity, asked
from recohort.solve.sample import Folder, sample
from recohort.solve.workers import local

MONTH, LAST = 16, 24


def _ledger(claims: list[dict[str, Any]], patients: int, endpoints: tuple[str, ...] = ("os",)) -> Ledger:
    nested = {"not_after": "os"} if "rfs" in endpoints and "os" in endpoints else {}
    every = {"rfs": {"time": "rfs_t", "event": "rfs_e", **nested}, "os": {"time": "os_t", "event": "os_e"}}
    return Ledger.model_validate(
        {
            "study": {"title": "made up", "patients": patients,
                      "time": {"unit": "months", "resolution": 1.0, "min": 1.0, "max": float(LAST)}},
            "attributes": {"arm": {"levels": ["a", "b"]}, "sex": {"levels": ["m", "f"]}},
            "endpoints": {name: every[name] for name in endpoints},
            "claims": [{"id": f"c{i}", "at": "nowhere"} | claim for i, claim in enumerate(claims)],
        }
    )  # fmt: skip


def _rate(percent: float, endpoint: str, where: dict[str, str] | None = None) -> dict[str, Any]:
    return {"survival": f"{percent:.0f}%", "endpoint": endpoint, "month": MONTH, "where": where or {}}


@lru_cache(maxsize=4)
def _cohorts(patients: int, endpoints: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Every cohort: columns of shape (n_cohorts, n_patients), the first half in arm a."""
    times = range(1, LAST + 1) if len(endpoints) == 1 else (3, 4, 7, 11, 13, MONTH, 20)
    lives = [(t, e, t, e) for t in times for e in (0, 1)]
    if len(endpoints) == 2:
        lives += [(t, 1, u, e) for t in times for u in times for e in (0, 1) if t < u or (t == u and not e)]
    people = np.array(lives)
    rows = np.stack(np.meshgrid(*[np.arange(len(lives))] * patients, indexing="ij"), axis=-1)
    rows = rows.reshape(-1, patients)
    for column in (0, 2):
        rows = rows[(np.diff(np.sort(people[rows, column]), axis=1) > 0).all(axis=1)]
    names = ("rfs_t", "rfs_e", "os_t", "os_e")
    return {name: people[rows, column] for column, name in enumerate(names)}


def _inside(where: dict[str, str], patients: int) -> np.ndarray:
    arm = np.array(["a"] * (patients // 2) + ["b"] * (patients - patients // 2))
    return (arm == where["arm"]) if where else np.ones(patients, bool)


def _survival(every: dict[str, np.ndarray], endpoint: str, inside: np.ndarray, time: float) -> np.ndarray:
    t, event = every[f"{endpoint}_t"][:, inside], every[f"{endpoint}_e"][:, inside]
    risk = (t[:, None, :] >= t[:, :, None]).sum(axis=2)
    kept = np.where((event == 1) & (t <= time), (risk - 1) / risk, 1.0)
    return np.asarray(kept.prod(axis=1))


def _true(quantity: Quantity, every: dict[str, np.ndarray], patients: int) -> np.ndarray:
    inside = _inside({name: test.levels[0] for name, test in quantity.population.where.tests}, patients)
    if quantity.kind == "patients":
        return np.full(len(every["os_t"]), inside.sum())
    endpoint, time = str(quantity.endpoint), float(quantity.time or 0)
    if quantity.kind == "survival":
        return _survival(every, endpoint, inside, time)
    t, event = every[f"{endpoint}_t"][:, inside], every[f"{endpoint}_e"][:, inside]
    return np.asarray(
        (t >= time).sum(axis=1) if quantity.kind == "at risk" else (event * (t <= time)).sum(axis=1)
    )


@pytest.mark.parametrize(("patients", "endpoints"), [(3, ("os",)), (3, ("rfs", "os"))])
def test_bounds_are_those_of_every_cohort(patients: int, endpoints: tuple[str, ...]) -> None:
    every = _cohorts(patients, endpoints)
    rng = random.Random(len(endpoints))
    for _ in range(4):
        one = rng.randrange(len(every["os_t"]))
        possible = np.ones(len(every["os_t"]), bool)
        claims: list[dict[str, Any]] = [{"count": str(patients // 2), "where": {"arm": "a"}}]
        for where in ({}, {"arm": "a"}, {"arm": "b"}):
            endpoint = rng.choice(endpoints)
            rate = 100 * _survival(every, endpoint, _inside(where, patients), MONTH)
            claims.append(_rate(round(rate[one]), endpoint, where))
            possible &= abs(rate - round(rate[one])) <= 0.5 + 1e-9
        ledger = _ledger(claims, patients, endpoints)
        for row, quantity in zip(bounds.run(ledger, jobs=1), asked(build(ledger, outer=True)), strict=True):
            if "sex" in quantity.population.where.attributes:  # nothing is known of it: from nobody to all
                everyone = Quantity("events", Population(), quantity.endpoint, quantity.time)
                true = np.append(_true(everyone, every, patients)[possible], 0)
            else:
                true = _true(quantity, every, patients)[possible]
            assert row.low <= true.min() + 1e-8, (row, claims)
            assert row.high >= true.max() - 1e-8, (row, claims)
            if len(endpoints) == 1:  # the grid of the other case is thinner than the ledger's
                assert row.low == pytest.approx(true.min(), abs=1e-7), (row, claims)
                room = int(quantity.kind == "at risk" and quantity.time == MONTH)  # see `tick_of`
                assert row.high <= true.max() + room + 1e-7, (row, claims)


def test_one_percentage_one_history() -> None:
    """27% of five: 4/5 x 2/3 x 1/2 is the only product that prints so, and one patient is left after it.

    An event in that very month finds two at risk.
    """
    ledger = _ledger([_rate(27, "os")], 5)
    rows = {row.name: row for row in bounds.run(ledger, jobs=1)}
    events = rows[f"events at {MONTH}, os: everyone"]
    assert (events.low, events.high, events.verdict) == (3, 3, "determined")
    left = rows[f"at risk at {MONTH}, os: everyone"]
    assert (left.low, left.high, left.verdict) == (0, 2, "bounded")
    in_all = rows["events in all, os: everyone"]
    assert (in_all.low, in_all.high) == (3, 4)
    assert rows["at risk at 4, os: everyone"].high == 5


def test_no_end_comes_out_wider_than_proven_before() -> None:
    """One bound is said to be narrower; those of another ledger say nothing."""
    ledger = _ledger([_rate(27, "os")], 5)
    name = "at risk at 4, os: everyone"
    found = {row.name: row for row in bounds.run(ledger, jobs=1)}[name]
    assert (found.low, found.high) == (2, 5)
    narrow = replace(found, low=3.0, low_claims="rates", high=6.0, high_claims="none")
    for before, low, rests_on in (
        ([narrow], 3, "rates"),
        ([replace(narrow, ledger="another")], 2, found.low_claims),
    ):
        row = {row.name: row for row in bounds.run(ledger, before=before, jobs=1)}[name]
        assert (row.low, row.high) == (low, 5)
        assert (row.low_claims, row.high_claims) == (rests_on, found.high_claims)


def test_a_p_value_narrows_a_bound() -> None:
    """Four of a die between months 8 and 16, nobody of b by then.

    By hand: with b's four at risk at each death, or at all but the last, P is 0.007 or 0.009, which
    print as 0.01; had only three been left at month 8, P would be 0.018 or more.
    """
    rates = [_rate(100, "os", {"arm": "b"}), _rate(0, "os", {"arm": "a"})]
    rates.append(_rate(100, "os", {"arm": "a"}) | {"month": MONTH // 2})
    rates.append({"count": "4", "where": {"arm": "a"}})
    p = {"p_value": "0.01", "endpoint": "os", "groups": [{"arm": "a"}, {"arm": "b"}]}
    name = f"at risk at {MONTH // 2}, os: arm b"
    free, held = (
        next(row for row in bounds.run(_ledger(claims, 8), jobs=1, only="arm b") if row.name == name)
        for claims in (rates, [*rates, p])
    )
    assert (free.low, free.high) == (0, 4)
    assert (held.low, held.high, held.low_claims) == (4, 4, "with P")


def test_who_is_at_a_landmark_need_not_be_everybody() -> None:
    """By hand: 75% of four at month 16 leaves three of them at most, and one at least, to be followed on."""
    still = {"survival": "100%", "endpoint": "os", "month": MONTH + 1, "at_risk": {"os": MONTH + 1}}
    (row,) = bounds.run(_ledger([_rate(75, "os"), still], 4), jobs=1, only="patients: everyone, at risk")
    assert (row.low, row.high) == (1, 3)


def test_bounds_of_a_ledger_with_another_rank_test() -> None:
    """Both of a die between months 8 and 16, nobody of b by then.

    By hand: by Gehan's test P is 0.10 with both of b at risk at each death, 0.18 with one at the second.
    """
    rates = [_rate(100, "os", {"arm": "b"}), _rate(0, "os", {"arm": "a"})]
    rates.append(_rate(100, "os", {"arm": "a"}) | {"month": MONTH // 2})
    rates += [{"count": "2", "where": {"arm": arm}} for arm in "ab"]
    rates.append({"p_value": "0.10", "endpoint": "os", "groups": [{"arm": "a"}, {"arm": "b"}]})
    gehan = {"survival_test": Convention(value="gehan")}
    name = f"at risk at {MONTH // 2}, os: arm b"
    (row,) = bounds.run(_ledger(rates, 4).changed(conventions=gehan), jobs=1, only=name)
    assert (row.low, row.high, row.low_claims) == (2, 2, "with P")


def test_without_survival_claims() -> None:
    """Two of four are in arm a, and of sex nothing is known: from none to both can be men in arm a."""
    rows = bounds.run(_ledger([{"count": "2", "where": {"arm": "a"}}], 4), jobs=1)
    assert {row.kind for row in rows} == {"patients"}
    assert {(row.low, row.high) for row in rows} == {(0, 2)}


def test_what_is_determined_is_shown_as_found(capsys: pytest.CaptureFixture[str]) -> None:
    """Two of four are in arm a, as printed, and none of these has died: no patients need be found for it."""
    counts = [{"count": "2", "where": {"arm": arm}} for arm in "ab"]
    rows = bounds.run(_ledger([*counts, _rate(100, "os", {"arm": "a"})], 4), jobs=1)
    sure = [row for row in rows if row.verdict == "determined"]
    assert {row.kind for row in sure} >= {"patients", "survival"}
    assert all((row.low, row.high) == (row.low_found, row.high_found) for row in sure)
    assert all(row.low_reached and row.high_reached for row in sure)
    (size,) = (row for row in sure if row.kind == "patients" and row.population == "arm a")
    terminal.show_bounds([size])
    assert capsys.readouterr().out.split()[-5:] == ["a", "2", "2", "2", "determined"]


def test_claims_that_conflict(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ledger = _ledger([_rate(28, "os")], 5)
    with pytest.raises(Contradiction) as caught:
        bounds.run(ledger, jobs=1)
    assert caught.value.claims == ("c0",)
    file, out = tmp_path / "ledger.yaml", tmp_path / "bounds.csv"
    file.write_text(
        """
study: {title: made up, patients: 5, time: {unit: months, resolution: 1.0, min: 1.0, max: 24.0}}
attributes: {arm: {levels: [a, b]}}
endpoints: {os: {time: os_t, event: os_e}}
claims: [{id: c0, at: nowhere, survival: "28%", endpoint: os, month: 16}]
""",
        "utf-8",
    )
    assert cli.main(["bounds", "--ledger", str(file), "--out", str(out), "--jobs", "1"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "c0" in said
    assert not out.exists()


def test_counts_that_conflict() -> None:
    counts = [{"count": "2", "where": {"arm": "a"}}, {"count": "3", "where": {"arm": "b"}}]
    with pytest.raises(Contradiction) as caught:
        bounds.run(_ledger([*counts, _rate(100, "os", {"arm": "a"})], 4), jobs=1)
    assert set(caught.value.claims) == {"c0", "c1"}


def test_resumes_and_drops_what_is_stale(tmp_path: Path) -> None:
    ledger = _ledger([_rate(27, "os")], 5)
    out = tmp_path / "bounds.csv"
    rows = bounds.run(ledger, out, jobs=1)
    assert [str(row) for row in bounds.read(out)] == [str(row) for row in rows]
    before = out.stat().st_mtime_ns
    bounds.run(ledger, out, jobs=1)
    assert out.stat().st_mtime_ns == before  # nothing was left to do
    other = bounds.run(_ledger([_rate(20, "os")], 5), out, jobs=1)
    assert {row.ledger for row in bounds.read(out)} == {row.ledger for row in other}


def test_an_interrupted_run_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, out = _ledger([_rate(27, "os"), _rate(50, "os", {"arm": "a"})], 5), tmp_path / "bounds.csv"
    whole = bounds.run(ledger, jobs=1)
    told = []

    def interrupt(_what: str, share: float) -> None:
        told.append(share)
        if 0 < share < 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bounds.run(ledger, out, jobs=1, tell=interrupt)
    kept = bounds.read(out)
    assert 0 < len(kept) < len(whole)
    asked_again = []
    bounds_of = bounds.bounds_of
    monkeypatch.setattr(
        bounds, "bounds_of", lambda *task: asked_again.extend(q.name for q in task[1]) or bounds_of(*task)
    )
    assert [str(row) for row in bounds.run(ledger, out, jobs=1)] == [str(row) for row in whole]
    assert {row.name for row in kept}.isdisjoint(asked_again)
    assert len(kept) + len(asked_again) == len(whole)


def test_what_was_known_before_tightens_kept_rows_too(tmp_path: Path) -> None:
    """A table begun without the known bounds is gone on with: its rows come out no wider than these."""
    ledger, out = _ledger([_rate(27, "os"), _rate(50, "os", {"arm": "a"})], 5), tmp_path / "bounds.csv"
    known = bounds.run(ledger, jobs=1)
    everyone = [row for row in known if row.population == "everyone"]
    wide = [replace(row, low=0.0, high=1.0) if row.kind == "survival" else row for row in everyone]
    assert wide != everyone
    assert len(wide) < len(known)
    bounds.write(out, wide)
    again = bounds.run(ledger, out, before=known, jobs=1)
    assert [(row.low, row.high) for row in again] == [(row.low, row.high) for row in known]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    only = "at risk at 12, rfs: response nonresponder, risk standard"
    code = cli.main(["bounds", "--only", only, "--jobs", "1", "--json", "--cohorts", str(paths.COHORT)])
    (row,) = json.loads(capsys.readouterr().out)["bounds"]
    assert code == 0
    assert row["low"] <= row["low_inner"] <= row["high_inner"] <= row["high"]


def test_what_is_asked_for_and_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bounds", "--only", "no such"]) == 2
    assert capsys.readouterr().err == "recohort bounds: --only 'no such': no quantity has this in its name\n"


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_cohort_that_misses_a_claim_is_refused(
    jobs: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, many = tmp_path / "toy.yaml", tmp_path / "many.parquet"
    file.write_text(TOY, encoding="utf-8")
    ledger = load(file)
    plan = Plan(ledger, 1, Settings(cohorts=3))
    made = list(sample(plan, 3, local(1), Folder(tmp_path / "starts", plan)).cohorts)
    ensemble.write([made[0], made[1].assign(os_event=0), made[2]], ledger, many, {})
    assert cli.main(["bounds", "--ledger", str(file), "--cohorts", str(many), "--jobs", jobs]) == 2
    assert "cohort 2 does not meet every claim" in capsys.readouterr().err


def _two_curves() -> Ledger:
    claims = [_rate(27, "os"), _rate(50, "os", {"arm": "a"}), {"count": "2", "where": {"arm": "a"}}]
    return _ledger(claims, 5)


class _Liar(cp_model.CpSolver):
    """A solver that is sure of an end, and off by some."""

    off = 0

    @property
    def objective_value(self) -> float:
        return super().objective_value + self.off

    best_objective_bound = objective_value


@pytest.mark.parametrize("off", [-3, -1, 1, 3])
def test_a_finder_that_is_wrong_about_the_end_proves_nothing(
    off: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Oracle: the bounds without it. Ends guessed too near are followed; those too far hold."""
    right = bounds.run(_two_curves(), jobs=1)
    monkeypatch.setattr(_Liar, "off", off)
    monkeypatch.setattr(order_bounds, "finder", _Liar)
    asked_of_liar = bounds.run(_two_curves(), jobs=1)
    for row, true in zip(asked_of_liar, right, strict=True):
        assert row.low <= true.low + 1e-8
        assert row.high >= true.high - 1e-8
        if off < 0:
            assert (row.low, row.high) == pytest.approx((true.low, true.high))


def test_a_finder_that_calls_everything_impossible_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    run = order_bounds.run

    def no(solver: cp_model.CpSolver, model: cp_model.CpModel) -> Any:
        run(solver, model)
        return cp_model.INFEASIBLE

    right = bounds.run(_two_curves(), jobs=1)
    monkeypatch.setattr(order_bounds, "run", no)
    for row, true in zip(bounds.run(_two_curves(), jobs=1), right, strict=True):
        assert row.low <= true.low + 1e-8
        assert row.high >= true.high - 1e-8


@pytest.mark.parametrize("content", ["a,b\n1,2\n", "", "\x00"])
def test_a_file_that_is_no_table_of_bounds_is_left_alone(content: str, tmp_path: Path, capsys) -> None:
    file = tmp_path / "bounds.csv"
    file.write_text(content, encoding="utf-8")
    for option in ("--out", "--known"):
        assert cli.main(["bounds", option, str(file), "--only", "no such quantity"]) == 2
        assert "not a table of bounds" in capsys.readouterr().err
        assert file.read_text(encoding="utf-8") == content
