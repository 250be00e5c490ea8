"""What the fixture gives to tests: clients of the mock that leave nothing behind, and settings by a marker."""

from __future__ import annotations

from pathlib import Path

import pytest

from squadiq import SquadIQ, SquadIQError, TooManyRequestsError, UnauthorizedError
from squadiq.quota import MemoryStore
from squadiq.testing import SquadIQMock, running_squadiq_mock
from tests.mock.test_plugin import pytest_in

LEAD = {"lead_id": "u1", "phone_number": "9876543210", "contact_name": "Asha"}


@pytest.fixture(autouse=True)
def own_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SQUADIQ_QUOTA_URL", "sqlite")
    monkeypatch.setenv("SQUADIQ_BASE_URL", "http://127.0.0.1:9")
    return tmp_path / "state"


def test_a_client_of_the_mock_is_ready_and_leaves_no_file(squadiq_mock: SquadIQMock, own_state: Path) -> None:
    campaign = squadiq_mock.client().campaign("c1")
    campaign.create_leads([LEAD])
    squadiq_mock.process_all()
    assert [lead.lead_id for lead in campaign.get_leads()] == ["u1"]
    assert not own_state.exists()


def test_its_own_quota_holds_nothing_back(squadiq_mock: SquadIQMock) -> None:
    client = squadiq_mock.client(campaign_id="c1", max_wait_seconds=5)
    for _ in range(110):
        list(client.campaign().get_leads())


def test_settings_of_the_quota_are_taken_as_they_are_given(squadiq_mock: SquadIQMock) -> None:
    client = squadiq_mock.client(quota_hits=1)
    assert (client.quota.snapshot().limit, client.quota.snapshot().window_seconds) == (1, 60)


@pytest.mark.anyio
async def test_an_async_client_of_the_mock_is_ready_too(squadiq_mock: SquadIQMock) -> None:
    async with squadiq_mock.async_client(campaign_id="c1") as client:
        await client.campaign().create_leads([LEAD])
        squadiq_mock.process_all()
        assert [lead.lead_id async for lead in client.campaign().get_leads()] == ["u1"]
        assert isinstance(client.quota, MemoryStore)


@pytest.mark.squadiq_mock(rate=1, tokens=("one", "two"))
def test_a_marker_has_the_settings(squadiq_mock: SquadIQMock) -> None:
    for access_token in (None, "two"):
        campaign = squadiq_mock.client(access_token, max_attempts=1).campaign("c1")
        list(campaign.get_leads())
        with pytest.raises(TooManyRequestsError):
            list(campaign.get_leads())
    with pytest.raises(UnauthorizedError):
        list(squadiq_mock.client("three").campaign("c1").get_leads())


@pytest.mark.squadiq_mock(rate=1)
class TestMarkers:
    @pytest.mark.squadiq_mock(tokens=("three",))
    def test_that_of_the_test_goes_before_that_of_its_class_and_adds_to_it(self, squadiq_mock: SquadIQMock) -> None:
        assert (squadiq_mock.core.settings.rate, squadiq_mock.token) == (1, "three")

    @pytest.mark.squadiq_mock(rate=5)
    def test_it_replaces_too(self, squadiq_mock: SquadIQMock) -> None:
        assert squadiq_mock.core.settings.rate == 5


def test_clients_are_closed_with_the_mock() -> None:
    with running_squadiq_mock() as mock:
        client = mock.client(campaign_id="c1", max_attempts=1)
        closed: SquadIQ = mock.client()
        closed.close()
    with pytest.raises((SquadIQError, RuntimeError)):
        client.campaign().convert_lead("u1", detail="PAID")


@pytest.mark.parametrize("marker", ["squadiq_mock(speed_=1)", "squadiq_mock(2)"])
def test_a_setting_that_there_is_not_is_named(tmp_path: Path, marker: str) -> None:
    test = f"""
    import pytest

    @pytest.mark.{marker}
    def test_it(squadiq_mock): pass
    """
    output = pytest_in(tmp_path, test)
    assert "squadiq_mock: give settings by name, such as rate=2; there are tokens, rate, db" in output


def test_the_marker_is_known_to_pytest(tmp_path: Path) -> None:
    test = """
    import pytest

    @pytest.mark.squadiq_mock(rate=1)
    def test_it(squadiq_mock):
        client = squadiq_mock.client(campaign_id="c1")
        client.campaign().create_leads([{"lead_id": "1", "phone_number": "9876543210", "contact_name": "A"}])
    """
    assert "1 passed" in pytest_in(tmp_path, test)
