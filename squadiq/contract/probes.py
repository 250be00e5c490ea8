"""Finds out how a server reads what the API documentation leaves open, before anything is called a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from squadiq.contract.budget import RunStoppedError
from squadiq.contract.rules import InconclusiveError, Rule, require
from squadiq.contract.target import Capability, Target

PROCESSED_WITHIN_SECONDS = 2**20
"""Twelve days: a lead that is not processed by then is taken for one that never is."""


def learn_phone_numbers(target: Target) -> None:
    """See whether the server takes the phone numbers of the run.

    Raises:
        RunStoppedError: it does not.
    """
    for number in target.phone_numbers:
        response = target.send("createLeads", [target.lead(phone_number=number)])
        if response.status == 400:
            raise RunStoppedError("the server refuses a phone number of this run: give others with --phone-number")
        require(response.status == 201, Rule.CREATES, f"status {response.status} for a new lead")


def learn_denied(target: Target) -> None:
    """Learn the status without a good token; two different ones are no reading."""
    statuses = {target.send("getLeads", authorization=each).status for each in (None, "Bearer wrong_token")}
    if statuses == {403}:
        target.readings = replace(target.readings, denied=403)
    if len(statuses) == 1:
        _tell(target, f"a request without a good access token is answered with {statuses.pop()}")


def learn_repeats(target: Target) -> None:
    """Learn what a lead_id gets that exists."""
    lead = target.lead()
    target.create(lead)
    status = target.send("createLeads", [lead]).status
    require(status in (201, 400), Rule.LEAD_ID_ONCE, f"status {status} for a repeated lead_id")
    target.readings = replace(target.readings, refuses_repeats=status == 400)
    _tell(target, f"a repeated lead_id is {'refused' if status == 400 else 'replaced'}")


def learn_unknown(target: Target) -> None:
    """Learn what a disable does with leads that do not exist."""
    lead_id, unknown = target.created(), target.lead()["lead_id"]
    status = target.send("disableLeads", [{"lead_id": lead_id}, {"lead_id": unknown}]).status
    require(status in (201, 400, 404), Rule.UNKNOWN, f"status {status} for a disable with an unknown lead")
    target.readings = replace(target.readings, ignores_unknown=status == 201)
    _tell(target, f"an unknown lead in a disable is {'left out' if status == 201 else f'answered with {status}'}")


def learn_page_zero(target: Target) -> None:
    """Learn what a page below 1 gets."""
    status = target.page(page=0).status
    require(status in (400, 404), Rule.INVALID, f"status {status} for page=0")
    _tell(target, f"page=0 is answered with {status}")


def learn_errors(target: Target) -> None:
    """Learn the form of what is wrong with a batch."""
    response = target.send("createLeads", [target.lead(), target.lead(contact_name="")])
    require(response.status == 400, Rule.INVALID, f"status {response.status} for a lead without a name")
    _tell(target, f"what is wrong with a batch is told as {form_of_errors(response.json)}")


def learn_times(target: Target) -> None:
    """Learn the forms of times, if a lead is processed."""
    lead = target.some_lead()
    forms = {name: form_of_time(lead[name]) for name in ("created_at", "latest_called_at", "processed_at")}
    _tell(target, f"times: {', '.join(f'{name} {form}' for name, form in forms.items())}")


def learn_processing(target: Target) -> None:
    """Learn how long a lead may take, on a server that tells what it knows of one."""
    if not {Capability.KNOWN, Capability.CLOCK} <= target.offers:
        raise InconclusiveError("nothing tells when a lead is processed")
    lead_id, before, after = target.created(), 0, 0
    while target.fields(lead_id)["processed_at"] is None:
        if after >= PROCESSED_WITHIN_SECONDS:
            raise RunStoppedError("the server processes no lead, however much time passes")
        step = max(1, after)
        target.advance(step)
        before, after = after, after + step
    # Not every lead takes the same time: the mock says at least half of the longest.
    target.process_from_seconds, target.process_after_seconds = before / 2, 2.0 * (after + 1)
    _tell(target, f"a lead is processed within {after} seconds" if after else "a lead is processed at once")


PROBES: tuple[Callable[[Target], None], ...] = (
    learn_phone_numbers,
    learn_processing,
    learn_denied,
    learn_repeats,
    learn_unknown,
    learn_page_zero,
    learn_errors,
    learn_times,
)


def _tell(target: Target, text: str) -> None:
    target.readings = replace(target.readings, told=(*target.readings.told, f"This server: {text}"))


def form_of_errors(body: Any) -> str:
    """Return the form in which a body tells what is wrong with a batch, in words."""
    if isinstance(body, list):
        return "a list, an entry for each lead"
    keys: Iterator[str] = iter(body if isinstance(body, dict) else ())  # pyright: ignore[reportUnknownArgumentType]
    return "an object by index" if all(key.isdecimal() for key in keys) else "an object"


def form_of_time(value: Any) -> str:
    """Return the form of a time of a lead, in words."""
    if not isinstance(value, str):
        return "null" if value is None else "as seconds"
    offset = value.upper().endswith("Z") or value[-6:-5] in ("+", "-")
    return "with an offset" if offset else "without an offset"
