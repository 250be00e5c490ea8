"""The files of a SQLite inbox: taken away while it runs, readable for others, opened by many at once."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from squadiq._sqlite import use_wal
from squadiq.inbox import Inbox, InboxError
from squadiq.inbox.tables import INBOX
from squadiq.queue import database
from squadiq.queue.files import make_private, tell_if_others_can_read
from squadiq.webhooks import AsgiWebhook, DeliveredLead, WsgiWebhook, parse
from tests.inbox.test_handling import DEADLINE_SECONDS, until
from tests.webhooks.payloads import delivery
from tests.webhooks.processes import ROOT
from tests.webhooks.serving import KINDS, send, serving


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder / "inbox.sqlite3"


def lead(lead_id: str) -> DeliveredLead:
    return parse(delivery(lead_id=lead_id), {})


def in_file(path: Path) -> list[str]:
    """What whoever opens the file now finds in it."""
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT lead_id FROM squadiq_inbox_results ORDER BY id")]


def delete(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").unlink(missing_ok=True)


def delete_only_the_database(path: Path) -> None:
    path.unlink()


def delete_only_the_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


def delete_the_folder(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.mkdir()


def move(path: Path) -> None:
    for ending in ("", "-wal", "-shm"):
        Path(f"{path}{ending}").rename(f"{path}.moved{ending}")


def replace_by_a_copy(path: Path) -> None:
    with closing(sqlite3.connect(path)) as here, closing(sqlite3.connect(f"{path}.copy")) as copy:
        here.backup(copy)
    Path(f"{path}.copy").replace(path)


TAKEN_AWAY = [delete, delete_only_the_database, delete_only_the_log, delete_the_folder, move, replace_by_a_copy]


@pytest.mark.parametrize("take_away", TAKEN_AWAY)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_acknowledged_into_a_file_that_is_gone(
    path: Path, kind: str, take_away: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    webhook = AsgiWebhook if kind == "asgi" else WsgiWebhook
    with Inbox(path) as inbox, serving(kind, webhook(inbox)) as port:
        assert send(port, delivery(lead_id="before")).status == 201
        take_away(path)
        acknowledged = [f"after-{n}" for n in range(4) if send(port, delivery(lead_id=f"after-{n}")).status == 201]
        assert set(acknowledged) <= set(in_file(path))
        assert acknowledged[-1] == "after-3"
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or take_away is replace_by_a_copy
    assert "DELETED OR REPLACED WHILE IT WAS IN USE" in caplog.text
    assert caplog.text.count("DELETED OR REPLACED") == 1


def test_a_file_that_vanishes_within_a_commit_is_not_acknowledged(path: Path) -> None:
    from sqlalchemy import event

    with Inbox(path) as inbox:
        inbox.receive(lead("before"))
        engine = inbox._open().engine  # pyright: ignore[reportPrivateUsage]

        def vanish(connection: Connection) -> None:
            delete(path)

        event.listen(engine, "commit", vanish)
        with pytest.raises(InboxError, match="deleted or replaced"):
            inbox.receive(lead("lost"))
        event.remove(engine, "commit", vanish)
        inbox.receive(lead("after"))
        assert in_file(path) == ["after"]


def test_a_file_that_is_replaced_while_it_is_opened_is_not_taken_for_the_other(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def use_wal_and_be_replaced(connection: sqlite3.Connection, within_seconds: float) -> None:
        use_wal(connection, within_seconds)
        replace_by_a_copy(path)

    with Inbox(path) as inbox:
        monkeypatch.setattr(database, "use_wal", use_wal_and_be_replaced)
        with pytest.raises(InboxError, match="deleted or replaced"):
            inbox.receive(lead("a"))
        monkeypatch.undo()
        inbox.receive(lead("b"))
        assert in_file(path) == ["b"]


def test_files_that_are_not_there_are_not_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tell_if_others_can_read(str(path), INBOX)
    assert not caplog.records


def test_while_the_folder_is_gone_nothing_is_acknowledged_and_then_it_goes_on(path: Path) -> None:
    with Inbox(path) as inbox, serving("asgi", AsgiWebhook(inbox)) as port:
        assert send(port, delivery(lead_id="before")).status == 201
        shutil.rmtree(path.parent)
        assert [send(port, delivery(lead_id="meanwhile")).status for _ in range(2)] == [503, 503]
        path.parent.mkdir()
        assert send(port, delivery(lead_id="after")).status == 201
        assert in_file(path) == ["after"]


@pytest.mark.parametrize("take_away", [delete, delete_only_the_database, delete_the_folder])
def test_a_worker_whose_file_is_gone_handles_what_comes_in_the_new_one(
    path: Path, take_away: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("squadiq.inbox.worker.POLL_SECONDS", 0.01)
    handled: list[str] = []
    entered, go_on = threading.Event(), threading.Event()

    def handle(lead: DeliveredLead) -> None:
        entered.set()
        assert go_on.wait(DEADLINE_SECONDS)
        handled.append(lead.lead_id)

    with Inbox(path) as inbox, Inbox(path) as other:
        inbox.on_processed(handle)
        other.receive(lead("before"))
        running = threading.Thread(target=inbox.run)
        running.start()
        assert entered.wait(DEADLINE_SECONDS)
        take_away(path)
        other.receive(lead("after"))
        go_on.set()
        until(lambda: "after" in handled)
        until(lambda: other.counts()["handled"] == 1)
        inbox.stop()
        running.join(DEADLINE_SECONDS)
        assert not running.is_alive()
        assert other.counts() == {"waiting": 0, "handled": 1, "failed": 0}


def test_a_handlers_transaction_is_not_taken_for_done_in_a_file_that_is_gone(path: Path) -> None:
    with Inbox(path) as inbox:

        @inbox.on_processed(in_transaction=True)
        def handle(_lead: DeliveredLead, _connection: Connection) -> None:
            delete(path)

        inbox.receive(lead("a"))
        assert inbox.run(once=True) == 0


@pytest.fixture
def _usual_umask() -> Generator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize(("ending", "mode"), [("", 0o644), ("", 0o640), ("-wal", 0o604), ("-shm", 0o666)])
def test_an_inbox_that_others_can_read_is_told_once(
    path: Path, ending: str, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    with Inbox(path) as keeping:
        keeping.receive(lead("a"))
        assert not caplog.records
        Path(f"{path}{ending}").chmod(mode)
        for _ in range(3):
            with Inbox(path) as inbox:
                inbox.receive(lead("b"))
    (told,) = caplog.records
    assert told.levelno == logging.WARNING
    assert path.name + ending in told.getMessage()
    assert "chmod" in told.getMessage()


@pytest.mark.parametrize(("mode", "told"), [(0o755, False), (0o777, True), (0o1777, False), (0o770, True)])
def test_a_folder_in_which_others_can_replace_the_inbox_is_told(
    path: Path, mode: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.chmod(mode)
    with Inbox(path) as inbox:
        inbox.receive(lead("a"))
    assert ("can replace the inbox" in caplog.text) is told


@pytest.mark.usefixtures("_usual_umask")
def test_a_new_file_is_private_whatever_the_umask(path: Path) -> None:
    with Inbox(path) as inbox:
        inbox.receive(lead("a"))
        assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


OPEN_AT_ONCE = """
import os, sys
from squadiq.inbox import Inbox
from squadiq.webhooks import parse
from tests.webhooks.payloads import delivery
ready, go = int(sys.argv[2]), int(sys.argv[3])
lead = parse(delivery(lead_id=os.getpid()), {})
inbox = Inbox(sys.argv[1])
os.write(ready, b"r")
os.read(go, 1)
inbox.receive(lead)
"""


@pytest.mark.unmeasured
def test_many_processes_that_open_a_new_inbox_at_the_same_moment_all_succeed(path: Path) -> None:
    ready, go = os.pipe(), os.pipe()
    command = [sys.executable, "-c", OPEN_AT_ONCE, str(path), str(ready[1]), str(go[0])]
    processes = [
        subprocess.Popen(command, cwd=ROOT, pass_fds=(ready[1], go[0]), stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    try:
        for _ in processes:
            assert os.read(ready[0], 1)
        os.write(go[1], b"g" * len(processes))
        assert [process.communicate(timeout=60)[1] for process in processes] == [""] * len(processes)
    finally:
        for end in (*ready, *go):
            os.close(end)
        for process in processes:
            process.kill()
    assert sorted(in_file(path)) == sorted(str(process.pid) for process in processes)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="nothing tells which files are open")
def test_a_new_file_leaves_no_descriptor_open(tmp_path: Path) -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))

    with Inbox(tmp_path / "first.sqlite3") as inbox:  # what is opened once in a process is open now
        assert inbox.counts()
    before = opened()
    for number in range(3):
        with Inbox(tmp_path / f"{number}.sqlite3") as inbox:
            assert inbox.counts()
    assert opened() == before


def test_many_threads_with_an_inbox_each_open_a_new_file_at_the_same_moment(path: Path) -> None:
    together = threading.Barrier(8)
    failed: list[BaseException] = []

    def open_and_receive(number: int) -> None:
        with Inbox(path) as inbox:
            together.wait(DEADLINE_SECONDS)
            try:
                asyncio.run(inbox.receive_async(lead(str(number))))
            except BaseException as error:
                failed.append(error)

    threads = [threading.Thread(target=open_and_receive, args=(number,)) for number in range(together.parties)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(in_file(path)) == together.parties


def test_a_file_that_another_made_meanwhile_is_left_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"")

    def was_missing(_: str) -> bool:
        return False

    monkeypatch.setattr(os.path, "lexists", was_missing)
    before = path.stat().st_ino
    make_private(str(path), INBOX)
    assert (path.stat().st_ino, [file.name for file in path.parent.iterdir()]) == (before, [path.name])


def test_a_file_that_may_not_be_written_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the system tells it to anybody but root, who may do everything."""
    path.touch(0o400)

    def may_only_read(_: str, mode: int) -> bool:
        return not mode & os.W_OK

    monkeypatch.setattr(os, "access", may_only_read)
    with pytest.raises(InboxError, match="cannot be opened \\(Permission denied\\)"):
        Inbox(path).counts()


def test_what_is_no_file_is_told(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InboxError, match="cannot be opened \\(it is no file\\)"):
        Inbox(path).counts()
