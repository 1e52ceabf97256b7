"""What one message does to a talk: the rules of the conversation, step by step.

Order of the rules: buttons; stop, danger and help by exact words; an open menu; the open question; other exact
words; the classifier's intent; and only then "I did not understand".
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bot.phrases import LANGUAGES, Words
from bot.talk import Talk, spoken_languages
from bot.turns import Forget, Message, Reply, Save, Turn, Withdraw
from bot.understand import (
    Lexicon,
    Reading,
    clean,
    control,
    fold,
    meaning,
    number_typed,
    read_answer,
    to_ascii_digits,
)
from bot.wording import Instance, Wording, language_menu
from xlsforms import (
    Form,
    Prompt,
    Refused,
    State,
    answer,
    back,
    begin,
    current,
    finish,
    go_to,
    prompt,
    remove_repeat,
    review,
    set_answer,
    set_language,
    skip,
    value,
)

__all__ = ["Listener"]

IDLE_MINUTES = 15  # as long as bot/drafts keeps a silent conversation; the first message says so
PATIENCE = 3  # misreadings of one question before a way out is offered
RECEIPT_DIGITS = 10
LONGEST_ANSWER = 4  # digits: a longer number after the wish to withdraw is a receipt, perhaps a mistyped one
SHORT_MESSAGE = 5  # words: a longer text in an open field is an answer, whatever it resembles

URGENT = ("stop", "danger", "need_help")
GATES = ("adult", "consent")  # eval:is marks whose answer must be yes, or nothing else is asked
NOT_ANSWERED = ("dont_know", "wont_say")
# What is said to a question on the side, by intent, before the open question is asked again.
REMARKS = {
    "ask_why": ("ask_why",),
    "ask_privacy": ("intro_kept", "intro_who"),
    "ask_who_sees": ("intro_who",),
    "ask_about_bot": ("ask_about_bot",),
    "ask_status": ("ask_status",),
    "thanks": ("thanks",),
    "out_of_scope": ("out_of_scope",),
}


@dataclass(frozen=True)
class Listener:
    """One message and all that is needed to answer it; fields as in `bot.conversation.Conversation`."""

    forms: tuple[Form, ...]
    words: Words
    region: str | None
    message: Message
    now: dt.datetime
    new_id: Callable[[], str]

    # -- beginning -------------------------------------------------------------------------------------------------

    def begin(self, *, expired: bool = False) -> Turn:
        """The first message of a conversation: choose a language, unless something more urgent was written."""
        talk = Talk(self.new_id())
        verb, argument = _split(self.message.payload or control(self._text, self._lexicon) or "")
        if verb == "stop":
            return self._leave(talk, "goodbye")
        if verb in ("danger", "need_help", "help"):
            return self._offer_help(talk, verb)
        if verb == "language":
            return self._choose_language(talk, argument)
        before = [wording.say("idle_closed") for wording in self._wordings(talk)] if expired else []
        return self._turn(talk, language_menu(self.words, before))

    def go_on(self, talk: Talk) -> Turn:
        """Any later message."""
        if talk.pause == "withdraw":
            digits = self._digits_typed() if self.message.payload is None else ""
            if digits:
                return self._withdraw(talk, digits)
            talk = replace(talk, pause=None)
        if talk.step == "done":
            return self._hear_after_the_end(talk)
        if self.message.payload is not None:
            return self._press(talk, *_split(self.message.payload))
        word = control(self._text, self._lexicon)
        if word in URGENT:
            return self._press(talk, word)
        if talk.pause is not None:
            return self._hear_menu(talk)
        steps = {
            "language": self._hear_language,
            "intro": self._hear_intro,
            "form": self._hear_form,
            "question": self._hear_answer,
            "review": self._hear_review,
        }
        return steps[talk.step](talk)

    def _hear_after_the_end(self, talk: Talk) -> Turn:
        """Thanks and goodbyes end it; everything else but a withdrawal begins anew, knowing nothing of what was."""
        word = None if self.message.payload is not None else self._meaning()
        if word == "withdraw":
            return self._ask_receipt(talk)
        return self._leave(talk, "goodbye") if word in ("thanks", "stop", "deny") else self.begin()

    # -- taking back what was sent ---------------------------------------------------------------------------------

    def _ask_receipt(self, talk: Talk) -> Turn:
        """How to have deleted what was sent; a receipt number that follows at once is understood as one."""
        talk, said = replace(talk, pause="withdraw"), self._wording(talk).say("withdraw")
        return self._turn(talk, Reply(said)) if talk.step == "done" else self._again(talk, [said])

    def _withdraw(self, talk: Talk, digits: str) -> Turn:
        """The wish to delete what was sent with this receipt. Whether anything was is not looked up, and not told."""
        if len(digits) != RECEIPT_DIGITS:
            return self._ask_receipt(talk)
        return Turn(talk.to_json(), (), Withdraw(digits, self.new_id()))

    def withdrawn(self, talk: Talk) -> Turn:
        """The confirmation of a withdrawal, and what was open before it."""
        talk, said = replace(talk, pause=None), self._wording(talk).say("withdrawn")
        return self._turn(talk, Reply(said)) if talk.step == "done" else self._again(talk, [said])

    def _digits_typed(self) -> str:
        """The digits of a long number that is typed alone, in any script, with blanks or dashes; else nothing."""
        digits = to_ascii_digits("".join(self._text.split()).replace("-", ""))
        return digits if digits.isascii() and digits.isdigit() and len(digits) > LONGEST_ANSWER else ""

    # -- what a button, or a word that stands for it, does ---------------------------------------------------------

    def _press(self, talk: Talk, verb: str, argument: str = "") -> Turn:
        anywhere: dict[str, Callable[[], Turn]] = {
            "stop": lambda: self._leave(talk, "stopped"),
            "help": lambda: self._offer_help(talk, "need_help"),
            "need_help": lambda: self._offer_help(talk, "need_help"),
            "danger": lambda: self._offer_help(talk, "danger"),
            "language": lambda: self._choose_language(talk, argument),
            "continue": lambda: self._again(replace(talk, pause=None)),
            "repeat": lambda: self._again(replace(talk, pause=None, suggested=None)),
        }
        at_step: dict[tuple[str, str], Callable[[], Turn]] = {
            ("intro", "begin"): lambda: self._choose_form(talk),
            ("intro", "not_now"): lambda: self._leave(talk, "not_now"),
            ("form", "form"): lambda: self._begin_interview(talk, argument),
            ("question", "hint"): lambda: self._explain(talk),
            ("question", "answer"): lambda: self._take_button(talk, argument),
            ("question", "skip"): lambda: self._bound(talk, argument, self._skip),
            ("question", "back"): lambda: self._bound(talk, argument, self._back),
            ("review", "send"): lambda: self._send(talk),
            ("review", "change"): lambda: self._change(talk, argument),
            ("question", "remove"): lambda: self._take_out(talk),
            ("review", "remove"): lambda: self._take_out(talk),
            ("question", "without"): lambda: self._without(talk, argument),
            ("review", "without"): lambda: self._without(talk, argument),
        }
        found = anywhere.get(verb) or at_step.get((talk.step, verb))
        return found() if found is not None else self._stale(talk)

    def _bound(self, talk: Talk, path: str, move: Callable[[Talk], Turn]) -> Turn:
        """A move that belongs to one question is made from that question only."""
        return move(talk) if path == self._open_prompt(talk).path else self._stale(talk)

    def _hear_menu(self, talk: Talk) -> Turn:
        """A typed reply to an open menu. What fits none of its answers is not taken for one."""
        if talk.pause == "change":
            return self._change_by_number(talk)
        if talk.pause == "remove":
            return self._take_out_by_number(talk)
        if talk.pause == "language":
            return self._hear_language(talk)
        if talk.pause == "stop" and self._lexicon.whole.get(self._folded) == "affirm":
            return self._leave(talk, "stopped")
        return self._again(replace(talk, pause=None))

    # -- language, first message, form -----------------------------------------------------------------------------

    def _hear_language(self, talk: Talk) -> Turn:
        word = control(self._text, self._lexicon) or ""
        if word.startswith("language:"):
            return self._choose_language(talk, word.removeprefix("language:"))
        number = self._text_number() or 0
        if 1 <= number <= len(LANGUAGES):
            return self._choose_language(talk, LANGUAGES[number - 1])
        if talk.pause == "language":
            return self._again(replace(talk, pause=None))
        return self._turn(talk, language_menu(self.words))

    def _choose_language(self, talk: Talk, language: str) -> Turn:
        if language not in LANGUAGES:
            pause = None if talk.step == "language" else "language"
            return self._turn(replace(talk, pause=pause), language_menu(self.words))
        interview = talk.interview
        if interview is not None:
            form = self._form(talk.form)
            spoken = _form_language(form, language)
            interview = interview if spoken is None else set_language(form, interview, spoken)
        step = "intro" if talk.step == "language" else talk.step
        return self._again(replace(talk, language=language, step=step, interview=interview, pause=None))

    def _hear_intro(self, talk: Talk) -> Turn:
        word = self._meaning()
        if self._text_number() == 1 or word in ("affirm", "start_evaluation"):
            return self._choose_form(talk)
        if self._text_number() == 2 or word == "deny":
            return self._leave(talk, "not_now")
        return self._steer(talk, word) or self._again(talk)

    def _choose_form(self, talk: Talk) -> Turn:
        if len(self.forms) == 1:
            return self._begin_interview(talk, self.forms[0].form_id)
        return self._again(replace(talk, step="form"))

    def _hear_form(self, talk: Talk) -> Turn:
        forms = self.forms
        number = self._text_number() or 0
        if 1 <= number <= len(forms):
            return self._begin_interview(talk, forms[number - 1].form_id)
        wording = self._wording(talk)
        named = next((form for form in forms if fold(wording.form_title(form)) == self._folded), None)
        if named is not None:
            return self._begin_interview(talk, named.form_id)
        return self._steer(talk, self._meaning()) or self._again(talk)

    def _begin_interview(self, talk: Talk, form_id: str) -> Turn:
        if form_id not in [form.form_id for form in self.forms]:
            return self._stale(talk)
        form = self._form(form_id)
        language = _form_language(form, talk.language or LANGUAGES[0])
        interview = begin(form, now=self.now, language=language, instance_id=f"uuid:{talk.id}")
        if any(question.path == "mode" for question in form.questions):
            interview = set_answer(form, interview, "mode", "chat", now=self.now)
        receipt = _marked_path(form, "receipt")
        if receipt is not None:
            interview = set_answer(form, interview, receipt, _receipt(self.new_id()), now=self.now)
        return self._ask(replace(talk, step="question", form=form_id, interview=interview))

    # -- the open question -----------------------------------------------------------------------------------------

    def _hear_answer(self, talk: Talk) -> Turn:
        asked = self._open_prompt(talk)
        reading = self._read(talk, asked)
        word = control(self._text, self._lexicon)
        if asked.choices and reading.value is not None:
            return self._take(talk, asked, reading.value, echo=asked.kind == "select_multiple")
        steered = self._steer(talk, word)
        if steered is not None:
            return steered
        if asked.kind == "text":
            return self._hear_text(talk, asked)
        if reading.value is not None:
            return self._take(talk, asked, reading.value, echo=True)
        return self._hear_unclear(talk, asked, reading)

    def _hear_text(self, talk: Talk, asked: Prompt) -> Turn:
        """An open field takes what is typed, except the few short messages that plainly are none."""
        word = self._lexicon.whole.get(self._folded, "")
        if not asked.required and word in ("deny", *NOT_ANSWERED):
            return self._skip(talk)
        if word == "affirm":
            return self._misread(talk, asked, Reading(None, "please_write"))
        intent = self.message.intent
        if intent == "danger" or (intent in ("stop", "need_help") and self._is_short()):
            return self._steer(talk, intent) or self._again(talk)
        if intent is not None and intent.startswith("ask_") and self._text.rstrip().endswith("?"):
            return self._steer(talk, intent) or self._again(talk)
        return self._take(talk, asked, clean(self._text))

    def _hear_unclear(self, talk: Talk, asked: Prompt, reading: Reading) -> Turn:
        exact = self._lexicon.whole.get(self._folded)
        if exact == "affirm" and talk.suggested is not None:
            return self._take(talk, asked, talk.suggested)
        if exact in NOT_ANSWERED and not asked.required:
            return self._skip(talk)
        return self._steer(talk, self._meaning()) or self._misread(talk, asked, reading)

    def _take_button(self, talk: Talk, argument: str) -> Turn:
        path, _, chosen = argument.partition("=")
        asked = self._open_prompt(talk)
        return self._take(talk, asked, chosen) if path == asked.path else self._stale(talk)

    def _take(self, talk: Talk, asked: Prompt, chosen: str, *, echo: bool = False) -> Turn:
        """Give an answer to the engine; refused, it says why and the question stays open."""
        form, interview = self._form_and_interview(talk)
        try:
            interview = self._try(form, interview, asked, chosen)
        except Refused as refused:
            return self._refused(talk, asked, refused)
        talk = replace(talk, interview=interview, misread=0, suggested=None)
        if asked.eval.get("is") in GATES and chosen != "yes":
            return self._close(talk)
        noted = echo and chosen != self._text.strip()
        return self._ask(talk, [self._wording(talk).noted(asked, chosen)] if noted else [])

    def _try(self, form: Form, interview: State, asked: Prompt, chosen: str) -> State:
        try:
            return answer(form, interview, chosen, now=self.now)
        except Refused:
            # A number typed in Bengali digits, or in groups, is the number the form asks for.
            number = number_typed(chosen)
            if asked.kind != "text" or number is None:
                raise
            return answer(form, interview, number, now=self.now)

    def _skip(self, talk: Talk) -> Turn:
        form, interview = self._form_and_interview(talk)
        try:
            interview = skip(form, interview, now=self.now)
        except Refused as refused:
            return self._refused(talk, self._open_prompt(talk), refused)
        return self._ask(replace(talk, interview=interview, misread=0, suggested=None))

    def _back(self, talk: Talk) -> Turn:
        form, interview = self._form_and_interview(talk)
        before = back(form, interview)
        if before == interview:
            return self._again(talk, [self._wording(talk).say("first_question")])
        return self._ask(replace(talk, interview=before, step="question", misread=0, suggested=None))

    def _refused(self, talk: Talk, asked: Prompt, refused: Refused) -> Turn:
        """The form does not accept the answer; its own words come first."""
        wording = self._wording(talk)
        if refused.kind == "required":
            return self._again(talk, [refused.message or wording.say("must_answer")])
        reason = "not_a_choice" if refused.kind == "choice" else "not_possible"
        return self._misread(talk, asked, Reading(None), refused.message or wording.unclear(asked, reason))

    def _misread(self, talk: Talk, asked: Prompt, reading: Reading, why: str | None = None) -> Turn:
        """Say why, offer what may have been meant; after three times offer a way out. The question stays open."""
        wording = self._wording(talk)
        only = reading.suggestions[0].value if len(reading.suggestions) == 1 else None
        talk = replace(talk, misread=talk.misread + 1, suggested=only)
        if reading.suggestions and talk.misread < PATIENCE:
            return self._turn(talk, wording.did_you_mean(asked, reading.suggestions))
        why = why or wording.unclear(asked, reading.reason or "not_possible")
        way_out = [] if talk.misread < PATIENCE else [wording.way_out(asked)]
        return self._turn(talk, *way_out, wording.question(asked, before=[why]))

    def _explain(self, talk: Talk) -> Turn:
        """The hint of the open question and the form's guidance for who asks the questions."""
        asked = self._open_prompt(talk)
        known = [text for text in (asked.hint, asked.guidance) if text]
        return self._again(talk, known or [self._wording(talk).say("no_hint")])

    # -- steering words and interruptions --------------------------------------------------------------------------

    def _steer(self, talk: Talk, word: str | None) -> Turn | None:
        """Answer a steering word or an interruption, then ask the open question again; None for anything else."""
        wording = self._wording(talk)
        if word is None:
            return None
        if word.startswith("language:"):
            return self._choose_language(talk, word.removeprefix("language:"))
        if word == "stop":  # by the classifier: exact words never come here
            return self._turn(replace(talk, pause="stop"), wording.confirm_stop())
        if word == "withdraw":
            return self._ask_receipt(talk)
        if word in REMARKS:
            return self._again(talk, [wording.say(key, minutes=IDLE_MINUTES) for key in REMARKS[word]])
        moves: dict[str, Callable[[Talk], Turn]] = {
            "danger": lambda talk: self._offer_help(talk, "danger"),
            "need_help": lambda talk: self._offer_help(talk, "need_help"),
            "change_language": lambda talk: self._choose_language(talk, ""),
            "repeat_question": self._again,
            "greet": self._again,
        }
        if talk.step == "question":
            moves |= {"skip": self._skip, "back": self._back, "hint": self._explain}
            moves |= {"remove": self._take_out}
        if talk.step == "review":
            moves |= {"back": self._back, "remove": self._take_out}
        move = moves.get(word)
        return None if move is None else move(talk)

    def _offer_help(self, talk: Talk, why: str) -> Turn:
        """People to turn to, and the choice to go on or to stop; nothing of the message is kept."""
        opening = "danger_offer" if why == "danger" else "help_offer"
        lines = self.words.helplines_for(self.region, self.now.date())
        replies = (wording.helplines(opening, lines) for wording in self._wordings(talk))
        return self._turn(replace(talk, pause="care"), *replies)

    def _leave(self, talk: Talk, key: str) -> Turn:
        return Turn(None, tuple(wording.reply(key) for wording in self._wordings(talk)), Forget())

    def _stale(self, talk: Talk) -> Turn:
        return self._again(talk, [wording.say("stale_button") for wording in self._wordings(talk)][:1])

    # -- closing, review, sending ----------------------------------------------------------------------------------

    def _close(self, talk: Talk) -> Turn:
        """A gate was answered with no: the form's own words, and nothing is kept."""
        form, interview = self._form_and_interview(talk)
        notes, _ = _pass_notes(form, interview, self.now)
        wording = self._wording(talk)
        texts = [*(note.label for note in notes), wording.say("nothing_kept")]
        return Turn(None, (Reply("\n".join(texts)),), Forget())

    def _hear_review(self, talk: Talk) -> Turn:
        word = self._meaning()
        named = self._lexicon.whole.get(self._folded)
        if named in ("send", "affirm"):
            return self._send(talk)
        if self._text_number() is not None:
            return self._change_by_number(talk)
        if named in ("change", "deny"):
            return self._change(talk, "")
        return self._steer(talk, word) or self._again(talk)

    def _change(self, talk: Talk, path: str) -> Turn:
        form, interview = self._form_and_interview(talk)
        if not path:
            return self._turn(replace(talk, pause="change"), self._wording(talk).change_which())
        if path not in [line.path for line in review(form, interview)]:
            return self._stale(talk)
        return self._ask(
            replace(talk, interview=go_to(form, interview, path), step="question", pause=None, misread=0)
        )

    def _change_by_number(self, talk: Talk) -> Turn:
        lines = review(*self._form_and_interview(talk))
        number = self._text_number() or 0
        if not 1 <= number <= len(lines):
            return self._again(replace(talk, pause=None))
        return self._change(talk, lines[number - 1].path)

    # -- taking out an instance of a repeat ------------------------------------------------------------------------

    def _take_out(self, talk: Talk) -> Turn:
        """The menu of what can be taken out."""
        found = _instances(*self._form_and_interview(talk))
        if not found:
            return self._again(talk, [self._wording(talk).say("nothing_to_remove")])
        return self._turn(replace(talk, pause="remove"), self._wording(talk).remove_which(found))

    def _without(self, talk: Talk, chosen: str) -> Turn:
        """The instance "trip=2" goes. Only while the menu is open: a second press would take out the next one."""
        form, interview = self._form_and_interview(talk)
        gone = next((one for one in _instances(form, interview) if one.key == chosen), None)
        if talk.pause != "remove" or gone is None:
            return self._stale(replace(talk, pause=None))
        interview = remove_repeat(form, interview, gone.path, gone.number, now=self.now)
        said = self._wording(talk).removed(gone)
        return self._ask(replace(talk, interview=interview, misread=0, suggested=None), [said])

    def _take_out_by_number(self, talk: Talk) -> Turn:
        found = _instances(*self._form_and_interview(talk))
        number = self._text_number() or 0
        if not 1 <= number <= len(found):
            return self._again(replace(talk, pause=None))
        return self._without(talk, found[number - 1].key)

    def _send(self, talk: Talk) -> Turn:
        form, interview = self._form_and_interview(talk)
        if _marked(form, interview, "practice") == "yes":
            return self._leave(talk, "practice_done")
        try:
            xml = finish(form, interview, now=self.now)
        except Refused as refused:
            return self._reopen(talk, refused)
        receipt = _marked(form, interview, "receipt")
        effect = Save(form.form_id, form.version, xml, receipt, talk.id)
        return Turn(replace(talk, pause=None).to_json(), (), effect)

    def _reopen(self, talk: Talk, refused: Refused) -> Turn:
        """The engine found an answer that no longer holds: that question is asked again, with the reason."""
        form, interview = self._form_and_interview(talk)
        text = refused.message or self._wording(talk).say("must_answer")
        return self._ask(
            replace(talk, interview=go_to(form, interview, refused.path), step="question", pause=None), [text]
        )

    # -- asking ----------------------------------------------------------------------------------------------------

    def _ask(self, talk: Talk, before: Sequence[str] = ()) -> Turn:
        """The next question with the notes before it; when all is asked, the review."""
        form, interview = self._form_and_interview(talk)
        notes, interview = _pass_notes(form, interview, self.now)
        talk = replace(talk, interview=interview, pause=None)
        if current(form, interview) is None:
            closing = tuple(note.path for note in notes) or talk.closing
            return self._again(replace(talk, step="review", closing=closing, section=None), before)
        return self._again(talk, [*before, *(note.label for note in notes)])

    def _again(self, talk: Talk, before: Sequence[str] = ()) -> Turn:
        """What is open now, once more, after the lines of `before`."""
        if talk.step == "language":
            return self._turn(talk, language_menu(self.words, before))
        wording = self._wording(talk)
        if talk.step == "intro":
            return self._turn(talk, wording.intro(IDLE_MINUTES, before))
        if talk.step == "form":
            return self._turn(talk, wording.form_menu(self.forms, before))
        if talk.step == "review":
            return self._turn(talk, wording.review(review(*self._form_and_interview(talk)), before))
        asked = self._open_prompt(talk)
        section = wording.section(asked)
        reply = wording.question(asked, before=before, new_section=section != talk.section)
        return self._turn(replace(talk, section=section), reply)

    # -- reading ---------------------------------------------------------------------------------------------------

    def _read(self, talk: Talk, asked: Prompt) -> Reading:
        form, interview = self._form_and_interview(talk)
        return read_answer(form, interview, asked, self._text, self._lexicon, today=self.now.date())

    def _meaning(self) -> str | None:
        return meaning(self._text, self.message.intent, self._lexicon)

    def _text_number(self) -> int | None:
        """A number typed alone, as figure or word."""
        word = self._lexicon.whole.get(self._folded, "")
        written = (
            word.removeprefix("number:") if word.startswith("number:") else to_ascii_digits(self._folded)
        )
        return int(written) if written.isascii() and written.isdigit() and len(written) <= 3 else None

    def _is_short(self) -> bool:
        return len(self._text.split()) <= SHORT_MESSAGE

    @property
    def _text(self) -> str:
        return self.message.text or ""

    @property
    def _folded(self) -> str:
        return fold(self._text)

    @property
    def _lexicon(self) -> Lexicon:
        return self.words.lexicon

    # -- small helps -----------------------------------------------------------------------------------------------

    def _wording(self, talk: Talk) -> Wording:
        return Wording(self.words, talk.language or LANGUAGES[0])

    def _wordings(self, talk: Talk) -> list[Wording]:
        """One language where it is known, all of them where it is not."""
        return [Wording(self.words, each) for each in spoken_languages(talk.language, self._text)]

    def _open_prompt(self, talk: Talk) -> Prompt:
        asked = current(*self._form_and_interview(talk))
        if asked is None:
            raise LookupError("there is no open question")
        return asked

    def _form(self, form_id: str | None) -> Form:
        return next(form for form in self.forms if form.form_id == form_id)

    def _form_and_interview(self, talk: Talk) -> tuple[Form, State]:
        if talk.interview is None:
            raise LookupError("there is no open interview")
        return self._form(talk.form), talk.interview

    def _turn(self, talk: Talk, *replies: Reply) -> Turn:
        return Turn(talk.to_json(), replies)


def _pass_notes(form: Form, interview: State, now: dt.datetime) -> tuple[list[Prompt], State]:
    """The notes before the next question, and the interview standing after them."""
    notes = []
    while (shown := current(form, interview)) is not None and shown.kind == "note":
        notes.append(shown)
        interview = answer(form, interview, "", now=now)
    return notes, interview


def _instances(form: Form, interview: State) -> list[Instance]:
    """Every instance of a repeat that she may take out, in the form's order."""
    lines = review(form, interview)
    found = []
    for path, count in interview["repeats"].items():
        label = _name_of_repeat(form, interview, path)
        if label is None:
            continue
        for number in range(1, count + 1):
            inside = f"{path}[{number}]/"
            first = next((line.answer for line in lines if line.path.startswith(inside)), "")
            found.append(Instance(path, number, label, first))
    return found


def _name_of_repeat(form: Form, interview: State, path: str) -> str | None:
    """How the form calls a repeat; None where the form itself says how many there are, or it does not apply."""
    try:
        return prompt(form, interview, path).label
    except KeyError:
        return None


def _marked_path(form: Form, mark: str) -> str | None:
    """The path of the question marked eval:is=`mark`."""
    return next((question.path for question in form.questions if question.eval.get("is") == mark), None)


def _marked(form: Form, interview: State, mark: str) -> str:
    path = _marked_path(form, mark)
    return "" if path is None else value(form, interview, path)


def _receipt(random_id: str) -> str:
    """Ten digits, like any number in a phone, from an id of their own: the interview's id gives nothing away."""
    digest = hashlib.blake2b(random_id.encode(), digest_size=16).digest()
    return str(10**9 + int.from_bytes(digest) % (9 * 10**9))


def _form_language(form: Form, language: str) -> str | None:
    """The form's full name of a language; its default where it was not translated."""
    try:
        return form.language(language)
    except KeyError:
        return form.default_language


def _split(payload: str) -> tuple[str, str]:
    verb, _, argument = payload.partition(":")
    return verb, argument
