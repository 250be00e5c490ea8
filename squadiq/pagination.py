"""Walking the pages of `getLeads`, one hit of the quota a page, so that no lead is passed over in silence.

`Paginator` decides which page comes next and when the walk is over, and does no I/O; `LeadPaginator` and
`AsyncLeadPaginator` fetch what it asks for. The rules, and what they cannot see, are those of decision 0013.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from hashlib import blake2b
from urllib.parse import parse_qs, urlsplit

from squadiq_generated.constants import GET_LEADS
from squadiq_generated.models import LeadsPage, ProcessedLead

from squadiq.errors import IncompleteLeadsError, NotFoundError, UnexpectedResponseError
from squadiq.responses import PageRead

_WITHOUT_NEWS = 3
"""Pages in a row that bring nothing new, after which there is nothing to be had."""

_TURNS = 20
"""Times that a walk may turn back without having got any further."""


class LeadPaginator:
    """Processed leads, read page by page while they are iterated over, each of them once."""

    def __init__(self, fetch: Callable[[int], PageRead]) -> None:
        self._fetch = fetch

    def __iter__(self) -> Iterator[ProcessedLead]:
        for page in self.pages():
            yield from page.results

    def pages(self) -> Iterator[LeadsPage]:
        """Iterate over whole pages instead of leads; a page that is read again holds only what is new.

        Raises:
            IncompleteLeadsError: the pages end before as many leads came as `count` says.
            SquadIQError: a page cannot be had; those before it were given out.
        """
        paginator = Paginator()
        while paginator.number is not None:
            try:
                read = self._fetch(paginator.number)
            except NotFoundError as error:
                paginator.is_gone(error)
            else:
                yield from paginator.take(read)
                paginator.go_on()


class AsyncLeadPaginator:
    """Processed leads, read page by page while they are iterated over, each of them once."""

    def __init__(self, fetch: Callable[[int], Awaitable[PageRead]]) -> None:
        self._fetch = fetch

    async def __aiter__(self) -> AsyncIterator[ProcessedLead]:
        async for page in self.pages():
            for lead in page.results:
                yield lead

    async def pages(self) -> AsyncIterator[LeadsPage]:
        """Iterate over whole pages instead of leads; a page that is read again holds only what is new.

        Raises:
            IncompleteLeadsError: the pages end before as many leads came as `count` says.
            SquadIQError: a page cannot be had; those before it were given out.
        """
        paginator = Paginator()
        while paginator.number is not None:
            try:
                read = await self._fetch(paginator.number)
            except NotFoundError as error:
                paginator.is_gone(error)
            else:
                for page in paginator.take(read):
                    yield page
                paginator.go_on()


class Paginator:
    """Which page comes next, by what the pages so far held.

    A walk is whole when it has met as many leads as the least that `count` said on the way. When
    `count` shrinks, leads that were deleted may have moved others on to pages that were read already:
    those pages are read again.

    Attributes:
        number: of the page to fetch, from 1; None when the walk is over.
    """

    def __init__(self) -> None:
        self.number: int | None = 1
        self._seen: set[bytes] = set()
        self._count: int | None = None
        self._least: int | None = None
        self._page_size = 0
        self._covered = 0
        """Places in the list, from the first, whose leads were met; a deletion may take some of them back."""
        self._furthest = 0
        self._turns = 0
        self._without_news = 0
        self._gone: int | None = None
        self._from_the_top_again = False
        self._page = LeadsPage(count=0, next=None, previous=None, results=[])
        self._has_news = False

    def take(self, read: PageRead) -> Iterator[LeadsPage]:
        """Note what a page holds, and give it out, without the leads that were given out before."""
        number, page = self.number or 1, read.page
        keys = [*_keys(page.results), *(b"%d:%d" % (number, place) for place in range(read.left_out))]
        new = [key not in self._seen for key in keys]
        self._seen.update(keys)
        self._page, self._has_news = page, any(new)
        self._page_size = max(self._page_size, len(keys))
        self._note_count(page.count)
        if all(new):
            yield page
        elif any(new):
            results = [lead for lead, is_new in zip(page.results, new, strict=False) if is_new]
            yield page.model_copy(update={"results": results})

    def go_on(self) -> None:
        """Choose the page after the one that was taken last.

        Raises:
            IncompleteLeadsError: there is none, and leads are missing.
            UnexpectedResponseError: `next` or `count` is missing or makes no sense.
        """
        number = self.number or 1
        first_time = number > self._furthest
        if first_time:
            self._furthest, self._turns = number, 0
        if (number - 1) * self._page_size > self._covered:
            self._turn_back(self._covered // self._page_size + 1)
            return
        following = next_page(self._page, number)
        if following is not None:
            self._covered = max(self._covered, number * self._page_size)
        if (
            following is None
            or (self._from_the_top_again and not self._has_news)
            or (first_time and self._is_past_the_end(number))
        ):
            self._end()
        else:
            self.number = following

    def is_gone(self, error: NotFoundError) -> None:
        """Take it that SquadIQ has no such page: the one before it says where the list ends now.

        Raises:
            NotFoundError: it is the first page, or the response is not SquadIQ's own.
            IncompleteLeadsError: the page before still says that there is one.
        """
        number = self.number or 1
        if number == 1 or not error.is_api_error:
            raise error
        if self._is_all() and self._covers_all(number - 1):
            self.number = None
        elif self._gone == number:
            raise self._incomplete(f"page {number} does not exist") from error
        else:
            self._gone = number
            self._turn_back(number - 1)

    def _note_count(self, count: object) -> None:
        if isinstance(count, int) and not isinstance(count, bool) and count >= 0:
            shrunk = 0 if self._count is None else max(0, self._count - count)
            self._covered = max(0, self._covered - shrunk)
            self._count = count
            self._least = count if self._least is None else min(self._least, count)

    def _is_all(self) -> bool:
        return self._least is not None and len(self._seen) >= self._least

    def _covers_all(self, pages: int) -> bool:
        """Whether so many pages hold as many leads as `count` says."""
        return self._count is not None and pages * self._page_size >= self._count

    def _is_past_the_end(self, number: int) -> bool:
        """Whether a page that names another one is the last all the same: an endless `next` has no end of its own.

        Raises:
            IncompleteLeadsError: page after page brings nothing new, and leads are missing.
            UnexpectedResponseError: there are leads beyond what `count` says.
        """
        if self._has_news:
            self._without_news = 0
            if self._covers_all(number - 1) and len(self._seen) > (self._count or 0):
                raise _unexpected(f"page {number} holds more leads, although `count` says {self._count}")
            return False
        self._without_news += 1
        if self._is_all() and self._covers_all(number):
            return True
        if self._without_news == _WITHOUT_NEWS:
            raise self._incomplete(f"{_WITHOUT_NEWS} pages up to page {number} brought nothing new")
        return False

    def _turn_back(self, number: int) -> None:
        self._turns += 1
        if self._turns > _TURNS:
            raise self._incomplete("leads are deleted faster than they can be read")
        self.number = number

    def _end(self) -> None:
        """End the walk; but what was processed meanwhile may stand at the top, in place of what was deleted."""
        if self._is_all():
            self.number = None
        elif self._least is None:
            raise _unexpected("`count` is missing or no number, so whether these were all leads cannot be known")
        elif self._from_the_top_again:
            raise self._incomplete("the pages end")
        else:
            self._from_the_top_again, self.number = True, 1

    def _incomplete(self, what: str) -> IncompleteLeadsError:
        return IncompleteLeadsError(what, len(self._seen), self._count)


def next_page(page: LeadsPage, number: int) -> int | None:
    """Return the number of the page after this one; None after the last.

    Only the number is taken from `next`: its scheme and host are what a server behind a proxy
    believes to be its own, and the access token goes nowhere but to the base URL.

    Raises:
        UnexpectedResponseError: `next` is missing, or leads to another page than the following one.
    """
    if "next" not in page.model_fields_set:
        raise _lost(number, "is missing")
    if page.next is None:
        return None
    named = _number_in(page.next)
    if named is None:
        raise _lost(number, "names no page")
    if named <= number:
        raise _lost(number, f"leads back to page {named}")
    if named > number + 1:
        raise _lost(number, "leaves pages out")
    return named


def _number_in(address: object) -> int | None:
    if not isinstance(address, str):
        return None
    try:
        [written] = parse_qs(urlsplit(address).query, max_num_fields=100)["page"]
        return int(written) if written.isdecimal() and len(written) < 20 else None
    except (ValueError, KeyError):  # no address, or not one page in it
        return None


def _keys(leads: list[ProcessedLead]) -> Iterator[bytes]:
    """By what each lead is known again; one that stands on a page twice is two."""
    times: Counter[bytes] = Counter()
    for lead in leads:
        fields: dict[str, object] = dict(lead)
        moment = fields.get("processed_at")
        at = moment.timestamp() if isinstance(moment, datetime) else moment
        known_by = (fields["lead_id"], at) if isinstance(fields.get("lead_id"), str) else fields
        key = blake2b(repr(known_by).encode("utf-8", "backslashreplace"), digest_size=16).digest()
        times[key] += 1
        yield key + b"+" * (times[key] - 1)


def _lost(number: int, what: str) -> UnexpectedResponseError:
    return _unexpected(f"the `next` of page {number} {what}; there may be more leads")


def _unexpected(what: str) -> UnexpectedResponseError:
    error = UnexpectedResponseError(f"getLeads: {what}")
    error.operation = GET_LEADS
    return error
