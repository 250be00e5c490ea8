"""The quota of a business: 100 hits a minute, shared by everyone who uses the same access token."""

from __future__ import annotations

from squadiq.errors import QuotaStoreError, QuotaWaitError
from squadiq.quota.file import SQLiteStore
from squadiq.quota.memory import MemoryStore
from squadiq.quota.opening import ends_in_time, open_store, quota_name
from squadiq.quota.server import RedisStore
from squadiq.quota.store import Reservation, Snapshot, Store

__all__ = [
    "MemoryStore",
    "QuotaStoreError",
    "QuotaWaitError",
    "RedisStore",
    "Reservation",
    "SQLiteStore",
    "Snapshot",
    "Store",
    "ends_in_time",
    "open_store",
    "quota_name",
]
