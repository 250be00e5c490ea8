"""A state of the slots as bytes, and back: doubles in a row, which is quick to write and to read."""

from __future__ import annotations

import math
from array import array
from itertools import chain

from squadiq.quota.slots import QuotaState

_VERSION = 4.0
_SINGLE = 5
_HEAD = 1 + _SINGLE + 3


def encode(state: QuotaState) -> bytes:
    """Return a state as bytes."""
    clock, anchor, monotonic, wall, paused_until, busy, flying, waiting, refused_hits = state
    head = (clock, anchor, monotonic, wall, paused_until)
    numbers = array("d", (_VERSION, *head, refused_hits, len(busy), len(flying), *busy))
    numbers.extend(chain.from_iterable(flying))
    numbers.extend(chain.from_iterable(waiting))
    return numbers.tobytes()


def decode(stored: bytes) -> QuotaState:
    """Return the state that bytes stand for.

    Raises:
        ValueError: they were not written by `encode` of this version.
    """
    numbers = array("d")
    numbers.frombytes(stored)
    if len(numbers) < _HEAD or numbers[0] != _VERSION:
        raise ValueError("not a state of this version")
    if not math.isfinite(sum(numbers)):
        raise ValueError("not the numbers of a state")
    busy_ends = _HEAD + int(numbers[_HEAD - 2])
    flying_ends = busy_ends + 2 * int(numbers[_HEAD - 1])
    if not _HEAD <= busy_ends <= flying_ends <= len(numbers):
        raise ValueError("cut short")
    flying, waiting = numbers[busy_ends:flying_ends], numbers[flying_ends:]
    return QuotaState(
        *_single(numbers),
        tuple(numbers[_HEAD:busy_ends]),
        tuple(zip(flying[::2], map(int, flying[1::2]), strict=True)),
        tuple(zip(map(int, waiting[::4]), waiting[1::4], map(int, waiting[2::4]), waiting[3::4], strict=True)),
        int(numbers[_HEAD - 3]),
    )


def _single(numbers: array[float]) -> tuple[float, float, float, float, float]:
    _, clock, anchor, monotonic, wall, paused_until = numbers[: 1 + _SINGLE]
    return clock, anchor, monotonic, wall, paused_until
