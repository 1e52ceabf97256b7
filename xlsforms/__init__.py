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

Questions of a repeat have the number of their instance in the path, from 1: "visit[2]/day". Behind the last
instance comes a question of the kind "repeat", answered with "add" or "done":

>>> trips = load_form(Path("trips.md"))
>>> state = begin(trips, now=noon, instance_id="uuid:51d03c0e")
>>> state = answer(trips, state, "3", now=noon)
>>> current(trips, state).path, current(trips, state).kind, current(trips, state).label
('trip', 'repeat', 'Trip')
>>> state = answer(trips, state, "add", now=noon)
>>> state = answer(trips, state, "4", now=noon)
>>> repeats(trips, state, "trip"), value(trips, state, "trip[2]/km"), value(trips, state, "total")
(2, '4', '7')
>>> value(trips, remove_repeat(trips, state, "trip", 1, now=noon), "total")
'4'
"""

from .choices import Choice
from .errors import FormError, Refused
from .form import Form, Question, form_from_xml, load_form
from .instance import Instance, read_instance
from .interview import (
    Prompt,
    ReviewLine,
    add_repeat,
    answer,
    back,
    begin,
    current,
    every_choice,
    finish,
    go_to,
    prompt,
    remove_repeat,
    repeats,
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
    "add_repeat",
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
    "remove_repeat",
    "repeats",
    "review",
    "scale",
    "set_answer",
    "set_language",
    "skip",
    "to_xform",
    "value",
]
