"""What may differ from call to call: each setting with its type, its default, its check and its meaning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypedDict

from squadiq import _checks
from squadiq._decoding import MAX_RESPONSE_BYTES
from squadiq.attempts import Attempt
from squadiq.retry import RetryPolicy, RetryRules
from squadiq.validation import DuplicatePhoneNumbers

BeforeAttempt = Callable[[str, int], None]
AfterAttempt = Callable[[str, int, Attempt], None]
OnQuotaWait = Callable[[str, float], None]


class CallOptions(TypedDict, total=False):
    """Settings that may differ from call to call."""

    timeout_seconds: float
    """Seconds for one attempt, from sending to the last byte of the response; 10."""
    deadline_seconds: float
    """Seconds for the whole call, attempts and waits included; 120."""
    max_attempts: int
    """Times that a request is sent at most; 4. 1 turns sending again off."""
    repeat_creates: bool
    """Whether leads are sent again when it is unknown if they were created; True."""
    retry_policy: RetryPolicy | None
    """An own decision whether to send again, in place of `squadiq.retry.decide`."""
    before_attempt: BeforeAttempt | None
    """Called with the operation and the number of the attempt, from 1. If it raises, that is logged."""
    after_attempt: AfterAttempt | None
    """Called with the operation, the number of the attempt and what became of it. If it raises, that is logged."""
    on_quota_wait: OnQuotaWait | None
    """Called once for a call that waits for a hit of the quota, with the operation and the seconds until it looks
    again. What is longer than a second is logged too, as INFO."""
    max_wait_seconds: float | None
    """Seconds that a call waits for a hit of the quota; None waits as long as the deadline lets."""
    quota_reserve: int | None
    """Hits of the quota that are left free for others: a call starts only while more than so many are. By default
    none, but a tenth of the limit for `push_leads` and `Outbox.run`."""
    max_response_bytes: int
    """Bytes that are read of a response, decompressed; 64 MiB. A larger one is an error."""
    normalise_phone_numbers: bool
    """Whether phone numbers are checked and sent in E.164 form; True."""
    duplicate_phone_numbers: DuplicatePhoneNumbers
    """Whether one phone number may stand under several lead_ids of a call: with "allow" it may, and its owner is
    called as often; "refuse" is the default."""
    headers: Mapping[str, str]
    """Headers to add to each request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPolicy:
    """What a call goes by: `CallOptions`, each with its default and its check."""

    timeout_seconds: float = field(default=10.0, metadata={"check": _checks.seconds})
    deadline_seconds: float = field(default=120.0, metadata={"check": _checks.seconds})
    max_attempts: int = field(default=4, metadata={"check": partial(_checks.whole_number, unit="attempt")})
    repeat_creates: bool = field(default=True, metadata={"check": _checks.flag})
    retry_policy: RetryPolicy | None = field(default=None, metadata={"check": _checks.function_or_none})
    before_attempt: BeforeAttempt | None = field(default=None, metadata={"check": _checks.function_or_none})
    after_attempt: AfterAttempt | None = field(default=None, metadata={"check": _checks.function_or_none})
    on_quota_wait: OnQuotaWait | None = field(default=None, metadata={"check": _checks.function_or_none})
    max_wait_seconds: float | None = field(default=None, metadata={"check": _checks.seconds_or_none})
    quota_reserve: int | None = field(default=None, metadata={"check": partial(_checks.count_or_none, unit="hit")})
    max_response_bytes: int = field(
        default=MAX_RESPONSE_BYTES, metadata={"check": partial(_checks.whole_number, unit="byte")}
    )
    normalise_phone_numbers: bool = field(default=True, metadata={"check": _checks.flag})
    duplicate_phone_numbers: DuplicatePhoneNumbers = field(
        default="refuse", metadata={"check": partial(_checks.one_of, choices=("refuse", "allow"))}
    )
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False, metadata={"check": _checks.headers})

    @property
    def retries(self) -> RetryRules:
        """How often and how long to send again."""
        return RetryRules(max_attempts=self.max_attempts, repeat_creates=self.repeat_creates)

    def changed(self, options: Mapping[str, Any]) -> CallPolicy:
        """Return the policy with some settings changed; headers are added to those there are.

        Raises:
            ConfigurationError: a setting is wrong.
        """
        given = {
            each.name: each.metadata["check"](each.name, options[each.name])
            for each in fields(self)
            if each.name in options
        }
        return replace(self, **{**given, "headers": {**self.headers, **given.get("headers", {})}})
