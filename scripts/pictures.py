"""Take the pictures of the mock's page that docs/mock.md shows, in docs/pictures/.

python scripts/pictures.py [folder]
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import ClassVar, Literal

import httpx
from playwright.sync_api import Browser, expect, sync_playwright

from squadiq.mock.server import RunningMock, running_mock

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("Asha Rao", "Vikram Singh", "Meera Iyer", "Rahul Das", "Fatima Khan", "Arjun Nair", "Priya Shah")
PICTURES: dict[str, tuple[str, int, int, Literal["light", "dark"]]] = {
    "mock-overview": ("/", 1040, 1140, "light"),
    "mock-lead": ("/_mock/page/leads/7?reveal=1", 1040, 750, "light"),
    "mock-call": ("/_mock/page/calls/2", 1040, 750, "dark"),
    "mock-phone": ("/", 390, 844, "dark"),
}
"""By name: the page, its width and height, and the scheme of its colours."""


class Endpoint(BaseHTTPRequestHandler):
    """Take deliveries, but for every fourth."""

    numbers: ClassVar[count[int]] = count()

    def do_POST(self) -> None:
        """Answer a delivery."""
        self.rfile.read(int(self.headers["content-length"]))
        status, body = (503, b'{"detail": "Later."}') if next(self.numbers) % 4 == 1 else (201, b"{}")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def chromium() -> Generator[Browser]:
    """Run a Chromium without a window.

    Raises:
        LookupError: there is none.
    """
    if CHROMIUM is None:
        raise LookupError("there is no Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def _mock_in_use() -> Generator[RunningMock]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    Thread(target=server.serve_forever, daemon=True).start()
    with running_mock(webhook_url=f"http://127.0.0.1:{server.server_port}/", process_after_seconds=3600) as mock:
        headers = {"authorization": f"Bearer {mock.token}"}
        with httpx.Client(base_url=f"{mock.url}/api/v4/leads", headers=headers) as client:
            _use(mock, client)
        yield mock
    server.shutdown()
    server.server_close()


def _use(mock: RunningMock, client: httpx.Client) -> None:
    def create(campaign: str, prefix: str, leads: int) -> None:
        batch = [
            {
                "lead_id": f"{prefix}{number + 1}",
                "phone_number": f"98765432{number:02}",
                "contact_name": NAMES[number % len(NAMES)],
                "product_plan": "Lite",
            }
            for number in range(leads)
        ]
        client.post(f"/create/{campaign}/", json=batch)

    create("diwali-2026", "u", 40)
    mock.advance(1300)
    create("renewals", "r-", 30)
    create("renewals", "r-", 1)
    mock.advance(900)
    create("welcome-calls", "w", 12)
    client.post("/disable/renewals/", json=[{"lead_id": "r-3"}, {"lead_id": "r-4"}])
    mock.advance(700)
    mock.deliveries(wait_for=15)
    mock.fault("reset-after", operation="createLeads", share=0.1)
    for _ in range(40):
        client.get("/responses/renewals/")
    create("renewals", "r-", 1)
    client.post("/convert/diwali-2026/", json={"lead_id": "u7", "detail": "PAID"})
    client.patch("/update/renewals/", json={"lead_id": "r-9", "product_plan": "Pro"})
    mock.fault("503", operation="getLeads", count=1)
    for page in (1, 1, 2):
        client.get("/responses/diwali-2026/", params={"page": page, "page_size": 10})


def main(folder: Path) -> None:
    """Take all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    with _mock_in_use() as mock, chromium() as browser:
        for name, (path, width, height, scheme) in PICTURES.items():
            page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
            page.goto(mock.url + path)
            expect(page.locator("#live")).to_have_text("Live")
            page.screenshot(path=folder / f"{name}.png")
            page.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
