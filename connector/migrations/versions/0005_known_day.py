"""The newest day that is known, so that a clock that runs ahead is noticed; a store that was in use knows its last run's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    known = op.create_table(
        "known_day",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_known_day")),
    )
    ledger = sa.table("ledger", sa.column("finished", sa.DateTime(timezone=True)))
    last = op.get_bind().execute(sa.select(sa.func.max(ledger.c.finished))).scalar()
    if last is not None:
        op.bulk_insert(known, [{"name": "newest", "day": last.date()}])


def downgrade() -> None:
    op.drop_table("known_day")
