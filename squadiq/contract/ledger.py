"""The leads that a run makes on a live service, written down before they are sent, so that none is left behind."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squadiq.errors import ConfigurationError
from squadiq.quota.opening import state_directory


@dataclass(frozen=True, slots=True)
class Where:
    """Hold where the leads of a ledger are; neither a token nor a phone number is ever in it."""

    base_url: str
    campaign_id: str
    prefix: str


class Ledger:
    """Know which leads a run may have created and has not deleted yet; it survives a crash at any moment.

    Args:
        path: its file, a line of JSON for each thing that happened.
        where: for a new file; an existing one says it in its first line.

    Raises:
        ConfigurationError: the file is no ledger.
    """

    def __init__(self, path: Path, where: Where | None = None) -> None:
        self.path = path
        self.pending: dict[str, None] = {}
        if where is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600, exist_ok=False)
            self.where = where
            self._write({"base_url": where.base_url, "campaign_id": where.campaign_id, "prefix": where.prefix})
            return
        try:
            # What was not written to its end was not sent either.
            lines: list[Any] = [json.loads(line) for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")]
            self.where = Where(**lines[0])
        except (OSError, ValueError, TypeError, IndexError):
            raise ConfigurationError(f"{path} is no ledger of a contract test.") from None
        for line in lines[1:]:
            if "created" in line:
                self.pending |= dict.fromkeys(line["created"])
            else:
                self.pending.pop(line["deleted"], None)

    def creating(self, lead_ids: Iterable[str]) -> None:
        """Write down leads that are about to be sent; returns once the disk has them."""
        new = list(lead_ids)
        self._write({"created": new})
        self.pending |= dict.fromkeys(new)

    def deleted(self, lead_id: str) -> None:
        """Write down that a lead is gone."""
        if lead_id in self.pending:
            self._write({"deleted": lead_id})
            del self.pending[lead_id]

    def close(self) -> None:
        """Remove the file if nothing is left to delete."""
        if not self.pending:
            self.path.unlink(missing_ok=True)

    def _write(self, line: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.write(json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def ledger_directory() -> Path:
    """Return where ledgers are kept."""
    return state_directory() / "contract"


def unfinished(directory: Path) -> list[Ledger]:
    """Return the ledgers that still name leads.

    Raises:
        ConfigurationError: a file in the directory is no ledger.
    """
    ledgers = [Ledger(path) for path in sorted(directory.glob("*.jsonl"))]
    return [ledger for ledger in ledgers if ledger.pending]
