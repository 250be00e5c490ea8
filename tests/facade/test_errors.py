"""What an error response becomes, whatever shape it comes in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq import errors
from squadiq.attempts import Attempt, AttemptOutcome
from squadiq.error_body import read_error_body
from squadiq.errors import BadRequestError, StatusError, UnexpectedStatusError, error_of

LEADS = [
    {"lead_id": "u1", "phone_number": "+919876543210", "contact_name": "Asha Rao"},
    {"lead_id": "u2", "phone_number": "+919876543211", "contact_name": "Ravi"},
]


def error(
    body: Any,
    status: int = 400,
    content_type: str = "application/json",
    sent: Any = LEADS,
    operation: str = "createLeads",
) -> StatusError:
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    return error_of(operation, status, read_error_body(raw, content_type, json.dumps(sent).encode()))


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "BadRequestError"),
        (401, "UnauthorizedError"),
        (403, "ForbiddenError"),
        (404, "NotFoundError"),
        (405, "MethodNotAllowedError"),
        (429, "TooManyRequestsError"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailableError"),
        (418, "UnexpectedStatusError"),
        (502, "UnexpectedStatusError"),
        (520, "UnexpectedStatusError"),
    ],
)
def test_each_code_of_the_api_documentation_has_a_class(status: int, name: str) -> None:
    raised = error({"detail": "No."}, status)
    assert type(raised).__name__ == name
    assert raised.status == status
    assert str(raised).startswith(f"createLeads was answered with {status}: No.")


def test_both_codes_for_failed_authentication_are_caught_as_one() -> None:
    assert isinstance(error({}, 401), errors.AccessDeniedError)
    assert isinstance(error({}, 403), errors.AccessDeniedError)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"([├└]── |^    )([\w.]*Error)\b", errors.__doc__ or "", re.MULTILINE)
    elsewhere = {"squadiq.webhooks.DeliveryError", "squadiq.inbox.InboxError", "squadiq.outbox.OutboxError"}
    assert {name for _, name in drawn} == {error.__name__ for error in family(errors.SquadIQError)} | elsewhere


def family(kind: type[Exception]) -> set[type[Exception]]:
    """What `squadiq.errors` has of a class and its descendants."""
    heirs = {heir for child in kind.__subclasses__() for heir in family(child)}
    return {each for each in {kind, *heirs} if each.__module__ == errors.__name__}


@pytest.mark.parametrize(
    ("body", "content_type", "detail"),
    [
        ({"detail": "Invalid token."}, "application/json", "Invalid token."),
        ({"detail": ["One.", "Two."]}, "application/json", "One. Two."),
        ("just text", "text/plain", "just text"),
        ("", "text/plain", ""),
        ("<html><head><title>502 Bad\nGateway</title></head><body>x</body></html>", "text/html", "502 Bad Gateway"),
        ("<p>Offline <b>now</b></p><script>x()</script>", "text/html", "Offline now"),
        (["One.", "Two."], "application/json", "One. Two."),
        ("null", "application/json", ""),
        ("7", "application/json", "7"),
        ("\xff\xfe", "application/octet-stream", "ÿþ"),
        ("x" * 1000, "text/plain", "x" * 300),
        (" <html><title>Offline</title>", "text/plain", "Offline"),
        ("<h1>Offline</h1>", "", "Offline"),
        ("Just <b>text</b>", "text/plain", "Just <b>text</b>"),
        ("Just <b>text</b>", "Text/HTML; charset=utf-8", "Just text"),
        ("<!-- <title>No</title> --><style>b {}</style>One <b>two", "text/html", "One two"),
        ("<title> </title><p>One", "text/html", "One"),
        ("<title>One", "text/html", "One"),
        ("One <b", "text/html", "One"),
        ("<3", "text/html", "<3"),
        ("One <!-- two", "text/html", "One"),
        ("<p>One</p><script>two", "text/html", "One"),
        ('{"detail": 1.50}', "application/json", "1.50"),
        ('{"detail": NaN}', "application/json", "NaN"),
        ('{"detail": true}', "application/json", "True"),
        ('{"detail": "One.", "detail": "Two."}', "application/json", "Two."),
        ('{"detail": "Half \\ud83d"}', "application/json", "Half"),
        ('{"detail": ' + "7" * 5000 + "}", "application/json", "…"),
        ('"One."', "application/json", "One."),
        ('""', "application/json", ""),
        ('["One.", {"a": 1}', "application/json", '["One.", {"a": 1}'),
    ],
)
def test_the_servers_own_words_are_kept(body: Any, content_type: str, detail: str) -> None:
    assert error(body, content_type=content_type).detail == detail


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_words_are_read_in_any_encoding_of_json(encoding: str) -> None:
    raw = '{"detail": "Größe."}'.encode(encoding)
    assert read_error_body(raw, "application/json", b"").detail == "Größe."


@pytest.mark.parametrize(
    "charset", ["", "utf-16", "iso-8859-1", '"Windows-1252"', "utf-8", "iso-8859-99", "zip", "idna", "\0", "x" * 99]
)
def test_words_that_are_no_utf_8_are_read_as_latin_1(charset: str) -> None:
    assert read_error_body("Größe.".encode("latin-1"), f"text/plain; charset={charset}; x=y", b"").detail == "Größe."


@pytest.mark.parametrize("size", [64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1])
@pytest.mark.parametrize("character", ["é", "आ", "\N{GRINNING FACE}"])
def test_a_character_that_is_cut_costs_only_itself(size: int, character: str) -> None:
    said = "Offline. " + " " * (size - 10) + character * 3
    assert read_error_body(said.encode(), "text/plain", b"").detail.strip(f" {character}") == "Offline."


def test_json_that_is_cut_says_what_came_before() -> None:
    said = json.dumps({"plan": ["Odd."], "note": ["Odd, too."], "rest": ["x" * 100_000]})
    assert {**error(said, sent={}).field_errors, "rest": ()} == {"plan": ("Odd.",), "note": ("Odd, too.",), "rest": ()}
    raised = error([{"plan": ["Odd."]}] * 100_000)
    assert (raised.lead_errors[1].lead_id, raised.lead_errors[1].errors) == ("u2", {"plan": ("Odd.",)})
    assert error('"' + "x" * 100_000 + '"').detail == '"' + "x" * 299


def test_of_a_large_batch_every_lead_has_its_errors() -> None:
    leads = [{"lead_id": f"u{n}"} for n in range(5000)]
    raised = error([{"phone_number": ["Enter a valid phone number, please, and not this."]}] * 5000, sent=leads)
    assert [each.index for each in raised.lead_errors] == list(range(5000))


def test_texts_beyond_what_is_read_are_not_shown() -> None:
    body = {"one": ["x" * 40_000], "two": ["y" * 40_000], "three": ["Odd."]}
    raised = error(body, sent=[{"lead_id": f"u{n}"} for n in range(100)])
    assert raised.field_errors == {"one": ("x" * 300,), "two": ("…",), "…": ("…",)}


def test_what_an_error_holds_has_a_bound() -> None:
    body = {f"f{n}": [f"Odd {n} {k}." for k in range(99)] for n in range(99)}
    raised = error(body, sent={})
    assert len(raised.field_errors) == 20
    assert all(len(words) == 21 and words[-1] == "…" for words in raised.field_errors.values())
    assert len(str(raised)) < 2100
    assert len(error({"x" * 9000: ["y" * 9000]}, sent={}).detail) < 700


def test_errors_by_field_are_given_by_field() -> None:
    raised = error({"detail": ["Too long."], "lead_id": ["Missing."]}, sent={}, operation="convertLead")
    assert raised.field_errors == {"detail": ("Too long.",), "lead_id": ("Missing.",)}
    assert str(raised) == "convertLead was answered with 400: detail: Too long.; lead_id: Missing."


@pytest.mark.parametrize(
    "body",
    [
        [{}, {"phone_number": ["Not valid."]}],
        {"1": {"phone_number": ["Not valid."]}},
        {"1": {"phone_number": {"0": ["Not valid."]}}},
    ],
)
def test_errors_of_a_batch_are_given_lead_by_lead(body: Any) -> None:
    raised = error(body)
    [lead] = raised.lead_errors
    assert (lead.index, lead.lead_id, lead.errors) == (1, "u2", {"phone_number": ("Not valid.",)})
    assert lead.state == "refused"
    assert str(raised) == "createLeads was answered with 400: lead 'u2': phone_number: Not valid."


def test_an_error_of_a_lead_that_names_no_field_is_kept() -> None:
    [lead] = error([{}, "Not a lead."]).lead_errors
    assert lead.errors == {"lead": ("Not a lead.",)}


def test_errors_by_field_about_a_batch_of_one_belong_to_its_lead() -> None:
    [lead] = error({"phone_number": ["Not valid."]}, sent=LEADS[:1]).lead_errors
    assert (lead.lead_id, lead.errors) == ("u1", {"phone_number": ("Not valid.",)})


def test_a_field_whose_name_is_a_number_is_a_field_if_the_batch_has_no_such_lead() -> None:
    assert error({"7": ["Unknown."]}).field_errors == {"7": ("Unknown.",)}


def test_a_key_as_large_as_the_batch_names_no_lead() -> None:
    raised = error({"2": ["Odd."]})
    assert (raised.field_errors, raised.lead_errors) == ({"2": ("Odd.",)}, ())


@pytest.mark.parametrize("key", ["9" * 5000, "२", "01", "+1", "-1", " 1", "1.0", "1_0", "①", ""])
def test_a_key_that_is_no_index_as_json_writes_it_is_a_field(key: str) -> None:
    raised = error({key: {"phone_number": ["Not valid."]}})
    assert raised.lead_errors == ()
    assert list(raised.field_errors.values()) == [("phone_number: Not valid.",)]


def test_indexes_mixed_with_names_of_fields_are_fields() -> None:
    raised = error({"0": {"phone_number": ["Not valid."]}, "non_field_errors": ["Too many."]})
    assert raised.lead_errors == ()
    assert raised.field_errors == {"0": ("phone_number: Not valid.",), "non_field_errors": ("Too many.",)}


@pytest.mark.parametrize("said", [["Odd."], {"detail": "Odd."}, {"0": {"a": ["Odd."]}, "1": {}}])
def test_errors_are_of_the_one_lead_only_if_a_list_was_sent(said: Any) -> None:
    assert error(said, sent=LEADS[0]).lead_errors == ()


def test_errors_within_a_custom_field_say_where() -> None:
    raised = error({"visits": {"page": ["Not a page."]}}, sent={"lead_id": "u1"})
    assert raised.field_errors == {"visits": ("page: Not a page.",)}


def test_only_the_first_leads_stand_in_the_message() -> None:
    leads = [{"lead_id": f"u{n}"} for n in range(9)]
    raised = error([{"lead_id": ["Exists."]}] * 9, sent=leads)
    assert "and 4 more" in str(raised)
    assert len(raised.lead_errors) == 9


def test_nothing_about_a_person_is_repeated() -> None:
    raised = error(
        [{"contact_name": ["Asha Rao?"], "phone_number": ["+91 98765-43210 is taken, so is 9876543219"]}, {}]
    )
    assert "Asha" not in str(raised)
    assert not re.search(r"\d{4}", str(raised).replace("400", ""))


@pytest.mark.parametrize("sent", [b"", b"not json", b'["x"]', b"7"])
def test_words_are_read_whatever_was_sent(sent: bytes) -> None:
    assert read_error_body(b'{"detail": "No."}', "application/json", sent).detail == "No."


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_body_becomes_an_error(body: Any) -> None:
    assert str(error(body))


@pytest.mark.parametrize("depth", [5000, 100_000])
def test_a_body_too_deep_to_read_is_taken_as_text(depth: int) -> None:
    assert error("[" * depth).detail == "[" * 300


@pytest.mark.parametrize("depth", [7, 9, 600])
def test_messages_deep_within_lists_or_objects_do_not_break_anything(depth: int) -> None:
    for opening, closing in (("[", "]"), ('{"a": ', "}")):
        said = error(f'{{"plan": {opening * depth}"Odd."{closing * depth}}}').field_errors["plan"][0]
        assert said.endswith("Odd." if depth == 7 else "…")


def test_an_error_says_if_an_earlier_attempt_may_have_been_carried_out() -> None:
    raised = error([{"lead_id": ["Exists."]}, {"lead_id": ["Exists."]}])
    assert not raised.previous_attempt_unknown
    raised.attempts = (Attempt(0, 1, failure="ReadError", outcome=AttemptOutcome.UNKNOWN), Attempt(2, 1, 400))
    assert raised.previous_attempt_unknown
    assert raised.outcome_unknown
    assert str(raised).endswith("An earlier attempt of this call may have been carried out")


def _after_a_lost_response(body: Any, operation: str = "createLeads") -> StatusError:
    raised = error(body, operation=operation)
    raised.attempts = (Attempt(0, 1, failure="ReadError", outcome=AttemptOutcome.UNKNOWN), Attempt(2, 1, 400))
    raised.resolve_repeated_create()
    return raised


def test_leads_that_are_all_there_may_have_been_created_by_the_attempt_before() -> None:
    raised = _after_a_lost_response([{"lead_id": ["Exists."]}, {"lead_id": ["Exists."]}])
    assert [lead.state for lead in raised.lead_errors] == ["unknown", "unknown"]


@pytest.mark.parametrize(
    "body",
    [
        [{"lead_id": ["Exists."]}, {}],
        [{"lead_id": ["Exists."]}, {"lead_id": ["Exists."], "phone_number": ["Not valid."]}],
        {"detail": "No."},
    ],
)
def test_if_one_lead_of_a_batch_is_not_there_then_no_attempt_created_any(body: Any) -> None:
    raised = _after_a_lost_response(body)
    assert all(lead.state == "refused" for lead in raised.lead_errors)


def test_only_a_create_is_resolved_lead_by_lead() -> None:
    raised = _after_a_lost_response([{"lead_id": ["Gone."]}, {"lead_id": ["Gone."]}], operation="disableLeads")
    assert {lead.state for lead in raised.lead_errors} == {"refused"}


def test_an_attempt_says_what_happened() -> None:
    assert str(Attempt(0.0, 0.25, 503)) == "503 after 250 ms"
    assert str(Attempt(0.0, 1.0, failure="ReadTimeout")) == "ReadTimeout after 1000 ms"


def test_codes_outside_of_the_documentation_say_which() -> None:
    raised = error("", 599)
    assert isinstance(raised, UnexpectedStatusError)
    assert str(raised) == "createLeads was answered with 599"
    assert BadRequestError.__mro__.index(StatusError) == 1
