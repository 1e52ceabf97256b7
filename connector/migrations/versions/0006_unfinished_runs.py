"""A run's line stands in the ledger from its beginning: one without an end goes on, or was cut off."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    with op.batch_alter_table("ledger") as table:
        table.alter_column("finished", existing_type=TIME, nullable=True)


def downgrade() -> None:
    op.execute("UPDATE ledger SET finished = started WHERE finished IS NULL")
    with op.batch_alter_table("ledger") as table:
        table.alter_column("finished", existing_type=TIME, nullable=False)
