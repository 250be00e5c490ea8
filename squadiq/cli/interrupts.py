"""Signals that end a command: each is heard as Ctrl-C, until what must be told is being told."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_AGAIN_SECONDS = 0.1
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")


class Interruptions:
    """Raise KeyboardInterrupt for each signal, until `deaf` is set."""

    def __init__(self) -> None:
        self.deaf = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.deaf:
            raise KeyboardInterrupt


@contextmanager
def interruptions() -> Generator[Interruptions]:
    """Hear Ctrl-C, SIGTERM and the end of the terminal alike until the block ends; what was ignored stays so."""
    heard = Interruptions()
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():  # nobody else may set them
        for name in _NAMES:
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, heard)
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """Let Ctrl-C and SIGTERM call a function, again and again until the process ends.

    What is to be stopped may not have begun yet. And it is called in a thread of its own, since the one that is
    interrupted may hold the very locks that it needs.
    """

    def call_again() -> None:
        while True:
            stop()
            time.sleep(_AGAIN_SECONDS)

    def heard(number: int, frame: FrameType | None) -> None:
        threading.Thread(target=call_again, name="squadiq-stop", daemon=True).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, heard)
