"""Whatever comes back, on any operation, is a result or a SquadIQError that tells nothing of what was sent."""

from __future__ import annotations

import json
import pickle
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq import AsyncSquadIQ, SquadIQ, SquadIQError
from tests.servers import Reply, acting_server

pytestmark = pytest.mark.unmeasured

TOKEN = "tok_Ab12cd34EF56"
LEAD = {
    "lead_id": "u1",
    "phone_number": "+919876543210",
    "contact_name": "Asha Raghunathan",
    "email": "asha@rao.example",
}
CHANGES = {name: value for name, value in LEAD.items() if name != "lead_id"}
IN_LEAD = ("98765", "43210", "asha", "raghunathan", "rao.example")
ECHO = f"{TOKEN} {json.dumps(LEAD)} {json.dumps(LEAD).upper()} 98765 43210 ASHA"

CALLS: dict[str, tuple[Callable[[Any], Any], tuple[str, ...]]] = {
    "createLeads": (lambda campaign: campaign.create_leads([LEAD]), IN_LEAD),
    "getLeads": (lambda campaign: campaign.get_leads(lead_id="Asha Rao", page_size=5).pages(), ("asha",)),
    "updateLead": (lambda campaign: campaign.update_lead("u1", CHANGES), IN_LEAD),
    "convertLead": (lambda campaign: campaign.convert_lead("u1", detail="Asha Raghunathan"), ("asha", "raghunathan")),
    "disableLeads": (
        lambda campaign: campaign.disable_leads(["9876543210", "raghunathan"]),
        IN_LEAD[:2],
    ),
    "deleteLead": (lambda campaign: campaign.delete_lead("asha@rao.example"), IN_LEAD[2:3] + IN_LEAD[4:]),
}
"""Each operation, and what of it nobody may see again."""
OPTIONS: Any = {
    "quota": "memory",
    "base_url": "http://127.0.0.1",
    "max_attempts": 1,
    "deadline_seconds": 20,
}


class OnTheWire(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body as it stands on the wire, not decoded before."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def outcome_of(call: str, kind: str, response: Callable[[], httpx.Response]) -> Any:
    """What a call returns or raises; of a walk, its first pages."""
    transport = httpx.MockTransport(lambda _: response())

    def blocking() -> Any:
        with SquadIQ(TOKEN, transport=transport, **OPTIONS) as client:
            result = CALLS[call][0](client.campaign("campaign-1"))
            return next(result) if call == "getLeads" else result

    async def in_a_loop() -> Any:
        async with AsyncSquadIQ(TOKEN, transport=transport, **OPTIONS) as client:
            result = CALLS[call][0](client.campaign("campaign-1"))
            return await (anext(result) if call == "getLeads" else result)

    try:
        return blocking() if kind == "SquadIQ" else anyio.run(in_a_loop)
    except SquadIQError as error:
        return error


def told_with(error: BaseException | None) -> Iterator[str]:
    """What a traceback says of an error and of those before it, without the lines of this file."""
    while error is not None:
        yield "".join(traceback.format_exception_only(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def check(call: str, result: Any) -> None:
    """Nothing of a call shows in its error; numbers of seconds may hold any digits, and say nothing."""
    if isinstance(result, SquadIQError):
        result.attempts = ()
        shown = [str(result), repr(result), repr(vars(result)), *told_with(result)]
        shown += [pickle.dumps(result, protocol).decode("utf-8", "replace") for protocol in (0, 5)]
        shown += [str(pickle.loads(pickle.dumps(result)))]
        secrets = ("tok_ab12", *CALLS[call][1])
        assert not [text for text in shown for secret in secrets if secret in text.lower()]
        str(result).encode()
        assert str(result).isprintable()


KEYS = ["detail", "0", "1", "results", "next", ECHO]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just(ECHO),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=9) | st.sampled_from(["detail", "0", "1", "results", "next", ECHO]), inner, max_size=3
        )
    ),
    max_leaves=8,
)
ODD_BODIES = [
    b'{"' + b"9" * 5000 + b'": ["Odd."]}',
    b"[" * 600 + b'"Odd."' + b"]" * 600,
    b'{"detail": ' + b"[" * 600 + b'"Odd."' + b"]" * 600 + b"}",
    b'{"a": ' * 600 + b"1" + b"}" * 600,
    b"[" * 100_000,
    '{"२": {"phone_number": ["Odd."]}}'.encode(),
    b'{"0": 1, "0": {"a": ["Odd."]}, "00": 2}',
    b'{"detail": ' + b"9" * 5000 + b"}",
    b'{"detail": [NaN, Infinity, -Infinity, 1e999]}',
    b'{"detail": "\\ud800 \\udc00"}',
    b"\xef\xbb\xbf{}",
    '{"detail": "Odd."}'.encode("utf-16"),
    '{"detail": "Odd."}'.encode("utf-32-le"),
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\0" * 10,
    b'{"count": 1, "results": [' + b"[" * 600 + b"]" * 600 + b'], "next": null}',
    b'{"count": ' + b"9" * 5000 + b', "next": null, "previous": null, "results": []}',
    b'{"count": 1, "next": {"a": 1}, "previous": 5, "results": [{"lead_id": {}}, null, 1e999]}',
    b'{"count": 1, "next": null, "results": [{"cls": 1, "_fields_set": 2, "self": 3, "model_config": 4}]}',
    f"<html><title>{ECHO}</title>".encode(),
    b"<" * 100_000,
    b"&#" + b"9" * 9000 + b";",
    ECHO.encode(),
    ECHO.encode("utf-16"),
]
BODIES = (
    st.sampled_from(ODD_BODIES)
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.binary(max_size=50)
    | st.text(max_size=50).map(str.encode)
)
CONTENT_TYPES = [
    "application/json",
    "text/html",
    "text/plain; charset=utf-16",
    "a/b; charset=zip",
    "; charset=\0",
    ECHO,
]
ENCODINGS = ["identity", "gzip", "deflate", "br", "zstd", "gzip, gzip", "x" * 300, "\x00"]
RETRY_AFTERS = [
    "0",
    "-1",
    "1e400",
    "nan",
    "9" * 5000,
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 99 Foo 0000",
    "soon",
    ECHO,
]
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(CONTENT_TYPES),
        "Content-Encoding": st.sampled_from(ENCODINGS),
        "Retry-After": st.sampled_from(RETRY_AFTERS),
        "Date": st.sampled_from(["", "never", "Fri, 31 Dec 9999 23:59:59 GMT"]),
        "Location": st.sampled_from(["", "//", "http://[x", ECHO]),
        "Set-Cookie": st.sampled_from(["", "a=b", ECHO]),
    },
)
STATUSES = st.integers(200, 599) | st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 429, 500, 503])


@pytest.mark.parametrize("kind", ["SquadIQ", "AsyncSquadIQ"])
@pytest.mark.parametrize("call", CALLS)
@given(status=STATUSES, headers=HEADERS, body=BODIES)
def test_any_response_is_a_result_or_an_error_of_ours(
    call: str, kind: str, status: int, headers: dict[str, str], body: bytes
) -> None:
    check(call, outcome_of(call, kind, lambda: httpx.Response(status, headers=headers, stream=OnTheWire(body))))


@pytest.mark.parametrize("kind", ["SquadIQ", "AsyncSquadIQ"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_each_of_the_oddest_bodies_is_a_result_or_an_error_of_ours(call: str, kind: str, status: int) -> None:
    for body in ODD_BODIES:
        for content_type in ("application/json", "text/html"):
            headers = {"Content-Type": content_type}
            check(call, outcome_of(call, kind, lambda: httpx.Response(status, headers=headers, stream=OnTheWire(body))))  # noqa: B023


@pytest.mark.parametrize("call", CALLS)
def test_what_a_real_server_echoes_is_not_shown(call: str) -> None:
    def echo(seen: Any) -> Reply:
        said = f"{seen.method} {seen.target} {seen.headers} {seen.body!r} {seen.body.decode()}"
        return Reply(400, {"detail": said, said: [said]}, {"X-Echo": seen.headers["authorization"]})

    with (
        acting_server(echo) as server,
        SquadIQ(TOKEN, **(OPTIONS | {"base_url": server.url})) as client,
        pytest.raises(SquadIQError) as raised,
    ):
        list(CALLS[call][0](client.campaign("campaign-1")))
    assert server.seen
    check(call, raised.value)


@pytest.mark.parametrize(
    "failure",
    [
        httpx.RemoteProtocolError(f"illegal header line: {ECHO.encode()!r}"),
        httpx.ProxyError(f"407 {ECHO}"),
    ],
    ids=lambda failure: type(failure).__name__,
)
@pytest.mark.parametrize("call", CALLS)
def test_a_failure_that_repeats_what_came_is_an_error_of_ours(call: str, failure: Exception) -> None:
    def fail() -> httpx.Response:
        raise failure

    check(call, outcome_of(call, "SquadIQ", fail))
