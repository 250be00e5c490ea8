"""Threads that nobody has to wait for: a call that never returns keeps neither a place nor the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


class DaemonThreadPool(ThreadPoolExecutor):
    """Runs each call in a thread of its own, which ends with the process, whatever it is doing.

    The threads of the standard library's executor are waited for when the process ends.
    """

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1)
        self._name = name

    def submit(self, fn: Callable[P, ResultT], /, *args: P.args, **kwargs: P.kwargs) -> Future[ResultT]:
        """Begin a call; its future tells what came of it."""
        future: Future[ResultT] = Future()
        future.set_running_or_notify_cancel()  # it cannot be cancelled any more

        def call() -> None:
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=call, name=self._name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Wait for nothing."""
