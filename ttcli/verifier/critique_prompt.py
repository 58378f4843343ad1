"""What a generative verifier is told, where its critiques end, and the tokens that its verdicts are read behind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ttcli.catalog.forms import CritiqueForm
from ttcli.engine.model import Model
from ttcli.engine.template import ChatTemplate, Message, Span, tokenize
from ttcli.problem import Problem

_NUMBERED = re.compile(r"^\W*step \d+[:.]", re.IGNORECASE)  # a step that has its number already


class Key(NamedTuple):
    """What a critique is about."""

    problem: Problem
    steps: tuple[str, ...]  # up to the one that is judged
    chain: int


class Verdict(NamedTuple):
    """What came of a critique."""

    turn: str  # of the assistant: the critique and the verdict
    score: float  # in [0, 1]


class CritiquePrompt:
    """The words of a verifier, as tokens of its model.

    Raises:
        ModelError: the model has no chat template.
    """

    def __init__(self, model: Model, words: CritiqueForm) -> None:
        self.words = words
        self._model = model
        self._template = ChatTemplate(model)
        self._last = tokenize(model, [Span(words.verdict, trusted=True)])
        beside = words.begin + words.verdict + words.good + words.close
        self.beside = len(model.tokenize(beside, special=False))  # tokens of a turn besides those of the critique

    @property
    def verdict(self) -> int:
        """Tokens between a critique and its label."""
        return len(self._last)

    def root(self, key: Key, known: Mapping[Key, Verdict]) -> list[int]:
        """The tokens of the chat up to where a critique is written, its own beginning included."""
        spans = [*self._template.render(self._chat(key, known)), Span(self._begin(key), trusted=True)]
        ids, bos = tokenize(self._model, spans), self._model.bos
        return ids if bos is None or ids[:1] == [bos] else [bos, *ids]

    def _begin(self, key: Key) -> str:
        return self.words.begin.replace("{number}", str(len(key.steps)))

    def stops(self, key: Key) -> list[str]:
        """Where a critique is cut off."""
        return [stop.replace("{next}", str(len(key.steps) + 1)) for stop in self.words.stops]

    def _chat(self, key: Key, known: Mapping[Key, Verdict]) -> list[Message]:
        words, number = self.words, len(key.steps)
        chat: list[Message] = [{"role": "system", "content": words.system}] if words.system else []
        problem = key.problem.text
        if words.form == "critique":
            steps = (_NUMBERED.sub("", text).strip() for text in key.steps)
            solution = "\n".join(f"Step {at}: {step}" for at, step in enumerate(steps, 1))
            return [*chat, {"role": "user", "content": _filled(words.ask, problem=problem, solution=solution)}]
        for at, step in enumerate(key.steps, 1):
            ask = words.ask if at == 1 else words.ask_next
            chat.append({"role": "user", "content": _filled(ask, problem=problem, step=step.strip())})
            if at < number:
                earlier = known.get(key._replace(steps=key.steps[:at]))
                chat.append({"role": "assistant", "content": earlier.turn if earlier else "."})
        return chat

    def tail(self, critique: str, room: int) -> list[int]:
        """What is behind a root when the verdict is read; a critique that has no room any more loses its end."""
        verdict = Span(self.words.verdict, trusted=True)
        ids = tokenize(self._model, [Span(critique, trusted=False), verdict])
        if len(ids) <= room:
            return ids
        return self._model.tokenize(critique, special=False)[: room - len(self._last)] + self._last

    def turn(self, key: Key, critique: str, *, right: bool) -> str:
        """What the assistant said in all."""
        words = self.words
        return f"{self._begin(key)}{critique}{words.verdict}{words.good if right else words.bad}{words.close}"


def goes_on(key: Key, other: Key) -> bool:
    """Whether a turn stands on another one."""
    begun = len(other.steps)
    return key.problem == other.problem and begun < len(key.steps) and key.steps[:begun] == other.steps


def _filled(words: str, **values: str) -> str:
    """Words with values in the places of their names; other braces are LaTeX's."""
    return re.sub(r"\{(\w+)\}", lambda name: values.get(name[1], name[0]), words)
