"""What the type checkers must infer of the public names, and what they must refuse. Nothing here is run.

A line that must be refused is marked `# type: ignore[...]`: mypy and pyright both report a mark that
nothing needs.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true, reportUnusedExpression=false, reportUnusedCoroutine=false

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_type
from uuid import UUID

import polars

from squadiq import (
    AsyncCampaign,
    AsyncSquadIQ,
    Attempt,
    Campaign,
    InvalidInputError,
    Lead,
    LeadConversion,
    LeadError,
    LeadReference,
    LeadsPage,
    LeadUpdate,
    Problem,
    ProcessedLead,
    RawResponse,
    SquadIQ,
    SquadIQError,
    StatusError,
    describe,
)
from squadiq.retry import GiveUp, Retry, RetryState


class CarLead(Lead):
    model: str | None = None


@dataclass
class Person:
    lead_id: str
    phone_number: str
    contact_name: str


class LoanLead(Lead):
    product_plan: str
    loan_amount: float | None = None


def the_methods_of_a_campaign(client: SquadIQ, lead: Lead, moment: datetime) -> None:
    campaign = client.campaign("c1")
    assert_type(campaign, Campaign[Lead])
    assert_type(client.campaign(), Campaign[Lead])
    assert_type(campaign.campaign_id, str)
    assert_type(campaign.create_leads([lead, {"lead_id": 1, "custom": [1, {"deep": None}]}]), list[Lead])
    assert_type(campaign.update_lead("u1", product_plan="Pro", visits=3), LeadUpdate)
    assert_type(campaign.update_lead(1, {"product plan": "Pro"}), LeadUpdate)
    assert_type(campaign.convert_lead("u1", detail="PAID"), LeadConversion)
    assert_type(campaign.disable_leads(["u1", 2]), list[LeadReference])
    assert_type(campaign.delete_lead("u1"), LeadReference)
    assert_type(campaign.get_lead("u1"), ProcessedLead | None)
    assert_type(describe(lead, personal=True), str)
    for processed in campaign.get_leads(processed_after=moment, processed_before=1543847760.5):
        assert_type(processed, ProcessedLead)
    assert_type(campaign.get_leads(lead_id=1, page_size=10).pages(), Iterator[LeadsPage])


async def the_methods_of_an_async_campaign(client: AsyncSquadIQ, lead: Lead) -> None:
    campaign = client.campaign("c1")
    assert_type(campaign, AsyncCampaign[Lead])
    assert_type(await campaign.create_leads([lead]), list[Lead])
    assert_type(await campaign.update_lead("u1", product_plan="Pro"), LeadUpdate)
    assert_type(await campaign.convert_lead("u1", detail="PAID"), LeadConversion)
    assert_type(await campaign.disable_leads(["u1"]), list[LeadReference])
    assert_type(await campaign.delete_lead("u1"), LeadReference)
    assert_type(await campaign.get_lead("u1"), ProcessedLead | None)
    async for processed in campaign.get_leads():
        assert_type(processed, ProcessedLead)
    assert_type(campaign.get_leads().pages(), AsyncIterator[LeadsPage])


def leads_in_the_forms_that_people_have(
    client: SquadIQ, row: sqlite3.Row, person: Person, frame: polars.DataFrame, key: UUID
) -> None:
    campaign = client.campaign("c1")
    assert_type(campaign.create_leads([person, row]), list[Lead])
    assert_type(campaign.create_leads(frame), list[Lead])
    assert_type(campaign.create_leads([LeadReference(lead_id="u1")]), list[Lead])  # whatever pydantic can make
    assert_type(campaign.delete_lead(key), LeadReference)
    campaign.create_leads([1])  # type: ignore[list-item]
    campaign.create_leads(1)  # type: ignore[call-overload]


async def a_lead_type_of_the_campaign(client: SquadIQ, async_client: AsyncSquadIQ) -> None:
    lead = LoanLead(lead_id="u1", phone_number="98765 43210", contact_name="Asha", product_plan="Lite")
    loans = client.campaign("c1", lead_type=LoanLead)
    assert_type(loans, Campaign[LoanLead])
    (created,) = loans.create_leads([lead])
    assert_type(created.loan_amount, float | None)
    async_loans = async_client.campaign(lead_type=LoanLead)
    assert_type(await async_loans.create_leads([lead]), list[LoanLead])
    LoanLead(lead_id="u1", phone_number="98765 43210", contact_name="Asha")  # type: ignore[call-arg]
    loans.create_leads([{"lead_id": 1}, lead])
    loans.create_leads([Lead(lead_id="u1", phone_number="98765 43210", contact_name="Asha")])  # type: ignore[list-item]
    await async_loans.create_leads([CarLead(lead_id="u1", phone_number="9876543210", contact_name="A")])  # type: ignore[list-item]
    client.campaign("c1", lead_type=LeadReference)  # type: ignore[type-var]


def the_fields_of_models(lead: ProcessedLead, page: LeadsPage) -> None:
    assert_type(lead.lead_id, str)
    assert_type(lead.created_at, datetime)
    assert_type(lead.latest_called_at, datetime | None)
    assert_type(lead.latest_recording_url, str | None)
    assert_type(lead.lead_responses, dict[str, Any])
    assert_type(page.results, list[ProcessedLead])
    assert_type(page.next, str | None)


def settings(policy_says_stop: bool) -> None:
    def policy(situation: RetryState) -> Retry | GiveUp:
        return GiveUp("enough") if policy_says_stop else Retry(1.5 * situation.attempt)

    def after(operation: str, number: int, attempt: Attempt) -> None:
        assert_type(attempt.status, int | None)

    client = SquadIQ("token", base_url="https://example.com", retry_policy=policy, after_attempt=after)
    assert_type(client.with_options(timeout_seconds=5, headers={"X-Reason": "audit"}), SquadIQ)
    assert_type(AsyncSquadIQ(quota="memory").with_options(max_attempts=1), AsyncSquadIQ)
    with client as entered, entered.record_responses() as responses:
        assert_type(entered, SquadIQ)
        assert_type(responses, list[RawResponse])
    SquadIQ(acces_token="token")  # type: ignore[call-arg]
    SquadIQ("token", quota_hits="many")  # type: ignore[arg-type]
    client.with_options(base_url="https://example.com")  # type: ignore[call-arg]


def errors(error: SquadIQError) -> None:
    assert_type(error.attempts, tuple[Attempt, ...])
    assert_type(error.operation, str | None)
    if isinstance(error, InvalidInputError):
        assert_type(error.problems, tuple[Problem, ...])
    if isinstance(error, StatusError):
        assert_type(error.status, int)
        assert_type(error.lead_errors, tuple[LeadError, ...])
        assert_type(error.retry_after_seconds, float | None)


def what_is_refused(client: SquadIQ) -> None:
    campaign = client.campaign("c1")
    campaign.convert_lead("u1")  # type: ignore[call-arg]
    campaign.convert_lead("u1", "PAID")  # type: ignore[call-arg]
    campaign.get_leads(processed_after="yesterday")  # type: ignore[arg-type]
    campaign.get_leads(True)  # type: ignore[call-arg]
    campaign.delete_lead(1.0)  # type: ignore[arg-type]
    client.campaign("c1", Lead)  # type: ignore[call-overload]
