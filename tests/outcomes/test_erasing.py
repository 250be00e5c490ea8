"""`squadiq leads delete --everywhere`: nothing of a lead is left, or it is said where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from squadiq import SquadIQ
from squadiq.inbox import Inbox
from squadiq.outbox import Outbox
from squadiq.push.ledger import Ledger
from squadiq.push.run import default_ledger
from tests.outcomes.conftest import Listing, outcome
from tests.outcomes.test_command import run
from tests.push.conftest import lead
from tests.servers import ActingServer, Action, Reply, Reset, Seen


@pytest.fixture
def listing() -> Listing:
    class Creating(Listing):
        def __call__(self, seen: Seen) -> Action:
            return Reply(201, seen.json) if "/create/" in seen.target else super().__call__(seen)

    return Creating(*map(outcome, range(3)))


@pytest.fixture
def places(inbox: Inbox, client: SquadIQ, tmp_path: Path) -> dict[str, str]:
    """Where something of lead L1 is, beside SquadIQ and the ledger."""
    assert client.campaign().push_leads([lead(1), lead(2)]).counts.created == 2
    with Outbox(tmp_path / "outbox.sqlite3") as outbox:
        outbox.create_leads("c1", [lead(1)])
    table = f"sqlite:///{tmp_path}/target.sqlite3"
    assert run("outcomes", "sync", "--to", table).exit_code == 0
    databases = {name: str(tmp_path / f"{name}.sqlite3") for name in ("outbox", "inbox")}
    return {**databases, "outcomes": table}


def options(places: dict[str, str]) -> list[str]:
    return [word for name, place in places.items() for word in (f"--{name}", place)]


def test_a_lead_is_deleted_in_every_place_and_again_does_no_harm(
    places: dict[str, str], listing: Listing, inbox: Inbox, service: ActingServer
) -> None:
    done = run("leads", "delete", "L1", "--everywhere", *options(places))
    assert done.exit_code == 0, done.output
    expected = [
        "outbox   1 erased",
        "squadiq  1 deleted",
        "inbox    1 erased",
        "outcomes 1 erased",
        "ledger   1 erased",
    ]
    assert done.stdout.splitlines() == expected
    assert [lead["lead_id"] for lead in listing.leads] == ["L0", "L2"]
    assert not inbox.results("c1", "L1")
    ledger = Ledger(default_ledger(), service=service.url, campaign_id="c1", source="")
    ledger.open(alone=False)
    assert ledger.of_lead("L1") is None
    assert ledger.of_lead("L2") is not None
    ledger.close()
    done = run("leads", "delete", "L1", "--everywhere", *options(places), "--json")
    assert done.exit_code == 0
    erased = {"erased": 0}
    places_told = {"outbox": erased, "squadiq": {"deleted": 0}, "inbox": erased, "outcomes": erased, "ledger": erased}
    assert json.loads(done.stdout) == places_told


@pytest.mark.parametrize("instead", [Reset(), Reply(404, b"<html>", {"Content-Type": "text/html"})])
def test_what_could_not_be_reached_is_said_and_the_rest_is_done(
    places: dict[str, str], listing: Listing, tmp_path: Path, instead: Action
) -> None:
    gone: dict[str, str] = {**places, "outcomes": f"sqlite:///{tmp_path}/other.sqlite3", "outbox": str(tmp_path / "no")}
    listing.before = lambda hit: instead
    done = run("leads", "delete", "L1", "--everywhere", *options(gone), "--json")
    assert done.exit_code == 1
    told: dict[str, Any] = json.loads(done.stdout)
    assert [name for name, what in told.items() if "error" in what] == ["outbox", "squadiq", "outcomes"]
    assert told["inbox"] == told["ledger"] == {"erased": 1}
    assert "NOT DELETED EVERYWHERE: outbox, squadiq, outcomes" in done.stderr
    done = run("leads", "delete", "L1", "--everywhere", *options(gone))
    assert "outbox   0 erased; could not be reached: " in done.stdout
    done = run("leads", "delete", "L1", "--everywhere", "--inbox", "no_such_module:inbox")
    assert "inbox    0 erased; could not be reached: there is no module 'no_such_module'" in done.stdout


@pytest.mark.usefixtures("service")
def test_places_that_are_not_named_are_named(tmp_path: Path) -> None:
    done = run("leads", "delete", "L1", "--everywhere")
    assert done.exit_code == 0
    said = [f"{name:<8} not asked; give --{name}" for name in ("outbox", "inbox", "outcomes")]
    assert done.stdout.splitlines() == [
        said[0],
        "squadiq  1 deleted",
        *said[1:],
        f"ledger   there is no ledger {default_ledger()}",
    ]
    assert (
        json.loads(run("leads", "delete", "L1", "--everywhere", "--json").stdout)["inbox"] == "not asked; give --inbox"
    )
    for words in (["L1", "--inbox", "x"], ["--file", "x.csv", "--everywhere"]):
        done = run("leads", "delete", *words)
        assert done.exit_code == 2
        assert "everywhere" in done.stderr
    in_the_way = tmp_path / "ledger.sqlite3"
    in_the_way.write_text("no database", "utf-8")
    done = run("leads", "delete", "L0", "--everywhere", "--ledger", in_the_way)
    assert done.exit_code == 1
    assert "ledger" in done.stderr
