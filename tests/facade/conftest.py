"""The facade's tests run without, and in an own state directory, whatever the machine has."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from squadiq.mock.server import RunningMock, running_mock


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "ACCESS_TOKEN",
        "CAMPAIGN_ID",
        "BASE_URL",
        "INSECURE_HOSTS",
        "QUOTA_URL",
        "QUOTA_NAME",
        "QUOTA_HITS",
        "QUOTA_WINDOW_SECONDS",
    ):
        monkeypatch.delenv(f"SQUADIQ_{name}", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def mock() -> Generator[RunningMock]:
    with running_mock() as running:
        yield running
