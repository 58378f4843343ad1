"""From texts to tokens: what an adapter reads, and what it is to say where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ttcli.catalog.forms import PrmForm
from ttcli.errors import ModelError
from ttcli.problem import Problem
from ttcli.runtime.forms import prm_form
from ttcli.solution import Attempt
from ttcli.train.lora.trajectories import Trajectory
from ttcli.train.lora.values import Valued
from ttcli.verifier.form import Form

if TYPE_CHECKING:  # llama.cpp: not before it is needed
    from ttcli.engine.model import Model
    from ttcli.policy.local.policy import LocalPolicy

_TAGS = ("ки", "\n\n\n\n", "?", "~")  # of a step: of those that are the same tokens wherever they stand the shortest
_NOTHING = Problem("")
_PROBE = 64  # tokens


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A text, with what is to be said behind some of its tokens."""

    tokens: tuple[int, ...]
    places: tuple[int, ...]  # of the tokens behind which something is to be said
    targets: tuple[float, ...]  # of these: the next token, or the value of a step in [0, 1]
    weight: float = 1.0  # it counts so many times


class Probe(NamedTuple):
    """What llama.cpp computes, for whoever is to compute the same."""

    tokens: tuple[int, ...]
    logits: NDArray[np.float64]  # [vocabulary], behind the last one


class ToldForm(NamedTuple):
    """How a process reward model on a policy's weights is to be asked."""

    told: PrmForm
    form: Form


def encode_trajectories(policy: LocalPolicy, chains: Iterable[Trajectory]) -> list[Example]:
    """Chats up to a right solution, of which it is the solution that counts, and the end of its turn.

    Attempts in view are fewer where all do not fit the model's context, as when a revision is drawn; a chain without
    room for the problem and the solution is left out.
    """
    model, end = policy.model, _end(policy)
    examples = []
    for chain in chains:
        said = (*model.tokenize(chain.target, special=False), end)
        shown = chain.attempts
        asked = policy.encode(chain.problem, shown)
        while shown and len(asked) + len(said) > model.context:
            shown = shown[1:]
            asked = policy.encode(chain.problem, shown)
        if len(asked) + len(said) <= model.context:
            places = range(len(asked) - 1, len(asked) + len(said) - 1)
            examples.append(Example((*asked, *said[:-1]), tuple(places), tuple(map(float, said))))
    return examples


def encode_values(model: Model, form: Form, problem: Problem, solutions: Sequence[Valued]) -> list[Example]:
    """Solutions of a problem as a process reward model reads them; what does not fit the context is left out."""
    head = form.head(problem.text)
    examples = []
    for each in solutions:
        tokens, places = [*head], []
        for at, step in enumerate(each.solution.steps):
            tokens += form.step(step.text, first=at == 0)
            places.append(len(tokens) - 1)
        if len(tokens) <= model.context:
            examples.append(Example(tuple(tokens), tuple(places), each.values, float(each.times)))
    return examples


def choose_form(model: Model, separator: str) -> ToldForm:
    """How solutions of a model are to be put to its process reward model: in its own chat, where that can be.

    Args:
        separator: of the steps that the model writes.

    Raises:
        ModelError: no tag is the same tokens wherever it stands.
    """
    shortest = sorted(_TAGS, key=lambda tag: len(model.tokenize(f" {tag}", special=False)))
    for chat in (True, False) if model.chat_template else (False,):
        for tag in shortest:
            words = {"after_problem": "", "between": separator, "chat": True} if chat else {}
            told = PrmForm("step-tag", "+", "-", tag, **words)  # type: ignore[arg-type]
            try:
                return ToldForm(told, prm_form(model, told))
            except ModelError as error:
                reason = str(error)
    raise ModelError(f"{model.path.name} has no tokens to label steps by: {reason}", hint="another model")


def probe(model: Model, example: Example) -> Probe:
    """What llama.cpp computes behind the beginning of an example."""
    from ttcli.engine.branch import Branch
    from ttcli.verifier.reader import Reader

    tokens = example.tokens[:_PROBE]
    reader = Reader(model, "the model itself", range(model.vocabulary))
    try:
        reader.reserve(len(tokens), 1)
        return Probe(tokens, reader.read([Branch(None, list(tokens))])[0])
    finally:
        reader.close()


def toml(told: PrmForm) -> str:
    """A form as the TOML beside a GGUF tells it."""
    values = {"form": told.form, "good": told.good, "bad": told.bad, "tag": told.tag or ""}
    words = {"before_problem": told.before_problem, "after_problem": told.after_problem, "between": told.between}
    lines = [f"{name} = {_quoted(text)}" for name, text in (values | words).items()]
    return "\n".join(["[verifier]", 'kind = "prm"', *lines, f"chat = {str(told.chat).lower()}", ""])


def _quoted(text: str) -> str:
    escapes = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


def _end(policy: LocalPolicy) -> int:
    """The token that ends a turn of the model."""
    before = len(policy.encode(_NOTHING))
    shown = policy.encode(_NOTHING, (Attempt("a"),))[before:]
    ends = [token for token in shown if policy.model.ends_generation(token)]
    eos = policy.model.special_token("eos")
    if not ends and eos is None:
        raise ModelError(f"{policy.name} has no token that ends a turn", hint="another model")
    return ends[0] if ends else int(eos or 0)
