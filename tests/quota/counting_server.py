"""A server that counts hits over a sliding and over a fixed window, and answers 429 where either has too many.

`python -m tests.quota.counting_server LIMIT WINDOW_SECONDS LATENCY` prints its port and ends with its
standard input. A hit arrives somewhere between the moment it is read and that of its response. LATENCY is
the longest in milliseconds, or `falling`: up to 300 ms in one window, none in the next. Hits at `/stall`
arrive like any other but are not answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from random import random

Response = tuple[int, bytes]


class Counter:
    """What arrived when, and how many of it was too much."""

    def __init__(self, limit: int, window_seconds: float) -> None:
        self.limit = limit
        self.window_seconds = window_seconds
        self.log: deque[float] = deque()
        self.fixed: dict[int, int] = {}
        self.counted: list[float] = []
        self.refused = 0
        self.seen = 0

    def arrive(self) -> Response:
        now = time.monotonic()
        window = int(now / self.window_seconds)
        while self.log and self.log[0] <= now - self.window_seconds:
            self.log.popleft()
        if len(self.log) >= self.limit or self.fixed.get(window, 0) >= self.limit:
            self.refused += 1
            return 429, b"too many"
        self.log.append(now)
        self.fixed[window] = self.fixed.get(window, 0) + 1
        self.counted.append(now)
        return 200, b"counted"

    def figures(self) -> Response:
        figures = {"counted": len(self.counted), "refused": self.refused, "seen": self.seen, "arrivals": self.counted}
        return 200, json.dumps(figures).encode()


async def serve(counter: Counter, latency: str) -> None:
    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await reader.readuntil(b"\r\n\r\n"):
                if request.startswith(b"GET /figures"):
                    status, body = counter.figures()
                else:
                    counter.seen += 1
                    took, at = seconds(latency, counter.window_seconds), random()
                    await asyncio.sleep(took * at)
                    status, body = counter.arrive()
                    await asyncio.sleep(60 if request.startswith(b"GET /stall") else took * (1 - at))
                head = f"HTTP/1.1 {status} x\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(response, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def seconds(latency: str, window_seconds: float) -> float:
    if latency == "falling":
        return 0.3 * random() if int(time.monotonic() / window_seconds) % 2 else 0.0
    return float(latency) / 1000 * random()


if __name__ == "__main__":
    asyncio.run(serve(Counter(int(sys.argv[1]), float(sys.argv[2])), sys.argv[3]))
