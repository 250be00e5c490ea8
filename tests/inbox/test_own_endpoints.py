"""Leads that an application hands to the inbox itself: as a view's argument, made by hand, changed, copied."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from squadiq_generated.models import ProcessedLead

from squadiq.errors import InvalidInputError, SquadIQError
from squadiq.inbox import Inbox
from squadiq.inbox.arrivals import arrival_of
from squadiq.inbox.payloads import lead_of
from squadiq.webhooks import DeliveredLead, DeliveryError, parse
from tests.inbox.conftest import OpenInbox
from tests.webhooks.payloads import PERSONAL, PHONE_NUMBER, delivery, payload
from tests.webhooks.processes import ROOT, running
from tests.webhooks.serving import send, serving

RESPONSES = {"plan": "Lite", "score": 4.5, "called": [1, None, {"deep": True}], "आशा": "🙂"}


def stored(inbox: Inbox, lead_id: str = "test_lead_id") -> DeliveredLead:
    """The one result of a lead, as it is read back."""
    (result,) = inbox.results("campaign-1", lead_id)
    return result.lead


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_lead_that_is_the_body_of_a_fastapi_endpoint_is_stored_whole(open_inbox: OpenInbox, kind: str) -> None:
    inbox = open_inbox()
    app = FastAPI()
    handled: list[DeliveredLead] = []
    inbox.on_processed(handled.append)

    async def hook(lead: DeliveredLead) -> None:
        await inbox.receive_async(lead)

    def blocking_hook(lead: DeliveredLead) -> None:
        inbox.receive(lead)

    hook.__annotations__ = blocking_hook.__annotations__ = {"lead": DeliveredLead, "return": None}
    app.post("/hook", status_code=201)(hook if kind == "async" else blocking_hook)
    sent = payload(lead_responses=RESPONSES, shoe_size=43, created_at=1543847761, lead_id=7)
    with serving("asgi", app) as port:
        statuses = [
            send(port, json.dumps(body).encode(), path="/hook").status
            for body in (sent, sent, {**sent, "lead_id": 7.0}, {**sent, "processed_at": 1543847761}, {})
        ]
    assert statuses == [201, 201, 201, 422, 422]
    assert stored(inbox, "7") == parse(json.dumps(sent).encode(), {})
    assert stored(inbox, "7").model_extra == {"shoe_size": 43}
    assert inbox.run(once=True) == 1
    assert handled == [parse(json.dumps(sent).encode(), {})]


def test_a_lead_that_a_flask_view_validates_is_stored_whole(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    app = Flask(__name__)

    @app.post("/hook")
    def hook() -> tuple[str, int]:
        inbox.receive(DeliveredLead.model_validate(request.get_json()))
        return "", 201

    with serving("wsgi", app) as port:
        assert send(port, delivery(lead_responses=RESPONSES, shoe_size=43), path="/hook").status == 201
    assert stored(inbox) == parse(delivery(lead_responses=RESPONSES, shoe_size=43), {})


WAYS: list[Callable[[DeliveredLead], DeliveredLead]] = [
    lambda lead: DeliveredLead.model_validate(payload(lead_responses=RESPONSES, shoe_size=43)),
    lambda lead: DeliveredLead(**payload(lead_responses=RESPONSES, shoe_size=43)),
    lambda lead: DeliveredLead.model_validate(lead.model_dump()),
    lambda lead: DeliveredLead.model_validate_json(lead.model_dump_json()),
    lambda lead: pickle.loads(pickle.dumps(lead)),
    lambda lead: copy.deepcopy(lead),
    lambda lead: lead.model_copy(),
    lambda lead: lead,
]


@pytest.mark.parametrize("make", WAYS)
def test_however_a_lead_is_made_it_is_read_back_equal(
    open_inbox: OpenInbox, make: Callable[[DeliveredLead], DeliveredLead]
) -> None:
    made = make(parse(delivery(lead_responses=RESPONSES, shoe_size=43), {}))
    inbox = open_inbox()
    inbox.receive(made)
    assert stored(inbox) == made == parse(delivery(lead_responses=RESPONSES, shoe_size=43), {})


@pytest.mark.parametrize(
    "changes",
    [
        {"lead_outcome": "Not interested"},
        {"lead_id": "another"},
        {"lead_responses": {"plan": True}},
        {"shoe_size": True},
        {"shoe_size": 1.0},
        {"shoe_size": None},
        {"new": "field"},
    ],
)
def test_a_changed_lead_is_stored_with_its_changes(open_inbox: OpenInbox, changes: dict[str, Any]) -> None:
    inbox = open_inbox()
    changed = parse(delivery(shoe_size=1), {}).model_copy(update=changes)
    inbox.receive(changed)
    kept = stored(inbox, changed.lead_id)
    assert kept == changed
    assert json.loads(kept.raw_payload) == json.loads(changed.model_dump_json())


def test_a_field_that_is_changed_in_place_is_stored_as_it_is_now(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    lead = parse(delivery(lead_responses={"plan": "Lite"}), {})
    lead.lead_responses["plan"] = "Full"
    inbox.receive(lead)
    assert stored(inbox).lead_responses == {"plan": "Full"}


def test_a_processed_lead_that_was_not_delivered_is_stored_too(open_inbox: OpenInbox) -> None:
    inbox = open_inbox()
    inbox.receive(ProcessedLead.model_validate(payload()))
    assert stored(inbox) == parse(delivery(), {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(responses=st.dictionaries(st.text(max_size=5), JSON, max_size=3), extra=JSON, when=st.datetimes())
def test_whatever_fields_a_lead_has_what_is_written_of_it_is_read_back_equal(
    responses: dict[str, Any], extra: Any, when: Any
) -> None:
    lead = DeliveredLead.model_validate(payload(lead_responses=responses, extra=extra, processed_at=when))
    assert lead_of(arrival_of(lead).payload) == lead


def circular() -> list[Any]:
    ends: list[Any] = []
    ends.append(ends)
    return ends


@pytest.mark.parametrize(
    "changes",
    [
        {"lead_id": None},
        {"campaign_id": None},
        {"processed_at": "soon"},
        {"extra": object()},
        {"extra": "\ud800"},
        {"lead_responses": {"a": circular()}},
    ],
)
def test_a_lead_that_cannot_be_kept_is_refused_without_a_word_about_the_person(
    open_inbox: OpenInbox, changes: dict[str, Any]
) -> None:
    inbox = open_inbox()
    lead = parse(delivery(), {}).model_copy(update=changes)
    with pytest.raises(DeliveryError) as caught:
        inbox.receive(lead)
    with pytest.raises(DeliveryError):
        asyncio.run(inbox.receive_async(lead))
    assert not [secret for secret in PERSONAL if secret in str(caught.value)]
    assert inbox.counts()["waiting"] == 0


@pytest.mark.parametrize("lead", [None, PHONE_NUMBER, {"phone_number": PHONE_NUMBER}, delivery()])
def test_what_is_no_lead_is_refused_by_its_type(open_inbox: OpenInbox, lead: Any) -> None:
    with pytest.raises(InvalidInputError, match="lead is no DeliveredLead") as caught:
        open_inbox().receive(lead)
    assert isinstance(caught.value, SquadIQError)
    assert PHONE_NUMBER not in str(caught.value)


def test_leads_are_equal_by_their_fields_and_not_by_how_they_came() -> None:
    lead = parse(delivery(shoe_size=43), {})
    assert lead == DeliveredLead.model_validate(payload(shoe_size=43))
    assert lead != DeliveredLead.model_validate(payload(shoe_size=44))
    assert lead != DeliveredLead.model_validate(payload(shoe_size=43, lead_outcome="Other"))
    assert lead != "a lead"


def test_the_own_view_of_the_documentation_responses_as_squadiq_expects(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text("utf-8")
    program = page.partition("# own_view.py\n")[2].partition("```")[0]
    (tmp_path / "own_view.py").write_text(program, "utf-8")
    with running("uvicorn", "own_view:app", "--port=0", folder=tmp_path) as server:
        port = server.port()
        statuses = [
            send(port, body, path="/hooks/squadiq").status
            for body in (delivery(shoe_size=43), delivery(), b"{}", b"[]", b"{", delivery(lead_id=True))
        ]
        answered = send(port, delivery(processed_at=PHONE_NUMBER), path="/hooks/squadiq")
        server.printed("processed: test_lead_id")
        (tmp_path / "squadiq-inbox.sqlite3").unlink()
        (tmp_path / "squadiq-inbox.sqlite3").mkdir()
        statuses.append(send(port, delivery(lead_id="late"), path="/hooks/squadiq").status)
    assert statuses == [201, 201, 400, 400, 400, 400, 503]
    assert not [secret for secret in PERSONAL if secret.encode() in answered.body]
