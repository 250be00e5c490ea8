"""The schemas of the document as pydantic models.

Written by `make generate` from openapi/squadiq.yaml. Not to be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field

from squadiq_generated._base import Model, Timestamp

CampaignId = Annotated[str, Field(max_length=64, min_length=1, pattern="^[A-Za-z0-9_-]+$")]
"""Unique identifier of a campaign."""


LeadIdText = Annotated[
    str, Field(max_length=255, min_length=1, pattern="^[^\\x00-\\x20\\x7f]([^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?$")
]
"""Unique identifier of a lead in its campaign, as text without blanks at its ends."""


LeadId = LeadIdText
"""Unique identifier of a lead in its campaign."""


PhoneNumberInput = Annotated[
    str, Field(max_length=32, min_length=10, pattern="^[ (]*((\\+|00)?91|0)?[ ().-]*[1-9]([ ().-]*[0-9]){9} *$")
]
"""A valid Indian phone number: ten digits, with or without the prefixes +91, 0091, 91 or 0,
and with blanks, dots, hyphens and brackets as people write them."""


PhoneNumber = Annotated[str, Field(pattern="^\\+91[0-9x]{10}$")]
"""Phone number of a lead in E.164 form. Digits may be masked by an x."""


ContactName = Annotated[
    str, Field(max_length=255, min_length=1, pattern="^[^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f][^\\x00-\\x1f\\x7f]*$")
]
"""Name of the lead being contacted, with at least one visible character and no control characters."""


class Lead(Model):
    """A potential customer to reach out to. Fields beside the named ones are the campaign's custom fields."""

    model_config = ConfigDict(extra="allow")
    lead_id: LeadId
    phone_number: PhoneNumberInput
    contact_name: ContactName

    if TYPE_CHECKING:

        def __init__(
            self, *, lead_id: LeadId, phone_number: PhoneNumberInput, contact_name: ContactName, **further_fields: Any
        ) -> None: ...


LeadList = Annotated[list[Lead], Field(min_length=1)]
"""Leads to create."""


CreateLeadsBody = LeadList | Lead
"""Leads to create, as a list or one alone."""


class LeadReference(Model):
    """A lead that was created before."""

    lead_id: LeadId

    if TYPE_CHECKING:

        def __init__(self, *, lead_id: LeadId, **further_fields: Any) -> None: ...


LeadReferenceList = Annotated[list[LeadReference], Field(min_length=1)]
"""Leads that were created before."""


DisableLeadsBody = LeadReferenceList | LeadReference
"""Leads to disable, as a list or one alone."""


class LeadUpdate(Model):
    """New values for fields of a lead. Fields beside the named ones are the campaign's custom fields."""

    model_config = ConfigDict(extra="allow")
    lead_id: LeadId
    phone_number: PhoneNumberInput | None = None
    contact_name: ContactName | None = None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            lead_id: LeadId,
            phone_number: PhoneNumberInput | None = None,
            contact_name: ContactName | None = None,
            **further_fields: Any,
        ) -> None: ...


ConversionDetail = Annotated[str, Field(max_length=32, min_length=1, pattern="^[^\\x00-\\x1f\\x7f]+$")]
"""Code that says why the conversion happened. Its length counts characters, not bytes."""


class LeadConversion(Model):
    """A lead that reached the desired outcome, and why."""

    lead_id: LeadId
    detail: ConversionDetail

    if TYPE_CHECKING:

        def __init__(self, *, lead_id: LeadId, detail: ConversionDetail, **further_fields: Any) -> None: ...


CreationTime = Timestamp
"""When the lead was created, as an epoch number or as a date and time with its offset."""


EventTime = Timestamp
"""When something happened to the lead, with or without an offset from UTC."""


CallTime = Timestamp | None
"""When the latest call was made to the lead; null if none was."""


RecordingUrl = str | None
"""Latest recording of the conversation with the lead; null if there is none."""


LeadOutcome = str
"""Outcome for the lead, in words that the campaign defines."""


ResponseValue = Any
"""What the lead answered to one question, in whatever form the campaign captures it."""


PageUrl = str | None
"""Absolute URL of a neighbouring page; null if there is none."""


LeadCount = Annotated[int, Field(ge=0, le=9007199254740991)]
"""Number of leads over all pages."""


Acknowledgement = Any
"""Whatever a successful answer says beside its status. The API documentation does not name it."""


LeadResponses = dict[str, ResponseValue]
"""What the lead answered, as key-value pairs."""


class ProcessedLead(Model):
    """A lead that SquadIQ has processed. Fields beside the named ones may appear."""

    model_config = ConfigDict(extra="allow")
    lead_id: LeadId
    phone_number: PhoneNumber
    contact_name: ContactName
    created_at: CreationTime
    campaign_id: CampaignId
    latest_recording_url: RecordingUrl
    latest_called_at: CallTime
    lead_outcome: LeadOutcome
    processed_at: EventTime
    """When the lead was processed."""
    lead_responses: LeadResponses

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            lead_id: LeadId,
            phone_number: PhoneNumber,
            contact_name: ContactName,
            created_at: CreationTime,
            campaign_id: CampaignId,
            latest_recording_url: RecordingUrl,
            latest_called_at: CallTime,
            lead_outcome: LeadOutcome,
            processed_at: EventTime,
            lead_responses: LeadResponses,
            **further_fields: Any,
        ) -> None: ...


ProcessedLeadList = Annotated[list[ProcessedLead], Field(max_length=1000)]
"""Processed leads of one page."""


class LeadsPage(Model):
    """A page of processed leads."""

    count: LeadCount
    next: PageUrl
    """Absolute URL of the next page; null on the last one."""
    previous: PageUrl
    """Absolute URL of the page before; null on the first one."""
    results: ProcessedLeadList

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            count: LeadCount,
            next: PageUrl,
            previous: PageUrl,
            results: ProcessedLeadList,
            **further_fields: Any,
        ) -> None: ...
