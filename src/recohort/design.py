"""The design of a description: which numbers a paper would print of a cohort that we know.

A design file is a ledger without claims (study, attributes, rules, endpoints, conventions) and one
section more::

    design:
      subgroups:                                  # populations with a name; `all` is everyone
        drug: {where: {arm: 6-MP}}
        placebo: {where: {arm: placebo}}
        late: {where: {arm: 6-MP}, at_risk: {remission: 8}}   # still at risk at week 8
      table: [sex, log_wbc]                       # attributes to tabulate …
      columns: [all, drug, placebo]               # … for these populations (default: all)
      curves: [drug, placebo]                     # median and rates (default: all and every subgroup)
      rates_at: [12, 24]                          # times, in the ledger's unit or by convention
      tests:
        - {groups: [drug, placebo]}               # survival_test, at every endpoint
        - {groups: [drug, placebo], outcome: {sex: 1}}        # count_test
      follow_up: remission                        # endpoint of the median follow-up

Every key is optional. This module reads such a file and turns it into *blank claims*: all that a claim
says except its number. :mod:`recohort.describe` fills them in.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError

from recohort.conditions import Condition, Levels, Test
from recohort.files import read_text, shown
from recohort.ledger import Claim, Finite, Ledger, Name, Part, Where
from recohort.ledger_checks import MisfitError, Place, allowed_levels, check_references, suggest
from recohort.ledger_messages import explain, place_name
from recohort.yaml_file import MAX_BYTES, LedgerError, find_line, parse_yaml

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["EVERYONE", "Comparison", "Design", "Plan", "Subgroup", "blank_claims", "load"]

EVERYONE = "all"
"""The name of the whole cohort among populations."""

Names = Annotated[tuple[Name, ...], Field(max_length=100)]

BLANK: Mapping[str, str] = {
    "count": "0", "count_percent": "0 (0)", "median_range": "0 [0-0]", "survival": "0%",
    "median_survival": "0", "p_value": "0.5", "follow_up": "0",
}  # fmt: skip
"""What stands in a blank claim: a string with the right numbers in it, none of them meant."""
BLANK_OF = "0/1 (0)"


class Subgroup(Part):
    """A population with a name: who, and still at risk when."""

    where: Where = Condition()
    at_risk: Annotated[Mapping[str, Finite | str], Field(min_length=1, max_length=1)] | None = None


class Comparison(Part):
    """A P value between subgroups: of survival, or of an outcome that is counted."""

    groups: Annotated[tuple[Name, ...], Field(min_length=2, max_length=8)]
    outcome: Where | None = None


class Plan(Part):
    """The `design` section of a design file."""

    subgroups: Annotated[Mapping[Name, Subgroup], Field(max_length=100)] = Field(default_factory=dict)
    table: Names = ()
    columns: Names = (EVERYONE,)
    curves: Names | None = None
    rates_at: Annotated[tuple[Finite | Name, ...], Field(max_length=20)] = ()
    tests: Annotated[tuple[Comparison, ...], Field(max_length=100)] = ()
    follow_up: Name | None = None

    def population(self, name: str) -> Subgroup:
        """Look up a population by its name."""
        return Subgroup() if name == EVERYONE else self.subgroups[name]

    @property
    def drawn(self) -> tuple[str, ...]:
        """Populations whose curves are described."""
        return (EVERYONE, *self.subgroups) if self.curves is None else self.curves


@dataclass(frozen=True)
class Design:
    """A design, ready to describe a cohort with.

    Attributes
    ----------
    ledger : Ledger
        Without claims.
    plan : Plan
    head : dict
        The file's other sections as read, for the top of the ledger that is written.
    """

    ledger: Ledger
    plan: Plan
    head: Mapping[str, Any]

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> Design:
        """Validate a design as read from YAML.

        Raises
        ------
        MisfitError
            With the place in the file and one line that says what would be right.
        """
        if raw.get("claims"):
            raise MisfitError(("claims",), "a design has no claims; delete them, describe makes new ones")
        head = {key: value for key, value in raw.items() if key not in ("design", "claims")}
        try:
            ledger = Ledger.model_validate(head)
        except ValidationError as error:
            place, message = explain(error, head)
            raise MisfitError(place, message) from None
        check_references(ledger)
        design = cls(ledger, _plan(raw.get("design")), head)
        _check_names(design)
        _check_claims(design, [(Claim.model_validate(fields), place) for fields, place in _sizes(design)])
        _check_tests(design)
        _check_claims(design, list(blank_claims(design)))
        return design


def load(path: str | Path) -> Design:
    """Load and validate a design file.

    Raises
    ------
    LedgerError
        With one line: file, line and place, what is wrong, what would be right.
    """
    try:
        text = read_text(path, max_bytes=MAX_BYTES, kind="a design (YAML) with --design")
        raw = parse_yaml(text)
        return Design.from_mapping(raw)
    except MisfitError as misfit:
        line = find_line(text, misfit.place)
        where = ", ".join(filter(None, [f"line {line}" if line else "", place_name(misfit.place, raw)]))
        raise LedgerError(": ".join(filter(None, [shown(path), where, str(misfit)]))) from None
    except ValueError as error:
        raise LedgerError(f"{shown(path)}: {error}") from None


def _plan(raw: object) -> Plan:
    if not isinstance(raw, dict):
        raise MisfitError(("design",), "this section is missing or no map; write design: {rates_at: [12]}")
    try:
        return Plan.model_validate(raw)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            if problem["type"] == "extra_forbidden":
                *inside, key = problem["loc"]
                parts: Mapping[object, type[Part]] = {"subgroups": Subgroup, "tests": Comparison}
                known = parts[inside[0]].model_fields if inside else Plan.model_fields
                raise MisfitError(
                    ("design", *inside), f"unknown key {str(key)[:60]!r}; {suggest(key, known)}"
                ) from None
        place, message = explain(error, raw)
        raise MisfitError(("design", *place), message) from None


def _check_names(design: Design) -> None:
    """Raise MisfitError unless the design speaks of populations, attributes and endpoints that exist."""
    plan, ledger = design.plan, design.ledger
    if EVERYONE in plan.subgroups:
        raise MisfitError(("design", "subgroups", EVERYONE), "this name stands for everyone; choose another")
    populations = (EVERYONE, *plan.subgroups)
    lists: list[tuple[Place, Collection[str], Collection[str], str]] = [
        (("table",), plan.table, ledger.attributes, "attribute"),
        (("columns",), plan.columns, populations, "subgroup"),
        (("curves",), plan.curves or (), populations, "subgroup"),
        (("follow_up",), (plan.follow_up,) if plan.follow_up else (), ledger.endpoints, "endpoint"),
        *(
            (("tests", number, "groups"), test.groups, populations, "subgroup")
            for number, test in enumerate(plan.tests)
        ),
    ]
    for place, names, known, what in lists:
        for name in names:
            if name not in known:
                raise MisfitError(("design", *place), f"unknown {what} {name!r}; {suggest(name, known)}")
        if len(set(names)) != len(names):
            raise MisfitError(("design", *place), "a name stands twice; keep one")


def _check_tests(design: Design) -> None:
    """Raise MisfitError unless the groups of each test can be one claim."""
    for number, test in enumerate(design.plan.tests):
        if len({str(design.plan.population(name).at_risk) for name in test.groups}) > 1:
            raise MisfitError(
                ("design", "tests", number, "groups"),
                "these groups are at risk at different times; compare groups with the same at_risk",
            )


def _check_claims(design: Design, blanks: list[tuple[Claim, Place]]) -> None:
    """Let the ledger's own checks see blank claims, and report at the place in the design."""
    try:
        check_references(design.ledger.with_claims(claim for claim, _ in blanks))
    except MisfitError as misfit:
        if misfit.place[:1] != ("claims",):
            raise
        _, place = blanks[int(misfit.place[1])]
        raise MisfitError(("design", *place), str(misfit)) from None


# --- blank claims ----------------------------------------------------------------------------


def blank_claims(design: Design) -> Iterator[tuple[Claim, Place]]:
    """Yield every claim that a design asks for, its number left blank, in the order of a paper.

    Yields
    ------
    claim : Claim
    place : tuple
        Which part of the `design` section asks for it.
    """
    seen: dict[str, int] = {}
    for fields, place in (*_sizes(design), *_table(design), *_count_tests(design), *_figures(design)):
        name = re.sub(r"[^a-z0-9_.-]", "_", str(fields["id"]).lower())[:90]
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name}.{seen[name]}"
        yield Claim.model_validate(fields | {"id": unique}), place


Blank = tuple[dict[str, Any], Place]


def _sizes(design: Design) -> Iterator[Blank]:
    """Everybody, each subgroup, and how long they were followed."""
    plan = design.plan
    yield {"id": "text.patients", "at": "text", "count": BLANK["count"]}, ()
    for name, group in plan.subgroups.items():
        kind: Literal["count", "count_percent"] = "count" if group.at_risk else "count_percent"
        yield _who({"id": f"text.{name}", "at": "text", kind: BLANK[kind]}, group), ("subgroups", name)
    if plan.follow_up:
        blank = {"follow_up": BLANK["follow_up"], "endpoint": plan.follow_up}
        yield {"id": "text.follow_up", "at": "text", **blank}, ("follow_up",)


def _table(design: Design) -> Iterator[Blank]:
    """One row per level, or median and range; patients to whom an attribute does not apply are left out."""
    ledger, plan = design.ledger, design.plan
    for name in plan.table:
        attribute = ledger.attributes[name]
        for column in plan.columns:
            group = plan.population(column)
            cell = f"table1.{name}" + ("" if column == EVERYONE else f".{column}")
            base = {"at": "Table 1"} | ({"at_risk": group.at_risk} if group.at_risk else {})
            if attribute.number is not None:
                if (
                    group.at_risk is None
                    and allowed_levels(ledger, group.where & attribute.where) is not None
                ):
                    spread = {"id": cell, "median_range": BLANK["median_range"], "attribute": name}
                    yield _who(base | spread, group), ("table",)
                continue
            given = Condition(((name, Levels(attribute.levels or ())),))
            of = _meet(group.where, given if attribute.may_be_empty else attribute.where, ("table",))
            blank = BLANK_OF if attribute.may_be_empty or attribute.where else BLANK["count_percent"]
            for level in attribute.levels or ():
                where = Condition(((name, Levels((level,))),))
                if allowed_levels(ledger, of & where) is None:
                    continue
                fields = {"id": f"{cell}.{level}", "count_percent": blank, "where": where}
                yield base | fields | ({"of": of} if of else {}), ("table",)


def _count_tests(design: Design) -> Iterator[Blank]:
    for number, test in enumerate(design.plan.tests):
        if test.outcome is not None:
            fields = {"id": f"table1.p.{'.'.join(test.groups)}", "at": "Table 1", "outcome": test.outcome}
            yield _compared(design, fields, test), ("tests", number)


def _figures(design: Design) -> Iterator[Blank]:
    """One figure per endpoint: of each curve the median and the rates, then P."""
    plan = design.plan
    for number, endpoint in enumerate(design.ledger.endpoints, 1):
        for name in plan.drawn:
            base = {"at": f"Figure {number}", "endpoint": endpoint}
            cell = f"fig{number}.{endpoint}.{name}"
            median = {"id": f"{cell}.median", "median_survival": BLANK["median_survival"]}
            yield _who(base | median, plan.population(name)), ("curves",)
            for month in plan.rates_at:
                label = month if isinstance(month, str) else f"{month:g}"
                rate = {"id": f"{cell}.at_{label}", "survival": BLANK["survival"], "month": month}
                yield _who(base | rate, plan.population(name)), ("rates_at",)
        for position, test in enumerate(plan.tests):
            if test.outcome is None:
                fields = {"id": f"fig{number}.{endpoint}.p.{'.'.join(test.groups)}", "endpoint": endpoint}
                yield _compared(design, fields | {"at": f"Figure {number}"}, test), ("tests", position)


def _who(fields: dict[str, Any], group: Subgroup) -> dict[str, Any]:
    """Add a population to the fields of a claim."""
    where = {"where": group.where} if group.where else {}
    return fields | where | ({"at_risk": group.at_risk} if group.at_risk else {})


def _compared(design: Design, fields: dict[str, Any], test: Comparison) -> dict[str, Any]:
    groups = [design.plan.population(name) for name in test.groups]
    blank = fields | {"p_value": BLANK["p_value"], "groups": tuple(group.where for group in groups)}
    return blank | ({"at_risk": groups[0].at_risk} if groups[0].at_risk else {})


def _meet(one: Condition, other: Condition, place: Place) -> Condition:
    """Join two conditions into one that a ledger can write: an attribute stands once."""
    tests: dict[str, Test] = dict(one.tests)
    for name, test in other.tests:
        mine = tests.get(name, test)
        if isinstance(mine, Levels) and isinstance(test, Levels):
            tests[name] = Levels(tuple(level for level in mine.levels if level in test.levels))
        elif mine == test:
            tests[name] = test
        else:
            raise MisfitError(
                ("design", *place), f"{one} and {other} compare {name} twice; a ledger writes one comparison"
            )
    return Condition(tuple(sorted(tests.items(), key=lambda item: item[0])))
