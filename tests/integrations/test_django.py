"""A Django project as a user writes it, under real servers, with its command beside them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import URL

from squadiq import SquadIQ
from squadiq.errors import ConfigurationError
from squadiq.integrations import django as integration
from squadiq.integrations.django import conf
from squadiq.mock.server import running_mock
from squadiq.webhooks import Callers, HeaderSecret
from tests.webhooks.payloads import PERSONAL, delivery
from tests.webhooks.processes import Running, running
from tests.webhooks.serving import send

SECRET = {"X-Webhook-Secret": "long-enough"}
SETTINGS = """
import os
from squadiq.webhooks import HeaderSecret, UrlSecret

ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["shop", "squadiq.integrations.django"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware", "django.middleware.csrf.CsrfViewMiddleware"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}
ROOT_URLCONF = "project"
SECRET_KEY = "of a test"
SQUADIQ = {
    "CALLERS": [HeaderSecret("X-Webhook-Secret", "long-enough"), UrlSecret("in-the-path")],
    "CLIENT": {"access_token": os.environ.get("TOKEN"), "base_url": os.environ.get("URL"), "quota": "memory"},
}

from django.urls import path
from squadiq.integrations.django import lead_processed_view

urlpatterns = [path("hooks/squadiq", lead_processed_view), path("secret/<str:secret>", lead_processed_view)]
"""
HANDLERS = """
from squadiq.integrations.django import inbox

@inbox.on_processed
def take_outcome(lead):
    print(f"processed: {lead.lead_id}", flush=True)
"""
APPLICATIONS = "from django.core.{0} import get_{0}_application\napplication = get_{0}_application()\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "project.py").write_text(SETTINGS, "utf-8")
    for kind in ("wsgi", "asgi"):
        (tmp_path / f"by_{kind}.py").write_text(APPLICATIONS.format(kind), "utf-8")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "squadiq_handlers.py").write_text(HANDLERS, "utf-8")
    return tmp_path


def manage(project: Path, *arguments: str, **environment: str) -> Any:
    return running("django", *arguments, folder=project, DJANGO_SETTINGS_MODULE="project", **environment)


def ended(command: Running) -> str:
    command.process.wait(40)
    return command.log.read_text("utf-8")


@pytest.mark.parametrize(
    "server",
    [
        ("gunicorn", "--bind=127.0.0.1:0", "--threads=2", "--no-control-socket", "by_wsgi"),
        pytest.param(("uvicorn", "--port=0", "by_asgi:application"), marks=pytest.mark.unmeasured),
    ],
    ids=["wsgi", "asgi"],
)
def test_a_project_takes_deliveries_and_its_command_handles_them(server: tuple[str, ...], project: Path) -> None:
    with running(*server, folder=project, DJANGO_SETTINGS_MODULE="project") as serving:
        port = serving.port()
        tried = [
            send(port, delivery(lead_id="u1"), path="/hooks/squadiq", headers=SECRET),
            send(port, delivery(lead_id="u2"), path="/secret/in-the-path"),
            send(port, delivery(), path="/hooks/squadiq"),
            send(port, b"[]", path="/hooks/squadiq", headers=SECRET),
            send(port, path="/hooks/squadiq", headers=SECRET, method="GET"),
        ]
        assert [each.status for each in tried] == [201, 201, 403, 400, 405], serving.log.read_text("utf-8")
        assert serving.ends() in (0, -15)
    with manage(project, "squadiq_inbox", "--once") as command:
        said = ended(command)
    assert all(said.count(each) == 1 for each in ("processed: u1", "processed: u2", "handled 2 results")), said
    assert not [secret for secret in PERSONAL if secret in said]
    with closing(sqlite3.connect(project / "db.sqlite3")) as database:  # beside the project's own tables
        assert database.execute("SELECT count(*) FROM squadiq_inbox_results").fetchone() == (2,)


def test_the_command_runs_until_it_is_told_to_end_and_reads_what_was_missed(project: Path) -> None:
    with running_mock() as mock:
        lead = {"lead_id": "u1", "phone_number": "9876543210", "contact_name": "Asha"}
        with SquadIQ(mock.token, base_url=mock.url, quota="memory") as client:
            client.campaign("campaign-1").create_leads([lead])
        mock.advance(60)
        environment = {"TOKEN": mock.token, "URL": mock.url}
        with manage(project, "squadiq_inbox", "--backfill", "campaign-1", **environment) as command:
            command.printed("processed: u1")
            assert command.ends() == 0
            assert "handled 1 results" in command.log.read_text("utf-8")


def test_what_the_command_cannot_do_is_told_without_a_traceback(project: Path) -> None:
    with manage(project, "squadiq_inbox", "--concurrency", "0") as command:
        assert ended(command).startswith("CommandError: concurrency must be above zero")


def configure(monkeypatch: pytest.MonkeyPatch, squadiq: Any, **default: Any) -> None:
    monkeypatch.setattr("django.conf.settings", SimpleNamespace(SQUADIQ=squadiq, DATABASES={"default": default}))


def test_the_inbox_is_in_the_projects_own_database_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = "django.db.backends.postgresql"
    configure(monkeypatch, {}, ENGINE=engine, NAME="shop", USER="me", PASSWORD="p@ss", HOST="db", PORT="5433")
    assert conf.inbox_database() == URL.create("postgresql", "me", "p@ss", "db", 5433, "shop")
    configure(monkeypatch, {}, ENGINE=engine, NAME="shop", USER="", HOST="")
    assert conf.inbox_database() == URL.create("postgresql", database="shop")
    configure(monkeypatch, {"INBOX": "inbox.sqlite3"}, ENGINE=engine)
    assert conf.inbox_database() == "inbox.sqlite3"
    configure(monkeypatch, {}, ENGINE="django.db.backends.mysql", NAME="shop")
    with pytest.raises(ConfigurationError, match="SQUADIQ\\['INBOX'\\]"):
        conf.inbox_database()


def test_settings_of_another_form_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    configure(monkeypatch, [])
    with pytest.raises(ConfigurationError, match="SQUADIQ must be a mapping"):
        conf.configured()
    configure(monkeypatch, {"CALLER": []})
    with pytest.raises(ConfigurationError, match="SQUADIQ has no setting 'CALLER': did you mean 'CALLERS'"):
        conf.configured()
    callers = Callers(secrets=[HeaderSecret("X-Secret", "long-enough")])
    configure(monkeypatch, {"CALLERS": callers})
    assert conf.configured_callers() is callers
    configure(monkeypatch, {"CALLERS": "long-enough"})
    with pytest.raises(ConfigurationError, match="secrets: give"):
        conf.configured_callers()


def test_the_app_has_nothing_else_to_import() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'outbox'"):
        getattr(integration, "outbox")  # noqa: B009
