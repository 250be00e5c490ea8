"""Reading successful answers so that an odd lead never costs the rest of its page.

What the document says and what came are compared; each difference is told once through `logging`.
"""

from __future__ import annotations

import logging
import threading
from itertools import islice
from typing import Any, NamedTuple, TypeVar, cast

from pydantic import ValidationError
from pydantic_core import from_json
from squadiq_generated._base import Model
from squadiq_generated.models import LeadsPage, ProcessedLead

from squadiq._fields import field_type
from squadiq.error_body import tells_name, without_personal_data
from squadiq.errors import UnexpectedResponseError

log = logging.getLogger("squadiq")

ModelT = TypeVar("ModelT", bound=Model)


_MOST_DIFFERENCES = 100
_MOST_NAMES = 5
_LONGEST_NAME = 60
_LONGEST_ERROR = 65_536


class Differences:
    """Tells each difference between the document and the responses once, and only so many."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def tell(self, operation: str, where: str, what: str) -> None:
        """Log a difference, unless it was logged before; neither part may hold a value that came."""
        with self._lock:
            if (operation, where, what) in self._told or len(self._told) > _MOST_DIFFERENCES:
                return
            self._told.add((operation, where, what))
            enough = len(self._told) > _MOST_DIFFERENCES
        if enough:
            where, what = "it does so in further ways,", "which are not told"
        log.warning("%s: the response differs from the document: %s %s", operation, where, what)


class PageRead(NamedTuple):
    """A page of leads, and how many of its results are no leads and were left out."""

    page: LeadsPage
    left_out: int = 0


def read_page(content: bytes, operation: str, differences: Differences) -> LeadsPage:
    """Do `read_whole_page`, for those who do not count."""
    return read_whole_page(content, operation, differences).page


def read_whole_page(content: bytes, operation: str, differences: Differences) -> PageRead:
    """Read a page of leads, keeping unknown fields, and odd or missing ones as they came.

    A missing field is None and not in `model_fields_set`.

    Raises:
        UnexpectedResponseError: the body is not a page at all.
    """
    try:
        read = PageRead(LeadsPage.model_validate_json(content))
    except ValidationError:
        read = _read_odd_page(content, operation, differences)
    _tell_unknown_fields(read.page, "", operation, differences)
    for lead in read.page.results:
        if lead.model_extra:
            _tell_unknown_fields(lead, "results[].", operation, differences)
    return read


def read_lead(payload: bytes, operation: str, differences: Differences) -> ProcessedLead:
    """Read one lead as `read_page` reads those of a page.

    Raises:
        UnexpectedResponseError: the payload is not a JSON object.
    """
    try:
        came = from_json(payload)
    except ValueError:
        raise _not_a(operation, "lead", "is not JSON") from None
    if not isinstance(came, dict):
        raise _not_a(operation, "lead", f"is {_kind(came)}, not an object")
    try:
        lead = ProcessedLead.model_validate_json(payload)
    except ValidationError:
        lead = _read_odd(ProcessedLead, cast(dict[str, Any], came), "", operation, differences)
    _tell_unknown_fields(lead, "", operation, differences)
    return lead


def is_api_error(content: bytes, content_type: str) -> bool:
    """Tell whether the body of an error is JSON with a `detail`, as SquadIQ's own are (decision 0008)."""
    kind = content_type.partition(";")[0].strip().lower()
    if len(content) > _LONGEST_ERROR or (kind != "application/json" and not kind.endswith("+json")):
        return False
    try:
        said = from_json(content)
    except ValueError:
        return False
    return isinstance(said, dict) and isinstance(cast(dict[str, Any], said).get("detail"), str)


def _read_odd_page(content: bytes, operation: str, differences: Differences) -> PageRead:
    try:
        came = from_json(content)
    except ValueError:
        raise _not_a(operation, "page of leads", "is not JSON") from None
    if not isinstance(came, dict):
        raise _not_a(operation, "page of leads", f"is {_kind(came)}, not an object")
    came = cast(dict[str, Any], came)
    if not isinstance(came.get("results"), list):
        raise _not_a(operation, "page of leads", "has no list of results")
    leads: list[ProcessedLead] = []
    for item in came["results"]:
        if isinstance(item, dict):
            leads.append(_read_odd(ProcessedLead, cast(dict[str, Any], item), "results[].", operation, differences))
        else:
            differences.tell(operation, "results[]", f"is {_kind(item)}, not a lead")
    rest = {name: value for name, value in came.items() if name != "results"}
    page = _read_odd(LeadsPage, rest, "", operation, differences, given={"results": leads})
    return PageRead(page, len(came["results"]) - len(leads))


def _read_odd(
    model: type[ModelT],
    came: dict[str, Any],
    where: str,
    operation: str,
    differences: Differences,
    given: dict[str, Any] | None = None,
) -> ModelT:
    """Make a model field by field; what the document does not allow is kept as it came."""
    values: dict[str, Any] = dict(given or {})
    missing: dict[str, None] = {}
    for name in model.model_fields:
        if name in values:
            continue
        if name not in came:
            differences.tell(operation, where + name, "is missing")
            missing[name] = None
            continue
        try:
            values[name] = field_type(model, name).validate_python(came[name])
        except ValidationError as invalid:
            said = invalid.errors(include_url=False, include_input=False, include_context=False)[0]["msg"]
            differences.tell(operation, where + name, f"is {_kind(came[name])}: {said}")
            values[name] = came[name]
    made: ModelT = model.model_construct(_fields_set=set(values), **values, **missing)  # type: ignore[assignment]
    # Not as arguments: a field may be called `cls` or `_fields_set`.
    for name in came.keys() - model.model_fields.keys() - values.keys():
        cast(dict[str, Any], made.__pydantic_extra__)[name] = came[name]
        made.model_fields_set.add(name)
    return made


def _tell_unknown_fields(model: Model, where: str, operation: str, differences: Differences) -> None:
    names = model.model_extra or {}
    for name in islice(names, _MOST_NAMES):
        shown = without_personal_data(name)
        if tells_name(name, model.__dict__.get("contact_name")):
            shown = "…"
        if len(shown) > _LONGEST_NAME:
            shown = f"{shown[:_LONGEST_NAME]}…"
        differences.tell(operation, where + shown, "is not in the document; it is kept")
    if len(names) > _MOST_NAMES:
        differences.tell(operation, f"{where}…", f"has {len(names)} fields that are not in the document; they are kept")


def _not_a(operation: str, expected: str, what: str) -> UnexpectedResponseError:
    error = UnexpectedResponseError(f"{operation}: the response {what}, and cannot be read as a {expected}")
    error.operation = operation
    return error


def _kind(value: object) -> str:
    """What JSON calls the type of a value."""
    names: dict[type, str] = {
        str: "a text",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        dict: "an object",
        list: "a list",
    }
    return names.get(type(value), "null")
