"""What can be wrong with a form or a filled form, in words ready to print.

FormError    the form, an attached list or an instance file is wrong: nothing can go on before it is mended
Refused      an answer was not accepted: the question stays open (see `xlsforms.interview`)
"""


class FormError(Exception):
    """The form is wrong. The message says where, what, and where it can, what to do."""


class Refused(Exception):  # noqa: N818  the word of the house: an answer is refused, nothing is broken
    """An answer was not accepted; the state that was passed in is still good.

    `path` is the question, `kind` one of "required", "constraint", "type", "choice", "readonly".
    `message` is the form's own text in the interview's language, or "" where the form gives none
    in that language: then the caller speaks in its own words.
    """

    def __init__(self, path: str, kind: str, message: str = "") -> None:
        super().__init__(message or f"{path}: {_PLAIN[kind]}")
        self.path = path
        self.kind = kind
        self.message = message


_PLAIN = {
    "required": "an answer is needed here",
    "constraint": "this answer does not fit what the form asks for",
    "type": "this is not the kind of answer the question takes",
    "choice": "this is not one of the choices",
    "readonly": "this is only shown and takes no answer",
}
