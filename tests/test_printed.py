"""Tests of recohort.printed: which numbers a printed string stands for."""

import math
import time
from decimal import ROUND_DOWN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recohort.printed import KINDS, ROUNDINGS, Interval, Number, PrintedError, parse, unround

INF = math.inf
values = st.floats(0, 500, allow_nan=False)
decimals = st.integers(0, 6)


def parts(kind, text):
    """Return what `parse` finds, as {part: value}, in the order printed."""
    return {number.part: number.value for number in parse(kind, text)}


def only(kind, text):
    (number,) = parse(kind, text)
    return number


# --- intervals --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rounding", "interval"),
    [
        ("73", "half-up", Interval(72.5, 73.5)),
        ("73", "truncated", Interval(73, 74, high_closed=False)),
        ("0.30", "half-up", Interval(0.295, 0.305)),
        ("0.3", "half-up", Interval(0.25, 0.35)),
        ("0.30", "truncated", Interval(0.30, 0.31, high_closed=False)),
        ("1,234", "half-up", Interval(1233.5, 1234.5)),
        ("0", "half-up", Interval(-0.5, 0.5)),
    ],
)
def test_unround(text, rounding, interval):
    assert unround(text, rounding) == interval


@given(values, decimals)
def test_a_rounded_number_stands_for_where_it_came_from(value, places):
    assert value in unround(f"{value:.{places}f}")


@given(values, decimals)
def test_a_truncated_number_stands_for_where_it_came_from(value, places):
    text = str(Decimal(value).quantize(Decimal(1).scaleb(-places), rounding=ROUND_DOWN))
    interval = unround(text, "truncated")
    # within the slack below the next unit a number cannot be told from that unit
    assert value in interval or 0 <= interval.high - value < 2e-9


@given(values, decimals, st.sampled_from(ROUNDINGS))
def test_an_interval_prints_as_the_string_it_came_from(value, places, rounding):
    """The middle of the interval, shortened by the same rule, gives the string back."""
    text = f"{value:.{places}f}"
    interval = unround(text, rounding)
    middle = Decimal(interval.low) / 2 + Decimal(interval.high) / 2
    unit = Decimal(1).scaleb(-places)
    again = middle.quantize(unit) if rounding == "half-up" else middle.quantize(unit, rounding=ROUND_DOWN)
    assert str(again) == text


@given(values, decimals, st.sampled_from(ROUNDINGS))
def test_an_interval_is_one_unit_wide(value, places, rounding):
    interval = unround(f"{value:.{places}f}", rounding)
    assert interval.high - interval.low == pytest.approx(10.0**-places)


def test_an_exact_half_may_go_either_way():
    for text in ("72", "73"):
        assert 100 * 0.725 in unround(text)  # 72.5 but for the last bit
    assert 72.5 + 1e-12 in unround("72")
    assert 0.145 in unround("0.14")
    assert 0.145 in unround("0.15")


def test_open_ends_stay_out_in_spite_of_rounding_error():
    truncated = unround("73", "truncated")
    assert 73 - 1e-12 in truncated
    assert 74 - 1e-12 not in truncated
    assert 73.999 in truncated
    above = only("p_value", ">0.99").interval()
    assert 0.99 + 1e-12 not in above
    assert 1.0 in above


def test_a_closed_end_is_not_wider_than_its_slack():
    assert 73.5 + 1e-8 not in unround("73")
    assert 72.5 - 1e-8 not in unround("73")


def test_nothing_holds_not_a_number():
    for interval in (unround("73"), Interval(INF, INF)):
        assert not interval.__contains__(math.nan)


def test_not_reached_is_infinite():
    interval = only("median_survival", "not reached").interval()
    assert interval == Interval(INF, INF)
    assert INF in interval
    assert 1e300 not in interval


def test_intervals_can_be_shown():
    assert str(unround("73", "truncated")) == "[73, 74)"
    assert str(only("p_value", ">0.99").interval()) == "(0.99, 1]"


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("0.03", Interval(0.025, 0.035)),
        ("P = .03", Interval(0.025, 0.035)),
        (">0.99", Interval(0.99, 1, low_closed=False)),
        ("> 0.99", Interval(0.99, 1, low_closed=False)),
        ("<0.001", Interval(0, 0.001, high_closed=False)),
        ("p<0.001", Interval(0, 0.001, high_closed=False)),
        ("≤0.05", Interval(0, 0.05)),
        ("1.0", Interval(0.95, 1)),
        ("0.00", Interval(0, 0.005)),
    ],
)
def test_p_values(text, interval):
    assert only("p_value", text).interval() == interval


@pytest.mark.parametrize(
    ("kind", "text", "rounding", "interval"),
    [
        ("survival", "100%", "half-up", Interval(99.5, 100)),
        ("survival", "100%", "truncated", Interval(100, 100)),
        ("percent", "0%", "half-up", Interval(0, 0.5)),
        ("count", "12", "truncated", Interval(12, 12)),
        ("count", "Twenty-six", "half-up", Interval(26, 26)),
    ],
)
def test_intervals_keep_to_what_is_possible(kind, text, rounding, interval):
    assert only(kind, text).interval(rounding) == interval


# --- strings ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("count", "38", {"count": 38}),
        ("count", "N=38", {"count": 38}),
        ("count", "Two", {"count": 2}),
        ("count", "1,234 patients", {"count": 1234}),
        ("count", "7 of 32", {"count": 7, "denominator": 32}),
        ("percent", "68%", {"percent": 68}),
        ("percent", "68", {"percent": 68}),
        ("count_percent", "12 (32)", {"count": 12, "percent": 32}),
        ("count_percent", "0 (0)", {"count": 0, "percent": 0}),
        ("count_percent", "22/32 (69)", {"count": 22, "denominator": 32, "percent": 69}),
        ("count_percent", "12/12 (100)", {"count": 12, "denominator": 12, "percent": 100}),
        ("count_percent", "Twenty-six patients (68%)", {"count": 26, "percent": 68}),
        (
            "count_percent",
            "twelve of the thirty-eight (32%)",
            {"count": 12, "denominator": 38, "percent": 32},
        ),
        ("count_percent", "92% [11/12 patients]", {"percent": 92, "count": 11, "denominator": 12}),
        ("count_percent", "21 [55%]", {"count": 21, "percent": 55}),
        ("count_percent", "7 of 32 [21%] patients", {"count": 7, "denominator": 32, "percent": 21}),
        ("count_percent", "14 (53.8 %)", {"count": 14, "percent": 53.8}),
        ("median", "2.8 months", {"median": 2.8}),
        ("range", "1.8-4.1", {"low": 1.8, "high": 4.1}),
        ("range", "1.8–4.1 months", {"low": 1.8, "high": 4.1}),
        ("range", "18 to 72 years", {"low": 18, "high": 72}),
        ("median_range", "34 [18-72]", {"median": 34, "low": 18, "high": 72}),
        ("median_range", "2.8 months (range, 1.8-4.1 months)", {"median": 2.8, "low": 1.8, "high": 4.1}),
        ("median_range", "34 years (range: 18 – 72)", {"median": 34, "low": 18, "high": 72}),
        ("survival", "73%", {"rate": 73}),
        ("survival", "73·4%", {"rate": 73.4}),
        ("median_survival", "not reached", {"median": INF}),
        ("median_survival", "NR", {"median": INF}),
        ("median_survival", "23 weeks", {"median": 23}),
        ("p_value", "0.15", {"p": 0.15}),
        ("follow_up", "22.2 months", {"months": 22.2}),
        ("follow_up", "not reached", {"months": INF}),
        ("context", "100", {"context": 100}),
        ("context", "ahead of print", {}),
    ],
)
def test_printed_forms(kind, text, expected):
    found = parts(kind, text)
    assert found == expected
    assert list(found) == list(expected)  # in the order printed


def test_the_text_keeps_its_precision():
    assert only("p_value", "P<0.0010") == Number("<0.0010", 0.001, 4, "p")
    assert only("survival", "73.0%") == Number("73.0", 73.0, 1, "rate")
    assert only("count", " Twenty‑six  patients ") == Number("Twenty-six", 26.0, 0, "count")


def test_a_context_keeps_every_number():
    assert [number.value for number in parse("context", "July 2015 to October 2023")] == [2015, 2023]


def test_every_number_word_is_read():
    ones = ["", "-one", "-two", "-three", "-four", "-five", "-six", "-seven", "-eight", "-nine"]
    tens = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
    words = [ten + one for ten in tens for one in ones]
    assert [only("count", word.title()).value for word in words] == list(range(20, 100))
    teens = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    assert [only("count", word.upper()).value for word in teens.split()] == list(range(16))


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        ("count", "-3", "expected something like"),
        ("count", "12.5", "expected something like"),
        ("count", "", "expected something like"),
        ("count", "twenty-zero", "expected something like"),
        ("count", "9" * 10, "expected something like"),
        ("count", "١٢", "expected something like"),
        ("count", "5 of 4", "the count exceeds"),
        ("count", "0 of 0", "out of 0"),
        ("count_percent", "13/12 (99)", "the count exceeds"),
        ("count_percent", "12 (320)", "cannot exceed 100"),
        ("count_percent", "12 (32]", r"opens with \( and closes with \]"),
        ("count_percent", "12, 32", "expected something like"),
        ("percent", "101%", "cannot exceed 100"),
        ("percent", "0.68", "proportion or a percentage"),
        ("survival", "100.1%", "cannot exceed 100"),
        ("survival", "-5%", "expected something like"),
        ("median", "nan", "expected something like"),
        ("median", "1e5", "expected something like"),
        ("median", "1.1234567", "more than 6 decimals"),
        ("range", "4.1-1.8", "runs backwards"),
        ("median_range", "80 [18-72]", "outside its range"),
        ("median_survival", "inf", "expected something like"),
        ("p_value", "1.2", "between 0 and 1"),
        ("p_value", ">1", "between 0 and 1"),
        ("p_value", "<0", "between 0 and 1"),
        ("p_value", "0.1 0.2", "expected something like"),
        ("context", "9" * 201, "201 characters"),
        ("mean", "3", "unknown: use one of count"),
    ],
)
def test_nonsense_is_refused(kind, text, says):
    with pytest.raises(PrintedError, match=says):
        parse(kind, text)


def test_numbers_without_quotes_are_refused():
    with pytest.raises(PrintedError, match="quote it as printed"):
        parse("survival", 73)


def test_an_unknown_rounding_is_refused():
    with pytest.raises(PrintedError, match="half-up, truncated"):
        unround("73", "down")
    with pytest.raises(PrintedError, match="half-up, truncated"):
        only("survival", "73%").interval("down")


@pytest.mark.parametrize("text", ["not reached", "<0.05", "73%", ""])
def test_only_plain_numbers_are_unrounded(text):
    with pytest.raises(PrintedError, match="plain number"):
        unround(text)


@given(st.sampled_from(KINDS), st.text(max_size=250))
def test_any_text_is_read_or_refused_in_one_short_line(kind, text):
    try:
        numbers = parse(kind, text)
    except PrintedError as error:
        message = str(error)
        assert len(message.splitlines()) == 1
        assert len(message) < 200
        message.encode("utf-8")
    else:
        for number in numbers:
            assert number.value >= 0
            if number.part != "context" and number.text[0] not in "<>":
                assert number.value in number.interval()


@given(st.sampled_from(KINDS), st.text(alphabet="0123456789 ()[]%/.,-<>ofrange", max_size=60))
def test_near_misses_are_read_or_refused(kind, text):
    try:
        parse(kind, text)
    except PrintedError:
        return


@pytest.mark.parametrize("piece", ["1", "1,", "1 ", " ", "(", "one-", "1-", "not ", "1.1", "1/", "range "])
def test_hostile_strings_take_no_time(piece):
    text = (piece * 200)[:199] + "!"
    start = time.process_time()
    for kind in KINDS:
        try:
            parse(kind, text)
        except PrintedError:
            continue
    assert time.process_time() - start < 0.1
