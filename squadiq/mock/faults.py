"""What goes wrong on purpose with the API itself: which request, and how. Pure.

A fault is planned for all operations or for one, for a share of its requests or for the next few.
Chance comes from the mock's seed, so that the same requests meet the same faults again.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http.client import responses
from typing import Any, Literal, TypedDict, get_args

from squadiq.mock.messages import MockResponse, json_response

FaultKind = Literal["429", "500", "503", "html", "slow", "reset-before", "reset-after", "half"]
MOST_SECONDS = 600.0
PLANNED_AT_MOST = 1000
"""Faults that wait at the same time: each request looks at all of them."""

_KINDS = get_args(FaultKind)
_ALL_HAVE: dict[str, Any] = {"operation": None, "share": 1.0, "count": None}
_ALSO: dict[str, dict[str, Any]] = {
    "429": {"retry_after": "1"},
    "500": {"carried_out": False},
    "503": {"carried_out": False, "retry_after": None},
    "html": {"carried_out": False, "status": 502},
    "slow": {"carried_out": True, "seconds": 5.0},
}
_CARRIED_OUT = ("reset-after", "half")
_HEADER_VALUE = re.compile(r"(?:[!-~](?:[ -~]{0,98}[!-~])?)?", re.ASCII)
_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


class FaultOptions(TypedDict, total=False):
    """What can be said of a fault beside its kind, by name."""

    operation: str | None
    """The operationId that it is for, None for all."""
    share: float
    """Share of its requests that meet it, more than 0 and at most 1."""
    count: int | None
    """Requests that meet it before it is over, None for no end."""
    retry_after: int | str | None
    """Value of the header with that name with 429 and 503; None for none."""
    seconds: float
    """Seconds that a slow response takes."""
    status: int
    """HTTP status of a proxy's page."""
    carried_out: bool
    """Whether the request is carried out all the same."""


class FaultError(ValueError):
    """A fault cannot be planned; `field` names the part that is wrong, the message says why."""

    def __init__(self, field: str, words: str) -> None:
        super().__init__(f"{field}: {words}")
        self.field = field
        self.words = words


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """Hold one kind of trouble, and which requests meet it; `FaultOptions` explains each part."""

    kind: FaultKind
    operation: str | None = None
    share: float = 1.0
    count: int | None = None
    retry_after: str | None = None
    seconds: float = 0.0
    status: int = 502
    carried_out: bool = False

    def shown(self) -> dict[str, Any]:
        """Return what this kind has, by name, in a form that makes the same fault again."""
        names = ("kind", *_ALL_HAVE, *_ALSO.get(self.kind, ()))
        return {name: value for name, value in asdict(self).items() if name in names}


def planned_fault(options: Mapping[str, Any]) -> PlannedFault:
    """Return a fault from its kind and its options, with the defaults of the kind.

    Raises:
        FaultError: an option is unknown, or its value is not usable.
    """
    kind = options.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise FaultError("kind", f"give one of {', '.join(_KINDS)}")
    allowed = {**_ALL_HAVE, **_ALSO.get(kind, {})}
    for name, value in options.items():
        if name == "kind":
            continue
        if name not in allowed:
            raise FaultError(name, f"{kind} has {', '.join(allowed)}")
        if not _is_usable(name, value):
            raise FaultError(name, _WANTED[name])
    values: dict[str, Any] = {"carried_out": kind in _CARRIED_OUT, **allowed, **options}
    if values.get("retry_after") is not None:
        values["retry_after"] = str(values["retry_after"])
    return PlannedFault(**values)


def parsed_fault(text: str) -> PlannedFault:
    """Return a fault from its written form, such as `reset-after:count=2,operation=createLeads`.

    Raises:
        FaultError: it is not of that form, or an option is not usable.
    """
    kind, _, rest = text.partition(":")
    options: dict[str, Any] = {"kind": kind.strip()}
    for pair in filter(None, map(str.strip, rest.split(","))):
        name, equals, value = pair.partition("=")
        if not equals or name.strip() in options:
            raise FaultError("fault", "give KIND:NAME=VALUE,…, with each name once")
        options[name.strip()] = _value(value.strip())
    return planned_fault(options)


def wrong_response(fault: PlannedFault, carried_out: MockResponse) -> MockResponse:
    """Return what is sent in place of a good response; that itself where only the connection is at fault."""
    match fault.kind:
        case "429":
            return _refusal(429, "Request was throttled.", fault)
        case "500":
            return _refusal(500, "Internal Server Error", fault)
        case "503":
            return _refusal(503, "Service Unavailable", fault)
        case "html":
            page = _PAGE.format(f"{fault.status} {responses.get(fault.status, '')}".rstrip())
            return MockResponse(fault.status, page.encode(), media_type="text/html")
        case _:
            return carried_out


class FaultPlan:
    """Decide which requests meet a fault; for one thread at a time.

    Args:
        seed: the same seed, faults and requests give the same decisions.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._number = 0
        self._waiting: list[_Waiting] = []
        self._met: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, fault: PlannedFault) -> None:
        """Plan a fault, behind those that are planned already.

        Raises:
            FaultError: there are too many.
        """
        if len(self._waiting) >= PLANNED_AT_MOST:
            raise FaultError("fault", f"{PLANNED_AT_MOST} are planned already: take them back first")
        self._number += 1
        self._waiting.append(_Waiting(fault, f"{self._seed} {self._number}"))

    def clear(self) -> None:
        """Take back all faults, and begin anew with chance and with counting."""
        self._number = 0
        self._waiting.clear()
        self._met.clear()

    def decide(self, operation: str) -> PlannedFault | None:
        """Return what a request to an operation meets, the first that was planned for it; None if nothing."""
        for waiting in self._waiting:
            if waiting.hits(operation):
                self._met[waiting.fault.kind] += 1
                if waiting.left == 0:
                    self._waiting.remove(waiting)
                return waiting.fault
        return None

    def shown(self) -> dict[str, Any]:
        """Return what is planned, with what is left of it, and how many requests met each kind."""
        planned = [{**waiting.fault.shown(), "count": waiting.left} for waiting in self._waiting]
        return {"faults": planned, "met": dict(self._met)}


@dataclass(slots=True)
class _Waiting:
    fault: PlannedFault
    seed: str
    left: int | None = None
    requests: int = 0

    def __post_init__(self) -> None:
        self.left = self.fault.count

    def hits(self, operation: str) -> bool:
        if self.fault.operation not in (None, operation):
            return False
        self.requests += 1
        if random.Random(f"{self.seed} {self.requests}").random() >= self.fault.share:
            return False
        if self.left is not None:
            self.left -= 1
        return True


_WANTED = {
    "operation": "give an operationId of the document",
    "share": "give a number above 0, at most 1",
    "count": "give a whole number from 1",
    "retry_after": "give whole seconds or a date, as the header has them",
    "seconds": f"give seconds from 0 to {MOST_SECONDS:g}",
    "status": "give a status from 200 to 599 that has a body",
    "carried_out": "give true or false",
}


def _is_usable(name: str, value: Any) -> bool:
    is_number = type(value) in (int, float)
    match name:
        case "operation":
            return value is None or isinstance(value, str)
        case "share":
            return is_number and 0 < value <= 1
        case "count":
            return value is None or (type(value) is int and value >= 1)
        case "retry_after":
            is_text = is_number or isinstance(value, str)
            return value is None or (is_text and _HEADER_VALUE.fullmatch(str(value)) is not None)
        case "seconds":
            return is_number and 0 <= value <= MOST_SECONDS
        case "status":
            return type(value) is int and 200 <= value < 600 and value not in (204, 205, 304)
        case _:
            return isinstance(value, bool)


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _refusal(status: int, words: str, fault: PlannedFault) -> MockResponse:
    headers = [("Retry-After", fault.retry_after)] if fault.retry_after is not None else []
    return json_response(status, {"detail": words}, *headers)
