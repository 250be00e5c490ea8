"""Threads that nobody has to wait for: a call that never returns keeps neither a place nor the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


class DaemonThreadPool(ThreadPoolExecutor):
    """Begins each call at once, in a thread that is idle or a new one, which ends with the process.

    The threads of the standard library's executor are waited for when the process ends.
    """

    def __init__(self, name: str) -> None:
        super().__init__(max_workers=1)
        self._name = name
        self._guard = threading.Lock()
        self._idle = 0
        self._closed = False
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()

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

        with self._guard:
            is_idle = self._idle > 0
            if is_idle:
                self._idle -= 1
        if is_idle:
            self._calls.put(call)
        else:
            threading.Thread(target=self._work, args=[call], name=self._name, daemon=True).start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let threads end when they have nothing to do, and wait for none of them."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, 0
        for _ in range(idle):
            self._calls.put(None)

    def _work(self, call: Callable[[], None] | None) -> None:
        while call is not None:
            call()
            del call  # what it refers to is not kept while the thread is idle
            with self._guard:
                if self._closed:
                    return
                self._idle += 1
            call = self._calls.get()
