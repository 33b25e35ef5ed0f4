"""Every attribute of every patient as variables of one CP-SAT model, and the rules they obey.

One Boolean per patient and level, one integer per patient and number, in units of the attribute's
last decimal. On top of these, literals for conditions and totals for populations, made when first
asked for. Whatever a ledger says of single patients is a constraint here; what it claims of groups
is added by :mod:`recohort.solve.attribute_claims`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

from ortools.sat.python import cp_model

from recohort.cohort import GRID_SLACK
from recohort.conditions import Condition, Level, Levels, Test, Threshold
from recohort.ledger import Attribute, Ledger
from recohort.printed import Interval
from recohort.solve.order_statistics import exact, steps
from recohort.solve.problem import UnsupportedClaim

__all__ = ["AttributeModel", "FixedRow", "LatestRow"]

FixedRow = Mapping[str, Level | None]
LatestRow = Mapping[str, float]

LARGEST = 10**12
"""Numbers beyond this many units of their last decimal would overflow the solver's sums."""


FINEST_ORDER = 64
"""Patients are told apart by at most so many combinations of levels when they are put in order."""


class AttributeModel:
    """The attributes of all patients under everything the ledger says of single patients.

    Parameters
    ----------
    ledger : Ledger
    fixed : sequence of dict, optional
        For each patient the attributes already decided (None: empty).
    latest : sequence of dict, optional
        For each patient and endpoint the latest time that a `not_after` number may have.

    Attributes
    ----------
    model : CpModel
    level : dict
        For each attribute with levels and each patient: level -> literal.
    present : dict
        For each attribute, a literal per patient: the cell is not empty.
    number : dict
        For each numeric attribute, an integer variable per patient, in steps of its last decimal.
    """

    def __init__(
        self,
        ledger: Ledger,
        fixed: Sequence[FixedRow] | None = None,
        latest: Sequence[LatestRow] | None = None,
    ) -> None:
        self.ledger = ledger
        self.model = cp_model.CpModel()
        self.patients = range(ledger.study.patients)
        self.true = self.model.new_constant(1)
        self.level: dict[str, list[dict[Level, cp_model.LiteralT]]] = {}
        self.present: dict[str, list[cp_model.LiteralT]] = {}
        self.number: dict[str, list[cp_model.IntVar]] = {}
        self.bounds: dict[str, tuple[int, int]] = {}
        self.limits: dict[str, list[tuple[int, int]]] = {}
        self.above: dict[tuple[str, int], list[cp_model.LiteralT]] = {}
        self._holds: dict[tuple[Condition, int], cp_model.LiteralT] = {}
        self._size: dict[Condition, cp_model.IntVar] = {}
        for name, attribute in ledger.attributes.items():
            if attribute.number is None:
                self._declare_levels(name, attribute)
            else:
                self._declare_number(name, attribute, latest)
        for name, attribute in ledger.attributes.items():
            self._applies(name, attribute)
            self._derives(name, attribute)
        self._rules()
        for patient, row in enumerate(fixed or ()):
            self._fix(patient, row)

    # --- variables --------------------------------------------------------------------------

    def _declare_levels(self, name: str, attribute: Attribute) -> None:
        """Give each patient one level, or none where the cell may be empty."""
        levels = attribute.levels or ()
        self.level[name], self.present[name] = [], []
        for patient in self.patients:
            mine: dict[Level, cp_model.LiteralT] = {
                level: self.model.new_bool_var(f"{name}[{patient}]={level}") for level in levels
            }
            present = self._new_present(name, attribute, patient)
            self.model.add_exactly_one([*mine.values(), ~present])
            self.level[name].append(mine)
            self.present[name].append(present)

    def _declare_number(self, name: str, attribute: Attribute, latest: Sequence[LatestRow] | None) -> None:
        """Give each patient a number within the attribute's limits; at its lowest while the cell is empty."""
        assert attribute.number is not None
        spec, end = attribute.number, attribute.not_after
        scale = 10**spec.decimals
        first, last = steps(Interval(spec.min, spec.max), scale)
        if max(-first, last) > LARGEST:
            raise UnsupportedClaim(f"{name}: limits {spec.min:g} to {spec.max:g} are too wide to solve for")
        if end is not None:
            last = min(last, math.floor((self.ledger.study.time.max + GRID_SLACK) * scale))
        self.bounds[name] = (first, max(first, last))
        self.number[name], self.present[name], self.limits[name] = [], [], []
        for patient in self.patients:
            limit = math.inf if latest is None or end is None else latest[patient].get(end, math.inf)
            most = last if math.isinf(limit) else min(last, math.floor((limit + GRID_SLACK) * scale))
            present = self._new_present(name, attribute, patient)
            self.limits[name].append((first, max(first, most)))
            number = self.model.new_int_var(*self.limits[name][patient], f"{name}[{patient}]")
            self.model.add(number == first).only_enforce_if(~present)
            if most < first:
                self.model.add_bool_and([~present])
            self.number[name].append(number)
            self.present[name].append(present)

    def _new_present(self, name: str, attribute: Attribute, patient: int) -> cp_model.LiteralT:
        if attribute.where or attribute.may_be_empty:
            return self.model.new_bool_var(f"{name}[{patient}] given")
        return self.true

    # --- rules per patient ------------------------------------------------------------------

    def _applies(self, name: str, attribute: Attribute) -> None:
        """Fill a cell only where the attribute applies, and always unless it may be empty."""
        for patient, present in enumerate(self.present[name]):
            if attribute.where:
                self.model.add_implication(present, self.holds(attribute.where, patient))
            if not attribute.may_be_empty:
                self.model.add_implication(self.holds(attribute.where, patient), present)

    def _derives(self, name: str, attribute: Attribute) -> None:
        """Let a derived level follow from the attributes it is derived from."""
        rule = attribute.derived
        if rule is None:
            return
        for patient, mine in enumerate(self.level[name]):
            applies = self.holds(attribute.where, patient)
            reasons = [self.holds(condition, patient) for condition in rule.any_of]
            for reason in reasons:
                self.model.add_bool_and([mine[rule.level]]).only_enforce_if([applies, reason])
            self.model.add_bool_or([~applies, *reasons, mine[rule.otherwise]])

    def _rules(self) -> None:
        for rule in self.ledger.rules:
            for patient in self.patients:
                self.model.add_implication(self.holds(rule.when, patient), self.holds(rule.then, patient))

    def _fix(self, patient: int, row: FixedRow) -> None:
        """Take over what is already decided about a patient."""
        for name, value in row.items():
            if name not in self.present:
                raise ValueError(f"fixed row {patient}: unknown attribute {name!r}")
            if value is None:
                self.model.add_bool_and([~self.present[name][patient]])
            elif name in self.level:
                if value not in self.level[name][patient]:
                    raise ValueError(f"fixed row {patient}: unknown level {value!r} of {name}")
                self.model.add_bool_and([self.level[name][patient][value]])
            else:
                step = round(float(value) * self.scale(name))
                self.model.add(self.number[name][patient] == step)
                self.limits[name][patient] = (step, step)
                self.model.add_bool_and([self.present[name][patient]])

    def sort_patients(self, names: Iterable[str]) -> None:
        """Let patients stand in the order of their levels of some attributes, empty cells first.

        Where nothing distinguishes patients beforehand this excludes no set of them, and the solver need
        not prove the same for each way to number them.

        Parameters
        ----------
        names : iterable of str
            The first counts most; those that make the order too fine are passed over, as numbers are.
        """
        chosen, finest = [], 1
        for name in names:
            levels = self.ledger.attributes[name].levels or ()
            if levels and finest * (len(levels) + 1) <= FINEST_ORDER:
                finest *= len(levels) + 1
                chosen.append(name)
        if chosen:
            places = [self._place(patient, chosen) for patient in self.patients]
            for before, after in itertools.pairwise(places):
                self.model.add(before <= after)

    def _place(self, patient: int, names: Iterable[str]) -> cp_model.LinearExpr:
        """Return where a patient stands among the combinations of levels of some attributes."""
        literals: list[cp_model.LiteralT] = []
        weights: list[int] = []
        for name in names:
            mine = self.level[name][patient]
            weights = [weight * (len(mine) + 1) for weight in weights]
            literals += mine.values()
            weights += range(1, len(mine) + 1)
        return cp_model.LinearExpr.weighted_sum(literals, weights)

    # --- conditions and populations -----------------------------------------------------------

    def scale(self, name: str) -> int:
        """Return the steps per unit of a numeric attribute."""
        spec = self.ledger.attributes[name].number
        assert spec is not None
        return int(10**spec.decimals)

    def holds(self, condition: Condition, patient: int) -> cp_model.LiteralT:
        """Return a literal that is true exactly when a patient meets a condition."""
        if (condition, patient) not in self._holds:
            tests = [self._test(name, test, patient) for name, test in condition.tests]
            self._holds[condition, patient] = self.all_of(tests)
        return self._holds[condition, patient]

    def size(self, condition: Condition) -> cp_model.IntVar:
        """Return a variable that counts the patients who meet a condition."""
        if condition not in self._size:
            total = self.model.new_int_var(0, len(self.patients), f"number with {condition}")
            self.model.add(total == sum(self.holds(condition, patient) for patient in self.patients))
            self._size[condition] = total
        return self._size[condition]

    def all_of(self, literals: Sequence[cp_model.LiteralT]) -> cp_model.LiteralT:
        """Return a literal that is true exactly when all the given ones are."""
        if not literals:
            return self.true
        if len(literals) == 1:
            return literals[0]
        both = self.model.new_bool_var("")
        self.model.add_bool_and(literals).only_enforce_if(both)
        self.model.add_bool_or([both, *(~literal for literal in literals)])
        return both

    def _test(self, name: str, test: Test, patient: int) -> cp_model.LiteralT:
        alone = Condition(((name, test),))
        if (alone, patient) not in self._holds:
            if isinstance(test, Levels):
                self._holds[alone, patient] = self._levels(name, test, patient)
            else:
                self._holds[alone, patient] = self._threshold(name, test, patient)
        return self._holds[alone, patient]

    def _levels(self, name: str, test: Levels, patient: int) -> cp_model.LiteralT:
        mine = self.level[name][patient]
        wanted = [mine[level] for level in test.levels]
        if len(wanted) == 1:
            return wanted[0]
        if len(wanted) == len(mine):
            return self.present[name][patient]
        either = self.model.new_bool_var("")
        self.model.add(sum(wanted) == either)
        return either

    def _threshold(self, name: str, test: Threshold, patient: int) -> cp_model.LiteralT:
        limit = exact(test.limit) * self.scale(name)
        start = math.floor(limit) + 1 if test.sign in (">", "<=") else math.ceil(limit)
        above = self._above(name, start)[patient]
        side = above if test.sign in (">", ">=") else ~above
        present = self.present[name][patient]
        return side if present is self.true else self.all_of([present, side])

    def _above(self, name: str, start: int) -> list[cp_model.LiteralT]:
        """Literals for "the number is at least so many steps"."""
        if (name, start) not in self.above:
            literals: list[cp_model.LiteralT] = []
            for patient, number in enumerate(self.number[name]):
                literal = self.model.new_bool_var(f"{name}[{patient}]>={start}")
                self.model.add(number >= start).only_enforce_if(literal)
                self.model.add(number < start).only_enforce_if(~literal)
                literals.append(literal)
            self.above[name, start] = literals
        return self.above[name, start]
