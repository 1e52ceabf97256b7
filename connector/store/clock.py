"""Which day it can be: a clock that is years ahead must not make the store forget for good.

The newest day known is what a platform's server last said or, where no server says anything, what our own clock said when
it was last believed: it may run ahead by a month at most between two runs. A failing battery or a wrong hand sets
it years ahead, and what is forgotten then cannot be had again from a folder or an outbox.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, delete, insert, select

from connector.store import desk_tables

__all__ = ["doubt", "newest_day", "note_day"]

MOST_AHEAD = dt.timedelta(days=31)  # a machine may be off for a while; a month early deletes nothing of worth
NEWEST = "newest"


def newest_day(connection: Connection) -> dt.date | None:
    """The newest day known; None in a new store."""
    table = desk_tables.known_day
    return connection.execute(select(table.c.day).where(table.c.name == NEWEST)).scalar()


def note_day(connection: Connection, day: dt.date) -> None:
    """Somebody who can be believed said that it is this day."""
    table, known = desk_tables.known_day, newest_day(connection)
    if known is not None and day <= known:
        return
    connection.execute(delete(table).where(table.c.name == NEWEST))
    connection.execute(insert(table).values(name=NEWEST, day=day))


def doubt(connection: Connection, today: dt.date) -> str | None:
    """Why our clock is not believed when it says that it is today; None where it is."""
    known = newest_day(connection)
    if known is None or today - known <= MOST_AHEAD:
        return None
    return (
        f"This machine's clock says {today}, and the newest day that servers and earlier runs have shown is {known}: "
        "nothing was deleted for its age. Set the clock right; if it is right, run shakti sync --believe-clock once."
    )
