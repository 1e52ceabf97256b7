"""The tables of what clerks and the scheduler do: erasures still to finish, codes taken back, the audit, the heartbeat, the day."""

from __future__ import annotations

from sqlalchemy import Column, Date, DateTime, Integer, String, Table, Text

from connector.store.tables import metadata

__all__ = ["audit", "erased_survivor", "erasure_task", "heartbeat", "known_day", "revoked_code"]

# Survivors who had everything erased, as keyed hashes: what is dated up to `until` is never stored (again).
erased_survivor = Table(
    "erased_survivor",
    metadata,
    Column("key", String(32), primary_key=True),
    Column("until", Date, nullable=False),
)

# Erased instances that still lie at a source, by the source's own name for them. `reason` says why not yet deleted.
erasure_task = Table(
    "erasure_task",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("native_id", String(255), primary_key=True),
    Column("key", String(32), nullable=False, index=True),
    Column("reason", Text),
    Column("day", Date, nullable=False),
)

# Pseudonyms of codes that were taken off the roll; they are never issued again.
revoked_code = Table("revoked_code", metadata, Column("survivor", String(32), primary_key=True))

# What people did to the store, one sentence each, without anybody's identity.
audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("day", Date, nullable=False),
    Column("action", String(32), nullable=False),
    Column("said", Text, nullable=False),
)

# When the scheduler last began and finished a turn, and how many minutes it pauses.
heartbeat = Table(
    "heartbeat",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("began", DateTime(timezone=True), nullable=False),
    Column("finished", DateTime(timezone=True)),
    Column("every_minutes", Integer, nullable=False),
)

# The newest day that servers and our own runs have shown, in one row: a clock far ahead of it is not believed.
known_day = Table(
    "known_day",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("day", Date, nullable=False),
)
