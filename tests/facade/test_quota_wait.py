"""That a call waits for the quota is told: logged once, and to a hook; and the environment says how large it is."""

from __future__ import annotations

import logging

import pytest

from squadiq import SquadIQ
from squadiq.cli import connection
from squadiq.errors import ConfigurationError
from squadiq.quota import MemoryStore
from tests.facade.test_client import TOKEN
from tests.facade.test_exchange import Response, World, call


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.INFO]


class Waits(list[tuple[str, float]]):
    """A hook that keeps what it hears."""

    def __call__(self, operation: str, seconds: float) -> None:
        self.append((operation, seconds))


def test_a_long_wait_is_logged_once_and_told_to_the_hook(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "squadiq")
    world, waits = World([Response(200), Response(503), Response(200)], hits=1), Waits()
    world.run(call(on_quota_wait=waits))
    assert (told(caplog), waits) == ([], [])
    world.run(call("deleteLead", deadline_seconds=300.0, on_quota_wait=waits))
    assert told(caplog) == ["deleteLead: waiting for a hit of the quota, 15.0 s at least"]
    assert [name for name, _ in waits] == ["deleteLead"]  # though it looked again, and waited for the second attempt
    assert world.time > 1115


def test_a_short_wait_is_told_to_the_hook_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "squadiq")
    world, waits = World([Response(200), Response(200)]), Waits()
    world.store = MemoryStore(1, 1.0, now=lambda: world.time)
    world.run(call())
    world.time += 0.5
    world.run(call(on_quota_wait=waits))
    assert told(caplog) == []
    assert len(waits) == 1


def test_a_hook_that_raises_does_not_cost_the_call(caplog: pytest.LogCaptureFixture) -> None:
    def fail(operation: str, seconds: float) -> None:
        raise RuntimeError("of my own")

    world = World([Response(200), Response(200)], hits=1)
    world.run(call())
    assert world.run(call(on_quota_wait=fail)).status_code == 200
    assert "on_quota_wait raised RuntimeError" in caplog.text


def test_a_command_says_so_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    tell = connection.told_now_and_then()
    tell("createLeads", 0.5)
    tell("createLeads", 12.4)
    tell("createLeads", 13.0)
    assert capsys.readouterr().err == "squadiq: waiting for a hit of the quota, 12 s at least\n"


def test_the_environment_says_how_large_the_quota_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_HITS", "300")
    monkeypatch.setenv("SQUADIQ_QUOTA_WINDOW_SECONDS", "30.5")
    with SquadIQ(TOKEN, quota="memory") as client, SquadIQ(TOKEN, quota="memory", quota_hits=7) as other:
        assert (client.quota.snapshot().limit, client.quota.snapshot().window_seconds) == (300, 30.5)
        assert (other.quota.snapshot().limit, other.quota.snapshot().window_seconds) == (7, 30.5)


@pytest.mark.parametrize("variable", ["SQUADIQ_QUOTA_HITS", "SQUADIQ_QUOTA_WINDOW_SECONDS"])
@pytest.mark.parametrize("value", ["many", "0", "-1", "1e400", "nan"])
def test_a_quota_that_cannot_be_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=variable):
        SquadIQ(TOKEN, quota="memory")


def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_QUOTA_HITS", "")
    with SquadIQ(TOKEN, quota="memory") as client:
        assert client.quota.snapshot().limit == 100
