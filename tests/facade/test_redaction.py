"""Nothing that was sent is ever seen in what a server says back, in whatever form; and what it says stays readable."""

from __future__ import annotations

import base64
import copy
import html
import json
import pickle
import unicodedata
import urllib.parse
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from squadiq._redaction import Redactor, SentMetadata
from squadiq._stock_messages import STOCK_MESSAGES
from squadiq.error_body import read_error_body, without_personal_data
from squadiq.errors import StatusError, error_of

TOKEN = "tok_Ab12cd34EF56"
LEAD: dict[str, Any] = {
    "lead_id": "u1",
    "phone_number": "+919876543210",
    "contact_name": "Asha Rao",
    "product_plan": "Lite",
    "is_KYC": "YES",
    "visits": 1,
    "email": "asha.rao@example.com",
    "address": {"Flat 7, Sunrise Towers": ["Andheri", {"pin": 400053}]},
    "pan": "ABCDE1234F",
    "आशा": "दिल्ली",
}


def error(
    body: Any, sent: Any = LEAD, operation: str = "updateLead", status: int = 400, **envelope: Any
) -> StatusError:
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    given: dict[str, Any] = {"headers": {"authorization": f"Bearer {TOKEN}"}, **envelope}
    return error_of(
        operation, 400, read_error_body(raw, "application/json", json.dumps(sent).encode(), SentMetadata(**given))
    )


def seen(raised: StatusError) -> str:
    """Everything that anybody may see of an error."""
    kept = [value for name, value in vars(raised).items() if name not in ("status", "operation")]
    return "\n".join(
        [
            str(raised).replace(f"{raised.operation} was answered with {raised.status}", ""),
            repr(kept),
            str(kept),
            repr(raised.args[2:]),
            pickle.dumps(raised).decode("utf-8", "replace").replace("squadiq", ""),
            pickle.dumps(raised, protocol=0).decode("raw_unicode_escape").replace("squadiq", ""),
            repr(copy.deepcopy(raised).args[2:]),
        ]
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"Invalid token: {TOKEN}", "Invalid token: …"),
        (f"Invalid token: {TOKEN[:8]}***", "Invalid token: …***"),
        (f"Not valid: {base64.b64encode(f'Bearer {TOKEN}'.encode()).decode()}", "Not valid: …"),
        (f"Not valid: {base64.urlsafe_b64encode(f'x{TOKEN}'.encode()).decode()}", "Not valid: …"),
        (f"Not valid: {TOKEN.encode().hex()}", "Not valid: …"),
        ("ASHA RAO is known, asha is too, and RAO", "… is known, … is too, and …"),
        ("Mr. Rao or asharao or Asha.Rao-2 or A.s.h.a", "Mr. … or … or …-2 or …"),
        ("Ash… and Ra…", "…… and Ra…"),
        ("asha.rao@example.com is taken, other@example.org is not", "… is taken, … is not"),
        ("+91 98765 43210 or 098765-43210 or 98765/43210 or (98765) 43210", "… or … or … or (…"),
        ("ends in 43210, or 3210", "ends in …, or …"),
        ("९८७६५ ४३२१० and ９８７６５４３２１０ and 98765\u200b43210", "… and … and …"),
        ("+91-022-2345678 was not sent", "… was not sent"),
        ('"Lite" is no choice of product_plan, nor LITE', '"…" is no choice of product_plan, nor …'),
        ("Flat 7 in Sunrise towers, andheri 400053", "… 7 in …"),
        ("abcde1234f or ABCDE-1234-F or ABCDE", "… or … or …"),
        ("दिल्ली and \\u0926\\u093f\\u0932\\u094d\\u0932\\u0940", "… and …"),
        ("%E0%A4%A6%E0%A4%BF%E0%A4%B2%E0%A5%8D%E0%A4%B2%E0%A5%80", "…"),
        ("&#x926;&#2367;&#x932;&#x94d;&#x932;&#x940;", "…"),
        (repr("दिल्ली".encode()), "b'…'"),
        ("दिल्ली".encode().decode("latin-1"), "…"),
        ("1 visit of 12", "… visit of 12"),
        ("She has no lapras ha", "She has no lapras ha"),
    ],
)
def test_what_was_sent_is_taken_out_in_any_form_and_the_rest_stays(said: str, shown: str) -> None:
    assert error({"detail": said}).detail == shown


@pytest.mark.parametrize("value", ["Lite", "YES", "1", "field", "is", "This", "This field", "Not valid", "", " ", "-"])
@pytest.mark.parametrize("message", ["This field is required.", "Invalid token.", "Not found."])
def test_a_stock_message_stays_whatever_was_sent(value: str, message: str) -> None:
    raised = error({"plan": [message]}, sent={"lead_id": value, "contact_name": value, "plan": value})
    assert raised.field_errors == {"plan": (message,)}


@pytest.mark.parametrize("message", sorted(STOCK_MESSAGES))
def test_stock_messages_are_shown_as_they_are(message: str) -> None:
    assert Redactor(message.split(), names=[message], secrets=[message]).redacted([message]) == [message]


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Ensure this field has no more than 32 characters.", None),
        ("You are not subscribed to this product.", None),
        ("A lead with this lead_id exists already in the campaign.", None),
        ("Number may not be that of Asha.", "Number may not be that of …."),
    ],
)
def test_words_of_free_text_do_not_turn_messages_into_dots(message: str, shown: str | None) -> None:
    sent = {**LEAD, "note": "The customer is not interested in a loan, and will call this number from his campaign"}
    assert error({"detail": message}, sent=sent).detail == (shown or message)


def test_names_of_fields_stay_and_what_was_sent_does_not_stand_in_them() -> None:
    raised = error(
        {
            "product_plan": ["Not valid."],
            "visits": {"Sunrise": ["Not valid."]},
            "Asha": ["Not valid."],
            "rao": ["Unknown."],
            "9876543210": ["Unknown."],
            "x@y.in": ["Unknown."],
            "आशा": ["Unknown."],
        }
    )
    assert raised.field_errors == {
        "product_plan": ("Not valid.",),
        "visits": ("…: Not valid.",),
        "…": ("Not valid.", "Unknown.", "Unknown.", "Unknown."),
        "आशा": ("Unknown.",),
    }


def test_a_field_that_is_named_like_a_person_is_not_shown() -> None:
    raised = error({"about Asha": ["Not valid."]}, sent={"contact_name": "Asha", "about Asha": 1})
    assert raised.field_errors == {"about …": ("Not valid.",)}


def test_an_empty_value_takes_nothing_out() -> None:
    sent = {"lead_id": "u1", "phone_number": "", "contact_name": "", "plan": "", "note": "\u200d"}
    assert error({"detail": "Some words."}, sent=sent, headers={}).detail == "Some words."


def test_a_number_is_taken_out_however_it_is_written() -> None:
    sent = {"rate": 12.0, "share": 0.5, "own": True}
    assert (
        error({"detail": "12 and 12.0 and 0.50 or true, not 13"}, sent=sent).detail == "… and … and 0.50 or …, not 13"
    )


def test_values_of_nothing_but_signs_are_taken_out_if_they_tell_anything() -> None:
    sent = {"mood": "\N{GRINNING FACE}", "code": "#!#", "dash": "-"}
    assert error({"detail": "Not - \N{GRINNING FACE} or #!#."}, sent=sent).detail == "Not - … or …."


def test_the_query_and_own_headers_are_not_shown_either() -> None:
    headers = {
        "Authorization": TOKEN,
        "X-Api-Key": "k3y-of-mine",
        "Host": "api.example",
        "Content-Type": "application/json",
    }
    query = "lead_id=Asha+Rao&processed_after=1543847"
    body = {"detail": f"{TOKEN} k3y-OF-mine Asha Rao 1543847 api.example application/json"}
    assert error(body, sent=None, query=query, headers=headers).detail == "… api.example application/json"


def test_a_lead_id_that_tells_who_it_is_is_not_shown() -> None:
    leads = [
        {"lead_id": lead_id, "contact_name": "Asha Rao", "phone_number": "9876543210"}
        for lead_id in ("u1", "ASHA-7", "9876543210", "asha@example.com")
    ]
    raised = error([{"phone_number": ["Not valid."]}] * 4, sent=leads, operation="createLeads")
    assert [each.lead_id for each in raised.lead_errors] == ["u1", "…-7", "…10", "…om"]


@pytest.mark.parametrize("layers", [1, 3, 30])
def test_escapes_within_escapes_are_undone_or_not_shown(layers: int) -> None:
    said = "Asha"
    for _ in range(layers):
        said = urllib.parse.quote(html.escape("".join(f"&#{ord(each)};" for each in said) if len(said) < 99 else said))
    assert "sha" not in error({"detail": said}).detail


@pytest.mark.parametrize(("layers", "shown"), [(0, "… < 3"), (4, "… < 3"), (5, "… < 3"), (6, "…"), (60, "…")])
def test_what_is_escaped_too_often_is_not_shown(layers: int, shown: str) -> None:
    last = "".join(f"&{'amp;' * layers}#{ord(each)};" for each in "Asha")
    assert error({"detail": f"{last} &{'amp;' * layers}lt; 3"}).detail == shown


def test_nothing_of_a_person_stays_in_words_of_our_own() -> None:
    assert without_personal_data("asha@example.com or ९८७६५४३२१० or 12345") == "… or … or 12345"


FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper": str.upper,
    "lower": str.lower,
    "title": str.title,
    "swapped": str.swapcase,
    "casefold": str.casefold,
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "NFKC": lambda text: unicodedata.normalize("NFKC", text),
    "NFKD": lambda text: unicodedata.normalize("NFKD", text),
    "HTML": html.escape,
    "HTML numbers": lambda text: "".join(f"&#{ord(each)};" for each in text),
    "HTML hex": lambda text: "".join(f"&#x{ord(each):X};" for each in text),
    "URL": urllib.parse.quote,
    "URL plus": urllib.parse.quote_plus,
    "URL twice": lambda text: urllib.parse.quote(urllib.parse.quote(text)),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON twice": lambda text: json.dumps(json.dumps(text))[1:-1],
    "repr": lambda text: repr(text)[1:-1],
    "ascii": lambda text: ascii(text)[1:-1],
    "repr of bytes": lambda text: repr(text.encode())[2:-1],
    "read as Latin-1": lambda text: text.encode().decode("latin-1"),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f"ab: {text}.".encode()).decode(),
    "hex": lambda text: text.encode().hex(),
    "spaced out": lambda text: " ".join(text),
    "without blanks": lambda text: "".join(text.split()),
    "wide blanks": lambda text: "\u00a0 ".join(text.split(" ")),
    "hyphens": lambda text: "-".join(text.split()),
    "joiners": "\u200d".join,
}
UNREADABLE = {"base64", "base64 of more", "hex"}
SCRIPTS = (
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "आशादवीरमकलनसतपि",
    "éüñçßøıİŁžΣςαω",
    "李小龙田中",
    "அபசத",
)
WORDS = st.one_of(*(st.text(alphabet, min_size=4, max_size=12) for alphabet in SCRIPTS))
NAMES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)
NUMBERS = st.from_regex(r"\+91[6-9][0-9]{9}", fullmatch=True)
VALUES = st.one_of(
    NAMES,
    NUMBERS,
    st.integers(10**6, 10**15).map(str),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=5, max_size=20),
    st.emails(),
)
SHAPES: dict[str, Callable[[str], Any]] = {
    "detail": lambda said: {"detail": f"Value {said} is odd."},
    "quoted": lambda said: {"detail": f'Value "{said}", is odd.'},
    "message": lambda said: {"product_plan": [f"'{said}' is odd."]},
    "name of a field": lambda said: {said: ["Odd."], "b": {said: said}},
    "by lead": lambda said: [{"product_plan": [{said: [said]}]}],
    "text": lambda said: f"Value {said} is odd",
    "page": lambda said: f"<html><script>{said}</script><title>Value {said}</title>",
    "page without title": lambda said: f"<p>Value <b>{said}</b>",
    "cut": lambda said: '{"detail": ["Odd: ' + said.replace("\\", "").replace('"', "") + '", "' + "x" * 80_000,
}


def plain(text: str) -> str:
    """Letters and digits, in one case: another way to look than that of the code."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(each for each in decomposed if each.isalnum())


@given(
    VALUES, st.sampled_from(sorted(FORMS)), st.sampled_from(sorted(SHAPES)), st.sampled_from(["value", "name", "token"])
)
def test_no_value_that_was_sent_is_ever_seen(value: str, form: str, shape: str, place: str) -> None:
    said = FORMS[form](value)
    assume(len(plain(value)) > 4 and plain(value) not in plain(seen(error(SHAPES[shape]("…")))))
    sent = {"lead_id": "u1", "b": value if place == "value" else 0, "contact_name": value if place == "name" else "A"}
    headers = {"authorization": f"Bearer {value}"} if place == "token" else {}
    shown = seen(error(SHAPES[shape](said), sent=[sent], operation="createLeads", headers=headers))
    assert plain(value) not in plain(shown)
    assert value not in shown
    assert said not in shown
    if form not in UNREADABLE:
        assert html.unescape(urllib.parse.unquote(shown)).find(value) < 0


@given(NAMES, st.data())
def test_no_part_of_a_name_is_ever_seen(name: str, data: st.DataObject) -> None:
    part = data.draw(st.sampled_from(name.split()))
    form = data.draw(st.sampled_from(sorted(FORMS)))
    shape = data.draw(st.sampled_from(sorted(SHAPES)))
    assume(len(plain(part)) > 3 and plain(part) not in plain(seen(error(SHAPES[shape]("…")))))
    shown = seen(error(SHAPES[shape](FORMS[form](part)), sent={"contact_name": name}))
    assert plain(part) not in plain(shown)


@given(
    NUMBERS, st.integers(4, 12), st.sampled_from(["", " ", "-", ".", "  ", "/", " - ", ") ("]), st.sampled_from("0०0٠")
)
def test_no_part_of_a_phone_number_is_ever_seen(number: str, length: int, between: str, zero: str) -> None:
    last = number[-length:].replace("+", "")
    written = between.join(chr(ord(zero) + int(each)) for each in last) if length > 5 else last
    shown = seen(error({"detail": f"It ends in {written}."}, sent={"phone_number": number}))
    assert last not in shown
    assert written not in shown


@given(st.lists(st.text(), max_size=5), st.lists(st.text(), max_size=5))
def test_whatever_is_sent_and_said_what_is_shown_is_printable_and_stays_so(sent: list[str], said: list[str]) -> None:
    redactor = Redactor(sent, names=sent[:2], secrets=sent[-1:])
    shown = redactor.redacted(said)
    assert len(shown) == len(said)
    assert all(text.isprintable() for text in shown)
    assert [redactor.redacted([text])[0] for text in said] == shown
