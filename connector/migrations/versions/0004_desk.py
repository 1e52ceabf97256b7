"""What clerks and the scheduler do: erasures to finish, revoked codes, audit, heartbeat; more in the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

REASONS = ("no_consent", "not_adult", "practice", "erased")


def upgrade() -> None:
    op.create_table(
        "erased_survivor",
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("until", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_erased_survivor")),
    )
    op.create_table(
        "erasure_task",
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("native_id", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("source", "native_id", name=op.f("pk_erasure_task")),
    )
    op.create_index(op.f("ix_erasure_task_key"), "erasure_task", ["key"], unique=False)
    op.create_table(
        "revoked_code",
        sa.Column("survivor", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("survivor", name=op.f("pk_revoked_code")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("began", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("every_minutes", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeat")),
    )
    for reason in REASONS:
        op.add_column("ledger", sa.Column(reason, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("ledger", sa.Column("expected", sa.Integer(), nullable=True))
    op.add_column("ledger", sa.Column("waited_seconds", sa.Integer(), nullable=True))
    op.add_column("ledger", sa.Column("gone", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("ledger", sa.Column("allowed", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for name in ("allowed", "gone", "waited_seconds", "expected", *reversed(REASONS)):
        with op.batch_alter_table("ledger") as table:
            table.drop_column(name)
    for name in ("heartbeat", "audit", "revoked_code", "erasure_task", "erased_survivor"):
        op.drop_table(name)
