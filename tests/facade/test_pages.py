"""Walking pages."""

from __future__ import annotations

from typing import Any

import pytest
from squadiq_generated.models import LeadsPage

from squadiq._words import ServerWords
from squadiq.errors import NotFoundError, UnexpectedAnswerError, error_of
from squadiq.pages import AsyncLeads, Leads, next_page


def page(following: Any = None) -> LeadsPage:
    return LeadsPage.model_construct(count=9, next=following, previous=None, results=[])


def missing(number: int) -> NotFoundError:
    error = error_of("getLeads", 404, ServerWords("Invalid page."))
    assert isinstance(error, NotFoundError)
    return error


@pytest.mark.parametrize(
    "address",
    [
        "https://api.squadiq.in/x/?page=3&page_size=1",
        "http://elsewhere:8000/?page_size=1&page=3",
        "/x/?page=3",
        "?page=3",
    ],
)
def test_the_next_page_is_the_one_that_next_names_whatever_its_host(address: str) -> None:
    assert next_page(page(address), 2) == 3


def test_after_the_last_page_there_is_none() -> None:
    assert next_page(page(None), 2) is None


@pytest.mark.parametrize("address", ["https://api.squadiq.in/?page=2", "?page=1"])
def test_a_next_that_leads_back_is_an_error_not_a_loop(address: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match="leads back to page"):
        next_page(page(address), 2)


@pytest.mark.parametrize("address", ["https://api.squadiq.in/", "?cursor=abc", "?page=last", 7])
def test_a_next_that_names_no_page_is_an_error_not_the_end(address: Any) -> None:
    with pytest.raises(UnexpectedAnswerError, match="names no page; there may be more leads"):
        next_page(page(address), 2)


def test_a_missing_next_is_an_error_not_the_end() -> None:
    without = LeadsPage.model_construct(_fields_set={"results"}, count=0, next=None, previous=None, results=[])
    with pytest.raises(UnexpectedAnswerError, match="is missing; there may be more leads"):
        next_page(without, 1)


def test_a_page_that_is_gone_meanwhile_ends_the_walk() -> None:
    def fetch(number: int) -> LeadsPage:
        if number == 2:
            raise missing(number)
        return page("?page=2")

    assert len(list(Leads(fetch).pages())) == 1


def test_a_first_page_that_is_not_there_is_an_error() -> None:
    def fetch(number: int) -> LeadsPage:
        raise missing(number)

    with pytest.raises(NotFoundError):
        list(Leads(fetch))


@pytest.mark.anyio
async def test_the_same_holds_without_blocking() -> None:
    async def fetch(number: int) -> LeadsPage:
        if number == 2:
            raise missing(number)
        return page("?page=2")

    assert [found.count async for found in AsyncLeads(fetch).pages()] == [9]

    async def nothing(number: int) -> LeadsPage:
        raise missing(number)

    with pytest.raises(NotFoundError):
        [lead async for lead in AsyncLeads(nothing)]
