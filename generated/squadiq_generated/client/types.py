"""What the operations share: an argument that was not given, an answer, an answer not foreseen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

T = TypeVar("T")


class Unset:
    """The type of an argument that was not given."""

    def __bool__(self) -> Literal[False]:
        return False


UNSET = Unset()


@dataclass(frozen=True, slots=True)
class Response(Generic[T]):
    """An answer: its status and headers, its bytes, and what was read from them."""

    status_code: int
    content: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    parsed: T


class UnexpectedStatus(Exception):
    """The status of an answer is not the documented one."""

    def __init__(self, status_code: int, content: bytes) -> None:
        self.status_code = status_code
        self.content = content
        super().__init__(f"unexpected status {status_code}")
