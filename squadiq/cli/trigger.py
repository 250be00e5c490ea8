"""`squadiq trigger`: a delivery of the webhook at will, to an endpoint of yours."""

from __future__ import annotations

import json
import random
import string
import time
from collections.abc import Collection
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, cast

from squadiq._extras import needs_extra

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.contract.delivery_sender import DeliverySender

TIMEOUT_SECONDS = 30.0
_NAMES = ("Asha Rao", "विकास शर्मा", "Fatima Khan", "தமிழ்ச்செல்வி", "John D'Souza", "Gurpreet Singh")

trigger_app = typer.Typer(no_args_is_help=True, help="Send what SquadIQ would send to your endpoint.")


@trigger_app.callback()
def trigger() -> None:
    """Send what SquadIQ would send to your endpoint."""


@trigger_app.command("lead-processed")
def lead_processed(
    to: Annotated[str, typer.Option("--to", metavar="URL", help="Your endpoint.")],
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change a field, such as lead_outcome=… or lead_responses.plan=Lite; JSON is taken as such.",
        ),
    ] = None,
    new: Annotated[
        bool, typer.Option("--new", help="Give the example a lead_id of its own, so that it counts as a new result.")
    ] = False,
    count: Annotated[int, typer.Option(min=1, help="How many leads to deliver, one after the other.")] = 1,
    seed: Annotated[
        int | None, typer.Option(help="Deliver made-up leads, the same for the same seed, in place of the example.")
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option(metavar="'NAME: VALUE'", help="Header to send; may be given several times.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each delivery.")] = False,
) -> None:
    """Deliver processed leads: the example of the API documentation, or made-up ones with --seed.

    Without --new the same command sends the same results again, as SquadIQ may.
    Ends with 1 if anything but 201 was answered.
    """
    import httpx

    from squadiq.cli.output import header_of
    from squadiq.contract.delivery_sender import DeliverySender
    from squadiq.spec import Spec

    if new and seed is not None:
        raise typer.BadParameter("--new is for the example; another --seed makes other leads")
    spec = Spec.installed()
    known = spec.contents["components"]["schemas"]["ProcessedLead"]["properties"]
    made = _payloads(spec.example("ProcessedLead"), count, seed, new=new)
    try:
        payloads = [_changed(payload, changes or [], known) for payload in made]
        headers = [("Content-Type", "application/json"), *map(header_of, header or ())]
        url = httpx.URL(to)
    except (ValueError, httpx.InvalidURL) as wrong:
        raise typer.BadParameter(str(wrong)) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise typer.BadParameter("--to: give an http:// or https:// URL")
    refused = 0
    with DeliverySender(str(url), TIMEOUT_SECONDS) as poster:
        for number, payload in enumerate(payloads, 1):
            told = _delivered(poster, headers, payload)
            refused += told["status"] != 201
            typer.echo(json.dumps(told) if as_json else _line(f"{number}/{count}", told))
    if refused < count and not new:
        others = "another --seed makes others" if seed is not None else "--new makes others"
        typer.echo(f"The same command sends the same results, which an inbox handles once; {others}.", err=True)
    raise typer.Exit(1 if refused else 0)


def _delivered(poster: DeliverySender, headers: list[tuple[str, str]], payload: dict[str, Any]) -> dict[str, Any]:
    import httpx

    from squadiq.cli.output import shown

    status, response, error, began = None, None, None, time.perf_counter()
    try:
        posted = poster.post(json.dumps(payload, ensure_ascii=False).encode("utf-8", "surrogatepass"), headers)
        status, response = posted.status, shown(posted.body.decode("utf-8", "replace"))
    except httpx.HTTPError as failure:
        error = type(failure).__name__  # its message may hold the URL, and that a secret
    milliseconds = round((time.perf_counter() - began) * 1000, 1)
    lead_id = shown(str(payload.get("lead_id")))
    return {"lead_id": lead_id, "status": status, "milliseconds": milliseconds, "response": response, "error": error}


def _line(number: str, told: dict[str, Any]) -> str:
    line = f"{number}  {told['status'] or told['error']}  {told['milliseconds']:.0f} ms  {told['lead_id']}"
    return line if told["status"] == 201 else f"{line}  {told['response'] or ''}".rstrip()


def _payloads(example: dict[str, Any], count: int, seed: int | None, *, new: bool) -> list[dict[str, Any]]:
    if seed is not None:
        return [_made_up(example["campaign_id"], seed, number) for number in range(1, count + 1)]
    lead_id = f"{example['lead_id']}_{_fresh()}" if new else example["lead_id"]
    return [{**example, "lead_id": lead_id if number == 1 else f"{lead_id}_{number}"} for number in range(1, count + 1)]


def _fresh() -> str:
    return "".join(random.choices(string.ascii_lowercase, k=10))  # digits might be taken for a phone number


def _made_up(campaign_id: str, seed: int, number: int) -> dict[str, Any]:
    from datetime import UTC, datetime

    from squadiq.mock.simulation import campaign_key, simulate_lead

    lead_id = f"seed_{seed}_{number}"
    created_at = 1_700_000_000 + 60 * number
    lived = simulate_lead(campaign_key(seed, campaign_id), campaign_id, lead_id, created_at, created_at + 600)
    moments = [
        datetime.fromtimestamp(each, UTC).isoformat() for each in (created_at, lived.calls[-1], created_at + 600)
    ]
    return {
        "lead_id": lead_id,
        "phone_number": f"+9198765{number % 100_000:05}",
        "contact_name": _NAMES[(seed + number) % len(_NAMES)],
        "campaign_id": campaign_id,
        "created_at": moments[0],
        "latest_called_at": moments[1],
        "latest_recording_url": lived.recording_url,
        "lead_outcome": lived.lead_outcome,
        "lead_responses": lived.lead_responses,
        "processed_at": moments[2],
    }


def _changed(payload: dict[str, Any], changes: list[str], known: Collection[str]) -> dict[str, Any]:
    """Return a payload with fields changed; each change is `field=value` or `field.key=value`.

    Raises:
        BadParameter: a change has no `=`, is of a field that is not known, or goes into one that is no object.
    """
    changed: dict[str, Any] = json.loads(json.dumps(payload))
    for change in changes:
        path, equals, text = change.partition("=")
        *parents, name = path.split(".")
        if not equals or not all([*parents, name]):
            raise typer.BadParameter(f"--set {path}: give it as field=value or field.key=value")
        field = path.partition(".")[0]
        if field not in known:
            near = get_close_matches(field.lower(), known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(known)}."
            raise typer.BadParameter(f"--set {path}: the document has no field {field}; {hint}")
        place = changed
        for parent in parents:
            inner: Any = place.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise typer.BadParameter(f"--set {path}: {parent} is not an object")
            place = cast(dict[str, Any], inner)
        place[name] = _value(text)
    return changed


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
