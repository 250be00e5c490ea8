"""The page in a real browser: Debian's Chromium, driven by playwright."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pictures
import pytest
from playwright.sync_api import Browser, Page, expect

from squadiq import SquadIQ
from squadiq.inbox import Inbox
from squadiq.mock.server import RunningMock, running_mock
from squadiq.webhooks import WsgiWebhook
from tests.page.looking import create, lead
from tests.webhooks.serving import serving

pytestmark = pytest.mark.unmeasured
expect.set_options(timeout=30_000)  # nothing here is judged by how fast a machine is
SCRIPT = "<script>document.title = 'taken over'</script>"
BEYOND = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
IS_LIGHT = "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/)[0] > 128"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """One for the module, and not longer: while playwright runs, no other test can run a loop in its thread."""
    if pictures.CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    with pictures.chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Generator[Open]:
    """Opens pages; at the end none of them asked another address, or found a mistake."""
    asked: list[str] = []
    mistakes: list[str] = []
    with ExitStack() as stack:

        def opened(mock: RunningMock, path: str = "/", **options: Any) -> Page:
            context = browser.new_context(**options)
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(30_000)
            page.on("request", lambda request: asked.append(request.url.removeprefix(mock.url)))
            page.on("pageerror", lambda error: mistakes.append(str(error)))
            page.on("console", lambda message: mistakes.append(f"{message.text} {message.location}"))
            page.goto(mock.url + path)
            return page

        yield opened
    assert [url for url in asked if not url.startswith("/")] == []
    assert mistakes == []


@pytest.fixture
def mock() -> Generator[RunningMock]:
    with running_mock(rate=100, process_after_seconds=3000) as running:
        yield running


def test_ten_leads_are_seen_from_their_creation_to_their_delivery(open_page: Open, tmp_path: Path) -> None:
    with (
        Inbox(tmp_path / "inbox.sqlite3") as inbox,
        serving("wsgi", WsgiWebhook(inbox)) as port,
        running_mock(process_after_seconds=3000, webhook_url=f"http://127.0.0.1:{port}/") as mock,
        SquadIQ(access_token=mock.token, base_url=mock.url, quota="memory") as client,
    ):
        page = open_page(mock)
        page.evaluate("window.stayed = true")
        campaign = client.campaign("diwali")
        campaign.create_leads([lead(f"u{number}", phone_number=f"98765432{number:02}") for number in range(10)])
        row = page.locator("#campaign-1")
        expect(row).to_contain_text("diwali")
        expect(page.locator("#quota")).to_contain_text("1 of 100 hits")
        expect(row.get_by_role("img")).to_have_attribute("aria-label", "0 of 10 leads processed, 0 called")
        page.get_by_role("button", name="1 hour").click()
        expect(row.get_by_role("img")).to_have_attribute("aria-label", "10 of 10 leads processed, 10 called")
        expect(page.locator("#deliveries .badge.good")).to_have_count(8)
        assert page.evaluate("window.stayed")

        page.get_by_role("link", name="Latest deliveries").click()
        page.locator("#delivery-1").get_by_role("link").click()
        attempts = page.locator(".attempts tbody tr")
        expect(attempts).to_have_count(1)
        expect(attempts).to_contain_text("201")
        page.get_by_role("button", name="Send delivery 1 again").click()
        expect(attempts).to_have_count(2)

        page.get_by_role("link", name="Overview").click()
        page.get_by_label("What").select_option("503")
        page.get_by_label("Where").select_option("getLeads")
        page.get_by_role("button", name="Plant").click()
        expect(page.locator(".faults")).to_contain_text("getLeads, 1 more")
        assert len(list(campaign.get_leads())) == 10
        expect(page.locator("#faults")).to_contain_text("503 × 1")
        expect(page.locator("#calls .badge").nth(1)).to_have_text("503")
        expect(page.locator("#calls .badge").nth(0)).to_have_text("200")


def test_a_lead_is_masked_until_one_asks_and_its_name_is_never_run(open_page: Open, mock: RunningMock) -> None:
    create(mock, SCRIPT, "u2", contact_name=SCRIPT, plan=SCRIPT)
    page = open_page(mock)
    page.locator("#campaign-1").get_by_role("link").click()
    row = page.locator("#lead-1")
    expect(row).to_contain_text(SCRIPT)
    expect(row).to_contain_text("••••••10")
    row.get_by_role("link").click()
    expect(page.locator("main")).not_to_contain_text("+919876543210")
    page.get_by_role("link", name="Show personal data").click()
    expect(page.locator("main")).to_contain_text("+919876543210")
    expect(page.locator("dd bdi").nth(1)).to_have_text(SCRIPT)
    mock.advance(3000)
    expect(page.locator(".story .badge.processed")).to_be_visible()
    assert page.title() == "Lead · SquadIQ mock"
    page.go_back()
    expect(page.locator("main")).not_to_contain_text("+919876543210")


def test_every_page_fits_at_every_width_and_follows_the_scheme(open_page: Open) -> None:
    long = "unbroken" * 25
    with running_mock(process_after_seconds=0, webhook_url="http://127.0.0.1:9/") as mock:
        create(mock, long, "u2", campaign=long[:64], contact_name=long, **{long: long})
        mock.advance(10)
        with mock.core.exclusive:
            mock.core.deliveries.take(1)
        page = open_page(mock)
        for path in ("calls", "calls/1", "deliveries", "deliveries/1", "campaigns/1", "leads/1?reveal=1"):
            for width in (360, 768, 1200):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate(BEYOND) == 0, (page.url, width)
            page.goto(f"{mock.url}/_mock/page/{path}")
        schemes: dict[Literal["light", "dark"], bool] = {"light": True, "dark": False}
        for scheme, light in schemes.items():
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate(IS_LIGHT) is light


def test_a_keyboard_is_enough(open_page: Open, mock: RunningMock) -> None:
    create(mock, "u1")
    page = open_page(mock)
    expect(page.locator("#live")).to_have_text("Live")
    page.keyboard.press("Tab")
    skip, hour = page.get_by_role("link", name="Skip to the content"), page.get_by_role("button", name="1 hour")
    expect(skip).to_be_focused()
    for _ in range(6):
        page.keyboard.press("Tab")
    expect(hour).to_be_focused()
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#campaign-1").get_by_role("img")).to_have_attribute(
        "aria-label", "1 of 1 leads processed, 1 called"
    )
    expect(hour).to_be_focused()
    skip.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="c1", exact=True)).to_be_focused()


def test_without_a_script_buttons_work_too(open_page: Open, mock: RunningMock) -> None:
    create(mock, "u1")
    page = open_page(mock, java_script_enabled=False)
    page.get_by_role("button", name="Until all are processed").click()
    expect(page.locator("#campaign-1").get_by_role("img")).to_have_attribute(
        "aria-label", "1 of 1 leads processed, 1 called"
    )
    page.locator("#campaign-1").get_by_role("link").click()
    page.get_by_label("lead_id").fill("u1")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("h1")).to_contain_text("u1")
    expect(page.locator("#live")).to_have_text("Reload to see changes")


def test_a_page_says_when_the_mock_has_ended_and_goes_on_with_the_next(open_page: Open) -> None:
    with running_mock() as mock:
        page = open_page(mock)
        expect(page.locator("#live")).to_have_text("Live")
    expect(page.locator("#live")).to_have_text("Not connected")


def test_the_pictures_of_the_guide_are_those_that_the_script_takes() -> None:
    taken = {path.name: path.stat().st_size for path in pictures.FOLDER.glob("*.png")}
    assert set(taken) == {f"{name}.png" for name in pictures.PICTURES}
    assert max(taken.values()) < 150_000
    guide = (pictures.FOLDER.parent / "mock.md").read_text("utf-8")
    assert all(f"(pictures/{name})" in guide for name in taken)


@pytest.mark.soak
def test_the_script_takes_them(tmp_path: Path) -> None:
    pictures.main(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == set(pictures.PICTURES)
