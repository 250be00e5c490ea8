"""What a server says in an error response, whatever its shape, without anything that was sent.

Shapes: those of a stock Django REST framework service (one `detail`; lists of messages by field;
for a batch a list as long as it, or an object by index), plain text, and the HTML of a proxy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from squadiq_generated._base import masked

from squadiq._body_parsing import MAX_BYTES, parse_body, parse_json
from squadiq._normalization import condensed
from squadiq._redaction import MASK, STOCK, Redactor, SentMetadata, words_of

Errors = dict[str, tuple[str, ...]]

_LONGEST = 300
_LONGEST_DETAIL = 2000
_MOST = 20
"""Messages for a field, and fields for a lead."""

_DEEPEST = 8
_FIELDS = frozenset(
    {"contact_name", "detail", "lead_id", "non_field_errors", "page", "page_size", "phone_number"}
    | {"processed_after", "processed_before"}
)


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The words of a server: about the whole request, by field, and by lead of a batch (by index)."""

    detail: str = ""
    fields: Errors = field(default_factory=dict[str, tuple[str, ...]])
    leads: dict[int, Errors] = field(default_factory=dict[int, Errors])
    lead_ids: dict[int, str] = field(default_factory=dict[int, str])


@dataclass(frozen=True, slots=True, repr=False)
class _Shown:
    """How the texts of a server are shown, and its names of fields; what is not in here is not."""

    texts: Mapping[str, str]
    names: Mapping[str, str]

    def text(self, said: object) -> str:
        return self.texts.get(str(said), MASK)[:_LONGEST]

    def name(self, name: str) -> str:
        return self.names.get(name, self.text(name))[:_LONGEST]


def read_error_body(body: bytes, content_type: str, sent: bytes, envelope: SentMetadata | None = None) -> ErrorBody:
    """Read the words of an error response to a request whose body was `sent`, in this envelope."""
    sent_body = parse_json(sent.decode("utf-8", "replace"))
    leads = [cast(dict[str, Any], lead) for lead in _items(sent_body) or [sent_body] if isinstance(lead, dict)]
    said = parse_body(body, content_type, len(leads))
    shown = _shown(_texts(said), leads, sent_body, envelope or SentMetadata())
    detail, fields, by_lead = _sorted_out(said, len(leads), shown)
    if fields and len(leads) == 1 and isinstance(sent_body, list):
        by_lead = {0: fields}
    lead_ids = {
        index: shown_lead_id(lead["lead_id"], lead.get("contact_name"))
        for index, lead in enumerate(leads)
        if "lead_id" in lead
    }
    return ErrorBody(detail, fields, by_lead, lead_ids)


@lru_cache(maxsize=1024)
def without_personal_data(text: str) -> str:
    """Return the beginning of a text without e-mail addresses and numbers as long as a phone number."""
    return Redactor().redacted([text[:_LONGEST]])[0]


def _shown(texts: Iterable[str], leads: list[dict[str, Any]], sent_body: object, envelope: SentMetadata) -> _Shown:
    """How each text is shown, up to a bound: without what was sent; names of fields that were sent stay."""
    few = list(_up_to(MAX_BYTES, texts))
    if STOCK.issuperset(few):
        return _Shown(dict(zip(few, few, strict=True)), {})
    people = [str(value) for lead in leads for name, value in lead.items() if "name" in name.lower()]
    values = [*_leaves([list(lead.values()) for lead in leads] if leads else sent_body), *envelope.values()]
    redacted = Redactor(values, names=people, secrets=envelope.secrets()).redacted(few)
    sent_names = list({name for lead in leads for name in lead}.intersection(few) - _FIELDS)
    numbers = [str(lead["phone_number"]) for lead in leads if "phone_number" in lead]
    plain = Redactor(numbers, names=people, secrets=envelope.secrets()).redacted(sent_names)
    names = {name: name for name, same in zip(sent_names, plain, strict=True) if name == same}
    return _Shown(dict(zip(few, redacted, strict=True)), names | {name: name for name in _FIELDS})


def _up_to(size: int, texts: Iterable[str]) -> Iterator[str]:
    """Each text once, until they are too many."""
    seen: set[str] = set()
    for text in texts:
        if text not in seen:
            size -= len(text)
            if size < 0:
                return
            seen.add(text)
            yield text


def tells_name(text: str, contact_name: object) -> bool:
    """Tell whether a text holds a part of a name."""
    parts = words_of(contact_name) if isinstance(contact_name, str) else ()
    plain = condensed(text)
    return any(part in plain for part in parts if len(part) > 2)


def shown_lead_id(lead_id: object, contact_name: object) -> str:
    """Return a lead_id as messages show it: masked if it tells who the lead is."""
    text = str(lead_id)
    return f"{MASK}{text[-2:]}" if tells_name(text, contact_name) else masked(text)


def _leaves(value: object) -> Iterator[str]:
    """Every text and number within, and every name within a value, however deep."""
    todo = [value]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo += [part for pair in cast(dict[str, object], value).items() for part in pair]
        elif isinstance(value, list):
            todo += cast(list[object], value)
        elif value is not None:
            yield str(value)
            if isinstance(value, str) and value.endswith(".0"):
                yield value[:-2]


def _texts(said: Any, depth: int = 0) -> Iterator[str]:
    """Every text that may be shown, names included."""
    if isinstance(said, dict):
        for name, value in cast(dict[str, Any], said).items():
            yield name
            yield from _texts(value, depth + 1) if depth < _DEEPEST else ()
    elif isinstance(said, list):
        for value in _items(said):
            yield from _texts(value, depth + 1) if depth < _DEEPEST else ()
    elif said is not None:
        yield str(said)


def _sorted_out(said: Any, leads: int, shown: _Shown) -> tuple[str, Errors, dict[int, Errors]]:
    items = _items(said)
    if any(isinstance(item, dict) for item in items):
        return "", {}, {index: _by_field(item, shown) for index, item in enumerate(items)}
    if isinstance(said, dict):
        said = cast(dict[str, Any], said)
        indexes = [key for key in said if _is_index(key, leads)]
        if indexes and len(indexes) == len(said):
            return "", {}, {int(key): _by_field(said[key], shown) for key in indexes}
        if set(said) == {"detail"}:
            return " ".join(_messages(said["detail"], shown))[:_LONGEST_DETAIL], {}, {}
        fields = _by_field(said, shown)
        detail = "; ".join(f"{name}: {' '.join(words)}" for name, words in fields.items())
        return detail[:_LONGEST_DETAIL], fields, {}
    return " ".join(_messages(said, shown))[:_LONGEST], {}, {}


def _is_index(key: str, leads: int) -> bool:
    """Whether a key is the place of a lead in the batch, as JSON writes numbers."""
    return len(key) < 10 and key.isascii() and key.isdecimal() and str(int(key)) == key and int(key) < leads


def _by_field(said: Any, shown: _Shown) -> Errors:
    if isinstance(said, dict):
        fields: Errors = {}
        for key, value in islice(cast(dict[str, Any], said).items(), _MOST):
            name = shown.name(key)
            fields[name] = (*fields.get(name, ()), *_few(_messages(value, shown)))
        return fields
    words = _few(_messages(said, shown))
    return {"lead": words} if words else {}


def _messages(said: Any, shown: _Shown, depth: int = 0) -> Iterator[str]:
    """Every text within, in order: messages may stand in lists within objects within lists."""
    if isinstance(said, dict | list) and depth >= _DEEPEST:
        yield MASK
    elif isinstance(said, dict):
        for key, value in cast(dict[str, Any], said).items():
            prefix = "" if key.isdecimal() or key == "detail" else f"{shown.name(key)}: "
            yield from (f"{prefix}{word}" for word in _messages(value, shown, depth + 1))
    elif isinstance(said, list):
        for value in _items(said):
            yield from _messages(value, shown, depth + 1)
    elif said is not None and said != "":
        yield shown.text(said)


def _few(messages: Iterator[str]) -> tuple[str, ...]:
    few = tuple(islice(messages, _MOST))
    return (*few, MASK) if next(messages, None) is not None else few


def _items(said: Any) -> list[Any]:
    return said if isinstance(said, list) else []  # pyright: ignore[reportUnknownVariableType]
