"""Calls of the API as they are listed and shown one by one, without a token and masked until somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

from squadiq._extras import needs_extra
from squadiq.mock.core import Mock
from squadiq.mock.page.calls import LoggedCall
from squadiq.mock.page.markup import Markup, element, joined
from squadiq.mock.page.masking import masked_content, without_numbers, without_tokens
from squadiq.mock.page.pieces import (
    ROOT,
    Asked,
    View,
    badge,
    fact,
    link,
    moment_shown,
    reveal_link,
    row,
    status_badge,
    table,
)

with needs_extra("mock"):
    import orjson

_HEADINGS = ("Time", "Call", "Status", "Took")
_HEADERS = ("user-agent", "content-type", "content-encoding", "accept")
"""Headers of a request that are shown; none that lets anybody in."""


def calls_table(mock: Mock, calls: Iterable[LoggedCall], asked: Asked) -> Markup:
    """Return a table of calls."""
    rows = (
        row(
            f"call-{call.number}",
            _HEADINGS,
            (
                moment_shown(call.moment),
                link(f"{ROOT}/calls/{call.number}", _name(mock, call, asked)),
                _came(call),
                _took(call),
            ),
        )
        for call in calls
    )
    return table("calls", _HEADINGS, rows, "Nobody called the API yet.")


def call_view(mock: Mock, call: LoggedCall, asked: Asked) -> View:
    """Return the page of one call."""
    request, response = call.request, call.response
    target = _told(mock, request.path + (f"?{request.query}" if request.query else ""), asked)
    given = {name: request.headers[name] for name in _HEADERS if name in request.headers}
    facts = [
        fact("Time", moment_shown(call.moment)),
        fact("Took", _took(call)),
        *(fact(name.title(), _told(mock, text, asked)) for name, text in given.items()),
    ]
    answered = [fact(name, _told(mock, value, asked)) for name, value in response.headers]
    headers = element("dl", *answered, class_="facts") if answered else None
    sent = _body(mock, request.body, call.length, request.headers, asked, harmless=False)
    # A response that refuses repeats nothing of a person: see docs/mock.md.
    came = _body(mock, response.body, call.response_length, {}, asked, harmless=response.status >= 400)
    line = element("p", element("code", f"{request.method} {target}"), class_="target")
    parts = (
        element("h1", _name(mock, call, asked), " ", _came(call)),
        element("p", reveal_link(asked)),
        element("dl", *facts, class_="facts"),
        element(
            "div",
            element("div", element("h2", "Request"), line, sent),
            element("div", element("h2", "Response"), headers, came),
            class_="halves",
        ),
    )
    return View(f"Call {call.number}", {"main": joined(parts)})


def _name(mock: Mock, call: LoggedCall, asked: Asked) -> Markup:
    found = mock.spec.find(call.request.path)
    operation = found[0].operations.get(call.request.method) if found else None
    if found is None or operation is None:
        return element("span", f"{call.request.method} {_told(mock, call.request.path, asked)}", class_="path")
    campaign_id = _told(mock, found[1].get("campaign_id", ""), asked)
    return joined((operation.operation_id, " ", element("bdi", campaign_id, class_="quiet")))


def _came(call: LoggedCall) -> Markup:
    if call.fault == "reset-before":
        return badge("bad", call.fault)
    status = status_badge(call.response.status)
    if call.fault is None:
        return status
    return joined((status, " ", badge("bad", "planted" if call.fault == str(call.response.status) else call.fault)))


def _took(call: LoggedCall) -> str:
    return f"{call.seconds * 1000:.2f} ms"


def _told(mock: Mock, text: str, asked: Asked) -> str:
    # Decoded, so that a number is seen to be one whatever its signs were written as.
    text = without_tokens(unquote(text), mock.settings.tokens)
    return text if asked.revealed else without_numbers(text)


def _body(
    mock: Mock, body: bytes, length: int, headers: Mapping[str, str], asked: Asked, *, harmless: bool
) -> Markup | None:
    if not length:
        return element("p", "Without a body.", class_="quiet")
    if "content-encoding" in headers:
        return element("p", f"{length:,} bytes, encoded as they were sent.", class_="quiet")
    text = content_text(body, revealed=asked.revealed, harmless=harmless)
    cut = element("p", f"The first {len(body):,} of {length:,} bytes.", class_="quiet") if len(body) < length else None
    if text is None:
        return joined((element("p", f"{length:,} bytes that are shown with personal data.", class_="quiet"), cut))
    return joined((element("pre", element("code", without_tokens(text, mock.settings.tokens)), tabindex="0"), cut))


def content_text(body: bytes, *, revealed: bool, harmless: bool = False) -> str | None:
    """Return a body as it is shown, None if it cannot be masked and must be asked for.

    Args:
        body: as it came.
        revealed: somebody asked for personal data.
        harmless: there are none in it but by mistake.
    """
    text = body.decode("utf-8", "replace")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return text if revealed else without_numbers(text) if harmless else None
    if not revealed and not harmless:
        value = masked_content(value)
    indented = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    return without_numbers(indented) if harmless and not revealed else indented
