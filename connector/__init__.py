"""Where submissions come from and where they rest: four sources behind one protocol, one store, one run over all.

Read `submission` first (the record and the protocol), then a source (`collect` is the shortest), then `store`.
"""

from __future__ import annotations

from connector.central import CentralSource
from connector.chat import ChatSource
from connector.collect import CollectSource
from connector.erasure import Erased, digits, erase, finish_erasures
from connector.erasure_list import ErasureList
from connector.errors import ConnectorError, GiveUp, RegistryError, RetryLater, SkipRecord
from connector.kobo import KoboSource
from connector.quarantine import Replayed, replay
from connector.registry import NOT_LISTED, Collector, Provider, Registry, read_collectors, read_providers
from connector.schedule import is_locked, only_one, run_forever
from connector.seal import Keys, is_code, new_code, new_key, new_pair, open_text
from connector.session import Patience
from connector.store import Audited, Beat, Counts, Quarantined, Run, SourceHealth, Store, Task, Wish
from connector.submission import FormVersion, Held, Page, Source, Submission, Unreadable, Withdrawal
from connector.sync import Loss, RunReport, sync

__all__ = [
    "NOT_LISTED",
    "Audited",
    "Beat",
    "CentralSource",
    "ChatSource",
    "CollectSource",
    "Collector",
    "ConnectorError",
    "Counts",
    "Erased",
    "ErasureList",
    "FormVersion",
    "GiveUp",
    "Held",
    "Keys",
    "KoboSource",
    "Loss",
    "Page",
    "Patience",
    "Provider",
    "Quarantined",
    "Registry",
    "RegistryError",
    "Replayed",
    "RetryLater",
    "Run",
    "RunReport",
    "SkipRecord",
    "Source",
    "SourceHealth",
    "Store",
    "Submission",
    "Task",
    "Unreadable",
    "Wish",
    "Withdrawal",
    "digits",
    "erase",
    "finish_erasures",
    "is_code",
    "is_locked",
    "new_code",
    "new_key",
    "new_pair",
    "only_one",
    "open_text",
    "read_collectors",
    "read_providers",
    "replay",
    "run_forever",
    "sync",
]
