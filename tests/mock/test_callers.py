"""The helper endpoints answer programs that mean this machine, and no page of another site in a browser."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from squadiq.mock.callers import refusal_of_caller
from squadiq.mock.server import RunningMock, base_url, bound_socket, running_mock
from squadiq.mock.settings import MockSettings, SettingError
from tests.mock.test_command import create, started

HERE = [
    "localhost",
    "localhost:8765",
    "localhost:",
    "LocalHost:1",
    "localhost.",
    "127.0.0.1",
    "127.0.0.1:65535",
    "127.9.9.9:80",
    "[::1]",
    "[::1]:8765",
    "[0:0:0:0:0:0:0:1]",
]
ELSEWHERE = [
    "evil.test",
    "evil.test:8765",
    "localhost.evil.test",
    "127.0.0.1.evil.test",
    "evil.test#localhost",
    "localhost@evil.test",
    "localhost:80@evil.test",
    "localhost:80:80",
    "localhost:x",
    "localhost/",
    "localhost, evil.test",
    "localhost..",
    "0.0.0.0",
    "127.1",
    "2130706433",
    "0x7f.0.0.1",
    "127.0.0.1x",
    "[::]",
    "[::ffff:127.0.0.1]",
    "::1",
    "[::1",
    "[evil.test]",
    "10.0.0.1",
    "mock",
    "",
    " ",
    "\u00a0localhost",
]
HELPERS = ["/_mock/campaigns/c1", "/_mock/deliveries", "/_mock/nothing"]


@pytest.fixture(scope="module")
def running() -> Generator[RunningMock]:
    with running_mock(rate=0, allow_hosts=("Mock.Internal", "10.1.2.3", "[FD00::1]")) as running:
        yield running


def asked(running: RunningMock, path: str, *headers: tuple[str, str], method: str = "GET") -> tuple[int, str]:
    """Ask with these headers and no others."""
    url = urlsplit(running.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value.encode("latin-1"))
    connection.endheaders()
    response = connection.getresponse()
    body = response.read().decode()
    connection.close()
    return response.status, body


@pytest.mark.parametrize("host", [*HERE, "mock.internal:8765", "MOCK.INTERNAL.", "10.1.2.3", "[fd00:0::1]:80"])
def test_a_host_of_this_machine_or_an_allowed_one_may_ask(running: RunningMock, host: str) -> None:
    assert asked(running, HELPERS[0], ("Host", host))[0] == 200


@pytest.mark.parametrize("path", HELPERS)
@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_host_of_another_machine_is_refused_and_told_how_to_allow_it(
    running: RunningMock, path: str, host: str
) -> None:
    status, body = asked(running, path, ("Host", host))
    assert status == 403
    assert "--allow-host" in json.loads(body)["detail"]


def test_more_than_one_host_is_refused(running: RunningMock) -> None:
    status, _ = asked(running, HELPERS[0], ("Host", "localhost"), ("Host", "localhost"))
    assert status in (400, 403)


def test_old_http_without_a_host_is_refused(running: RunningMock) -> None:
    assert asked(running, HELPERS[0])[0] in (400, 403)


@pytest.mark.parametrize(
    "origin", ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:80", "HTTP://mock.internal"]
)
def test_a_page_of_this_machine_may_ask(running: RunningMock, origin: str) -> None:
    assert asked(running, HELPERS[0], ("Host", "localhost"), ("Origin", origin))[0] == 200


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "localhost",
        "http://",
        "http://evil.test",
        "http://evil.test:8765",
        "http://localhost.evil.test",
        "http://localhost/path",
        "http://localhost http://evil.test",
        "file://localhost",
        "chrome-extension://localhost",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_another_site_is_refused_though_its_host_is_ours(
    running: RunningMock, origin: str, method: str
) -> None:
    before = running.core.clock.now()
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    response = httpx.request(method, f"{running.url}/_mock/advance", headers=headers, content=b'{"seconds": 9999}')
    assert response.status_code == 403
    assert "--allow-host" in response.json()["detail"]
    assert running.core.clock.now() - before < 9999


def test_more_than_one_origin_is_refused(running: RunningMock) -> None:
    origins = [("Origin", "http://localhost"), ("Origin", "http://localhost")]
    assert asked(running, HELPERS[0], ("Host", "localhost"), *origins)[0] == 403


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("same-site", 200), ("none", 200), ("cross-site", 403), ("", 403), ("Cross-Site", 403)],
)
def test_what_a_browser_says_of_the_site_is_believed(running: RunningMock, site: str, status: int) -> None:
    assert asked(running, HELPERS[0], ("Host", "localhost"), ("Sec-Fetch-Site", site))[0] == status


def test_nothing_is_waited_for_by_who_may_not_ask(running: RunningMock) -> None:
    query = "?wait_for=1&timeout_seconds=600"
    assert asked(running, f"/_mock/deliveries{query}", ("Host", "evil.test"))[0] == 403


def test_the_api_itself_asks_for_the_token_and_for_nothing_else(running: RunningMock) -> None:
    headers = {"Host": "evil.test", "Origin": "http://evil.test", "Authorization": f"Bearer {running.token}"}
    url = f"{running.url}/api/v4/leads/responses/c1/"
    assert httpx.get(url, headers=headers).status_code == 200
    assert httpx.get(url, headers={**headers, "Authorization": ""}).status_code == 401


@given(
    st.text(max_size=30) | st.sampled_from(HERE + ELSEWHERE).flatmap(lambda host: st.text(max_size=3).map(host.__add__))
)
def test_any_host_at_all_is_judged_and_only_ours_pass(host: str) -> None:
    why = refusal_of_caller([(b"host", host.encode("utf-8", "replace"))], frozenset())
    if not why:
        name = host.strip().lower()
        assert name.startswith(("localhost", "127.", "[::1]", "[0:0:0:0:0:0:0:1]"))


@pytest.mark.parametrize(
    "name", ["", "a b", "http://mock", "mock:8765", "*", "*.test", "a..b", "mock/", "[fd00::1]:80"]
)
def test_a_name_that_is_no_host_is_refused_by_the_name_of_its_setting(name: str) -> None:
    with pytest.raises(SettingError, match="allow_hosts"):
        MockSettings(allow_hosts=(name,))


@pytest.mark.parametrize("by", ["option", "environment"])
def test_the_command_takes_hosts_from_options_and_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    if by == "environment":
        monkeypatch.setenv("SQUADIQ_MOCK_ALLOW_HOST", "mock, other.internal")
    options = ["--allow-host", "mock", "--allow-host", "other.internal"] if by == "option" else []
    with started(*options) as mock:
        for host, status in (("mock:8765", 200), ("other.internal", 200), ("third", 403)):
            assert httpx.get(f"{mock.url}/_mock/campaigns/c1", headers={"Host": host}).status_code == status


def test_a_mock_on_every_address_is_shown_by_that_of_this_machine() -> None:
    for host, shown in (("0.0.0.0", "http://127.0.0.1"), ("::", "http://[::1]")):
        with bound_socket(host, 0) as listening:
            assert base_url(listening) == f"{shown}:{listening.getsockname()[1]}"


SECRET = "s3cret-of-nobody"


def test_a_token_comes_from_the_environment_and_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_MOCK_TOKEN", f"{SECRET}\nsecond\n")
    with started() as mock:
        assert mock.lines[1] == "Access token: that of SQUADIQ_MOCK_TOKEN"
        assert SECRET not in "\n".join(mock.lines)
        assert [create(mock.url, name, name) for name in (SECRET, "test_token")] == [201, 401]
        assert httpx.get(
            f"{mock.url}/api/v4/leads/responses/c2/", headers={"Authorization": "Bearer second"}
        ).is_success


@pytest.mark.parametrize("by", ["option", "environment"])
def test_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, by: str) -> None:
    tokens, headers = tmp_path / "tokens", tmp_path / "headers"
    tokens.write_text(f"\r\n {SECRET} \r\n\r\n")
    headers.write_text(f"X-Webhook-Secret: {SECRET}\n")
    options = ["--webhook-url", "http://127.0.0.1:9"]
    if by == "environment":
        monkeypatch.setenv("SQUADIQ_MOCK_TOKEN_FILE", str(tokens))
        monkeypatch.setenv("SQUADIQ_MOCK_WEBHOOK_HEADER_FILE", str(headers))
    else:
        options += ["--token-file", str(tokens), "--webhook-header-file", str(headers)]
    with started(*options) as mock:
        assert SECRET not in "\n".join(mock.lines)
        assert create(mock.url, "a", SECRET) == 201
        command_line = Path(f"/proc/{mock.process.pid}/cmdline")
        assert not command_line.exists() or SECRET not in command_line.read_text()


def test_an_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQUADIQ_MOCK_TOKEN", SECRET)
    with started("--token", "one") as mock:
        assert mock.lines[1] == "Access token: one"
        assert [create(mock.url, "a", token) for token in ("one", SECRET)] == [201, 401]


@pytest.mark.parametrize(
    ("variables", "options", "words"),
    [
        ({"SQUADIQ_MOCK_TOKEN": ""}, [], "SQUADIQ_MOCK_TOKEN: there is nothing in it"),
        ({"SQUADIQ_MOCK_TOKEN": " \n "}, [], "SQUADIQ_MOCK_TOKEN: there is nothing in it"),
        ({"SQUADIQ_MOCK_TOKEN": f"{SECRET} with blanks"}, [], "tokens: give at least one"),
        ({"SQUADIQ_MOCK_TOKEN_FILE": SECRET}, [], "SQUADIQ_MOCK_TOKEN_FILE: the file cannot be read"),
        ({"SQUADIQ_MOCK_TOKEN_FILE": "/"}, [], "SQUADIQ_MOCK_TOKEN_FILE: the file cannot be read"),
        ({"SQUADIQ_MOCK_TOKEN_FILE": os.devnull}, [], "SQUADIQ_MOCK_TOKEN_FILE: there is nothing in it"),
        ({"SQUADIQ_MOCK_TOKEN_FILE": "/dev/zero"}, [], "SQUADIQ_MOCK_TOKEN_FILE: the file has more than"),
        ({"SQUADIQ_MOCK_TOKEN_FILE": sys.executable}, [], "SQUADIQ_MOCK_TOKEN_FILE: the file"),
        ({}, ["--token-file", SECRET], "--token-file: the file cannot be read"),
        ({}, ["--webhook-header-file", SECRET], "--webhook-header-file: the file cannot be read"),
        ({"SQUADIQ_MOCK_WEBHOOK_HEADER": SECRET}, [], "SQUADIQ_MOCK_WEBHOOK_HEADER: give a header as 'Name: value'"),
        ({}, ["--webhook-header", SECRET], "--webhook-header: give a header as 'Name: value'"),
        ({"SQUADIQ_MOCK_WEBHOOK_URL": SECRET}, [], "webhook_url: give an http:// or https:// URL"),
        ({"SQUADIQ_MOCK_ALLOW_HOST": "http://mock"}, [], "allow_hosts: give names"),
    ],
)
def test_a_wrong_setting_is_named_and_never_shown(variables: dict[str, str], options: list[str], words: str) -> None:
    environment = {**os.environ, "COLUMNS": "300", **variables}
    command = [sys.executable, "-m", "squadiq", "mock", "--port", "0", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert done.returncode == 2
    assert words in done.stderr
    assert SECRET not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    command = [sys.executable, "-m", "squadiq", "mock", "--port", "0", "--token-file", str(tmp_path / "token")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ, "COLUMNS": "300"})
    assert (done.returncode, "--token-file: the file is not UTF-8" in done.stderr) == (2, True)
