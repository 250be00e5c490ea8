"""What an editor shows of an option on hovering over its name: what it means."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER = Path(sys.executable).with_name("pyright-langserver")
PROGRAM = """\
from squadiq import SquadIQ
from squadiq.mock.server import running_mock
with running_mock() as mock:
    mock.fault("500", share=0.5)
    client = SquadIQ("t", quota="memory", timeout_seconds=5)
    client.with_options(max_attempts=1).campaign("c").push_leads("leads.csv", dry_run=True)
"""
EXPLAINED = {
    "quota": "Where the quota is kept",
    "timeout_seconds": "Seconds for one attempt",
    "max_attempts": "Times that a request is sent at most",
    "dry_run": "Check everything, send nothing",
    "share": "Share of its requests",
}


class LanguageServer:
    """pyright as an editor runs it; see the Language Server Protocol."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._asked = 0

    def ask(self, method: str, **parameters: Any) -> Any:
        self._asked += 1
        self._send(id=self._asked, method=method, params=parameters)
        while True:
            message = self._receive()
            if "method" not in message and message.get("id") == self._asked:
                return message["result"]
            if "method" in message and "id" in message:  # it asks about settings, of which there are none
                items = message["params"].get("items", ()) if isinstance(message.get("params"), dict) else ()
                self._send(id=message["id"], result=[{} for _ in items])

    def tell(self, method: str, **parameters: Any) -> None:
        self._send(method=method, params=parameters)

    def _send(self, **message: Any) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while line := self._process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        received: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return received


@contextmanager
def language_server() -> Generator[LanguageServer]:
    with subprocess.Popen(
        [SERVER, "--stdio"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        server = LanguageServer(process)
        folder = {"uri": ROOT.as_uri(), "name": "squadiq"}
        capabilities = {"textDocument": {"hover": {"contentFormat": ["plaintext"]}}}
        server.ask("initialize", processId=os.getpid(), workspaceFolders=[folder], capabilities=capabilities)
        server.tell("initialized")
        try:
            yield server
        finally:
            process.kill()


def test_an_editor_explains_an_option_on_hovering() -> None:
    document = {"uri": (ROOT / "program.py").as_uri()}
    lines = PROGRAM.splitlines()
    with language_server() as server:
        opened = {**document, "languageId": "python", "version": 1, "text": PROGRAM}
        server.tell("textDocument/didOpen", textDocument=opened)
        for name, words in EXPLAINED.items():
            number = next(number for number, line in enumerate(lines) if f"{name}=" in line)
            position = {"line": number, "character": lines[number].index(f"{name}=") + 1}
            shown = server.ask("textDocument/hover", textDocument=document, position=position)
            assert words in shown["contents"]["value"]


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("config", "ClientOptions"),
        ("policy", "CallOptions"),
        ("push/run", "PushOptions"),
        ("mock/settings", "MockOptions"),
        ("mock/faults", "FaultOptions"),
    ],
)
def test_no_option_goes_unexplained(module: str, name: str) -> None:
    tree = ast.parse((ROOT / "squadiq" / f"{module}.py").read_text("utf-8"))
    [found] = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == name]
    after = [*found.body[1:], None]
    for option, words in pairwise(after):
        if isinstance(option, ast.AnnAssign):
            assert isinstance(words, ast.Expr), ast.unparse(option)
