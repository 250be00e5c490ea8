"""What a delivery of `leadProcessed` says: bytes and headers in, a processed lead or an error out.

Pure: no I/O, no clock. What the document allows is taken, in every form of it, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self, cast

from pydantic import ConfigDict, PrivateAttr, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError, from_json
from squadiq_generated.constants import LARGEST_NUMBER, LAST_SECOND
from squadiq_generated.models import ProcessedLead

from squadiq.errors import SquadIQError

MAX_BODY_BYTES = 1024 * 1024
"""The largest delivery that is taken unless told otherwise; a processed lead has about 600 bytes."""

Fields = Mapping[str, tuple[str, ...]]

_NUMBERS = {"lead_id": LARGEST_NUMBER, "created_at": LAST_SECOND}
"""The fields that may be whole numbers, and how large: LeadIdNumber and EpochSeconds of the document."""

_TIMES = frozenset({"created_at", "latest_called_at", "processed_at"})
_DATE_AND_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}", re.ASCII)


class DeliveryError(SquadIQError, ValueError):
    """A delivery cannot be taken; the message says why, without anything about a person.

    Attributes:
        status: the HTTP status to answer it with: 413 if it is too large, else 400.
        fields: what is wrong, by the name of the field; empty if it is about the whole delivery.
    """

    def __init__(self, detail: str, *, status: int = 400, fields: Fields | None = None) -> None:
        self.status = status
        self.fields: Fields = fields or {}
        self.operation = "leadProcessed"
        super().__init__(detail)


class DeliveredLead(ProcessedLead):
    """A processed lead, together with the bytes in which it came if it was delivered.

    It takes what the document allows in a delivery and nothing else, however it is made: by `parse`, as
    the body of an endpoint of FastAPI, or by hand. Two are equal if their fields are.
    """

    model_config = ConfigDict(defer_build=False)  # or FastAPI warns of its own field at the first delivery

    _raw_payload: bytes = PrivateAttr(default=b"")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DeliveredLead):
            return NotImplemented
        return self.__dict__ == other.__dict__ and self.model_extra == other.model_extra

    __hash__ = None  # type: ignore[assignment]  # it can be changed

    @property
    def raw_payload(self) -> bytes:
        """The body of the delivery, as it came; JSON. Empty if the lead was made from fields."""
        return self._raw_payload

    def with_raw_payload(self, payload: bytes) -> Self:
        """Remember the bytes in which this lead came, and return it."""
        self._raw_payload = payload
        return self

    @field_validator("*", mode="before")
    @classmethod
    def _as_documented(cls, value: object, info: ValidationInfo) -> object:
        """Refuse what the document does not allow but the model would read all the same.

        A number that names a lead becomes text: 1, 1.0 and "1" are one lead.
        """
        name = info.field_name or ""
        if isinstance(value, bool) or (isinstance(value, int | float) and not _is_number_of(name, value)):
            raise PydanticCustomError("number", "Such a number or boolean is not allowed here")
        if isinstance(value, int | float) and name == "lead_id":
            return str(int(value))
        if name in _TIMES and isinstance(value, str) and not _DATE_AND_TIME.match(value):
            raise PydanticCustomError("date_and_time", "Input should be a date and time")
        return value


DeliveredLead.model_rebuild()


def parse(body: bytes, headers: Mapping[str, str], *, max_body_bytes: int = MAX_BODY_BYTES) -> DeliveredLead:
    """Read a delivery of the webhook `leadProcessed`.

    Args:
        body: the whole body.
        headers: the headers, by name in any case.
        max_body_bytes: what is larger is refused unread.

    Returns:
        The processed lead, its times aware, its `lead_id` as text, its bytes as `raw_payload`.

    Raises:
        DeliveryError: whatever is wrong with it: size, headers, bytes, depth, fields.

    Source: Lead Processed Webhook.
    """
    if len(body) > max_body_bytes:
        raise too_large(max_body_bytes)
    _check_headers({name.lower(): value for name, value in headers.items()}, len(body))
    try:
        payload = from_json(body, allow_inf_nan=False)
    except ValueError as broken:
        raise DeliveryError(f"The body is not JSON: {broken}") from None
    if not isinstance(payload, dict):
        raise DeliveryError("The body is not a JSON object.")
    try:
        lead = DeliveredLead.model_validate(cast(dict[str, Any], payload))
    except ValidationError as invalid:
        wrong: dict[str, tuple[str, ...]] = {}
        for error in invalid.errors(include_url=False, include_input=False, include_context=False):
            wrong.setdefault(str(error["loc"][0]), (f"{error['msg']}.",))
        raise _wrong_fields(wrong) from None
    return lead.with_raw_payload(body)


def too_large(max_body_bytes: int) -> DeliveryError:
    """Return the error for a body that has more bytes than are taken."""
    return DeliveryError(f"The body is larger than {max_body_bytes} bytes.", status=413)


def content_length(headers: Mapping[str, str]) -> int | None:
    """Return what `content-length` says (by its name in lower case); None if it is missing or no number."""
    told = headers.get("content-length", "")
    return int(told[:20]) if told.isascii() and told.isdecimal() else None  # more digits are too many anyway


def _check_headers(headers: Mapping[str, str], length: int) -> None:
    media_type = headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise DeliveryError("The Content-Type is not application/json.")
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise DeliveryError("The body is compressed: send it without Content-Encoding.")
    if content_length(headers) not in (None, length):
        raise DeliveryError("The body has another length than Content-Length says: it was cut.")


def _is_number_of(name: str, value: float) -> bool:
    return name in _NUMBERS and 0 <= value <= _NUMBERS[name] and value == int(value)


def _wrong_fields(wrong: Fields) -> DeliveryError:
    return DeliveryError("; ".join(f"{name}: {' '.join(said)}" for name, said in wrong.items()), fields=wrong)
