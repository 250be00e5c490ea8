"""Every setting works or is named, and no message shows what is secret in it."""

from __future__ import annotations

import dataclasses
import logging
import math
import os
import ssl
import traceback
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import anyio
import httpx
import pytest
import trustme
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from squadiq import AsyncSquadIQ, Lead, SquadIQ, SquadIQError, config, errors
from squadiq._network import is_this_machine
from squadiq.attempts import AttemptOutcome
from squadiq.exchange import Call, Exchange
from squadiq.policy import CallOptions, CallPolicy
from squadiq.quota import MemoryStore
from squadiq.retry import GiveUp, Retry, RetryState
from tests.facade.test_client import LEAD, TOKEN, Both, failing, open_both
from tests.servers import Reply, acting_server

SECRET = "Hush4711"
SETTINGS = sorted(config.ClientOptions.__annotations__.keys() | CallOptions.__annotations__.keys())
CALL_SETTINGS = sorted(CallOptions.__annotations__)
VARIABLES = [
    "SQUADIQ_ACCESS_TOKEN",
    "SQUADIQ_BASE_URL",
    "SQUADIQ_CAMPAIGN_ID",
    "SQUADIQ_QUOTA_URL",
    "SQUADIQ_QUOTA_NAME",
]
NETWORK_VARIABLES = [
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "SSLKEYLOGFILE",
]
NETWORK_VARIABLES.extend([name.lower() for name in NETWORK_VARIABLES])

Client = type[SquadIQ] | type[AsyncSquadIQ]


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def no_network_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NETWORK_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@contextmanager
def opened(client: Client, *arguments: Any, **options: Any) -> Generator[Any]:
    made = client(*arguments, **options)
    try:
        yield made
    finally:
        if isinstance(made, AsyncSquadIQ):
            anyio.run(made.close)
        else:
            made.close()


def refusal(kind: str, **options: Any) -> str:
    given: dict[str, Any] = {"access_token": TOKEN, "quota": "memory", **options}
    with (
        pytest.raises(errors.ConfigurationError) as raised,
        opened(AsyncSquadIQ if kind == "async" else SquadIQ, **given),
    ):
        pass
    assert SECRET not in everything_of(raised.value)
    return str(raised.value)


def everything_of(error: BaseException) -> str:
    shown = "".join(traceback.format_exception(error))
    return f"{error} {error!r} {error.args} {vars(error)} {shown.split('Error:', 1)[-1]}"


@contextmanager
def quietly() -> Generator[None]:
    """Nothing but an error of ours leaves the block, and it shows nothing."""
    try:
        yield
    except SquadIQError as error:
        shown = everything_of(error)
    else:
        return
    assert SECRET not in shown


SECONDS: list[Any] = ["5", None, math.nan, math.inf, -math.inf, True, 0, -1, 1e300, 10**400, b"5", [], 5j]
PORTS = ["https://x:" + "9" * 5000, "https://x:99999", "https://x:0", "https://x:-1", "https://x:y"]
WRONG: dict[str, list[Any]] = {
    "access_token": [b"token", 5, "", " ", "a b", "a\r\nb", "tök", "\ud800", ["x"], True],
    "base_url": [5, b"https://x", "", "x", "http://[x", "https://[x", "https://a..b", "https://" + "a" * 64, *PORTS],
    "campaign_id": [5, b"c", "", " ", ".", "..", "a\x00", "\ud800", "a" * 256, ["c"]],
    "timeout_seconds": SECONDS,
    "deadline_seconds": SECONDS,
    "quota_window_seconds": SECONDS,
    "max_wait_seconds": [value for value in SECONDS if value not in (None, 0) or value is False],
    "quota_reserve": ["4", -1, 1.5, math.nan, True, False, 10**400, 100],
    "max_attempts": ["4", None, 0, -1, 1.5, math.nan, True, 10**400],
    "max_response_bytes": ["4", None, 0, -1, 1.5, math.nan, True, 10**400],
    "quota_hits": ["4", None, 0, -1, 1.5, math.nan, True, 10**400],
    "repeat_creates": [None, 0, 1, "yes"],
    "normalise_phone_numbers": [None, 0, 1, "yes"],
    "retry_policy": [5, "decide", {}],
    "before_attempt": [5, "x", anyio.sleep],
    "after_attempt": [5, "x", anyio.sleep],
    "on_quota_wait": [5, "x", anyio.sleep],
    "headers": [5, "X: 1", None, [("X", "1")], {5: "1"}, {b"X": b"1"}, {"X": 1}, {"X": None}, {"": "1"}, {"X Y": "1"}],
    "insecure_hosts": [5, "mock.internal", b"x", [5], None],
    "quota": [5, [], object(), b"memory", "nowhere", ""],
    "quota_fallback": [5, "global", True],
    "quota_name": [5, "", " ", b"us", True],
    "proxy": [5, b"http://x", "", "://", "ftp://x", "socks4://x", "http://", "http://[x", "http://x:99999", "x:y"],
    "verify": [5, None, "ca.pem", 0, 1],
    "cert": [5, "", "/missing.pem", (), ("a", "b", "c", "d"), ("a", 5), ["a"], "a\x00b"],
    "duplicate_phone_numbers": [True, None, "", "Allow", 5, ["allow"]],
    "transport": [5, "stock", httpx.HTTPTransport, object()],
}


def wrong(names: Iterable[str]) -> list[Any]:
    """Each wrong value of some settings, under names that are the same in each process."""
    return [
        pytest.param(name, value, id=f"{name}-{number}")
        for name in WRONG
        if name in names
        for number, value in enumerate(WRONG[name])
    ]


def test_every_setting_is_tried() -> None:
    assert WRONG.keys() == {*SETTINGS, "access_token"}


@pytest.mark.parametrize(("name", "value"), wrong(WRONG))
def test_a_setting_that_is_wrong_is_named(kind: str, name: str, value: Any) -> None:
    said = refusal(kind, **{name: value})
    assert name in said or name.replace("_", " ") in said


@pytest.mark.parametrize(("name", "value"), wrong(CALL_SETTINGS))
def test_so_it_is_when_it_is_given_for_some_calls(kind: str, name: str, value: Any) -> None:
    with (
        open_both(kind, "https://api.squadiq.in", quota="memory") as both,
        pytest.raises(errors.ConfigurationError, match=name),
    ):
        both.client.with_options(**{name: value})


@pytest.mark.parametrize(
    "headers",
    [
        {"X-A": f"{SECRET}\r\nX-B: 1"},
        {"X-A": f"{SECRET}\n"},
        {"X-A": f"{SECRET}\x00"},
        {"X-A": f"{SECRET}é"},
        {"X-A": f"{SECRET}\ud800"},
        {"X-A": f" {SECRET}"},
        {f"X-A\r\n{SECRET}": "1"},
        {"Authorization": SECRET},
        {"accept-encoding": "br"},
        {"Content-Length": "5"},
        {"transfer-encoding": "chunked"},
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_and_not_shown(kind: str, headers: Any) -> None:
    said = refusal(kind, headers=headers).lower()
    assert "headers" in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SQUADIQ_ACCESS_TOKEN", f"{SECRET} x"),
        ("SQUADIQ_ACCESS_TOKEN", f"{SECRET}\udcff"),
        ("SQUADIQ_BASE_URL", f"http://user:{SECRET}@x"),
        ("SQUADIQ_BASE_URL", "http://10.0.0.1"),
        ("SQUADIQ_BASE_URL", "http://[x"),
        ("SQUADIQ_CAMPAIGN_ID", " "),
        ("SQUADIQ_CAMPAIGN_ID", "a\udcff"),
    ],
)
def test_a_variable_that_is_wrong_is_named(
    kind: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    said = refusal(kind, **({"access_token": None} if variable == "SQUADIQ_ACCESS_TOKEN" else {}))
    assert variable in said or variable.removeprefix("SQUADIQ_").lower() in said


@pytest.mark.parametrize(
    "url", ["https://@x", "https://x?", "https://x#", f"https://{SECRET}@x", f"https://x?k={SECRET}"]
)
def test_a_base_url_with_more_than_a_place_in_it_is_refused(kind: str, url: str) -> None:
    assert "base_url" in refusal(kind, base_url=url)


def test_a_host_is_allowed_in_any_case_but_not_in_part(kind: str) -> None:
    with open_both(kind, "http://mock.internal", insecure_hosts=("Mock.Internal",), quota="memory"):
        pass
    assert "insecure_hosts" in refusal(kind, base_url="http://mock", insecure_hosts=["mock.internal"])


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=20)
HIDING = st.sampled_from(
    [
        f"http://user:{SECRET}@host:1/",
        f"user:{SECRET}@host:3128",
        f"ftp://u:{SECRET}@h",
        f"http://u:{SECRET}@[x",
        f"https://u:{SECRET}@h:{'9' * 5000}",
        f"socks5://u:{SECRET}@h:1",
        f"redis://:{SECRET}@",
        f"{SECRET}\r\n",
        f"{SECRET} ",
        f"{SECRET}é",
        f"{SECRET}\ud800",
        f"{SECRET}".encode(),
        [SECRET],
        {"X-Key": f"{SECRET}\r\n"},
        {f"{SECRET} ": "x"},
        {"X-Key": SECRET.encode()},
        (SECRET, SECRET, SECRET),
    ]
)
ANYTHING = (
    SIMPLE | HIDING | st.lists(SIMPLE, max_size=3) | st.dictionaries(st.text(max_size=5) | SIMPLE, SIMPLE, max_size=3)
)


@pytest.mark.parametrize("client", [SquadIQ, AsyncSquadIQ])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given=st.dictionaries(
        st.sampled_from([name for name in SETTINGS if name not in ("quota", "transport")]), ANYTHING, max_size=3
    ),
    token=st.just(TOKEN) | ANYTHING,
)
def test_any_settings_make_a_client_or_an_error_of_ours(client: Client, given: dict[str, Any], token: Any) -> None:
    with quietly(), opened(client, token, quota="memory", **given) as made:
        assert SECRET not in f"{made!r} {vars(made)}"


@pytest.mark.parametrize("client", [SquadIQ, AsyncSquadIQ])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    given=st.dictionaries(st.sampled_from(CALL_SETTINGS), ANYTHING, max_size=3),
    campaign_id=ANYTHING,
    lead_type=ANYTHING,
)
def test_any_options_of_a_call_are_taken_or_an_error_of_ours(
    client: Client, given: dict[str, Any], campaign_id: Any, lead_type: Any
) -> None:
    with opened(client, TOKEN, quota="memory") as made:
        attempts: list[Callable[[], object]] = [
            lambda: made.with_options(**given),
            lambda: made.campaign(campaign_id),
            lambda: made.campaign("c", lead_type=lead_type),
        ]
        for attempt in attempts:
            with quietly():
                assert SECRET not in f"{vars(attempt())}" or isinstance(campaign_id, str)


TEXTS_OF_VARIABLES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30
) | HIDING.filter(lambda value: isinstance(value, str) and value.isprintable())


@pytest.mark.parametrize("client", [SquadIQ, AsyncSquadIQ])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    environment=st.dictionaries(
        st.sampled_from(
            [
                name
                for name in [*VARIABLES, *NETWORK_VARIABLES]
                if name not in ("SQUADIQ_QUOTA_URL", "sslkeylogfile", "SSLKEYLOGFILE")
            ]
        ),
        TEXTS_OF_VARIABLES,
        max_size=4,
    )
)
def test_any_environment_makes_a_client_or_an_error_of_ours(client: Client, environment: dict[str, str]) -> None:
    with mock.patch.dict(os.environ, environment), quietly(), opened(client, quota="memory") as made:
        assert SECRET not in f"{vars(made)}" or SECRET in environment.get("SQUADIQ_CAMPAIGN_ID", "")


# What is said where it cannot be used.


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"])
def test_a_file_of_the_environment_that_is_missing_is_named(
    kind: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/missing/file")
    assert variable in refusal(kind)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_certificate_file_that_is_none_is_named(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(path if content is not None else tmp_path))
    assert "SSL_CERT_FILE" in refusal(kind)
    assert "cert" in refusal(kind, verify=False, cert=str(path))


def test_a_directory_of_certificates_is_used(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with open_both(kind, "https://api.squadiq.in", quota="memory"):
        pass


def test_a_client_certificate_is_shown(kind: str, tmp_path: Path) -> None:
    authority: Any = trustme.CA()
    server_side, client_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    authority.configure_trust(server_side)
    authority.configure_trust(client_side)
    server_side.verify_mode = ssl.CERT_REQUIRED
    mine = authority.issue_cert("client@squadiq.test")
    chain, key, both_in_one = tmp_path / "chain.pem", tmp_path / "key.pem", tmp_path / "both.pem"
    mine.cert_chain_pems[0].write_to_path(chain)
    mine.private_key_pem.write_to_path(key)
    mine.private_key_and_cert_chain_pem.write_to_path(both_in_one)
    with acting_server(Reply(202)) as server:
        server.socket = server_side.wrap_socket(server.socket, server_side=True)
        url = server.url.replace("http:", "https:")
        for cert in (str(both_in_one), (str(chain), str(key)), (str(chain), str(key), "no password needed")):
            with open_both(kind, url, verify=client_side, cert=cert, quota="memory") as both:
                both.call("delete_lead", "u1")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    "value",
    [
        f"ftp://u:{SECRET}@h",
        f"http://u:{SECRET}@[x",
        f"socks5://u:{SECRET}@localhost:1",
        f"http://u:{SECRET}@h:99999",
        f"u:{SECRET}@:",
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_and_not_shown(
    kind: str, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    assert variable in refusal(kind)
    assert "proxy" in refusal(kind, proxy=value)


def test_a_proxy_without_a_scheme_speaks_http(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"insecure_hosts": ["squadiq.test"], "quota": "memory"}
    with acting_server(Reply(202)) as proxy:
        address = proxy.url.removeprefix("http://")
        with open_both(kind, "http://squadiq.test", proxy=address, **options) as both:
            both.call("delete_lead", "u1")
        monkeypatch.setenv("http_proxy", f"user:{SECRET}@{address}")
        with open_both(kind, "http://squadiq.test", **options) as both:
            both.call("delete_lead", "u1")
    assert [seen.target for seen in proxy.seen] == ["http://squadiq.test/api/v4/leads/delete/campaign-1/"] * 2
    assert proxy.seen[1].headers["proxy-authorization"].startswith("Basic ")


THIS_MACHINE = ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "localhost.", "api.localhost", "127.1", "0x7f.1"]
THIS_MACHINE.extend(
    [
        "2130706433",
        "0.0.0.0",
        "::1",
        "[::1]",
        "::",
        "::ffff:127.0.0.1",
        "[::FFFF:7f00:1]",
        "0:0:0:0:0:0:0:1",
    ]
)
ELSEWHERE = [
    "api.squadiq.in",
    "localhost.squadiq.in",
    "notlocalhost",
    "10.0.0.1",
    "128.0.0.1",
    "::2",
    "::ffff:10.0.0.1",
]
ELSEWHERE.extend(["127.0.0.1.example", "face", "1.2.3.4.5", "1.127", "", "127.0.0.1 x", "\0"])


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_this_machine_is_known_however_it_is_written(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_other_machines_are_not_taken_for_this_one(host: str) -> None:
    assert not is_this_machine(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LocalHost", "127.1"])
@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_nothing_for_this_machine_goes_through_the_proxy_of_the_environment(
    kind: str, monkeypatch: pytest.MonkeyPatch, variable: str, host: str
) -> None:
    with acting_server(Reply(202)) as proxy, acting_server(Reply(202)) as server:
        monkeypatch.setenv(variable, proxy.url)
        with open_both(kind, server.url.replace("127.0.0.1", host), quota="memory") as both:
            both.call("delete_lead", "u1")
        assert (len(server.seen), len(proxy.seen)) == (1, 0)
        with open_both(kind, server.url, proxy=proxy.url, quota="memory") as both:
            both.call("delete_lead", "u1")  # who names a proxy means it
        assert (len(server.seen), len(proxy.seen)) == (1, 1)


def test_a_host_with_a_port_can_be_left_out_of_the_proxy(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {"insecure_hosts": ["squadiq.test"], "quota": "memory", "max_attempts": 1}
    with acting_server(Reply(202)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "squadiq.test:8080")
        with open_both(kind, "http://squadiq.test:8080", **options) as both:
            failing(both, "delete_lead", "u1")
        assert proxy.seen == []
        with open_both(kind, "http://squadiq.test:8081", **options) as both:
            both.call("delete_lead", "u1")


# What a setting does.


def test_the_default_address_is_that_of_the_api_documentation() -> None:
    assert config.BASE_URL == "https://api.squadiq.in"
    assert repr(SquadIQ(TOKEN, quota="memory")) == "SquadIQ('https://api.squadiq.in')"


def test_leads_are_not_created_twice_when_that_is_off(kind: str) -> None:
    with acting_server(Reply(500)) as server:
        with open_both(kind, server.url, repeat_creates=False, quota="memory") as both:
            error = failing(both, "create_leads", [LEAD])
            assert isinstance(error, errors.OutcomeUnknownError)
            assert len(server.seen) == 1
        with open_both(kind, server.url, quota="memory", retry_policy=None, max_attempts=2) as both:
            failing(both, "create_leads", [LEAD])
            assert len(server.seen) == 3
            failing(both, "create_leads", [LEAD], client=both.client.with_options(repeat_creates=False))
            assert len(server.seen) == 4


@pytest.mark.parametrize("attempts", [1, 2, 2000])
def test_any_number_of_attempts_can_be_counted(attempts: int) -> None:
    from squadiq.retry import RetryRules, decide

    situation = RetryState("getLeads", attempts, AttemptOutcome.UNKNOWN, 500, None, 0.0, 1000.0)
    decision = decide(situation, RetryRules(max_attempts=10_000), 1.0)
    assert isinstance(decision, Retry)
    assert decision.after_seconds == {1: 0.5, 2: 1.0, 2000: 30.0}[attempts]


@pytest.mark.parametrize("hook", ["before_attempt", "after_attempt"])
def test_a_hook_that_raises_does_not_cost_the_call(kind: str, hook: str, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: Any) -> None:
        raise ValueError(SECRET)

    with acting_server(Reply(201)) as server:
        options: dict[str, Any] = {hook: fail, "quota": "memory"}
        with open_both(kind, server.url, **options) as both:
            assert len(both.call("create_leads", [LEAD])) == 1
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told == [f"createLeads: {hook} raised ValueError; the call goes on"]


def raising(_: RetryState) -> Retry:
    raise ValueError("own")


NONSENSE: list[Any] = [None, 5, "stop", Retry, Retry(math.nan), Retry(-1), Retry("5")]  # type: ignore[arg-type]


def returning(made: Any) -> Callable[[RetryState], Any]:
    return lambda _: made


@pytest.mark.parametrize("policy", [raising, *map(returning, NONSENSE)])
def test_a_policy_that_makes_no_sense_is_named_and_hides_nothing(kind: str, policy: Callable[..., Any]) -> None:
    with acting_server(Reply(500)) as server, open_both(kind, server.url, retry_policy=policy, quota="memory") as both:
        error = failing(both, "create_leads", [LEAD])
        assert len(server.seen) == 1
        assert both.client.quota.snapshot().in_flight == 0
    assert isinstance(error, errors.ConfigurationError)
    assert "retry_policy" in str(error)
    assert "answered with 500" in str(error)
    assert error.outcome_unknown
    assert error.__cause__ is not None


def test_a_policy_that_waits_for_ever_gives_up(kind: str) -> None:
    with (
        acting_server(Reply(500)) as server,
        open_both(kind, server.url, retry_policy=returning(Retry(math.inf)), quota="memory") as both,
    ):
        assert isinstance(failing(both, "delete_lead", "u1"), errors.InternalServerError)
    with (
        acting_server(Reply(500)) as server,
        open_both(kind, server.url, retry_policy=returning(GiveUp("no")), quota="memory") as both,
    ):
        assert isinstance(failing(both, "delete_lead", "u1"), errors.InternalServerError)


def test_nothing_that_is_sent_shows_in_a_repr() -> None:
    call = Call("createLeads", CallPolicy())
    exchange = Exchange(
        call,
        "host",
        b'[{"phone_number": "+919876543210"}]',
        MemoryStore(1, 1.0),
        now=float,
        utcnow=datetime.now,
        jitter=float,
    )
    network = config.network_from(httpx.URL("http://h"), {"proxy": f"http://u:{SECRET}@h"})
    client = SquadIQ(SECRET, headers={"X-Key": SECRET}, quota="memory", retry_policy=returning(GiveUp("")))
    made = [exchange, call, network, client, vars(client), *vars(client).values()]
    shown = " ".join(f"{one!r} {one}" for one in made)
    assert SECRET not in shown
    assert "98765" not in shown
    assert all(dataclasses.is_dataclass(one) for one in (exchange, call, network))
    client.close()


def test_a_type_of_lead_has_to_be_one() -> None:
    class Other(Lead):
        plan: str = "Lite"

    with SquadIQ(TOKEN, quota="memory") as client:
        client.campaign("c", lead_type=Other)
        wrong: Any
        for wrong in (5, dict, Other(lead_id="u1", phone_number="9876543210", contact_name="A"), None):
            with pytest.raises(errors.ConfigurationError, match="lead_type"):
                client.campaign("c", lead_type=wrong)


def test_options_of_another_type_are_no_settings() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"transport= must be an .*AsyncBaseTransport"):
        AsyncSquadIQ(TOKEN, transport=httpx.HTTPTransport(), quota="memory")
    with pytest.raises(errors.ConfigurationError, match=r"transport= must be an .*BaseTransport"):
        SquadIQ(TOKEN, transport=httpx.AsyncHTTPTransport(), quota="memory")
    with Both("sync", TOKEN, quota=MemoryStore(1, 1.0)) as both:
        assert isinstance(both.client.quota, MemoryStore)
