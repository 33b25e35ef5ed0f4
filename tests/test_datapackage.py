"""The data are described as they are: Data Package, table schema, citation, deposit, codecheck.

Oracles: the ledger and the reader of cohorts for the schema; for the descriptor what version 2.0 of the Data
Package standard requires. The files were also validated with the programs `frictionless` and `cffconvert`;
the first would bring fourteen more packages into the environment.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import recohort
from recohort.cohort import SOURCE, columns
from recohort.ledger import load
from recohort.paths import COHORT, DATA, ENSEMBLE, LEDGER, ROOT
from recohort.table_schema import table_schema

SCRIPT = runpy.run_path(str(ROOT / ".ci" / "datapackage.py"))
PACKAGE = json.loads((DATA / "datapackage.json").read_text("utf-8"))
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
SCHEMA = json.loads((DATA / "cohort.schema.json").read_text("utf-8"))
CASTS: dict[str, Any] = {"string": str, "integer": int, "number": float}


def faults(rows: list[dict[str, str]], schema: dict[str, Any]) -> list[str]:
    """Hold rows of text to a table schema, as the standard defines its constraints."""
    wrong = []
    for field in schema["fields"]:
        name, limits = field["name"], field["constraints"]
        cells = [row[name] for row in rows]
        full = [cell for cell in cells if cell not in schema["missingValues"]]
        if limits.get("required") and len(full) < len(cells):
            wrong.append(f"{name}: empty cell")
        if limits.get("unique") and len(set(full)) < len(full):
            wrong.append(f"{name}: not unique")
        for cell in full:
            value = CASTS[field["type"]](cell)
            low, high = limits.get("minimum", value), limits.get("maximum", value)
            fits = low <= value <= high and value in limits.get("enum", [value])
            if not fits or not re.fullmatch(limits.get("pattern", ".*"), cell):
                wrong.append(f"{name}: {cell}")
    return wrong


def cohort_rows() -> list[dict[str, str]]:
    with COHORT.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", sorted(SCRIPT["files"]()))
def test_files_are_what_the_script_writes(name: str) -> None:
    assert (DATA / name).read_text("utf-8") == SCRIPT["files"]()[name], "make package"


def test_the_schema_names_every_column_in_order() -> None:
    ledger = load(LEDGER)
    schema = table_schema(ledger)
    assert [field["name"] for field in schema["fields"]] == list(columns(ledger)) == list(cohort_rows()[0])
    assert all(field["description"].endswith(".") and field["type"] in CASTS for field in schema["fields"])


def test_the_cohort_meets_the_schema() -> None:
    assert faults(cohort_rows(), SCHEMA) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [("ecog", "3"), ("age", "12"), ("os_event", ""), ("source", "observed"), ("patient", "P02"), ("ph", "?")],
)
def test_the_schema_refuses_what_is_wrong(column: str, value: str) -> None:
    rows = cohort_rows()
    rows[0][column] = value
    assert any(fault.startswith(column) for fault in faults(rows, SCHEMA))


def test_a_ledger_with_other_columns_has_another_schema() -> None:
    ledger = load(ROOT / "tests" / "fixtures" / "small_ledger.yaml")
    with (ROOT / "tests" / "fixtures" / "small_cohort.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    schema = table_schema(ledger)
    assert [field["name"] for field in schema["fields"]] == list(rows[0])
    assert faults(rows, schema) == []


def test_the_descriptor_has_what_the_standard_requires() -> None:
    assert re.fullmatch(r"[a-z0-9._-]+", PACKAGE["name"])
    assert PACKAGE["licenses"][0]["name"] == "CC-BY-4.0"
    assert "No row of these data is a real patient" in PACKAGE["description"]
    names = [resource["name"] for resource in PACKAGE["resources"]]
    assert len(names) == len(set(names))
    assert PACKAGE["version"] == recohort.__version__


@pytest.mark.parametrize("resource", PACKAGE["resources"], ids=lambda resource: resource["name"])
def test_each_resource_is_there_unchanged(resource: dict[str, Any]) -> None:
    path = DATA / resource["path"]
    assert not Path(resource["path"]).is_absolute()
    assert path.stat().st_size == resource["bytes"]
    assert resource["hash"] == f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    if "schema" in resource:
        assert (DATA / resource["schema"]).is_file()


def test_every_data_file_is_described() -> None:
    described = {resource["path"] for resource in PACKAGE["resources"]}
    described |= {resource["schema"] for resource in PACKAGE["resources"] if "schema" in resource}
    there = {path.name for path in DATA.iterdir() if path.is_file()} - {"README.md", "datapackage.json"}
    assert {name for name in there if name.endswith((".csv", ".yaml", ".schema.json"))} <= described


@pytest.mark.skipif(not ENSEMBLE.is_file(), reason="no ensemble yet")
def test_the_ensemble_has_the_columns_of_its_schema() -> None:
    schema = json.loads((DATA / "ensemble.schema.json").read_text("utf-8"))
    table = pd.read_parquet(ENSEMBLE)
    assert list(table.columns) == [field["name"] for field in schema["fields"]]
    assert set(table["source"]) == {SOURCE}


def test_deposit_and_citation_agree() -> None:
    deposit = json.loads((ROOT / ".zenodo.json").read_text("utf-8"))
    assert (deposit["title"], deposit["version"]) == (CITATION["title"], CITATION["version"])
    assert [person["name"] for person in deposit["creators"]] == [
        person["name"] for person in CITATION["authors"]
    ]
    assert deposit["keywords"] == CITATION["keywords"]
    assert deposit["license"] in CITATION["license"]
    assert deposit["related_identifiers"][0]["identifier"] == CITATION["references"][0]["doi"]
    assert "not real" in deposit["description"]


def test_citation_has_what_its_format_requires() -> None:
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)
    assert CITATION["cff-version"] == "1.2.0"
    assert all({"name"} == set(author) for author in CITATION["authors"])
    assert {"type", "title", "authors"} <= set(CITATION["references"][0])


def test_codecheck_names_files_that_exist() -> None:
    text = (ROOT / "codecheck.yml").read_text("utf-8")
    assert text.startswith("---\n")  # its format wants an explicit document
    check = yaml.safe_load(text)
    assert check["version"].startswith("https://codecheck.org.uk/spec/config/")
    assert check["paper"]["title"] == CITATION["title"]
    assert check["paper"]["reference"].endswith(CITATION["references"][0]["doi"])
    assert check["manifest"]
    for item in check["manifest"]:
        assert (ROOT / item["file"]).is_file(), item["file"]
        assert item["comment"]
