"""The interview as a conversation that is safe at every step: a state and a message give a new state and replies.

Pure: no channel, no Rasa, no clock, no database. What must happen outside (save, forget) is returned as an effect;
"saved" is spoken by `saved`, which the caller asks for after the commit and not before. `bot.listener` holds the
rules of a single message.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.listener import Listener
from bot.phrases import LANGUAGES, Words
from bot.talk import Talk, in_language, remembering, spoken_languages
from bot.turns import Button, Effect, Forget, Message, Reply, Save, Turn, Withdraw
from bot.understand import (
    to_ascii_digits,
)
from bot.wording import Wording
from xlsforms import (
    Form,
    prompt,
)

__all__ = ["Button", "Conversation", "Effect", "Forget", "Message", "Reply", "Save", "Turn", "Withdraw"]


@dataclass(frozen=True)
class Conversation:
    """Everything that stays the same between turns: the forms offered, the words, and whose helplines to name.

    `region` is the LGD code of the state whose local helplines may be shown beside the national ones.
    """

    forms: tuple[Form, ...]
    words: Words
    region: str | None = None

    def reply(
        self,
        state: Mapping[str, Any] | None,
        message: Message,
        *,
        now: dt.datetime,
        new_id: Callable[[], str],
        expired: bool = False,
    ) -> Turn:
        """What follows `message`. `state` None begins; `expired` says that an earlier talk idled away.

        After a `Save` the state waits for `saved` or `not_saved`. Never raises because of what was written.
        """
        talk = None if state is None else Talk.from_json(state)
        given = None if talk is None else talk.replies_given(message)
        if talk is not None and given is not None:
            return Turn(talk.to_json(), given)
        if talk is not None and not self._offers(talk):
            talk, expired = None, True
        listener = Listener(self.forms, self.words, self.region, message, now, new_id)
        turn = listener.begin(expired=expired) if talk is None else listener.go_on(talk)
        spoken = in_language(turn, None if talk is None else talk.language)
        return remembering(spoken, message.id)

    def saved(self, state: Mapping[str, Any], receipt: str) -> Turn:
        """The confirmation, to be asked for after the commit: the form's last words and the receipt."""
        talk = Talk.from_json(state)
        wording = Wording(self.words, talk.language or LANGUAGES[0])
        texts = [wording.say("saved"), *self._closing_words(talk)]
        if receipt not in to_ascii_digits(" ".join(texts)):
            texts.append(wording.say("receipt", receipt=receipt))
        replies = (Reply("\n".join(texts)),)
        done = Talk(talk.id, step="done", language=talk.language, last=talk.last)
        turn = in_language(Turn(done.to_json(), replies), talk.language)
        return remembering(turn, (talk.last or {}).get("id"))

    def not_saved(self, state: Mapping[str, Any]) -> Turn:
        """What to say when the commit failed: nothing is lost, and Send is there again."""
        talk = replace(Talk.from_json(state), last=None)
        wording = Wording(self.words, talk.language or LANGUAGES[0])
        buttons = (wording.button("send", "send:"), wording.button("stop", "stop:"))
        return in_language(Turn(talk.to_json(), (Reply(wording.say("not_saved"), buttons),)), talk.language)

    def withdrawn(self, state: Mapping[str, Any], *, now: dt.datetime, new_id: Callable[[], str]) -> Turn:
        """The confirmation of a withdrawal, to be asked for after the commit, and the question that was open."""
        talk = Talk.from_json(state)
        turn = Listener(self.forms, self.words, self.region, Message(), now, new_id).withdrawn(talk)
        return remembering(in_language(turn, talk.language), (talk.last or {}).get("id"))

    def not_withdrawn(self, state: Mapping[str, Any]) -> Turn:
        """What to say when that commit failed: the number can be written again."""
        talk = replace(Talk.from_json(state), last=None)
        said = Wording(self.words, talk.language or LANGUAGES[0]).say("not_withdrawn")
        return in_language(Turn(talk.to_json(), (Reply(said),)), talk.language)

    def sorry(self, state: Mapping[str, Any] | None) -> tuple[Reply, ...]:
        """What to say after a fault of ours; the state stays as it was."""
        language = None if state is None else Talk.from_json(state).language
        return tuple(
            Reply(Wording(self.words, each).say("sorry")) for each in spoken_languages(language, None)
        )

    def _offers(self, talk: Talk) -> bool:
        """Whether the form of an open interview is still the one that is offered: it may have been replaced."""
        if talk.interview is None:
            return True
        began = (talk.interview["form"], talk.interview["version"])
        return began in [(form.form_id, form.version) for form in self.forms]

    def _closing_words(self, talk: Talk) -> list[str]:
        if talk.interview is None:
            return []
        form = next(form for form in self.forms if form.form_id == talk.form)
        return [prompt(form, talk.interview, path).label for path in talk.closing]
