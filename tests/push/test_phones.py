"""Phone numbers as spreadsheets leave them: restored without guessing, or refused by name."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from squadiq.push.phones import restored
from squadiq.push.rows import RowError

NUMBER = "+919876543210"


@pytest.mark.parametrize(
    "value",
    [
        "9876543210",
        NUMBER,
        "9876543210.0",
        "'9876543210",
        '="9876543210"',
        "98765-43210 ",
        "9876543210/9876543210",
        "9876543210, +91 98765 43210",
        "9876543210 or 09876543210",
        "+91+919876543210",
        "91919876543210",
        "+91 91 98765 43210",
        "00919876543210",
        "+9109876543210",
        "+ 9876543210",
        "09876543210",
        "９８７６５４３２１０",
        "＋９１９８７６５４３２１０",
        "९८७६५४३२१०",
        "\ufeff9876543210",
        9876543210,
        9876543210.0,
        919876543210.0,
    ],
)
def test_what_can_be_restored_without_guessing_is(value: object) -> None:
    assert restored(value) == NUMBER


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("9.87654E+09", "phone_number_lost_digits"),
        ("9,87654E+09", "phone_number_lost_digits"),
        ("'9.9E+9", "phone_number_lost_digits"),
        ("9876543210/8876543210", "phone_number_several"),
        ("9876543210/11", "phone_number_several"),
        ("987654321²", "phone_number_invalid"),
        ("987654321", "phone_number_invalid"),
        ("98765432101", "phone_number_invalid"),
        ("+1 212 555 0100", "phone_number_invalid"),
        ("none", "phone_number_invalid"),
        (9876543210.5, "phone_number_invalid"),
        (float("inf"), "phone_number_invalid"),
        (True, "phone_number_invalid"),
        ("", "phone_number_missing"),
        ("'", "phone_number_missing"),
        (None, "phone_number_missing"),
        (float("nan"), "phone_number_missing"),
        ("5555555555", "phone_number_unknown_series"),
        ("0555 555 5555", "phone_number_unknown_series"),
    ],
)
def test_what_cannot_be_is_refused_by_a_code(value: object, code: str) -> None:
    with pytest.raises(RowError) as refused:
        restored(value)
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["5555555555", "+91 55555 55555", "05555555555", "５５５５５５５５５５"])
def test_a_possible_number_of_an_unknown_series_is_let_through_if_told(text: str) -> None:
    assert restored(text, accept_possible=True) == "+915555555555"


ODD = (
    st.text(st.sampled_from("0123456789 +-.,/;()'\"=eE91\n０９१²\u200b\xa0ord"))
    | st.text()
    | st.integers()
    | st.floats()
)


def digits_of(value: object) -> str:
    text = f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
    return "".join(str(unicodedata.decimal(each)) for each in text if each.isdecimal())


@given(value=ODD, accept=st.booleans())
@example(value="9876543210 9", accept=True)
@example(value="+91 0555555 55\u06605", accept=True)
def test_any_number_is_restored_to_digits_that_stand_there_or_refused(value: object, accept: bool) -> None:
    try:
        number = restored(value, accept_possible=accept)
    except RowError as refused:
        said = re.findall(r"[0-9]{4,}", f"{refused} {refused!r}")
        assert not said
        return
    assert re.fullmatch(r"\+91[0-9]{8,10}", number)
    assert number[3:] in digits_of(value)
    assert restored(number, accept_possible=accept) == number


@given(st.from_regex(r"[6-9][0-9]{9}", fullmatch=True))
def test_the_fast_way_knows_the_same_numbers_as_phonenumbers(text: str) -> None:
    def outcome(written: str) -> str:
        try:
            return restored(written)
        except RowError as refused:
            return refused.code

    assert outcome(text) == outcome(f"0{text}")
