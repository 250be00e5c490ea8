"""`squadiq leads`: the operations on leads as commands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from squadiq_generated.constants import CONVERT_LEAD, DELETE_LEAD, DISABLE_LEADS, UPDATE_LEAD

from squadiq._extras import needs_extra
from squadiq.cli.connection import (
    BaseUrlOption,
    CampaignOption,
    JsonOption,
    ProfileOption,
    YesOption,
    confirm,
    opened_campaign,
)
from squadiq.cli.lead_changes import change_many
from squadiq.cli.lead_erasure import ErasurePlaces, delete_everywhere
from squadiq.cli.leads_push import pairs_of, push
from squadiq.cli.moments import first_moment, last_moment, span
from squadiq.errors import InvalidInputError, NotFoundError, Problem

with needs_extra("cli"):
    import typer

if TYPE_CHECKING:
    from squadiq.campaign import Campaign

leads_app = typer.Typer(no_args_is_help=True, help="Push, read and change leads of a campaign.")
leads_app.command()(push)

LeadIds = Annotated[list[str] | None, typer.Argument(metavar="[LEAD_ID]...", help="The leads; or give --file.")]
LeadIdArgument = Annotated[str, typer.Argument(metavar="LEAD_ID", help="The lead.")]
OptionalLeadId = Annotated[str | None, typer.Argument(metavar="[LEAD_ID]", help="The lead; or give --file.")]
FileOption = Annotated[
    str | None, typer.Option("--file", metavar="FILE", help="Many leads: CSV, JSON Lines, Excel, ODS or Parquet.")
]
MapOption = Annotated[
    list[str] | None, typer.Option("--map", metavar="COLUMN=FIELD", help="Of --file: what a column is; several times.")
]
LedgerOption = Annotated[
    str | None,
    typer.Option("--ledger", metavar="FILE|URL", help="Of --file or --everywhere: what was done."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="A field; JSON such as 5 is taken as such; several times."),
]


@leads_app.command("get")
def get_leads(
    campaign: CampaignOption = None,
    lead_id: Annotated[str | None, typer.Option("--lead-id", metavar="ID", help="Only this lead.")] = None,
    processed_after: Annotated[
        datetime | None,
        typer.Option(parser=first_moment, metavar="TIME", help="Processed then or later, in UTC or with an offset."),
    ] = None,
    processed_before: Annotated[
        datetime | None,
        typer.Option(parser=last_moment, metavar="TIME", help="Processed then or earlier; a day is included."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Leads at most.")] = 100,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Read processed leads: a table without what people said, or with --json all of each lead, one a line."""
    from itertools import islice

    from squadiq.cli.output import print_table

    after, before = span(processed_after, processed_before)
    with opened_campaign(campaign, base_url, profile) as (_, opened):
        found = opened.get_leads(
            lead_id=lead_id, processed_after=after, processed_before=before, page_size=min(limit, 1000)
        )
        rows: list[tuple[str, ...]] = []
        for lead in islice(found, limit):
            if as_json:
                typer.echo(lead.model_dump_json(by_alias=True, exclude_unset=True))
            else:
                rows.append(
                    (lead.lead_id, str(lead.lead_outcome), _when(lead.processed_at), _names(lead.lead_responses))
                )
        if not as_json:
            print_table(("lead_id", "outcome", "processed at", "responses to"), rows)


@leads_app.command("create")
def create_lead(
    lead_id: Annotated[str, typer.Option("--lead-id", metavar="ID", help="Unique in its campaign.")],
    phone_number: Annotated[str, typer.Option("--phone-number", metavar="NUMBER", help="An Indian phone number.")],
    contact_name: Annotated[str, typer.Option("--contact-name", metavar="NAME", help="Who is called.")],
    fields: SetOption = None,
    campaign: CampaignOption = None,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Create one lead; many are created by `squadiq leads push FILE`."""
    with opened_campaign(campaign, base_url, profile) as (client, opened):
        values = {**_fields(fields), "lead_id": lead_id, "phone_number": phone_number, "contact_name": contact_name}
        confirm(client, f"One lead will be created in campaign {opened.campaign_id}, and called", yes=yes)
        opened.create_leads([values])
        _say("created", 1, as_json=as_json)


@leads_app.command("update")
def update_lead(
    lead_id: OptionalLeadId = None,
    fields: SetOption = None,
    file: FileOption = None,
    maps: MapOption = None,
    ledger: LedgerOption = None,
    campaign: CampaignOption = None,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Change fields of a lead, or with --file of many: a hit of the quota for each.

    Of --file, empty cells leave a field as it is, and --set gives a field of all leads.
    """
    with opened_campaign(campaign, base_url, profile) as (client, opened):
        if (lead_id is None) == (file is None):
            raise _wrong("lead_id", "give one LEAD_ID with --set, or --file")
        if file is not None:
            constants = _fields(fields)
            change_many(client, opened, UPDATE_LEAD, file, maps, ledger, constants=constants, yes=yes, as_json=as_json)
        else:
            opened.update_lead(lead_id or "", _fields(fields))
            _say("updated", 1, as_json=as_json)


@leads_app.command("convert")
def convert_lead(
    lead_id: OptionalLeadId = None,
    detail: Annotated[str | None, typer.Option(metavar="CODE", help="Why, in 32 characters at most.")] = None,
    file: FileOption = None,
    maps: MapOption = None,
    ledger: LedgerOption = None,
    campaign: CampaignOption = None,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Mark a lead converted, or with --file many, by the columns lead_id and detail: a hit of the quota for each."""
    with opened_campaign(campaign, base_url, profile) as (client, opened):
        if (lead_id is None) == (file is None) or (file is None and detail is None):
            raise _wrong("lead_id", "give one LEAD_ID with --detail, or --file")
        if file is not None:
            constants = {} if detail is None else {"detail": detail}
            change_many(client, opened, CONVERT_LEAD, file, maps, ledger, constants=constants, yes=yes, as_json=as_json)
        else:
            opened.convert_lead(lead_id or "", detail=detail or "")
            _say("converted", 1, as_json=as_json)


@leads_app.command("disable")
def disable_leads(
    lead_ids: LeadIds = None,
    file: FileOption = None,
    maps: MapOption = None,
    ledger: LedgerOption = None,
    campaign: CampaignOption = None,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Stop the flow of leads: of some, or with --file of many, in as few hits as it takes."""
    with opened_campaign(campaign, base_url, profile) as (client, opened):
        _one_way(lead_ids, file)
        if file is not None:
            change_many(client, opened, DISABLE_LEADS, file, maps, ledger, constants={}, yes=yes, as_json=as_json)
        else:
            several = len(lead_ids or ()) > 1
            what = f"{len(lead_ids or ())} leads of campaign {opened.campaign_id} will be disabled"
            confirm(client, what, yes=yes or not several)
            done = opened.disable_leads(lead_ids or ())
            _say("disabled", len(done), as_json=as_json)


@leads_app.command("delete")
def delete_leads(
    lead_ids: LeadIds = None,
    file: FileOption = None,
    maps: MapOption = None,
    ledger: LedgerOption = None,
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="Also in the places that the next options name, and in the ledger.")
    ] = False,
    outbox: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Of --everywhere: module:outbox, a path or a URL.")
    ] = None,
    inbox: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Of --everywhere: module:inbox, a path or a URL.")
    ] = None,
    outcomes: Annotated[
        str | None, typer.Option(metavar="URL", help="Of --everywhere: the table of `squadiq outcomes sync`.")
    ] = None,
    campaign: CampaignOption = None,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    yes: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Delete leads for good: some, or with --file many; a hit of the quota for each.

    With --everywhere it ends with 1 if a place could not be reached, and says which.
    """
    with opened_campaign(campaign, base_url, profile) as (client, opened):
        _one_way(lead_ids, file)
        if (everywhere and file is not None) or (not everywhere and any((outbox, inbox, outcomes))):
            raise _wrong("everywhere", "takes LEAD_IDs, and alone takes --outbox, --inbox and --outcomes")
        if file is not None:
            change_many(client, opened, DELETE_LEAD, file, maps, ledger, constants={}, yes=yes, as_json=as_json)
        else:
            wanted = dict.fromkeys(lead_ids or ())
            confirm(client, f"{len(wanted)} leads of campaign {opened.campaign_id} will be deleted", yes=yes)
            if everywhere:
                places = ErasurePlaces(outbox, inbox, outcomes, ledger)
                delete_everywhere(client, opened, list(wanted), places, as_json=as_json)
                return
            deleted = sum(_deleted(opened, each) for each in wanted)
            _say("deleted", deleted, as_json=as_json)
            if deleted < len(wanted):
                typer.echo(f"squadiq: {len(wanted) - deleted} are not in campaign {opened.campaign_id}", err=True)
                raise typer.Exit(1)


@leads_app.command("status")
def lead_status(
    lead_id: LeadIdArgument,
    campaign: CampaignOption = None,
    ledger: Annotated[str | None, typer.Option(metavar="FILE|URL", help="The ledger of pushes.")] = None,
    outbox: Annotated[str | None, typer.Option(metavar="FILE|URL", help="The database of an outbox.")] = None,
    inbox: Annotated[str | None, typer.Option(metavar="FILE|URL", help="The database of an inbox.")] = None,
    base_url: BaseUrlOption = None,
    profile: ProfileOption = "default",
    as_json: JsonOption = False,
) -> None:
    """Tell what ledger, outbox, inbox and SquadIQ know of a lead; SquadIQ is asked with one hit."""
    from squadiq.cli.lead_status import status_of

    with opened_campaign(campaign, base_url, profile) as (client, opened):
        told = status_of(client, opened, lead_id, ledger=ledger, outbox=outbox, inbox=inbox)
    if as_json:
        typer.echo(json.dumps(told))
    else:
        for place, what in told.items():
            said = what if isinstance(what, str) else ", ".join(f"{name} {value}" for name, value in what.items())
            typer.echo(f"{place:<8} {said}")
    if "error" in told["squadiq"]:
        raise typer.Exit(2)


def _deleted(campaign: Campaign[Any], lead_id: str) -> bool:
    """Delete a lead; tell whether it was there."""
    try:
        campaign.delete_lead(lead_id)
    except NotFoundError as error:
        if not error.is_api_error:
            raise
        return False
    return True


def _say(what: str, number: int, *, as_json: bool) -> None:
    typer.echo(json.dumps({what: number}) if as_json else f"{number} {what}")


def _one_way(lead_ids: list[str] | None, file: str | None) -> None:
    if bool(lead_ids) == (file is not None):
        raise _wrong("lead_id", "give LEAD_IDs, or --file")


def _fields(given: list[str] | None) -> dict[str, Any]:
    return {name: _value(name, text) for name, text in pairs_of("--set", given).items()}


def _value(name: str, text: str) -> Any:
    from squadiq.push.columns import FIXED

    if name in FIXED:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _wrong(field: str, reason: str) -> InvalidInputError:
    return InvalidInputError([Problem(None, None, field, reason)])


def _when(moment: Any) -> str:
    """A time in UTC, short enough for a terminal of 80 columns."""
    if not isinstance(moment, datetime):
        return str(moment)
    try:
        return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z"
    except OverflowError:  # in the first hours of the year 1, which a broken service may say
        return moment.isoformat()


def _names(responses: Any) -> str:
    """What a lead was asked; what was said is in --json alone, for it may be a name."""
    if not isinstance(responses, Mapping):
        return ""
    return ", ".join(str(each) for each in responses)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
