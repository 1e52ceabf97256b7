"""`shakti forms`: check a form, compare two versions, build what phones get, print it, talk it in the terminal."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from bot.phrases import load_words
from bot.terminal import EndOfReplies, interview
from shakti.commands.options import AsJson, now
from shakti.screen import Screen
from xlsforms import Form, FormError, load_form
from xlsforms.checks import Finding, check
from xlsforms.diff import compare
from xlsforms.form import form_of, read_xform
from xlsforms.paper import paper
from xlsforms.plain import form_at
from xlsforms.texts import code_of

app = typer.Typer(no_args_is_help=True, help="Check, build and try the forms.")

Media = Annotated[
    Path | None, typer.Option("--media", help="The folder of attached lists (default: the form's own).")
]


@app.command(name="check")
def check_forms(
    forms: Annotated[list[Path], typer.Argument(help="Workbooks (.xlsx) or XForms (.xml).")],
    media: Media = None,
    deployed: Annotated[
        Path | None,
        typer.Option("--deployed", help="The form in use now: say what would lose its answers."),
    ] = None,
    validate: Annotated[
        bool, typer.Option("--validate/--no-validate", help="Ask ODK Validate too (a second a form; Java).")
    ] = True,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong with a form, where, and how to mend it.

    Example: shakti forms check xlsforms/duty_bearer_evaluation.xlsx
    Example: shakti forms check new.xlsx --deployed old.xlsx
    """
    if deployed is not None and len(forms) != 1:
        raise typer.BadParameter("takes one form to check against it", param_hint="--deployed")
    screen = Screen()
    found = {
        path: check(path, media=media, deployed=deployed, validate=validate, untrusted=True) for path in forms
    }
    if as_json:
        rows = [
            {"form": str(path), **asdict(finding)} for path, all_of in found.items() for finding in all_of
        ]
        screen.raw(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        for path, findings in found.items():
            _say(screen, path, findings)
    if any(finding.level == "error" for findings in found.values() for finding in findings):
        raise typer.Exit(1)
    if not as_json:
        screen.next(f"shakti forms build {forms[0]}")


def _say(screen: Screen, path: Path, findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        screen.say(f"{path}: {finding}")
    counts = Counter(finding.level for finding in findings)
    summary = ", ".join(f"{counts[level]} {level}s" for level in ("error", "warning", "note"))
    screen.say(f"{path}: {summary}")


@app.command(name="diff")
def diff_forms(
    old: Annotated[Path, typer.Argument(help="The version before: a workbook (.xlsx) or an XForm (.xml).")],
    new: Annotated[Path, typer.Argument(help="The version after.")],
    as_json: AsJson = False,
) -> None:
    """Say in plain words what changed between two versions of a form, and what that does to the answers.

    Example: shakti forms diff old.xlsx new.xlsx
    """
    screen = Screen()
    changes = compare(form_at(old, untrusted=True), form_at(new, untrusted=True))
    if as_json:
        screen.raw(json.dumps([asdict(change) for change in changes], ensure_ascii=False, indent=2))
        return
    for change in changes:
        screen.say(str(change))
    harms = Counter(change.harm for change in changes)
    screen.say(
        f"{len(changes)} changes; {harms['breaks']} after which answers no longer fit together, "
        f"{harms['ends']} after which some end."
    )
    screen.next(f"shakti forms check {new} --deployed {old}")


@app.command()
def build(
    forms: Annotated[list[Path], typer.Argument(help="Workbooks (.xlsx).")],
    out: Annotated[Path, typer.Option("--out", help="The folder for the XForms.")] = Path("out/forms"),
    media: Media = None,
) -> None:
    """Write the XForm of each workbook, with the lists attached to it, as the platforms and phones use them.

    Example: shakti forms build xlsforms/duty_bearer_evaluation.xlsx --out out/forms
    """
    screen = Screen()
    ready = []  # all are right before one is written
    for path in forms:
        converted = read_xform(path, untrusted=True)
        ready.append((path, form_of(converted, path, media=media), converted.warnings))
    out.mkdir(parents=True, exist_ok=True)
    for path, form, warnings in ready:
        for warning in warnings:
            screen.warn(f"{path}: {warning}")
        _write(out / f"{form.form_id}.xml", form.xform)
        for name, text in sorted((form.media or {}).items()):
            _write(out / name, text)
        screen.say(
            f"{path} → {out / form.form_id}.xml ({form.form_id} {form.version}, {len(form.questions)} questions)"
        )
    screen.next(f"shakti forms interview {forms[0]} --language bn")


def _write(path: Path, text: str) -> None:
    """The whole file or the old one: never half of it."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@app.command(name="paper")
def paper_form(
    form: Annotated[Path, typer.Argument(help="A workbook (.xlsx) or an XForm (.xml).")],
    language: Annotated[
        str | None, typer.Option("--language", help="bn, hi, en: a language of the form.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="The page (default: out/paper/FORM_LANGUAGE.html).")
    ] = None,
    media: Media = None,
) -> None:
    """Write the form as a page to print on A4 and fill in with a pen: the same numbers and signs as in the chat.

    Example: shakti forms paper xlsforms/duty_bearer_evaluation.xlsx --language bn --out evaluation_bn.html
    """
    screen = Screen()
    loaded = load_form(form, media=media)
    spoken = _language(loaded, language)
    name = "_".join(filter(None, (loaded.form_id, code_of(spoken or ""))))
    place = out or Path("out/paper") / f"{name}.html"
    place.parent.mkdir(parents=True, exist_ok=True)
    _write(place, paper(loaded, spoken))
    screen.say(f"{form} → {place} ({loaded.form_id} {loaded.version}, {spoken or 'without a language'})")
    screen.next(f"open {place} in a browser and print it on A4")


@app.command(name="interview")
def interview_form(
    form: Annotated[Path, typer.Argument(help="A workbook (.xlsx) or an XForm (.xml).")],
    language: Annotated[
        str | None, typer.Option("--language", help="bn, hi, en: a language of the form.")
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", help="Read the replies from this file, one a line.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the finished instance to this file.")
    ] = None,
    media: Media = None,
) -> None:
    """Talk a form in the terminal, question by question. An empty reply skips.

    Example: shakti forms interview xlsforms/services_checkin.xlsx --language bn
    Example: shakti forms interview FORM.xlsx --language en --answers replies.txt --out filled.xml
    """
    screen = Screen()
    loaded = load_form(form, media=media)
    spoken = _language(loaded, language)
    replies = _replies(answers)
    try:
        xml = interview(
            loaded,
            replies,
            screen.say,
            words=load_words(),
            language=spoken,
            now=now,
            instance_id=f"uuid:{uuid.uuid4()}",
        )
    except EndOfReplies as error:
        where = f"{answers}: " if answers else ""
        raise FormError(f"{where}{error}") from error
    unused = [reply for reply in replies if reply.strip()] if answers else []
    if unused:
        screen.warn(f"{answers}: {len(unused)} replies were not used; the interview was over before them.")
    if out is None:
        screen.raw(xml)
        screen.next("the same with --out FILE.xml keeps the instance")
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(out, xml)
    screen.next(f"put {out} into the folder of sources.collect and run shakti sync")


def _language(form: Form, language: str | None) -> str | None:
    if language is None:
        return form.default_language
    try:
        return form.language(language)
    except KeyError as error:
        raise typer.BadParameter(str(error.args[0]), param_hint="--language") from error


def _replies(answers: Path | None) -> Iterator[str]:
    """The lines of the file, or what is typed until the end of input."""
    if answers is None:
        return _typed()
    try:
        return iter(answers.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise FormError(
            f"{answers} cannot be read ({error}); it must be a UTF-8 text with one reply a line."
        ) from error


def _typed() -> Iterator[str]:
    while True:
        if sys.stdin.isatty():
            os.write(sys.stderr.fileno(), b"> ")
        line = sys.stdin.readline()
        if not line:
            return
        yield line.rstrip("\n")
