"""An interview whose repeats grow and shrink: answers take their new places, and the rules run that notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from .coercion import to_number
from .errors import FormError
from .program import Program
from .repeats import MAX_INSTANCES, Counts, instance, number_of
from .run import MAX_CHAIN, Run

T = TypeVar("T")

ProgramFor = Callable[[Counts], Program]
"""The form compiled for so many instances of each repeat."""


class TooMany(FormError):  # noqa: N818  what the count asks for
    """A repeat should stand more often than a conversation can ask it."""


def resize(run: Run, program_for: ProgramFor, repeat: str, count: int) -> None:
    """Gives a repeat so many instances: new ones with their defaults behind the others, or the last ones taken off."""
    before = run.repeats[repeat]
    for number in range(count + 1, before + 1):
        _forget(run, f"{instance(repeat, number)}/")
    _become(run, program_for, repeat, count)
    new = tuple(f"{instance(repeat, number)}/" for number in range(before + 1, count + 1))
    if new:
        _begin(run, new)
        run.seen.pop(repeat, None)
    _notice(run, repeat, before + 1, fresh=True)


def remove(run: Run, program_for: ProgramFor, repeat: str, index: int) -> None:
    """Takes one instance out; those behind it move up."""
    _forget(run, f"{instance(repeat, index)}/")
    run.values, run.kept = _moved(run.values, repeat, index), _moved(run.kept, repeat, index)
    run.off, run.seen = _moved(run.off, repeat, index), _moved(run.seen, repeat, index)
    _become(run, program_for, repeat, run.repeats[repeat] - 1)
    _notice(run, repeat, index, fresh=False)


def _moved(held: dict[str, T], repeat: str, index: int) -> dict[str, T]:
    return {moved_up(path, repeat, index, gone=path): value for path, value in held.items()}


def moved_up(path: str, repeat: str, index: int, *, gone: str) -> str:
    """A path after instance `index` was taken out: one number lower behind it, `gone` inside it."""
    if not path.startswith(f"{repeat}["):
        return path
    number = number_of(path) or 0
    if number == index:
        return gone
    return f"{repeat}[{number - (number > index)}]{path.partition(']')[2]}"


def follow_counts(run: Run, program_for: ProgramFor) -> None:
    """Gives the repeats with a count as many instances as it says.

    A lower count takes off the last instances up to the last one that somebody has answered in: a slip of the
    finger leaves nothing behind, and no answer is lost. Raises TooMany.
    """
    for _ in range(MAX_CHAIN):
        short = next(_misfits(run), None)
        if short is None:
            return
        resize(run, program_for, *short)
    raise FormError(f"{run.program.where}: the counts of its repeats change one another without end.")


def _misfits(run: Run) -> Iterator[tuple[str, int]]:
    return (
        (repeat, count)
        for repeat in run.program.counts
        if (count := _wanted(run, repeat)) != run.repeats[repeat]
    )


def _wanted(run: Run, repeat: str) -> int:
    if not run.relevant(repeat):
        return run.repeats[repeat]
    count = to_number(run.program.counts[repeat].run(run))
    if count > MAX_INSTANCES:
        raise TooMany(
            f"{run.program.where}: the repeat {repeat} should stand more than {MAX_INSTANCES} times;"
            " that is more than a conversation asks."
        )
    wanted = int(count) if count > 0 else 0
    if wanted >= run.repeats[repeat]:
        return wanted
    answered = (number_of(path) or 0 for path in run.seen if path.startswith(f"{repeat}["))
    return max(wanted, max(answered, default=0))


def _become(run: Run, program_for: ProgramFor, repeat: str, count: int) -> None:
    run.repeats[repeat] = count
    run.program = program_for(run.repeats)


def _forget(run: Run, prefix: str) -> None:
    """Everything about an instance; of the instance itself too, `visit[2]`."""
    for held in (run.values, run.kept, run.off, run.seen):
        for path in [path for path in held if f"{path}/".startswith(prefix)]:
            del held[path]


def _begin(run: Run, new: tuple[str, ...]) -> None:
    """Defaults of new instances, before any rule has run."""
    for path, text in run.program.defaults.items():
        if path.startswith(new):
            run.store(path, text)
    for path, expression in run.program.new_values:
        if path.startswith(new):
            run.take(path, run.fitted(expression.run(run), path))


def _notice(run: Run, repeat: str, first: int, *, fresh: bool) -> None:
    """Runs the rules that read the repeat or the instances from `first` on; when these are `fresh`, their own too."""
    program = run.program
    changed = tuple(f"{instance(repeat, n)}/" for n in range(first, run.repeats[repeat] + 1))
    for number, rule in enumerate(program.rules):
        if fresh and f"{rule.path}/".startswith(changed):
            run.wake((number,))
    run.wake(program.after(repeat))
    for path in program.types:
        if path.startswith(changed):
            run.wake(program.after(path))
            run.changed.add(path)
    run.settle()
    run.clear_stale_choices()
