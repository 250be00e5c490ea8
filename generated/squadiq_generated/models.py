"""The schemas of the document as pydantic models.

Written by `make generate` from openapi/squadiq.yaml. Not to be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field

from squadiq_generated._base import Model, Timestamp


class Lead(Model):
    """A potential customer to reach out to. Fields beside the named ones are the campaign's custom fields."""

    model_config = ConfigDict(
        extra="allow",
    )
    lead_id: Annotated[
        str,
        Field(
            max_length=255,
            min_length=1,
            pattern="^[^\\x00-\\x20\\x7f]([^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?$",
        ),
    ]
    """Unique identifier of a lead in its campaign."""
    phone_number: Annotated[
        str,
        Field(
            max_length=32,
            min_length=10,
            pattern="^[ (]*((\\+|00)?91|0)?[ ().-]*[1-9]([ ().-]*[0-9]){9} *$",
        ),
    ]
    """A valid Indian phone number: ten digits, with or without the prefixes +91, 0091, 91 or 0,
    and with blanks, dots, hyphens and brackets as people write them."""
    contact_name: Annotated[
        str,
        Field(
            max_length=255,
            min_length=1,
            pattern="^[^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f][^\\x00-\\x1f\\x7f]*$",
        ),
    ]
    """Name of the lead being contacted, with at least one visible character and no control characters."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            lead_id: str,
            phone_number: str,
            contact_name: str,
            **further_fields: Any,
        ) -> None: ...


class LeadReference(Model):
    """A lead that was created before."""

    model_config = ConfigDict(
        extra="allow",
    )
    lead_id: Annotated[
        str,
        Field(
            max_length=255,
            min_length=1,
            pattern="^[^\\x00-\\x20\\x7f]([^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?$",
        ),
    ]
    """Unique identifier of a lead in its campaign."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            lead_id: str,
            **further_fields: Any,
        ) -> None: ...


class LeadUpdate(Model):
    """New values for fields of a lead. Fields beside the named ones are the campaign's custom fields."""

    model_config = ConfigDict(
        extra="allow",
    )
    lead_id: Annotated[
        str,
        Field(
            max_length=255,
            min_length=1,
            pattern="^[^\\x00-\\x20\\x7f]([^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?$",
        ),
    ]
    """Unique identifier of a lead in its campaign."""
    phone_number: Annotated[
        str | None,
        Field(
            max_length=32,
            min_length=10,
            pattern="^[ (]*((\\+|00)?91|0)?[ ().-]*[1-9]([ ().-]*[0-9]){9} *$",
        ),
    ] = None
    """A valid Indian phone number: ten digits, with or without the prefixes +91, 0091, 91 or 0,
    and with blanks, dots, hyphens and brackets as people write them."""
    contact_name: Annotated[
        str | None,
        Field(
            max_length=255,
            min_length=1,
            pattern="^[^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f][^\\x00-\\x1f\\x7f]*$",
        ),
    ] = None
    """Name of the lead being contacted, with at least one visible character and no control characters."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            lead_id: str,
            phone_number: str | None = None,
            contact_name: str | None = None,
            **further_fields: Any,
        ) -> None: ...


class LeadConversion(Model):
    """A lead that reached the desired outcome, and why."""

    model_config = ConfigDict(
        extra="allow",
    )
    lead_id: Annotated[
        str,
        Field(
            max_length=255,
            min_length=1,
            pattern="^[^\\x00-\\x20\\x7f]([^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?$",
        ),
    ]
    """Unique identifier of a lead in its campaign."""
    detail: Annotated[str, Field(max_length=32, min_length=1, pattern="^[^\\x00-\\x1f\\x7f]+$")]
    """Code that says why the conversion happened. Its length counts characters, not bytes."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            lead_id: str,
            detail: str,
            **further_fields: Any,
        ) -> None: ...


class ProcessedLead(Model):
    """A lead that SquadIQ has processed. Fields beside the named ones may appear."""

    model_config = ConfigDict(
        extra="allow",
    )
    lead_id: Annotated[
        str,
        Field(
            max_length=255,
            min_length=1,
            pattern="^[^\\x00-\\x20\\x7f]([^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f])?$",
        ),
    ]
    """Unique identifier of a lead in its campaign."""
    phone_number: Annotated[str, Field(pattern="^\\+91[0-9x]{10}$")]
    """Phone number of a lead in E.164 form. Digits may be masked by an x."""
    contact_name: Annotated[
        str,
        Field(
            max_length=255,
            min_length=1,
            pattern="^[^\\x00-\\x1f\\x7f]*[^\\x00-\\x20\\x7f][^\\x00-\\x1f\\x7f]*$",
        ),
    ]
    """Name of the lead being contacted, with at least one visible character and no control characters."""
    created_at: Timestamp
    """When the lead was created, as an epoch number or as a date and time with its offset."""
    campaign_id: Annotated[str, Field(max_length=64, min_length=1, pattern="^[A-Za-z0-9_-]+$")]
    """Unique identifier of a campaign."""
    latest_recording_url: str | None
    """Latest recording of the conversation with the lead; null if there is none."""
    latest_called_at: Timestamp | None
    """When the latest call was made to the lead; null if none was."""
    lead_outcome: str
    """Outcome for the lead, in words that the campaign defines."""
    processed_at: Timestamp
    """When the lead was processed."""
    lead_responses: dict[str, Any]
    """What the lead answered, as key-value pairs."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            lead_id: str,
            phone_number: str,
            contact_name: str,
            created_at: Timestamp,
            campaign_id: str,
            latest_recording_url: str | None,
            latest_called_at: Timestamp | None,
            lead_outcome: str,
            processed_at: Timestamp,
            lead_responses: dict[str, Any],
            **further_fields: Any,
        ) -> None: ...


class LeadsPage(Model):
    """A page of processed leads."""

    model_config = ConfigDict(
        extra="allow",
    )
    count: Annotated[int, Field(ge=0, le=9007199254740991)]
    """Number of leads over all pages."""
    next: str | None
    """Absolute URL of the next page; null on the last one."""
    previous: str | None
    """Absolute URL of the page before; null on the first one."""
    results: Annotated[list[ProcessedLead], Field(max_length=1000)]
    """Processed leads of one page."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            count: int,
            next: str | None,
            previous: str | None,
            results: list[ProcessedLead],
            **further_fields: Any,
        ) -> None: ...


class ErrorDetail(Model):
    """An error that concerns the whole request."""

    model_config = ConfigDict(
        extra="allow",
    )
    detail: Annotated[str, Field(min_length=1)]
    """What is wrong, in the words of the server."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            detail: str,
            **further_fields: Any,
        ) -> None: ...
