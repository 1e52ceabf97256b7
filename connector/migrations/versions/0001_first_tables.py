"""The first tables: instances with their sightings, values, services, sealed texts; roll, registry, ledger, quarantine."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "collector",
        sa.Column("pseudonym", sa.String(length=32), nullable=False),
        sa.Column("office", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", name=op.f("pk_collector")),
    )
    op.create_table(
        "cursor",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_cursor")),
    )
    op.create_table(
        "erased",
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_erased")),
    )
    op.create_table(
        "form_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("form_id", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("marks", sa.Text(), nullable=False),
        sa.Column("xform", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_form_version")),
        sa.UniqueConstraint("form_id", "version", name=op.f("uq_form_version_form_id")),
    )
    op.create_table(
        "issued_code",
        sa.Column("survivor", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("survivor", name=op.f("pk_issued_code")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("edited", sa.Integer(), nullable=False),
        sa.Column("unchanged", sa.Integer(), nullable=False),
        sa.Column("deleted", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("quarantined", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
    )
    op.create_table(
        "provider",
        sa.Column("posting", sa.String(length=96), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("label_bn", sa.Text(), nullable=False),
        sa.Column("label_hi", sa.Text(), nullable=False),
        sa.Column("label_en", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("office", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("block", sa.String(length=64), nullable=False),
        sa.Column("district", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("served", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("posting", name=op.f("pk_provider")),
    )
    op.create_index(op.f("ix_provider_name"), "provider", ["name"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("native_id", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("source", "native_id", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "set_aside",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_set_aside")),
    )
    op.create_table(
        "native_form",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("native_form", sa.String(length=64), nullable=False),
        sa.Column("native_version", sa.String(length=64), nullable=False),
        sa.Column("form_version_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["form_version_id"], ["form_version.id"], name=op.f("fk_native_form_form_version_id")
        ),
        sa.PrimaryKeyConstraint("source", "native_form", "native_version", name=op.f("pk_native_form")),
    )
    op.create_table(
        "submission",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("form_id", sa.String(length=64), nullable=False),
        sa.Column("root_id", sa.String(length=64), nullable=False),
        sa.Column("form_version_id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("review", sa.String(length=16), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=True),
        sa.Column("role", sa.String(length=64), nullable=True),
        sa.Column("place", sa.String(length=64), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("quarter", sa.String(length=6), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("survivor", sa.String(length=32), nullable=True),
        sa.Column("collector", sa.String(length=32), nullable=True),
        sa.Column("receipt", sa.String(length=32), nullable=True),
        sa.Column("flags", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["form_version_id"], ["form_version.id"], name=op.f("fk_submission_form_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_submission")),
        sa.UniqueConstraint("form_id", "root_id", name=op.f("uq_submission_form_id")),
    )
    op.create_index("ix_submission_quarter", "submission", ["quarter"], unique=False)
    op.create_index(op.f("ix_submission_receipt"), "submission", ["receipt"], unique=False)
    op.create_table(
        "free_text",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_free_text_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", "kind", name=op.f("pk_free_text")),
    )
    op.create_table(
        "indicator_value",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_indicator_value_submission_id")
        ),
        sa.PrimaryKeyConstraint("submission_id", "name", name=op.f("pk_indicator_value")),
    )
    op.create_table(
        "service",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("service", sa.String(length=64), nullable=False),
        sa.Column("needed", sa.String(length=64), nullable=False),
        sa.Column("asked", sa.String(length=64), nullable=False),
        sa.Column("received", sa.String(length=64), nullable=False),
        sa.Column("month", sa.String(length=7), nullable=False),
        sa.Column("days_to_order", sa.Integer(), nullable=True),
        sa.Column("days_to_payment", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_service_submission_id")),
        sa.PrimaryKeyConstraint("submission_id", "service", name=op.f("pk_service")),
    )
    op.create_table(
        "sighting",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("native_id", sa.String(length=255), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("review", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_sighting_submission_id")),
        sa.PrimaryKeyConstraint("source", "submission_id", name=op.f("pk_sighting")),
    )
    op.create_index("ix_sighting_submission_id", "sighting", ["submission_id"], unique=False)
    op.create_index(op.f("ix_sighting_version_id"), "sighting", ["version_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_sighting_version_id"), table_name="sighting")
    op.drop_index("ix_sighting_submission_id", table_name="sighting")
    op.drop_table("sighting")
    op.drop_table("service")
    op.drop_table("indicator_value")
    op.drop_table("free_text")
    op.drop_index(op.f("ix_submission_receipt"), table_name="submission")
    op.drop_index("ix_submission_quarter", table_name="submission")
    op.drop_table("submission")
    op.drop_table("native_form")
    op.drop_table("set_aside")
    op.drop_table("quarantine")
    op.drop_index(op.f("ix_provider_name"), table_name="provider")
    op.drop_table("provider")
    op.drop_table("ledger")
    op.drop_table("issued_code")
    op.drop_table("form_version")
    op.drop_table("erased")
    op.drop_table("cursor")
    op.drop_table("collector")
