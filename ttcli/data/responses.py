"""Answers to be graded: rows with a reference answer and what somebody, or a model, made of the problem."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Literal, NamedTuple

from ttcli.answers import extract_answer
from ttcli.answers import grade as verdict_on
from ttcli.answers.question import Question
from ttcli.data.fields import QUESTIONS, BadRowError, Fields, column, text_of
from ttcli.data.question import Asked, asked
from ttcli.data.records import Record
from ttcli.data.reference import reference as reference_of
from ttcli.data.reference import reference_in
from ttcli.data.rows import BadRow, read_rows

Form = Literal["text", "candidate"]  # a whole solution that says its answer somewhere; an answer as it is

TEXTS = ("text", "response", "completion", "output", "generation")
CANDIDATES = ("candidate", "prediction")
REFERENCES = ("gold", "reference", "ground_truth")  # before `answer` and `solution`; null: no answer is right
_FORM = r'{"problem": "What is 2 + 2?", "answer": "4", "text": "It is \\boxed{4}."}, one such object per line'


@dataclass(frozen=True, slots=True)
class Response:
    """A row to be graded."""

    line: int  # from 1; the number of the row where the file is no JSON lines
    fields: Fields  # all that the row has
    reference: str | None  # None: no answer is right
    said: str | None  # None: nothing
    form: Form
    question: Question | None


class Grade(NamedTuple):
    """What is made of a response."""

    extracted: str | None  # None: there is no answer in it
    right: bool | None  # None: no answer, where there is a right one
    graded: bool = True  # False: that could not be found out, and counts as wrong


class Responses(NamedTuple):
    """The responses of one file."""

    rows: tuple[Response, ...]  # in order of the file, at least one
    bad: tuple[BadRow, ...]  # rows left out


def read_responses(
    source: str,
    *,
    form: Form | None = None,
    field: str | None = None,
    reference: str | None = None,
    skip_bad: bool = False,
    stdin: BinaryIO | None = None,
) -> Responses:
    """The responses in a file, or in stdin for "-"; gzip is recognised.

    A response is what the first of TEXTS or else of CANDIDATES holds, or `field`; null there is no answer. It is read
    in its `form`, left out as the name of the field or the row's own `from_text` says. Its reference answer is in the
    first of REFERENCES, where null says that no answer is right, or else in `answer` or `solution` as in a data set;
    or it is in the field that `reference` names. `problem` or `question` tells the options of a question.

    Raises:
        DatasetError: as `read_dataset`; but problems may repeat.
    """

    def read(record: Record) -> Response:
        fields = record.fields()
        name = field or _first_of(fields, form)
        if name not in fields:
            raise BadRowError(f"no response: `{field}` must hold it" if field else _NO_RESPONSE)
        problem = asked(fields) if column(fields, *QUESTIONS) else None
        return Response(
            line=record.number,
            fields=fields,
            reference=_reference(fields, problem, reference),
            said=text_of(fields, name),
            form=form or _form(fields, name),
            question=Question.of(problem.text) if problem else None,
        )

    return Responses(*read_rows(source, read, form=_FORM, skip_bad=skip_bad, stdin=stdin))


_NO_RESPONSE = "no response: one of {} must hold it".format(", ".join(f"`{name}`" for name in TEXTS + CANDIDATES))


def _first_of(fields: Fields, form: Form | None) -> str:
    """The first field that holds a response, or at least is there."""
    names = CANDIDATES + TEXTS if form == "candidate" else TEXTS + CANDIDATES
    there = [name for name in names if name in fields]
    return next((name for name in there if fields[name] is not None), there[0] if there else "")


def _form(fields: Fields, name: str) -> Form:
    if name not in CANDIDATES:
        return "text"
    return "text" if fields.get("from_text") is True else "candidate"


def _reference(fields: Fields, problem: Asked | None, name: str | None) -> str | None:
    names = (name,) if name else REFERENCES
    found = next((each for each in names if each in fields), None)
    if found is None and name is None:
        return reference_of(fields, problem).text
    if found is not None and fields[found] is None:
        return None
    if found is None or (reference := reference_in(fields, found)) is None:
        raise BadRowError(f"no reference answer: `{found or name}` must hold it")
    return reference


def grade(response: Response) -> Grade:
    """The answer in a response, and whether it is the reference answer."""
    said, reference, question = response.said, response.reference, response.question
    if said is not None and response.form == "text":
        said = extract_answer(said, question)
    elif said is not None and question:
        said = question.read(said)
    if reference is None or said is None:
        return Grade(said, said is None if reference is None else None)
    verdict = verdict_on(said, question.read(reference) if question else reference)
    return Grade(said, verdict is True, verdict is not None)
