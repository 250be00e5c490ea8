"""The site of the documentation: no page is left out, what is made says what is so, and it works in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TypeAlias

import pytest
import typer.main
import yaml
from docs_site import commands, http_api, reference, staging
from playwright.sync_api import Page, Route, sync_playwright

import docs
import squadiq
from squadiq.cli import app
from squadiq.mock.server import running_mock

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]
MKDOCS = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))
CHROMIUM = Path("/usr/bin/chromium")
WIDTHS = (1280, 768, 360)


Nav: TypeAlias = "str | dict[str, Nav] | list[Nav]"


def nav_pages(nav: Nav) -> list[str]:
    """The pages that a navigation names."""
    if isinstance(nav, str):
        return [nav]
    return [page for each in (nav.values() if isinstance(nav, dict) else nav) for page in nav_pages(each)]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small one: a README, two pages, a picture, an example."""
    root = tmp_path / "repository"
    for name, text in {
        "README.md": "# It\n\nSee [docs/push.md](docs/push.md#rows), [a file](examples/demo.py), or [docs](docs).\n",
        "docs/README.md": "# Pages\n\n[elsewhere](https://example.com/push.md), [lost](lost.md)\n",
        "docs/push.md": "# Leads in\n\n**Text:**\n- [home](../README.md)\n\n```\n[raw](../README.md)\n- raw\n```\n",
        "docs/pictures/page.svg": "<svg/>",
        "examples/demo.py": "print()\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, "utf-8")
    return root


def test_links_lead_to_the_pages_of_the_site_and_to_copies_of_files(repository: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    staging.stage(site, {"made/page.md": "# Made\n"}, repository)
    home = (site / "index.md").read_text("utf-8").removeprefix(staging.ALONE)
    assert home == "# It\n\nSee [Leads in](push.md#rows), [a file](files/examples/demo.py), or [Pages](README.md).\n"
    assert "[elsewhere](https://example.com/push.md), [lost](lost.md)" in (site / "README.md").read_text("utf-8")
    assert (site / "files/examples/demo.py").read_text("utf-8") == "print()\n"
    assert (site / "pictures/page.svg").exists()
    assert (site / "made/page.md").read_text("utf-8") == "# Made\n"


def test_lists_are_parted_from_what_stands_above_and_code_stays_as_it_is(repository: Path, tmp_path: Path) -> None:
    staging.stage(tmp_path / "site", {}, repository)
    page = (tmp_path / "site" / "push.md").read_text("utf-8")
    assert page == "# Leads in\n\n**Text:**\n\n- [home](index.md)\n\n```\n[raw](../README.md)\n- raw\n```\n"


def test_the_navigation_has_every_page_and_no_other(tmp_path: Path) -> None:
    staging.stage(tmp_path, docs.made())
    # As git does it, `**` stands for folders and `*` for a part of a name.
    patterns = MKDOCS["not_in_nav"].split()
    forms = [re.escape(each.lstrip("/")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*") for each in patterns]
    left_out = re.compile("|".join(forms))
    pages = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.md")}
    assert set(nav_pages(MKDOCS["nav"])) == {page for page in pages if not left_out.fullmatch(page)}


def test_every_public_name_is_described_and_has_its_place_in_the_reference() -> None:
    assert reference.undocumented() == []
    shown = {identifier for _, identifiers in reference.PAGES.values() for identifier in identifiers}
    errors = {name for name in squadiq.__all__ if getattr(squadiq, name).__module__ == "squadiq.errors"}
    in_quota = {"QuotaStoreError", "QuotaWaitError"}
    assert {f"squadiq.{name}" for name in {*squadiq.__all__} - errors - in_quota} <= shown
    packages = [
        path.parent for path in (ROOT / "squadiq").glob("*/__init__.py") if "__all__" in path.read_text("utf-8")
    ]
    assert {f"squadiq.{package.name}" for package in packages} <= shown


def test_a_public_name_without_a_docstring_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        """A class."""

        def method(self) -> None: ...

        @property
        def told(self) -> int:
            """A property."""
            return 1

    monkeypatch.setattr(squadiq, "Bare", Bare, raising=False)
    monkeypatch.setattr(reference, "PAGES", {"page": ("Page", ("squadiq.Bare", "squadiq.Lead"))})
    assert reference.undocumented() == ["squadiq.Bare.method"]


def test_the_page_of_commands_has_every_command_with_its_options() -> None:
    page = commands.page()
    told = set(re.findall(r"^#+ `squadiq (.*)`$", page, re.MULTILINE))
    main = typer.main.get_command(app)
    groups = {name: getattr(command, "commands", {}) for name, command in getattr(main, "commands", {}).items()}
    assert told == {*groups, *(f"{name} {inner}" for name, inners in groups.items() for inner in inners)}
    assert "- `--dry-run`" in page


def test_the_page_that_sends_requests_knows_no_live_service() -> None:
    text = (ROOT / "openapi" / "squadiq.yaml").read_text("utf-8")
    servers = yaml.safe_load(http_api.for_the_mock(text))["servers"]
    assert [server["url"] for server in servers] == ["http://127.0.0.1:8765"]


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    """The site, built and served on loopback."""
    assert docs.main() == 0

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=docs.SITE)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Page]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        context = opened.new_context()
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        yield context.new_page()
        opened.close()


@pytest.mark.soak
def test_every_page_fits_three_widths_and_loads_nothing_from_elsewhere(site: str, browser: Page) -> None:
    asked: list[str] = []
    said: list[str] = []
    browser.on("request", lambda request: asked.append(request.url))
    browser.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    pages = sorted(path.parent.relative_to(docs.SITE).as_posix() for path in docs.SITE.rglob("index.html"))
    pages = [page for page in pages if not page.startswith("decisions/0") or "/0001-" in page]
    wide: list[str] = []
    for width in WIDTHS:
        browser.set_viewport_size({"width": width, "height": 900})
        for page in pages:
            browser.goto(f"{site}/{page}/")
            if browser.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wide.append(f"{page} at {width}")
    assert len(pages) > 25
    assert wide == []
    assert said == []
    assert [url for url in asked if not url.startswith((site, "data:", "blob:"))] == []


@pytest.mark.soak
def test_try_it_out_of_the_rendered_document_creates_a_lead_at_the_mock(site: str, browser: Page) -> None:
    with running_mock() as mock:

        def at_this_mock(route: Route) -> None:
            document = (docs.SITE / "files" / "openapi" / "mock.yaml").read_text("utf-8")
            route.fulfill(body=document.replace("http://127.0.0.1:8765", mock.url))

        browser.route("**/mock.yaml", at_this_mock)
        browser.set_viewport_size({"width": 1280, "height": 900})
        browser.goto(f"{site}/reference/http-api/")
        page = browser.frame_locator("iframe.swagger-ui-iframe")
        page.get_by_role("button", name="Authorize").first.click()
        page.get_by_label("auth-bearer-value").fill(mock.token)
        page.get_by_role("button", name="Apply credentials").click()
        page.get_by_role("button", name="Close").click()
        page.locator("#operations-leads-createLeads").locator(".opblock-summary-control").click()
        operation = page.locator("#operations-leads-createLeads")
        operation.get_by_placeholder("campaign_id").fill("campaign-1")
        operation.get_by_role("button", name="Execute").click()
        operation.locator(".live-responses-table .response-col_status").first.wait_for()
        assert operation.locator("tr.response .response-col_status").first.inner_text().startswith("201")
        assert mock.counts("campaign-1")["created"] > 0
        browser.unroute("**/mock.yaml")


@pytest.mark.soak
def test_what_is_copied_of_a_terminal_session_can_be_pasted_into_one(site: str, browser: Page) -> None:
    browser.goto(f"{site}/tutorial/")
    session = browser.locator(".highlight").filter(has_text="export SQUADIQ_BASE_URL")
    session.hover()
    session.locator("button[data-clipboard-target], .md-code__button[data-md-type=copy]").first.click()
    browser.locator(".md-dialog").filter(has_text="Copied").wait_for()
    assert str(browser.evaluate("navigator.clipboard.readText()")).startswith("export SQUADIQ_BASE_URL=")


@pytest.mark.soak
def test_a_search_finds_a_page_by_a_word_in_it(site: str, browser: Page) -> None:
    browser.set_viewport_size({"width": 1280, "height": 900})
    browser.goto(f"{site}/")
    browser.get_by_placeholder("Search").click()
    browser.locator(".md-search-result__meta").filter(has_text="Type to start searching").wait_for()
    browser.get_by_placeholder("Search").press_sequentially("push_leads")
    browser.locator(".md-search-result__item").filter(has_text="push_leads").first.wait_for()
