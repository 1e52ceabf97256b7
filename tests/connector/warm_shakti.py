"""A warm `shakti`: everything is imported once, each run is a fork that lives or is killed like any other process.

Reads one JSON line for each run: {"arguments": [...], "die_at": n or null, "only_commits": bool, "limit": bytes or null,
"log": path}. Answers with the child's number at once, and with {"status": …, "passed": …, "kilobytes": …} when it has
ended: `status` is the exit code, or minus the signal's number; `passed` says how many checkpoints the child came by.
A checkpoint stands before every commit to a database (the store's or the outbox's) and, unless `only_commits`, before
every statement; at the n-th one the child kills itself with SIGKILL.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from multiprocessing import RawValue
from typing import Any

from sqlalchemy import Engine, event

import shakti.commands.data
import shakti.commands.quarantine  # noqa: F401
from shakti.cli import main

PASSED = RawValue("i", 0)


def checkpoints(die_at: int | None, *, only_commits: bool) -> None:
    """Count what goes to the databases, and die at the n-th time."""

    def passed(*_: Any) -> None:
        if PASSED.value == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        PASSED.value += 1

    event.listen(Engine, "commit", passed)
    if not only_commits:
        event.listen(Engine, "before_cursor_execute", passed)


def run(order: dict[str, Any]) -> None:
    """The child: becomes `shakti` and never returns."""
    code = 70
    try:
        log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if order["limit"] is not None:
            # A file that grows beyond this cannot be written: what a full disk looks like to the program.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["limit"], order["limit"]))
        checkpoints(order["die_at"], only_commits=order["only_commits"])
        sys.argv = ["shakti", *order["arguments"]]
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def serve() -> None:
    """Fork once for each line."""
    say({"ready": os.getpid()})
    for line in sys.stdin:
        PASSED.value = 0
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        say({"child": child})
        _, status, usage = os.wait4(child, 0)
        ended = {"status": os.waitstatus_to_exitcode(status), "passed": PASSED.value}
        say(ended | {"kilobytes": usage.ru_maxrss})


if __name__ == "__main__":
    serve()
