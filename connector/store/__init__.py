"""Everything this project says to its database of evaluations, in one place."""

from __future__ import annotations

from connector.store.deployments import Deployment
from connector.store.record import Counts
from connector.store.store import Quarantined, Run, Store

__all__ = ["Counts", "Deployment", "Quarantined", "Run", "Store"]
