"""How a process reward model wants a solution put: the tokens of a problem and of each step, appended one by one.

Two forms of token-label models. *Step-tag* (Wang et al. 2023, "Math-Shepherd", arXiv 2312.08935; with other words
around, VersaPRM, openr's Math-psa and SPARE): problem and solution as plain text, or in one turn of a chat, with a tag
behind each step, where the model says + or -. *Step-turn* (RLHFlow, 2024): each step is a turn
of the user, and the model says + or - as the assistant. Each step is tokenised by itself, so what stands already is
never tokenised again.
"""

from __future__ import annotations

from typing import Protocol

from ttcli.catalog.forms import PrmForm
from ttcli.engine.model import Model
from ttcli.engine.template import ChatTemplate, Message, Span, tokenize
from ttcli.errors import ModelError

_ANCHOR = "a"  # a word that something is tokenised behind, so that it does not stand at the beginning
_ENDS = ("a", "1", ".", "5.", ")", "$", "\\]", "}", "*", "!")  # of steps: a tag must not melt into any
_BEGINNINGS = ("Step", "a", "1", "(", "\\[", "$", "**", "-", "+")


class Form(Protocol):
    """The tokens of a problem and its steps."""

    labels: tuple[int, int]  # the token of a right step, that of a wrong one

    def head(self, problem: str) -> list[int]:
        """What all solutions of a problem begin with."""
        ...

    def step(self, text: str, *, first: bool) -> list[int]:
        """What a step adds, up to where its label is read."""
        ...


class StepTag:
    """Plain text, "{problem} {step} {tag}\\n{step} {tag}", or what else is told of it.

    Args:
        told: with a tag.

    Raises:
        ModelError: a label is not one token, the tag is not the same tokens wherever it stands, or the chat template
            does not take two turns of the user.
    """

    def __init__(self, model: Model, told: PrmForm) -> None:
        tag, between = told.tag, told.between
        assert tag is not None  # as everything of this form has one
        self._model = model
        self._told = told
        self.labels = labels(model, told.good, told.bad)
        self._template = ChatTemplate(model) if told.chat else None
        written = tag if tag[:1].isspace() else f" {tag}"
        self._tag = _behind(model, _ANCHOR, written)
        self._before = f"{_ANCHOR}{written}"
        places = [(f"{end}{written}", _said(model, end) + self._tag) for end in _ENDS]
        for standing, expected in places:
            for text in (standing, *(f"{standing}{between}{beginning}" for beginning in _BEGINNINGS)):
                if model.tokenize(text, special=False)[: len(expected)] != expected:
                    raise ModelError(
                        f"{model.path.name} does not write the tag {tag!r} the same everywhere: "
                        f"in {text!r} as {_shown(model, model.tokenize(text, special=False))}, "
                        f"elsewhere as {_shown(model, self._tag)}",
                        hint="its TOML must name the tag that this model was trained with",
                    )
        if told.chat:
            self.head("a")  # raises where that cannot be

    def head(self, problem: str) -> list[int]:
        """The problem, with what stands before it; in a chat, up to where the solution's first step begins."""
        if self._template is None:
            return [*_bos(self._model), *_said(self._model, self._told.before_problem + problem.strip())]
        system = [{"role": "system", "content": self._told.before_problem}] if self._told.before_problem else []
        turns = [{"role": "user", "content": problem}, {"role": "user", "content": "a"}]
        spans = self._template.render([*system, *turns])
        last = max(number for number, span in enumerate(spans) if not span.trusted)
        ids = tokenize(self._model, [*spans[:last], Span(self._told.after_problem, trusted=False)])
        bos = _bos(self._model)
        return ids if ids[:1] == bos else [*bos, *ids]

    def step(self, text: str, *, first: bool) -> list[int]:
        """The step, and the tag, behind which the label is read."""
        if not first:
            own = _behind(self._model, self._before, self._told.between, text.strip())
        elif self._template is None:
            own = _behind(self._model, _ANCHOR, self._told.after_problem, text.strip())
        else:
            own = _behind(self._model, self._told.after_problem, text.strip())
        return own + self._tag


class StepTurn:
    """A chat: the problem with its first step, and every later step, are turns of the user; "+" is the answer to each.

    Raises:
        ModelError: a label is not one token, or the chat template does not put one turn like the other.
    """

    def __init__(self, model: Model, told: PrmForm) -> None:
        good, bad = told.good, told.bad
        self._model = model
        self.labels = labels(model, good, bad)
        template = ChatTemplate(model)
        spans = template.render(_chat("a", good, "b", good, "c"))
        texts = [span.text for span in spans]
        regular = len(texts) == 11 and texts[2] == texts[6] == texts[10] and texts[4] == texts[8]
        if not regular or texts[1::2] != ["a", good, "b", good, "c"]:
            raise _irregular(model)
        self._opening, self._ask, self._next = texts[0], texts[2], texts[4]
        whole = template.encode(_chat("a is 1. b", good, "c is 2."))
        if [*self.head("a is 1."), *self.step("b", first=True), *self.step("c is 2.", first=False)] != whole:
            raise _irregular(model)

    def head(self, problem: str) -> list[int]:
        """The problem, in a turn that is not closed yet."""
        ids = tokenize(self._model, [Span(self._opening, trusted=True), Span(problem.strip(), trusted=False)])
        bos = _bos(self._model)
        return ids if ids[:1] == bos else [*bos, *ids]

    def step(self, text: str, *, first: bool) -> list[int]:
        """The step up to where the assistant's turn begins; before a later step, that turn says that all was well."""
        ask = Span(self._ask, trusted=True)
        if first:
            return _behind(self._model, _ANCHOR, " ", text.strip()) + tokenize(self._model, [ask])
        turn = [Span(self._next, trusted=True), Span(text.strip(), trusted=False), ask]
        return [self.labels[0], *tokenize(self._model, turn)]


def labels(model: Model, good: str, bad: str) -> tuple[int, int]:
    """The tokens of two labels.

    Raises:
        ModelError: one of them is not a single token, or both are the same.
    """
    found = []
    for label in (good, bad):
        ids = _said(model, label)
        if len(ids) != 1 or model.is_control(ids[0]):
            raise ModelError(
                f"{model.path.name} writes the label {label!r} as {_shown(model, ids)}, and it must be a single token",
                hint="its TOML must name the labels that this model was trained with",
            )
        found += ids
    if found[0] == found[1]:
        raise ModelError(f"{model.path.name} writes the labels {good!r} and {bad!r} as the same token")
    return found[0], found[1]


def _chat(*turns: str) -> list[Message]:
    """A chat that the user begins."""
    return [{"role": "assistant" if odd % 2 else "user", "content": turn} for odd, turn in enumerate(turns)]


def _irregular(model: Model) -> ModelError:
    return ModelError(
        f"the chat template of {model.path.name} does not put every turn alike, so steps cannot be appended to it",
        hint="a model of the form step-turn needs the chat template it was trained with",
    )


def _bos(model: Model) -> list[int]:
    return [] if model.bos is None else [model.bos]


def _said(model: Model, text: str) -> list[int]:
    return model.tokenize(text, special=False)


def _behind(model: Model, before: str, *text: str) -> list[int]:
    """The tokens of a text that stands behind another."""
    lead = _said(model, before)
    ids = _said(model, before + "".join(text))
    if ids[: len(lead)] != lead:
        raise ModelError(f"{model.path.name} does not keep the tokens of a step apart from what stands before it")
    return ids[len(lead) :]


def _shown(model: Model, ids: list[int]) -> str:
    """Tokens, for a message."""
    return " ".join(repr(model.piece(token).decode("utf-8", "replace")) for token in ids) or "nothing"
