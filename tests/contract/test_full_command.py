"""`squadiq contract full` asks before it sends, and tells everything that it knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from squadiq.cli import app
from squadiq.contract import full
from squadiq.contract.full import Effort
from squadiq.mock.server import RunningMock, running_mock
from tests.contract.recording import CAMPAIGN, TOKEN

LITTLE = Effort(sequence_seeds=(1,), sequences=1, schemathesis_seeds=())


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_ACCESS_TOKEN", TOKEN)
    monkeypatch.setattr(full, "SHORT", LITTLE)


def command(*arguments: str, response: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["contract", "full", *arguments], input=response)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert TOKEN not in done.output
    return done.exit_code, done.output


def at(mock: RunningMock, *more: str) -> list[str]:
    return ["--target", mock.url, "--campaign", CAMPAIGN, "--disposable", CAMPAIGN, "--hits-per-minute", "0", *more]


def test_the_plan_comes_first_and_may_be_declined() -> None:
    with running_mock(tokens=(TOKEN,), rate=0) as mock:
        code, output = command(*at(mock), response="n\n")
    assert code == 1
    assert output.index("whose data may be thrown away") < output.index("Go on?")
    assert "hits," not in output


def test_a_good_server_is_told_with_its_readings_on_the_terminal_and_in_files(tmp_path: Path) -> None:
    with running_mock(tokens=(TOKEN,), rate=0) as mock:
        code, output = command(*at(mock, "--control", mock.url, "--report", str(tmp_path)), response="y\n")
    assert (code, "0 found something, 2 open" in output) == (0, True), output
    for each in (output, (tmp_path / "contract.html").read_text("utf-8")):
        assert "This server: a repeated lead_id is refused" in each
    assert (tmp_path / "contract.xml").exists()


def test_a_process_hook_that_fails_is_told_before_anything_is_sent() -> None:
    with running_mock(tokens=(TOKEN,), rate=2) as mock:
        code, output = command(*at(mock, "--yes", "--process-hook", "false"))
    assert code == 2
    assert "It could not begin: the process hook ended with 1" in output


def test_a_phone_number_that_is_none_is_named_and_nothing_is_sent() -> None:
    with running_mock(tokens=(TOKEN,), rate=2) as mock:
        code, output = command(*at(mock, "--yes", "--deep", "--phone-number", "12345"))
    assert (code, "phone_number" in output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "https://api.squadiq.in", "--campaign", "c", "--disposable", "c"], "never disposable"),
        (
            ["--target", "https://api.squadiq.in", "--campaign", "c", "--disposable", "c", "--host", "api.squadiq.in"],
            "never",
        ),
        (["--target", "https://staging.test", "--campaign", "c", "--disposable", "c"], "--host"),
        (["--target", "http://127.0.0.1:9", "--campaign", "c", "--disposable", "d"], "name the campaign again"),
        (["--target", "http://staging.test", "--campaign", "c", "--disposable", "c"], "in the clear"),
    ],
)
def test_what_is_not_disposable_is_refused_before_anything_is_sent(arguments: list[str], message: str) -> None:
    code, output = command(*arguments, "--yes")
    assert code == 2
    assert message in " ".join(output.split())
