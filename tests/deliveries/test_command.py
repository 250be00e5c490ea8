"""`squadiq mock --webhook-url`: as a person runs it, and as it is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.mock.test_command import create, started
from tests.servers import Reply, Stall, acting_server


def test_a_killed_mock_delivers_the_rest_after_its_next_start(tmp_path: Path) -> None:
    options = ["--db", str(tmp_path / "mock.sqlite3"), "--process-after", "1", "--speed", "100", "--rate", "0"]
    options += ["--webhook-header", "X-Webhook-Secret: s3cret", "--webhook-trouble", "duplicates, cuts"]
    with acting_server(Stall()) as server, started(*options, "--webhook-url", f"{server.url}/s3cret") as mock:
        for number in range(5):
            assert create(mock.url, str(number)) == 201
        assert "s3cret" not in "".join(mock.lines)
        assert mock.lines[2] == f"Processed leads go to 127.0.0.1, and are listed at {mock.url}/_mock/deliveries"
        mock.process.kill()
        mock.process.wait(20)
    with acting_server(Reply(201)) as server, started(*options, "--webhook-url", server.url) as mock:
        response = httpx.get(f"{mock.url}/_mock/deliveries?wait_for=5&timeout_seconds=30", timeout=40)
        assert response.json()["leads_acknowledged"] == 5
        assert mock.end() == "Ended.\n"
    assert {seen.headers["x-webhook-secret"] for seen in server.seen} == {"s3cret"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--webhook-url", "you.example"], "webhook_url: give an http:// or https:// URL"),
        (
            ["--webhook-url", "http://a", "--webhook-header", "s3cret"],
            "--webhook-header: give a header as 'Name: value'",
        ),
        (["--webhook-url", "http://a", "--webhook-trouble", "rain"], "webhook_trouble: give some of duplicates"),
    ],
)
def test_a_wrong_option_is_named_and_no_secret_is_shown(options: list[str], words: str) -> None:
    command = [sys.executable, "-m", "squadiq", "mock", "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "300"})
    assert done.returncode == 2
    assert words in done.stderr
    assert "s3cret" not in done.stderr
