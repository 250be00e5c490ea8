"""The mock without any transport: a request goes in, a response comes out.

What refuses a request is looked for in the order of Django REST framework: the path, the access
token, the quota, the method, the permission, the media type, the body's form, its contents, and
last whether the leads exist. A browser's preflight has no token, and is answered before that.
"""

from __future__ import annotations

import hashlib
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from squadiq._decoding import BodyDamagedError, BodyDecoder, BodyEncodingError, BodyTooLargeError
from squadiq._extras import needs_extra
from squadiq.mock.clock import Clock
from squadiq.mock.control_api import HELPERS, STATE, counts, handle_control_request, lead_state, require_method
from squadiq.mock.cors import preflight_response, readable_from_origin
from squadiq.mock.deliveries.dispatch import Dispatch
from squadiq.mock.faults import FaultError, FaultPlan, PlannedFault, parsed_fault, wrong_response
from squadiq.mock.faults_api import FAULTS, handle_faults
from squadiq.mock.messages import (
    BODY_LIMIT,
    MockRequest,
    MockResponse,
    RefusedError,
    json_response,
    refused,
    refused_for,
)
from squadiq.mock.operations import OPERATIONS, MockCall
from squadiq.mock.settings import MockSettings, SettingError
from squadiq.mock.state import StateContext, StateError, mock_state, read_state, state_in_file
from squadiq.mock.store import LeadStore
from squadiq.mock.throttle import Throttle
from squadiq.mock.validation import body_errors, read_parameter
from squadiq.spec import Body, Operation, Route, Spec, unquoted

with needs_extra("mock"):
    import orjson

NESTED_AT_MOST = 254
"""Lists and objects within each other: what orjson writes; it reads deeper ones, on which validation would fail."""

logger = logging.getLogger("squadiq.mock")


class Mock:
    """Answer requests as the SquadIQ API does; may be used by several threads.

    Args:
        settings: what can be set.
        spec: another document than the installed one.
        now: where the time at the start comes from, in seconds since the epoch.
        monotonic: where the passing of time comes from, in seconds.

    Raises:
        SettingError: the file for the state cannot be used, that to load is not usable, or there is no such
            operation as a fault is for.
    """

    def __init__(
        self,
        settings: MockSettings | None = None,
        *,
        spec: Spec | None = None,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or MockSettings()
        self.spec = spec or Spec.installed()
        self._lock = threading.RLock()
        self.faults = FaultPlan(self.settings.seed)
        try:
            for text in self.settings.faults:
                self.add_fault(parsed_fault(text))
        except FaultError as wrong:
            raise SettingError(f"faults: {wrong}") from None
        self.store = LeadStore(self.settings.db)
        self.clock = Clock(max(now(), self.store.clock_reading()), speed=self.settings.speed, monotonic=monotonic)
        rate = self.spec.hits if self.settings.rate is None else self.settings.rate
        self._throttle = Throttle(rate, self.spec.window_seconds)
        self._closed = False
        self.deliveries = Dispatch(self.settings, self.store, self.clock, self._lock)
        # Not the token itself is kept with a campaign: the file may be looked at or passed on.
        self._businesses = {token: hashlib.sha256(token.encode()).hexdigest() for token in self.settings.tokens}
        if self.settings.load is not None:
            self._begin_with(self.settings.load)

    def respond(self, request: MockRequest) -> MockResponse:
        """Answer one request; never raises."""
        if request.path.startswith(HELPERS):
            return self._guarded(self._control, request)
        return readable_from_origin(self._guarded(self._respond, request), request.headers)

    def next_fault(self, request: MockRequest) -> PlannedFault | None:
        """Return what a request meets on its way, and count it; None almost always."""
        if not self.faults or request.path.startswith(HELPERS) or (found := self.spec.find(request.path)) is None:
            return None
        operation = found[0].operations.get(request.method)
        with self._lock:
            return None if operation is None else self.faults.decide(operation.operation_id)

    def respond_wrongly(self, fault: PlannedFault, request: MockRequest) -> MockResponse:
        """Answer one request as a fault has it; what becomes of the connection is left to who sends the response."""
        response = self.respond(request) if fault.carried_out else MockResponse(204)
        return readable_from_origin(wrong_response(fault, response), request.headers)

    def add_fault(self, fault: PlannedFault) -> None:
        """Let something go wrong with requests to come.

        Raises:
            FaultError: the document has no such operation, or too many faults wait.
        """
        if fault.operation is not None and fault.operation not in self.spec.operations:
            raise FaultError("operation", f"give one of {', '.join(self.spec.operations)}")
        with self._lock:
            self.faults.add(fault)

    def clear_faults(self) -> None:
        """Let nothing more go wrong."""
        with self._lock:
            self.faults.clear()

    def advance(self, seconds: float) -> None:
        """Let seconds pass at once, for the leads and for the quota."""
        with self._lock:
            self.clock.advance(seconds)
            self.store.keep_clock_reading(self.clock.now())
        self.deliveries.changed()

    def counts(self, campaign_id: str) -> dict[str, int]:
        """Count the leads of a campaign by what has happened to them; a deleted one is not counted."""
        with self._lock:
            return counts(self.store, campaign_id, int(self.clock.now()))

    def lead_state(self, campaign_id: str, lead_id: str) -> dict[str, Any] | None:
        """Return everything that the mock knows of a lead, None if nothing."""
        with self._lock:
            return lead_state(self.store, self.settings.seed, campaign_id, lead_id, int(self.clock.now()))

    @property
    def exclusive(self) -> AbstractContextManager[object]:
        """What to hold while the store is used."""
        return self._lock

    def quota_use(self) -> list[tuple[int, int]]:
        """Return by access token how many hits of the last window are counted, and how many may be; 0 for no limit."""
        with self._lock:
            now = self.clock.arrival()
            return [self._throttle.hits_counted(business, now) for business in self._businesses.values()]

    def close(self) -> None:
        """Keep the time for the next start and close the file; a second time does nothing."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self.store.keep_clock_reading(self.clock.now())
                self.store.close()

    def process_all(self) -> None:
        """Let time pass until every lead is processed that is not disabled."""
        with self._lock:
            now, last = self.clock.now(), self.store.last_processing()
            # Whole seconds: added to a time, a part of one may come out a little less.
            self.advance(0 if last is None else max(0, math.ceil(last - now)))

    def choose_outcome(self, campaign_id: str | None, lead_id: str, chosen: Mapping[str, Any]) -> None:
        """Give a lead another outcome than the simulated one.

        Args:
            campaign_id: of the lead; None if only one campaign has it.
            lead_id: of the lead.
            chosen: from `chosen_outcome`.

        Raises:
            LookupError: there is no such lead, or one in several campaigns.
        """
        with self._lock:
            campaigns = [each for each in self.store.campaigns if campaign_id in (None, each.campaign_id)]
            found = [lead for each in campaigns if (lead := self.store.find(each, lead_id))]
            if len(found) != 1:
                raise LookupError("give campaign_id: several have such a lead" if found else "there is no such lead")
            before = orjson.loads(found[0].chosen or b"{}")
            self.store.choose(found[0], orjson.dumps({**before, **chosen}))

    def state(self) -> dict[str, Any]:
        """Return everything that the mock keeps: leads with their outcomes, deliveries, and the time."""
        with self._lock:
            return mock_state(self.store, [*self._businesses.values()], self.settings.seed, self.clock.now())

    def load(self, state: Any) -> None:
        """Forget everything and begin with a state; what is planned to go wrong, and the quota, stay as they are.

        Raises:
            StateError: it is not usable; then nothing has changed.
        """
        with self._lock:
            context = StateContext(
                spec=self.spec,
                businesses=[*self._businesses.values()],
                seed=self.settings.seed,
                process_after_seconds=self.settings.process_after_seconds,
                now=self.clock.now(),
            )
            read, now = read_state(state, context)
            self.store.replace_all(read)
            self.clock.set(now)
            self.store.keep_clock_reading(now)
        self.deliveries.changed()

    def _begin_with(self, path: str) -> None:
        if self.store.campaigns:
            self.store.close()
            raise SettingError(f"load: {self.settings.db} has leads already. Give another file for one of them.")
        try:
            self.load(state_in_file(path))
        except StateError as wrong:
            self.store.close()
            raise SettingError(f"load: {wrong}") from None

    def _guarded(self, respond: Callable[[MockRequest], MockResponse], request: MockRequest) -> MockResponse:
        with self._lock:
            try:
                response = respond(request)
            except RefusedError as refusal:
                return refusal.response
            except sqlite3.Error:
                logger.exception("The database of the mock failed.")
                return json_response(500, {"detail": "Internal Server Error"})
        if request.method != "GET":
            self.deliveries.changed()
        return response

    def _control(self, request: MockRequest) -> MockResponse:
        if request.path == FAULTS:
            return handle_faults(self.faults, self.add_fault, request)
        if request.path == STATE:
            require_method(request, "GET")
            return json_response(200, self.state())
        return handle_control_request(self.store, self.clock, self.settings.seed, self.deliveries, request)

    def _respond(self, request: MockRequest) -> MockResponse:
        found = self.spec.find(request.path)
        if found is None:
            raise refused(404, self._words_for_unknown_path(request.path))
        route, in_path = found
        if (preflight := preflight_response(request, route.operations)) is not None:
            return preflight
        business = self._business(route, request)
        operation = route.operations.get(request.method)
        if operation is None:
            raise refused(405, f'Method "{request.method}" not allowed.', ("Allow", ", ".join(route.operations)))
        campaign_id = in_path.get("campaign_id", "")
        campaign = self.store.campaign(campaign_id)
        if campaign is not None and campaign.owner != business:
            raise refused(403, "You do not have permission to perform this action.")
        given, query = _query(operation, request.query)
        body = None if operation.body is None else _body(operation.body, request)
        operate = OPERATIONS.get(operation.operation_id)
        if operate is None:
            return _documented(operation)
        return operate(
            MockCall(
                settings=self.settings,
                store=self.store,
                business=business,
                campaign_id=campaign_id,
                given=given,
                query=query,
                body=body,
                now=int(self.clock.now()),
                url=request.base_url + request.path,
            )
        )

    def _words_for_unknown_path(self, path: str) -> str:
        near = self.spec.find(f"{path}/")
        forms = [operation.path for operation in near[0].operations.values()] if near else []
        return f"Not found. The path ends with a slash: {forms[0]}" if forms else "Not found."

    def _business(self, route: Route, request: MockRequest) -> str:
        if not route.needs_token:
            return ""
        authorization = request.headers.get("authorization", "")
        scheme, _, token = authorization.partition(" ")
        # RFC 9110, 11.1: the name of a scheme may be written in any case.
        business = self._businesses.get(token.strip()) if scheme.lower() == "bearer" else None
        if business is None:
            words = "Invalid token." if authorization else "Authentication credentials were not provided."
            raise refused(401, words, ("WWW-Authenticate", 'Bearer realm="SquadIQ"'))
        if seconds := self._throttle.retry_after_seconds(business, self.clock.arrival()):
            words = f"Request was throttled. Expected available in {seconds} second{'s'[: seconds > 1]}."
            raise refused(429, words, ("Retry-After", str(seconds)))
        return business


def _query(operation: Operation, raw_query: str) -> tuple[dict[str, Any], dict[str, Any]]:
    if not operation.query:
        return {}, {}
    texts: dict[str, str | None] = {}
    for pair in raw_query.replace("+", " ").split("&"):
        raw_name, _, raw_text = pair.partition("=")
        texts[unquoted(raw_name) or ""] = unquoted(raw_text)
    given: dict[str, Any] = {}
    errors: dict[str, list[str]] = {}
    for parameter in operation.query.values():
        text = texts.get(parameter.name, "")
        if parameter.name not in texts:
            wrong = ["This parameter is required."] if parameter.required else []
        elif text is None:
            wrong = ["Not a valid string."]
        else:
            given[parameter.name], wrong = read_parameter(parameter, text)
        if wrong:
            errors[parameter.name] = wrong
    if errors:
        raise refused_for(400, errors)
    return given, {
        parameter.name: given.get(parameter.name, parameter.default) for parameter in operation.query.values()
    }


def _body(expected: Body, request: MockRequest) -> Any:
    media_type = request.headers.get("content-type", "")
    if media_type != "application/json" and media_type.partition(";")[0].strip().lower() != "application/json":
        raise refused(400, "Unsupported media type in request: send Content-Type: application/json.")
    content = _decoded(request)
    try:
        value = orjson.loads(content)
        if content.count(b"[") + content.count(b"{") > NESTED_AT_MOST:
            orjson.dumps(value)
    except orjson.JSONDecodeError as error:
        raise refused(400, f"JSON parse error at character {error.pos}.") from None
    except orjson.JSONEncodeError:
        raise refused(400, f"The body is nested deeper than {NESTED_AT_MOST} levels.") from None
    if errors := body_errors(expected, value):
        raise refused_for(400, errors)
    return value


def _decoded(request: MockRequest) -> bytes:
    if len(request.body) > BODY_LIMIT:
        raise refused(400, f"The body is larger than {BODY_LIMIT} bytes.")
    if "content-encoding" not in request.headers:
        return request.body
    try:
        decoder = BodyDecoder(request.headers["content-encoding"], BODY_LIMIT)
        content = b"".join(decoder.feed(request.body))
        decoder.end()
    except BodyEncodingError:
        raise refused(400, "Unsupported Content-Encoding: send the body plain or gzip.") from None
    except BodyTooLargeError:
        raise refused(400, f"The body is larger than {BODY_LIMIT} bytes when it is decoded.") from None
    except BodyDamagedError as damaged:
        raise refused(400, f"The body cannot be decoded: {damaged}.") from None
    return content


def _documented(operation: Operation) -> MockResponse:
    """The response to an operation without a behaviour of its own: the document's own example."""
    status = min(status for status in operation.responses if 200 <= status < 300)
    expected = operation.responses[status]
    has_body = "application/json" in expected.media_types
    return json_response(status, expected.example) if has_body else MockResponse(status)
