"""The process of schemathesis calls one server only, whatever library it uses, and says so if it did not run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from squadiq.contract import schemathesis_hooks
from squadiq.contract.disposable import NOBODYS_NUMBERS, DisposableScope
from squadiq.contract.readings import Readings
from squadiq.contract.rules import Rule
from squadiq.contract.schemathesis_run import SchemathesisRun, outcomes_of
from squadiq.mock.server import bound_socket

HOOKED = """
import socket
import squadiq.contract.schemathesis_hooks
from contextlib import suppress

for attempt in (
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    lambda: socket.create_connection(("127.9.9.9", 80), timeout=1),
    lambda: socket.getaddrinfo("api.invalid", 80),
    lambda: socket.getaddrinfo(b"api.invalid", 80),
    lambda: socket.gethostbyname("api.invalid"),
    lambda: socket.gethostbyaddr("192.0.2.1"),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 80)),
):
    try:
        attempt()
    except PermissionError as refusal:
        assert "another server than localhost" in str(refusal)
    else:
        raise SystemExit("not refused")
with suppress(FileNotFoundError):
    socket.socket(socket.AF_UNIX).connect("/nowhere/at-all")
socket.create_connection(("localhost", {port}), timeout=5).close()
print("all refused")
"""


def test_no_library_gets_round_the_guard(tmp_path: Path) -> None:
    """What schemathesis loads guards sockets, not only the library that it calls with today."""
    with bound_socket("127.0.0.1", 0) as listening:
        listening.listen()
        port = listening.getsockname()[1]
        scope = {
            "origin": f"http://localhost:{port}",
            "campaign_id": "c1",
            "phone_numbers": NOBODYS_NUMBERS,
            "count_file": str(tmp_path / "hits"),
        }
        done = subprocess.run(
            [sys.executable, "-c", HOOKED.format(port=port)],
            env={**os.environ, schemathesis_hooks.SCOPE: json.dumps(scope)},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.stdout == "all refused\n", done.stderr


@pytest.mark.parametrize(
    ("url", "event", "about"),
    [
        ("http://localhost:1", "socket.getaddrinfo", ("LOCALHOST", 1)),
        ("http://localhost:1", "socket.gethostbyname", (b"localhost",)),
        ("http://127.0.0.1:1", "socket.connect", (None, ("127.0.0.1", 1))),
        ("http://[::1]:1", "socket.connect", (None, ("::1", 1, 0, 0))),
        ("http://127.0.0.1:1", "socket.connect", (None, "/path/of/a/socket")),
        ("http://127.0.0.1:1", "open", ("192.0.2.1",)),
    ],
)
def test_what_is_of_its_server_is_let_through(url: str, event: str, about: tuple[object, ...]) -> None:
    schemathesis_hooks.refuse_others(httpx.URL(url), event, about)


@pytest.mark.parametrize(
    ("event", "about"),
    [
        ("socket.getaddrinfo", (None, 1)),
        ("socket.getaddrinfo", ("127.0.0.1.test", 1)),
        ("socket.connect", (None, ("0.0.0.0", 1))),
        ("socket.sendto", (None, ("2001:db8::1", 1, 0, 0))),
    ],
)
def test_what_is_of_another_is_refused(event: str, about: tuple[object, ...]) -> None:
    with pytest.raises(PermissionError, match=r"another server than 127\.0\.0\.1"):
        schemathesis_hooks.refuse_others(httpx.URL("http://127.0.0.1:1"), event, about)


@pytest.mark.unmeasured
def test_a_proxy_of_the_environment_is_no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not listen is not reached through a proxy that does."""
    with bound_socket("127.0.0.1", 0) as proxy:
        proxy.listen()
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.getsockname()[1]}")
        run = SchemathesisRun(
            scope=DisposableScope("http://127.0.0.1:9", "c1", NOBODYS_NUMBERS),
            token="test_token",
            readings=Readings(),
            hits_per_minute=0,
            examples=1,
            phases=("examples",),
        )
        (outcome,), _ = run.run(1)
        assert outcome.finding is None
        assert outcome.inconclusive
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_a_phase_that_did_not_run_leaves_it_open() -> None:
    output = "\nTest Phases:\n  ✅ Examples\n  ⏭  Stateful\n"
    (outcome,) = outcomes_of(output, 0, 1, 10, ("examples", "coverage", "stateful"))
    assert outcome.finding is None
    assert outcome.inconclusive == "these phases did not run: coverage, stateful"
    (outcome,) = outcomes_of(output, 0, 1, 10, ("examples",))
    assert outcome.inconclusive == ""


@pytest.mark.parametrize(
    ("title", "rule"),
    [
        ("Wrong response to undeclared method", Rule.METHOD),
        ("Malformed media type", Rule.MEDIA_TYPE),
        ("Schema-valid request rejected", Rule.CREATES),
    ],
)
def test_a_check_is_told_by_the_rule_that_it_looks_at(title: str, rule: Rule) -> None:
    (outcome,) = outcomes_of(f"= FAILURES =\n- ST001 {title}\n", 1, 1, 10)
    assert outcome.finding
    assert outcome.finding.rule is rule
