"""The columns of a cohort as a Table Schema of the Data Package standard, from a ledger alone.

Source: Table Schema, version 2.0, https://datapackage.org/standard/table-schema/.
"""

from __future__ import annotations

from typing import Any

from recohort.cohort import SOURCE, columns
from recohort.ledger import Attribute, Endpoint, Ledger

__all__ = ["table_schema"]

PROFILE = "https://datapackage.org/profiles/2.0/tableschema.json"
Field = dict[str, Any]


def table_schema(ledger: Ledger) -> dict[str, Any]:
    """Describe the columns of a cohort: type, meaning, unit, levels, limits.

    Parameters
    ----------
    ledger : Ledger

    Returns
    -------
    dict
        A Table Schema, ready for JSON, its fields in the order of the columns. Rules that tie columns to
        each other (who may have an empty cell, that no relapse follows a death) are beyond the standard.
    """
    fields = {"patient": _patient(ledger), "source": _source()}
    fields |= {name: _attribute(name, attribute) for name, attribute in ledger.attributes.items()}
    for name, endpoint in ledger.endpoints.items():
        fields |= _endpoint(name, endpoint, ledger)
    return {
        "$schema": PROFILE,
        "fields": [fields[name] for name in columns(ledger)],
        "missingValues": [""],
        "primaryKey": ["patient"],
    }


def _patient(ledger: Ledger) -> Field:
    width = len(str(ledger.study.patients))
    return {
        "name": "patient",
        "type": "string",
        "description": "Number of the row; it stands for nobody.",
        "constraints": {
            "required": True, "unique": True, "pattern": f"{ledger.study.patient_prefix}[0-9]{{{width}}}",
        },
    }  # fmt: skip


def _source() -> Field:
    return {
        "name": "source",
        "type": "string",
        "description": f"Says in every row where it comes from; {SOURCE} marks what is no real patient.",
        "constraints": {"required": False},
    }


def _attribute(name: str, attribute: Attribute) -> Field:
    """Return the field of an attribute; a cell may be empty where the attribute does not apply."""
    always = not attribute.where and not attribute.may_be_empty
    meaning = attribute.meaning or attribute.label or name
    said = meaning[0].upper() + meaning[1:]
    said += "." if always else ". Empty where it does not apply or was not assessed."
    field: Field = {"name": name, "title": attribute.label or name, "description": said}
    if attribute.number is not None:
        field["type"] = "number" if attribute.number.decimals else "integer"
        if attribute.number.unit:
            field["unit"] = attribute.number.unit
        limits: Field = {"minimum": attribute.number.min, "maximum": attribute.number.max}
    else:
        levels = list(attribute.levels or ())
        whole = all(isinstance(level, int) for level in levels)
        field["type"] = "integer" if whole else "string"
        labels = attribute.level_labels
        field["categories"] = [{"value": level, "label": labels.get(level, str(level))} for level in levels]
        limits = {"enum": levels}
    field["constraints"] = {"required": always, **limits}
    return field


def _endpoint(name: str, endpoint: Endpoint, ledger: Ledger) -> dict[str, Field]:
    scale, label = ledger.study.time, endpoint.label or name
    time: Field = {
        "name": endpoint.time,
        "title": f"Time of {label}",
        "description": f"Time to the event of {label} or to the last contact, in {scale.unit}.",
        "type": "number",
        "unit": scale.unit,
        "constraints": {"required": True, "minimum": scale.min, "maximum": scale.max},
    }
    event: Field = {
        "name": endpoint.event,
        "title": f"Event of {label}",
        "description": f"Whether that time of {label} ended with an event.",
        "type": "integer",
        "categories": [{"value": 0, "label": "no"}, {"value": 1, "label": "yes"}],
        "constraints": {"required": True, "enum": [0, 1]},
    }
    return {endpoint.time: time, endpoint.event: event}
