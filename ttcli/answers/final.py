"""The answer of a solution in the form that is wanted of its problem."""

from __future__ import annotations

from dataclasses import replace

from ttcli.answers.extract import extract_answer
from ttcli.answers.form import REGEX, last_line
from ttcli.answers.pattern_search import last_match
from ttcli.answers.question import Question
from ttcli.answers.statement import bare
from ttcli.answers.thinking import aloud
from ttcli.answers.whole import code_block
from ttcli.problem import AnswerForm, Problem
from ttcli.solution import AnswerKind, Ended, Prefix

_LETTERS = dict.fromkeys("ABCDEFGHIJ", "")


def answer_of(prefix: Prefix) -> str | None:
    """What a solution answers; None: nothing. One that was broken off answers only with what it had said whole.

    Raises:
        UsageError: the user's own pattern takes too long to look for.
    """
    problem, finished = prefix.problem, prefix.ended is Ended.STOP
    text = prefix.text if finished else _said_whole(prefix.text)
    question = Question.of(problem.text)
    match problem.form:
        case "boxed":
            return extract_answer(text)
        case "choice":
            return _letter(text, question, finished=finished)
        case "text" | "none":
            return spoken(prefix.text) if finished else None
        case "last-line":
            return (bare(last_line(aloud(text)) or "") or None) if finished else None
        case "code":
            return code_block(aloud(prefix.text), finished=finished)
    if problem.form.startswith(REGEX):
        return last_match(problem.form, aloud(text))
    if finished:
        return extract_answer(text, question)
    stated = extract_answer(text)
    return stated if stated is None else extract_answer(text, replace(question, kind="number"))


def kind_of(form: AnswerForm) -> AnswerKind:
    """How answers of this form are compared."""
    kinds = {"text": AnswerKind.TEXT, "code": AnswerKind.CODE, "none": AnswerKind.EACH}
    return kinds.get(form, AnswerKind.SHORT)


def settled(problem: Problem) -> Problem:
    """The problem with the form that its words ask for, where that was left open: code and long texts are no values."""
    kind = Question.of(problem.text).kind
    if problem.form != "auto" or kind not in {"code", "prose"}:
        return problem
    return replace(problem, form="code" if kind == "code" else "text")


def spoken(text: str) -> str | None:
    """A finished text without the thinking before it; None where nothing is left."""
    return aloud(text).strip() or None


def _letter(text: str, question: Question, *, finished: bool) -> str | None:
    """The option that a text chooses; any letter where the problem lists none."""
    listed = question if question.options else replace(question, options=_LETTERS)
    stated = extract_answer(text)
    if stated is None and not finished:
        return None
    letter = listed.option(stated, text)
    return letter if letter in listed.options else None


def _said_whole(text: str) -> str:
    """The part of a broken-off text that more words could not change: whole lines, and the last one up to a closed box.

    "The answer is 12" may have been on its way to 128.
    """
    lines, newline, last = text.rpartition("\n")
    box = last.find("\\boxed{")
    return lines + newline + last[box : last.rfind("}") + 1] if box >= 0 else lines
