"""Alembic's entry: runs the migrations on the connection that `connector.store` hands over."""

from __future__ import annotations

from alembic import context

from connector.store.tables import metadata


def run() -> None:
    """Run within the caller's transaction: the tables change wholly or not at all."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        render_as_batch=True,  # SQLite cannot alter most things in place
        transactional_ddl=True,
    )
    context.run_migrations()


run()
