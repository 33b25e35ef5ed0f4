"""No printed number is forgotten, and none is invented.

`printed_numbers.csv` holds the number tokens of the paper, from its first paragraph to its last
table, in reading order: numerals, number words and "not reached", bare, with their place. Ordinals,
the author list and the reference list are left out. Each token either names the claims that cover
it (two where one phrase speaks of two groups) or says why it is not a number about these patients.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from recohort.cohort import columns
from recohort.ledger import Attribute, Claim, Ledger, load

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
TOKENS = Path(__file__).with_name("printed_numbers.csv")
DICTIONARY = ROOT / "data" / "README.md"

ONES = "one|two|three|four|five|six|seven|eight|nine"
WORDS = rf"(?:twenty|thirty|forty|fifty)(?:-(?:{ONES}))?|{ONES}|ten|eleven|twelve"
NUMBER = re.compile(rf"not reached|\b(?:{WORDS})\b|[<>]?\d+(?:\.\d+)?", re.IGNORECASE)

# Why a token needs no claim, and what such a token can look like: a rate or a count
# cannot be excused as the "2" of "2-year".
REASONS = {
    "exhibit": r"[12]",  # number of a table or figure
    "reference": r"[1-9]|1[0-3]",  # the paper has thirteen
    "horizon": r"[25]",  # the "2" of a two-year rate
    "name": r"[1-4]|53",  # CR1 to CR4, KMT2A, TP53
    "cut-off": r"[<≥][\d.]+|[<≥]?10\^-\d|0\.0001",  # limits of MRD classes and of age
    "unit": r"10\^9",
    "label": r"[0126]",  # ECOG 0 to 2, the "1" of cycle 1, colours of an assay
    "wording": r"1|One",
    "other-study": r"30",
}


@dataclass(frozen=True)
class Token:
    """One number of the paper where it stands."""

    place: str
    token: str
    position: int
    claims: tuple[str, ...]
    reason: str


def read_tokens() -> list[Token]:
    with TOKENS.open(encoding="utf-8", newline="") as file:
        return [
            Token(
                row["place"], row["token"], int(row["position"]), tuple(row["claim"].split()), row["reason"]
            )
            for row in csv.DictReader(file)
        ]


def find_gaps(tokens: Sequence[Token], claims: Sequence[Claim]) -> list[str]:
    """Everything that keeps tokens and claims from matching one to one; empty if complete."""
    known = {claim.id: claim for claim in claims}
    covered: dict[str, list[str]] = {claim.id: [] for claim in claims}
    gaps: list[str] = []
    for expected, token in enumerate(tokens, start=1):
        name = f"token {token.position} ({token.token!r}, {token.place})"
        if token.position != expected:
            gaps.append(f"{name}: expected position {expected}")
        if not token.claims and not re.fullmatch(REASONS.get(token.reason, "(?!)"), token.token):
            gaps.append(f"{name}: no claim covers it, and reason {token.reason!r} does not excuse it")
        if token.claims and token.reason:
            gaps.append(f"{name}: has a claim and a reason for none")
        for claim_id in token.claims:
            if claim_id not in known:
                gaps.append(f"{name}: there is no claim {claim_id!r}")
                continue
            covered[claim_id].append(token.token)
            if known[claim_id].at != token.place:
                gaps.append(f"{name}: claim {claim_id} stands at {known[claim_id].at!r}")
    for claim in claims:
        printed = NUMBER.findall(claim.printed)
        if covered[claim.id] != printed:
            gaps.append(
                f"claim {claim.id}: prints {printed}, but the paper's tokens give {covered[claim.id]}"
            )
    return gaps


@pytest.fixture(scope="module")
def ledger() -> Ledger:
    return load(ROOT / "data" / "claims.yaml")


@pytest.fixture(scope="module")
def tokens() -> list[Token]:
    return read_tokens()


def test_every_printed_number_has_its_claim_and_every_claim_its_numbers(
    tokens: list[Token], ledger: Ledger
) -> None:
    assert find_gaps(tokens, ledger.claims) == []


def test_ledger_is_ordered_as_the_paper_is(tokens: list[Token], ledger: Ledger) -> None:
    read = list(dict.fromkeys(claim for token in tokens for claim in token.claims))
    assert read == [claim.id for claim in ledger.claims]


def test_parser_reads_every_number_of_a_claim(ledger: Ledger) -> None:
    for claim in ledger.claims:
        if claim.kind != "context":  # a context may hold a word or a date that is not parsed
            assert [number.text for number in claim.numbers] == NUMBER.findall(claim.printed), claim.id


def test_every_omission_of_a_token_is_noticed(tokens: list[Token], ledger: Ledger) -> None:
    for index in range(len(tokens)):
        left = tokens[:index] + tokens[index + 1 :]
        assert find_gaps(left, ledger.claims) or index == len(tokens) - 1
        if tokens[index].claims:  # also when the rest is numbered anew
            anew = [replace(token, position=number) for number, token in enumerate(left, start=1)]
            assert find_gaps(anew, ledger.claims), tokens[index]


def test_every_omission_of_a_claim_is_noticed(tokens: list[Token], ledger: Ledger) -> None:
    for index, claim in enumerate(ledger.claims):
        assert find_gaps(tokens, ledger.claims[:index] + ledger.claims[index + 1 :]), claim.id


def test_no_covered_number_but_a_label_look_alike_can_lose_its_claim(
    tokens: list[Token], ledger: Ledger
) -> None:
    for index, token in enumerate(tokens):
        if token.claims:
            for reason in ("", "label", "other-study"):
                bare = [*tokens]
                bare[index] = replace(token, claims=(), reason=reason)
                assert find_gaps(bare, ledger.claims), token


@pytest.mark.parametrize(
    "change",
    [
        {"token": "74"},
        {"place": "Table 1"},
        {"claims": ("no.such.claim",)},
        {"reason": "label"},
        {"position": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_wrong_token_is_noticed(tokens: list[Token], ledger: Ledger, change: dict[str, object]) -> None:
    index = next(i for i, token in enumerate(tokens) if token.claims == ("fig1.rfs.responder.2y",))
    wrong = [*tokens]
    wrong[index] = replace(tokens[index], **change)  # type: ignore[arg-type]
    assert find_gaps(wrong, ledger.claims)


def test_a_changed_print_is_noticed(tokens: list[Token], ledger: Ledger) -> None:
    """Shift the last number of each claim by one in its last digit."""
    for index, claim in enumerate(ledger.claims):
        last = NUMBER.findall(claim.printed)[-1]
        if not last[-1].isdigit():
            continue
        shifted = last[:-1] + str((int(last[-1]) + 1) % 10)
        text = shifted.join(claim.printed.rsplit(last, 1))
        changed = [*ledger.claims]
        changed[index] = claim.model_copy(update={claim.kind: text})
        assert find_gaps(tokens, changed), claim.id


def dictionary_rows(ledger: Ledger) -> list[str]:
    """Rows of the data dictionary, one per column of a cohort file."""
    scale = ledger.study.time
    prefix, last = ledger.study.patient_prefix, ledger.study.patients
    rows = {
        "patient": f"{prefix}01 to {prefix}{last} | number of the row; it stands for nobody | everyone",
        "source": "reconstructed | says in every row that this is no real patient | everyone",
    }
    for endpoint in ledger.endpoints.values():
        values = number_range(scale.min, scale.max, scale.unit, scale.decimals)
        rows[endpoint.time] = f"{values} | {endpoint.label}: time to the event or the last contact | everyone"
        rows[endpoint.event] = f"0 = no; 1 = yes | {endpoint.label}: that time ended with an event | everyone"
    rows |= {name: attribute_row(attribute) for name, attribute in ledger.attributes.items()}
    return [f"| `{name}` | {rows[name]} |" for name in columns(ledger)]


def attribute_row(attribute: Attribute) -> str:
    if attribute.number is not None:
        spec = attribute.number
        values = number_range(spec.min, spec.max, spec.unit, spec.decimals)
    else:
        labels = attribute.level_labels
        values = "; ".join(
            f"{level} = {labels[level]}" if level in labels else str(level)
            for level in attribute.levels or ()
        )
    who = ", ".join(f"`{name}` {test}" for name, test in attribute.where.tests) or "everyone"
    return f"{values} | {attribute.meaning} | {who}{', or empty' if attribute.may_be_empty else ''}"


def number_range(low: float, high: float, unit: str, decimals: int) -> str:
    return f"{low:g} to {high:g} {unit}, {f'{decimals} decimal' if decimals else 'whole numbers'}"


def test_data_dictionary_follows_the_ledger(ledger: Ledger) -> None:
    lines = DICTIONARY.read_text(encoding="utf-8").splitlines()
    expected = dictionary_rows(ledger)
    assert [line for line in lines if line.startswith("| `")] == expected, "\n".join(expected)
