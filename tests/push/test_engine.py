"""Pushes to a real server: each good lead once, each other row with its reason, whatever becomes of the answers."""

from __future__ import annotations

import csv
import gc
import json
import pickle
import stat
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from squadiq import Lead, SquadIQ
from squadiq.errors import ConfigurationError, InvalidInputError
from squadiq.mock.server import RunningMock
from squadiq.push import LedgerError, PushResult, PushStoppedError
from squadiq.push.columns import Columns
from squadiq.push.ledger import Ledger
from squadiq.push.rows import Row
from squadiq.push.run import plan_of
from tests.inbox.conftest import postgres_database
from tests.push.conftest import Pushing, csv_file, lead, push_to
from tests.push.test_sources import book
from tests.servers import Action, Reply, Reset, Seen, acting_server


def undisturbed(_batch: list[dict[str, Any]], _number: int) -> None:
    """Let every request be."""


class Service:
    """Leads are created whole batches at a time; `disturb` says what else becomes of a request."""

    def __init__(self, disturb: Callable[[list[dict[str, Any]], int], Action | None] | None = None) -> None:
        self.leads: Counter[str] = Counter()
        self.batches: list[int] = []
        self.disturb = disturb or undisturbed
        self.bad: set[str] = set()
        self.tell: Callable[[dict[int, dict[str, list[str]]], int], Any] = in_a_list
        self.lose: set[int] = set()

    def __call__(self, seen: Seen) -> Action:
        batch = seen.json
        self.batches.append(len(batch))
        number = len(self.batches)
        if (action := self.disturb(batch, number)) is not None:
            return action
        wrong: dict[int, dict[str, list[str]]] = {}
        for place, each in enumerate(batch):
            if each["lead_id"] in self.leads:
                wrong[place] = {"lead_id": ["Lead with this lead id already exists."]}
            elif each["lead_id"] in self.bad:
                wrong[place] = {"phone_number": ["Enter a valid phone number."]}
        if wrong:
            return Reply(400, self.tell(wrong, len(batch)))
        self.leads.update(each["lead_id"] for each in batch)
        return Reset() if number in self.lose else Reply(201, [])


def in_a_list(wrong: dict[int, Any], size: int) -> Any:
    return [wrong.get(place, {}) for place in range(size)]


def by_index(wrong: dict[int, Any], size: int) -> Any:
    return {str(place): told for place, told in wrong.items()}


def without_leads(wrong: dict[int, Any], size: int) -> Any:
    return {"detail": "Invalid input."}


def leads(count: int, **more: Any) -> list[dict[str, Any]]:
    return [lead(number, **more) for number in range(count)]


def rejected(path: Path | None) -> list[dict[str, str]]:
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_good_rows_are_created_once_and_broken_ones_told(push: Pushing, mock: RunningMock, tmp_path: Path) -> None:
    rows = leads(3000)
    rows[7]["phone_number"] = "12"
    rows[8]["contact_name"] = ""
    rows[9]["lead_id"] = rows[5]["lead_id"]
    rows[10]["phone_number"] = rows[4]["phone_number"]
    path = csv_file(tmp_path / "leads.csv", rows)
    done = push(mock.url, path)
    counts = done.counts
    assert (counts.rows, counts.created, counts.rejected.total(), counts.waiting) == (3000, 2996, 4, 0)
    assert not done.is_good
    # 250, 500, 1000, and the rest: the size grows while batches are accepted.
    assert counts.hits == 5
    told = {row["squadiq_row"]: (row["squadiq_reason_code"], row["lead_id"]) for row in rejected(done.rejected_file)}
    assert told == {
        "9": ("phone_number_invalid", "L7"),
        "10": ("contact_name_missing", "L8"),
        "11": ("duplicate_lead_id", "L5"),
        "12": ("duplicate_phone_number", "L10"),
    }
    again = push(mock.url, path)
    assert (again.counts.created, again.counts.created_before, again.counts.hits) == (0, 2996, 0)
    assert len(rejected(again.rejected_file)) == 4


def test_rejected_rows_mended_and_pushed_send_only_those(mock: RunningMock, tmp_path: Path) -> None:
    rows = [lead(1, tags=["a", {"b": 1}]), lead(2, phone_number="12", tags=["c"], extra={"x": "y"})]
    path = tmp_path / "leads.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    done = push_to(mock.url, path)
    assert done.rejected_file is not None
    assert done.rejected_file.name == "leads.jsonl.rejected.csv"
    text = done.rejected_file.read_text("utf-8-sig")
    done.rejected_file.write_text(text.replace(",12,", ",9800000002,"))
    mended = push_to(mock.url, done.rejected_file)
    assert (mended.counts.rows, mended.counts.created, mended.is_good) == (1, 1, True)
    kept = json.dumps(mock.lead("c1", "L2"))
    assert '"tags": ["c"]' in kept
    assert '"extra": {"x": "y"}' in kept
    assert mended.rejected_file is None
    # The whole file again: what was rejected is there now, by its lead_id.
    assert push_to(mock.url, path).counts.created == 0


@pytest.mark.parametrize("tell", [in_a_list, by_index])
def test_leads_that_are_refused_by_name_cost_one_more_hit(push: Pushing, tell: Any) -> None:
    service = Service()
    service.bad, service.tell = {"L3", "L77"}, tell
    service.leads["L50"] = 1
    with acting_server(service) as server:
        done = push(server.url, leads(200))
    assert (done.counts.created, done.counts.existing, done.counts.refused) == (197, 1, 2)
    assert service.batches == [200, 197]
    assert [each.row.number for each in done.rejected] == [4, 78]
    assert {each.code for each in done.rejected} == {"refused_phone_number"}


def test_halving_finds_the_bad_leads_where_none_is_named(push: Pushing) -> None:
    service = Service()
    service.bad, service.tell = {"L3", "L77"}, without_leads
    with acting_server(service) as server:
        done = push(server.url, leads(200))
    assert done.counts.created == 198
    assert {each.row.number for each in done.rejected} == {4, 78}
    assert {each.reason for each in done.rejected} == {"lead is refused: Invalid input."}
    assert max(service.leads.values()) == 1


@pytest.mark.parametrize("status", [413, 400])
def test_a_size_that_is_refused_is_not_tried_again(status: int) -> None:
    service = Service(lambda batch, number: Reply(status, {"detail": "Invalid input."}) if len(batch) > 300 else None)
    with acting_server(service) as server:
        done = push_to(server.url, leads(4000))
    assert (done.counts.created, done.is_good) == (4000, True)
    assert sum(size > 300 for size in service.batches) == 1


def test_one_lead_that_is_too_large_does_not_make_the_others_slow() -> None:
    def disturb(batch: list[dict[str, Any]], number: int) -> Action | None:
        return Reply(413, {}) if any(each["lead_id"] == "L10" for each in batch) else None

    service = Service(disturb)
    with acting_server(service) as server:
        done = push_to(server.url, leads(3000))
    assert (done.counts.created, done.counts.refused) == (2999, 1)
    assert max(service.batches) == 1000
    assert done.rejected[0].reason == "lead is refused; SquadIQ does not say why"


def test_a_lead_id_that_is_wrong_as_it_stands_is_not_taken_for_one_that_is_there() -> None:
    words = {"lead_id": ["Ensure this field has no more than 1 characters."]}
    service = Service(lambda batch, number: Reply(400, in_a_list({0: words}, len(batch))) if number == 1 else None)
    with acting_server(service) as server:
        done = push_to(server.url, leads(2))
    assert (done.counts.existing, done.counts.created, done.rejected[0].code) == (0, 1, "refused_lead_id")


def test_a_lost_answer_ends_in_created(push: Pushing) -> None:
    service = Service()
    service.lose = {1, 3}
    with acting_server(service) as server:
        done = push(server.url, leads(600))
    assert (done.counts.created, done.counts.existing, done.counts.unknown) == (600, 0, 0)
    assert service.leads == Counter(f"L{number}" for number in range(600))


def test_a_lost_answer_of_a_service_that_names_no_leads_is_unknown_not_refused() -> None:
    service = Service()
    service.lose, service.tell = {1}, without_leads
    with acting_server(service) as server:
        done = push_to(server.url, leads(4))
    assert (done.counts.unknown, done.counts.refused) == (4, 0)
    assert [row.number for row in done.unknown] == [1, 2, 3, 4]


def test_with_repeat_creates_off_a_lost_answer_is_unknown_and_never_sent_again(push: Pushing, tmp_path: Path) -> None:
    service = Service()
    service.lose = {1}
    path = csv_file(tmp_path / "leads.csv", leads(600))
    client = {"repeat_creates": False}
    with acting_server(service) as server:
        first = push(server.url, path, client=client)
        assert (first.counts.unknown, first.counts.created) == (250, 350)
        assert len(rejected(first.unknown_file)) == 250
        before = list(service.batches)
        again = push(server.url, path, client=client)
        assert service.batches == before
        assert (again.counts.unknown, again.counts.created_before, again.counts.waiting) == (250, 350, 0)
        assert len(rejected(again.unknown_file)) == 250
        # With repeating on they are settled.
        settled = push(server.url, path)
        assert (settled.counts.unknown, settled.counts.created, settled.unknown_file) == (0, 250, None)
        assert not (tmp_path / "leads.csv.unknown.csv").exists()


def test_what_ends_a_push_is_told_and_it_goes_on_later(push: Pushing, tmp_path: Path) -> None:
    service = Service(lambda batch, number: Reply(401, {"detail": "Invalid token."}) if number == 2 else None)
    path = csv_file(tmp_path / "leads.csv", leads(600))
    with acting_server(service) as server:
        with pytest.raises(PushStoppedError, match="401") as stopped:
            push(server.url, path, client={"repeat_creates": False})
        counts = stopped.value.result.counts
        assert (counts.created, counts.waiting, counts.unknown) == (250, 350, 0)
        done = push(server.url, path, client={"repeat_creates": False})
    assert (done.counts.created, done.counts.created_before) == (350, 250)
    assert max(service.leads.values()) == 1


def test_a_service_that_is_gone_leaves_unknown_leads_that_are_settled_later(push: Pushing, tmp_path: Path) -> None:
    service = Service(lambda batch, number: Reply(503, {}) if number > 1 else None)
    path = csv_file(tmp_path / "leads.csv", leads(600))
    with acting_server(service) as server:
        with pytest.raises(PushStoppedError) as stopped:
            push(server.url, path, client={"retry_policy": None, "max_attempts": 1})
        assert stopped.value.result.counts.created == 250
        service.disturb = undisturbed
        done = push(server.url, path)
    assert done.counts.created + done.counts.created_before == 600
    assert max(service.leads.values()) == 1


def test_a_token_that_ends_after_a_lost_response_leaves_its_batch_unknown(push: Pushing, tmp_path: Path) -> None:
    def disturb(_batch: list[dict[str, Any]], number: int) -> Action | None:
        actions: dict[int, Action] = {2: Reset(), 3: Reply(401, {})}
        return actions.get(number)

    service = Service(disturb)
    path = csv_file(tmp_path / "leads.csv", leads(600))
    with acting_server(service) as server:
        with pytest.raises(PushStoppedError, match="401") as stopped:
            push(server.url, path)
        counts = stopped.value.result.counts
        assert (counts.created, counts.unknown, counts.waiting) == (250, 350, 0)
        service.disturb = undisturbed
        done = push(server.url, path)
    assert (done.counts.created, done.counts.unknown) == (350, 0)
    assert max(service.leads.values()) == 1


def test_halves_of_a_refused_batch_are_not_unknown_when_the_push_ends_between(tmp_path: Path) -> None:
    """Nothing of a refused batch was created: with repeating off, that must not be forgotten."""

    def disturb(batch: list[dict[str, Any]], number: int) -> Action | None:
        if number == 1:
            return Reply(413, {})
        return Reply(401, {}) if number == 2 else None

    service = Service(disturb)
    path = csv_file(tmp_path / "leads.csv", leads(100))
    with acting_server(service) as server:
        with pytest.raises(PushStoppedError):
            push_to(server.url, path, client={"repeat_creates": False})
        done = push_to(server.url, path, client={"repeat_creates": False})
    assert (done.counts.created, done.counts.unknown) == (100, 0)


def test_a_push_that_is_told_to_stop_goes_on_later(push: Pushing, mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", leads(3000))
    progress: list[tuple[int, int | None]] = []
    with pytest.raises(PushStoppedError, match="interrupted") as stopped:
        push(
            mock.url,
            path,
            on_progress=lambda counts, total: progress.append((counts.created, total)),  # pyright: ignore
            should_stop=lambda: bool(progress) and progress[-1][0] > 0,
        )
    assert progress[-1] == (250, 3000)
    assert stopped.value.result.counts.created == 250
    assert not stopped.value.result.is_good
    assert pickle.loads(pickle.dumps(stopped.value)).result is None
    done = push(mock.url, path)
    assert (done.counts.created, done.counts.created_before, done.is_good) == (2750, 250, True)


def test_an_interrupted_push_leaves_the_rejects_of_an_earlier_one(mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [lead(1), lead(2, phone_number="12")])
    earlier = push_to(mock.url, path).rejected_file
    with pytest.raises(PushStoppedError):
        push_to(mock.url, csv_file(path, [lead(3)]), should_stop=lambda: True)
    assert len(rejected(earlier)) == 1
    assert push_to(mock.url, path).rejected_file is None
    assert earlier is not None
    assert not earlier.exists()


def test_no_slot_of_the_quota_in_time_is_waited_for(push: Pushing) -> None:
    service = Service()
    client = {"quota_hits": 1, "quota_window_seconds": 0.3, "max_wait_seconds": 0.05}
    with acting_server(service) as server:
        done = push(server.url, leads(600), client=client)
        assert done.counts.created == 600
        told: list[int] = []
        with pytest.raises(PushStoppedError):
            push(
                server.url,
                [lead(number) for number in range(1000, 1600)],
                client={**client, "quota_window_seconds": 30},
                on_progress=lambda counts, total: told.append(counts.created),  # pyright: ignore
                should_stop=lambda: 250 in told,
            )


def test_a_second_push_of_a_campaign_on_one_file_is_told(mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [*leads(10), lead(11, phone_number="12")])
    rejects = push_to(mock.url, path).rejected_file
    refusals: list[str] = []

    def second(counts: object, total: object) -> None:
        with pytest.raises(LedgerError) as told:
            push_to(mock.url, path)
        refusals.append(str(told.value))

    push_to(mock.url, leads(20), on_progress=second)
    assert "Another push of this campaign is under way" in refusals[0]
    assert len(rejected(rejects)) == 1  # what another one has told stays


def test_duplicates_of_earlier_pushes_are_skipped_unless_allowed(push: Pushing, mock: RunningMock) -> None:
    push(mock.url, [lead(1)])
    twice = {**lead(2), "phone_number": lead(1)["phone_number"]}
    done = push(mock.url, [twice])
    assert done.counts.rejected == {"duplicate_phone_number": 1}
    assert done.rejected[0].reason == "phone_number is that of lead 'L1', which was pushed before"
    assert push(mock.url, [twice, lead(3, phone_number=twice["phone_number"])], allow_duplicate_numbers=True).is_good


def test_a_lead_that_changed_since_is_told_and_not_sent(mock: RunningMock) -> None:
    push_to(mock.url, [lead(1)])
    done = push_to(mock.url, [lead(1, city="Pune")])
    assert (done.counts.created_before, done.counts.changed_since, done.counts.hits) == (1, 1, 0)


def test_a_refused_lead_is_sent_again_only_when_it_is_mended() -> None:
    service = Service()
    service.bad = {"L1"}
    with acting_server(service) as server:
        for _ in range(2):
            done = push_to(server.url, [lead(1)])
            assert (done.counts.refused, done.rejected[0].code) == (1, "refused_phone_number")
        assert service.batches == [1]
        service.bad = set()
        assert push_to(server.url, [lead(1, city="Pune")]).counts.created == 1


def test_suppressed_numbers_are_never_sent(push: Pushing, mock: RunningMock, tmp_path: Path) -> None:
    (tmp_path / "dnd.csv").write_text("mobile\n98000 00001\nnot a number\n")
    done = push(mock.url, leads(3), suppress=tmp_path / "dnd.csv")
    assert (done.counts.created, done.counts.rejected) == (2, {"suppressed": 1})
    (tmp_path / "numbers.csv").write_text("9800000010\n9800000011\n")
    assert push(mock.url, [lead(10), lead(11)], suppress=tmp_path / "numbers.csv").counts.rejected == {"suppressed": 2}
    assert push(mock.url, [lead(12)], suppress=["+919800000012"]).counts.rejected == {"suppressed": 1}
    with pytest.raises(InvalidInputError, match="holds no phone number"):
        push(mock.url, [lead(13)], suppress=["nobody"])


@pytest.mark.parametrize(("most", "stops"), [(2, False), (1, True), (0, True), (0.02, False), (0.01, True)])
def test_a_push_of_the_wrong_file_is_stopped_before_anything_is_sent(
    mock: RunningMock, most: float, stops: bool
) -> None:
    rows = [*leads(98), lead(98, phone_number="12"), lead(99, phone_number="13")]
    if stops:
        with pytest.raises(PushStoppedError, match="2 of the first 100 rows are rejected") as stopped:
            push_to(mock.url, rows, max_rejected=most)
        assert stopped.value.result.counts.hits == 0
    else:
        assert push_to(mock.url, rows, max_rejected=most).counts.created == 98


def test_refusals_of_the_server_count_too() -> None:
    service = Service()
    service.bad = {f"L{number}" for number in range(10)}
    with acting_server(service) as server, pytest.raises(PushStoppedError, match="10 of the first 2000"):
        push_to(server.url, leads(2000), max_rejected=5)


@pytest.mark.parametrize("most", [-1, float("nan"), "5%"])
def test_a_bound_that_is_none_is_refused(most: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_rejected"):
        push_to("http://127.0.0.1:1", [], max_rejected=most)


def test_an_option_that_does_not_exist_is_refused_rather_than_pushed_without(push: Pushing) -> None:
    with pytest.raises(TypeError, match="'dryrun'"):
        push("http://127.0.0.1:1", [lead(1)], dryrun=True)


def test_a_dry_run_sends_nothing_and_writes_nothing(push: Pushing, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [*leads(1500), lead(1, phone_number="12")])
    before = sorted(tmp_path.rglob("*"))
    with acting_server(Reply(500)) as server:
        done = push(server.url, path, dry_run=True)
        assert server.seen == []
    assert sorted(tmp_path.rglob("*")) == before
    assert (done.counts.waiting, done.counts.created, done.ledger, len(done.first)) == (1500, 0, "", 3)
    assert done.counts.rejected == {"phone_number_invalid": 1}
    assert (done.rejected[0].row.number, done.rejected_file) == (1502, None)


def test_a_plan_counts_hits_and_minutes() -> None:
    plan = plan_of(200_500, hits_per_window=100, window_seconds=60)
    assert (plan.hits, plan.minutes) == (201, 2.0)
    assert plan_of(0, hits_per_window=100, window_seconds=60).minutes == 0


class LoanLead(Lead):
    amount: int


def test_custom_fields_are_checked_by_the_campaigns_own_type(mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [lead(1, amount="5"), lead(2, amount="many")])
    with SquadIQ("test_token", base_url=mock.url, quota="memory") as client:
        done = client.campaign("c1", lead_type=LoanLead).push_leads(path)
    assert (done.counts.created, done.counts.rejected) == (1, {"field_invalid": 1})
    assert done.columns.types == {"amount": "text"}
    rows = rejected(done.rejected_file)
    assert "many" not in rows[0]["squadiq_reason"]


def test_rows_of_json_that_no_file_can_hold_are_rejected_nevertheless(mock: RunningMock, tmp_path: Path) -> None:
    (tmp_path / "leads.jsonl").write_text(json.dumps(lead(1, lead_id="L\ud800", contact_name="A\ud800")))
    done = push_to(mock.url, tmp_path / "leads.jsonl")
    assert done.counts.created == 0
    assert "ud800" in rejected(done.rejected_file)[0]["lead_id"]


def test_a_folder_that_cannot_be_written_is_told(mock: RunningMock, tmp_path: Path) -> None:
    path = csv_file(tmp_path / "leads.csv", [lead(1, phone_number="12")])
    (tmp_path / "leads.csv.rejected.csv").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        push_to(mock.url, path)
    assert not list(tmp_path.glob(".leads*")), "nothing about people is left beside the file"


def test_rejections_without_a_file_are_kept_up_to_a_bound(mock: RunningMock) -> None:
    done = push_to(mock.url, [lead(1, phone_number="12")] * 1001)
    assert (len(done.rejected), done.counts.rejected.total()) == (1000, 1001)


def many_rows(count: int, look: Callable[[], None]) -> Iterator[dict[str, Any]]:
    for number in range(count):
        if number % 10_000 == 9_999:
            look()
        yield lead(number)


@pytest.mark.unmeasured
def test_memory_does_not_grow_with_the_source(mock: RunningMock) -> None:
    most: list[int] = []

    def look() -> None:
        most.append(sum(type(each) is Row for each in gc.get_objects()))

    gc.collect()  # what other tests have left
    done = push_to(mock.url, many_rows(50_000, look))
    assert done.counts.created == 50_000
    assert done.counts.hits <= 53
    assert max(most) <= 4000


def chunks(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield from rows


def test_two_pushes_share_a_postgresql(push: Pushing, mock: RunningMock, postgres_url: str) -> None:
    """Of one list, at once: each waits for what the other has in hand, and no lead is created twice."""
    ledger = postgres_database(postgres_url)
    results: list[PushResult] = []
    both = threading.Barrier(2)

    def one() -> None:
        both.wait()
        results.append(push(mock.url, leads(3000), ledger=ledger))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(result.is_good for result in results)
    assert sum(result.counts.created for result in results) == 3000
    assert {result.counts.created + result.counts.created_before for result in results} == {3000}
    assert all("***" in result.ledger or "@" not in result.ledger for result in results)


def test_what_another_push_has_in_hand_is_told_of_rows_that_come_once(mock: RunningMock, postgres_url: str) -> None:
    ledger = postgres_database(postgres_url)
    told: list[PushResult] = []

    def second(counts: Any, total: object) -> None:
        if not told:
            told.append(push_to(mock.url, chunks(leads(5)), ledger=ledger))

    assert push_to(mock.url, leads(5), ledger=ledger, on_progress=second).counts.created == 5
    assert (told[0].counts.elsewhere, told[0].is_good) == (5, False)


def test_columns_of_rows_without_known_headings_are_as_given(mock: RunningMock) -> None:
    rows = [{"Mobile": "9876543210", "who": "Asha", "x": 1}]
    columns = Columns(fields={"Mobile": "phone_number", "who": "contact_name"}, lead_id_from=["Mobile"])
    assert push_to(mock.url, rows, columns=columns).counts.created == 1


def test_unknown_rows_without_a_file_are_kept_up_to_a_bound() -> None:
    service = Service()
    service.lose = set(range(1, 10))
    with acting_server(service) as server:
        done = push_to(server.url, leads(1100), client={"repeat_creates": False})
    assert (len(done.unknown), done.counts.unknown) == (1000, 1100)


def test_a_ledger_tells_what_it_knows_of_a_lead(mock: RunningMock, tmp_path: Path) -> None:
    push_to(mock.url, [lead(1)], ledger=tmp_path / "ledger.sqlite3")
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite3", service=mock.url, campaign_id="c1", source="x")
    with closing(ledger):
        ledger.open()
        found = ledger.of_lead("L1")
        assert found is not None
        assert (found[0].state, found[1], found[2]) == ("created", "list", 1)
        assert ledger.of_lead("L2") is None
    text = (tmp_path / "ledger.sqlite3").read_bytes()
    assert b"Asha" not in text
    assert lead(1)["phone_number"].encode() not in text


def test_a_place_where_no_ledger_can_be_is_told(mock: RunningMock, tmp_path: Path) -> None:
    (tmp_path / "l.sqlite3").mkdir()
    with pytest.raises(LedgerError, match="failed"):
        push_to(mock.url, [lead(1)], ledger=tmp_path / "l.sqlite3" / ("x" * 250))
    (tmp_path / "broken").write_bytes(b"no database" * 100)
    with pytest.raises(LedgerError, match="failed"):
        push_to(mock.url, [lead(1)], ledger=tmp_path / "broken")


def test_a_workbook_has_types_of_its_own(mock: RunningMock, tmp_path: Path) -> None:
    path = book(tmp_path / "leads.xlsx", [["lead id", "mobile", "name"], [1, 9876543210, "Asha"]])
    assert push_to(mock.url, path).counts.created == 1


def test_names_of_rows_without_headings_are_recognised_too(push: Pushing, mock: RunningMock, tmp_path: Path) -> None:
    rows = [
        {"Lead ID": f"n{number}", "Mobile No": 9_876_543_210 + number, "Customer Name": "Asha"} for number in range(3)
    ]
    path = tmp_path / "leads.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows[:2]), "utf-8")
    assert push(mock.url, path).counts.created == 2
    assert push(mock.url, rows).counts.as_json()["created"] == 1
    with pytest.raises(InvalidInputError, match="which column is phone_number"):
        push(mock.url, [{**rows[0], "phone": "1", "lead_id": "x"}])
