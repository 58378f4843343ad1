"""The options of a multiple-choice row, and which of them is right.

`choices` or `options` may be a list of texts (MMLU: Hendrycks et al., 2021), with letters before them or not (AQuA:
Ling et al., 2017), an object from letter to text, ARC's `{"text": [...], "label": [...]}` (Clark et al., 2018), or one
text with lettered options in it (MathQA: Amini et al., 2019). Or each option has a column: `A`, `B`, ..., `option A`,
...; or the right one has `Correct Answer` and the others `Incorrect Answer 1`, ... (GPQA: Rein et al., 2023). These
last stand in an order drawn from the question, which does not hang on which of them is right.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Literal, NamedTuple

from ttcli.answers import extract_answer
from ttcli.data.fields import BadFileError, BadRowError, Fields, as_text, column, is_blank, is_number, plain

Way = Literal["index", "text"]  # how a number says which option is right

_LISTS = ("choices", "options")
_KEYS = ("answer", "answer key", "correct", "correct answer", "target", "gold", "label")
_INDICES = ("answer index", "answer idx")
_WRONG = ("incorrectanswer", "distractor")  # numbered from 1
_LETTERED = re.compile(r"\(?([A-Za-z])\s?[).:]\s*(.*)", re.DOTALL)
_IN_TEXT = re.compile(r"(?:^|[,;\n])\s*\(?([A-Za-z])\s?[).:]\s+")
_LETTER = re.compile(r"\(?([A-Za-z])[).:]?\)?")
_BREAK = re.compile(r"\s*\n\s*")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a row, in the order in which they are lettered."""

    texts: tuple[str, ...]  # at least two
    columns: frozenset[str]  # that they come from
    labels: tuple[str, ...] = ()  # what the data set itself calls them
    right: int | None = None  # where their columns say it
    numeric: bool = False  # they are numbers in JSON, as an answer that repeats one would be

    def lettered(self) -> str:
        """A line for each."""
        return "\n".join(f"{letter}) {text}" for letter, text in zip(ascii_uppercase, self.texts, strict=False))


class Right(NamedTuple):
    """The right option."""

    letter: str
    way: Way | None = None  # None: no number said so


def options_of(fields: Fields, question: str) -> Options | None:
    """The options of a row; None where it has none.

    Raises:
        BadRowError: they are of no known form, or fewer than two, or more than there are letters.
    """
    listed = column(fields, *_LISTS)
    options = _listed(fields[listed], listed) if listed else _in_columns(fields) or _with_distractors(fields, question)
    if options is None:
        return None
    texts = [_BREAK.sub(" ", text) for text in options.texts]
    while texts and not texts[-1]:
        texts.pop()
    name = listed or min(options.columns)
    if not 2 <= len(texts) <= len(ascii_uppercase) or not all(texts):
        raise BadRowError(f"`{name}`: there must be from 2 to 26 options, and none of them blank")
    return Options(tuple(texts), options.columns, options.labels, options.right, options.numeric)


def right_option(fields: Fields, options: Options, text: str) -> Right:
    """Which option is right: by its letter, its label, its text, or its place counted from 0.

    A number is a place unless the options are numbers too; digits are a place where they are neither label nor text.
    `text` is the problem with its options: an answer may be a worked solution that ends in one.

    Raises:
        BadRowError: there is no answer, it fits no option or two of them, or says another one than `answer index` does.
        BadFileError: it counts from 1.
    """
    if options.right is not None:
        return Right(ascii_uppercase[options.right])
    names = [name for names in (_KEYS, _INDICES) if (name := column(fields, *names))]
    if not names and (name := column(fields, "solution")) and isinstance(fields[name], str):
        names = [name]
    if not names:
        raise BadRowError("no answer: `answer` must hold the letter, the text or the index of an option")
    said = [_right(fields[name], name, options, text) for name in names]
    if len({right.letter for right in said}) > 1:
        raise BadRowError(f"`{names[0]}` says {said[0].letter} and `{names[1]}` says {said[1].letter}")
    return said[0]


def _right(value: object, name: str, options: Options, text: str) -> Right:
    count = len(options.texts)
    answer = as_text(value, name)
    by_name, by_text = _named(answer, options), _matching(answer, options)
    index = int(answer) if re.fullmatch(r"-?\d{1,9}", answer) and not (by_name and options.labels) else None
    if index is not None and is_number(value) and not options.numeric and 0 <= index < count:
        return Right(ascii_uppercase[index], "index")
    by_index = ascii_uppercase[index] if index is not None and 0 <= index < count else None
    if by_name and options.labels:
        return Right(by_name)
    letters = {letter for letter in (by_name, by_text, by_index) if letter}
    if len(letters) > 1:
        said = " and ".join(sorted(letters))
        raise BadRowError(f"`{name}` is {answer}, which may be {said}: a letter leaves no doubt")
    if letters:
        both = index is None or (by_text and by_index)
        return Right(letters.pop(), None if both else "text" if by_text else "index")
    if index == count:
        hint = f"ttc counts options from 0, or takes their letters; where they count from 1: jq -c '.{name} -= 1' FILE"
        raise BadFileError(f"`{name}` is {answer} with {count} options, so answers seem to count from 1", hint)
    stated = extract_answer(answer, text) if extract_answer(answer) else None
    if stated and len(stated) == 1 and stated in ascii_uppercase[:count]:
        return Right(stated)
    raise BadRowError(f"`{name}` is {answer}, which is none of the {count} options")


def _named(answer: str, options: Options) -> str | None:
    """The letter of the option with the data set's own label, or this letter, alone or before its text."""
    for letter, label, _ in zip(ascii_uppercase, options.labels, options.texts, strict=False):
        if answer.casefold() == label.casefold():
            return letter
    if found := _LETTER.fullmatch(answer) or _LETTERED.fullmatch(answer):
        text = dict(zip(ascii_uppercase, options.texts, strict=False)).get(found[1].upper())
        if text is not None and (found.re is _LETTER or found[2].strip() == text):
            return found[1].upper()
    return None


def _matching(answer: str, options: Options) -> str | None:
    """The letter of the one option with this text."""
    wanted = _BREAK.sub(" ", answer)
    for same in (str.strip, str.casefold):
        places = [at for at, text in enumerate(options.texts) if same(text) == same(wanted)]
        if len(places) > 1:
            raise BadRowError(f"{answer} is the text of several options")
        if places:
            return ascii_uppercase[places[0]]
    return None


def _listed(value: object, name: str) -> Options:
    """Options in one field."""
    columns = frozenset({name})
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, Mapping):
        value = {str(key): part for key, part in value.items()}
        parts = {plain(key): part for key, part in value.items()}
        texts, labels = parts.get("text"), parts.get("label")
        if isinstance(texts, Sequence) and isinstance(labels, Sequence) and not isinstance(texts, str):
            if len(texts) != len(labels):
                raise BadRowError(f"`{name}` has {len(texts)} texts and {len(labels)} labels")
        else:
            keys = sorted(value) if all(re.fullmatch("[A-Za-z]", key) for key in value) else list(value)
            texts, labels = [value[key] for key in keys], keys
        return Options(_texts(texts, name), columns, tuple(as_text(label, name) for label in labels))
    if not isinstance(value, list):
        raise BadRowError(f"`{name}` holds no options in a form that is known")
    if all(isinstance(each, Mapping) and {"text", "label"} <= each.keys() for each in value):
        labels = [as_text(each["label"], name) for each in value]
        return Options(_texts([each["text"] for each in value], name), columns, tuple(labels))
    texts = _texts(value, name)
    parts_of = [_LETTERED.fullmatch(text) for text in texts]
    if all(part and part[1].upper() == letter for part, letter in zip(parts_of, ascii_uppercase, strict=False)):
        return Options(tuple(part[2] for part in parts_of if part), columns)
    return Options(texts, columns, numeric=all(is_number(each) for each in value))


def _parsed(text: str) -> object:
    """Options in a text: JSON, a list or dict as Python writes it, or behind letters."""
    if text.lstrip().startswith(("[", "{")):
        for read in (json.loads, ast.literal_eval):
            try:
                return read(text.strip())
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
    _, *parts = _IN_TEXT.split(text)
    letters, texts = parts[::2], parts[1::2]
    in_order = all(letter.upper() == own for letter, own in zip(letters, ascii_uppercase, strict=False))
    return [each.strip(" ,;\n") for each in texts] if in_order and len(texts) > 1 else None


def _texts(values: Sequence[object], name: str) -> tuple[str, ...]:
    return tuple("" if is_blank(value) else as_text(value, name) for value in values)


def _in_columns(fields: Fields) -> Options | None:
    """Options in a column each, called by letters."""
    for before in ("", "option", "choice"):
        columns = []
        for letter in ascii_uppercase:
            names = [letter] if not before else [name for name in fields if plain(name) == f"{before}{letter.lower()}"]
            if not names or names[0] not in fields:
                break
            columns.append(names[0])
        if len(columns) > 1:
            texts = [fields[name] for name in columns]
            return Options(_texts(texts, columns[0]), frozenset(columns), numeric=all(map(is_number, texts)))
    return None


def _with_distractors(fields: Fields, question: str) -> Options | None:
    """The right option in a column, and the others in columns with numbers."""
    wrong = [name for name in fields if plain(name).rstrip("0123456789") in _WRONG and not is_blank(fields[name])]
    right = column(fields, "correct answer", "answer")
    if not wrong or right is None:
        return None
    answer = as_text(fields[right], right)
    texts = [answer, *(as_text(fields[name], name) for name in wrong)]
    if len(set(texts)) < len(texts):
        raise BadRowError(f"two of `{right}` and `{wrong[0]}` and the like say the same")
    texts.sort(key=lambda text: hashlib.blake2b(f"{question}\n{text}".encode(), digest_size=16).digest())
    return Options(tuple(texts), frozenset({right, *wrong}), right=texts.index(answer))
