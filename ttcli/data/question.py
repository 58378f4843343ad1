"""What a row asks: the question, what goes before it, and the options behind it.

| column | what becomes of it |
|---|---|
| `problem`, `question`, `question stem`, `prompt`, `query`, `instruction`, `statement`, `input` | the first of these with text is the question |
| `context`, `passage`, `article` | go before the question, with a blank line between |
| `body` | goes before the question, with a space between (SVAMP: Patel et al., 2021; ASDiv: Miao et al., 2020) |
| `input` beside `instruction` | goes behind it, with a blank line between |
| options, see `ttcli.data.options` | are lettered and go behind it, unless the question lists them itself |
"""  # noqa: E501  # a table has no shorter lines

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ttcli.answers.question import Question
from ttcli.data.fields import QUESTIONS, BadRowError, Fields, as_text, column, is_blank, plain
from ttcli.data.options import Options, options_of

_CONTEXTS = ("context", "passage", "article")
_PARTS = {
    plain(name)
    for name in (
        *QUESTIONS,
        *_CONTEXTS,
        *("body", "choices", "options", "endings", "premise", "hypothesis", "table", "hint", "hints", "story"),
        *("background", "paragraph", "document", "facts", "support", "figure", "diagram", "picture", "ctx"),
    )
}


class Asked(NamedTuple):
    """What a row asks."""

    text: str  # of the problem, as the policy has it
    options: Options | None
    left_out: Mapping[str, object]  # fields that look like part of the question and are none


def asked(fields: Fields) -> Asked:
    """What a row asks.

    Raises:
        BadRowError: nothing, or with options that cannot be read.
    """
    fields = _without_nesting(fields)
    name = next((found for name in QUESTIONS if (found := column(fields, name)) and _is_text(fields[found])), None)
    if name is None:
        raise BadRowError(f"no problem: `problem` or `question` must hold text, and there is {_names(fields)}")
    text = as_text(fields[name], name)
    used = {name}
    for before, gap in (("body", " "), *((context, "\n\n") for context in _CONTEXTS)):
        part = column(fields, before)
        if part and _is_text(fields[part]) and (words := as_text(fields[part], part)) not in text:
            text = f"{words}{gap}{text}"
            used.add(part)
    behind = column(fields, "input") if plain(name) == "instruction" else None
    if behind and _is_text(fields[behind]):
        text = f"{text}\n\n{as_text(fields[behind], behind)}"
        used.add(behind)
    options = options_of(fields, text)
    if options:
        used |= options.columns
        if not _lists(text, options):
            text = f"{text}\n\n{options.lettered()}"
    left_out = {name: value for name, value in fields.items() if name not in used and _is_part(name, value, text)}
    return Asked(text, options, left_out)


def question_of(fields: Fields) -> str:
    """The problem of a row; raises BadRowError where it has none."""
    return asked(fields).text


def _without_nesting(fields: Fields) -> Fields:
    """The fields, those of a question that is an object among them: `{"question": {"stem": ..., "choices": ...}}`."""
    name = column(fields, "question")
    inner = fields[name] if name else None
    if not isinstance(inner, Mapping) or not isinstance(inner.get("stem"), str):
        return fields
    outer = {other: value for other, value in fields.items() if other != name}
    return {**outer, **{other: value for other, value in inner.items() if other != "stem"}, "question": inner["stem"]}


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _names(fields: Fields) -> str:
    return ", ".join(f"`{name}`" for name in fields) or "nothing"


def _lists(text: str, options: Options) -> bool:
    """Whether a question has the options in it already, by the same letters."""
    listed = [_bare(option) for option in Question.of(text).options.values()]
    return listed == [_bare(option) for option in options.texts]


def _bare(option: str) -> str:
    return " ".join(option.split()).strip(" $\\~.;,").casefold()


def _is_part(name: str, value: object, text: str) -> bool:
    if is_blank(value) or (isinstance(value, str) and value.strip() in text):
        return False
    return plain(name) in _PARTS or plain(name).startswith("image")
