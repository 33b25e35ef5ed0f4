"""A written audit (``conflicts.json``) for a page: conflicts, repairs and P values, folded part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from recohort.conditions import Condition
from recohort.exhibits.conflicts import reprinted
from recohort.exhibits.markup import Html, claim_link, element
from recohort.exhibits.proofs import FEW, in_one_line
from recohort.exhibits.reference import about, in_words
from recohort.exhibits.tables import simple
from recohort.ledger import Ledger
from recohort.wording import counted

__all__ = [
    "changes_in_words",
    "conflict_lists",
    "part_name",
    "readings_in_words",
    "readings_table",
    "repair_lists",
]

Json = Mapping[str, Any]


def conflict_lists(found: Json, ledger: Ledger) -> Html:
    """Return every conflict with its reason, in one disclosure per part."""
    return element(
        "div",
        *(
            _fold(
                part_name(part["name"], ledger),
                counted(len(part["conflicts"]), "conflict"),
                (_conflict(conflict, ledger) for conflict in part["conflicts"]),
            )
            for part in found["parts"]
        ),
        class_="exhibit audit",
    )


def repair_lists(found: Json, ledger: Ledger) -> Html:
    """Return the smallest repairs with the smallest change of each, and what P values could be instead."""
    return element(
        "div",
        *(
            _fold(
                part_name(part["name"], ledger), counted(len(part["repairs"]), "way"), _repairs(part, ledger)
            )
            for part in found["parts"]
        ),
        class_="exhibit audit",
    )


def readings_table(found: Json, groups: Sequence[Iterable[str]]) -> Html:
    """Return the audit under other conventions, one reading a row.

    Parameters
    ----------
    found : mapping
        An audit that was repeated under other conventions.
    groups : sequence of iterables of claim ids
        What belongs together, numbered from 1: a misprint and its repeats.
    """
    number = {claim: n for n, group in enumerate(groups, start=1) for claim in group}
    rows = [_reading(reading, number, len(groups)) for reading in found["conventions"]["tried"]]
    return simple(
        "The audit under other conventions",
        ("Changed", "Fewest amended", "Facts explained", "New misprints"),
        rows,
    )


def readings_in_words(found: Json) -> str:
    """Say which reading explains most with least, as far as it is proven, and what could not be tried."""
    tried, left_out = found["conventions"]["tried"], found["conventions"]["not_followed"]
    said = [f"Under the ledger's own conventions {found['fewest']} statements must be amended."]
    best = [reading for reading in tried if reading["best"]]
    alike = [one for one in tried if best and one["fewest_is_enough"] and _cost(one) == _cost(best[0])]
    if alike:
        names = " or by ".join(f"“{changes_in_words(one['changed'])}”" for one in alike)
        said.append(f"**Most is explained with least by {names}: {best[0]['fewest']} are left.**")
        if fewer := sum(reading["fewest"] < best[0]["fewest"] for reading in tried):
            said.append(f"Whether {counted(fewer, 'other reading')} would leave fewer is not known.")
        if len(alike) > 1 and all(len(reading["changed"]) == 1 for reading in tried):
            said.append("These exclude each other, so there was nothing to try together.")
    else:
        said.append("**No other reading is shown to need fewer.**")
    if open_ := sum(not reading["fewest_is_enough"] for reading in tried):
        said.append(
            f"Where the fewest are not known exactly ({open_}), fewer than the first number are proven not "
            "to do; that the second do, a cohort shows."
        )
    if left_out:
        said.append(
            "Other options change who is in a group, where time begins, or how a statistic is computed, "
            f"which the audit cannot follow: {'; '.join(map(changes_in_words, left_out))}."
        )
    return " ".join(said)


def _cost(reading: Json) -> tuple[int, int]:
    """How much is amended and how many conventions are changed."""
    return reading["fewest"], len(reading["changed"])


def changes_in_words(changed: Mapping[str, object]) -> str:
    """Name changed conventions as a page does."""
    return "; ".join(f"{name.replace('_', ' ')}: {option}" for name, option in changed.items())


def _fold(name: str, count: str, items: Iterable[Html]) -> Html:
    return element("details", element("summary", f"{name}: {count}"), element("ol", *items))


def part_name(name: str, ledger: Ledger) -> str:
    """Put the ledger's labels into a part's name: ``arm a, 12 patients``."""
    for attribute, about_it in ledger.attributes.items():
        for level in about_it.levels or ():
            start = f"{attribute} {level}, "
            if name.startswith(start):
                said = in_words(Condition.from_mapping({attribute: level}), ledger)
                return f"{said}, {name.removeprefix(start)}"
    return name[:1].upper() + name[1:]


def _named(ids: Sequence[str], ledger: Ledger) -> Html:
    """Name a statement: as printed, leading to its entry, and what it is about."""
    claim = ledger.claim(ids[0])
    link = element("a", f"“{claim.printed}”", href=claim_link(claim.id), data_claim=claim.id)
    return element("span", link, f" {about(claim, ledger)}")


def _listed(statements: Iterable[Sequence[str]], ledger: Ledger) -> Html:
    return element("ul", *(element("li", _named(ids, ledger)) for ids in statements))


def _conflict(conflict: Json, ledger: Ledger) -> Html:
    n = len(conflict["claims"])
    solver = f"A solver proves that no patients meet {'it' if n == 1 else f'these {n} together'}."
    doubt = "" if conflict["minimal"] else " Perhaps fewer of them suffice (not proven)."
    moves = [f"Smallest change: {_change(change, ledger)}." for change in conflict["changes"]]
    return element(
        "li",
        _listed(conflict["claims"], ledger),
        element("p", (conflict["proof"] or solver) + doubt),
        *(_histories(conflict, ledger) if conflict["histories"] else ()),
        *(element("p", move) for move in moves),
        _again(conflict),
    )


def _again(conflict: Json) -> Html:
    """Give the line that puts a conflict to the solver again, in a box that can be copied from."""
    ids = [ids[0] for ids in conflict["claims"]]
    quicker = ["--no-changes"] if len(ids) > 2 else []
    line = " ".join(["recohort conflicts --only", *ids, *quicker])
    return element("div", element("pre", line), class_="highlight again")


def _histories(conflict: Json, ledger: Ledger) -> Iterator[Html]:
    """Yield the table of histories that the rates of a conflict leave."""
    rows: list[tuple[str, str, str | Html]] = []
    for row in conflict["histories"]:
        each: str | Html = in_one_line(row["at_risk"]) or "too many to list"
        claim = ledger.claim(row["claim"])
        of = f"{claim.printed} of {row['patients']}, {ledger.endpoint_label(str(claim.endpoint))}"
        if len(row["at_risk"]) > FEW:
            each = element("details", element("summary", "all of them"), each)
        rows.append((of, str(row["number"]), each))
    yield simple("What each rate leaves by itself", ("Printed", "Histories", "At risk at each event"), rows)


def _change(change: Json, ledger: Ledger) -> str:
    claims = [ledger.claim(ids[0]) for ids in change["claims"]]
    moved = zip(claims, change["instead"], strict=True)
    each = " and ".join(f"{reprinted(claim, values)} instead of “{claim.printed}”" for claim, values in moved)
    sure = "" if change["less_is_proven_impossible"] else " (whether less would do is not proven)"
    return f"{each}{sure}"


def _repairs(part: Json, ledger: Ledger) -> Iterator[Html]:
    least = part["repairs_that_change_least"] if len(part["repairs"]) > 1 else []
    for number, (repair, change) in enumerate(zip(part["repairs"], part["repair_changes"], strict=True)):
        if change is None:
            yield element("li", _listed(repair, ledger))
            continue
        items = (
            element("li", f"{reprinted(ledger.claim(ids[0]), values)} instead of ", _named(ids, ledger))
            for ids, values in zip(change["claims"], change["instead"], strict=True)
        )
        less = (
            "less will not do" if change["largest_move_is_proven"] else "whether less would do is not proven"
        )
        if change["largest_move_is_proven"] and not change["less_is_proven_impossible"]:
            less += "; whether the other numbers could move less is not proven"
        units = counted(max(map(sum, change["printed_units"])), "printed unit")
        words = [f"Largest move: {units}; {less}."]
        if number in least:
            sure = "" if part["least_is_proven"] else " (not proven)"
            words.append(f"No other repair changes less{sure}.")
        yield element("li", element("ul", *items), element("p", " ".join(words)))
    for p in part["p_values"]:
        values = ", ".join(f"{value:.3f}" for value in p["attainable"])
        sure = "no others, proven" if p["all_proven"] else "whether there are others is not proven"
        moves = [f"Room for it: {_change(change, ledger)}." for change in p["changes"]]
        yield element(
            "li",
            _named(p["claims"], ledger),
            element("p", f"The other numbers on its endpoint leave P = {values} ({sure})."),
            *(element("p", move) for move in moves),
        )


def _reading(reading: Json, number: Mapping[str, int], groups: int) -> tuple[str, str, str, str]:
    changed = changes_in_words(reading["changed"])
    if not reading["fewest_is_enough"]:
        most = "or more" if reading["enough"] is None else f"to {reading['enough']}"
        return changed, f"{reading['fewest']} {most}", "not known", "not known"
    chosen: set[str] = set()
    for part in reading["parts"]:
        ways = [{ids[0] for ids in repair} for repair in part["repairs"]] or [set[str]()]
        chosen |= min(ways, key=lambda ids: len(ids - number.keys()))
    remain = {number[claim] for claim in chosen & number.keys()}
    gone = [str(n) for n in range(1, groups + 1) if n not in remain]
    return changed, str(reading["fewest"]), ", ".join(gone) or "none", str(len(chosen - number.keys()))
