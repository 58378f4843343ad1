"""A generative verifier: the probability that a model says "Yes" to "is this solution correct?".

After Zhang et al. 2024, "Generative Verifiers" (arXiv 2408.15240), without their fine-tuning. One prefill per
candidate; what all candidates of a problem have in common is decoded once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ttcli.engine.branch import Branch
from ttcli.engine.model import Model
from ttcli.engine.sampling import Row
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Aborted, Session
from ttcli.engine.template import ChatTemplate
from ttcli.errors import ModelError, PromptTooLong
from ttcli.problem import Problem
from ttcli.tree import Prefix
from ttcli.verifier.protocol import Interrupted, StepScores

QUESTION = "Is this solution correct? Answer with one word, Yes or No."
_WIDTH = 4  # rows of logits per decode: a candidate's prefill fills a batch by itself
_CELLS = 4096
_SLACK = 8  # cells beyond what a prompt takes


class Judge:
    """P(Yes) / (P(Yes) + P(No)) after the question.

    Args:
        model: the judge's weights, shared with the policy where they are the same; the caller's to close.
        interrupted: asked during every decode.

    Raises:
        ModelError: the model has no chat template, cannot be branched, or has no single tokens for Yes and No.
    """

    partial = False

    def __init__(
        self, model: Model, *, threads: int | None = None, interrupted: Callable[[], bool] | None = None
    ) -> None:
        self.name = f"judge:{model.path.stem}"
        self.parameters = model.matmul_parameters
        self._model = model
        self._template = ChatTemplate(model)
        self._threads = threads
        self._interrupted = interrupted
        self._yes, self._no = (label_tokens(model, word) for word in ("Yes", "No"))
        if not self._yes or not self._no:
            raise ModelError(f"{model.path.name} has no single token for Yes and for No, so it cannot judge")
        self._scheduler: Scheduler | None = None
        self._head: Branch | None = None  # what all candidates of the problem at hand begin with
        self._problem: Problem | None = None

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """Their tokens with those of problem and question."""
        return sum(len(self._encode(prefix.problem, prefix.text)) for prefix in prefixes)

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """Score finished candidates; each costs one prefill of its text.

        Raises:
            Interrupted: `interrupted` said so.
            PromptTooLong: a solution does not fit the judge's context.
        """
        return [self._score(prefix) for prefix in prefixes]

    def _score(self, prefix: Prefix) -> StepScores:
        ids = self._encode(prefix.problem, prefix.text)
        scheduler = self._reserve(len(ids))
        before = scheduler.session.decoded
        head = self._common(scheduler, prefix.problem)
        sharing = ids[: head.length] == head.tokens
        leaf = Branch(head, ids[head.length :]) if sharing else Branch(None, ids)
        try:
            if sharing:
                fill(scheduler, head)
            row = fill(scheduler, leaf)
        except Aborted as aborted:
            raise Interrupted from aborted
        finally:
            scheduler.release(leaf)
        return StepScores(self._share_of_yes(row), (), scheduler.session.decoded - before)

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Of a problem's solutions only what they have in common is kept, until another problem comes."""

    def close(self) -> None:
        """Free the context."""
        if self._scheduler is not None:
            self._scheduler.session.close()
            self._scheduler = self._head = self._problem = None

    def _encode(self, problem: Problem, solution: str) -> list[int]:
        words = f"Problem:\n{problem.text}\n\nSolution:\n{solution}\n\n{QUESTION}"
        return self._template.encode([{"role": "user", "content": words}])

    def _reserve(self, prompt: int) -> Scheduler:
        """Have a context that holds this prompt."""
        need = prompt + _SLACK
        if need > self._model.context:
            raise PromptTooLong(
                f"a solution with its question takes {prompt} tokens, "
                f"but {self.name} has a context of {self._model.context}",
                hint="lower --max-tokens, or choose a judge with a longer context",
            )
        if self._scheduler is not None and self._scheduler.session.cells < need:
            self.close()
        if self._scheduler is None:
            session = Session(
                self._model,
                cells=max(_CELLS, need),
                width=_WIDTH,
                sequences=_WIDTH,
                flash_attention=False,
                threads=self._threads,
                halted=self._interrupted,
            )
            self._scheduler = Scheduler(session)
        return self._scheduler

    def _common(self, scheduler: Scheduler, problem: Problem) -> Branch:
        """What the prompts of all solutions of a problem begin with."""
        if self._head is None or self._problem != problem:
            if self._head is not None:
                scheduler.release(self._head)
            digit, letter = self._encode(problem, "1"), self._encode(problem, "A")
            same = next(i for i, pair in enumerate(zip(digit, letter, strict=False)) if pair[0] != pair[1])
            self._head, self._problem = Branch(None, digit[:same]), problem
        return self._head

    def _share_of_yes(self, row: Row) -> float:
        odds = np.exp(row[[*self._yes, *self._no]].astype(np.float64) - float(row.max()))
        yes, both = odds[: len(self._yes)].sum(), odds.sum()
        return float(yes / both) if both > 0 else 0.5


def fill(scheduler: Scheduler, branch: Branch) -> Row:
    """Decode a branch to its end; return its last row of logits."""
    scheduler.fill(branch)
    while branch.row is None:
        scheduler.step()
    return branch.row


def label_tokens(model: Model, word: str) -> list[int]:
    """The single tokens that write a word, in either case and with or without a space before it."""
    spellings = (space + form for space in ("", " ") for form in (word, word.lower(), word.upper()))
    ids = (model.tokenize(spelling, special=False) for spelling in spellings)
    return sorted({tokens[0] for tokens in ids if len(tokens) == 1})
