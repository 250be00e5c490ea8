"""What the page is made of: everything from outside is escaped, and masked until somebody asks."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq.mock.messages import MockRequest, MockResponse
from squadiq.mock.page.accept import prefers_page
from squadiq.mock.page.bars import bar
from squadiq.mock.page.calls import BODY_KEPT, KEPT, CallLog
from squadiq.mock.page.markup import Markup, element, joined
from squadiq.mock.page.masking import MASK, masked_content, masked_name, masked_phone_number, without_numbers
from tests.page.looking import BROWSER

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"))


class Parsed(HTMLParser):
    """The elements, the attributes and the text that a browser finds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.texts = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.texts += data


@given(TEXT | st.sampled_from(["<script>alert(1)</script>", '" onclick="x', "'><img src=x>", "&lt;"]))
def test_whatever_stands_in_an_element_or_in_an_attribute_stays_text(text: str) -> None:
    parsed = Parsed(element("p", text, title=text))
    assert parsed.elements == [("p", [("title", text)])]
    assert parsed.texts == text


def test_elements_are_written_as_browsers_read_them() -> None:
    assert element("p", "a", element("b", 1), None) == "<p>a<b>1</b></p>"
    assert element("input", type="text", required=True, disabled=False, value=None) == '<input type="text" required>'
    assert element("label", "a < b", for_="x", aria_label="y") == '<label for="x" aria-label="y">a &lt; b</label>'
    assert joined((Markup("<br>"), "<br>")) == "<br>&lt;br&gt;"


@pytest.mark.parametrize(
    ("parts", "drawn"),
    [
        ({"used": 30, "full": 20}, ['x="0.00%" width="30.00%"', 'x="30.00%" width="20.00%"']),
        ({"used": 200}, ['x="0.00%" width="100.00%"']),
    ],
)
def test_a_bar_is_filled_from_the_left_and_never_beyond_its_end(parts: dict[str, int], drawn: list[str]) -> None:
    svg = bar("<words>", parts, 100)
    assert all(rect in svg for rect in drawn)
    assert 'aria-label="&lt;words&gt;"' in svg


def test_a_bar_of_nothing_is_empty() -> None:
    assert 'width="0.00%"' in bar("none", {"used": 0}, 0)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("+91 98765 43210", f"+{MASK}10"),
        ("lead-9876543210-x", f"lead-{MASK}10-x"),
        ("2018-12-03T14:36:38+00:00", "2018-12-03T14:36:38+00:00"),
        ("u17", "u17"),
    ],
)
def test_what_may_be_a_phone_number_is_masked_wherever_it_stands(text: str, shown: str) -> None:
    assert without_numbers(text) == shown


def test_of_a_person_one_letter_and_two_digits_can_be_read() -> None:
    assert (masked_name("Asha Rao"), masked_phone_number("+919876543210")) == (f"A{MASK}", f"{MASK}{MASK}10")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["contact_name", "plan", "results"]), inner),
)


@given(JSON)
def test_of_fields_that_are_not_known_to_be_harmless_nothing_is_left(value: Any) -> None:
    def leaves(each: Any) -> set[Any]:
        match each:
            case {**fields}:
                return {leaf for child in fields.values() for leaf in leaves(child)}
            case [*items]:
                return {leaf for child in items for leaf in leaves(child)}
            case _:
                return {each}

    assert leaves(masked_content(value)) <= {None, "", MASK}


def test_harmless_fields_can_be_read_but_for_phone_numbers() -> None:
    content = {"count": 2, "lead_id": ["u1", 9876543210, None], "9876543210": True}
    assert masked_content(content) == {"count": 2, "lead_id": ["u1", f"{MASK}10", None], f"{MASK}10": MASK}


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML;q=0.9, application/json;q=0.8", True),
        ("application/json, text/html;q=0.5", False),
        ("text/html;q=0, */*;q=0", False),
        ("text/html;level=1;q=broken", False),
        ("*/*", False),
        ("application/json", False),
        ("", False),
    ],
)
def test_who_would_rather_have_a_page_gets_one(accept: str, wanted: bool) -> None:
    assert prefers_page(accept) is wanted


def test_the_latest_calls_are_kept_with_the_beginnings_of_their_bodies() -> None:
    calls = CallLog()
    assert calls.find(0) is calls.find(1) is None
    body = b"x" * (BODY_KEPT + 1)
    for number in range(1, KEPT + 6):
        calls.note(0.0, 0.0, MockRequest("GET", f"/{number}", body=body), MockResponse(200, body))
    assert [call.number for call in calls.latest(2)] == [KEPT + 5, KEPT + 4]
    assert len(calls.latest()) == KEPT
    assert calls.find(5) is calls.find(KEPT + 6) is None
    found = calls.find(6)
    assert found is not None
    assert (found.request.path, found.length, len(found.request.body)) == ("/6", BODY_KEPT + 1, BODY_KEPT)
    assert (found.response_length, len(found.response.body)) == (BODY_KEPT + 1, BODY_KEPT)
    assert "xxx" not in repr(found)
