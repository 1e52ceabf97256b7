"""What a data manager writes to get ODK Central's table into a database: pyODK and pandas."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas
from pyodk._utils.config import CentralConfig, Config
from pyodk.client import Client
from sqlalchemy import create_engine

from bench.sync_rows import EMAIL, PASSWORD


def run(url: str, form: str, database: str) -> int:
    """What a data manager writes: pyODK reads the table, pandas flattens it and writes it."""

    project, name = form.split("/")[3], form.split("/")[5].removesuffix(".svc")
    settings = CentralConfig(base_url=url, username=EMAIL, password=PASSWORD, default_project_id=int(project))
    with (
        tempfile.TemporaryDirectory() as folder,
        Client(config=Config(settings), cache_path=Path(folder) / "c.toml") as client,
    ):
        table = client.submissions.get_table(form_id=name)
    frame = pandas.json_normalize(table["value"], sep="-")
    engine = create_engine(database)
    frame.to_sql("evaluations_by_pandas", engine, if_exists="replace", index=False)
    engine.dispose()
    return len(frame)
