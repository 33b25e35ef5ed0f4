"""Write data/cohort.schema.json and data/datapackage.json: columns from the ledger, files from the folder.

Run by `make package`; tests/test_datapackage.py holds the files to what this script would write.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pandas as pd
import yaml

from recohort import __version__, paths
from recohort.cohort import SOURCE
from recohort.ledger import load
from recohort.table_schema import table_schema

SCHEMA = "cohort.schema.json"
ENSEMBLE_SCHEMA = "ensemble.schema.json"
RESULTS = {
    "validation": "Blind validation on open data: one row per curve and method",
    "bounds": "Proven minimum and maximum of what a reader may ask, one row per quantity",
    "ensemble-diversity": "How different the cohorts of the ensemble are, by curve and way of drawing",
    "benchmark": "Time for all survival claims of one cohort, by package",
}
WARNING = (
    "No row of these data is a real patient. The rows were reconstructed so that they give the numbers that "
    "one clinical paper prints; many other tables would give them too. They are for teaching and for "
    "checking numbers, not for clinical use and not for new findings about the treatment."
)
LICENCE = {"name": "CC-BY-4.0", "path": "https://creativecommons.org/licenses/by/4.0/"}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the table schemas by file name."""
    one = table_schema(load(paths.LEDGER))
    source = next(field for field in one["fields"] if field["name"] == "source")
    source["constraints"] = {"required": True, "enum": [SOURCE]}  # here no row may be anything else
    number = {
        "name": "cohort",
        "type": "integer",
        "description": "Number of the cohort that the row belongs to.",
        "constraints": {"required": True, "minimum": 0},
    }
    fields = []
    for field in one["fields"]:
        limits = {key: value for key, value in field["constraints"].items() if key != "unique"}
        fields.append(field | {"constraints": limits})
    found = {SCHEMA: one}
    if paths.ENSEMBLE.is_file():
        order = list(pd.read_parquet(paths.ENSEMBLE).columns)
        fields = sorted([number, *fields], key=lambda field: order.index(field["name"]))
        found[ENSEMBLE_SCHEMA] = one | {"fields": fields, "primaryKey": ["cohort", "patient"]}
    return found


def resource(name: str, file: str, title: str, **more: object) -> dict[str, Any]:
    """Describe one file of the data folder, with its size and checksum."""
    content = (paths.DATA / file).read_bytes()
    return {
        "name": name,
        "path": file,
        "title": title,
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
        **more,
    }


def resources() -> list[dict[str, Any]]:
    """Describe every file that is there to be taken along."""
    found = [
        resource(
            "reconstructed-cohort",
            paths.COHORT.name,
            "One reconstructed cohort, a row for each patient",
            type="table",
            format="csv",
            mediatype="text/csv",
            encoding="utf-8",
            dialect={"delimiter": ",", "header": True},
            schema=SCHEMA,
        )
    ]
    if paths.ENSEMBLE.is_file():
        title = "Many reconstructed cohorts that give the same printed numbers"
        parquet = {"format": "parquet", "mediatype": "application/vnd.apache.parquet"}
        more = {"type": "table", **parquet, "schema": ENSEMBLE_SCHEMA}
        found.append(resource("ensemble", paths.ENSEMBLE.name, title, **more))
    yaml_file = {"format": "yaml", "mediatype": "application/yaml", "encoding": "utf-8"}
    found.append(resource("claims", paths.LEDGER.name, "The ledger: every printed number", **yaml_file))
    found.append(
        resource(
            "exhibits", "exhibits.yaml", "Which claim stands where in the tables and figures", **yaml_file
        )
    )
    for name, title in RESULTS.items():
        table = {"type": "table", "format": "csv", "mediatype": "text/csv", "encoding": "utf-8"}
        dialect = {"delimiter": ",", "header": True}
        found.append(resource(name, f"{name.replace('-', '_')}.csv", title, **table, dialect=dialect))
    title = "Which printed numbers cannot hold together, and the fewest that must be amended"
    json_file = {"format": "json", "mediatype": "application/json", "encoding": "utf-8"}
    found.append(resource("conflicts", "conflicts.json", title, **json_file))
    return found


def package() -> dict[str, Any]:
    """Return the descriptor of the data."""
    citation = yaml.safe_load((paths.ROOT / "CITATION.cff").read_text("utf-8"))
    paper = citation["references"][0]
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "thirty-eight-patients",
        "title": f"{citation['title'].split(':')[0]}: reconstructed data",
        "description": WARNING,
        "version": __version__,
        "keywords": citation["keywords"],
        "licenses": [LICENCE],
        "contributors": [{"title": author["name"], "roles": ["author"]} for author in citation["authors"]],
        "sources": [{"title": paper["title"], "path": f"https://doi.org/{paper['doi']}"}],
        "resources": resources(),
    }


def files() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {
        name: json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        for name, content in {**schemas(), "datapackage.json": package()}.items()
    }


if __name__ == "__main__":
    for file, text in files().items():
        (paths.DATA / file).write_text(text, "utf-8")
