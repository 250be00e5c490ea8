"""The contract tests refuse to run against anything but this machine."""

from __future__ import annotations

import subprocess
import sys

import pytest

from contract_tests.loopback import NotLoopbackError, refuse_unless_loopback
from contract_tests.run import ROOT, run_schemathesis
from squadiq.mock.server import bound_socket

pytestmark = pytest.mark.unmeasured

REFUSAL = "Contract tests run against loopback addresses only"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_this_machine_is_let_through(host: str) -> None:
    refuse_unless_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "0.0.0.0",
        "192.0.2.1",
        "2001:db8::1",
        "10.0.0.1",
        "localhost.test",
        "api.test",
        "127.0.0.1.test",
        "2130706433",
    ],
)
def test_everything_else_is_refused(host: str) -> None:
    with pytest.raises(NotLoopbackError, match=REFUSAL):
        refuse_unless_loopback(host)


@pytest.mark.parametrize("url", ["https://api.invalid", "http://192.0.2.1", "http://[2001:db8::1]:8080"])
def test_nothing_is_sent_to_another_machine(url: str) -> None:
    done = run_schemathesis(url, "test_token", "--phases", "examples", "--request-timeout", "5")
    assert done.returncode != 0
    assert REFUSAL in done.stdout


@pytest.mark.parametrize("by", ["environment", "option"])
def test_a_proxy_on_this_machine_is_no_way_out(monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    with bound_socket("127.0.0.1", 0) as proxy:
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        if by == "environment":
            monkeypatch.setenv("HTTP_PROXY", address)
        options = ["--proxy", address] if by == "option" else []
        done = run_schemathesis("http://192.0.2.1", "test_token", "--phases", "examples", *options)
        assert done.returncode != 0
        assert REFUSAL in done.stdout
        proxy.setblocking(False)
        with pytest.raises(BlockingIOError):
            proxy.accept()


def test_no_library_gets_round_the_guard() -> None:
    """What schemathesis loads guards sockets, not only the library that it calls with today."""
    script = """
import socket, sys
sys.path.insert(0, ".")
import contract_tests.hooks
for attempt in (
    lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    lambda: socket.getaddrinfo("api.invalid", 80),
    lambda: socket.gethostbyname("api.invalid"),
    lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 80)),
):
    try:
        attempt()
    except PermissionError as refusal:
        assert "loopback" in str(refusal)
    else:
        raise SystemExit("not refused")
one, other = socket.socketpair()
one.sendall(b"x")
print("all refused")
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.stdout == "all refused\n", done.stderr
