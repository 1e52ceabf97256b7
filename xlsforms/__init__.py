"""What a form is: an XLSForm read, asked question by question, and written as an instance.

A form is loaded once and shared; an interview is plain JSON that every step returns anew:

>>> from datetime import datetime, timezone
>>> from pathlib import Path
>>> noon = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
>>> form = load_form(Path("visit.md"))
>>> state = begin(form, now=noon, language="bn", instance_id="uuid:7f9c2ba4")
>>> current(form, state).label
'দেখা হয়েছে?'
>>> [choice.name for choice in current(form, state).choices]
['yes', 'no']
>>> state = answer(form, state, "yes", now=noon)
>>> answer(form, state, "-1", now=noon)
Traceback (most recent call last):
xlsforms.errors.Refused: শূন্য বা তার বেশি লিখুন
>>> state = answer(form, state, "3", now=noon)
>>> current(form, state) is None
True
>>> [(line.label, line.answer) for line in review(form, state)]
[('দেখা হয়েছে?', 'হ্যাঁ'), ('কতবার?', '3')]
>>> read_instance(finish(form, state, now=noon)).answers
{'met': 'yes', 'visits': '3', 'meta/instanceID': 'uuid:7f9c2ba4'}

Questions are named by their path without the root element ("core/respect"). Answers are always text as
XForms stores it: several choices divided by a blank, dates as 2026-11-20, numbers without grouping.
"""

from .choices import Choice
from .errors import FormError, Refused
from .form import Form, Question, form_from_xml, load_form
from .instance import Instance, read_instance
from .interview import (
    Prompt,
    ReviewLine,
    answer,
    back,
    begin,
    current,
    every_choice,
    finish,
    go_to,
    prompt,
    review,
    set_answer,
    set_language,
    skip,
    value,
)
from .marks import Mark, Scale, marks, marks_from_json, marks_to_json, scale
from .run import State
from .workbook import Converted, to_xform

__all__ = [
    "Choice",
    "Converted",
    "Form",
    "FormError",
    "Instance",
    "Mark",
    "Prompt",
    "Question",
    "Refused",
    "ReviewLine",
    "Scale",
    "State",
    "answer",
    "back",
    "begin",
    "current",
    "every_choice",
    "finish",
    "form_from_xml",
    "go_to",
    "load_form",
    "marks",
    "marks_from_json",
    "marks_to_json",
    "prompt",
    "read_instance",
    "review",
    "scale",
    "set_answer",
    "set_language",
    "skip",
    "to_xform",
    "value",
]
