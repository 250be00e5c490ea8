"""What a repr of anything of squadiq shows: nothing that was sent, came, or lets anybody in."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

import squadiq
from squadiq import AsyncSquadIQ, Lead, RawResponse, SquadIQ
from squadiq.auth import AccessToken
from squadiq.exchange import Call, Exchange
from squadiq.inbox import Inbox
from squadiq.policy import CallPolicy
from squadiq.quota import MemoryStore
from squadiq.webhooks import AsgiWebhook, BasicCredentials, Callers, HeaderSecret, UrlSecret, WsgiWebhook
from squadiq.webhooks.callers import Secret

SECRET = "s3cret-of-Asha"
SECRETS = (SECRET, "Asha", "98765", "43210")

OUTSIDE = ("squadiq.mock", "squadiq.contract", "squadiq.cli", "squadiq.spec")
"""Tools for developers; their tests look at what they show."""

PUBLIC = frozenset(
    "campaign_id client error failure field handler host method name operation reason state user".split()  # noqa: SIM905
)
"""Names of fields that hold words of our own, or what is no secret."""

REDACTED = {
    "EndpointResponse": {"headers"},  # of the webhook's own response
    "ResultClaim": {"handled_by", "token"},  # names of functions, and of the lease
    "QueueClaim": {"token"},  # of the lease
    "QueueTable": {"alike", "blocking", "order"},  # names of columns and states
    "OutboxClaim": {"token"},
    "StoredEntry": {"code"},
    "Refusal": {"code", "reason"},  # words of ours, and SquadIQ's without what was sent
    "Purpose": {"after_loss"},  # words of ours
    "ChangeCounts": {"rejected"},  # codes
    "ChangeResult": {"ledger", "notes"},  # a path, or a URL without its password
    "Columns": {"dropped", "fields", "lead_id_from", "types"},  # names of columns
    "Dialect": {"delimiter", "encoding", "notes"},
    "Entry": {"code", "reason"},
    "Mark": {"handled_by"},
    "PushCounts": {"rejected"},
    "PushResult": {"ledger", "notes", "source"},
    "Rejection": {"code"},
    "Exchange": {"address"},  # of the base URL and of a proxy: hosts and ports
    "Scope": {"service"},  # the base URL, which has no user
    "Source": {"name", "notes"},
    "SquadIQMock": {"url"},  # the mock's own address
    "LeadError": {"lead_id", "errors"},
    "Problem": {"lead_id"},
    "ErrorBody": {"detail", "fields", "leads", "lead_ids"},
}
"""Fields that a repr may show since what was sent, or came, was taken out before."""

MAY_HOLD_TEXT = re.compile(r"^(?!Callable).*\b(str|bytes|Any|object|dict|Mapping|Sequence)\b")


def classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(squadiq.__path__, "squadiq."):
        if not module.name.startswith(OUTSIDE) and not module.name.endswith("__main__"):
            for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass):
                if cls.__module__ == module.name:
                    yield cls


DATACLASSES = [cls for cls in classes() if dataclasses.is_dataclass(cls)]


@pytest.mark.parametrize("cls", DATACLASSES, ids=lambda cls: f"{cls.__module__}.{cls.__qualname__}")
def test_a_dataclass_shows_only_what_somebody_thought_about(cls: Any) -> None:
    """A new field of text, bytes or anything else that may hold some is hidden, or named above."""
    made = object.__new__(cls)
    for each in dataclasses.fields(cls):
        fine = each.name in PUBLIC | REDACTED.get(cls.__name__, set()) or not MAY_HOLD_TEXT.match(str(each.type))
        object.__setattr__(made, each.name, "fine" if fine else SECRET)
    assert SECRET not in repr(made)


EVERY: list[Any] = list(classes())
NAMED_TUPLES = [cls for cls in EVERY if tuple in cls.__mro__ and hasattr(cls, "_fields")]


@pytest.mark.parametrize("cls", NAMED_TUPLES, ids=lambda cls: f"{cls.__module__}.{cls.__qualname__}")
def test_a_named_tuple_shows_only_what_somebody_thought_about(cls: Any) -> None:
    """The same as of a dataclass."""
    types: dict[str, Any] = cls.__annotations__
    values = [SECRET if MAY_HOLD_TEXT.match(str(types[name])) else "fine" for name in cls._fields]
    assert SECRET not in repr(cls(*values))


def test_what_users_hold_in_their_hands_shows_no_secret(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "inbox.sqlite3")
    lead = Lead(lead_id="9876543210", phone_number="9876543210", contact_name="Asha", note=SECRET)
    headers = {"X-Key": SECRET}
    with SquadIQ(SECRET, quota="memory", headers=headers, base_url="https://api.example") as client:
        campaign = client.campaign("campaign-1")
        other = AsyncSquadIQ(SECRET, quota="memory", headers=headers)
        held = [client, campaign, campaign.get_leads(), other, other.campaign("campaign-1").get_leads(), lead, [lead]]
        held += [client.with_options(headers=headers), other.with_options(headers=headers)]
    secrets: list[Secret] = [UrlSecret(SECRET), HeaderSecret("X-Secret", SECRET), BasicCredentials("u", SECRET)]
    callers = Callers(secrets=secrets)
    call = Call("getLeads", CallPolicy())
    quota = MemoryStore(1, 1.0)
    exchange = Exchange(call, "host", SECRET.encode(), quota, now=float, utcnow=datetime.now, jitter=float)
    held += [AccessToken(SECRET), callers, secrets, exchange, RawResponse("getLeads", 200, headers, SECRET.encode())]
    held += [AsgiWebhook(inbox, callers), WsgiWebhook(inbox, callers)]
    for each in held:
        shown = repr(each) + str(each)
        assert not [secret for secret in SECRETS if secret in shown]


def test_a_request_on_its_way_shows_no_secret() -> None:
    """In a traceback with local variables, as error trackers send them, these stand."""
    seen: list[str] = []

    def respond(request: httpx.Request) -> httpx.Response:
        frame = inspect.currentframe()
        while frame is not None:
            if "/squadiq/" in frame.f_code.co_filename:
                named = {name: value for name, value in frame.f_locals.items() if name not in ("lead_id", "fields")}
                seen.extend(repr(value) for name, value in named.items() if name not in ("changes", "prepared"))
            frame = frame.f_back
        return httpx.Response(200, json={})

    with SquadIQ(SECRET, quota="memory", transport=httpx.MockTransport(respond), base_url="http://127.0.0.1") as client:
        client.campaign("campaign-1").update_lead("u1", contact_name="Asha", phone_number="9876543210", note=SECRET)
    assert seen
    assert not [text for text in seen for secret in SECRETS if secret in text and not text.startswith("{'method'")]
