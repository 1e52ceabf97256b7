"""How the command line speaks: results on stdout, progress and errors on stderr, and always what to do next."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

__all__ = ["Screen"]

PAGE_WIDTH = 140


class Screen:
    """The two streams of a command. `rich` falls back to plain text where the output is no terminal."""

    def __init__(self) -> None:
        # a table is laid out for the width of the screen; where there is none, for a wide page
        self.out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else PAGE_WIDTH)
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """One line of the result."""
        self.out.print(text, markup=False)

    def raw(self, text: str) -> None:
        """Lines for another program, exactly as they are."""
        sys.stdout.write(text + "\n")

    def error(self, text: str) -> None:
        """One sentence about what is wrong."""
        self.err.print(f"Error: {text}", style="red", markup=False)

    def warn(self, text: str) -> None:
        """One sentence about what deserves a look; the command goes on."""
        self.err.print(f"Warning: {text}", style="yellow", markup=False)

    def next(self, text: str) -> None:
        """What to do after a success."""
        self.out.print(f"Next: {text}", style="bold", markup=False)

    def item(self, mark: str, text: str) -> None:
        """One point of a list; long text is broken below itself."""
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(_plain(mark), _plain(text))
        self.out.print(grid, soft_wrap=False)

    def columns(self, heads: Sequence[str], rows: Sequence[Sequence[object]], *, words: int) -> None:
        """A table without lines, narrow enough for an old terminal: `words` columns of words, then numbers."""
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
        for number, head in enumerate(heads):
            if number == 0:
                table.add_column(head, overflow="fold")
            else:
                table.add_column(head, no_wrap=True, justify="left" if number < words else "right")
        for row in rows:
            table.add_row(*[_plain(cell) for cell in row])
        self.out.print(table, soft_wrap=False)

    def head(self, text: str) -> None:
        """The head of a part of a page."""
        self.out.print(f"\n{text}", style="bold", markup=False)

    def table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A small table; cells are shown as they are."""
        table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*[_plain(cell) for cell in row])
        self.out.print(table, soft_wrap=False)

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """A long step on stderr: what is done, how far it is, and how long it took."""
        step = Step(self.err, title)
        yield step
        step.done()


class Step:
    """One step of a long command."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._began = time.monotonic()
        self._shown = self._began
        self._note = ""
        console.print(f"… {title}", markup=False)

    def progress(self, done: int, total: int) -> None:
        """How far it is; said at most every two seconds."""
        moment = time.monotonic()
        if moment - self._shown >= 2:
            self._shown = moment
            self._console.print(f"  {done:,} of {total:,}", markup=False)

    def note(self, text: str) -> None:
        """What the step found, said when it is done."""
        self._note = text

    def done(self) -> None:
        """Say that it is done."""
        seconds = time.monotonic() - self._began
        note = f": {self._note}" if self._note else ""
        self._console.print(f"✓ {self._title}{note} ({seconds:.1f} s)", style="green", markup=False)


def _plain(cell: object) -> str:
    # rich reads square brackets as markup
    return str(cell).replace("[", r"\[")
