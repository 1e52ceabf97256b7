"""How a turn looks in a browser: plain pages that work without JavaScript, and the same in parts for those with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from bot.phrases import LANGUAGES, Words
from bot.turns import Button, Reply

__all__ = ["Block", "Pages", "View"]

FOLDER = Path(__file__).parent
STEERING = ("skip", "hint", "back", "help", "stop", "remove", "continue", "repeat", "change")


@dataclass(frozen=True)
class Block:
    """One reply as it is shown: lines before the question, the question, lines after it, its language or None."""

    before: tuple[str, ...]
    question: str | None
    after: tuple[str, ...]
    language: str | None


@dataclass(frozen=True)
class Mark:
    """A step of a scale as marks: how many of how many are filled, and "good", "bad" or "" for the colour."""

    filled: int
    of: int
    tone: str


@dataclass(frozen=True)
class View:
    """One page: what was said, the buttons under it, and the message id the next press will carry.

    `text`: what stays in the field. `resend`: name and value of a message that is to be sent once more, as it was.
    """

    language: str | None
    blocks: tuple[Block, ...]
    answers: tuple[Button, ...] = ()
    steering: tuple[Button, ...] = ()
    message_id: str = ""
    said: tuple[str, ...] = ()
    text: str = ""
    resend: tuple[str, str] | None = None
    writes: bool = True
    doors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pages:
    """Makes the pages. `secure`: cookies are for TLS only, as everywhere but on the developer's machine."""

    words: Words
    secure: bool = True
    style: str = field(default_factory=lambda: (FOLDER / "page.css").read_text(encoding="utf-8"))
    script: str = field(default_factory=lambda: (FOLDER / "page.js").read_text(encoding="utf-8"))

    def front(self) -> View:
        """A door for each language and nothing else: no word about what lies behind it."""
        heading = Block((), self.say("choose_language", None), (), None)
        return View(None, (heading,), writes=False, doors=LANGUAGES)

    def before_entering(self, language: str) -> View:
        """How to leave, and what leaving cannot do, before the first page that shows what this is about."""
        first, *rest = self.say("web_front", language).split("|")
        enter = Button(self.say("web_enter", language), f"language:{language}")
        return View(language, (Block((), first, tuple(rest), language),), answers=(enter,), writes=False)

    def turn(self, replies: Sequence[Reply], said: tuple[str, ...]) -> View:
        """The replies to a message; the last one's buttons are those that count."""
        last = replies[-1] if replies else Reply("")
        answers = tuple(each for each in last.buttons if _verb(each) not in STEERING)
        steering = tuple(each for each in last.buttons if _verb(each) in STEERING)
        language = next((reply.language for reply in reversed(replies) if reply.language), None)
        return View(language, tuple(map(block_of, replies)), answers, steering, said=said)

    def again(self, why: str, message_id: str, text: str | None, payload: str | None) -> View:
        """Why a message was not taken, in all languages, and a button that sends it as it was."""
        blocks = tuple(Block((self.say(why, each),), None, (), each) for each in LANGUAGES)
        if why == "web_too_long":
            return View(None, blocks, text=text or "", message_id=message_id)
        resend = ("payload", payload) if payload is not None else ("text", text or "")
        return View(None, blocks, message_id=message_id, resend=resend, writes=False)

    def render(self, view: View, *, part: bool) -> str:
        """The page, or with `part` only what is put into the page that is open."""
        template = self._templates.get_template("part.html" if part else "page.html")
        return template.render(view=view, pages=self, languages=LANGUAGES, mark=mark_of, part=part)

    def refusal(self) -> str:
        """For what no page of ours ever sends: no word about what this place is."""
        return self._templates.get_template("refusal.html").render()

    def say(self, key: str, language: str | None) -> str:
        """One of the bot's phrases; before a language is chosen in all of them, side by side."""
        if language is not None:
            return self.words.phrases.say(key, language)
        return " · ".join(self.words.phrases.say(key, each) for each in LANGUAGES)

    @cached_property
    def _templates(self) -> Environment:
        return Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )


def block_of(reply: Reply) -> Block:
    """A reply taken apart at its question; of a menu the first line is what is asked."""
    if not reply.question or reply.question not in reply.text:
        first, *rest = _lines_of(reply.text) or ("",)
        menu = bool(reply.buttons and first)
        return Block(
            () if menu else (first, *rest),
            first if menu else None,
            tuple(rest) if menu else (),
            reply.language,
        )
    before, _, after = reply.text.rpartition(reply.question)
    return Block(_lines_of(before), reply.question, _lines_of(after), reply.language)


def mark_of(button: Button) -> Mark | None:
    """The drawn sign of a step of a scale."""
    if button.sign is None:
        return None
    filled, _, rest = button.sign.partition("/")
    tone = {"+": "good", "-": "bad"}.get(rest[-1:], "")
    return Mark(int(filled), int(rest.rstrip("+-")), tone)


def _lines_of(text: str) -> tuple[str, ...]:
    return tuple(line for line in text.split("\n") if line.strip())


def _verb(button: Button) -> str:
    return button.payload.partition(":")[0]
