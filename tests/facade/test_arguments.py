"""Whatever is given to a campaign's methods is sent as valid JSON, or is an error of ours that shows nothing of it."""

from __future__ import annotations

import json
import math
import traceback
import warnings
from collections import UserDict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import field_validator

from squadiq import AsyncSquadIQ, ConfigurationError, InvalidInputError, Lead, SquadIQ, SquadIQError

NAME, NUMBER, MARK = "Asha Rao-Menon", "9876543210", "custom-secret"
LEAD: dict[str, Any] = {"lead_id": "u1", "phone_number": NUMBER, "contact_name": NAME}
UNCHECKED: dict[str, Any] = {"lead_id": 5, "phone_number": [NUMBER], "contact_name": {NAME: NAME}}
UNNAMED: dict[Any, Any] = {5: 1}
SUCCESS = {"create": 201, "disable": 201, "delete": 202, "update": 200, "convert": 200, "responses": 200}


class Service:
    """An HTTP transport of the user's own, as `transport=` takes it: says yes, and keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        operation = request.url.path.split("/")[4]
        page: dict[str, Any] = {"count": 0, "next": None, "previous": None, "results": []}
        return httpx.Response(SUCCESS[operation], json=page if operation == "responses" else {})


def called(
    kind: str, name: str, *args: Any, options: dict[str, Any] | None = None, **kwargs: Any
) -> httpx.Request | None:
    """Call a method of a campaign to its end, and return what it sent."""
    service = Service()
    settings: dict[str, Any] = {"transport": httpx.MockTransport(service), "quota": "memory", **(options or {})}
    if kind == "sync":
        with SquadIQ("token", **settings) as client:
            came = getattr(client.campaign("campaign-1"), name)(*args, **kwargs)
            if name == "get_leads":
                list(came)
    else:

        async def finish() -> None:
            async with AsyncSquadIQ("token", **settings) as client:
                came = getattr(client.campaign("campaign-1"), name)(*args, **kwargs)
                if name == "get_leads":
                    [lead async for lead in came]
                else:
                    await came

        anyio.run(finish)
    return service.sent[0] if service.sent else None


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Hostile:
    """Raises whatever is done with it."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(MARK)

    def __ne__(self, other: object) -> bool:
        raise RuntimeError(MARK)

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError(MARK)

    def __str__(self) -> str:
        raise RuntimeError(MARK)

    __hash__ = object.__hash__
    __repr__ = __str__


class Unreadable(UserDict[str, Any]):
    """A mapping that does not give its values."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError(MARK)


class Lost(tzinfo):
    """A time zone that is none."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        raise RuntimeError(MARK)

    def dst(self, moment: datetime | None, /) -> timedelta | None:
        raise RuntimeError(MARK)

    def tzname(self, moment: datetime | None, /) -> str | None:
        raise RuntimeError(MARK)


class Nowhere(Lost):
    """A time zone without an offset."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        return None


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


def circular() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def failing() -> Iterator[Any]:
    yield LEAD
    raise RuntimeError(MARK)


ODD: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: -1,
    lambda: 2**70,
    lambda: 10**5000,
    lambda: -(10**5000),
    lambda: 1.0,
    lambda: math.nan,
    lambda: -math.inf,
    lambda: Decimal("sNaN"),
    lambda: Decimal("1E+5000"),
    lambda: Fraction(1, 3),
    lambda: 1j,
    lambda: "",
    lambda: "\ud800",
    lambda: "a\0b",
    lambda: "x" * 100_000,
    lambda: "1" * 100_000,
    lambda: NAME,
    lambda: NUMBER,
    lambda: MARK,
    lambda: NAME.encode(),
    lambda: b"\xff",
    lambda: bytearray(b"a"),
    list,
    dict,
    lambda: {"lead_id": NUMBER},
    lambda: {1: NAME, None: 2},
    lambda: {"a\n": NAME, NUMBER: NUMBER},
    lambda: [LEAD, NAME, 5, None],
    lambda: {NAME},
    lambda: nested(60),
    lambda: nested(600),
    lambda: nested(20_000),
    circular,
    failing,
    lambda: object(),
    lambda: Hostile(),
    lambda: Lead,
    lambda: Lead.model_construct(None, **UNCHECKED),
    lambda: datetime(2018, 12, 3),
    lambda: datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
    lambda: datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
    lambda: datetime(2018, 12, 3, tzinfo=Lost()),
    lambda: datetime(2018, 12, 3, tzinfo=Nowhere()),
    lambda: date(2018, 12, 3),
    lambda: timedelta(1),
    lambda: "allow",
]
CALLS: list[Callable[[Any], tuple[str, tuple[Any, ...], dict[str, Any]]]] = [
    lambda odd: ("create_leads", (odd,), {}),
    lambda odd: ("create_leads", ([odd],), {}),
    lambda odd: ("create_leads", ([{**LEAD, "lead_id": odd}],), {}),
    lambda odd: ("create_leads", ([{**LEAD, "phone_number": odd}],), {}),
    lambda odd: ("create_leads", ([{**LEAD, "contact_name": odd}],), {}),
    lambda odd: ("create_leads", ([{**LEAD, "custom": odd}],), {}),
    lambda odd: ("create_leads", ([{**LEAD, "custom": [odd]}],), {}),
    lambda odd: ("create_leads", ([LEAD],), {"duplicate_phone_numbers": odd}),
    lambda odd: ("get_leads", (), {"lead_id": odd}),
    lambda odd: ("get_leads", (), {"processed_after": odd}),
    lambda odd: ("get_leads", (), {"processed_before": odd}),
    lambda odd: ("get_leads", (), {"page_size": odd}),
    lambda odd: ("update_lead", (odd,), {"plan": "Pro"}),
    lambda odd: ("update_lead", ("u1", odd), {"plan": "Pro"}),
    lambda odd: ("update_lead", ("u1",), {"contact_name": odd}),
    lambda odd: ("update_lead", ("u1",), {"phone_number": odd}),
    lambda odd: ("update_lead", ("u1",), {"custom": odd}),
    lambda odd: ("convert_lead", (odd,), {"detail": "PAID"}),
    lambda odd: ("convert_lead", ("u1",), {"detail": odd}),
    lambda odd: ("disable_leads", (odd,), {}),
    lambda odd: ("disable_leads", ([odd],), {}),
    lambda odd: ("delete_lead", (odd,), {}),
]


def hold_the_law(
    kind: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, fields: frozenset[Any] = frozenset()
) -> None:
    shown = ""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            request = called(kind, name, *args, **kwargs)
        except SquadIQError as error:
            request, shown = None, f"{vars(error)}{error.args}{''.join(traceback.format_exception(error, limit=0))}"
    assert not warned
    assert len(shown) < 20_000
    # An error names the field that is wrong; what looks like a number is masked even there.
    assert not [secret for secret in (NAME, NUMBER, MARK) if secret in shown and secret not in fields - {NUMBER}]
    if request is not None and request.content:
        json.loads(request.content, parse_constant=_refuse)
        assert b'"nan"' not in request.content.lower()


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_each_odd_argument_is_sent_as_json_or_is_an_error_of_ours(number: int, kind: str) -> None:
    for odd in ODD:
        hold_the_law(kind, *CALLS[number](odd()))


def json_within(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.one_of(st.text(max_size=5), st.integers(), st.none(), st.just(NAME), st.just(NUMBER))
    return st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3), st.tuples(inner), st.just(inner)
    )


ODDITIES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.sampled_from(ODD).map(lambda make: make()),
        st.integers(),
        st.floats(),
        st.decimals(),
        st.text(),
        st.binary(),
        st.datetimes(timezones=st.none() | st.timezones()),
        st.uuids(),
    ),
    json_within,
    max_leaves=5,
)


@given(st.sampled_from(CALLS), ODDITIES, st.sampled_from(["sync", "async"]))
def test_any_argument_is_sent_as_json_or_is_an_error_of_ours(call: Any, odd: Any, kind: str) -> None:
    leads: list[Any] = [*odd] if isinstance(odd, list | tuple) else [odd]  # pyright: ignore[reportUnknownVariableType]
    mappings: list[dict[Any, Any]] = [lead for lead in leads if isinstance(lead, dict)]
    fields = frozenset(name for lead in mappings for name in lead)
    hold_the_law(kind, *call(odd), fields=fields)


@pytest.mark.parametrize(
    ("leads", "said"),
    [
        (5, "leads is one, not a list"),
        (5.0, "leads is not a list"),
        (None, "leads is not a list"),
        ("u1", "leads is one, not a list"),
        (LEAD, "leads is one, not a list"),
        ([5], "lead number 1: lead is neither a Lead nor a mapping"),
        ([LEAD, {**LEAD, "lead_id": "u2", **UNNAMED}], "lead 'u2': a field has a name that is empty, too long or not"),
        ([{**LEAD, "custom": nested(600)}], "lead 'u1': custom is nested more than 64 times"),
        ([{**LEAD, "custom": circular()}], "lead 'u1': custom is nested more than 64 times"),
        ([Lead(**LEAD, custom=circular())], "lead 'u1': custom is nested more than 64 times"),
        ([{**LEAD, "custom": {1: 2}}], "lead 'u1': custom holds a name that is not text"),
        ([{**LEAD, "custom": object()}], "lead 'u1': custom holds something that JSON cannot say"),
        ([Lead(**LEAD, custom=object())], "lead 'u1': custom holds something that JSON cannot say"),
        ([{**LEAD, "custom": 2**64}], "lead 'u1': custom is a number too large"),
        ([{**LEAD, "lead_id": 10**300}], "lead number 1: lead_id has more than 255 digits"),
        ([{**LEAD, "contact_name": b"a"}], "lead 'u1': contact_name is not a text"),
    ],
)
def test_an_argument_that_makes_no_sense_is_told_by_lead_and_field(leads: Any, said: str, kind: str) -> None:
    with pytest.raises(InvalidInputError, match=said):
        called(kind, "create_leads", leads)


def test_leads_that_cannot_be_read_to_their_end_are_not_sent(kind: str) -> None:
    with pytest.raises(InvalidInputError, match=r"leads cannot be read after 1 of them \(RuntimeError\)"):
        called(kind, "create_leads", failing())
    with pytest.raises(InvalidInputError, match=r"leads cannot be read after 0 of them \(RuntimeError\)"):
        called(kind, "create_leads", Hostile())
    with pytest.raises(InvalidInputError, match=r"lead number 2: lead cannot be read \(RuntimeError\)"):
        called(kind, "create_leads", [LEAD, Unreadable(LEAD)])


def test_an_error_of_ours_passes_through_the_leads_that_are_read(kind: str) -> None:
    def polled() -> Iterator[Any]:
        raise ConfigurationError("as it was")
        yield

    with pytest.raises(ConfigurationError, match="as it was"):
        called(kind, "create_leads", polled())


@pytest.mark.parametrize("changes", [5, "plan", [("plan", "Pro")], Lead(**LEAD)])
def test_changes_that_are_no_mapping_are_told(changes: Any, kind: str) -> None:
    with pytest.raises(InvalidInputError, match="lead 'u1': changes are not a mapping"):
        called(kind, "update_lead", "u1", changes, plan="Pro")


@pytest.mark.parametrize("lead_id", [10**5000, -(10**5000)], ids=["great", "small"])
def test_a_lead_id_too_long_to_be_written_is_told_beside_other_problems(lead_id: int, kind: str) -> None:
    with pytest.raises(InvalidInputError, match="fields are missing"):
        called(kind, "update_lead", lead_id)
    with pytest.raises(InvalidInputError, match="lead number 1: lead_id has more than 255 digits"):
        called(kind, "create_leads", [{**LEAD, "lead_id": lead_id, "contact_name": ""}])


@pytest.mark.parametrize("lead_type", [None, 5, int, dict, "Lead", Lead(**LEAD), list[Lead]])
def test_a_lead_type_that_is_none_is_told(lead_type: Any) -> None:
    for make in (SquadIQ, AsyncSquadIQ):
        with pytest.raises(ConfigurationError, match=r"lead_type=? must be squadiq\.Lead or a subclass"):
            make("token", quota="memory").campaign("campaign-1", lead_type=lead_type)


class Careless(Lead):
    plan: str

    @field_validator("plan")
    @classmethod
    def lead_state(cls, plan: str) -> Any:
        if plan == "raise":
            raise KeyError(MARK)
        if plan == "number":
            return 5
        raise ValueError(f"be aware that {plan} is not for you")


def test_a_lead_type_that_fails_or_tells_values_does_no_harm(kind: str) -> None:
    service = Service()

    def create(plan: str) -> None:
        with SquadIQ("token", transport=httpx.MockTransport(service), quota="memory") as client:
            client.campaign("campaign-1", lead_type=Careless).create_leads([{**LEAD, "plan": plan}])

    with pytest.raises(InvalidInputError, match="lead 'u1': lead cannot be checked: Careless raises KeyError"):
        create("raise")
    with pytest.raises(InvalidInputError) as raised:
        create(MARK)
    assert (
        str(raised.value) == "lead 'u1': plan is not valid: it should be aware that … is not for you. Nothing was sent."
    )
    create("number")  # and warns of nothing: pydantic's warning would show the value
    assert service.sent[0].content.endswith(b'"plan":5}]')


def test_the_first_second_of_1970_is_a_time(kind: str) -> None:
    for moment in (0, 0.0, datetime(1970, 1, 1, tzinfo=UTC)):
        request = called(kind, "get_leads", processed_after=moment, processed_before=moment)
        assert request is not None
        assert dict(request.url.params) == {"processed_after": "0", "processed_before": "0"}


TWICE = [LEAD, {**LEAD, "lead_id": "u2", "phone_number": "+91 98765 43210"}]


def test_one_phone_number_under_two_lead_ids_is_sent_only_where_it_is_allowed(kind: str) -> None:
    with pytest.raises(InvalidInputError, match=r"lead 'u2': phone_number is the same as that of lead 'u1'"):
        called(kind, "create_leads", TWICE)
    assert called(kind, "create_leads", TWICE, duplicate_phone_numbers="allow")
    allowed: dict[str, Any] = {"duplicate_phone_numbers": "allow"}
    assert called(kind, "create_leads", TWICE, options=allowed)
    with pytest.raises(InvalidInputError):
        called(kind, "create_leads", TWICE, options=allowed, duplicate_phone_numbers="refuse")
    with pytest.raises(InvalidInputError):
        called(kind, "create_leads", TWICE, options={"normalise_phone_numbers": False})


def test_duplicate_phone_numbers_is_a_setting_of_a_client_and_of_with_options() -> None:
    service = Service()
    with SquadIQ("token", transport=httpx.MockTransport(service), quota="memory") as client:
        client.with_options(duplicate_phone_numbers="allow").campaign("campaign-1").create_leads(TWICE)
        with pytest.raises(InvalidInputError):
            client.campaign("campaign-1").create_leads(TWICE)
        wrong: Any = "yes"
        with pytest.raises(ConfigurationError, match='must be "refuse" or "allow"'):
            client.with_options(duplicate_phone_numbers=wrong)
    assert len(service.sent) == 1
