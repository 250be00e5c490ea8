"""The operations on one campaign: `Campaign` and `AsyncCampaign`, with the same methods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, Unpack, overload

from squadiq_generated.models import Lead, LeadConversion, LeadReference, LeadUpdate, ProcessedLead

from squadiq import operations
from squadiq._inputs import LeadKey, Leads, TypedLeads
from squadiq.operations import LeadT, PreparedRequest, Scope
from squadiq.pagination import AsyncLeadPaginator, LeadPaginator
from squadiq.validation import DuplicatePhoneNumbers, prepare_reference

if TYPE_CHECKING:
    from squadiq.push.run import PushOptions, PushResult

ResultT = TypeVar("ResultT")
ClassT = TypeVar("ClassT")


class Sender(Protocol):
    """Sends an operation and reads its response."""

    def __call__(self, operation: PreparedRequest[ResultT], /) -> ResultT: ...


class AsyncSender(Protocol):
    """Sends an operation and reads its response, without blocking."""

    def __call__(self, operation: PreparedRequest[ResultT], /) -> Awaitable[ResultT]: ...


def _documented_like(other: type) -> Callable[[type[ClassT]], type[ClassT]]:
    """Give methods the docstrings of those of the same name, so that each is written once."""

    def document(cls: type[ClassT]) -> type[ClassT]:
        for name, method in vars(cls).items():
            if callable(method) and not method.__doc__:
                method.__doc__ = getattr(other, name).__doc__
        return cls

    return document


class Campaign(Generic[LeadT]):
    """One campaign of a business; made by `SquadIQ.campaign`."""

    def __init__(self, scope: Scope[LeadT], send: Sender) -> None:
        self._scope = scope
        self._send = send

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.campaign_id!r})"

    @property
    def campaign_id(self) -> str:
        """Unique identifier of the campaign."""
        return self._scope.campaign_id

    @overload
    def create_leads(
        self: Campaign[Lead], leads: Leads, *, duplicate_phone_numbers: DuplicatePhoneNumbers | None = None
    ) -> list[Lead]: ...
    @overload
    def create_leads(
        self, leads: TypedLeads[LeadT], *, duplicate_phone_numbers: DuplicatePhoneNumbers | None = None
    ) -> list[LeadT]: ...
    def create_leads(self, leads: Any, *, duplicate_phone_numbers: DuplicatePhoneNumbers | None = None) -> list[Any]:
        """Create leads, all of them or none, in one hit.

        Args:
            leads: each with `lead_id`, `phone_number` and `contact_name`, and the campaign's custom
                fields beside them: mappings, models of pydantic, dataclasses, rows of a database, or a frame
                of pandas, polars or pyarrow. Without any, nothing is sent. A custom field whose value is
                missing (NaN, pandas' NA or NaT) is left out; None is sent as null, a Decimal as text.
            duplicate_phone_numbers: "refuse" or "allow" one phone number under several lead_ids, each of
                which is called; by default as the client has it.

        Returns:
            The leads as they were sent, phone numbers in E.164 form.

        Raises:
            InvalidInputError: leads are not valid; it names each lead and field, and nothing was sent.
            BadRequestError: SquadIQ refuses the batch; `lead_errors` says why, lead by lead.
            SquadIQError: see `squadiq.errors`.

        Source: Create Leads.
        """
        return self._send(operations.prepare_create_leads(self._scope, leads, duplicate_phone_numbers))

    def push_leads(self, source: Any, **options: Unpack[PushOptions]) -> PushResult:
        """Create the leads of a file, a frame or any rows, each one once, in as few hits as it takes.

        What is broken off goes on where it was when it is called again with the same source: a ledger
        knows what became of each lead. Needs the extra `squadiq[push]`.

        Args:
            source: a path (CSV, JSON Lines, Excel, ODS, Parquet), "-" for standard input, a pandas or polars
                frame, or an iterable of mappings, models or dataclasses.
            options: see `squadiq.push.run.PushOptions`.

        Raises:
            InvalidInputError: the source cannot be read, or it is not certain which column is which field.
            PushStoppedError: it ended before its end; `result` has what came of it so far.
            LedgerError: the ledger fails.

        Source: Create Leads.
        """
        from squadiq.push.run import push_leads

        return push_leads(self._scope, self._send, source, **options)

    def get_leads(
        self,
        *,
        lead_id: LeadKey | None = None,
        processed_after: datetime | float | None = None,
        processed_before: datetime | float | None = None,
        page_size: int | None = None,
    ) -> LeadPaginator:
        """Iterate over processed leads, one hit for each page; `.pages()` iterates over whole pages.

        Leads that are processed or deleted meanwhile do no harm: see decision 0013 for what is certain.

        Args:
            lead_id: only that lead.
            processed_after: only leads processed then or later; an aware datetime or epoch seconds.
                SquadIQ counts in whole seconds, so it is rounded down.
            processed_before: only leads processed then or earlier; rounded up.
            page_size: leads in a page, from 1 to 1000; SquadIQ's own default is 100.

        Raises:
            InvalidInputError: an argument is not valid.
            IncompleteLeadsError: while iterating; the pages end before as many leads came as `count` says.
            SquadIQError: while iterating; the leads before it were given out.

        Source: Get Leads.
        """
        page = operations.prepare_get_leads(
            self._scope,
            lead_id=lead_id,
            processed_after=processed_after,
            processed_before=processed_before,
            page_size=page_size,
        )
        return LeadPaginator(lambda number: self._send(page(number)))

    def get_lead(self, lead_id: LeadKey) -> ProcessedLead | None:
        """Return a lead as it was processed last; None if it was not processed yet, or does not exist.

        Which of the two it is, the API does not tell.

        Args:
            lead_id: of a lead created before.

        Raises:
            InvalidInputError: the lead_id is not valid.
            SquadIQError: see `squadiq.errors`.

        Source: Get Leads.
        """
        key = prepare_reference(lead_id).lead_id
        return operations.latest_of(self.get_leads(lead_id=key), key)

    def update_lead(self, lead_id: LeadKey, changes: Mapping[str, Any] | None = None, /, **fields: Any) -> LeadUpdate:
        """Change fields of a lead and leave the others as they are.

        Args:
            lead_id: of a lead created before; it cannot be changed.
            changes: fields whose names cannot be written as keywords.
            fields: `phone_number`, `contact_name` and custom fields. A value that is missing, as NaN is, is
                refused; None clears a custom field.

        Returns:
            The update as it was sent.

        Raises:
            InvalidInputError: a field is not valid, or there is none.
            NotFoundError: there is no such lead.
            SquadIQError: see `squadiq.errors`.

        Source: Update a lead.
        """
        return self._send(operations.prepare_update_lead(self._scope, lead_id, changes, fields))

    def convert_lead(self, lead_id: LeadKey, *, detail: str) -> LeadConversion:
        """Mark a lead as converted: it reached the desired outcome.

        Args:
            lead_id: of a lead created before.
            detail: code that says why, at most 32 characters.

        Returns:
            The conversion as it was sent.

        Raises:
            InvalidInputError: the detail is not valid.
            NotFoundError: there is no such lead.
            SquadIQError: see `squadiq.errors`.

        Source: Mark a lead converted.
        """
        return self._send(operations.prepare_convert_lead(self._scope, lead_id, detail))

    def disable_leads(self, lead_ids: Iterable[LeadKey]) -> list[LeadReference]:
        """Stop all reach-outs to leads, in one hit.

        Args:
            lead_ids: of leads created before. Without any, nothing is sent.

        Returns:
            References to the leads, as they were sent.

        Raises:
            InvalidInputError: a lead_id is not valid.
            NotFoundError: one of the leads does not exist; none is disabled.
            SquadIQError: see `squadiq.errors`.

        Source: Disable one or more leads.
        """
        return self._send(operations.prepare_disable_leads(self._scope, lead_ids))

    def delete_lead(self, lead_id: LeadKey) -> LeadReference:
        """Delete all personal data of a lead at SquadIQ and stop reach-outs to it.

        What was received about the lead and is stored here stays: follow it with
        `inbox.erase(campaign_id, lead_id)` where an inbox is used.

        Args:
            lead_id: of a lead created before.

        Returns:
            A reference to the lead, as it was sent.

        Raises:
            NotFoundError: there is no such lead.
            SquadIQError: see `squadiq.errors`.

        Source: Delete a lead.
        """
        return self._send(operations.prepare_delete_lead(self._scope, lead_id))


@_documented_like(Campaign)
class AsyncCampaign(Generic[LeadT]):
    """One campaign of a business; made by `AsyncSquadIQ.campaign`."""

    def __init__(self, scope: Scope[LeadT], send: AsyncSender) -> None:
        self._scope = scope
        self._send = send

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.campaign_id!r})"

    @property
    def campaign_id(self) -> str:
        """Unique identifier of the campaign."""
        return self._scope.campaign_id

    @overload
    async def create_leads(
        self: AsyncCampaign[Lead], leads: Leads, *, duplicate_phone_numbers: DuplicatePhoneNumbers | None = None
    ) -> list[Lead]: ...
    @overload
    async def create_leads(
        self, leads: TypedLeads[LeadT], *, duplicate_phone_numbers: DuplicatePhoneNumbers | None = None
    ) -> list[LeadT]: ...
    async def create_leads(
        self, leads: Any, *, duplicate_phone_numbers: DuplicatePhoneNumbers | None = None
    ) -> list[Any]:
        return await self._send(operations.prepare_create_leads(self._scope, leads, duplicate_phone_numbers))

    async def push_leads(self, source: Any, **options: Unpack[PushOptions]) -> PushResult:
        from squadiq.push.run import push_leads_async

        return await push_leads_async(self._scope, self._send, source, **options)

    def get_leads(
        self,
        *,
        lead_id: LeadKey | None = None,
        processed_after: datetime | float | None = None,
        processed_before: datetime | float | None = None,
        page_size: int | None = None,
    ) -> AsyncLeadPaginator:
        page = operations.prepare_get_leads(
            self._scope,
            lead_id=lead_id,
            processed_after=processed_after,
            processed_before=processed_before,
            page_size=page_size,
        )
        return AsyncLeadPaginator(lambda number: self._send(page(number)))

    async def get_lead(self, lead_id: LeadKey) -> ProcessedLead | None:
        key = prepare_reference(lead_id).lead_id
        return operations.latest_of([lead async for lead in self.get_leads(lead_id=key)], key)

    async def update_lead(
        self, lead_id: LeadKey, changes: Mapping[str, Any] | None = None, /, **fields: Any
    ) -> LeadUpdate:
        return await self._send(operations.prepare_update_lead(self._scope, lead_id, changes, fields))

    async def convert_lead(self, lead_id: LeadKey, *, detail: str) -> LeadConversion:
        return await self._send(operations.prepare_convert_lead(self._scope, lead_id, detail))

    async def disable_leads(self, lead_ids: Iterable[LeadKey]) -> list[LeadReference]:
        return await self._send(operations.prepare_disable_leads(self._scope, lead_ids))

    async def delete_lead(self, lead_id: LeadKey) -> LeadReference:
        return await self._send(operations.prepare_delete_lead(self._scope, lead_id))
