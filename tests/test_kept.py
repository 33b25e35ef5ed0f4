"""Finished pieces of long work on disk. Oracle: what was put there."""

from __future__ import annotations

from pathlib import Path

import pytest

from recohort.ledger import Ledger
from recohort.solve.kept import Kept, fingerprint
from recohort.solve.statements import Finding, Statement

LEDGER = Ledger.model_validate(
    {
        "study": {
            "title": "made up",
            "patients": 9,
            "time": {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 89.9},
        },
        "attributes": {"arm": {"levels": ["a", "b"]}},
        "claims": [{"id": f"c{n}", "at": "nowhere", "count": str(n), "where": {"arm": "a"}} for n in (4, 5)],
    }
)
STATED = tuple(Statement((claim,)) for claim in LEDGER.claims)


@pytest.fixture
def found() -> Finding:
    return Finding("tables", STATED, ((0, 1),), (True,), ((0,), (1,)), 1, True, questions=3, sizes=(9, None))


def test_gives_back_what_was_put_there(tmp_path: Path, found: Finding) -> None:
    kept = Kept(tmp_path / "kept", "this work")
    assert kept.load("own", LEDGER) is None
    kept.save("own", [found, found])
    assert kept.load("own", LEDGER) == (found, found)
    assert kept.load("other", LEDGER) is None


def test_of_other_work_or_damaged_is_not_used_and_replaced(tmp_path: Path, found: Finding) -> None:
    kept = Kept(tmp_path, "this work")
    kept.save("own", [found])
    assert Kept(tmp_path, "other work").load("own", LEDGER) is None
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-20])
    assert kept.load("own", LEDGER) is None
    kept.save("own", [found])
    assert kept.load("own", LEDGER) == (found,)


def test_clears_its_own_files_only(tmp_path: Path, found: Finding) -> None:
    kept = Kept(tmp_path / "kept", "this work")
    kept.clear()
    kept.save("own", [found])
    (kept.path / "notes.txt").write_text("mine", "utf-8")
    kept.clear()
    assert [file.name for file in kept.path.iterdir()] == ["notes.txt"]
    (kept.path / "notes.txt").unlink()
    kept.clear()
    assert not kept.path.exists()


def test_work_is_named_by_all_that_it_rests_on() -> None:
    assert fingerprint("a", 1) == fingerprint("a", 1)
    assert len({fingerprint("a", 1), fingerprint("a", 2), fingerprint("b", 1)}) == 3
