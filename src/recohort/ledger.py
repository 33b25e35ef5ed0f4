"""The ledger: every printed number of a paper, the population it speaks of, and how it is read.

A ledger is a YAML file (see ``data/claims.yaml`` for a commented one). This module loads it, refuses
what cannot be meant, with one line that says what would be right, and hands out immutable objects.
It knows no paper: attributes, endpoints and conventions all come from the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from recohort.conditions import Condition, Population, explain_level
from recohort.files import read_text, shown
from recohort.implications import Implications
from recohort.ledger_checks import ACTING_CONVENTIONS, MisfitError, check_references
from recohort.ledger_messages import explain, place_name
from recohort.printed import Number, parse
from recohort.yaml_file import MAX_BYTES, LedgerError, find_line, parse_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["Attribute", "Claim", "Convention", "Endpoint", "Ledger", "LedgerError", "load"]

STATISTICS = (
    "count", "percent", "count_percent", "median", "range", "median_range",
    "survival", "median_survival", "p_value", "follow_up", "context",
)  # fmt: skip
"""What a claim can print; each claim has exactly one of these keys."""

_parsed = lru_cache(maxsize=8192)(parse)

NEEDS: Mapping[str, tuple[str, ...]] = {
    "median": ("attribute",), "range": ("attribute",), "median_range": ("attribute",),
    "survival": ("endpoint", "month"), "median_survival": ("endpoint",), "follow_up": ("endpoint",),
    "p_value": ("groups",), "context": ("note",),
}  # fmt: skip
MAY_HAVE: Mapping[str, tuple[str, ...]] = {
    "count": ("where", "at_risk"), "percent": ("where", "of", "at_risk"),
    "count_percent": ("where", "of", "at_risk"),
    "median": ("where",), "range": ("where",), "median_range": ("where",),
    "survival": ("where", "at_risk"), "median_survival": ("where", "at_risk"),
    "follow_up": ("where", "at_risk"), "p_value": ("where", "at_risk", "endpoint", "outcome"), "context": (),
}  # fmt: skip

MAX_PATIENTS = 2000


class Part(BaseModel):
    """Base of all ledger parts: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


def _condition(value: object) -> Condition:
    return value if isinstance(value, Condition) else Condition.from_mapping(value)


def _level(value: object) -> int | str:
    """Return a level that a cell of a cohort file can hold and give back."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(explain_level(value))
    if isinstance(value, int) and abs(value) > 999_999:
        raise ValueError("a level that is a number has at most six digits")
    if isinstance(value, str) and (value != " ".join(value.split()) or not 1 <= len(value) <= 100):
        raise ValueError("a level has 1 to 100 characters, on one line, without spaces at its ends")
    return value


Where = Annotated[Condition, BeforeValidator(_condition)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Limit = Annotated[Finite, Field(ge=-1e9, le=1e9)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
LevelValue = Annotated[int | str, BeforeValidator(_level)]


class TimeScale(Part):
    """Unit and grid of all follow-up times."""

    unit: Literal["days", "weeks", "months", "years"]
    resolution: Annotated[Finite, Field(gt=0)]
    min: Annotated[Finite, Field(ge=0)]
    max: Annotated[Finite, Field(gt=0, le=100_000)]

    @model_validator(mode="after")
    def _ordered(self) -> TimeScale:
        if self.min > self.max:
            raise ValueError("min must not exceed max")
        if (self.max - self.min) / self.resolution > 200_000:
            raise ValueError("resolution is too fine for the span from min to max (at most 200,000 steps)")
        if self.resolution > self.max:
            raise ValueError("resolution must not exceed max")
        return self

    @property
    def decimals(self) -> int:
        """Decimal places that the resolution calls for."""
        return len(f"{self.resolution:.6f}".rstrip("0").partition(".")[2])

    def ticks(self, time: float) -> int:
        """Return the grid step of a time in the ledger's unit."""
        return round(time / self.resolution)


class Study(Part):
    """What the ledger is about."""

    title: Text
    citation: Text | None = None
    doi: Text | None = None
    version: Text | None = None
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    patients: Annotated[int, Field(ge=1, le=MAX_PATIENTS, strict=True)]
    patient_prefix: Annotated[str, Field(pattern=r"^[A-Za-z]{0,8}$")] = "P"
    time: TimeScale


class NumberSpec(Part):
    """The scale of a numeric attribute."""

    decimals: Annotated[int, Field(ge=0, le=4, strict=True)]
    min: Limit
    max: Limit
    unit: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> NumberSpec:
        if self.min > self.max:
            raise ValueError("min must not exceed max")
        return self


class Derivation(Part):
    """A level that follows from other attributes: `level` if any condition holds, else `otherwise`."""

    level: LevelValue
    any_of: Annotated[tuple[Where, ...], Field(min_length=1)]
    otherwise: LevelValue

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, value: object) -> object:
        if isinstance(value, dict) and "any_of" not in value:
            named = [key for key in value if key != "otherwise"]
            if "otherwise" not in value or len(named) != 1:
                raise ValueError("write derived as {LEVEL: [conditions], otherwise: LEVEL}")
            return {"level": named[0], "any_of": value[named[0]], "otherwise": value["otherwise"]}
        return value


class Attribute(Part):
    """One column of the cohort: levels or a number, and to whom it applies."""

    levels: Annotated[tuple[LevelValue, ...], Field(min_length=1, max_length=60)] | None = None
    number: NumberSpec | None = None
    where: Where = Condition()
    derived: Derivation | None = None
    may_be_empty: Annotated[bool, Field(strict=True)] = False
    not_after: str | None = None
    label: str | None = None
    meaning: str | None = None
    level_labels: Mapping[LevelValue, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> Attribute:
        if (self.levels is None) == (self.number is None):
            raise ValueError("give either levels or number")
        if self.levels is not None and len({str(level) for level in self.levels}) != len(self.levels):
            raise ValueError("levels must differ from each other")
        if len({type(level) for level in self.levels or ()}) > 1:
            raise ValueError("levels are all whole numbers or all texts; put the numbers in quotes")
        derived = (self.derived.level, self.derived.otherwise) if self.derived else ()
        for key, named in (("derived", derived), ("level_labels", self.level_labels)):
            for level in named:
                if level not in (self.levels or ()):
                    raise ValueError(f"{key} names {level!r}, which is not among the levels")
        if self.not_after and self.number is None:
            raise ValueError("not_after goes with a number")
        return self


class Rule(Part):
    """Whoever meets `when` also meets `then`."""

    when: Where
    then: Where


class Endpoint(Part):
    """A time-to-event endpoint: its two columns, and the endpoint within whose follow-up it lies."""

    time: Name
    event: Name
    not_after: str | None = None
    label: str | None = None
    meaning: str | None = None


class Effect(Part):
    """What an option of a convention changes that only its ledger can know.

    Attributes
    ----------
    months : dict
        Rates printed for the one time are read at the other.
    outer_event_counts : bool or None
        Whether an event of an outer endpoint is one of the endpoints within it, too.
    one_last_contact : bool or None
        Whether nested endpoints end at one date of last contact.
    drops : tuple of Rule
        Rules of the ledger that need not hold.
    """

    months: Annotated[Mapping[Finite, Finite], Field(max_length=20)] = Field(default_factory=dict)
    outer_event_counts: bool | None = None
    one_last_contact: bool | None = None
    drops: Annotated[tuple[Rule, ...], Field(max_length=20)] = ()


class Convention(Part):
    """A choice that the paper leaves open; `amounts_to` says what its other options would change."""

    value: str | Finite
    options: tuple[str | Finite, ...] = ()
    amounts_to: Annotated[Mapping[str | Finite, Effect], Field(max_length=20)] = Field(default_factory=dict)
    why: str = ""


class ReadAs(Part):
    """How a number is read that cannot be right, or cannot be right by default conventions, as printed."""

    printed: str | None = None
    rounding: Literal["half-up", "truncated"] | None = None
    month: Finite | None = None

    @model_validator(mode="after")
    def _says_something(self) -> ReadAs:
        if self.printed is None and self.rounding is None and self.month is None:
            raise ValueError("read_as needs one of printed, rounding, month")
        return self


class Claim(Part):
    """One printed cell or phrase, at one place of the paper."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,99}$")]
    at: Text
    count: str | None = None
    percent: str | None = None
    count_percent: str | None = None
    median: str | None = None
    range: str | None = None
    median_range: str | None = None
    survival: str | None = None
    median_survival: str | None = None
    p_value: str | None = None
    follow_up: str | None = None
    context: str | None = None
    where: Where = Condition()
    of: Where = Condition()
    attribute: str | None = None
    endpoint: str | None = None
    month: Finite | str | None = None
    at_risk: Annotated[Mapping[str, Finite | str], Field(min_length=1, max_length=1)] | None = None
    groups: Annotated[tuple[Where, ...], Field(min_length=2, max_length=8)] | None = None
    outcome: Where | None = None
    read_as: ReadAs | None = None
    because: Text | None = None
    note: str | None = None

    @model_validator(mode="after")
    def _coherent(self) -> Claim:
        given = [name for name in STATISTICS if getattr(self, name) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"a claim prints exactly one of {', '.join(STATISTICS)}; found {found}")
        kind = given[0]
        for name in NEEDS.get(kind, ()):
            if getattr(self, name) is None:
                raise ValueError(f"{kind} needs {name}")
        about = {"where", "of", "attribute", "endpoint", "month", "at_risk", "groups", "outcome"}
        for name in sorted(about & self.model_fields_set):
            if name not in NEEDS.get(kind, ()) + MAY_HAVE[kind]:
                raise ValueError(f"{name} does not go with {kind}")
        if kind == "p_value" and (self.endpoint is None) == (self.outcome is None):
            raise ValueError("p_value needs either endpoint or outcome")
        if self.read_as and not self.because:
            raise ValueError("read_as needs because: give the reason for the reading")
        if self.because and not self.read_as:
            raise ValueError("because needs read_as: say how the number is read")
        if self.read_as and self.read_as.month is not None and kind != "survival":
            raise ValueError("read_as month goes with survival")
        parse(kind, self.printed)
        if self.read_as and self.read_as.printed is not None:
            parse(kind, self.read_as.printed)
        return self

    @cached_property
    def kind(self) -> str:
        """The statistic that the claim prints."""
        return next(name for name in STATISTICS if getattr(self, name) is not None)

    @property
    def printed(self) -> str:
        """The string as printed."""
        return str(getattr(self, self.kind))

    @property
    def numbers(self) -> tuple[Number, ...]:
        """The numbers in the printed string, in their order."""
        return _parsed(self.kind, self.printed)

    @property
    def numbers_as_read(self) -> tuple[Number, ...]:
        """The numbers as the ledger reads them."""
        text = self.read_as.printed if self.read_as and self.read_as.printed is not None else self.printed
        return _parsed(self.kind, text)


class Ledger(Part):
    """A whole ledger, checked for consistency with itself."""

    study: Study
    attributes: Annotated[Mapping[Name, Attribute], Field(max_length=200)]
    rules: Annotated[tuple[Rule, ...], Field(max_length=200)] = ()
    endpoints: Annotated[Mapping[Name, Endpoint], Field(max_length=6)] = Field(default_factory=dict)
    conventions: Mapping[Name, Convention] = Field(default_factory=dict)
    claims: Annotated[tuple[Claim, ...], Field(max_length=2000)] = ()

    def convention(self, name: str) -> str | float:
        """Value of a convention; for one the engine acts on, its default where the ledger is silent."""
        if name in self.conventions:
            return self.conventions[name].value
        return ACTING_CONVENTIONS[name][0]

    def month(self, value: float | str) -> float:
        """Return a time given as a number or by the name of a numeric convention."""
        return float(self.convention(value)) if isinstance(value, str) else float(value)

    def endpoint_label(self, name: str) -> str:
        """Return what an endpoint is called: its label, or its name if it has none."""
        return self.endpoints[name].label or name

    def claim(self, claim_id: str) -> Claim:
        """Look up a claim by its id.

        Raises
        ------
        KeyError
            If no claim has this id.
        """
        return self._by_id[claim_id]

    @cached_property
    def implications(self) -> Implications:
        """What follows from what among the attributes."""
        return Implications(self.attributes, self.rules)

    @cached_property
    def _by_id(self) -> dict[str, Claim]:
        return {claim.id: claim for claim in self.claims}

    def population(self, claim: Claim, *conditions: Condition) -> Population:
        """Return the population of a claim, narrowed by further conditions (its `of`, one of its groups)."""
        at_risk = None
        if claim.at_risk is not None:
            endpoint, month = next(iter(claim.at_risk.items()))
            at_risk = (endpoint, self.month(month))
        where = claim.where
        for condition in conditions:
            where = where & condition
        return Population(where, at_risk)

    def with_claims(self, claims: Iterable[Claim]) -> Ledger:
        """Return the same ledger with other claims (already validated ones)."""
        return self.changed(claims=tuple(claims))

    def changed(self, **fields: object) -> Ledger:
        """Return the same ledger with other fields (already validated ones)."""
        other = self.model_copy(update=fields)
        other.__dict__.pop("_by_id", None)  # a copy takes along what was computed for the original
        if fields.keys() & {"attributes", "rules"}:
            other.__dict__.pop("implications", None)
        return other


def load(path: str | Path) -> Ledger:
    """Load and validate a ledger.

    Parameters
    ----------
    path : str or Path
        A YAML file in UTF-8, at most 1 MB, without aliases.

    Returns
    -------
    Ledger

    Raises
    ------
    LedgerError
        With one line: file, line and claim id, what is wrong, what would be right.
    """
    try:
        text = read_text(path, max_bytes=MAX_BYTES, kind="a ledger (YAML) with --ledger")
        raw = parse_yaml(text)
    except ValueError as error:
        raise LedgerError(f"{shown(path)}: {error}") from None
    try:
        ledger = Ledger.model_validate(raw)
        check_references(ledger)
    except ValidationError as error:
        place, message = explain(error, raw)
    except MisfitError as misfit:
        place, message = misfit.place, str(misfit)
    else:
        return ledger
    line = find_line(text, place)
    where = ", ".join(filter(None, [f"line {line}" if line else "", place_name(place, raw)]))
    raise LedgerError(": ".join(filter(None, [shown(path), where, message])))
