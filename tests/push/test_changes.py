"""Changes from a file: each made once, none lost, and what became of each told truly."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from squadiq_generated.constants import CONVERT_LEAD, DELETE_LEAD, DISABLE_LEADS, UPDATE_LEAD

from squadiq import SquadIQ
from squadiq.mock.server import RunningMock, running_mock
from squadiq.push.changes import ChangeCounts, ChangeResult, apply_changes, hits_of
from squadiq.push.columns import Columns
from squadiq.push.engine import PushStoppedError
from squadiq.push.ledger import Ledger
from squadiq.push.sources import open_source
from squadiq.quota import MemoryStore
from tests.servers import ActingServer, Action, Half, Reply, Reset, Seen, acting_server, scripted

CAMPAIGN = "campaign-1"
GOOD = Reply(200, {})
HTML = Reply(404, b"<html>no such page</html>", {"Content-Type": "text/html"})
NOT_FOUND = Reply(404, {"detail": "Not found."})
ROW_OF_FILE: Mapping[str, str] = {
    UPDATE_LEAD: "lead_id,city\n{0},Pune\n",
    CONVERT_LEAD: "lead_id,detail\n{0},PAID\n",
    DISABLE_LEADS: "lead_id\n{0}\n",
    DELETE_LEAD: "lead_id\n{0}\n",
}
OPERATIONS = pytest.mark.parametrize("operation", ROW_OF_FILE)


class Changer:
    """Makes changes of files in a folder, at an address, as one machine does."""

    def __init__(self, folder: Path, url: str, token: str = "test_token") -> None:
        self.folder = folder
        self.url = url
        self.token = token
        self.waited: list[float] = []

    def change(self, operation: str, text: str, *, name: str = "leads.csv", **options: Any) -> ChangeResult:
        path = self.folder / name
        path.write_text(text, "utf-8")
        settings: dict[str, Any] = {"quota": "memory", "max_attempts": 1, **options.pop("settings", {})}
        with SquadIQ(self.token, base_url=self.url, **settings) as client:
            return apply_changes(
                client.campaign(CAMPAIGN),
                operation,
                open_source(path),
                service=self.url,
                columns=options.pop("columns", Columns()),
                ledger=self.folder / "ledger.sqlite3",
                sleep=self.waited.append,
                **options,
            )

    def rejected(self, name: str = "leads.csv") -> list[str]:
        path = self.folder / f"{name}.rejected.csv"
        return path.read_text("utf-8-sig").splitlines()[1:] if path.exists() else []


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    with running_mock(rate=0) as mock:
        yield mock


@pytest.fixture
def changer(tmp_path: Path, mock: RunningMock) -> Changer:
    with SquadIQ(mock.token, base_url=mock.url, quota="memory") as client:
        client.campaign(CAMPAIGN).create_leads(
            {"lead_id": f"l{number}", "phone_number": f"98765432{number:02}", "contact_name": "Asha Rao"}
            for number in range(20)
        )
    return Changer(tmp_path, mock.url, mock.token)


def body_ids(server: ActingServer) -> list[Any]:
    return [seen.json["lead_id"] for seen in server.seen]


def lists_of_ids(server: ActingServer) -> list[list[str]]:
    return [[each["lead_id"] for each in seen.json] for seen in server.seen]


def state(mock: RunningMock, lead_id: str) -> dict[str, Any]:
    found = mock.lead(CAMPAIGN, lead_id)
    assert found is not None
    return found


def test_each_operation_changes_what_the_file_names_and_nothing_twice(mock: RunningMock, changer: Changer) -> None:
    for operation, row in ROW_OF_FILE.items():
        text = row.format("l1") + row.format("l2").partition("\n")[2]
        first = changer.change(operation, text)
        again = changer.change(operation, text)
        assert (first.counts.done, first.counts.done_before, first.counts.rejected) == (2, 0, {})
        assert (again.counts.done, again.counts.done_before, again.counts.hits) == (0, 2, 0)
        assert first.counts.hits == hits_of(operation, 2)
    assert changer.rejected() == []


def test_an_update_sends_the_types_that_a_push_would_and_leaves_empty_cells_alone(
    mock: RunningMock, changer: Changer
) -> None:
    done = changer.change(UPDATE_LEAD, "lead_id,amount,pin,phone,city\nl1,500,0411,+91-98765 00001,\nl2,7,0412,,Pune\n")
    assert done.counts.done == 2
    assert {"amount is sent as integer", "pin stays text: it has digits that begin with 0"} <= set(done.notes)
    first, second = state(mock, "l1"), state(mock, "l2")
    assert first["custom_fields"] == {"amount": 500, "pin": "0411", "phone": "+91-98765 00001"}
    assert second["custom_fields"] == {"amount": 7, "pin": "0412", "city": "Pune"}
    assert second["phone_number"] == "+919876543202"


def test_a_type_that_was_given_goes_before_what_the_column_looks_like(mock: RunningMock, changer: Changer) -> None:
    changer.change(UPDATE_LEAD, "lead_id,amount\nl1,500\n", columns=Columns(types={"amount": "text"}))
    assert state(mock, "l1")["custom_fields"] == {"amount": "500"}


def test_a_then_b_then_a_again_is_sent_each_time(mock: RunningMock, changer: Changer) -> None:
    for city in ("Pune", "Agra", "Pune"):
        assert changer.change(UPDATE_LEAD, f"lead_id,city\nl1,{city}\n").counts.done == 1
        assert state(mock, "l1")["custom_fields"] == {"city": city}
    twice = changer.change(UPDATE_LEAD, "lead_id,city\nl1,Agra\nl1,Pune\n")
    assert twice.counts.done == 2
    assert state(mock, "l1")["custom_fields"] == {"city": "Pune"}


def test_a_lead_that_was_changed_again_may_be_deleted_again(tmp_path: Path) -> None:
    """Who was created anew under a lead_id that was deleted is no longer what the ledger knows as deleted."""
    with acting_server(GOOD) as server:
        changer = Changer(tmp_path, server.url)
        for operation in (DELETE_LEAD, UPDATE_LEAD, DELETE_LEAD, UPDATE_LEAD):
            assert changer.change(operation, ROW_OF_FILE[operation].format("l1")).counts.done == 1


@OPERATIONS
def test_a_lead_that_is_not_there_is_rejected_and_listed(changer: Changer, operation: str) -> None:
    row = ROW_OF_FILE[operation]
    text = row.format("l1") + row.format("nobody").partition("\n")[2] + row.format("l2").partition("\n")[2]
    for _ in range(2):
        done = changer.change(operation, text)
        assert done.counts.rejected == {"not_found": 1}
        (line,) = changer.rejected()
        assert line.startswith("nobody,")
        assert line.endswith(",3,not_found,lead is not in this campaign,")
    again = changer.change(operation, text)
    assert (again.counts.done_before, again.counts.rejected) == (2, {"not_found": 1})


def test_lists_of_leads_lose_only_those_that_are_not_there(changer: Changer) -> None:
    lead_ids = [f"{'no' if number % 7 == 3 else 'l'}{number}" for number in range(20)]
    done = changer.change(DISABLE_LEADS, "\n".join(["lead_id", *lead_ids]) + "\n")
    assert (done.counts.done, done.counts.rejected) == (17, {"not_found": 3})
    assert done.counts.hits == 2


def test_a_lead_that_stands_in_a_list_twice_is_settled_once(changer: Changer) -> None:
    done = changer.change(DISABLE_LEADS, "lead_id\nl1\nnobody\nl1\nnobody\nl2\n")
    assert (done.counts.done, done.counts.done_before, done.counts.rejected) == (2, 1, {"not_found": 2})
    assert [line.split(",")[1] for line in changer.rejected()] == ["3", "5"]


def says_no_to(bad: str) -> Callable[[Seen], Action]:
    """A service that refuses a list with one lead, and does not say which."""
    return lambda seen: Reply(400, {"detail": "No."}) if bad in seen.body.decode() else GOOD


def test_where_a_refusal_does_not_say_of_whom_halving_finds_them(tmp_path: Path) -> None:
    with acting_server(says_no_to("l5")) as server:
        changer = Changer(tmp_path, server.url)
        done = changer.change(DISABLE_LEADS, "\n".join(["lead_id", *(f"l{number}x" for number in range(8))]))
    assert (done.counts.done, done.counts.rejected) == (7, {"refused": 1})
    assert changer.rejected() == ["l5x,7,refused,lead is refused: No.,"]


def test_a_list_that_is_too_large_is_halved_and_one_lead_that_is_refused(tmp_path: Path) -> None:
    def most(number: int) -> Callable[[Seen], Action]:
        return lambda seen: Reply(413, {}) if len(seen.json) > number else GOOD

    text = "lead_id\na\nb\nc\nd\ne\n"
    with acting_server(most(2)) as server:
        assert Changer(tmp_path, server.url).change(DISABLE_LEADS, text).counts.done == 5
        assert lists_of_ids(server) == [["a", "b", "c", "d", "e"], ["a", "b", "c"], ["a", "b"], ["c"], ["d", "e"]]
    with acting_server(most(0)) as server:
        assert Changer(tmp_path, server.url).change(DISABLE_LEADS, text).counts.rejected == {"refused": 5}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(400, {"detail": "The campaign is over."}), "is refused: The campaign is over."),
        (Reply(400, {"detail": {"city": ["Too far away."]}}), "is refused: city: Too far away."),
        (Reply(400, b""), "is refused; SquadIQ does not say why"),
    ],
)
def test_a_refusal_is_listed_in_the_words_of_squadiq(tmp_path: Path, reply: Reply, said: str) -> None:
    with acting_server(reply) as server:
        changer = Changer(tmp_path, server.url)
        assert changer.change(UPDATE_LEAD, "lead_id,city\nl1,Pune\n").counts.rejected == {"refused": 1}
    assert changer.rejected() == [f"l1,Pune,2,refused,lead {said},"]


def test_what_cannot_be_sent_is_rejected_by_code_without_a_hit(tmp_path: Path) -> None:
    with acting_server(GOOD) as server:
        changer = Changer(tmp_path, server.url)
        long = "x" * 40
        codes = Counter[str]()
        codes += changer.change(CONVERT_LEAD, f"lead_id,detail\n,PAID\nl1,\nl2,{long}\n").counts.rejected
        codes += changer.change(UPDATE_LEAD, "lead_id,phone_number\nl1,12345\nl2,\nl3,9.87654E+09\n").counts.rejected
        assert server.seen == []
    assert codes == {
        "lead_id_missing": 1,
        "detail_missing": 1,
        "detail_invalid": 1,
        "phone_number_invalid": 1,
        "field_invalid": 1,
        "phone_number_lost_digits": 1,
    }
    assert not any(long in line.partition(",detail_invalid")[2] for line in changer.rejected())


def test_a_list_with_a_lead_id_that_cannot_be_sent_loses_that_alone(tmp_path: Path) -> None:
    with acting_server(GOOD) as server:
        rows = [{"lead_id": each} for each in ("l1", {"no": "text"}, True, 17, 18.0, "x" * 300, "a\0b", "l2")]
        changer = Changer(tmp_path, server.url)
        done = changer.change(DISABLE_LEADS, "\n".join(map(json.dumps, rows)), name="leads.jsonl")
        assert (done.counts.done, done.counts.rejected) == (4, {"lead_id_invalid": 4})
        assert lists_of_ids(server) == [["l1", "17", "18", "l2"]]


def test_a_detail_is_sent_as_the_file_has_it_or_not_at_all(tmp_path: Path) -> None:
    with acting_server(GOOD) as server:
        rows = [{"lead_id": "l1", "detail": each} for each in ("PAID", 7, {"no": "text"})]
        done = Changer(tmp_path, server.url).change(CONVERT_LEAD, "\n".join(map(json.dumps, rows)), name="leads.jsonl")
        assert (done.counts.done, done.counts.rejected) == (2, {"detail_invalid": 1})
        assert [seen.json["detail"] for seen in server.seen] == ["PAID", "7"]


@pytest.mark.parametrize("operation", [CONVERT_LEAD, DISABLE_LEADS, DELETE_LEAD])
def test_a_ruined_phone_number_is_no_reason_not_to(tmp_path: Path, operation: str) -> None:
    """Nothing of it is sent; and a lead whose other columns change is not changed again."""
    with acting_server(GOOD) as server:
        changer = Changer(tmp_path, server.url)
        first = changer.change(operation, "lead_id,mobile,detail,city\nl1,9.87654E+09,PAID,Pune\n")
        again = changer.change(operation, "lead_id,mobile,detail,city\nl1,9876543210,PAID,Agra\n")
        assert (first.counts.done, first.counts.rejected, again.counts.done_before) == (1, {}, 1)
        assert b"Pune" not in server.seen[0].body


@OPERATIONS
@pytest.mark.parametrize("trouble", [HTML, Reply(500, {}), Reply(401, {"detail": "no"}), Reset(), Half(GOOD)], ids=repr)
def test_what_is_of_no_lead_stops_and_the_same_goes_on(tmp_path: Path, operation: str, trouble: Action) -> None:
    row = ROW_OF_FILE[operation]
    text = row.format("l1") + row.format("l2").partition("\n")[2]
    with acting_server(scripted(trouble, GOOD)) as server:
        changer = Changer(tmp_path, server.url)
        with pytest.raises(PushStoppedError) as stopped:
            changer.change(operation, text)
        assert stopped.value.result.counts.rejected == {}
        assert stopped.value.result.counts.hits == 1
        assert changer.change(operation, text).counts.done == 2
    assert changer.rejected() == []


def test_a_delete_that_was_carried_out_unheard_is_done_when_the_lead_is_gone(tmp_path: Path) -> None:
    unheard_in_some_way: list[Action] = [Reset(), Half(GOOD), Reply(500, {})]
    for number, unheard in enumerate(unheard_in_some_way):
        with acting_server(scripted(unheard, NOT_FOUND)) as server:
            changer = Changer(tmp_path, server.url)
            with pytest.raises(PushStoppedError):
                changer.change(DELETE_LEAD, f"lead_id\nl{number}\n")
            done = changer.change(DELETE_LEAD, f"lead_id\nl{number}\n")
        assert (done.counts.done, done.counts.rejected) == (1, {})


@pytest.mark.parametrize("refusal", [NOT_FOUND, Reply(400, {"detail": "No."})], ids=repr)
def test_a_delete_that_was_refused_is_not_taken_for_done_later(tmp_path: Path, refusal: Reply) -> None:
    with acting_server(scripted(refusal, NOT_FOUND)) as server:
        changer = Changer(tmp_path, server.url)
        assert changer.change(DELETE_LEAD, "lead_id\nl1\n").counts.rejected.total() == 1
        assert changer.change(DELETE_LEAD, "lead_id\nl1\n").counts.rejected == {"not_found": 1}


def test_a_delete_that_may_have_been_carried_out_stays_so_over_another_trouble(tmp_path: Path) -> None:
    with acting_server(scripted(Reset(), Reply(401, {"detail": "no"}), NOT_FOUND)) as server:
        changer = Changer(tmp_path, server.url)
        for _ in range(2):
            with pytest.raises(PushStoppedError):
                changer.change(DELETE_LEAD, "lead_id\nl1\n")
        assert changer.change(DELETE_LEAD, "lead_id\nl1\n").counts.done == 1


def test_a_spent_quota_is_waited_for(tmp_path: Path) -> None:
    clock = [0.0]
    changer = Changer(tmp_path, "http://127.0.0.1:9")
    with acting_server(GOOD) as server, closing(MemoryStore(1, 60.0, now=lambda: clock[0])) as store:
        changer.url = server.url

        def wait(seconds: float) -> None:
            changer.waited.append(seconds)
            clock[0] += 61.0

        changer.waited.clear()
        path = tmp_path / "leads.csv"
        path.write_text("lead_id\nl1\nl2\n", "utf-8")
        with SquadIQ("t", base_url=server.url, quota=store, max_wait_seconds=0.001) as client:
            done = apply_changes(
                client.campaign(CAMPAIGN),
                DELETE_LEAD,
                open_source(path),
                service=server.url,
                columns=Columns(),
                ledger=tmp_path / "ledger.sqlite3",
                sleep=wait,
            )
    assert (done.counts.done, changer.waited) == (2, [1.0])


def test_told_to_stop_it_waits_for_no_quota(tmp_path: Path) -> None:
    answers = iter([False, True])
    with closing(MemoryStore(1, 60.0, all_used=True)) as store:
        changer = Changer(tmp_path, "http://127.0.0.1:9")
        settings = {"quota": store, "max_wait_seconds": 0.001}
        with pytest.raises(PushStoppedError, match="interrupted"):
            changer.change(DELETE_LEAD, "lead_id\nl1\n", settings=settings, should_stop=lambda: next(answers))
    assert changer.waited == []


def test_told_to_stop_it_ends_between_leads_and_says_how_far_it_was(tmp_path: Path) -> None:
    told: list[int] = []

    def hear(counts: ChangeCounts) -> None:
        told.append(counts.done)

    with acting_server(GOOD) as server:
        changer = Changer(tmp_path, server.url)
        with pytest.raises(PushStoppedError) as stopped:
            changer.change(
                DELETE_LEAD,
                "lead_id\nl1\nl2\nl3\n",
                on_progress=hear,
                should_stop=lambda: told == [1, 2],
            )
        assert (stopped.value.result.counts.done, stopped.value.result.counts.rows) == (2, 2)
        assert body_ids(server) == ["l1", "l2"]


def test_nothing_about_a_person_is_in_the_ledger(changer: Changer) -> None:
    changer.change(UPDATE_LEAD, "lead_id,phone_number,contact_name,city\nl1,9876500001,Asha Rao,Pune\n")
    kept = b"".join(path.read_bytes() for path in changer.folder.glob("ledger.sqlite3*"))
    assert b"l1" in kept
    assert [word for word in (b"9876500001", b"Asha", b"Pune") if word in kept] == []


def test_changes_of_another_address_or_campaign_are_others(tmp_path: Path) -> None:
    with acting_server(GOOD) as here, acting_server(GOOD) as there:
        for server in (here, there):
            assert Changer(tmp_path, server.url).change(CONVERT_LEAD, "lead_id,detail\nl1,PAID\n").counts.done == 1
    with closing(Ledger(tmp_path / "ledger.sqlite3", service=here.url, campaign_id="x", source="")) as ledger:
        ledger.open()
