"""Our way from KoboToolbox into the store: what `shakti sync` does with one source."""

from __future__ import annotations

from bench.sync_rows import NOW, TOKEN
from connector import Keys, KoboSource, Store, sync

KEYS = Keys.from_hex(
    pseudonym="11" * 32, text_public="0faa684ed28867b97f4a6a2dee5df8ce974e76b7018e3f22a1c4cf2678570f20"
)


def run(url: str, form: str, database: str) -> int:
    """`shakti sync` of one source, with its sweep; how many rows there were."""
    with Store(database, keys=KEYS) as store, KoboSource(url, token=TOKEN, asset=form) as source:
        (report,) = sync(store, [source], now=lambda: NOW)
        if report.error:
            raise report.error
        return report.counts.new
