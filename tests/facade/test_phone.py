"""Indian phone numbers as people write them."""

from __future__ import annotations

import sys

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq import phone
from squadiq.errors import MissingExtraError


@pytest.mark.parametrize(
    "written",
    [
        "9876543210",
        "98765 43210",
        "98765-43210",
        "+91-98765-43210",
        "+919876543210",
        "09876543210",
        "919876543210",
        "0091 98765 43210",
        "+91 (0) 98765 43210",
        "'9876543210",
        "9876543210.0",
        "98765\N{NO-BREAK SPACE}43210",
        "98765\N{EN DASH}43210",
        "98765\N{MINUS SIGN}43210",
        "98765\t43210",
        "  9876543210\N{ZERO WIDTH SPACE} ",
        "९८७६५४३२१०",
        "\N{FULLWIDTH PLUS SIGN}919876543210",
    ],
)
def test_a_number_is_understood_however_it_is_written(written: str) -> None:
    assert phone.normalise(written) == "+919876543210"


def test_a_landline_is_a_phone_number_too() -> None:
    assert phone.normalise("(022) 2345 6789") == "+912223456789"


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("", "is empty"),
        (" \N{ZERO WIDTH SPACE}", "is empty"),
        ("9.87654E+09", "scientific notation"),
        ("98765 43210 / 98765 43211", "more than one number"),
        ("call me", "other than digits"),
        ("()", "is not a phone number"),
        ("+1 650 253 0000", "is not an Indian number"),
        ("98765", "has 5 digits, too few"),
        ("98765432101", "has 11 digits, too many"),
        ("5555555555", "is not a number that exists in India"),
    ],
)
def test_what_is_no_number_is_refused_with_a_reason(written: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        phone.normalise(written)
    assert not any(character.isdigit() for character in str(refused.value).replace(reason, ""))


@given(st.from_regex(r"[6-9][0-9]{9}", fullmatch=True), st.sampled_from(["", "+91", "91", "0", "0091"]), st.data())
def test_blanks_and_prefixes_do_not_change_a_number(digits: str, prefix: str, data: st.DataObject) -> None:
    separators = data.draw(st.lists(st.sampled_from(["", " ", "-", "."]), min_size=10, max_size=10))
    written = prefix + " " + "".join(digit + gap for digit, gap in zip(digits, separators, strict=True))
    parsed = phonenumbers.parse(f"+91{digits}")
    if phonenumbers.is_valid_number(parsed):
        assert phone.normalise(written) == f"+91{digits}"
    else:
        with pytest.raises(ValueError, match="is not"):
            phone.normalise(written)


@given(st.text(max_size=40))
def test_any_text_is_a_number_of_thirteen_characters_or_refused(text: str) -> None:
    try:
        number = phone.normalise(text)
    except ValueError:
        return
    assert number.startswith("+91")
    assert phone.normalise(number) == number


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    monkeypatch.setattr("squadiq.phone._known_mobiles", phone._known_mobiles.__wrapped__)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(MissingExtraError, match=r"pip install 'squadiq\[phone\]'"):
        phone.normalise("9876543210")


@given(st.from_regex(r"(\+91|91|0)?[ -]?[6-9][0-9]{4}[ -]?[0-9]{5}", fullmatch=True))
def test_the_short_way_for_common_forms_is_that_of_the_library(written: str) -> None:
    parsed = phonenumbers.parse(written, "IN")
    if phonenumbers.is_valid_number_for_region(parsed, "IN"):
        assert phone.normalise(written) == phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    else:
        with pytest.raises(ValueError, match=r"is not|digits"):
            phone.normalise(written)
