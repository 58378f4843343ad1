"""How a model is asked, and how it thinks: the policy's own, and that of a model that draws revisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ttcli.engine.model import Model
from ttcli.engine.params import ThinkParams
from ttcli.engine.thinking import Thinking
from ttcli.errors import ModelError
from ttcli.policy.local.thoughts import Thoughts
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.solution import Attempt

_NOTHING = Problem("")


@dataclass(frozen=True, slots=True)
class Reviser:
    """A model of its own that draws revisions.

    Args:
        model: the weights; they stay the caller's to close.
        thinking: how it thinks; None: as is seen by its template and vocabulary.
        streams: as of a policy.
    """

    model: Model
    prompt: Prompt
    thinking: Thinking | None = None
    streams: bool | None = None


class Voice:
    """A model as it is talked to.

    Args:
        thinking: how it thinks; None: as is seen by its template and vocabulary.
        max_tokens: of the text of a solution, which its thought leaves room for.

    Raises:
        ModelError: the model has no chat template, or cannot be branched.
        UsageError: it does not think as `params` wants it to.
    """

    def __init__(
        self, model: Model, prompt: Prompt, thinking: Thinking | None, *, params: ThinkParams, max_tokens: int
    ) -> None:
        model.require_branching()
        self.model = model
        self.prompt = prompt
        self.thoughts = Thoughts(model, params, thinking, max_tokens)

    @property
    def recipe(self) -> dict[str, object]:
        """Template and words, as JSON."""
        return {"template": self.model.chat_template, "prompt": dict(self.prompt.recipe)}

    @property
    def turn(self) -> int:
        """Tokens around each attempt in the prompt of a revision."""
        return len(self.encode(_NOTHING, (Attempt("", ""),))) - len(self.encode(_NOTHING))

    def encode(self, problem: Problem, attempts: Sequence[Attempt] = ()) -> list[int]:
        """The tokens of a problem, and of attempts at it, up to where a solution begins."""
        return self.thoughts.encode(self.prompt.messages(problem, attempts))


def same_vocabulary(policy: Model, reviser: Model, name: str) -> None:
    """Raise ModelError unless a reviser has the tokens of the policy whose solutions it is shown.

    name: what the user called the reviser.
    """
    hint = "--reviser takes a model made from the policy, or a LoRA adapter for it"
    if policy.vocabulary != reviser.vocabulary:
        sizes = f"{reviser.vocabulary:,} tokens to {policy.vocabulary:,}"
        raise ModelError(f"{name} has another vocabulary than {policy.path.name}: {sizes}", hint=hint)
    other = next((token for token in range(policy.vocabulary) if policy.piece(token) != reviser.piece(token)), None)
    if other is not None:
        told = f"token {other:,} is {reviser.piece(other)!r}, not {policy.piece(other)!r}"
        raise ModelError(f"{name} has another vocabulary than {policy.path.name}: {told}", hint=hint)
