"""Who may deliver: secrets, and networks behind proxies that can be trusted."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from squadiq.errors import ConfigurationError
from squadiq.webhooks import BasicCredentials, Callers, HeaderSecret, Secret, UrlSecret, WebhookRequest

SECRET = "s3cret-of-the-two"


def request(path: str = "/hooks", client: str | None = "192.0.2.1", **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", path, {name.replace("_", "-"): value for name, value in headers.items()}, client)


def basic(credentials: str | bytes) -> str:
    raw = credentials if isinstance(credentials, bytes) else credentials.encode()
    return f"Basic {base64.b64encode(raw).decode()}"


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (UrlSecret(SECRET), request(f"/hooks/{SECRET}")),
        (UrlSecret(SECRET), request(f"/{SECRET}/")),
        (HeaderSecret("X-Webhook-Secret", SECRET), request(x_webhook_secret=SECRET)),
        (HeaderSecret("Authorization", "Bearer s3cret"), request(authorization="Bearer s3cret")),
        (BasicCredentials("squadiq", "पासवर्ड"), request(authorization=basic("squadiq:पासवर्ड"))),
        (BasicCredentials("squadiq", SECRET), request(authorization=basic(f"squadiq:{SECRET}"))),
        (BasicCredentials("", "with:colon"), request(authorization=basic(":with:colon").replace("Basic", "bASIC"))),
    ],
)
def test_a_caller_with_the_secret_is_admitted(secret: Secret, shown: WebhookRequest) -> None:
    assert Callers(secrets=[secret]).admit(shown)


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (UrlSecret(SECRET), request("/hooks/")),
        (UrlSecret(SECRET), request(f"/{SECRET}/hooks")),
        (UrlSecret(SECRET), request(f"/hooks/{SECRET}x")),
        (HeaderSecret("X-Webhook-Secret", SECRET), request()),
        (HeaderSecret("X-Webhook-Secret", SECRET), request(x_webhook_secret=f"{SECRET},{SECRET}")),
        (HeaderSecret("X-Webhook-Secret", SECRET), request(x_webhook_secret="\N{SNOWMAN}")),
        (BasicCredentials("squadiq", SECRET), request(authorization=basic("squadiq:wrong"))),
        (
            BasicCredentials("squadiq", SECRET),
            request(authorization=basic(f"squadiq:{SECRET}").replace("Basic", "Bearer")),
        ),
        (BasicCredentials("squadiq", SECRET), request(authorization="Basic ???")),
        (BasicCredentials("squadiq", SECRET), request(authorization="Basic é")),
        (BasicCredentials("squadiq", SECRET), request(authorization="Basic")),
        (BasicCredentials("squadiq", SECRET), request(authorization=basic(b"\xff\xfe"))),
    ],
)
def test_a_caller_without_the_secret_is_not_admitted(secret: Secret, shown: WebhookRequest) -> None:
    assert not Callers(secrets=[secret]).admit(shown)


def test_the_old_and_the_new_secret_are_good_while_one_is_changed() -> None:
    callers = Callers(secrets=[HeaderSecret("X-New", "newest"), HeaderSecret("X-Old", "newer"), UrlSecret("older")])
    assert callers.admit(request(x_new="newest"))
    assert callers.admit(request(x_old="newer"))
    assert callers.admit(request("/older"))
    assert not callers.admit(request(x_new="newer"))


def test_every_secret_is_compared_whichever_matches() -> None:
    compared: list[str] = []

    class Watched(UrlSecret):
        def matches(self, request: WebhookRequest) -> bool:
            compared.append(self.secret)
            return UrlSecret.matches(self, request)

    assert Callers(secrets=[Watched("aaaa"), Watched("bbbb"), Watched("cccc")]).admit(request("/aaaa"))
    assert compared == ["aaaa", "bbbb", "cccc"]


PROXY = "10.0.0.2"


@pytest.mark.parametrize(
    ("client", "forwarded", "admitted"),
    [
        ("203.0.113.9", "", True),
        ("198.51.100.1", "", False),
        ("198.51.100.1", "203.0.113.9", False),  # says so itself, and is no proxy of ours
        ("203.0.113.9", "198.51.100.1", True),
        (PROXY, "203.0.113.9", True),
        (PROXY, "198.51.100.1", False),
        (PROXY, "203.0.113.9, 198.51.100.1", False),  # the caller invented the first
        (PROXY, "198.51.100.1, 203.0.113.9", True),
        (PROXY, "203.0.113.9, 10.0.0.3", True),  # two proxies of ours
        (PROXY, "203.0.113.9, nonsense, 10.0.0.3", False),
        (PROXY, "", False),
        (PROXY, " , ,", False),
        (PROXY, "203.0.113.9:4711", True),
        (PROXY, "198.51.100.1,203.0.113.9", False),  # two headers, of which the caller may have sent one
        (PROXY, "203.0.113.9,198.51.100.1", False),
        (PROXY, "203.0.113.9,", False),
        (PROXY, ",203.0.113.9", False),
        (PROXY, "198.51.100.1, 203.0.113.9,203.0.113.9, 10.0.0.3", False),
        ("203.0.113.9", "198.51.100.1,198.51.100.1", True),  # no proxy of ours: what it says does not matter
        ("::ffff:10.0.0.2", "[2001:db8::7]:4711", True),
        ("::ffff:203.0.113.9", "", True),
        ("2001:db8::7%eth0", "", True),
        (None, "203.0.113.9", False),
        ("", "203.0.113.9", False),
        ("testclient", "203.0.113.9", False),
    ],
)
def test_networks_are_checked_behind_trusted_proxies_only(client: str | None, forwarded: str, admitted: bool) -> None:
    callers = Callers(networks=["203.0.113.0/24", "2001:db8::/64"], trusted_proxies=["10.0.0.0/8"])
    assert callers.admit(request(client=client, x_forwarded_for=forwarded)) is admitted


@pytest.mark.parametrize(("forwarded", "admitted"), [("203.0.113.9", True), ("198.51.100.1", False), ("", False)])
def test_a_proxy_on_a_unix_socket_can_be_trusted(forwarded: str, admitted: bool) -> None:
    callers = Callers(networks=["203.0.113.9"], trusted_proxies=["unix"])
    assert callers.admit(request(client=None, x_forwarded_for=forwarded)) is admitted


def test_secret_and_network_are_both_needed_where_both_are_given() -> None:
    callers = Callers(secrets=[UrlSecret(SECRET)], networks=["192.0.2.0/24"])
    assert callers.admit(request(f"/{SECRET}"))
    assert not callers.admit(request("/"))
    assert not callers.admit(request(f"/{SECRET}", client="198.51.100.1"))


def test_without_secrets_and_networks_everybody_is_admitted() -> None:
    assert Callers().anyone
    assert Callers(trusted_proxies=["10.0.0.0/8"]).anyone
    assert Callers().admit(request(client=None))
    assert not Callers(networks=["192.0.2.1"]).anyone


def test_no_repr_shows_a_secret() -> None:
    secrets: list[Secret] = [UrlSecret(SECRET), HeaderSecret("X-S", SECRET), BasicCredentials("squadiq", SECRET)]
    shown = repr([secrets, Callers(secrets=secrets), request(f"/{SECRET}", authorization=SECRET)])
    assert SECRET not in shown
    assert "Callers(secrets=3, networks=0)" in shown


def test_settings_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="name"):
        HeaderSecret("X S", SECRET)
    with pytest.raises(ConfigurationError, match="name"):
        HeaderSecret(5, SECRET)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="colon"):
        BasicCredentials("squad:iq", SECRET)
    with pytest.raises(ConfigurationError, match="control"):
        BasicCredentials("squad\niq", SECRET)
    with pytest.raises(ConfigurationError, match=r"networks.*203\.0\.113\.0/24"):
        Callers(networks=["example.com"])
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        Callers(trusted_proxies=["10.0.0.1/8"])
    with pytest.raises(ConfigurationError, match="list"):
        Callers(networks="203.0.113.0/24")
    wrong: Any
    for wrong in (["example.com"], [5], 5, None, "203.0.113.0/24", b"203.0.113.0/24", ["203.0.113.1/24"]):
        with pytest.raises(ConfigurationError, match="networks"):
            Callers(networks=wrong)
        with pytest.raises(ConfigurationError, match="trusted_proxies"):
            Callers(trusted_proxies=wrong)
    for wrong in (SECRET, [SECRET], [5], 5, None, [HeaderSecret], {"X-S": SECRET}):
        with pytest.raises(ConfigurationError, match="secrets") as caught:
            Callers(secrets=wrong)
        assert SECRET not in str(caught.value)


NO_SECRETS: list[Any] = ["", "    ", "\t\t\t\t", "abc", "\n", None, 5, b"s3cret-of-the-two", [SECRET]]
_ENDS = ("\n", "\r\nX-Other: 1", " ", "\0")
NO_HEADERS = [*(f"{SECRET}{end}" for end in _ENDS), f"\n{SECRET}", f" {SECRET}", "पासवर्ड"]
NO_PATHS = ["with/slash", "with blank", "übung", f"{SECRET}\n"]
NO_PASSWORDS = [f"{SECRET}\n", f"{SECRET}\0", "\u00a0" * 8]


@pytest.mark.parametrize(
    ("kind", "make", "secret"),
    [("HeaderSecret", partial(HeaderSecret, "X-S"), secret) for secret in NO_SECRETS + NO_HEADERS]
    + [("UrlSecret", UrlSecret, secret) for secret in NO_SECRETS + NO_PATHS]
    + [("BasicCredentials", partial(BasicCredentials, "squadiq"), secret) for secret in NO_SECRETS + NO_PASSWORDS],
)
def test_an_unusable_secret_is_refused_by_the_name_of_its_setting(
    kind: str, make: Callable[[Any], Secret], secret: Any
) -> None:
    with pytest.raises(ConfigurationError, match=kind) as caught:
        make(secret)
    assert SECRET not in str(caught.value)
