"""Push leads to SquadIQ and take their outcomes back.

>>> from squadiq import Lead, SquadIQ
>>> with SquadIQ() as client:                      # SQUADIQ_ACCESS_TOKEN  # doctest: +SKIP
...     campaign = client.campaign("campaign-1")
...     campaign.create_leads([Lead(lead_id="u1", phone_number="98765 43210", contact_name="Asha")])
...     outcomes = {lead.lead_id: lead.lead_outcome for lead in campaign.get_leads()}
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from squadiq_generated.models import Lead, LeadConversion, LeadReference, LeadsPage, LeadUpdate, ProcessedLead

    from squadiq.attempts import Attempt
    from squadiq.campaign import AsyncCampaign, Campaign
    from squadiq.client import AsyncSquadIQ, RawResponse, SquadIQ
    from squadiq.description import describe
    from squadiq.errors import (
        AccessDeniedError,
        AccessTokenError,
        BadRequestError,
        ConfigurationError,
        ConnectionFailedError,
        DeadlineExceededError,
        ForbiddenError,
        IncompleteLeadsError,
        InternalServerError,
        InvalidInputError,
        LeadError,
        MethodNotAllowedError,
        MissingExtraError,
        NoResponseError,
        NotFoundError,
        OutcomeUnknownError,
        Problem,
        QuotaError,
        QuotaStoreError,
        QuotaWaitError,
        ServiceUnavailableError,
        SquadIQError,
        StatusError,
        TooManyRequestsError,
        UnauthorizedError,
        UnexpectedResponseError,
        UnexpectedStatusError,
    )
    from squadiq.pagination import AsyncLeadPaginator, LeadPaginator

from squadiq._version import __version__ as __version__

__all__ = [
    "AccessDeniedError",
    "AccessTokenError",
    "AsyncCampaign",
    "AsyncLeadPaginator",
    "AsyncSquadIQ",
    "Attempt",
    "BadRequestError",
    "Campaign",
    "ConfigurationError",
    "ConnectionFailedError",
    "DeadlineExceededError",
    "ForbiddenError",
    "IncompleteLeadsError",
    "InternalServerError",
    "InvalidInputError",
    "Lead",
    "LeadConversion",
    "LeadError",
    "LeadPaginator",
    "LeadReference",
    "LeadUpdate",
    "LeadsPage",
    "MethodNotAllowedError",
    "MissingExtraError",
    "NoResponseError",
    "NotFoundError",
    "OutcomeUnknownError",
    "Problem",
    "ProcessedLead",
    "QuotaError",
    "QuotaStoreError",
    "QuotaWaitError",
    "RawResponse",
    "ServiceUnavailableError",
    "SquadIQ",
    "SquadIQError",
    "StatusError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnexpectedResponseError",
    "UnexpectedStatusError",
    "describe",
]

_HOMES = {
    "squadiq.campaign": ("AsyncCampaign", "Campaign"),
    "squadiq.client": ("AsyncSquadIQ", "RawResponse", "SquadIQ"),
    "squadiq.attempts": ("Attempt",),
    "squadiq.description": ("describe",),
    "squadiq.errors": (
        "AccessDeniedError",
        "AccessTokenError",
        "BadRequestError",
        "ConfigurationError",
        "ConnectionFailedError",
        "DeadlineExceededError",
        "ForbiddenError",
        "IncompleteLeadsError",
        "InternalServerError",
        "InvalidInputError",
        "LeadError",
        "MethodNotAllowedError",
        "MissingExtraError",
        "NoResponseError",
        "NotFoundError",
        "OutcomeUnknownError",
        "Problem",
        "QuotaError",
        "QuotaStoreError",
        "QuotaWaitError",
        "ServiceUnavailableError",
        "SquadIQError",
        "StatusError",
        "TooManyRequestsError",
        "UnauthorizedError",
        "UnexpectedResponseError",
        "UnexpectedStatusError",
    ),
    "squadiq.pagination": ("AsyncLeadPaginator", "LeadPaginator"),
    "squadiq_generated.models": ("Lead", "LeadConversion", "LeadReference", "LeadUpdate", "LeadsPage", "ProcessedLead"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: the command line and the mock need few of them."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'squadiq' has no attribute {name!r}")
    value: object = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
