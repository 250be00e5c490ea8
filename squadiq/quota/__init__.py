"""The quota of a business: 100 hits a minute, shared by everyone who uses the same access token."""

from __future__ import annotations

from squadiq.errors import QuotaStoreError, QuotaWaitError
from squadiq.quota.factory import check_reserve, ends_in_time, open_store, quota_limits, quota_name, reserve_for_bulk
from squadiq.quota.memory import MemoryStore
from squadiq.quota.postgres import PostgresStore
from squadiq.quota.redis import RedisStore
from squadiq.quota.sqlite import SQLiteStore
from squadiq.quota.store import QuotaStore, Reservation, Snapshot

__all__ = [
    "MemoryStore",
    "PostgresStore",
    "QuotaStore",
    "QuotaStoreError",
    "QuotaWaitError",
    "RedisStore",
    "Reservation",
    "SQLiteStore",
    "Snapshot",
    "check_reserve",
    "ends_in_time",
    "open_store",
    "quota_limits",
    "quota_name",
    "reserve_for_bulk",
]
