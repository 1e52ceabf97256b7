"""A store of an earlier version is brought up to date with all that is in it, and can be taken back."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator

import pytest
from alembic import command
from alembic.config import Config
from connector_worlds import ANSWERS, KEYS, NOW, submission
from sqlalchemy import Engine, text

from connector import FormVersion, Page, Store
from connector.store.engine import MIGRATIONS, open_engine, writer
from xlsforms import marks_to_json

VALUES = {"respect": 4.0, "bribe": 1.0}


@pytest.fixture
def engine(empty_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_url)
    yield engine
    engine.dispose()


def move(engine: Engine, revision: str, *, down: bool = False) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with writer(engine) as connection:
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)


def put_old_rows(engine: Engine, form_version: FormVersion) -> None:
    """Rows as the second version of the tables held them: one rated, one without an answer, one tombstone."""
    with writer(engine) as connection:
        connection.execute(
            text("INSERT INTO form_version VALUES (1, 'small_evaluation', '2026112301', :marks, NULL)"),
            {"marks": json.dumps(marks_to_json(form_version.marks))},
        )
        for number, deleted in ((1, False), (2, False), (3, True)):
            provider = None if deleted else "sw_303_001"
            connection.execute(
                text(
                    "INSERT INTO submission (id, form_id, root_id, form_version_id, owner, mode, review, deleted, "
                    "provider, quarter, flags) VALUES (:id, 'small_evaluation', :root, 1, 'kobo', 'enumerator', 'none', "
                    ":deleted, :provider, '2026Q4', '[]')"
                ),
                {
                    "id": number,
                    "root": submission(number).root_id,
                    "deleted": deleted,
                    "provider": provider,
                },
            )
            connection.execute(
                text("INSERT INTO sighting VALUES ('kobo', :id, :id_text, :root, 'none', NULL, :deleted)"),
                {
                    "id": number,
                    "id_text": str(number),
                    "root": submission(number).root_id,
                    "deleted": deleted,
                },
            )
        for name, value in VALUES.items():
            connection.execute(
                text("INSERT INTO indicator_value VALUES (1, :name, :value)"), {"name": name, "value": value}
            )


def test_values_move_into_their_rows_and_back(
    engine: Engine, empty_url: str, form_version: FormVersion
) -> None:
    move(engine, "0002")
    put_old_rows(engine, form_version)
    move(engine, "0003")
    move(engine, "0002", down=True)
    with writer(engine) as connection:
        rows = connection.execute(
            text("SELECT submission_id, name, value FROM indicator_value ORDER BY name")
        )
        assert [tuple(row) for row in rows] == [(1, "bribe", 1.0), (1, "respect", 4.0)]
        sightings = connection.execute(
            text("SELECT submission_id, source FROM sighting ORDER BY submission_id")
        )
        assert [tuple(row) for row in sightings] == [(1, "kobo"), (2, "kobo"), (3, "kobo")]


def test_an_old_store_goes_on_where_it_was(engine: Engine, empty_url: str, form_version: FormVersion) -> None:
    move(engine, "0002")
    put_old_rows(engine, form_version)
    with Store(empty_url, keys=KEYS) as store:
        store.migrate()
        assert [one["values"] for one in store.evaluations()] == [VALUES, {}]
        columns = store.columns()
        assert {name: column.tolist()[0] for name, column in columns.values.items()} == VALUES
        assert store.held("kobo").same(submission(2).root_id, submission(2).root_id, "none")
        row = submission(4, source="kobo", answers=ANSWERS)
        assert store.record("kobo", Page((submission(1, source="kobo"), row)), now=NOW).new == 1
        assert [one["evaluation"] for one in store.evaluations()] == ["1", "2", "4"]


OLD_RUN = text(
    "INSERT INTO ledger (source, started, finished, seen, new, edited, unchanged, deleted, refused, quarantined) "
    "VALUES ('kobo', '2026-11-20 06:00:00', '2026-11-20 06:01:00', 1, 1, 0, 0, 0, 0, 0)"
)


def test_a_store_that_was_in_use_knows_the_day_of_its_last_run(engine: Engine, empty_url: str) -> None:
    move(engine, "0004")
    with writer(engine) as connection:
        connection.execute(OLD_RUN)
    with Store(empty_url, keys=KEYS) as store:
        store.migrate()
        (run,) = store.runs()
        assert run.duration == dt.timedelta(minutes=1)
        assert store.clock_doubt(NOW) is None
        assert "is 2026-11-20:" in str(store.clock_doubt(NOW.replace(year=2027)))


def test_runs_that_did_not_finish_can_be_taken_back_too(engine: Engine, empty_url: str) -> None:
    with Store(empty_url, keys=KEYS) as store:
        store.migrate()
        store.begin_run("kobo", NOW)
        move(engine, "0004", down=True)
        store.migrate()
        (run,) = store.runs()
        assert (run.started, run.finished) == (NOW, NOW)
