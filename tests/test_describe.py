"""Designs and descriptions; the oracle is the checker, and Freireich's trial as textbooks print it."""

from __future__ import annotations

import copy
import json
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recohort import check, cli, cohort, describe, design, ledger
from recohort.files import InputError
from recohort.ledger_checks import MisfitError
from recohort.paths import ROOT
from recohort.printed import parse

EXAMPLE = ROOT / "examples" / "freireich_1963"

RAW: dict[str, Any] = yaml.safe_load("""
study: {title: Made up, patients: 4, time: {unit: months, resolution: 0.5, min: 0.5, max: 60}}
attributes:
  arm: {levels: [a, b]}
  stage: {levels: [1, 2, 3]}
  size: {levels: ["<1 cm", ">=1 cm"]}
  marker: {levels: [0, 1], where: {stage: [2, 3]}}
  early: {levels: [good, poor], may_be_empty: true}
  age: {number: {decimals: 1, min: 0, max: 99}}
endpoints:
  pfs: {time: pfs_months, event: pfs_event, not_after: os}
  os: {time: os_months, event: os_event}
conventions:
  ties: {value: allowed}
  landmark: {value: 4}
design:
  subgroups:
    a: {where: {arm: a}}
    b: {where: {arm: b}}
    large: {where: {stage: [2, 3], size: ">=1 cm"}}
    landmark_a: {where: {arm: a}, at_risk: {pfs: landmark}}
    landmark_b: {where: {arm: b}, at_risk: {pfs: landmark}}
  table: [stage, size, marker, early, age]
  columns: [all, a, b]
  rates_at: [6, 12.5, landmark]
  tests:
    - {groups: [a, b]}
    - {groups: [landmark_a, landmark_b]}
    - {groups: [a, b], outcome: {early: good}}
  follow_up: os
""")
RAW["design"]["subgroups"]["large"]["where"]["size"] = [">=1 cm"]  # in a list: a level, not a comparison


def made(patients: int = 4, **conventions: str) -> dict[str, Any]:
    raw = copy.deepcopy(RAW)
    raw["study"]["patients"] = patients
    raw["conventions"] |= {name: {"value": value} for name, value in conventions.items()}
    return raw


@st.composite
def cohorts(draw: st.DrawFn) -> pd.DataFrame:
    """Small cohorts with many ties, empty groups and empty cells."""
    n = draw(st.integers(1, 30))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    latest = draw(st.sampled_from([3, 20, 60]))
    os = random.integers(1, latest + 1, n) / 2
    died = random.integers(0, 2, n)
    relapsed = random.integers(0, 2, n).astype(bool)
    pfs = np.where(relapsed, np.ceil(os * random.random(n) * 2) / 2, os).clip(0.5)
    stage = random.integers(1, 4, n)
    marker = [int(random.integers(0, 2)) if s > 1 else None for s in stage]
    return pd.DataFrame(
        {
            "patient": [f"X{k}" for k in range(n)],
            "arm": random.choice(["a", "b"], n, p=[0.8, 0.2]).astype(object),
            "stage": pd.array(stage, "Int64"),
            "size": random.choice(["<1 cm", ">=1 cm"], n).astype(object),
            "marker": pd.array(marker, "Int64"),
            "early": random.choice(np.array(["good", "poor", None], dtype=object), n),
            "age": pd.array(np.round(random.uniform(0, 99, n), 1), "Float64"),
            "pfs_months": pfs,
            "pfs_event": (relapsed | (died == 1)).astype(np.int64),
            "os_months": os,
            "os_event": died,
            "source": "made up",
        }
    )


@given(
    cohorts(),
    st.fixed_dictionaries(
        {
            "rounding": st.sampled_from(["half-up", "truncated"]),
            "median_rule": st.sampled_from(["first", "midpoint"]),
            "follow_up": st.sampled_from(["reverse-kaplan-meier", "observed-time"]),
        }
    ),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_claim_is_reproduced_by_the_cohort_it_describes(
    patients: pd.DataFrame, conventions: dict[str, str]
) -> None:
    plan = design.Design.from_mapping(made(len(patients), **conventions))
    patients = cohort.validate(patients, plan.ledger)
    described = describe.describe(patients, plan)
    text = describe.to_yaml(described, plan)
    again = ledger.Ledger.model_validate(yaml.safe_load(text))
    rows = check.check(patients, again)
    assert len(rows) >= len(again.claims) > 0
    assert {row.verdict for row in rows} == {"reproduced"}
    assert all(f'"{claim.printed}"' in text for claim in again.claims)


def test_another_cohort_does_not_reproduce_the_description() -> None:
    known = design.load(EXAMPLE / "design.yaml")
    patients = cohort.read(EXAMPLE / "patients.csv", known.ledger)
    described = describe.describe(patients, known)
    one_more_event = patients.assign(relapse=patients["relapse"].where(patients.index != 14, 0))
    verdicts = {row.claim: row.verdict for row in check.check(one_more_event, described)}
    assert verdicts["fig1.remission.drug.at_12"] == "not reproduced"


def test_freireich_prints_what_textbooks_print() -> None:
    """Medians of 23 and 8 weeks; S(12) = 0.753 and S(24) = 0.448 with 6-MP; 4/21 and 0 with placebo.

    Klein and Moeschberger, tables 4.1A and 4.1B; the log-rank chi-squared is 16.79.
    """
    claims = ledger.load(EXAMPLE / "claims.yaml")
    printed = {claim.id: claim.printed for claim in claims.claims}
    assert printed["fig1.remission.drug.median"] == "23 weeks"
    assert printed["fig1.remission.placebo.median"] == "8 weeks"
    assert printed["fig1.remission.drug.at_12"] == "75%"
    assert printed["fig1.remission.drug.at_24"] == "45%"
    assert printed["fig1.remission.placebo.at_12"] == "19%"
    assert printed["fig1.remission.placebo.at_24"] == "0%"
    assert printed["fig1.remission.p.drug.placebo"] == "<0.001"


def test_committed_example_is_what_the_commands_make(tmp_path: Any) -> None:
    script = runpy.run_path(str(EXAMPLE / "make_patients.py"))
    assert script["patients"]().to_csv(index=False, lineterminator="\n") == (
        EXAMPLE / "patients.csv"
    ).read_text("utf-8")
    out = tmp_path / "claims.yaml"
    arguments = [str(EXAMPLE / "patients.csv"), "--design", str(EXAMPLE / "design.yaml"), "--out", str(out)]
    assert cli.main(["describe", *arguments]) == 0
    assert out.read_text("utf-8") == (EXAMPLE / "claims.yaml").read_text("utf-8")


def test_times_between_the_steps_are_described_and_noted(tmp_path: Path, capsys: Any) -> None:
    text = (EXAMPLE / "patients.csv").read_text("utf-8")
    assert text.count(",35,0,published") == 1
    patients, out = tmp_path / "days.csv", tmp_path / "claims.yaml"
    patients.write_text(text.replace(",35,0,published", ",34.6,0,published"), "utf-8")
    arguments = ["describe", str(patients), "--design", str(EXAMPLE / "design.yaml"), "--out", str(out)]
    assert cli.main(arguments) == 0
    assert "1 of 42 times lie between steps of 1 week (" in " ".join(capsys.readouterr().out.split())
    assert cli.main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["times_off_grid"] == 1


@pytest.mark.parametrize(
    ("value", "decimals", "rounding", "printed"),
    [
        (72.5, 0, "half-up", "73"),
        (100 * 0.725, 0, "half-up", "73"),  # 72.499…
        (72.49, 0, "half-up", "72"),
        (21.875, 0, "truncated", "21"),
        (100 * 0.29, 0, "truncated", "29"),  # 28.999…
        (22.2, 1, "half-up", "22.2"),
        (8.05, 1, "half-up", "8.1"),
        (0.0, 1, "half-up", "0.0"),
    ],
)
def test_shorten(value: float, decimals: int, rounding: str, printed: str) -> None:
    assert describe.shorten(value, decimals, rounding) == printed


@pytest.mark.parametrize(
    ("p", "printed"),
    [
        (0.0, "<0.001"),
        (0.00099, "<0.001"),
        (0.001, "0.001"),
        (0.0062, "0.006"),
        (0.0097, "0.010"),
        (0.01, "0.01"),
        (0.154, "0.15"),
        (0.9949, "0.99"),
        (0.995, ">0.99"),
        (1.0, ">0.99"),
    ],
)
def test_p_values(p: float, printed: str) -> None:
    assert describe.print_p_value(p) == printed
    assert p in parse("p_value", printed)[0].interval()


@given(st.floats(0, 1), st.sampled_from(["half-up", "truncated"]))
def test_a_printed_p_value_stands_for_the_one_it_was_made_from(p: float, rounding: str) -> None:
    assert p in parse("p_value", describe.print_p_value(p, rounding))[0].interval(rounding)


@given(st.floats(0, 1e6), st.integers(0, 4), st.sampled_from(["half-up", "truncated"]))
def test_a_shortened_number_stands_for_the_one_it_was_made_from(
    value: float, decimals: int, rounding: str
) -> None:
    printed = describe.shorten(value, decimals, rounding)
    assert value in parse("median", printed)[0].interval(rounding)


def edited(path: str, value: object) -> dict[str, Any]:
    raw = made()
    *inside, key = path.split(".")
    part: Any = raw
    for step in inside:
        part = part[int(step)] if step.isdigit() else part[step]
    part[key] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("design", None, "write design:"),
        ("design.rate_at", [6], "did you mean 'rates_at'"),
        ("design.subgroups.a.were", {"arm": "a"}, "did you mean 'where'"),
        ("design.subgroups.a.where", {"arn": "a"}, "did you mean 'arm'"),
        ("design.subgroups.a.where", {"arm": "c"}, "unknown level of arm 'c'"),
        ("design.subgroups.all", {}, "stands for everyone"),
        ("design.subgroups.a.at_risk", {"efs": 4}, "unknown endpoint 'efs'"),
        ("design.curves", ["a", "c"], "unknown subgroup 'c'"),
        ("design.table", ["stages"], "did you mean 'stage'"),
        ("design.table", ["stage", "stage"], "stands twice"),
        ("design.tests.0.groups", ["a", "landmark_b"], "at risk at different times"),
        ("design.tests.0.groups", ["a", "large"], "one patient could be in two groups"),
        ("design.tests.0.groups", ["a"], "at least 2"),
        ("design.rates_at", [600], "outside the follow-up"),
        ("design.rates_at", ["landmarks"], "did you mean 'landmark'"),
        ("design.follow_up", "efs", "unknown endpoint 'efs'"),
        ("claims", [{"id": "x"}], "a design has no claims"),
        ("study.patients", 0, "at least 1"),
    ],
)
def test_a_design_that_cannot_be_meant_is_refused(path: str, value: object, message: str) -> None:
    with pytest.raises(MisfitError) as refused:
        design.Design.from_mapping(edited(path, value))
    assert message in str(refused.value)
    assert refused.value.place[:1] == (path.split(".")[0],)


def test_tied_times_are_not_called_distinct() -> None:
    known = yaml.safe_load((EXAMPLE / "design.yaml").read_text("utf-8"))
    known["conventions"]["ties"]["value"] = "distinct"
    plan = design.Design.from_mapping(known)
    with pytest.raises(InputError, match="ties"):
        describe.describe(cohort.read(EXAMPLE / "patients.csv", plan.ledger), plan)


def test_negative_numbers_are_not_printed() -> None:
    known = yaml.safe_load((EXAMPLE / "design.yaml").read_text("utf-8"))
    known["attributes"]["log_wbc"]["number"] |= {"min": -5.0}
    plan = design.Design.from_mapping(known)
    patients = cohort.read(EXAMPLE / "patients.csv", plan.ledger)
    patients["log_wbc"] -= 2
    with pytest.raises(InputError, match=r"log_wbc: -0\.55 is negative"):
        describe.describe(patients, plan)


def test_a_rate_is_printed_only_while_somebody_is_followed() -> None:
    known = yaml.safe_load((EXAMPLE / "design.yaml").read_text("utf-8"))
    known["design"]["rates_at"] = [35, 36]  # the last patient with 6-MP left in week 35
    plan = design.Design.from_mapping(known)
    described = describe.describe(cohort.read(EXAMPLE / "patients.csv", plan.ledger), plan)
    rates = [claim.id for claim in described.claims if claim.kind == "survival"]
    assert rates == [
        "fig1.remission.drug.at_35",
        "fig1.remission.placebo.at_35",
        "fig1.remission.placebo.at_36",
    ]


def test_bad_files_give_one_line_and_leave_the_output_alone(tmp_path: Any, capsys: Any) -> None:
    out = tmp_path / "claims.yaml"
    out.write_text("before", "utf-8")
    bad = tmp_path / "design.yaml"
    bad.write_text((EXAMPLE / "design.yaml").read_text("utf-8").replace("rates_at", "rate_at"), "utf-8")
    for patients, plan in (
        (EXAMPLE / "patients.csv", bad),
        (EXAMPLE / "design.yaml", EXAMPLE / "design.yaml"),
    ):
        assert cli.main(["describe", str(patients), "--design", str(plan), "--out", str(out)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert cli.main(["describe", str(EXAMPLE / "patients.csv"), "--design", str(bad), "--out", str(bad)]) == 2
    assert out.read_text("utf-8") == "before"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["claims.yaml", "design.yaml"]
