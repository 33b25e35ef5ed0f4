"""Proofs in words. Oracle: examples worked by hand; and the solver, which knows none of these reasons."""

from __future__ import annotations

import random
from typing import Any

import pytest

from recohort.exhibits.proofs import Remaining, proof, remaining
from recohort.ledger import Ledger
from recohort.solve.audit import audit
from recohort.solve.instance import Settings


def _ledger(claims: list[dict[str, Any]], patients: int = 9) -> Ledger:
    return Ledger.model_validate(
        {
            "study": {"title": "made up", "patients": patients,
                      "time": {"unit": "months", "resolution": 0.1, "min": 0.1, "max": 89.9}},
            "attributes": {"arm": {"levels": ["a", "b"]}, "sex": {"levels": ["f", "m"]},
                           "site": {"levels": ["x", "y"]}},
            "endpoints": {"rfs": {"time": "rfs_t", "event": "rfs_e", "not_after": "os"},
                          "os": {"time": "t", "event": "e"}},
            "claims": [{"id": f"c{i}", "at": "nowhere"} | claim for i, claim in enumerate(claims)],
        }
    )  # fmt: skip


def _rate(printed: str, **where: str) -> dict[str, Any]:
    """Of patients at site x, so that no curve is that of the whole cohort."""
    return {"survival": printed, "endpoint": "os", "month": 24, "where": {"site": "x"} | where}


def _proof(ledger: Ledger, sizes: dict[str, int]) -> str | None:
    return proof(ledger.claims, ledger, [sizes.get(claim.id) for claim in ledger.claims])


def test_too_many_events_by_hand() -> None:
    """A third of four takes two deaths (at 3 and 2 at risk); twice makes four. 80% leaves room for one."""
    claims = [_rate("33%", arm="a"), _rate("33%", arm="b"), _rate("80%", sex="f")]
    six, sizes = {"count": "6", "where": {"sex": "f", "site": "x"}}, {"c0": 4, "c1": 4, "c2": 6, "c3": 6}
    assert _proof(_ledger([*claims, six]), sizes) == (
        "33% of 4 takes at least 2 and 33% of 4 takes at least 2: 4 events in all. 80% of 6 leaves room for "
        "1, and only 2 of the 8 are not among these 6: 3 at most."
    )
    five = {"count": "5", "where": {"sex": "f", "site": "x"}}
    assert _proof(_ledger([*claims, five]), sizes | {"c2": 5, "c3": 5}) is None  # three outside: four deaths


def test_one_outside_by_hand() -> None:
    """Of five, 40% at two years; the four women never come down to one half, so the man died.

    Kindest to the women is that 40% comes from deaths at 5, 4 and 3 at risk, one of them the man's: 1/2 at
    best, which is not more than one half; and another one would have to die.
    """
    claims = [
        _rate("40%"),
        {"median_survival": "not reached", "endpoint": "os", "where": {"sex": "f", "site": "x"}},
        {"median_survival": "30 months", "endpoint": "os", "where": {"arm": "a", "site": "x"}},
    ]
    sizes = {"c0": 5, "c1": 4, "c2": 3}
    words = _proof(_ledger(claims), sizes)
    assert words is not None
    assert words.startswith("40% of 5 is below one half. The 4 of them whose median is not reached never are")
    early = [*claims[:2], claims[2] | {"median_survival": "20 months"}]
    assert _proof(_ledger(early), sizes) is None
    assert _proof(_ledger(claims), sizes | {"c0": 6}) is None


NOBODY = {"survival": "100%", "endpoint": "rfs", "month": 24, "where": {"site": "x", "arm": "a"}}
TWO = {"count": "2", "where": {"site": "x", "arm": "a", "sex": "f"}}


def test_none_among_others_by_hand() -> None:
    """Two women of arm a had no event; so the death at 5 women at risk was in arm b, with 3 women at risk.

    Arm b has four patients. A quarter of them takes three deaths, but only one man could die besides. A half
    is 3/4 × 2/3: first the woman died, then the man, of three. (Or it is 1/2, too late for her.) A third is
    2/3 × 1/2: if she died with 3 at risk, these were the women, and the man was gone.
    """
    begin = (
        "100% of 3 for rfs means that none of these had an event. 80% of 5 has one history: an event with 5"
        " at risk. At most 2 of those at risk were among the 3, so at least 3 of the 4 others were, and that"
        " event was theirs. Besides, only 1 of the 4, not among the 5, can have had one, and were at risk"
        " until then."
    )
    ends = {
        "25%": "Every way to 25% of 4 takes more than 2 events.",
        "33%": "Of the 1 way to 33% of 4, 1 take at most 2 events (with 3, 2 at risk); in none were enough at"
        " risk at that event.",
        "50%": None,
    }
    for printed, end in ends.items():
        ledger = _ledger([NOBODY, _rate(printed, arm="b"), _rate("80%", sex="f"), TWO])
        assert proof(ledger.claims[:3], ledger, [3, 4, 5]) == (end and f"{begin} {end}")


@pytest.mark.parametrize("seed", range(3))
def test_what_words_prove_of_two_endpoints_the_solver_proves_too(seed: int) -> None:
    """Oracle: the solver, on both endpoints, with the same numbers of patients."""
    rng = random.Random(seed)
    proven = 0
    while proven < 3:
        n_a, n_b = rng.randint(2, 5), rng.randint(2, 5)
        women_a, women_b = rng.randint(1, n_a), rng.randint(1, n_b)
        n_f = women_a + women_b
        claims = [NOBODY] + [
            _rate(f"{round(100 * rng.randint(1, k) / k)}%", **where)
            for k, where in ((n_b, {"arm": "b"}), (n_f, {"sex": "f"}))
        ]
        counts = [
            {"count": str(k), "where": {"site": "x"} | where}
            for k, where in ((n_a, {"arm": "a"}), (n_b, {"arm": "b"}), (n_f, {"sex": "f"}),
                             (women_a, {"arm": "a", "sex": "f"}))
        ]  # fmt: skip
        ledger = _ledger([*claims, *counts], n_a + n_b + 1)
        if proof(ledger.claims[:3], ledger, [n_a, n_b, n_f]) is not None:
            assert audit(ledger, settings=Settings(seconds=20), changes=False).fewest >= 1, (claims, counts)
            proven += 1


@pytest.mark.parametrize("seed", range(12))
def test_what_words_prove_the_solver_proves_too(seed: int) -> None:
    """Groups and rates at random, until a few sentences were written."""
    rng = random.Random(seed)
    proven = 0
    while proven < 3:
        n_a, n_b = rng.randint(2, 5), rng.randint(2, 5)
        n = n_a + n_b
        n_f = rng.randint(n - 2, n - 1)
        rates = [f"{round(100 * rng.randint(1, k) / k)}%" for k in (n_a, n_b, n_f, n)]
        groups: tuple[dict[str, str], ...] = ({"arm": "a"}, {"arm": "b"}, {"sex": "f"}, {})
        counts = [{"count": str(k), "where": {"site": "x"} | where}
                  for k, where in zip((n_a, n_b, n_f, n), groups, strict=True)]  # fmt: skip
        four = [*(_rate(rate, **where) for rate, where in zip(rates[:3], groups, strict=False)), counts[2]]
        later = rng.choice(["25 months", "40 months"])
        three = [_rate(rates[3]), *(
            {"median_survival": median, "endpoint": "os", "where": {"site": "x"} | where}
            for median, where in (("not reached", groups[2]), (later, groups[0]))
        )]  # fmt: skip
        for claims, sizes in (
            (four, {"c0": n_a, "c1": n_b, "c2": n_f, "c3": n_f}),
            (three, {"c0": n, "c1": n_f, "c2": n_a}),
        ):
            if _proof(_ledger(claims), sizes) is not None:
                found = audit(
                    _ledger([*claims, *counts], n + 1), settings=Settings(seconds=20), changes=False
                )
                assert found.fewest >= 1, (claims, counts)
                proven += 1


def test_histories_that_remain() -> None:
    claims = _ledger([_rate("27%"), _rate("50%"), {"p_value": "0.5", "endpoint": "os",
                      "groups": [{"arm": "a"}, {"arm": "b"}]}]).claims  # fmt: skip
    rows = remaining([(claims[0], 5), (claims[1], None), (claims[2], None)])
    assert rows == (Remaining("c0", 5, 1, ((5, 3, 2),)),)  # 4/5 × 2/3 × 1/2, and no other product
