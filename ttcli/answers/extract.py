r"""The final answer of a solution, where the solution says so; a number that merely comes last is never taken for one.

Stages, each in a file of its own: what is said aloud (`thinking`), boxes and tags (`boxes`), phrases, headings and
`####` (`phrases`). Of what they find, the last counts; words that may only describe an answer count where there is
nothing else. With the problem at hand the letters of its options count too (`question`), and to a question that is
not arithmetic a short text may be the answer as it stands (`prose`).
"""

from __future__ import annotations

from itertools import chain

from ttcli.answers.boxes import boxed, tagged
from ttcli.answers.phrases import hashed, headed, said
from ttcli.answers.prose import gist
from ttcli.answers.question import Question
from ttcli.answers.statement import Statement
from ttcli.answers.thinking import aloud, first_answer


def extract_answer(text: str, problem: Question | str | None = None) -> str | None:
    r"""The final answer as the solution writes it, without `$...$`, `**` and trailing periods; None where it has none.

    What is said last wins: a complete box that is not empty, `#### x`, "the answer is x", the line under a heading
    "Answer", or what stands in answer tags. An unclosed box is no box. `problem` is the problem's text, or what a
    `Question` has read from it once: with it, an answer that repeats an option becomes the option's letter, and a
    question in words may be answered by a short text that says nothing of an answer; pass it for finished texts only.
    Takes time linear in the text and raises nothing.
    """
    spoken = first_answer(aloud(text))
    stated = last_stated(spoken)
    if problem is None:
        return stated
    question = Question.of(problem) if isinstance(problem, str) else problem
    if question.options:
        return question.option(stated, spoken)
    if stated is None and question.kind == "text":
        return gist(spoken, question.text)
    return None if stated is None else question.in_its_unit(stated)


def last_stated(text: str) -> str | None:
    """What the text states last to be its answer."""
    statements = list(chain(boxed(text), tagged(text), hashed(text), headed(text), said(text)))
    sure = [statement for statement in statements if statement.sure]
    last = max(sure or statements, key=_end, default=None)
    return last.answer if last else None


def _end(statement: Statement) -> int:
    return statement.end
