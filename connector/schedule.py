"""How `shakti run` repeats a job: one at a time, missed turns together, one scheduler on a machine, a graceful end."""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.interval import IntervalTrigger

from connector.errors import GiveUp

__all__ = ["is_locked", "only_one", "run_forever"]

GRACE_SECONDS = 3600  # the library's default is one second: a laptop that slept would silently skip its turn
JITTER_SECONDS = 30  # not every programme asks the platform at the same second


class _Stop(Exception):  # noqa: N818 - not an error
    """Raised in the main thread by a signal."""


def run_forever(
    job: Callable[[], None],
    *,
    every_minutes: int,
    lock_path: Path,
    now: Callable[[], dt.datetime],
    stop: threading.Event | None = None,
    jitter_seconds: int = JITTER_SECONDS,
    grace_seconds: int = GRACE_SECONDS,
) -> None:
    """Run `job` now and then every so many minutes, until SIGTERM or SIGINT; a running job is finished first.

    `stop` is set by the signal: a job that looks at it can end at the next point where nothing is half done. Raises GiveUp when another scheduler holds the lock. What the job raises is logged and does not end the schedule.
    """
    with only_one(lock_path), _signals_stop(stop or threading.Event()):
        scheduler = BlockingScheduler(timezone=dt.UTC)
        scheduler.add_job(
            job,
            IntervalTrigger(minutes=every_minutes, jitter=jitter_seconds, timezone=dt.UTC),
            next_run_time=now(),
            coalesce=True,
            max_instances=1,
            misfire_grace_time=grace_seconds,
        )
        try:
            scheduler.start()
        except _Stop:
            scheduler.shutdown(wait=True)


@contextmanager
def only_one(lock_path: Path) -> Iterator[None]:
    """Hold the lock file while the block runs; the operating system lets go of it even after a kill.

    Raises GiveUp when it is held already.
    """
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(lock_path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = file.read().strip() or "unknown"
            raise GiveUp(
                f"Another scheduler is running already (process {holder}, lock {lock_path}); stop it first, or leave "
                "the work to it."
            ) from error
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield


def is_locked(lock_path: Path) -> bool:
    """Whether a scheduler holds the lock now."""
    try:
        descriptor = os.open(lock_path, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _signals_stop(asked: threading.Event) -> Iterator[None]:
    """SIGTERM and SIGINT end the schedule. Only the main thread may listen to signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        # Only once: an impatient second signal would cut off the page that is being finished.
        if not asked.is_set():
            asked.set()
            raise _Stop

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
