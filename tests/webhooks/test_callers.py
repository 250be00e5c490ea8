"""Who may deliver: secrets, and networks behind proxies that can be trusted."""

from __future__ import annotations

import base64

import pytest

from squadiq.errors import ConfigurationError
from squadiq.webhooks import BasicCredentials, Callers, HeaderSecret, Request, Secret, UrlSecret

SECRET = "s3cret-of-the-two"


def request(path: str = "/hooks", client: str | None = "192.0.2.1", **headers: str) -> Request:
    return Request("POST", path, {name.replace("_", "-"): value for name, value in headers.items()}, client)


def basic(credentials: str | bytes) -> str:
    raw = credentials if isinstance(credentials, bytes) else credentials.encode()
    return f"Basic {base64.b64encode(raw).decode()}"


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (UrlSecret(SECRET), request(f"/hooks/{SECRET}")),
        (UrlSecret(SECRET), request(f"/{SECRET}/")),
        (HeaderSecret("X-Webhook-Secret", SECRET), request(x_webhook_secret=SECRET)),
        (HeaderSecret("X-Webhook-Secret", "पासवर्ड"), request(x_webhook_secret="पासवर्ड".encode().decode("latin-1"))),
        (BasicCredentials("squadiq", SECRET), request(authorization=basic(f"squadiq:{SECRET}"))),
        (BasicCredentials("", "with:colon"), request(authorization=basic(":with:colon").replace("Basic", "bASIC"))),
    ],
)
def test_a_caller_with_the_secret_is_admitted(secret: Secret, shown: Request) -> None:
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
def test_a_caller_without_the_secret_is_not_admitted(secret: Secret, shown: Request) -> None:
    assert not Callers(secrets=[secret]).admit(shown)


def test_the_old_and_the_new_secret_are_good_while_one_is_changed() -> None:
    callers = Callers(secrets=[HeaderSecret("X-New", "new"), HeaderSecret("X-Old", "old"), UrlSecret("older")])
    assert callers.admit(request(x_new="new"))
    assert callers.admit(request(x_old="old"))
    assert callers.admit(request("/older"))
    assert not callers.admit(request(x_new="old"))


def test_every_secret_is_compared_whichever_matches() -> None:
    compared: list[str] = []

    class Watched(UrlSecret):
        def matches(self, request: Request) -> bool:
            compared.append(self.secret)
            return UrlSecret.matches(self, request)

    assert Callers(secrets=[Watched("a"), Watched("b"), Watched("c")]).admit(request("/a"))
    assert compared == ["a", "b", "c"]


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
    for secret in ("", "with/slash", "with blank", "ü"):
        with pytest.raises(ConfigurationError, match="UrlSecret"):
            UrlSecret(secret)
    with pytest.raises(ConfigurationError, match="empty"):
        HeaderSecret("X-S", "")
    with pytest.raises(ConfigurationError, match="name"):
        HeaderSecret("X S", "s")
    with pytest.raises(ConfigurationError, match="empty"):
        BasicCredentials("squadiq", "")
    with pytest.raises(ConfigurationError, match="colon"):
        BasicCredentials("squad:iq", "s")
    with pytest.raises(ConfigurationError, match=r"networks.*203\.0\.113\.0/24"):
        Callers(networks=["example.com"])
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        Callers(trusted_proxies=["10.0.0.1/8"])
    with pytest.raises(ConfigurationError, match="list"):
        Callers(networks="203.0.113.0/24")
