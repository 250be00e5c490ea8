"""Pages of processed leads: filters, order and links."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq.mock.core import Mock
from squadiq.mock.settings import MockSettings
from squadiq.spec import Spec
from tests.mock.caller import START, Caller

DOCUMENT = Spec.installed()


def ids(page: Any) -> list[str]:
    return [each["lead_id"] for each in page["results"]]


@pytest.fixture
def five(start_mock: Callable[..., Caller]) -> Caller:
    """Five leads, processed at START, START + 10 and so on to START + 40."""
    mock = start_mock(process_after_seconds=0)
    for number in range(5):
        mock.create(f"lead{number}")
        mock.advance(10)
    return mock


def test_pages_link_to_each_other_and_hold_each_lead_once(five: Caller) -> None:
    pages = [five.list("page_size=2").json]
    while pages[-1]["next"]:
        url = urlsplit(str(pages[-1]["next"]))
        assert (url.scheme, url.netloc, url.path) == ("http", "mock.test", "/api/v4/leads/responses/c1/")
        pages.append(five.list(url.query).json)
    assert [ids(page) for page in pages] == [["lead0", "lead1"], ["lead2", "lead3"], ["lead4"]]
    assert {page["count"] for page in pages} == {5}
    back = five.list(urlsplit(str(pages[2]["previous"])).query).json
    assert ids(back) == ["lead2", "lead3"]
    assert pages[0]["previous"] is None


def test_a_link_keeps_the_filters_and_the_size(five: Caller) -> None:
    page = five.list(f"page_size=1&processed_after={START}&processed_before={START + 40}&other=1").json
    assert (
        urlsplit(str(page["next"])).query == f"processed_after={START}&processed_before={START + 40}&page_size=1&page=2"
    )


def test_a_page_past_the_end_is_not_found_but_the_first_one_always_is(five: Caller) -> None:
    for query in ("page=2", "page_size=5&page=2", "page=2147483647&page_size=1000", "lead_id=lead1&page=2"):
        reply = five.list(query)
        assert (reply.status, reply.json) == (404, {"detail": "Invalid page."})
    assert five.list("page=5&page_size=1").status == 200
    empty: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
    assert five.list(campaign="never_used").json == empty
    assert five.list("lead_id=never_created").json == empty


@pytest.mark.parametrize(
    ("after", "before", "expected"),
    [
        (None, None, [0, 1, 2, 3, 4]),
        (START + 10, None, [1, 2, 3, 4]),
        (START + 11, None, [2, 3, 4]),
        (None, START + 10, [0, 1]),
        (None, START + 9, [0]),
        (START + 10, START + 30, [1, 2, 3]),
        (START + 20, START + 20, [2]),
        (START + 30, START + 10, []),
        (START + 10**9, None, []),
        (0, 253402300799, [0, 1, 2, 3, 4]),
    ],
)
def test_both_ends_of_a_time_filter_are_included(
    five: Caller, after: int | None, before: int | None, expected: list[int]
) -> None:
    filters = {"processed_after": after, "processed_before": before}
    query = "&".join(f"{name}={value}" for name, value in filters.items() if value is not None)
    for _ in range(2):  # the second time counts are kept that the first time were not
        page = five.list(query).json
        assert (page["count"], ids(page)) == (len(expected), [f"lead{number}" for number in expected])
        assert five.list().json["count"] == 5
    for number in range(5):
        page = five.list(f"{query}&lead_id=lead{number}").json
        assert ids(page) == ([f"lead{number}"] if number in expected else [])


def test_a_lead_that_is_not_processed_yet_is_not_found_by_its_lead_id(mock: Caller) -> None:
    mock.create("a b")
    assert mock.list("lead_id=a+b").json["count"] == 0
    mock.advance(5)
    assert mock.list("lead_id=a%20b").json["count"] == 1
    mock.call("disable", {"lead_id": "a b"})
    assert mock.list("lead_id=a+b").json["count"] == 1
    mock.create("c")
    mock.call("disable", {"lead_id": "c"})
    mock.advance(5)
    assert mock.list("lead_id=c").json["count"] == 0


def test_leads_stay_listed_when_more_are_known_than_are_kept_ready(
    mock: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squadiq.mock.store.RENDERED_AT_MOST", 3)
    mock.create(*range(10))
    mock.advance(5)
    everything = ids(mock.list().json)
    mock.create("one more")
    mock.advance(5)
    assert ids(mock.list().json) == [*everything, "one more"]
    assert [ids(mock.list(f"page_size=1&page={page}").json)[0] for page in range(1, 11)] == everything
    mock.create("and one more")
    mock.advance(5)
    assert ids(mock.list("page_size=1&page=12").json) == ["and one more"]
    assert len(mock.core.store._rendered) == 1  # pyright: ignore[reportPrivateUsage]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("create"), st.integers(1, 4)),
        st.tuples(st.just("disable"), st.integers(0, 30)),
        st.tuples(st.just("advance"), st.floats(0, 6)),
        st.tuples(st.just("turn"), st.just(0)),
    ),
    max_size=40,
)


@given(steps, st.integers(1, 3), st.sampled_from([0.0, 1.0, 10.0]))
def test_pages_miss_no_lead_and_repeat_none_while_leads_are_processed(
    steps: list[tuple[str, float]], size: int, process_after_seconds: float
) -> None:
    """A page that was full when it was read is never changed by what comes after."""
    core = Mock(
        MockSettings(rate=0, process_after_seconds=process_after_seconds),
        spec=DOCUMENT,
        now=lambda: START,
        monotonic=lambda: 0.0,
    )
    mock = Caller(core)
    created, seen, page_number = 0, list[str](), 1

    def turn() -> bool:
        nonlocal page_number
        page = mock.list(f"page={page_number}&page_size={size}").json
        if len(page["results"]) < size:
            return False
        seen.extend(ids(page))
        page_number += bool(page["next"])
        return bool(page["next"])

    for step, amount in steps:
        match step:
            case "create":
                mock.create(*range(created, created + int(amount)))
                created += int(amount)
            case "disable" if amount < created:
                mock.call("disable", {"lead_id": int(amount)})
            case "advance":
                mock.advance(amount)
            case _:
                while turn():
                    pass
                seen = seen[: (page_number - 1) * size]
    mock.advance(20)
    while turn():
        pass
    seen = seen[: (page_number - 1) * size] + ids(mock.list(f"page={page_number}&page_size={size}").json)
    everything = mock.list("page_size=1000").json
    core.close()
    assert seen == ids(everything)
    assert len(set(seen)) == everything["count"] == len(seen)
