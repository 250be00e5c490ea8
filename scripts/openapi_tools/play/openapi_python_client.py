"""The six operations with what stock openapi-python-client wrote: python … URL TOKEN."""

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# mypy: ignore-errors

from __future__ import annotations

import json
import sys

from stock_client.api.leads import convert_lead, create_leads, delete_lead, disable_leads, get_leads, update_lead
from stock_client.client import AuthenticatedClient
from stock_client.models import Lead, LeadConversion, LeadReference, LeadUpdate

CAMPAIGN = "campaign-1"


def lead(lead_id: str | int) -> Lead:
    made = Lead(lead_id=lead_id, phone_number="9876543210", contact_name="Asha")
    made["product_plan"] = "Lite"
    made["visits"] = [{"page": "pricing", "seconds": 42}]
    return made


client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2], raise_on_unexpected_status=True)
leads = [lead(9876543210), lead("disabled"), lead("deleted")]
change = LeadUpdate(lead_id=9876543210)
change["product_plan"] = "Pro"

create_leads.sync_detailed(CAMPAIGN, client=client, body=leads)
page = get_leads.sync(CAMPAIGN, client=client, page_size=10)
print(json.dumps([page.results[0].lead_id, page.results[0].lead_outcome]))
update_lead.sync_detailed(CAMPAIGN, client=client, body=change)
convert_lead.sync_detailed(CAMPAIGN, client=client, body=LeadConversion(lead_id=9876543210, detail="PAID"))
disable_leads.sync_detailed(CAMPAIGN, client=client, body=[LeadReference(lead_id="disabled")])
delete_lead.sync_detailed(CAMPAIGN, client=client, body=LeadReference(lead_id="deleted"))
