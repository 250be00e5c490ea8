"""Walking the pages of `getLeads`, one hit of the quota a page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from urllib.parse import parse_qs, urlsplit

from squadiq_generated.models import LeadsPage, ProcessedLead

from squadiq.errors import NotFoundError, UnexpectedAnswerError


class Leads:
    """Processed leads, read page by page while they are iterated over."""

    def __init__(self, fetch: Callable[[int], LeadsPage]) -> None:
        self._fetch = fetch

    def __iter__(self) -> Iterator[ProcessedLead]:
        for page in self.pages():
            yield from page.results

    def pages(self) -> Iterator[LeadsPage]:
        """Iterate over whole pages instead of leads.

        Raises:
            SquadIQError: a page cannot be had; those before it were given out.
        """
        number: int | None = 1
        while number is not None:
            try:
                page = self._fetch(number)
            except NotFoundError:
                if number == 1:
                    raise
                return  # leads were deleted meanwhile, and this page with them
            yield page
            number = next_page(page, number)


class AsyncLeads:
    """Processed leads, read page by page while they are iterated over."""

    def __init__(self, fetch: Callable[[int], Awaitable[LeadsPage]]) -> None:
        self._fetch = fetch

    async def __aiter__(self) -> AsyncIterator[ProcessedLead]:
        async for page in self.pages():
            for lead in page.results:
                yield lead

    async def pages(self) -> AsyncIterator[LeadsPage]:
        """Iterate over whole pages instead of leads.

        Raises:
            SquadIQError: a page cannot be had; those before it were given out.
        """
        number: int | None = 1
        while number is not None:
            try:
                page = await self._fetch(number)
            except NotFoundError:
                if number == 1:
                    raise
                return  # leads were deleted meanwhile, and this page with them
            yield page
            number = next_page(page, number)


def next_page(page: LeadsPage, number: int) -> int | None:
    """Return the number of the page after this one; None after the last.

    Only the number is taken from `next`: its scheme and host are what a server behind a proxy
    believes to be its own, and the access token goes nowhere but to the base URL.

    Raises:
        UnexpectedAnswerError: `next` is missing, or leads to no later page.
    """
    if "next" not in page.model_fields_set:
        raise _lost(number, "is missing")
    if page.next is None:
        return None
    numbers = parse_qs(urlsplit(page.next).query).get("page", []) if isinstance(page.next, str) else []  # pyright: ignore[reportUnnecessaryIsInstance]
    following = int(numbers[0]) if numbers and numbers[0].isdecimal() else None
    if following is None:
        raise _lost(number, "names no page")
    if following <= number:
        raise _lost(number, f"leads back to page {following}")
    return following


def _lost(number: int, what: str) -> UnexpectedAnswerError:
    error = UnexpectedAnswerError(f"getLeads: the `next` of page {number} {what}; there may be more leads")
    error.operation = "getLeads"
    return error
