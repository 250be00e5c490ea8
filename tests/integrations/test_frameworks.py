"""The webhook in FastAPI and Flask, under real servers."""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask

from squadiq.errors import ConfigurationError
from squadiq.inbox import Inbox, InboxError
from squadiq.integrations.fastapi import webhook_router
from squadiq.integrations.flask import webhook_blueprint
from squadiq.webhooks import Callers, DeliveredLead, HeaderSecret, UrlSecret
from tests.webhooks.payloads import delivery
from tests.webhooks.serving import send, serving

SECRET = {"X-Webhook-Secret": "long-enough"}
CALLERS = Callers(secrets=[HeaderSecret("X-Webhook-Secret", "long-enough"), UrlSecret("in-the-path")])


def ignore(lead: DeliveredLead) -> None:
    """Handle a lead."""


def framework(kind: str, inbox: Inbox) -> Any:
    if kind == "asgi":
        app = FastAPI(lifespan=inbox.lifespan)
        app.include_router(webhook_router(inbox, CALLERS, max_body_bytes=10_000))
        app.include_router(webhook_router(inbox, CALLERS, path="/secret/{secret}"))
        return app
    flat = Flask(__name__)
    flat.register_blueprint(webhook_blueprint(inbox, CALLERS, max_body_bytes=10_000))
    flat.register_blueprint(webhook_blueprint(inbox, CALLERS, path="/secret/<secret>"), name="with a secret")
    return flat


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
def test_deliveries_are_taken_and_refused_as_the_document_says(kind: str, tmp_path: Path) -> None:
    with Inbox(tmp_path / "inbox.sqlite3") as inbox:
        inbox.on_processed(ignore)
        with serving(kind, framework(kind, inbox)) as port:
            tried = [
                send(port, delivery(lead_id="u1"), path="/hooks/squadiq", headers=SECRET),
                send(port, delivery(lead_id="u1"), path="/hooks/squadiq", headers=SECRET),
                send(port, delivery(lead_id="u2"), path="/secret/in-the-path"),
                send(port, delivery(), path="/secret/another"),
                send(port, delivery(), path="/hooks/squadiq"),
                send(port, b"[]", path="/hooks/squadiq", headers=SECRET),
                send(port, b" " * 10_001, path="/hooks/squadiq", headers=SECRET),
                send(port, path="/hooks/squadiq", headers=SECRET, method="GET"),
            ]
        assert [each.status for each in tried] == [201, 201, 201, 403, 403, 400, 413, 405]
        assert tried[0].json == {"lead_id": "u1"}
        assert len(inbox.results("campaign-1", "u1")) == 1


def test_the_lifespan_handles_what_comes_and_stops_with_the_application(tmp_path: Path) -> None:
    handled: list[str] = []
    done = asyncio.Event()
    inbox = Inbox(tmp_path / "inbox.sqlite3")

    @inbox.on_processed
    async def take_outcome(lead: DeliveredLead) -> None:
        handled.append(lead.lead_id)
        done.set()

    async def live() -> None:
        async with inbox.lifespan(FastAPI()):
            await inbox.receive_async(DeliveredLead.model_validate_json(delivery(lead_id="u1")))
            await asyncio.wait_for(done.wait(), 30)
        async with inbox.lifespan():
            pass  # it ends before handling has begun
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(live())
    assert handled == ["u1"]


def test_an_application_that_cannot_store_or_handle_does_not_start(tmp_path: Path) -> None:
    async def live(inbox: Inbox) -> None:
        async with inbox.lifespan():
            pass

    with pytest.raises(ConfigurationError, match="no handler"):
        asyncio.run(live(Inbox(tmp_path / "inbox.sqlite3")))
    (tmp_path / "broken.sqlite3").write_bytes(b"no database" * 1000)
    broken = Inbox(tmp_path / "broken.sqlite3")
    broken.on_processed(ignore)
    with pytest.raises(InboxError):
        asyncio.run(live(broken))


class Broken(Inbox):
    async def run_async(self, **options: Any) -> int:
        raise InboxError("of +919876543210")


def test_handling_that_ends_by_itself_is_told_at_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    inbox = Broken(tmp_path / "inbox.sqlite3")
    inbox.on_processed(ignore)
    told: list[str] = []

    async def live() -> None:
        async with inbox.lifespan():
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            told.extend(record.getMessage() for record in caplog.records if record.levelno == logging.ERROR)

    asyncio.run(live())
    assert told == ["The inbox has stopped handling: InboxError. Deliveries are stored; start it again."]


def test_the_payload_stands_in_the_openapi_document(tmp_path: Path) -> None:
    app = framework("asgi", Inbox(tmp_path / "inbox.sqlite3"))
    operation = app.openapi()["paths"]["/hooks/squadiq"]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert {"lead_id", "lead_outcome", "processed_at"} <= schema["properties"].keys()
    assert operation["responses"].keys() == {"201", "400", "403", "413", "503"}
    assert "long-enough" not in json.dumps(app.openapi())


@pytest.mark.parametrize("package", ["fastapi", "flask", "django"])
def test_a_framework_that_is_missing_is_named_with_its_command(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None\nimport squadiq.integrations.{package}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"{package} is not installed. Install it with: pip install {package}" in done.stderr
