"""Walking pages: no lead is passed over in silence, and no walk is endless."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from squadiq_generated.models import LeadsPage

from squadiq import AsyncSquadIQ, SquadIQ
from squadiq.error_body import ErrorBody
from squadiq.errors import IncompleteLeadsError, NotFoundError, SquadIQError, UnexpectedResponseError
from squadiq.pagination import Paginator, next_page
from squadiq.responses import Differences, PageRead, read_whole_page
from tests.servers import Action, Handler, Reply, Seen, acting_server, scripted

TOKEN = "not-a-real-token"
PERSONAL = ("Asha Rao", "+919876543210")
INVALID_PAGE = Reply(404, {"detail": "Invalid page."})
PROXY_404 = Reply(404, b"<html><title>404 Not Found</title></html>", {"Content-Type": "text/html"})


def lead(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "lead_id": f"lead-{number}",
        "phone_number": PERSONAL[1],
        "contact_name": PERSONAL[0],
        "created_at": 1543847700,
        "campaign_id": "campaign-1",
        "latest_recording_url": None,
        "latest_called_at": None,
        "lead_outcome": "Connected",
        "processed_at": 1543847761 + number,
        "lead_responses": {},
        **changes,
    }


def body(leads: list[Any], following: object, count: object) -> dict[str, Any]:
    return {"count": count, "next": following, "previous": None, "results": leads}


def number_in(seen: Seen) -> int:
    return int(parse_qs(urlsplit(seen.target).query).get("page", ["1"])[0])


@dataclass
class Listing:
    """The leads of a campaign as a Django REST framework service lists them."""

    leads: list[int]
    size: int = 5
    before: Callable[[int, Listing], object] = lambda _number, _listing: None
    asked: list[int] = field(default_factory=list[int])

    def page(self, number: int) -> Reply:
        self.asked.append(number)
        self.before(len(self.asked), self)
        start = (number - 1) * self.size
        if number > 1 and start >= len(self.leads):
            return INVALID_PAGE
        following = f"http://elsewhere/?page={number + 1}" if start + self.size < len(self.leads) else None
        some = [lead(each) for each in self.leads[start : start + self.size]]
        return Reply(200, body(some, following, len(self.leads)))

    def __call__(self, seen: Seen) -> Reply:
        return self.page(number_in(seen))


def newest_first(size: int = 20) -> Listing:
    return Listing(list(range(size, 0, -1)))


class Walk(Protocol):
    def __call__(self, handler: Handler | Action, got: list[str] | None = None) -> list[str]: ...


@pytest.fixture(params=["leads", "pages", "async leads", "async pages"])
def walk(request: pytest.FixtureRequest) -> Walk:
    """Walk against a handler, each way there is; the ids that were given out before an error go into `got`."""

    def _walk(handler: Handler | Action, got: list[str] | None = None) -> list[str]:
        got = [] if got is None else got
        with acting_server(handler) as server:
            settings: dict[str, Any] = {
                "access_token": TOKEN,
                "base_url": server.url,
                "quota": "memory",
                "quota_hits": 10_000,
                "max_attempts": 1,
            }
            if "async" not in request.param:
                with SquadIQ(**settings) as client:
                    found = client.campaign("campaign-1").get_leads()
                    for item in found.pages() if request.param == "pages" else found:
                        got += _ids(item)
                return got

            async def finish() -> list[str]:
                async with AsyncSquadIQ(**settings) as client:
                    found = client.campaign("campaign-1").get_leads()
                    if request.param == "async pages":
                        async for page in found.pages():
                            got.extend(_ids(page))
                    else:
                        async for item in found:
                            got.extend(_ids(item))
                return got

            return anyio.run(finish)

    return _walk


def _ids(item: Any) -> list[str]:
    return [each.lead_id for each in item.results] if isinstance(item, LeadsPage) else [item.lead_id]


def ids(*numbers: int) -> list[str]:
    return [f"lead-{number}" for number in numbers]


def test_a_walk_gives_out_every_lead_once_for_one_hit_a_page(walk: Walk) -> None:
    listing = newest_first()
    assert walk(listing) == ids(*range(20, 0, -1))
    assert listing.asked == [1, 2, 3, 4]


def test_the_page_of_a_proxy_does_not_end_a_walk(walk: Walk) -> None:
    listing, got = newest_first(), list[str]()
    with pytest.raises(NotFoundError) as raised:
        walk(lambda seen: PROXY_404 if number_in(seen) == 2 else listing(seen), got)
    assert not raised.value.is_api_error
    assert got == ids(20, 19, 18, 17, 16)


@pytest.mark.parametrize(
    "response",
    [
        Reply(404, b'{"detail": "Invalid page."}', {"Content-Type": "text/html"}),
        Reply(404, b'{"detail": "Invalid page."', {"Content-Type": "application/json"}),
        Reply(404, {"message": "no Route matched with those values"}),
        Reply(404, ["detail"]),
        Reply(404, {"detail": 404}),
        Reply(404, {"detail": "x" * 100_000}),
        Reply(404, b"", {}),
    ],
)
def test_only_the_apis_own_404_can_end_a_walk(response: Reply, walk: Walk) -> None:
    pages = {1: Reply(200, body([lead(1)], "?page=2", 1)), 2: response}
    with pytest.raises(NotFoundError):
        walk(lambda seen: pages[number_in(seen)])


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"])
def test_the_apis_own_404_ends_a_walk_where_count_agrees(kind: str, walk: Walk) -> None:
    gone = Reply(404, b'{"detail": "Ung\\u00fcltige Seite."}', {"Content-Type": kind})
    pages = {1: Reply(200, body([lead(1), lead(2)], "?page=2", 2)), 2: gone}
    assert walk(lambda seen: pages[number_in(seen)]) == ids(1, 2)


def test_the_apis_own_404_where_count_says_more_is_an_error(walk: Walk) -> None:
    listing, got = newest_first(), list[str]()
    with pytest.raises(IncompleteLeadsError) as raised:
        walk(lambda seen: INVALID_PAGE if number_in(seen) == 2 else listing(seen), got)
    assert (raised.value.read, raised.value.count, raised.value.operation) == (5, 20, "getLeads")
    assert got == ids(20, 19, 18, 17, 16)
    assert "5 leads were read, and `count` says 20" in str(raised.value)


def test_a_first_page_that_is_not_there_is_an_error(walk: Walk) -> None:
    with pytest.raises(NotFoundError):
        walk(INVALID_PAGE)


def test_a_last_page_although_count_says_more_is_an_error(walk: Walk) -> None:
    got: list[str] = []
    with pytest.raises(IncompleteLeadsError) as raised:
        walk(Reply(200, body([lead(1)], None, 20)), got)
    assert (raised.value.read, raised.value.count) == (1, 20)
    assert got == ids(1)


@pytest.mark.parametrize("count", [None, "many", -1, 0.5])
def test_without_a_count_the_end_cannot_be_known(count: object, walk: Walk) -> None:
    got: list[str] = []
    with pytest.raises(UnexpectedResponseError, match="`count` is missing or no number"):
        walk(Reply(200, body([lead(1)], None, count)), got)
    assert got == ids(1)


def test_what_is_no_lead_counts_as_read(walk: Walk) -> None:
    assert walk(Reply(200, body([lead(1), 7, lead(2), None], None, 4))) == ids(1, 2)


def test_a_lead_that_stands_on_a_page_twice_is_two(walk: Walk) -> None:
    assert walk(Reply(200, body([lead(1), lead(1), lead(2)], None, 3))) == ids(1, 1, 2)


@pytest.mark.parametrize("again", [[lead(1), lead(2)], [lead(2)], []])
def test_an_endless_next_ends_where_count_is_reached(again: list[Any], walk: Walk) -> None:
    def endless(seen: Seen) -> Reply:
        number = number_in(seen)
        return Reply(200, body([lead(1), lead(2)] if number == 1 else again, f"?page={number + 1}", 2))

    assert walk(endless) == ids(1, 2)


@pytest.mark.parametrize("again", [[lead(1), lead(2)], [lead(2, processed_at="2018-12-03T20:06:03+05:30")], []])
@pytest.mark.parametrize("count", [20, None])
def test_an_endless_next_that_brings_nothing_new_is_an_error(again: list[Any], count: int | None, walk: Walk) -> None:
    def endless(seen: Seen) -> Reply:
        number = number_in(seen)
        return Reply(200, body([lead(1), lead(2)] if number == 1 else again, f"?page={number + 1}", count))

    with pytest.raises(IncompleteLeadsError, match="brought nothing new"):
        walk(endless)


def test_an_endless_next_that_brings_more_than_count_says_is_an_error(walk: Walk) -> None:
    def endless(seen: Seen) -> Reply:
        number = number_in(seen)
        return Reply(200, body([lead(number)], f"?page={number + 1}", 3))

    got: list[str] = []
    with pytest.raises(UnexpectedResponseError, match="page 4 holds more leads, although `count` says 3"):
        walk(endless, got)
    assert got == ids(1, 2, 3, 4)


def test_a_count_that_comes_and_goes_does_not_keep_a_walk_going(walk: Walk) -> None:
    def fickle(seen: Seen) -> Reply:
        number = number_in(seen)
        return Reply(200, body([], f"?page={number + 1}", 0 if number % 2 else 10**15))

    assert walk(fickle) == []


def test_empty_pages_on_the_way_are_walked_over(walk: Walk) -> None:
    pages = [body([lead(1)], "?page=2", 2), body([], "?page=3", 2), body([lead(2)], None, 2)]
    assert walk(lambda seen: Reply(200, pages[number_in(seen) - 1])) == ids(1, 2)


@pytest.mark.parametrize(
    ("following", "what"),
    [
        ("?page=1", "leads back to page 1"),
        ("?page=0", "leads back to page 0"),
        ("?page=3", "leaves pages out"),
        ("?page=" + "9" * 19, "leaves pages out"),
        ("?page=abc", "names no page"),
        ("?page=-2", "names no page"),
        ("?page=2&page=1", "names no page"),
        ("?page=" + "9" * 5000, "names no page"),
        ("http://[x", "names no page"),
        ("http://a\u2100/?page=2", "names no page"),
        ("?page=2" + "&a=b" * 1000, "names no page"),
        ("https://api.squadiq.in/", "names no page"),
        ("?cursor=abc", "names no page"),
        ("", "names no page"),
        (7, "names no page"),
        ({"page": 2}, "names no page"),
    ],
)
def test_a_next_that_leads_nowhere_is_an_error_not_the_end(following: object, what: str, walk: Walk) -> None:
    got: list[str] = []
    with pytest.raises(UnexpectedResponseError, match=f"`next` of page 1 {what}; there may be more leads"):
        walk(Reply(200, body([lead(1)], following, 9)), got)
    assert got == ids(1)


def test_a_missing_next_is_an_error_not_the_end() -> None:
    without = LeadsPage.model_construct(_fields_set={"results"}, count=0, next=None, previous=None, results=[])
    with pytest.raises(UnexpectedResponseError, match="is missing; there may be more leads"):
        next_page(without, 1)


@pytest.mark.parametrize("address", ["http://elsewhere:8000/?page_size=1&page=3", "/x/?page=3", "?page=3"])
def test_the_next_page_is_the_one_that_next_names_whatever_its_host(address: str) -> None:
    assert next_page(LeadsPage.model_construct(count=9, next=address, previous=None, results=[]), 2) == 3


# Leads that come and go while they are walked over


def at(request: int, change: Callable[[list[int]], object]) -> Callable[[int, Listing], object]:
    return lambda number, listing: change(listing.leads) if number == request else None


def test_a_deletion_during_a_walk_passes_no_lead_over(walk: Walk) -> None:
    listing = newest_first()
    listing.before = at(2, lambda leads: leads.remove(18))
    assert sorted(walk(listing)) == sorted(ids(*range(20, 0, -1)))
    assert listing.asked == [1, 2, 1, 2, 3, 4]


def test_a_deletion_of_what_is_not_read_yet_ends_no_walk(walk: Walk) -> None:
    listing = newest_first()
    listing.before = at(2, lambda leads: leads.remove(3))
    assert sorted(walk(listing)) == sorted(ids(*(number for number in range(20, 0, -1) if number != 3)))


def test_a_page_that_is_gone_because_of_deletions_ends_no_walk(walk: Walk) -> None:
    listing = newest_first()

    def delete(leads: list[int]) -> None:
        del leads[2:9]

    listing.before = at(4, delete)
    assert sorted(walk(listing)) == sorted(ids(*range(20, 0, -1)))


def test_all_leads_deleted_during_a_walk_is_no_error(walk: Walk) -> None:
    listing = newest_first()
    listing.before = at(3, lambda leads: leads.clear())
    assert len(walk(listing)) == 10


def test_leads_that_are_processed_during_a_walk_are_no_error(walk: Walk) -> None:
    listing = newest_first()
    listing.before = lambda number, each: each.leads.insert(0, 100 + number)
    got = walk(listing)
    assert set(got) >= set(ids(*range(20, 0, -1)))
    assert len(got) == len(set(got))


def test_one_processed_and_one_deleted_is_no_error_where_the_newest_come_first(walk: Walk) -> None:
    """`count` stays, and one lead less is met; the new one at the top makes up for it."""
    listing = newest_first()

    def exchange(leads: list[int]) -> None:
        leads.remove(3)
        leads.insert(0, 21)

    listing.before = at(3, exchange)
    assert sorted(walk(listing)) == sorted(ids(*(number for number in range(21, 0, -1) if number != 3)))


def test_deletions_without_an_end_are_an_error_and_not_an_endless_walk(walk: Walk) -> None:
    listing = newest_first(1000)
    listing.before = lambda number, each: each.leads.pop(0) if number > 1 else None
    with pytest.raises(IncompleteLeadsError, match="deleted faster than they can be read"):
        walk(listing)


Changes = list[tuple[str, list[int]]]
CHANGES: st.SearchStrategy[Changes] = st.lists(
    st.tuples(st.sampled_from(["delete", "process"]), st.lists(st.integers(0, 40), max_size=8))
)


@given(st.integers(0, 30), st.integers(1, 7), st.booleans(), CHANGES)
def test_every_lead_that_stays_is_met(count: int, size: int, is_newest_first: bool, changes: Changes) -> None:
    """Between two responses that say `count`, leads are deleted or processed, not both: see decision 0013."""
    listing = Listing(list(range(count)), size)
    stay, fresh = set(range(count)), iter(range(1000, 10_000))
    script = iter(changes)

    def change(number: int, listing: Listing) -> None:
        what, places = next(script, ("", list[int]())) if number > 1 and not gone else ("", list[int]())
        for place in places:
            if what == "process":
                listing.leads.insert(0 if is_newest_first else len(listing.leads), next(fresh))
            elif place < len(listing.leads):
                stay.discard(listing.leads.pop(place))

    listing.before = change
    got, paginator, gone = list[str](), Paginator(), False
    try:
        while paginator.number is not None:
            reply = listing.page(paginator.number)
            gone = reply.status == 404
            if gone:
                paginator.is_gone(own_404())
            else:
                for page in paginator.take(page_of(reply.body)):
                    got += _ids(page)
                paginator.go_on()
            assert len(listing.asked) < 1000
    except IncompleteLeadsError:
        assert changes
    else:
        assert set(got) >= set(ids(*stay))
    assert len(got) == len(set(got))


def page_of(came: object) -> PageRead:
    return read_whole_page(json.dumps(came).encode(), "getLeads", Differences())


def own_404() -> NotFoundError:
    error = NotFoundError("getLeads", 404, ErrorBody("Invalid page."))
    error.is_api_error = True
    return error


def json_within(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)


def odd_lead(number: int, changes: dict[str, Any]) -> dict[str, Any]:
    return lead(number, **changes)


def odd_page(leads: list[Any], following: object, count: object, more: dict[str, Any]) -> Any:
    return {**body(leads, following, count), **more}


LEAF: st.SearchStrategy[Any] = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON: st.SearchStrategy[Any] = st.recursive(LEAF, json_within, max_leaves=8)
HOSTILE_NAMES = st.sampled_from(["cls", "_fields_set", "self", "lead_id", "processed_at"])
LEADS: st.SearchStrategy[Any] = st.builds(odd_lead, st.integers(0, 3), st.dictionaries(HOSTILE_NAMES, JSON, max_size=2))
PAGES: st.SearchStrategy[Any] = st.builds(
    odd_page,
    st.lists(LEADS | JSON, max_size=4),
    st.one_of(st.integers(0, 4).map("?page={}".format), JSON, st.none()),
    st.integers(0, 9) | JSON,
    st.dictionaries(HOSTILE_NAMES, JSON, max_size=2),
)


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


@given(st.lists(st.one_of(PAGES.map(as_bytes), JSON.map(as_bytes), st.binary())))
def test_whatever_is_answered_gives_leads_or_an_error_of_ours_and_shows_no_person(contents: list[bytes]) -> None:
    script: Iterator[bytes] = iter(contents)
    paginator, asked, shown = Paginator(), 0, ""
    try:
        while paginator.number is not None:
            asked += 1
            content = next(script, None)
            if content is None:
                paginator.is_gone(own_404())
                continue
            for page in paginator.take(read_whole_page(content, "getLeads", Differences())):
                _ids(page)
            paginator.go_on()
    except SquadIQError as error:
        shown = f"{error}{error!r}{error.args}"
    assert not [secret for secret in PERSONAL if secret in shown]
    assert asked < 100 + len(contents)


NESTED = b'{"count":1,"next":null,"previous":null,"results":[%b]}' % (b'{"a":' * 600 + b"1" + b"}" * 600)


@pytest.mark.parametrize(
    "content", [NESTED, b"[" * 100_000, b'{"results":[],"next":null,"count":' + b"9" * 5000 + b"}"]
)
def test_hostile_json_is_an_error_of_ours(content: bytes, walk: Walk) -> None:
    with pytest.raises(UnexpectedResponseError):
        walk(scripted(Reply(200, content)))
