"""Everything this project says to its database of evaluations, in one place."""

from __future__ import annotations

from connector.store.cells import Cell, Cells, Weight
from connector.store.columns import Columns, Labels
from connector.store.deployments import Deployment
from connector.store.desk import Audited, Beat, Quarantined
from connector.store.erasing import NOTHING_ERASED, Erasures, Task, Wish
from connector.store.ledger import Run, Share, SourceHealth
from connector.store.record import Counts
from connector.store.retention import Forgotten
from connector.store.store import Store

__all__ = [
    "NOTHING_ERASED",
    "Audited",
    "Beat",
    "Cell",
    "Cells",
    "Columns",
    "Counts",
    "Deployment",
    "Erasures",
    "Forgotten",
    "Labels",
    "Quarantined",
    "Run",
    "Share",
    "SourceHealth",
    "Store",
    "Task",
    "Weight",
    "Wish",
]
