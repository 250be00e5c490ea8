"""What holds of every page of leads by itself: a pure function of the page and of the query that it was asked with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

from squadiq.contract.conformance import DIGITS_AT_MOST
from squadiq.contract.rules import Rule, require
from squadiq.contract.times import in_seconds

FIRST_PAGE, DEFAULT_SIZE = 1, 100
_FILTERS = ("lead_id", "processed_after", "processed_before")
Lead = Mapping[str, Any]


def require_page(page: Mapping[str, Any], query: Mapping[str, str], campaign_id: str) -> None:
    """Look at one page of leads; `query` is one that the document allows.

    What may change from one response to the next, as leads are processed and deleted, is not looked at.

    Raises:
        BrokenError: it is no page of that query.
    """
    for lead in page["results"]:
        require(lead["campaign_id"] == campaign_id, Rule.CAMPAIGNS_APART, "a lead of another campaign")
        require_selected(lead, query)
        require_order_of_times(lead)
    lead_ids = [str(lead["lead_id"]) for lead in page["results"]]
    require(len(set(lead_ids)) == len(lead_ids), Rule.PAGES_APART, "a lead twice on one page")
    _require_place(page, query)
    for name in ("next", "previous"):
        require(_same_list(page[name], query), Rule.NEXT, f"{name} asks for other leads or another page_size")


def require_selected(lead: Lead, query: Mapping[str, str]) -> None:
    """Demand that a lead is one that a query asks for; filters count whole seconds (decision 0012)."""
    require(str(lead["lead_id"]) == query.get("lead_id", str(lead["lead_id"])), Rule.ONE_LEAD, "another lead")
    moment = int(in_seconds(lead["processed_at"]))
    after, before = (int(query.get(name, moment)) for name in ("processed_after", "processed_before"))
    require(moment >= after, Rule.TIME_FILTER, "a lead from before processed_after")
    require(moment <= before, Rule.TIME_FILTER, "a lead from after processed_before")


def require_order_of_times(lead: Lead) -> None:
    """Demand that a lead was created, called and processed one after the other, as far as whole seconds tell."""
    times = [lead["created_at"], lead["latest_called_at"], lead["processed_at"]]
    seconds = [int(in_seconds(each)) for each in times if each is not None]
    require(seconds == sorted(seconds), Rule.LISTS_PROCESSED, "processed before it was called or created")


def number_of(url: str | None) -> int | None:
    """Return the number of the page that an address leads to, None for null.

    Raises:
        BrokenError: it leads to no page.
    """
    if url is None:
        return None
    try:
        numbers = parse_qs(urlsplit(url).query, keep_blank_values=True).get("page", [str(FIRST_PAGE)])
    except ValueError:
        numbers = []
    readable = len(numbers) == 1 and numbers[0].isascii() and numbers[0].isdecimal()
    require(readable and len(numbers[0]) <= DIGITS_AT_MOST, Rule.NEXT, "an address without the number of a page")
    return int(numbers[0])


def _require_place(page: Mapping[str, Any], query: Mapping[str, str]) -> None:
    """Hold the length of a page, the count and both neighbours against each other."""
    number, size = int(query.get("page", FIRST_PAGE)), int(query.get("page_size", DEFAULT_SIZE))
    here, total, following = len(page["results"]), page["count"], number_of(page["next"])
    so_far = (number - FIRST_PAGE) * size + here
    require(here <= size, Rule.PAGE_SIZE, f"{here} leads on a page of {size}")
    require(here or number == FIRST_PAGE, Rule.PAST_THE_END, "an empty page past the last one")
    require(so_far <= total, Rule.COUNT, f"{so_far} leads up to page {number}, and a smaller count")
    if following is None:
        rule = Rule.COUNT if here < size else Rule.NEXT
        require(so_far == total, rule, f"{so_far} leads up to page {number} without a next, and a greater count")
    else:
        require(following == number + 1, Rule.NEXT, f"next of page {number} leads to another page than {number + 1}")
        require(here == size, Rule.NEXT, f"a page after page {number}, which is not full")
        require(so_far < total, Rule.COUNT, f"a page after page {number}, and a count that ends with it")
    require(number_of(page["previous"]) == (number - 1 or None), Rule.NEXT, f"previous of page {number}")


def _same_list(url: str | None, query: Mapping[str, str]) -> bool:
    """Tell whether an address keeps the filters and the size of a query; a host or a proxy's own words may differ."""
    return url is None or _asked(dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))) == _asked(query)


def _asked(query: Mapping[str, str]) -> list[str | None]:
    # A size that is the default may be left out, and what is empty is no filter.
    return [query.get("page_size") or str(DEFAULT_SIZE), *(query.get(name) or None for name in _FILTERS)]
