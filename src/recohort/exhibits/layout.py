"""What stands where in an exhibit: rows and columns of its tables, groups of its panels.

An exhibit's layout is a paper's own and so lives in a file (``data/exhibits.yaml``), not here. Tables
name claims; panels name patients and an endpoint, and find the claims that speak of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from recohort.conditions import Condition, Population
from recohort.ledger import Claim, Ledger
from recohort.yaml_file import LedgerError, read_yaml

__all__ = [
    "Group",
    "Layout",
    "LayoutError",
    "Panel",
    "Step",
    "Table",
    "TableRow",
    "find_claims",
    "load_layout",
]


class LayoutError(ValueError):
    """A layout that does not fit its ledger; the message is one line."""


def _condition(value: object) -> Condition:
    return value if isinstance(value, Condition) else Condition.from_mapping(value)


Where = Annotated[Condition, BeforeValidator(_condition)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class TableRow(_Part):
    """A row: a section heading, or a label and one entry per column.

    An entry is a claim id, "-" for a dash that is printed, or null for an empty cell.
    """

    section: str | None = None
    label: str | None = None
    cells: tuple[str | None, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> TableRow:
        if (self.section is None) == (self.label is None):
            raise ValueError("a row has either a section or a label")
        return self


class Table(_Part):
    """A table: caption, heading of the row labels, headings of its columns, rows."""

    caption: str
    stub: str
    columns: Annotated[tuple[str, ...], Field(min_length=1)]
    rows: Annotated[tuple[TableRow, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _rectangular(self) -> Table:
        for row in self.rows:
            if row.label is not None and len(row.cells) != len(self.columns):
                raise ValueError(
                    f"row {row.label!r} has {len(row.cells)} cells for {len(self.columns)} columns"
                )
        return self

    @property
    def claims(self) -> list[str]:
        """Ids of all claims in the table, in reading order; a dash is a printed dash, no claim."""
        return [cell for row in self.rows for cell in row.cells if cell is not None and cell != "-"]


class Group(_Part):
    """One curve: its label, its patients, and which of the line styles it wears."""

    label: str
    where: Where
    style: Annotated[int, Field(ge=0, le=3)] | None = None


class Panel(_Part):
    """One Kaplan-Meier panel.

    Attributes
    ----------
    letter, title : str
    places : tuple of str
        Where its numbers are printed, as parts of a claim's place.
    endpoint : str
    where, at_risk
        Patients of all groups; `at_risk` as in a ledger.
    month : float
        The time of the survival rates.
    groups : tuple of Group
    compare : tuple of (int, int)
        Pairs of groups that are tested against each other.
    """

    letter: str
    title: str
    places: tuple[str, ...]
    endpoint: str
    where: Where = Condition()
    at_risk: Mapping[str, float | str] | None = None
    month: float = Field(gt=0)
    groups: Annotated[tuple[Group, ...], Field(min_length=1, max_length=4)]
    compare: tuple[tuple[int, int], ...] = ()

    @model_validator(mode="after")
    def _compares_its_groups(self) -> Panel:
        for a, b in self.compare:
            if a == b or not {a, b} <= set(range(len(self.groups))):
                raise ValueError(f"compare names groups {a} and {b} of {len(self.groups)}, counted from 0")
        return self

    def population(self, ledger: Ledger, group: Group | None = None) -> Population:
        """Patients of one group, or of the whole panel."""
        at_risk = None
        if self.at_risk is not None:
            endpoint, month = next(iter(self.at_risk.items()))
            at_risk = (endpoint, ledger.month(month))
        return Population(self.where & group.where if group else self.where, at_risk)


class Step(_Part):
    """A box of a patient flow and what follows from it.

    It is counted by a claim, or, where nothing is printed, by a condition on the patients of the box
    above, or as the rest of that box beside its neighbours.
    """

    label: str
    claim: str | None = None
    where: Where | None = None
    rest: bool = False
    then: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _counted_once(self) -> Step:
        if (self.claim is not None) + (self.where is not None) + self.rest != 1:
            raise ValueError(f"step {self.label!r} needs exactly one of claim, where, rest")
        return self


class Layout(_Part):
    """All exhibits of a paper."""

    tables: Mapping[str, Table] = Field(default_factory=dict)
    panels: Mapping[str, Panel] = Field(default_factory=dict)
    flows: Mapping[str, Step] = Field(default_factory=dict)


def load_layout(path: str | Path, ledger: Ledger) -> Layout:
    """Load a layout and check it against its ledger.

    Raises
    ------
    LayoutError
        With one line, if it cannot be read or names a claim, attribute or endpoint that the ledger lacks.
    """
    try:
        layout = Layout.model_validate(read_yaml(path))
    except LedgerError as error:
        raise LayoutError(str(error)) from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise LayoutError(f"{path}: {place}: {first['msg']}") from None
    known = {claim.id for claim in ledger.claims}
    for name, table in layout.tables.items():
        _refuse_unknown(f"{path}: table {name}", "claim", table.claims, known)
    for name, panel in layout.panels.items():
        _refuse_unknown(
            f"{path}: panel {name}",
            "endpoint",
            [panel.endpoint, *(panel.at_risk or ())],
            set(ledger.endpoints),
        )
        used = frozenset[str]().union(panel.where.attributes, *(g.where.attributes for g in panel.groups))
        _refuse_unknown(f"{path}: panel {name}", "attribute", sorted(used), set(ledger.attributes))
    for name, flow in layout.flows.items():
        claims = [step.claim for step in _steps(flow) if step.claim is not None]
        _refuse_unknown(f"{path}: flow {name}", "claim", claims, known)
        asked = frozenset[str]().union(*(step.where.attributes for step in _steps(flow) if step.where))
        _refuse_unknown(f"{path}: flow {name}", "attribute", sorted(asked), set(ledger.attributes))
    return layout


def find_claims(
    ledger: Ledger, kind: str, places: tuple[str, ...], endpoint: str | None, *populations: Population
) -> list[Claim]:
    """Return the claims of one statistic about these patients at these places.

    Parameters
    ----------
    kind : str
        ``count``, ``survival``, ``median_survival`` or ``p_value``.
    places : tuple of str
        Parts of a claim's place, see :func:`recohort.exhibits.cells.at_place`.
    endpoint : str or None
        None for a count, which speaks of no endpoint.
    *populations : Population
        One, or the groups of a test in any order.
    """
    wanted = set(populations)
    return [
        claim
        for claim in ledger.claims
        if claim.kind == kind
        and claim.endpoint == endpoint
        and set(places) & set(claim.at.split(", "))
        and {ledger.population(claim, group) for group in claim.groups or (Condition(),)} == wanted
    ]


def _steps(step: Step) -> list[Step]:
    return [step, *(deeper for later in step.then for deeper in _steps(later))]


def _refuse_unknown(where: str, kind: str, names: list[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            raise LayoutError(f"{where}: the ledger has no {kind} {name!r}")
