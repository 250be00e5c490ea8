"""The server of `squadiq listen`: prints each delivery for a person, and answers it or passes it on."""

from __future__ import annotations

import json
import socketserver
from collections.abc import Callable, Iterable
from datetime import datetime
from http.client import responses
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from squadiq.cli.output import initials, shown

if TYPE_CHECKING:
    from squadiq.webhooks import DeliveredLead

TIMEOUT_SECONDS = 30.0
MOST_SHOWN_BYTES = 4096
_NOT_PASSED_ON = frozenset({"connection", "content-length", "host", "transfer-encoding"})

Respond = Callable[[str, list[tuple[str, str]]], object]


def make_server(host: str, port: int, app: Listener) -> WSGIServer:
    """Return a server, bound already, that takes several deliveries at the same time.

    Raises:
        OSError: the port is taken.
    """
    server = _Server((host, port), _QuietHandler)
    server.set_app(app)
    return server


class Listener:
    """Print deliveries, as a WSGI application.

    Args:
        say: prints one line, or several.
        client: an httpx client, which passes deliveries on.
        forward_to: where to; None to answer oneself.
        as_json: print each as an object of JSON, for a program, and not for a person.
    """

    def __init__(
        self, say: Callable[[str], None], client: Any, forward_to: str | None, *, as_json: bool = False
    ) -> None:
        from squadiq.webhooks import WsgiWebhook

        self._say = say
        self._client = client
        self._forward_to = forward_to
        self._as_json = as_json
        self._webhook = WsgiWebhook(self)

    def __call__(self, environ: dict[str, Any], respond: Respond) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if self._forward_to is None:
            response = self._webhook.respond(environ)
            if response.status != 201 and self._as_json:
                self._say(_object(None, response.status, response.body.decode()))
            elif response.status != 201:
                self._say(f"{_time()}  refused with {response.status}: {shown(response.body.decode())}\n")
            respond(f"{response.status} {_phrase(response.status)}", list(response.headers))
            return [response.body]
        return self._passed_on(environ, self._forward_to, respond)

    def receive(self, lead: DeliveredLead) -> None:
        """Print a lead, which is taken."""
        self._say(_object(lead, 201) if self._as_json else described(lead))

    def _passed_on(self, environ: dict[str, Any], forward_to: str, respond: Respond) -> Iterable[bytes]:
        import httpx

        from squadiq.webhooks import DeliveryError, parse

        length = environ.get("CONTENT_LENGTH", "")
        body = environ["wsgi.input"].read(int(length) if length.isdecimal() else 0)
        headers = _headers(environ)
        lead, odd = None, ""
        try:
            lead = parse(body, headers)
        except DeliveryError as wrong:
            odd = str(wrong)
        if not self._as_json:
            self._say(_odd(odd) if lead is None else described(lead))
        try:
            response = self._client.request(
                environ["REQUEST_METHOD"],
                forward_to,
                content=body,
                headers={name: value for name, value in headers.items() if name not in _NOT_PASSED_ON},
            )
        except httpx.HTTPError as failure:
            why = type(failure).__name__
            self._say(_object(lead, 502, why) if self._as_json else f"          → could not be passed on: {why}\n")
            respond("502 Bad Gateway", [("Content-Length", "0")])
            return []
        milliseconds = response.elapsed.total_seconds() * 1000
        answered = response.content[:MOST_SHOWN_BYTES].decode("utf-8", "replace")
        if self._as_json:
            self._say(_object(lead, response.status_code, answered if response.status_code != 201 else odd or None))
        else:
            [said] = _without(lead, [shown(answered)])
            self._say(f"          → {response.status_code} in {milliseconds:.0f} ms: {said}\n")
        media_type = response.headers.get("content-type", "text/plain")
        told = [("Content-Type", media_type), ("Content-Length", str(len(response.content)))]
        respond(f"{response.status_code} {_phrase(response.status_code)}", told)
        return [response.content]


def described(lead: DeliveredLead) -> str:
    """Return what a person wants to see of a lead, on a few lines: initials, no phone number."""
    recording = "there is one" if lead.latest_recording_url else "none"
    lines = [
        f"{_time()}  {shown(lead.lead_outcome)}",
        f"lead       {shown(str(lead.lead_id))} in campaign {shown(lead.campaign_id)}",
        f"contact    {initials(lead.contact_name)}, phone number …{shown(lead.phone_number[-2:])}",
        f"processed  {lead.processed_at.isoformat()}",
        f"called     {lead.latest_called_at.isoformat() if lead.latest_called_at else 'never'}",
        f"recording  {recording}",
    ]
    fields = [*lead.lead_responses.items(), *(lead.model_extra or {}).items()]
    lines += _without(lead, [f"{shown(name)}: {shown(str(value))}" for name, value in fields])
    return "\n          ".join(lines)


def _without(lead: DeliveredLead | None, lines: list[str]) -> list[str]:
    """The lines without what they repeat of a lead's name and phone number."""
    from squadiq._redaction import Redactor

    return lines if lead is None else Redactor([lead.phone_number], names=[lead.contact_name]).redacted(lines)


def _odd(wrong: str) -> str:
    return f"{_time()}  not what the document says: {shown(wrong)}"


def _object(lead: DeliveredLead | None, status: int, error: str | None = None) -> str:
    """A delivery for a program: the lead as it came, if it is one, what was answered, and what was said against it."""
    came: Any = None if lead is None else json.loads(lead.raw_payload)
    return json.dumps({"status": status, "lead": came, "error": error}, ensure_ascii=False)


def _headers(environ: dict[str, Any]) -> dict[str, str]:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    return {**headers, "content-type": environ.get("CONTENT_TYPE", "")}


def _phrase(status: int) -> str:
    return responses.get(status, "Unknown")


def _time() -> str:
    return datetime.now().astimezone().strftime("%H:%M:%S")


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    timeout = TIMEOUT_SECONDS

    def get_environ(self) -> dict[str, Any]:
        """Return the environment without the Content-Type that wsgiref makes up."""
        return {**super().get_environ(), "CONTENT_TYPE": self.headers.get("content-type", "")}

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: paths may hold a secret."""
