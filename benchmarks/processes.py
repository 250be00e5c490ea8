"""Servers in processes of their own, so that what they cost is not counted."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@contextmanager
def server(*command: str) -> Generator[str]:
    """Run `python -m …`, which must print its address, until the block ends; give the address."""
    with _running(sys.executable, "-m", *command) as process:
        assert process.stdout is not None
        found = (re.search(r"http://[\d.]+:\d+", line) for line in process.stdout)
        yield next(address[0] for address in found if address)


@contextmanager
def prism(command: str, *options: str) -> Generator[str]:
    """Run a command of Prism on the document until the block ends, its log to nowhere; give the address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    tool = [str(ROOT / "scripts" / "node_tools.py"), "rivals", "@stoplight/prism-cli/dist/index.js", command]
    arguments = [str(ROOT / "openapi" / "squadiq.yaml"), *options, "--port", port]
    with _running(sys.executable, *tool, *arguments, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", int(port))):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(*command: str, stdout: int = subprocess.PIPE) -> Generator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=stdout, text=True, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
