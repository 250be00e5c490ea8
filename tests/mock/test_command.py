"""The command `squadiq mock`, as a person runs it."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from squadiq.mock.server import bound_socket


@dataclass
class Started:
    """The command while it runs, with the lines that it printed first."""

    process: subprocess.Popen[str]
    lines: list[str]

    @property
    def url(self) -> str:
        return self.lines[0].rpartition(" ")[2]

    def end(self) -> str:
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=20)
        return rest


@contextmanager
def started(*options: str) -> Generator[Started]:
    command = [sys.executable, "-m", "squadiq", "mock", "--port", "0", *options]
    environment = {**os.environ, "COLUMNS": "80"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C"):
                break
        try:
            yield Started(process, lines)
        finally:
            process.kill()


def create(url: str, lead_id: str, token: str = "test_token") -> int:
    body = {"lead_id": lead_id, "phone_number": "9876543210", "contact_name": "Asha Rao"}
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.post(f"{url}/api/v4/leads/create/c1/", json=body, headers=headers).status_code


def test_the_first_lines_say_where_it_is_and_what_to_paste() -> None:
    with started() as mock:
        assert re.fullmatch(r"SquadIQ mock on http://127\.0\.0\.1:\d+", mock.lines[0])
        assert mock.lines[1:3] == ["Access token: test_token", f"Try it, and watch it in a browser at {mock.url}/:"]
        words = shlex.split("\n".join(mock.lines[4:-2]))
        assert words[:2] == ["curl", f"{mock.url}/api/v4/leads/create/campaign-1/"]
        body = json.loads(words[words.index("--data-binary") + 1])
        headers = dict(word.split(": ") for word in words if ": " in word and word.startswith(("Auth", "Content")))
        reply = httpx.post(words[1], json=body, headers=headers)
        assert (reply.status_code, reply.json()) == (201, [{"lead_id": "1"}])
        assert create(mock.url, "a") == 201
        rest = mock.end()
        assert mock.process.returncode == 0
    assert rest == "Ended.\n", "no access log, nothing of a lead"


def test_the_options_reach_the_mock(tmp_path: Path) -> None:
    options = ["--token", "one", "--token", "two", "--rate", "5", "--db", str(tmp_path / "mock.sqlite3")]
    options += ["--seed", "3", "--process-after", "100", "--speed", "2", "--duplicate-leads", "replace"]
    with started(*options) as mock:
        assert mock.lines[1] == "Access token: one"
        assert [create(mock.url, "a", "one") for _ in range(6)] == [201] * 5 + [429]
        assert create(mock.url, "a", "two") == 403
        assert create(mock.url, "a", "test_token") == 401
        httpx.post(f"{mock.url}/_mock/advance", json={"seconds": 49}).raise_for_status()
        assert httpx.get(f"{mock.url}/_mock/campaigns/c1").json()["processed"] == 0
        httpx.post(f"{mock.url}/_mock/advance", json={"seconds": 51}).raise_for_status()
        assert httpx.get(f"{mock.url}/_mock/campaigns/c1").json()["processed"] == 1
        mock.end()
    with started(*options, "--fault", "503:count=1", "--fault", "html:count=1") as mock:
        assert httpx.get(f"{mock.url}/_mock/campaigns/c1").json()["processed"] == 1
        assert [create(mock.url, "a", "one") for _ in range(3)] == [503, 502, 201]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--rate", "-1"], "rate: give 0 (no limit) or more hits, not -1"),
        (["--speed", "0"], "speed: give more than 0"),
        (["--duplicate-leads", "ignore"], "--duplicate-leads"),
        (["--db", "/nowhere/mock.sqlite3"], "cannot be opened"),
        (["--fault", "500:often=1"], "faults: often: 500 has operation, share, count, carried_out"),
        (["--fault", "500:operation=stealLeads"], "faults: operation: give one of createLeads, getLeads"),
        (["--load", "/nowhere/state.json"], "load: /nowhere/state.json cannot be read (No such file or directory)"),
        (["--host", "192.0.2.1"], "192.0.2.1:0 cannot be listened on"),
        (["--host", "nowhere.invalid"], "nowhere.invalid:0 cannot be listened on"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_started(options: list[str], words: str) -> None:
    command = [sys.executable, "-m", "squadiq", "mock", "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "300"})
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with bound_socket("127.0.0.1", 0) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "squadiq", "mock", "--port", port]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "300"})
    assert done.returncode == 2
    assert f"127.0.0.1:{port} cannot be listened on" in done.stderr
    assert "--port 0" in done.stderr
