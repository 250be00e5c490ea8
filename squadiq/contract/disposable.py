"""What may be sent to a server whose data may be thrown away: one campaign, and nobody's phone numbers; pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from squadiq._network import is_this_machine
from squadiq.contract.model import last_digits
from squadiq.errors import ConfigurationError
from squadiq.spec import Spec

NOBODYS_NUMBERS = ("2200000001", "+91 22000 00002", "02200000003")
"""Of Mumbai, whose numbers do not begin with 0: that is the prefix of trunk calls."""
_LIVE_DOMAIN = "squadiq.in"
_DIGITS = 10
_MANY_DIGITS = re.compile(rb"(?:[0-9][ ().+-]*){10}")
_LETTERS = re.compile(r"[^a-z]+")
_LEADS_ELSEWHERE = re.compile(r"host|url|uri|path|forward|original|override|rewrite")
"""What is in the names of headers by which servers and proxies let a request go somewhere else."""


@dataclass(frozen=True, slots=True)
class DisposableScope:
    """Hold where a run may go, and with whose phone numbers.

    Args:
        origin: scheme, host and port of the server.
        phone_numbers: the only ones that may be sent.
    """

    origin: str
    campaign_id: str
    phone_numbers: Sequence[str] = field(repr=False)
    spec: Spec = field(default_factory=Spec.installed, repr=False)

    def refusal(self, url: httpx.URL, headers: Mapping[str, str], body: bytes) -> str:
        """Return why a request must not be sent, "" if it may be."""
        origin = httpx.URL(self.origin)
        if (url.scheme, url.host, url.port, url.userinfo) != (origin.scheme, origin.host, origin.port, b""):
            return "it goes to another server"
        raw_path = url.raw_path.decode("ascii").partition("?")[0]
        found = self.spec.find(raw_path)
        if found is None or found[1].get("campaign_id") != self.campaign_id or "%" in raw_path:
            return "its path is none of the document's, or of another campaign"
        names = {name.lower() for name in headers}
        if any(_LEADS_ELSEWHERE.search(name) for name in names - {"host"}):
            return "one of its headers may lead it elsewhere"
        if headers.get("host", origin.netloc.decode("ascii")) != origin.netloc.decode("ascii"):
            return "its Host header names another server"
        return "" if self.with_own_numbers(body) == body else "it has a phone number that is not one of this run"

    def with_own_numbers(self, body: bytes) -> bytes:
        """Return a body with our phone numbers in place of others: valid ones stay valid, and wrong ones wrong."""
        changed = False

        def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            nonlocal changed
            read: dict[str, Any] = {}
            for name, value in pairs:
                read[name] = value
                if _LETTERS.sub("", name.casefold()) == "phonenumber" and self._is_foreign(value):
                    read[name], changed = self._own(value), True
            return read

        try:
            read: Any = json.loads(body.decode(), object_pairs_hook=object_of)
            return json.dumps(read).encode() if changed else body
        except (ValueError, RecursionError):
            return re.sub(rb"[0-9]", b"0", body) if _MANY_DIGITS.search(body) else body

    def _is_foreign(self, value: Any) -> bool:
        text = value if isinstance(value, str) else json.dumps(value)
        digits = last_digits(text)
        return len(digits) == _DIGITS and set(digits) != {"0"} and digits not in map(last_digits, self.phone_numbers)

    def _own(self, value: Any) -> Any:
        if isinstance(value, str):
            valid = self.spec.component("PhoneNumberInput").is_valid(value)
            return self.phone_numbers[0] if valid else "".join("0" if each.isdecimal() else each for each in value)
        return int(last_digits(self.phone_numbers[0])) if isinstance(value, int | float) else []


def refuse_unless_disposable(url: httpx.URL, campaign_id: str, disposable: str, host: str) -> None:
    """Let through what was named as disposable, never the live service.

    Args:
        disposable: the campaign once more.
        host: the server once more; not needed for this machine.

    Raises:
        ConfigurationError: it is the live service, or something was not named again.
    """
    name = url.host.lower().rstrip(".")
    if name == _LIVE_DOMAIN or name.endswith(f".{_LIVE_DOMAIN}"):
        raise ConfigurationError("target: this is the live service, whose leads are people. It is never disposable.")
    if disposable != campaign_id:
        raise ConfigurationError(
            "disposable: name the campaign again to say that its data, and that of the whole server, is of no worth."
        )
    if not is_this_machine(url.host) and host.lower().rstrip(".") != name:
        raise ConfigurationError("host: a server on another machine must be named again, by --host.")
