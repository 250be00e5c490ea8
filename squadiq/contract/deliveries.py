"""Deliveries to try on an endpoint: what the document allows, what it does not, and what is no JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

from squadiq.contract.differences import differences
from squadiq.contract.isolation import (
    HealthCheck,
    Phase,
    Verbosity,
    assume,
    given,
    isolated,
    schemathesis,
    seed,
    settings,
)
from squadiq.spec import Spec

Payload = dict[str, Any]

ODD_LINK = "latest_recording_url differs from RecordingUrl of the document at format"


@dataclass(frozen=True, slots=True)
class Delivery:
    """Hold a body to send, and what is particular about it."""

    description: str
    body: bytes = field(repr=False)


class Deliveries:
    """Make deliveries from `webhooks: leadProcessed` of a document.

    Args:
        spec: where the examples and the schema are.
        seed_number: the same seed makes the same random deliveries.
    """

    def __init__(self, spec: Spec, *, seed_number: int) -> None:
        operation = spec.contents["webhooks"]["leadProcessed"]["post"]
        self._schema = spec.schema(operation["requestBody"]["content"]["application/json"]["schema"])
        self._required: list[str] = spec.contents["components"]["schemas"]["ProcessedLead"]["required"]
        self._example: Payload = spec.example("ProcessedLead")
        self._unreached: Payload = spec.example("UnreachedLead")
        with isolated():
            self._operation = _as_operation(spec, operation)
        self._seed = seed_number

    def case(self, lead_id: str) -> bytes:
        """Return the example of the document about another lead."""
        return _json({**self._example, "lead_id": lead_id})

    def valid(self, random: int) -> list[Delivery]:
        """Return deliveries that the document allows: one for each form of it, and some random ones."""
        named = [Delivery(description, _json(payload)) for description, payload in self._allowed_forms()]
        return named + self._random(random, "random, valid", positive=True)

    def invalid(self, random: int) -> list[Delivery]:
        """Return deliveries that the document does not allow, each with one thing wrong, and some random ones."""
        named = [Delivery(description, _json(payload)) for description, payload in self._wrong_forms()]
        return [*named, *_no_json(self._example), *self._random(random, "random, invalid", positive=False)]

    def hostile(self) -> list[Delivery]:
        """Return deliveries that may be taken or refused, but must not make an endpoint fail."""
        start, end = _json(self._example)[:-1], b"}"
        return [
            Delivery("lists nested 100,000 deep", start + b', "x": ' + b"[" * 100_000 + b"]" * 100_000 + end),
            Delivery("a number of 10,000 digits", start + b', "x": ' + b"9" * 10_000 + end),
            Delivery("the number 1e999999", start + b', "x": 1e999999' + end),
            Delivery("a NUL in a text", start + b', "x": "\\u0000"' + end),
            Delivery("half of a surrogate pair", start + b', "x": "\\ud800"' + end),
            Delivery("a field twice", start + b', "lead_outcome": "again"' + end),
            Delivery("two megabytes", start + b', "x": "' + b"x" * 2_000_000 + b'"' + end),
        ]

    def _allowed_forms(self) -> Iterator[tuple[str, Payload]]:
        """Each with a lead_id of its own, so that none is a repeat."""
        forms: list[tuple[str, Payload]] = [
            ("the example of the document", self._example),
            ("the example of a lead that was not reached", self._unreached),
            ("no recording", {"latest_recording_url": None}),
            ("never called", {"latest_called_at": None}),
            ("created_at as an epoch number", {"created_at": 1543847761}),
            ("times in another offset", {"processed_at": "2018-12-03T20:07:54+05:30"}),
            ("a time without an offset", {"processed_at": "2018-12-03T14:37:54"}),
            ("a time in fractions of a second", {"processed_at": "2018-12-03T14:37:54.123456Z"}),
            ("no responses", {"lead_responses": {}}),
            (
                "responses of every type",
                {"lead_responses": {"a": 1.5, "b": True, "c": None, "d": [{}]}},
            ),
            ("a field that the document does not name", {"product_plan": "Lite"}),
            ("a name in Tamil", {"contact_name": "தமிழ்ச்செல்வி"}),
            ("a name of 255 characters beyond the basic plane", {"contact_name": "😀" * 255}),
            ("an outcome that is new", {"lead_outcome": "Connected : Something New"}),
        ]
        for number, (description, changes) in enumerate(forms, 1):
            yield description, {**self._example, **changes, "lead_id": f"contract-{number}"}
        yield "a lead_id that is a number", {**self._example, "lead_id": 9007199254740991}
        yield "a lead_id that is not ASCII", {**self._example, "lead_id": "லீட் 1"}

    def _wrong_forms(self) -> Iterator[tuple[str, Any]]:
        case = self._example
        changes: list[tuple[str, Any]] = [
            (name, wrong) for name in self._required for wrong in (None, True, -1, "", list[Any](), dict[str, Any]())
        ]
        changes += [
            ("phone_number", "12345"),
            ("processed_at", "yesterday"),
            ("processed_at", "2018-02-30T00:00:00Z"),
            ("created_at", 1e300),
            ("latest_called_at", 1543847798),
            ("campaign_id", "a/b"),
        ]
        forms: list[tuple[str, Any]] = [
            (f"{name} is missing", {key: value for key, value in case.items() if key != name})
            for name in self._required
        ]
        forms += [(f"{name} is {json.dumps(wrong)}", {**case, name: wrong}) for name, wrong in changes]
        forms += [("the lead in a list", [case]), ("an empty object", {}), ("an empty list", [])]
        forms += [("null", None), ("a text", "lead"), ("a number", 1)]
        return (form for form in forms if self._wrong(form[1]))

    def _wrong(self, payload: Any) -> list[str]:
        # A format is a note to the reader (JSON Schema, 7.2.1): who keeps an odd link loses no result.
        return [each for each in differences(self._schema, payload) if each != ODD_LINK]

    def _random(self, number: int, description: str, *, positive: bool) -> list[Delivery]:
        with isolated():
            return self._drawn(number, description, positive=positive)

    def _drawn(self, number: int, description: str, *, positive: bool) -> list[Delivery]:
        found: dict[bytes, Delivery] = {}
        mode = schemathesis.GenerationMode.POSITIVE if positive else schemathesis.GenerationMode.NEGATIVE

        @seed(self._seed)
        @settings(
            max_examples=number,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            verbosity=Verbosity.quiet,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        )
        @given(self._operation.as_strategy(generation_mode=mode))
        def collect(case: Any) -> None:
            # Schemathesis also leaves the body out or sends another media type; those are tried by name.
            try:
                body = _json(case.body)
                wrong = self._wrong(json.loads(body))
            except (TypeError, ValueError):
                return
            assume(positive == (not wrong))
            found.setdefault(body, Delivery(description if positive else f"{description}: {wrong[0]}", body))

        collect()
        return list(found.values())


def _as_operation(spec: Spec, operation: Any) -> Any:
    """Return the webhook as an operation of schemathesis, which reads paths only."""
    contents = {**spec.contents, "paths": {"/": {"post": operation}}}
    del contents["webhooks"]
    # A configuration of its own: not one that happens to lie in the current folder.
    schema = schemathesis.openapi.from_dict(contents, config=schemathesis.Config())
    return cast(Any, schema)["/"]["POST"]


def _no_json(case: Payload) -> list[Delivery]:
    body = _json(case)
    return [
        Delivery("an empty body", b""),
        Delivery("half of a delivery", body[: len(body) // 2]),
        Delivery("a form", b"lead_id=1&phone_number=9876543210"),
        Delivery("XML", b"<lead><lead_id>1</lead_id></lead>"),
        Delivery("bytes that are not UTF-8", body.replace(b"John", b"\xff\xfe")),
        Delivery("NaN", body.replace(b'"John Doe"', b"NaN")),
    ]


def _json(payload: Any) -> bytes:
    return json.dumps(payload, ensure_ascii=False).encode()
