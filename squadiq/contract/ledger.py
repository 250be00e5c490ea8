"""The leads that a run makes on a live service, written down before they are sent, so that none is left behind."""

from __future__ import annotations

import errno
import json
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import Any

from squadiq.errors import ConfigurationError
from squadiq.quota.factory import state_directory

_PREFIX = "squadiq-contract-"


@dataclass(frozen=True, slots=True)
class LedgerHeader:
    """Hold where the leads of a ledger are; neither a token nor a phone number is ever in it."""

    base_url: str
    campaign_id: str
    prefix: str


class LeadLedger:
    """Know which leads a run may have created and has not deleted yet; it survives a crash at any moment.

    Args:
        path: its file, a line of JSON for each thing that happened.
        where: for a new file, which must not be there yet; an existing one says it in its first line.

    Raises:
        ConfigurationError: the file is no whole ledger, or cannot be written.
    """

    def __init__(self, path: Path, where: LedgerHeader | None = None) -> None:
        self.path = path
        self.pending: dict[str, None] = {}
        if where is None:
            self.where = self._read()
            return
        self.where = where
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600, exist_ok=False)
            self._write({"base_url": where.base_url, "campaign_id": where.campaign_id, "prefix": where.prefix})
        except OSError as error:
            raise ConfigurationError(
                f"The ledger {path} cannot be written ({error.strerror}). Without one no lead is created:"
                " set XDG_STATE_HOME to a folder that can be written to."
            ) from None

    def refusal(self) -> str:
        """Return why its leads must not be deleted, "" if all of them are such as runs make.

        Whoever can write the file could name leads of a business in it.
        """
        prefix = self.where.prefix
        if not prefix.startswith(_PREFIX) or not all(lead_id.startswith(prefix) for lead_id in self.pending):
            return "it names leads that no contract test has made"
        return ""

    def creating(self, lead_ids: Iterable[str]) -> None:
        """Write down leads that are about to be sent; returns once the disk has them.

        Raises:
            OSError: the disk has not taken them.
        """
        new = list(lead_ids)
        self._write({"created": new})
        self.pending |= dict.fromkeys(new)

    def deleted(self, lead_id: str) -> None:
        """Write down that a lead is gone."""
        if lead_id in self.pending:
            with suppress(OSError):  # then it is looked for once more
                self._write({"deleted": lead_id})
            del self.pending[lead_id]

    def close(self) -> None:
        """Remove the file if nothing is left to delete."""
        if not self.pending:
            self.path.unlink(missing_ok=True)

    def _read(self) -> LedgerHeader:
        try:
            # What was not written to its end was not sent either.
            text = self.path.read_bytes().rpartition(b"\n")[0].decode()
            first, *lines = [json.loads(line) for line in text.split("\n")]
            where = LedgerHeader(**{name: _text(value) for name, value in first.items()})
            for line in lines:
                self._happened(**line)
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            raise ConfigurationError(f"{self.path} is no ledger of a contract test, or not a whole one.") from None
        return where

    def _happened(self, *, created: list[str] | None = None, deleted: str | None = None) -> None:
        for lead_id in created or ():
            self.pending[_text(lead_id)] = None
        if deleted is not None:
            self.pending.pop(_text(deleted), None)

    def _write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line).encode() + b"\n"
        with self.path.open("r+b", buffering=0) as file:
            before = file.seek(0, os.SEEK_END)
            try:
                _write_whole(file, text)
                os.fsync(file.fileno())
            except BaseException:
                # Half a line would spoil the next one.
                os.ftruncate(file.fileno(), before)
                raise


def new_ledger(directory: Path, base_url: str, campaign_id: str) -> LeadLedger:
    """Return the ledger of a new run, on the disk before anything is sent.

    Raises:
        ConfigurationError: it cannot be written.
    """
    name = f"{time.strftime('%Y%m%dT%H%M%S')}-{secrets.token_hex(4)}"
    return LeadLedger(directory / f"{name}.jsonl", LedgerHeader(base_url, campaign_id, f"{_PREFIX}{name}-"))


def ledger_directory() -> Path:
    """Return where ledgers are kept."""
    return state_directory() / "contract"


def unfinished(directory: Path) -> tuple[list[LeadLedger], list[str]]:
    """Return the ledgers that still name leads, and for each file that is no ledger a line that says so."""
    ledgers: list[LeadLedger] = []
    wrong: list[str] = []
    for path in sorted(directory.glob("*.jsonl")):
        try:
            ledgers.append(LeadLedger(path))
        except ConfigurationError as error:
            wrong.append(str(error))
    return [ledger for ledger in ledgers if ledger.pending], wrong


def _write_whole(file: RawIOBase, text: bytes) -> None:
    if file.write(text) != len(text):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
