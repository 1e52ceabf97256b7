"""The tables of the store, in one place. What a change here needs is a migration in `connector/migrations/versions`.

Times are kept to the day. Exact marks stand only where the order of versions needs them (`sighting.changed_at`), in
the cursors and in the ledger of our own runs. Nobody's code, name or text is here in clear.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

__all__ = [
    "collector",
    "cursor",
    "deployment",
    "erased",
    "form_version",
    "free_text",
    "issued_code",
    "ledger",
    "metadata",
    "native_form",
    "provider",
    "quarantine",
    "service",
    "set_aside",
    "sighting",
    "submission",
]

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMING)

# One version of one of our forms; `marks` is xlsforms' JSON of what the questions mean.
form_version = Table(
    "form_version",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("form_id", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("marks", Text, nullable=False),
    Column("xform", Text),
    UniqueConstraint("form_id", "version"),
)

# How a source calls a form version: KoboToolbox replaces id and version by its own.
native_form = Table(
    "native_form",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("native_form", String(64), primary_key=True),
    Column("native_version", String(64), primary_key=True),
    Column("form_version_id", ForeignKey("form_version.id"), nullable=False),
)

# What was last put into service on a platform: the hashes of it, and how the platform calls what it made of it.
deployment = Table(
    "deployment",
    metadata,
    Column("target", String(255), primary_key=True),
    Column("form_id", String(64), primary_key=True),
    Column("workbook", String(64), nullable=False),
    Column("xform", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("native_form", String(64), nullable=False),
    Column("native_version", String(64), nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("day", Date, nullable=False),
)

# One instance, whatever sources it came from. A deleted one keeps its identity and nothing else. `ratings` are the coded
# values of all its indicators as `connector.ratings` writes them. Its number is given by the writer, who is always alone.
submission = Table(
    "submission",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("form_id", String(64), nullable=False),
    Column("root_id", String(64), nullable=False),
    Column("form_version_id", ForeignKey("form_version.id"), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("mode", String(16), nullable=False),
    Column("review", String(16), nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("provider", String(64)),
    Column("role", String(64)),
    Column("place", String(64)),
    Column("day", Date),
    Column("quarter", String(6)),
    Column("seconds", Integer),
    Column("survivor", String(32)),
    Column("collector", String(32)),
    Column("receipt", String(32), index=True),
    Column("flags", Text, nullable=False),
    Column("ratings", Text, nullable=False),
    UniqueConstraint("form_id", "root_id"),
)

# Where an instance was seen. The content is the owner's; the others are kept to know how often it arrived.
sighting = Table(
    "sighting",
    metadata,
    Column("submission_id", ForeignKey("submission.id"), primary_key=True),
    Column("source", String(64), primary_key=True),
    Column("native_id", String(255), nullable=False),
    Column("version_id", String(64), nullable=False, index=True),
    Column("review", String(16), nullable=False),
    Column("changed_at", DateTime(timezone=True)),
    Column("deleted", Boolean, nullable=False),
    sqlite_with_rowid=False,  # the key is the table: one tree to fill instead of two
)

# What became of one rehabilitation service.
service = Table(
    "service",
    metadata,
    Column("submission_id", ForeignKey("submission.id"), primary_key=True),
    Column("service", String(64), primary_key=True),
    Column("needed", String(64), nullable=False),
    Column("asked", String(64), nullable=False),
    Column("received", String(64), nullable=False),
    Column("month", String(7), nullable=False),
    Column("days_to_order", Integer),
    Column("days_to_payment", Integer),
)

# Free text, sealed to the key holders.
free_text = Table(
    "free_text",
    metadata,
    Column("submission_id", ForeignKey("submission.id"), primary_key=True),
    Column("kind", String(32), primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

# Rows that may not be stored (no consent, not adult, practice), as keyed hashes: so that a sweep knows them.
set_aside = Table(
    "set_aside",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("key", String(32), primary_key=True),
    Column("version", String(32), nullable=False),
)

# Keyed hashes of instances and receipts that must never be stored again.
erased = Table("erased", metadata, Column("key", String(32), primary_key=True))

# Records nobody could read, sealed, each with its reason.
quarantine = Table(
    "quarantine",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("native_id", String(255), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("day", Date, nullable=False),
)

# Pseudonyms of the codes on the programme's roll.
issued_code = Table("issued_code", metadata, Column("survivor", String(32), primary_key=True))

# The registry, one row for each posting.
provider = Table(
    "provider",
    metadata,
    Column("posting", String(96), primary_key=True),
    Column("name", String(64), nullable=False, index=True),
    Column("label", Text, nullable=False),
    Column("label_bn", Text, nullable=False),
    Column("label_hi", Text, nullable=False),
    Column("label_en", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("office", String(64), nullable=False),
    Column("role", String(64), nullable=False),
    Column("block", String(64), nullable=False),
    Column("district", String(64), nullable=False),
    Column("state", String(64), nullable=False),
    Column("since", Date),
    Column("until", Date),
    Column("served", Integer),
)

# Collectors by pseudonym, with the office they may not ask about.
collector = Table(
    "collector",
    metadata,
    Column("pseudonym", String(32), primary_key=True),
    Column("office", String(64), nullable=False),
)

cursor = Table(
    "cursor",
    metadata,
    Column("source", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

# One row for each run of each source, from its beginning on; what was cut off has no end.
ledger = Table(
    "ledger",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String(64), nullable=False),
    Column("started", DateTime(timezone=True), nullable=False),
    Column("finished", DateTime(timezone=True)),
    Column("seen", Integer, nullable=False),
    Column("new", Integer, nullable=False),
    Column("edited", Integer, nullable=False),
    Column("unchanged", Integer, nullable=False),
    Column("deleted", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    Column("quarantined", Integer, nullable=False),
    Column("error", Text),
    Column("no_consent", Integer, nullable=False, server_default="0"),
    Column("not_adult", Integer, nullable=False, server_default="0"),
    Column("practice", Integer, nullable=False, server_default="0"),
    Column("erased", Integer, nullable=False, server_default="0"),
    Column("expected", Integer),
    Column("waited_seconds", Integer),
    Column("gone", Integer, nullable=False, server_default="0"),
    Column("allowed", Boolean, nullable=False, server_default=false()),
)
