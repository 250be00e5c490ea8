"""Numbers and names of the document.

Written by `make generate` from openapi/squadiq.yaml. Not to be edited."""

QUOTA_HITS = 100
QUOTA_WINDOW_SECONDS = 60.0
LARGEST_PAGE_SIZE = 1000
LARGEST_NUMBER = 9007199254740991
LAST_SECOND = 253402300799

CREATE_LEADS = "createLeads"
GET_LEADS = "getLeads"
DISABLE_LEADS = "disableLeads"
UPDATE_LEAD = "updateLead"
CONVERT_LEAD = "convertLead"
DELETE_LEAD = "deleteLead"
IDEMPOTENT = frozenset({GET_LEADS, DISABLE_LEADS, UPDATE_LEAD, CONVERT_LEAD, DELETE_LEAD})
"""Operations that may be carried out twice with the effect of once."""
