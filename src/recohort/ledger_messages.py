"""What is wrong with a ledger, in words for whoever wrote it: one line, no jargon of the schema library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recohort.ledger_checks import Place, suggest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["explain", "place_name"]

_NAME = "a name is lower-case letters, digits and underscores, at most 40, a letter first, as in os_months"
_PATTERNS = {
    "id": "an id is lower-case letters, digits, dots, dashes and underscores, at most 100, as in table1.age",
    "date": 'a date is in quotes, as in "2026-03-26"',
    "patient_prefix": "the prefix of patient names is at most 8 letters",
}
_EITHER = {
    "month": "must be a number, or the name of a convention",
    "at_risk": "must be a map of an endpoint to a time, as in {os: 12}",
    "value": "must be a number or a text in quotes",
    "options": "must be a list of numbers or of texts in quotes",
}
"""Keys that take one of two kinds of value."""


def explain(error: ValidationError, raw: Mapping[str, Any]) -> tuple[Place, str]:
    """Return the place of the first problem of a failed validation, and what it is.

    Parameters
    ----------
    error : ValidationError
        From pydantic; a misspelt key is told before the key that is missing for it.
    raw : mapping
        The ledger as read from YAML.
    """
    problems = error.errors(include_url=False)
    first = problems[0]
    if first["type"] == "missing":
        unknown = (p for p in problems if p["type"] == "extra_forbidden")
        first = next((p for p in unknown if p["loc"][:-1] == first["loc"][:-1]), first)
    loc = first["loc"]
    if first["type"] == "missing":
        return _found(loc[:-1], raw), f"key {loc[-1]!r} is missing; add it"
    if first["type"] == "extra_forbidden":
        if first["input"] is None and "claims" in loc:  # {why: one, two} has the keys why and two
            return _found(
                loc, raw
            ), "unknown key; if it belongs to a text with a comma, put that text in quotes"
        return _found(loc, raw), f"unknown key; {suggest(loc[-1], _keys_at(loc[:-1]))}"
    place = _found(loc, raw)
    key = next((part for part in reversed(place) if isinstance(part, str)), "")
    return place, _sentence(first, key)[:300]


def place_name(place: Place, raw: Mapping[str, Any]) -> str:
    """Name a place as its author knows it: "claim table1.age, where", "attributes.sex.levels"."""
    kind, *rest = place or ("",)
    if kind == "rules" and rest:
        return f"rule {int(rest[0]) + 1}"
    if kind != "claims" or not rest or not isinstance(rest[0], int):
        return _path(place)
    claim = raw["claims"][rest[0]]
    known = isinstance(claim, dict) and isinstance(claim.get("id"), str) and len(claim["id"]) <= 100
    name = f"claim {claim['id']}" if known else f"claim number {rest[0] + 1}"
    return f"{name}, {_path(rest[1:])}" if rest[1:] else name


def _path(parts: Sequence[str | int]) -> str:
    """Write a place within a ledger: attributes.sex.levels, entry 2."""
    words = [f", entry {part + 1}" if isinstance(part, int) else f".{part[:60]}" for part in parts]
    return "".join(words).strip("., ")


def _found(loc: tuple[str | int, ...], raw: object) -> Place:
    """Return as much of a location as the ledger really has: pydantic adds the types that it tried."""
    place: list[str | int] = []
    for part in loc:
        if isinstance(raw, list) and isinstance(part, int):
            raw = dict(enumerate(raw))
        if not isinstance(raw, dict) or part not in raw:
            break
        raw = raw[part]
        place.append(part)
    return tuple(place)


def _sentence(problem: ErrorDetails, key: str) -> str:
    """Turn one problem into words."""
    from recohort.ledger import STATISTICS  # the ledger imports this module

    kind, given, limits = problem["type"], problem["input"], problem.get("ctx", {})
    if kind == "value_error":
        return problem["msg"].removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"{_show(given)}: {_PATTERNS.get(key, _NAME)}"
    if kind in ("string_type", "float_type", "finite_number") and key in _EITHER:
        return f"{_EITHER[key]}, not {_show(given)}"
    if kind == "string_type" and key in STATISTICS:
        return "must be in quotes, as printed"
    if kind == "string_type" and key == "date":
        return _PATTERNS["date"]
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {_show(given)}"
    if kind in _LIMITS:
        limit = _LIMITS[kind].format_map({name: _plain(value) for name, value in limits.items()})
        return f"{limit}, not {_show(given)}" if limit.startswith("must be") else limit
    return problem["msg"]


_WANTED = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number, without quotes",
    "float_parsing": "a number, without quotes",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "tuple_type": "a list, as in [a, b]",
    "mapping_type": "a map, as in {key: value}",
    "dict_type": "a map, as in {key: value}",
    "model_type": "a map, as in {key: value}",
    "model_attributes_type": "a map, as in {key: value}",
}
_LIMITS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be {expected}",
    "string_too_short": "must not be empty",
    "string_too_long": "has more than {max_length} characters; shorten it",
    "too_short": "must hold at least {min_length}, and holds {actual_length}",
    "too_long": "may hold at most {max_length}",
}


def _plain(value: object) -> object:
    """Write a limit as a reader would: 1, not 1.0."""
    return f"{value:,.12g}" if isinstance(value, int | float) else value


def _show(given: object) -> str:
    """Describe a value from a YAML file in a few words."""
    if given is None:
        return "nothing"
    if isinstance(given, bool):
        return f"{str(given).lower()} (what YAML makes of yes, no, on, off)"
    if isinstance(given, list):
        return f"a list of {len(given)}"
    if isinstance(given, dict):
        return "a map"
    text = repr(given) if isinstance(given, str) else str(given)
    return text if len(text) <= 50 else f"{text[:47]}..."


def _keys_at(loc: tuple[str | int, ...]) -> list[str]:
    """Keys that may stand at a place of the ledger."""
    from recohort import ledger as parts

    steps = tuple(part for part in loc if isinstance(part, str))
    model: type[parts.Part] = {
        "": parts.Ledger,
        "study": parts.TimeScale if "time" in steps else parts.Study,
        "attributes": parts.NumberSpec if steps[-1:] == ("number",) else parts.Attribute,
        "rules": parts.Rule,
        "endpoints": parts.Endpoint,
        "conventions": parts.Effect if "amounts_to" in steps else parts.Convention,
        "claims": parts.ReadAs if "read_as" in steps else parts.Claim,
    }[steps[0] if steps else ""]
    return list(model.model_fields)
