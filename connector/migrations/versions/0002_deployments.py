"""What was last deployed where: the hashes of workbook and XForm, and the platform's names for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "deployment",
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("form_id", sa.String(length=64), nullable=False),
        sa.Column("workbook", sa.String(length=64), nullable=False),
        sa.Column("xform", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("native_form", sa.String(length=64), nullable=False),
        sa.Column("native_version", sa.String(length=64), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("target", "form_id", name=op.f("pk_deployment")),
    )


def downgrade() -> None:
    op.drop_table("deployment")
