"""A counting server in a process of its own, and what it counted."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx


@dataclass
class Server:
    """A server under way in a process of its own."""

    url: str

    def figures(self) -> dict[str, Any]:
        figures: dict[str, Any] = httpx.get(f"{self.url}/figures", timeout=30).json()
        return figures

    def wait_until_seen(self, hits: int) -> None:
        deadline = time.monotonic() + 60
        while self.figures()["seen"] < hits:
            assert time.monotonic() < deadline, "the hits do not come"
            time.sleep(0.01)


@contextmanager
def counting_server(latency: str, limit: int, window_seconds: float) -> Generator[Server]:
    """Run `tests.quota.counting_server` until the block ends."""
    command = [sys.executable, "-m", "tests.quota.counting_server", str(limit), str(window_seconds), latency]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.stdin.close()
