"""What a server and an endpoint must do, one sentence a rule: the reasons for which contract tests fail."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Change(Enum):
    """Which side is more likely to be wrong when a rule is broken."""

    SERVER = "the server"
    DOCUMENT = "the document, unless the server is at fault"
    ENDPOINT = "the endpoint"


class Rule(Enum):
    """A rule by its sentence, and which side should change when it is broken."""

    NO_SERVER_ERROR = "No request makes the server fail.", Change.SERVER
    STATUS = "A response has a status that the document lists for its operation.", Change.DOCUMENT
    MEDIA_TYPE = "A response has the media type that the document gives for its status.", Change.DOCUMENT
    SCHEMA = "The body of a response matches its schema in the document.", Change.DOCUMENT
    READABLE = "The body of a response can be read.", Change.SERVER
    HEADERS = "A response has the headers that the document requires.", Change.DOCUMENT
    REQUEST = "A request is one that the document describes.", Change.DOCUMENT

    MISSING_TOKEN = "A request without an access token is answered with 401.", Change.DOCUMENT
    WRONG_TOKEN = "A request with an incorrect access token is answered with 401.", Change.SERVER
    TOKEN_FIRST = "The access token is looked at before the lead is.", Change.SERVER
    METHOD = "A method that a path does not have is answered with 405.", Change.SERVER
    QUOTA = "100 hits are allowed in a minute; the next one is answered with 429.", Change.SERVER
    INVALID = "A request that the document does not allow is answered with 400.", Change.DOCUMENT

    CREATES = "A created lead exists: it can be updated, converted, disabled and deleted.", Change.SERVER
    BATCH_WHOLE = "A batch is taken whole or refused whole: what is refused changes nothing.", Change.SERVER
    LEAD_ID_ONCE = "A lead_id is unique in its campaign.", Change.SERVER
    NUMBER_IS_TEXT = "A number as lead_id names the same lead as its decimal digits.", Change.DOCUMENT
    KEEPS_FIELDS = "A lead keeps all of its fields as they were sent, custom fields included.", Change.SERVER
    UPDATES = "An update of a lead that exists is answered with 200 and sets the given fields.", Change.SERVER
    UPDATE_MERGES = "An update leaves the fields that it does not name as they are.", Change.SERVER
    UPDATE_KEEPS_LEAD_ID = "An update does not change the lead_id.", Change.SERVER
    CONVERTS = "A conversion of a lead that exists is answered with 200 and keeps its detail.", Change.SERVER
    DETAIL_LENGTH = "The detail of a conversion has at most 32 characters.", Change.SERVER
    DETAIL_CHARACTERS = "The 32 of the detail count characters, not bytes.", Change.SERVER
    DISABLES = "A disabled lead is not reached out to any more, so it is never processed.", Change.SERVER
    DELETES = "A deleted lead is gone: no operation finds it.", Change.SERVER
    DELETED_NOT_LISTED = "A deleted lead is not listed any more.", Change.SERVER
    UNKNOWN = "A lead that does not exist is answered with 404.", Change.DOCUMENT

    TIMES = "A time of a lead is one of the calendar, from the year 1 to 9999, in seconds up to 59.", Change.SERVER
    LISTS_PROCESSED = "A processed lead is listed, once, with what was created.", Change.SERVER
    NOT_YET = "A lead that is not processed yet is not listed.", Change.SERVER
    CAMPAIGNS_APART = "A lead is listed in its own campaign only.", Change.SERVER
    COUNT = "The count is the number of leads over all pages.", Change.SERVER
    NEXT = "next and previous are the addresses of the neighbouring pages, null at the ends.", Change.SERVER
    PAGES_APART = "Pages taken together hold each lead once.", Change.SERVER
    PAGE_SIZE = "A page holds page_size leads, the last one what is left; 100 if it is not given.", Change.SERVER
    PAST_THE_END = "A page past the last one is answered with 404.", Change.DOCUMENT
    ONE_LEAD = "With lead_id, only the lead with this identifier is listed.", Change.SERVER
    TIME_FILTER = "With processed_after and processed_before, only leads of that time are listed.", Change.SERVER
    TIME_EDGES = "processed_after and processed_before include their own second.", Change.DOCUMENT

    TAKES_VALID = "A valid delivery is answered with 201.", Change.ENDPOINT
    TAKES_REPEATS = "A repeat is answered with 201.", Change.ENDPOINT
    REFUSES_INVALID = "An invalid delivery is answered with 400.", Change.ENDPOINT
    REFUSES_CALLERS = "A caller with wrong credentials is answered with 403.", Change.ENDPOINT
    NEVER_FAILS = "Nothing makes an endpoint fail (500 and above, or no response).", Change.ENDPOINT

    def __init__(self, description: str, change: Change) -> None:
        self.description = description
        self.change = change


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that something broke, and what was observed, without anything about a person."""

    rule: Rule
    observed: str


class BrokenError(AssertionError):
    """A server broke a rule."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.rule.name}: {finding.observed} ({finding.rule.description})")
        self.finding = finding


class InconclusiveError(Exception):
    """The target gives no occasion to look at a rule; the message says why."""


def require(condition: object, rule: Rule, observed: str) -> None:
    """Raise unless a condition holds.

    Raises:
        BrokenError: it does not.
    """
    if not condition:
        raise BrokenError(Finding(rule, observed))
