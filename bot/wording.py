"""How a question, a menu or a list looks as a message: texts from phrases.csv, numbers in the language's digits."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bot.phrases import LANGUAGES, Helpline, Words
from bot.turns import Button, Reply
from bot.understand import Suggestion, in_digits_of, signs
from xlsforms import Choice, Form, Prompt, ReviewLine

__all__ = ["Instance", "Wording", "language_menu", "plain"]

MOST_BUTTONS = 12  # more do not fit a small screen: then the list is written out
LONGEST_LIST = 40
PROGRESS_UP_TO = 12  # a count of forty questions discourages; a short one helps (ux: progress bars)
OPENING = ("practice", "adult", "consent")  # until these are answered nobody knows how many questions follow
LONGEST_REVIEW_LABEL = 120
EXAMPLE_DATE = dt.date(2026, 11, 20)


@dataclass(frozen=True)
class Instance:
    """One instance of a repeat as it is told: the repeat's label, its number from 1, and its first answer."""

    path: str
    number: int
    label: str
    first: str

    @property
    def key(self) -> str:
        """What a button says to name it: "trip=2"."""
        return f"{self.path}={self.number}"


@dataclass(frozen=True)
class Wording:
    """The bot's words in one language ("en", "bn", "hi")."""

    words: Words
    language: str

    def say(self, key: str, **values: object) -> str:
        """One sentence; numbers among the values in the language's digits."""
        shown = {
            name: self.digits(value) if isinstance(value, int) else value for name, value in values.items()
        }
        return self.words.phrases.say(key, self.language, **shown)

    def reply(self, key: str) -> Reply:
        """One sentence as a reply."""
        return Reply(self.say(key), language=self.language)

    def digits(self, value: object) -> str:
        """A number as it is written in this language."""
        return in_digits_of(self.language, value)

    def button(self, key: str, payload: str) -> Button:
        """A button named by a phrase."""
        return Button(self.say(f"button_{key}"), payload)

    def question(
        self,
        prompt: Prompt,
        *,
        before: Iterable[str] = (),
        new_section: bool = False,
    ) -> Reply:
        """The open question: what comes before it, section, progress, label, choices; buttons bound to its path."""
        lines = [*before]
        if new_section and prompt.section:
            lines.append(self.say("section", section=self.section(prompt)))
        if prompt.total <= PROGRESS_UP_TO and prompt.eval.get("is") not in OPENING:
            lines.append(self.say("progress", n=prompt.position, total=prompt.total))
        lines.append(prompt.label)
        if prompt.kind == "repeat":
            lines.append(self.say("another" if prompt.number else "any"))
        lines.extend(self._listed_choices(prompt))
        buttons = (*self._choice_buttons(prompt), *self.steering(prompt))
        return Reply("\n".join(lines), buttons, question=prompt.label, media=prompt.media)

    def section(self, prompt: Prompt) -> str | None:
        """The part of the form a question stands in; inside a repeat with the number of the instance."""
        if prompt.section is None or prompt.kind == "repeat" or prompt.number is None:
            return prompt.section
        return f"{prompt.section} {self.digits(prompt.number)}"

    def steering(self, prompt: Prompt) -> tuple[Button, ...]:
        """What works at every question: skip where allowed, explain where there is a hint, back, help, stop."""
        required = prompt.required or prompt.kind == "repeat"  # "no" passes it
        skip = () if required else (self.button("skip", f"skip:{prompt.path}"),)
        hint = (Button("?", "hint:"),) if prompt.hint or prompt.guidance else ()
        remove = (self.button("remove", "remove:"),) if prompt.kind == "repeat" and prompt.number else ()
        back = (self.button("back", f"back:{prompt.path}"),)
        return (*skip, *hint, *remove, *back, self.button("help", "help:"), self.button("stop", "stop:"))

    def unclear(self, prompt: Prompt, reason: str) -> str:
        """Why an answer could not be taken, with an example of one that can."""
        if reason == "not_a_choice":
            shown = "choose_one" if _has_buttons(prompt) else "choose_from_list"
            return f"{self.say(reason)} {self.say(shown)}"
        return self.say(reason, example=self._example(reason)) if reason in _EXAMPLES else self.say(reason)

    def did_you_mean(self, prompt: Prompt, suggestions: Sequence[Suggestion]) -> Reply:
        """A guess, offered."""
        no = self.button("no", "repeat:")
        if len(suggestions) == 1:
            (only,) = suggestions
            yes = self.button("yes", f"answer:{prompt.path}={only.value}")
            return Reply(self.say("did_you_mean", answer=self.digits(only.label)), (yes, no))
        named = (Button(each.label, f"answer:{prompt.path}={each.value}") for each in suggestions)
        return Reply(self.say("did_you_mean_one"), (*named, no))

    def noted(self, prompt: Prompt, value: str) -> str:
        """What was understood of an answer that can be written in many ways."""
        return self.say("noted", answer=self.digits(self._shown(prompt, value)))

    def review(self, lines: Sequence[ReviewLine], before: Iterable[str] = ()) -> Reply:
        """All answers, numbered, with the ways to go on."""
        numbered = (
            self.say("review_line", n=n, label=self._reviewed(line), answer=line.answer)
            for n, line in enumerate(lines, start=1)
        )
        text = "\n".join((*before, self.say("review"), *numbered, self.say("review_ask")))
        remove = (self.button("remove", "remove:"),) if any(line.number for line in lines) else ()
        buttons = (self.button("send", "send:"), self.button("change", "change:"), *remove)
        return Reply(text, (*buttons, self.button("stop", "stop:")))

    def helplines(self, opening: str, lines: Sequence[Helpline]) -> Reply:
        """Numbers with what they are for, the warning about the call list, and the two ways on."""
        shown = (self.say("helpline", number=line.number, label=line.labels[self.language]) for line in lines)
        text = "\n".join((self.say(opening), *shown, self.say("call_log"), self.say("go_on_or_stop")))
        buttons = (self.button("continue", "continue:"), self.button("stop_delete", "stop:"))
        return Reply(text, buttons, language=self.language)

    def intro(self, idle_minutes: int, before: Iterable[str]) -> Reply:
        """The first message: what this is, what is kept, who sees it, what it is not, and whether it is safe."""
        keys = ("intro_what", "intro_kept", "intro_who", "intro_limits", "intro_words", "intro_safe")
        values = {"minutes": idle_minutes, "emergency": self.words.emergency_number()}
        text = "\n".join((*before, *(self.say(key, **values) for key in keys)))
        return Reply(text, (self.button("begin", "begin:"), self.button("not_now", "not_now:")))

    def form_menu(self, forms: Iterable[Form], before: Iterable[str]) -> Reply:
        """Which of the forms to talk about."""
        buttons = tuple(Button(self.form_title(form), f"form:{form.form_id}") for form in forms)
        return Reply("\n".join((*before, self.say("which_form"))), buttons)

    def form_title(self, form: Form) -> str:
        """XForms have one title for all languages, so phrases.csv may give better ones."""
        key = f"form.{form.form_id}"
        return self.say(key) if self.words.phrases.has(key) else form.title

    def way_out(self, prompt: Prompt) -> Reply:
        """After too many misreadings: skip where allowed, a person, or stop."""
        key = "misread_offer_needed" if prompt.required else "misread_offer"
        skip = () if prompt.required else (self.button("skip", f"skip:{prompt.path}"),)
        return Reply(self.say(key), (*skip, self.button("person", "help:"), self.button("stop", "stop:")))

    def confirm_stop(self) -> Reply:
        """Asks before stopping when only a classifier heard it."""
        buttons = (self.button("stop_delete", "stop:"), self.button("continue", "continue:"))
        return Reply(self.say("confirm_stop"), buttons)

    def change_which(self) -> Reply:
        """Asks for the number of an answer in the review."""
        buttons = (self.button("continue", "continue:"), self.button("stop", "stop:"))
        return Reply(self.say("change_which"), buttons)

    def remove_which(self, found: Sequence[Instance]) -> Reply:
        """Asks which instance of a repeat to take out."""
        buttons = (
            Button(f"{self.digits(n)}. {self._instance(one)}", f"without:{one.key}")
            for n, one in enumerate(found, start=1)
        )
        return Reply(self.say("remove_which"), (*buttons, self.button("continue", "continue:")))

    def removed(self, gone: Instance) -> str:
        """Says which instance was taken out."""
        return self.say("removed", what=self._instance(gone))

    def _instance(self, one: Instance) -> str:
        named = f"{one.label} {self.digits(one.number)}"
        return f"{named}: {one.first}" if one.first else named

    def _reviewed(self, line: ReviewLine) -> str:
        label = _question_itself(line.label)
        return label if line.number is None else f"{label} ({self.digits(line.number)})"

    def _example(self, reason: str) -> str:
        return self.digits(_EXAMPLES[reason])

    def _shown(self, prompt: Prompt, value: str) -> str:
        if prompt.kind == "date":
            return dt.date.fromisoformat(value).strftime("%d/%m/%Y")
        labels = {choice.name: choice.label for choice in prompt.choices}
        return ", ".join(labels.get(part, part) for part in value.split())

    def _choice_buttons(self, prompt: Prompt) -> tuple[Button, ...]:
        if not _has_buttons(prompt):
            return ()
        if prompt.kind == "acknowledge":
            return (self.button("yes", f"answer:{prompt.path}=OK"),)
        if prompt.kind == "repeat":
            return tuple(
                self.button(key, f"answer:{prompt.path}={choice.name}")
                for key, choice in zip(("yes", "no"), prompt.choices, strict=True)
            )
        signed = zip(signs(prompt.choices), prompt.choices, strict=True)
        return tuple(
            Button(
                f"{self.digits(sign)}. {choice.label}",
                f"answer:{prompt.path}={choice.name}",
                _sign(prompt, choice),
            )
            for sign, choice in signed
        )

    def _listed_choices(self, prompt: Prompt) -> list[str]:
        if _has_buttons(prompt) or not prompt.choices:
            return []
        signed = list(zip(signs(prompt.choices), prompt.choices, strict=True))
        lines = [f"{self.digits(sign)}. {choice.label}" for sign, choice in signed[:LONGEST_LIST]]
        if len(signed) > LONGEST_LIST:
            lines.append(self.say("many_choices", n=len(signed) - LONGEST_LIST))
        how = "choose_many" if prompt.kind == "select_multiple" else "choose_from_list"
        return [*lines, self.say(how, example=self._example(how)) if how in _EXAMPLES else self.say(how)]


_ON_LINES = ("answer:", "language:", "form:", "without:")
_EXAMPLES = {
    "choose_many": "1 3",
    "not_a_number": "3",
    "not_a_date": EXAMPLE_DATE.strftime("%d/%m/%Y"),
    "not_a_time": "14:30",
}


def language_menu(words: Words, before: Iterable[str] = ()) -> Reply:
    """Which language to talk in, asked in all of them."""
    every = [Wording(words, language) for language in LANGUAGES]
    text = "\n".join((*before, *(wording.say("choose_language") for wording in every)))
    return Reply(
        text, tuple(Button(each.say("language_name"), f"language:{each.language}") for each in every)
    )


def plain(reply: Reply) -> str:
    """A reply for a channel without buttons: answers on lines of their own, steering words in brackets."""
    answers = [button.title for button in reply.buttons if button.payload.startswith(_ON_LINES)]
    steering = [f"[{button.title}]" for button in reply.buttons if not button.payload.startswith(_ON_LINES)]
    return "\n".join((reply.text, *answers, *([" ".join(steering)] if steering else [])))


def _sign(prompt: Prompt, choice: Choice) -> str | None:
    """How many of a scale's marks a choice fills, and whether it stands at its good or its bad end."""
    steps = sorted(int(each.name) for each in prompt.choices if each.name.isdecimal())
    if not choice.name.isdecimal() or len(steps) < 3:
        return None
    step = steps.index(int(choice.name)) + 1
    best = prompt.eval.get("best", "")
    rank = len(steps) + 1 - step if best == str(steps[0]) else step  # 1: the bad end
    good = "+" if 2 * rank > len(steps) + 1 else "-" if 2 * rank < len(steps) + 1 else ""
    return f"{step}/{len(steps)}{good}"


def _has_buttons(prompt: Prompt) -> bool:
    if prompt.kind in ("acknowledge", "repeat"):
        return True
    return prompt.kind == "select_one" and len(prompt.choices) <= MOST_BUTTONS


def _question_itself(label: str) -> str:
    """A long explanation before a question would bury the list: of such a label the last sentence stays."""
    if len(label) <= LONGEST_REVIEW_LABEL:
        return label
    return re.split(r"(?<=[.?!।])\s+", label.strip())[-1]
