"""Statements as switches. Oracles: the audit's file in claim ids, sets worked out by hand, a fresh audit."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

import pytest
from bs4 import BeautifulSoup

from recohort import paths
from recohort.exhibits import open_exhibits
from recohort.exhibits.conflicts import to_json
from recohort.exhibits.switches import (
    PRESETS,
    Part,
    Set,
    Whole,
    conflict_tables,
    first_step,
    page_data,
    presets,
    read_parts,
    survival_first,
    verdict,
    whole,
)
from recohort.ledger import Ledger
from recohort.solve.audit import audit
from recohort.solve.instance import Settings

STUDY = open_exhibits()
FOUND = json.loads((paths.DATA / "conflicts.json").read_text("utf-8"))
PARTS = read_parts(FOUND)
EVERYTHING = [frozenset(range(len(part.statements))) for part in PARTS]


def on_but(*off: set[str]) -> list[Set]:
    """Switch off the statements of some claims, part by part."""
    return [
        frozenset(k for k, ids in enumerate(part.statements) if not set(ids) & mine)
        for part, mine in zip(PARTS, off, strict=True)
    ]


def ids(several: list[list[str]]) -> set[str]:
    return {name for claims in several for name in claims}


def test_as_printed_no_part_with_a_conflict_holds_and_the_fewest_are_those_of_the_audit() -> None:
    found = whole(PARTS, EVERYTHING)
    assert found.status == "cannot"
    assert found.fewest == FOUND["fewest"]
    for one, part in zip(found.parts, FOUND["parts"], strict=True):
        assert one.fewest == part["fewest"]
        assert len(one.lit) == len(part["conflicts"])


def test_what_the_cohort_does_not_amend_holds_together() -> None:
    amended = set(FOUND["amended_by_cohort"])
    on = on_but(*[amended] * len(PARTS))
    assert sum(map(len, EVERYTHING)) - sum(map(len, on)) == FOUND["fewest"]
    assert whole(PARTS, on) == Whole(
        "can", False, 0, tuple(verdict(p, o) for p, o in zip(PARTS, on, strict=True))
    )
    assert presets(PARTS)["As this book reads it"] == tuple(
        every - mine for every, mine in zip(EVERYTHING, on, strict=True)
    )


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_every_repair_mends_its_part_and_an_undecided_one_is_not_called_one(number: int) -> None:
    part, found = PARTS[number], FOUND["parts"][number]
    nothing: list[set[str]] = [set()] * len(PARTS)
    for key, status in (("repairs", "can"), ("undecided_repairs", "unknown")):
        for repair in found[key]:
            off = [*nothing[:number], ids(repair), *nothing[number + 1 :]]
            mine = on_but(*off)[number]
            assert verdict(part, mine).status == status
            for k in EVERYTHING[number] - mine:  # one switch back
                assert verdict(part, mine | {k}).status != "can"


@pytest.mark.parametrize("number", range(len(PARTS)))
def test_a_conflict_alone_is_lit_and_less_is_known_only_if_it_is_minimal(number: int) -> None:
    part = PARTS[number]
    for i, written in enumerate(FOUND["parts"][number]["conflicts"]):
        conflict = part.conflicts[i]
        assert {name for k in conflict.statements for name in part.statements[k]} == ids(written["claims"])
        assert i in verdict(part, conflict.statements).lit
        for k in conflict.statements:
            less = verdict(part, conflict.statements - {k})
            assert i not in less.lit
            if written["minimal"]:
                assert less.status == "can"


def test_less_of_what_can_hold_can_and_more_of_what_cannot_cannot() -> None:
    draw = random.Random(5)
    for _ in range(200):
        part = draw.choice(PARTS)
        n = len(part.statements)
        some = frozenset(draw.sample(range(n), draw.randint(0, n)))
        more = some | frozenset(draw.sample(range(n), draw.randint(0, n)))
        assert (verdict(part, more).status, verdict(part, some).status) not in {
            ("can", "cannot"), ("can", "unknown"), ("unknown", "cannot"),
        }  # fmt: skip
        assert verdict(part, more).fewest >= verdict(part, some).fewest


def test_parts_that_hold_apart_are_not_said_to_hold_at_once() -> None:
    other = presets(PARTS)["Another smallest choice"]
    on = [every - off for every, off in zip(EVERYTHING, other, strict=True)]
    assert any(
        mine != every - (part.met or every)
        for mine, every, part in zip(other, EVERYTHING, PARTS, strict=True)
    )
    found = whole(PARTS, on)
    assert (found.status, found.apart) == ("unknown", True)
    (number,) = (k for k, part in enumerate(PARTS) if len(part.repairs) > 1)
    alone = [mine if k == number else frozenset[int]() for k, mine in enumerate(on)]
    assert whole(PARTS, alone).status == "can"
    assert whole(PARTS, [frozenset[int]()] * len(PARTS)).status == "can"


def document(name: str, conflicts: list[tuple[str, bool]], repairs: list[str], n: int = 5) -> dict[str, Any]:
    """Write a part whose statements are the letters a, b, …, each one claim."""
    return {
        "name": name,
        "statements": [{"printed": c, "claims": [{"id": c, "place": ""}]} for c in "abcdefgh"[:n]],
        "conflicts": [
            {"claims": [[c] for c in some], "minimal": sure, "proof": None} for some, sure in conflicts
        ],
        "repairs": [[[c] for c in some] for some in repairs],
    }


def letters(part: Part, some: str) -> Set:
    return frozenset(part.statements.index((c,)) for c in some)


def test_a_made_up_audit_by_hand() -> None:
    made_up = document("x", [("de", True), ("bcd", False)], ["d"])
    (part,) = read_parts({"amended_by_cohort": None, "parts": [made_up]})
    assert part.statements == (("d",), ("e",), ("b",), ("c",), ("a",))
    assert part.met is None
    expected = {
        "abcde": ("cannot", (0, 1), 1), "bcde": ("cannot", (0, 1), 1), "de": ("cannot", (0,), 1),
        "bcd": ("cannot", (1,), 1), "abce": ("can", (), 0), "d": ("can", (), 0), "e": ("can", (), 0),
        "": ("can", (), 0), "bd": ("unknown", (), 0), "ad": ("unknown", (), 0), "cd": ("unknown", (), 0),
    }  # fmt: skip
    for some, (status, lit, fewest) in expected.items():
        found = verdict(part, letters(part, some))
        assert (found.status, found.lit, found.fewest) == (status, lit, fewest), some
    assert list(presets([part])) == ["As printed", "A smallest choice", "Everything off"]
    assert presets([part])["A smallest choice"] == (letters(part, "d"),)


def test_fewest_of_what_is_on_against_every_choice() -> None:
    conflicts = ["ab", "bc", "cd", "de", "ae", "fgh", "bf"]
    made_up = document("x", [(c, True) for c in conflicts], [], n=8)
    (part,) = read_parts({"amended_by_cohort": None, "parts": [made_up]})
    for size in range(9):
        for on in itertools.combinations("abcdefgh", size):
            lit = [set(c) for c in conflicts if set(c) <= set(on)]
            choices = (
                n for n in range(9) for c in itertools.combinations(on, n) if all(set(c) & x for x in lit)
            )
            assert verdict(part, letters(part, "".join(on))).fewest == next(choices)


def test_page_data_fit_into_json_and_name_every_statement_and_reading() -> None:
    data = json.loads(json.dumps(page_data(FOUND, PARTS, STUDY.ledger, STUDY.cells)))
    for shown, part in zip(data["parts"], PARTS, strict=True):
        involved = {k for conflict in part.conflicts for k in conflict.statements}
        assert involved == set(range(len(involved)))  # first come those of conflicts
        for one, names in zip(shown["statements"], part.statements, strict=True):
            claims = [STUDY.ledger.claim(name) for name in names]
            assert one["printed"] == claims[0].printed
            assert one["claim"] == claims[0].id
            assert set(one["places"].split("; ")) == {claim.at for claim in claims}
            assert bool(one["reading"]) == any(claim.read_as for claim in claims)
            assert one["what"]
        assert len({(one["what"], one["printed"]) for one in shown["statements"][: len(involved)]}) == len(
            involved
        )
    assert [preset["name"] for preset in data["presets"]] == list(presets(PARTS))


def test_what_all_of_a_part_have_in_common_is_said_by_its_name() -> None:
    data = page_data(FOUND, PARTS, STUDY.ledger, STUDY.cells)
    said = {one["claim"]: one["what"] for part in data["parts"] for one in part["statements"]}
    assert said["supp2.high.rfs.nonresponder.2y"] == "Relapse-free survival at 24 months: high risk"
    assert said["fig1.os.nonresponder.2y"] == "Overall survival at 24 months: NGS MRD non-responder"
    assert said["fig2.rfs.p"].endswith("HSCT against no HSCT; landmark 4.1 months")
    assert data["parts"][1]["name"] == "NGS MRD non-responder, 13 patients"


def test_still_tables_show_every_conflict_with_links_to_its_claims() -> None:
    for found, part in zip(conflict_tables(PARTS, STUDY.ledger), FOUND["parts"], strict=True):
        rows = BeautifulSoup(str(found), "html.parser").select("tbody tr")
        assert len(rows) == len(part["conflicts"])
        for row, conflict in zip(rows, part["conflicts"], strict=True):
            assert {a["data-claim"] for a in row.find_all("a")} == {
                claims[0] for claims in conflict["claims"]
            }
            assert all(a["href"].endswith(f"#claim-{a['data-claim']}") for a in row.find_all("a"))
            assert (conflict["proof"] or "A solver proves") in row.td.get_text()
            assert ("not proven" in row.td.get_text()) != conflict["minimal"]


def test_an_audit_of_another_ledger_and_a_fresh_proof_of_each_verdict() -> None:
    ledger = Ledger.model_validate({
        "study": {"title": "made up", "patients": 12,
                  "time": {"unit": "weeks", "resolution": 0.1, "min": 0.1, "max": 89.9}},
        "attributes": {"arm": {"levels": ["a", "b"]}},
        "endpoints": {"os": {"time": "os_t", "event": "os_e"}},
        "claims": [{"at": "x", "where": {"arm": "a"}} | claim for claim in (
            {"id": "n", "count_percent": "5 (41)"},
            {"id": "rate", "survival": "40%", "endpoint": "os", "month": 24},
            {"id": "median", "median_survival": "30 weeks", "endpoint": "os"},
            {"id": "late", "survival": "20%", "endpoint": "os", "month": 40},
        )],
    })  # fmt: skip
    parts = read_parts(to_json(audit(ledger, settings=Settings(seconds=5))))
    names = sorted(names[0] for part in parts for names in part.statements)
    assert names == ["late", "median", "n", "rate"]
    seen = set()
    for size in range(1, 5):
        for some in itertools.combinations(names, size):
            on = [frozenset(k for k, c in enumerate(p.statements) if set(c) & set(some)) for p in parts]
            found = whole(parts, on)
            fresh = audit(ledger, settings=Settings(seconds=5), only=some)
            holds = not any(finding.conflicts for finding in fresh.findings)
            assert found.status in ({"can", "unknown"} if holds else {"cannot"}), some
            assert found.fewest == fresh.fewest
            seen.add(found.status)
    assert seen >= {"can", "cannot"}


def test_a_reader_meets_survival_before_counts() -> None:
    """The audit starts with what takes it least time, the tables."""
    names = [part["name"] for part in FOUND["parts"]]
    assert names[0] == "tables"
    ordered = survival_first(FOUND, STUDY.ledger)
    assert [part["name"] for part in ordered["parts"]] == [*names[1:], "tables"]
    assert {**ordered, "parts": FOUND["parts"]} == FOUND


def test_the_first_step_names_the_statement_that_puts_out_most_lights() -> None:
    ordered = read_parts(survival_first(FOUND, STUDY.ledger))
    said = first_step(ordered, STUDY.ledger)
    first = ordered[0]
    lights = list(enumerate(first.conflicts, 1))
    counts = {k: [i for i, c in lights if k in c.statements] for k in range(len(first.statements))}
    most = max(map(len, counts.values()))
    best = next(k for k, lit in counts.items() if len(lit) == most)
    assert f"turn off “{STUDY.ledger.claim(first.statements[best][0]).printed}” (" in said
    for light in counts[best]:
        assert str(light) in said.rsplit("light", 1)[1]
    everything = frozenset(range(len(first.statements)))
    left = verdict(first, everything - {best}).lit
    assert len(left) == len(first.conflicts) - most


def test_each_choice_says_what_it_does() -> None:
    assert set(presets(PARTS)) <= set(PRESETS)
    hints = [one["hint"] for one in page_data(FOUND, PARTS, STUDY.ledger, STUDY.cells)["presets"]]
    assert hints == [f"{name}: {PRESETS[name]}" for name in presets(PARTS)]
