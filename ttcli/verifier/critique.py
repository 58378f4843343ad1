"""A generative verifier: the model writes a critique, and its verdict is read as P(yes) / (P(yes) + P(no)) behind it.

Khalifa et al. 2025, "Process Reward Models That Think" (ThinkPRM, arXiv 2504.16828): one critique of the whole
solution. Zhao et al. 2025, "GenPRM" (arXiv 2504.00891), without its code: one of each step, in turns of a chat that
earlier critiques are part of. Verdicts of several critiques are averaged.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ttcli.catalog.forms import CritiqueForm
from ttcli.engine import machine
from ttcli.engine.branch import Branch
from ttcli.engine.job import Job, StopCriteria
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import generator
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Aborted, Session
from ttcli.errors import BackendError, ModelError, PromptTooLong
from ttcli.problem import Problem
from ttcli.seams import Interrupted, StepScores
from ttcli.solution import Prefix
from ttcli.verifier.critique_prompt import CritiquePrompt, Key, Verdict, goes_on
from ttcli.verifier.judge import label_tokens
from ttcli.verifier.reader import share

_WIDTH = 8  # critiques that are written at once, at most
_MEMORY_SHARE = 0.25  # of what is free that their cells may take
_SLACK = 8  # cells beyond what a text takes
_LONGER = 2  # times as many tokens that a critique may take when it is read again, as text


class _Draft:
    """A critique in the making."""

    __slots__ = ("job", "key", "root", "tail", "text", "tokens")

    def __init__(self, key: Key, root: Branch) -> None:
        self.key = key
        self.root = root  # the chat up to where it is written, shared by those that ask the same
        self.job: Job | None = None
        self.text = ""  # without its beginning
        self.tail: Branch | None = None  # critique and the words before the verdict, to be read
        self.tokens = 0  # decoded for it


class Critic:
    """Scores by written critiques: the whole by its verdict, or by the lowest of its steps' verdicts.

    Args:
        model: the verifier's weights, the caller's to close.
        words: what is said to it, what it is to say, and how its critiques are drawn.
        interrupted: asked during every decode.

    Raises:
        ModelError: the model has no chat template, cannot be branched, or has no single tokens for the verdicts.
    """

    partial = True

    def __init__(
        self,
        model: Model,
        words: CritiqueForm,
        *,
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        model.require_branching()
        self.name = f"judge:{model.path.stem}"
        self.parameters = model.matmul_parameters
        self._model = model
        self._prompt = CritiquePrompt(model, words)
        self._stepwise = words.form == "critique-steps"
        self._sampling = SamplingParams(temperature=words.temperature, top_k=20)  # as GenPRM's authors draw
        self._chains = range(words.chains)
        self._tokens = words.tokens
        self._threads = threads
        self._interrupted = interrupted
        good, bad = (label_tokens(model, word.capitalize()) for word in (words.good, words.bad))
        if not good or not bad:
            raise ModelError(
                f"{model.path.name} has no single token for {words.good!r} and for {words.bad!r}, so it cannot judge"
            )
        self._labels, self._good = [*good, *bad], len(good)
        self._known: dict[Problem, dict[Key, Verdict]] = {}

    def price(self, prefixes: Sequence[Prefix]) -> int:
        """Their chats, and critiques of full length that are written and then read, but for what is known."""
        turn = _LONGER * self._tokens + self._prompt.beside
        missing = self._missing(prefixes)
        unknown = {key: sum(key.chain == other.chain and goes_on(key, other) for other in missing) for key in missing}
        return sum(
            len(self._prompt.root(key, self._known.get(key.problem, {}))) + self._tokens + turn * (1 + unknown[key])
            for key in missing
        )

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """Have critiques written and read their verdicts; those of one depth are written together.

        Raises:
            Interrupted: `interrupted` said so; verdicts that were reached are kept.
            PromptTooLong: a solution and its critique do not fit the model's context.
        """
        spent: dict[Key, int] = {}
        try:
            while missing := self._missing(prefixes):
                depth = min(len(key.steps) for key in missing)  # later turns go on from earlier ones
                ready = [key for key in missing if len(key.steps) == depth] if self._stepwise else missing
                spent |= self._write(ready)
        except Aborted as error:
            raise Interrupted from error
        return [self._scores(prefix, spent) for prefix in prefixes]

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Forget the verdicts of a root's problem; those of single solutions are a few numbers, and stay."""
        for prefix in prefixes:
            if not prefix.steps:
                self._known.pop(prefix.problem, None)

    def close(self) -> None:
        """Forget everything; contexts live as long as a call."""
        self._known.clear()

    def _keys(self, prefix: Prefix) -> list[Key]:
        """What has to be known to score a prefix."""
        steps = tuple(step.text for step in prefix.steps)
        ends = range(1, len(steps) + 1) if self._stepwise else [len(steps)] if steps else []
        return [Key(prefix.problem, steps[:end], chain) for end in ends for chain in self._chains]

    def _missing(self, prefixes: Sequence[Prefix]) -> list[Key]:
        keys = dict.fromkeys(key for prefix in prefixes for key in self._keys(prefix))
        return [key for key in keys if key not in self._known.get(key.problem, {})]

    def _scores(self, prefix: Prefix, spent: dict[Key, int]) -> StepScores:
        """The opinion of a prefix, charged with the critiques that nobody before it was charged with."""
        keys = self._keys(prefix)
        tokens = sum(spent.pop(key, 0) for key in keys)
        known = [self._known[prefix.problem][key].score for key in keys]
        size = len(self._chains)
        means = tuple(float(np.mean(known[at : at + size])) for at in range(0, len(known), size))
        whole = min(means, default=1.0)
        return StepScores(whole, means if self._stepwise else (), tokens)

    def _write(self, keys: Sequence[Key]) -> dict[Key, int]:
        """Have critiques written, and keep their verdicts; tokens decoded for each."""
        roots: dict[tuple[int, ...], Branch] = {}
        drafts = []
        for key in keys:
            ids = self._prompt.root(key, self._known.get(key.problem, {}))
            fresh = tuple(ids) not in roots
            drafts.append(_Draft(key, roots.setdefault(tuple(ids), Branch(None, ids))))
            drafts[-1].tokens = len(ids) if fresh else 0
        session = self._session(max(branch.length for branch in roots.values()), len(drafts))
        try:
            scheduler = Scheduler(session)
            for draft in drafts:
                draft.job = self._job(draft)
                scheduler.submit(draft.job)
            while any(draft.key not in self._known.get(draft.key.problem, {}) for draft in drafts):
                self._advance(scheduler, drafts)
        finally:
            session.close()
        return {draft.key: draft.tokens for draft in drafts}

    def _job(self, draft: _Draft) -> Job:
        """A draw of its own for each critique, whatever is written beside it."""
        about = zlib.crc32("\0".join((draft.key.problem.text, *draft.key.steps)).encode())
        rng = generator(about, draft.key.chain)
        return Job(draft.root, self._sampling, StopCriteria(self._tokens), rng)

    def _advance(self, scheduler: Scheduler, drafts: Sequence[_Draft]) -> None:
        """One decode: critiques grow, and those that have ended are read for their verdicts."""
        writing = {draft.job: draft for draft in drafts if draft.job is not None}
        before = scheduler.session.decodes
        grown = scheduler.step()
        if not grown and scheduler.session.decodes == before:
            raise BackendError(f"the cells of {self.name} do not suffice", hint="a shorter --max-tokens")
        for job, text, _ in grown:
            draft = writing[job]
            draft.text += text
            ends = [at for stop in self._prompt.stops(draft.key) if (at := draft.text.find(stop)) >= 0]
            if not ends and not job.finished:
                continue
            draft.text = draft.text[: min(ends)] if ends else draft.text
            draft.tokens += job.grown
            if not job.finished:
                scheduler.cancel([job])
            draft.job = None
            room = scheduler.session.longest - draft.root.length
            draft.tail = Branch(draft.root, self._prompt.tail(draft.text, room))
            scheduler.prefill(draft.tail)
        for draft in drafts:
            if draft.tail is not None and draft.tail.row is not None:
                score = float(share(draft.tail.row[self._labels].astype(np.float64)[None], self._good)[0])
                draft.tokens += len(draft.tail.tokens)
                scheduler.release(draft.tail)
                draft.tail = None
                self._keep(draft, score)

    def _keep(self, draft: _Draft, score: float) -> None:
        turn = self._prompt.turn(draft.key, draft.text, right=score >= 0.5)
        self._known.setdefault(draft.key.problem, {})[draft.key] = Verdict(turn, score)

    def _session(self, prompt: int, texts: int) -> Session:
        """A context in which each text has a stream, as many as the memory holds.

        Raises:
            PromptTooLong: the model's own context is shorter.
        """
        need, limit = prompt + _LONGER * self._tokens + self._prompt.verdict + _SLACK, self._model.context
        if prompt + self._tokens + self._prompt.verdict + _SLACK > limit:
            raise PromptTooLong(
                f"a solution takes {prompt} tokens as {self.name} reads it and its critique up to {self._tokens}, "
                f"but that has a context of {limit}",
                hint="lower --max-tokens, or choose a verifier with a longer context",
            )
        memory, free = self._model.memory, machine.available_memory()
        longest = min(need, limit)
        stream = longest * memory.cell_bytes + memory.state_bytes
        most = _WIDTH if free is None else max(1, int(free * _MEMORY_SHARE) // stream // 3)
        width = min(_WIDTH, texts, most)
        return Session(
            self._model,
            cells=longest,
            width=width,
            sequences=3 * width + 1,  # chat, critique, and what is read behind it
            streams=True,
            flash_attention=False,
            threads=self._threads,
            halted=self._interrupted,
        )
