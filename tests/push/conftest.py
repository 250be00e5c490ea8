"""A mock and a client for pushes, in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import anyio
import pytest

from squadiq import AsyncSquadIQ, SquadIQ
from squadiq.mock.server import RunningMock, running_mock
from squadiq.push import PushResult
from tests.inbox.conftest import postgres_url  # noqa: F401  # pyright: ignore[reportUnusedImport] - a fixture

Pushing = Callable[..., PushResult]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ACCESS_TOKEN", "CAMPAIGN_ID", "BASE_URL", "QUOTA_URL"):
        monkeypatch.delenv(f"SQUADIQ_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def mock() -> Generator[RunningMock]:
    with running_mock(rate=0) as running:
        yield running


CLIENT: dict[str, Any] = {"quota": "memory", "quota_window_seconds": 0.001, "max_attempts": 2}


def push_to(url: str, source: Any, *, client: dict[str, Any] | None = None, **options: Any) -> PushResult:
    """Push with a client that blocks."""
    with SquadIQ("test_token", base_url=url, campaign_id="c1", **{**CLIENT, **(client or {})}) as opened:
        return opened.campaign().push_leads(source, **options)


def push_async_to(url: str, source: Any, *, client: dict[str, Any] | None = None, **options: Any) -> PushResult:
    """Push with a client that does not block."""

    async def push() -> PushResult:
        settings = {**CLIENT, **(client or {})}
        async with AsyncSquadIQ("test_token", base_url=url, campaign_id="c1", **settings) as opened:
            return await opened.campaign().push_leads(source, **options)

    return anyio.run(push)


@pytest.fixture(params=[push_to, push_async_to], ids=["sync", "async"])
def push(request: pytest.FixtureRequest) -> Pushing:
    """Both kinds of client."""
    pushing: Pushing = request.param
    return pushing


def lead(number: int, **more: Any) -> dict[str, Any]:
    """A good row."""
    return {
        "lead_id": f"L{number}",
        "phone_number": f"98{number:08}",
        "contact_name": f"Asha {'abcdefghij'[number % 10]}",
        **more,
    }


def csv_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows as a CSV."""
    lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path
