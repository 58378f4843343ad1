"""The thoughts of a local policy: how the model is asked for them, how long they may be, and how one is closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from ttcli.engine.job import ThinkLimit
from ttcli.engine.model import Model
from ttcli.engine.params import THINK_BUDGET, ThinkParams
from ttcli.engine.template import Span, tokenize
from ttcli.engine.thinking import Thinking, check_budget, forced_end, plan, recognise, usual_budget
from ttcli.errors import PromptTooLong
from ttcli.solution import Prefix


class Thoughts:
    """What thinking there is before solutions.

    Args:
        thinking: how the model thinks; None: as is seen by its template and vocabulary.
        max_tokens: of the text of a solution, which its thought leaves room for.

    Raises:
        ModelError: the model has no chat template, or one that fails.
        UsageError: it does not think as `params` wants it to.
    """

    def __init__(self, model: Model, params: ThinkParams, thinking: Thinking | None, max_tokens: int) -> None:
        self._model = model
        self._max_tokens = max_tokens
        self._plan = plan(model, recognise(model) if thinking is None else thinking, params)
        self._limit = self._limited(params)
        self.tokens = self._limit.tokens if self._limit else 0  # of one thought at most

    @property
    def recipe(self) -> dict[str, object]:
        """What decides them, as JSON; nothing where nothing was asked for and there are none."""
        template, limit = self._plan.template, self._limit
        told: dict[str, object] = {
            "arguments": template.arguments,
            "ending": template.ending,
            "word": self._plan.word,
            **({"tags": asdict(limit.tags), "budget": limit.tokens, "message": limit.words} if limit else {}),
        }
        return {"thinking": told} if any(told.values()) else {}

    def encode(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """The tokens of a chat up to where a solution begins."""
        return self._plan.encode(messages)

    def before(self, thought: str | None) -> list[int]:
        """The tokens between a prompt and a text that is given; `thought`: what was thought before it."""
        return self._plan.before(self._model, thought)

    def limit(self, prefix: Prefix) -> ThinkLimit | None:
        """How long the thought of a prefix may still be; None: it thinks no more."""
        limit, thought = self._limit, prefix.thought
        if limit is None or prefix.steps or (thought and thought.closed):
            return None
        return replace(limit, phase="thinking", tokens=limit.tokens - thought.tokens) if thought else limit

    def closing(self) -> list[int]:
        """The tokens of the closing tag."""
        assert self._limit is not None  # only what thinks can be closed
        return tokenize(self._model, [Span(self._limit.tags.closing, trusted=True)])

    def too_long(self, prompt: int, name: str) -> PromptTooLong:
        """The error for a prompt of so many tokens."""
        context, most, thought = self._model.context, self._max_tokens, self.tokens
        fits = context - prompt
        hint = "shorten it, or choose a model with a longer context"
        if thought and fits > 2 * most:
            hint = f"--think-budget {fits - most}"
        elif fits > 0:
            hint = f"--max-tokens {fits // 2}, or --think off" if thought else f"--max-tokens {fits}"
        takes = f"the answer up to {most}" + (f", its thought up to {thought}" if thought else "")
        return PromptTooLong(
            f"the prompt takes {prompt} tokens and {takes}, but {name} has a context of {context}", hint=hint
        )

    def _limited(self, params: ThinkParams) -> ThinkLimit | None:
        tags, message = self._plan.tags, params.think_message
        if tags is None or self._plan.prompted == "closed":
            return None
        forced = forced_end(self._model, tags, message)
        budget = params.think_budget
        if budget is None:
            budget = usual_budget(THINK_BUDGET, self._model.context, self._max_tokens, forced)
        check_budget(budget, forced)
        return ThinkLimit(tags, self._plan.phase, budget, forced, message)
