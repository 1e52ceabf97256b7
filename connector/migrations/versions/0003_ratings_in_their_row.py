"""The values of an evaluation in one text of its own row; sightings ordered by instance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from connector.ratings import Layout, layout_of
from xlsforms import marks_from_json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ROWS = 5000  # are converted at a time

submission = sa.table(
    "submission",
    sa.column("id", sa.Integer),
    sa.column("form_version_id", sa.Integer),
    sa.column("deleted", sa.Boolean),
    sa.column("ratings", sa.Text),
)
value = sa.table(
    "indicator_value",
    sa.column("submission_id", sa.Integer),
    sa.column("name", sa.String),
    sa.column("value", sa.Float),
)
form_version = sa.table("form_version", sa.column("id", sa.Integer), sa.column("marks", sa.Text))


def upgrade() -> None:
    op.add_column("submission", sa.Column("ratings", sa.Text(), nullable=False, server_default=""))
    _move_values()
    op.drop_table("indicator_value")
    op.drop_index("ix_submission_quarter", table_name="submission")
    _sightings(("submission_id", "source"), with_rowid=False)


def downgrade() -> None:
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
    _move_values_back()
    op.drop_column("submission", "ratings")
    op.create_index("ix_submission_quarter", "submission", ["quarter"], unique=False)
    _sightings(("source", "submission_id"), with_rowid=True)
    op.create_index("ix_sighting_submission_id", "sighting", ["submission_id"], unique=False)


def _move_values() -> None:
    connection = op.get_bind()
    layouts = _layouts(connection)
    for rows in _some(connection, submission.c.id, submission.c.form_version_id, submission.c.deleted):
        numbers = [row.id for row in rows]
        found: dict[int, dict[str, float]] = {number: {} for number in numbers}
        of_these = value.c.submission_id.between(numbers[0], numbers[-1])
        for number, name, one in connection.execute(
            sa.select(value.c.submission_id, value.c.name, value.c.value).where(of_these)
        ):
            found[number][name] = one
        connection.execute(
            sa.update(submission).where(submission.c.id == sa.bindparam("number")),
            [
                {
                    "number": row.id,
                    "ratings": "" if row.deleted else layouts[row.form_version_id].pack(found[row.id]),
                }
                for row in rows
            ],
        )


def _move_values_back() -> None:
    connection = op.get_bind()
    layouts = _layouts(connection)
    for rows in _some(connection, submission.c.id, submission.c.form_version_id, submission.c.ratings):
        values = [
            {"submission_id": row.id, "name": name, "value": number}
            for row in rows
            for name, number in layouts[row.form_version_id].unpack(row.ratings).items()
        ]
        if values:
            connection.execute(sa.insert(value), values)


def _some(connection: sa.Connection, *columns: sa.ColumnClause[Any]) -> Iterator[list[Any]]:
    """The instances in the order of their numbers, some thousands at a time."""
    last = 0
    while True:
        rows = connection.execute(
            sa.select(*columns).where(submission.c.id > last).order_by(submission.c.id).limit(ROWS)
        ).all()
        if not rows:
            return
        yield list(rows)
        last = rows[-1].id


def _layouts(connection: sa.Connection) -> dict[int, Layout]:
    rows = connection.execute(sa.select(form_version.c.id, form_version.c.marks))
    return {row.id: layout_of(marks_from_json(json.loads(row.marks))) for row in rows}


def _sightings(key: tuple[str, str], *, with_rowid: bool) -> None:
    """Make the table of sightings anew with this key."""
    names = ("submission_id", "source", "native_id", "version_id", "review", "changed_at", "deleted")
    op.rename_table("sighting", "old_sighting")
    op.drop_index(op.f("ix_sighting_version_id"), table_name="old_sighting")
    if not with_rowid:
        op.drop_index("ix_sighting_submission_id", table_name="old_sighting")
    if op.get_bind().dialect.name == "postgresql":  # names of constraints are unique in a schema there
        op.execute("ALTER TABLE old_sighting DROP CONSTRAINT pk_sighting")
    op.create_table(
        "sighting",
        sa.Column("submission_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("native_id", sa.String(length=255), nullable=False),
        sa.Column("version_id", sa.String(length=64), nullable=False),
        sa.Column("review", sa.String(length=16), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["submission_id"], ["submission.id"], name=op.f("fk_sighting_submission_id")),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_sighting")),
        sqlite_with_rowid=with_rowid,
    )
    columns = ", ".join(names)
    op.execute(f"INSERT INTO sighting ({columns}) SELECT {columns} FROM old_sighting")  # noqa: S608 - our own names
    op.drop_table("old_sighting")
    op.create_index(op.f("ix_sighting_version_id"), "sighting", ["version_id"], unique=False)
