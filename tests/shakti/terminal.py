"""A command as a person sees it: in a terminal of 80 columns, answering what it asks."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

from commanding import Done

REPOSITORY = Path(__file__).resolve().parents[2]
COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def in_a_terminal(*arguments: str, folder: Path, environment: Mapping[str, str], typed: str = "") -> Done:
    """Run `shakti …` in a terminal; what it says on both streams comes back as `stdout`, without colours."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
    running = subprocess.Popen(
        [sys.executable, "-m", "shakti", *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "TERM": "xterm", **environment},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        close_fds=True,
    )
    os.close(slave)
    os.write(master, typed.encode())
    said = b""
    try:
        while chunk := os.read(master, 65536):
            said += chunk
    except OSError:  # the other end was closed
        pass
    finally:
        os.close(master)
    text = COLOURS.sub("", said.decode("utf-8", errors="replace")).replace("\r\n", "\n").replace("\r", "\n")
    return Done(running.wait(timeout=120), text, "")
