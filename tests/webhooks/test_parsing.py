"""Reading deliveries: what the document allows is taken, all else is one kind of error."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from squadiq_generated.models import ProcessedLead

from squadiq.errors import SquadIQError
from squadiq.webhooks import MAX_BODY_BYTES, DeliveredLead, DeliveryError, parse
from tests.webhooks.payloads import EXAMPLES, NAME, PERSONAL, PHONE_NUMBER, delivery, payload

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_of_the_document_are_taken(name: str) -> None:
    lead = parse(json.dumps(EXAMPLES[name]).encode(), JSON)
    assert isinstance(lead, ProcessedLead)
    assert lead.lead_id == EXAMPLES[name]["lead_id"]
    assert lead.processed_at == datetime(2018, 12, 3, 14, 37, 54, tzinfo=UTC)


def test_the_raw_payload_and_unknown_fields_are_kept() -> None:
    body = b" " + delivery(shoe_size=43) + b"\n"
    lead = parse(body, JSON)
    assert lead.raw_payload == body
    assert lead.model_extra == {"shoe_size": 43}
    assert DeliveredLead.model_validate_json(delivery()).raw_payload == b""


@pytest.mark.parametrize(
    ("field", "written", "meant"),
    [
        ("processed_at", "2018-12-03T14:37:54+00:00", datetime(2018, 12, 3, 14, 37, 54, tzinfo=UTC)),
        ("processed_at", "2018-12-03T20:07:54+05:30", datetime(2018, 12, 3, 14, 37, 54, tzinfo=UTC)),
        ("processed_at", "2018-12-03T14:37:54Z", datetime(2018, 12, 3, 14, 37, 54, tzinfo=UTC)),
        ("processed_at", "2018-12-03T14:37:54", datetime(2018, 12, 3, 14, 37, 54, tzinfo=UTC)),
        ("processed_at", "2018-12-03T14:37:54.25Z", datetime(2018, 12, 3, 14, 37, 54, 250000, tzinfo=UTC)),
        ("created_at", 1543847761, datetime(2018, 12, 3, 14, 36, 1, tzinfo=UTC)),
        ("created_at", 1543847761.0, datetime(2018, 12, 3, 14, 36, 1, tzinfo=UTC)),
        ("created_at", "2018-12-03T14:36:01+00:00", datetime(2018, 12, 3, 14, 36, 1, tzinfo=UTC)),
        ("created_at", "2018-12-03T14:36:01", datetime(2018, 12, 3, 14, 36, 1, tzinfo=UTC)),
        ("latest_called_at", None, None),
        ("latest_called_at", "2018-12-03T14:36:38", datetime(2018, 12, 3, 14, 36, 38, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_every_form_and_are_aware(field: str, written: object, meant: datetime | None) -> None:
    read = getattr(parse(delivery(**{field: written}), JSON), field)
    assert read == meant
    assert read is None or read.tzinfo is not None


@given(
    moment=st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(9999, 12, 30)),
    minutes=st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_an_instant_is_the_same_however_it_is_written(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=UTC)
    elsewhere = aware.astimezone(timezone(timedelta(minutes=minutes))) if moment.year > 1970 else aware
    written = [elsewhere.isoformat(), aware.isoformat(), moment.isoformat()]
    assert {parse(delivery(processed_at=text), JSON).processed_at for text in written} == {aware}


@pytest.mark.parametrize(("written", "meant"), [(1, "1"), (1.0, "1"), (10**15, "1000000000000000"), ("01", "01")])
def test_a_number_names_the_same_lead_as_its_digits(written: object, meant: str) -> None:
    assert parse(delivery(lead_id=written), JSON).lead_id == meant


REFUSED: dict[str, list[Any]] = {
    "lead_id": [-1, 1.5, 2**53, True, None, "", " a", "a\x00b", "a" * 256, [], {}],
    "phone_number": [9876543210, "9876543210", "+9198765", None, "+91987654321०"],
    "contact_name": [7, "", "   ", "a\nb", None, False],
    "campaign_id": [7, "", "a/b", "a" * 65, None],
    "created_at": [-1, 1.5, 10**12, True, None, "1543847761", "2018-12-03", "yesterday"],
    "processed_at": [1543847761, None, "1543847761", "2018-02-30T00:00:00", "2018-12-03T14:37"],
    "latest_called_at": [1543847761, "", "2018-12-03T24:00:01"],
    "latest_recording_url": [7, [], False],
    "lead_outcome": [0, None, []],
    "lead_responses": [None, [], "yes", 1],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in REFUSED.items() for value in values])
def test_what_the_document_does_not_allow_is_refused_by_the_name_of_its_field(field: str, value: object) -> None:
    with pytest.raises(DeliveryError, match=field) as caught:
        parse(delivery(**{field: value}), JSON)
    assert caught.value.status == 400
    assert set(caught.value.fields) == {field}


def test_every_missing_field_is_named() -> None:
    with pytest.raises(DeliveryError) as caught:
        parse(b"{}", JSON)
    assert set(caught.value.fields) == set(ProcessedLead.model_fields)
    assert isinstance(caught.value, SquadIQError)
    assert caught.value.operation == "leadProcessed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"3",
        b"{",
        b"\xff\xfe{}",
        delivery()[:-1],
        delivery() + b"}",
        delivery().decode().encode("utf-16"),
        b'{"lead_responses": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"lead_responses": {"a": NaN}}',
        b'{"lead_responses": {"a": "\\ud800"}}',
        b'{"lead_id": ' + b"9" * 10_000 + b"}",
    ],
)
def test_bytes_that_are_not_a_json_object_are_refused(body: bytes) -> None:
    with pytest.raises(DeliveryError) as caught:
        parse(body, JSON)
    assert (caught.value.status, dict(caught.value.fields)) == (400, {})


def test_a_body_that_is_too_large_is_refused_unread() -> None:
    with pytest.raises(DeliveryError, match=f"{MAX_BODY_BYTES} bytes") as caught:
        parse(b"x" * (MAX_BODY_BYTES + 1), JSON)
    assert caught.value.status == 413
    body = delivery()
    assert parse(body, JSON, max_body_bytes=len(body)).raw_payload == body
    with pytest.raises(DeliveryError):
        parse(body, JSON, max_body_bytes=len(body) - 1)


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"content-type": "text/plain"}, "Content-Type"),
        ({"CONTENT-TYPE": "application/x-www-form-urlencoded"}, "Content-Type"),
        ({"Content-Encoding": "gzip"}, "Content-Encoding"),
        ({"Content-Length": "3"}, "Content-Length"),
        ({"content-length": "9" * 5000}, "Content-Length"),
    ],
)
def test_headers_that_contradict_the_body_are_refused(headers: dict[str, str], reason: str) -> None:
    with pytest.raises(DeliveryError, match=reason):
        parse(delivery(), headers)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "Application/JSON; charset=utf-8", "Content-Encoding": "identity"},
        {"Content-Length": str(len(delivery()))},
        {"Content-Length": "many"},
    ],
)
def test_headers_that_agree_with_the_body_are_taken(headers: dict[str, str]) -> None:
    assert parse(delivery(), headers).contact_name == NAME


def test_neither_errors_nor_reprs_tell_anything_about_a_person() -> None:
    shown = [repr(parse(delivery(), JSON)), str(parse(delivery(), JSON))]
    for field in payload():
        for value in (f"{PHONE_NUMBER}\n{NAME}", [PHONE_NUMBER, NAME], {NAME: PHONE_NUMBER}, 9876501234, True):
            try:
                parse(delivery(**{field: value}), JSON)
            except DeliveryError as error:
                shown += [*traceback.format_exception(error), repr(error), repr(error.fields)]
    for cut in range(len(delivery())):
        with pytest.raises(DeliveryError) as caught:
            parse(delivery()[:cut], JSON)
        shown.append(str(caught.value))
    assert not [text for text in shown for secret in PERSONAL if secret in text]


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(changes=st.dictionaries(st.sampled_from(list(payload())), JSON_VALUES, max_size=3), cut=st.integers(0, 900))
def test_every_delivery_is_either_a_lead_or_a_delivery_error(changes: dict[str, Any], cut: int) -> None:
    body = delivery(**changes)
    for attempt in (body, body[:cut]):
        try:
            lead = parse(attempt, JSON)
        except DeliveryError:
            continue
        assert lead.raw_payload == attempt
        assert lead.processed_at.tzinfo is not None


@given(body=st.binary(max_size=200))
def test_arbitrary_bytes_are_a_delivery_error(body: bytes) -> None:
    with pytest.raises(DeliveryError):
        parse(body, JSON)
