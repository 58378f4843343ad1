"""Solutions from a GGUF model in this process: one prompt, many continuations in one batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from ttcli.engine import machine
from ttcli.engine.branch import Branch
from ttcli.engine.job import Job, Until
from ttcli.engine.model import Model
from ttcli.engine.sampling import Sampler, generator
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import SPARE_SEQUENCES, Aborted, Session
from ttcli.engine.template import ChatTemplate
from ttcli.errors import ModelError, PromptTooLong
from ttcli.policy.call import Call, Text
from ttcli.policy.prompt import Prompt
from ttcli.policy.protocol import Extend, Extension, Growth, Load
from ttcli.problem import Problem
from ttcli.tree import Ended, Prefix, Step

_CELLS_PER_TEXT = 384  # in one buffer for all: more is seldom needed, and preemption copes when it is
_CELL_BLOCK = 256  # llama.cpp rounds the cells of a stream up to these
_SPARE = 4  # streams beside the texts': prompts
_ENOUGH = 16  # texts in streams of their own are at least as fast as any number in one buffer
_MEMORY_SHARE = 0.5  # of what is available that the cells may take
_MODEST = 400_000_000  # bytes


class LocalPolicy:
    """A policy on the engine.

    Args:
        model: the weights; they stay the caller's to close.
        name: what the model is called in messages and records.
        max_tokens: sampled tokens of one solution at most.
        width: texts that grow in one batch at most.
        cells: KV cells; None: enough for `width` usual solutions, within the memory that is free.
        branches: prefixes that wait to be extended, beside the texts that grow, as many as a search holds at once.
        observe: layers whose outputs the steps carry; see `Step.states`.
        interrupted: asked during every decode.

    Raises:
        ModelError: the model has no chat template, cannot be branched, or has no such layers.
    """

    def __init__(
        self,
        model: Model,
        *,
        name: str,
        prompt: Prompt,
        sampler: Sampler,
        max_tokens: int,
        width: int,
        cells: int | None = None,
        branches: int = 0,
        observe: Sequence[int] = (),
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> None:
        model.require_branching()
        self.model = model
        self.name = name
        self.parameters = model.matmul_parameters
        self.width = width
        self._template = ChatTemplate(model)
        self._prompt = prompt
        self._sampler = sampler
        self._max_tokens = max_tokens
        self._cells = cells
        self._held = branches
        self._observe = tuple(observe)
        self._threads = threads
        self._interrupted = interrupted or (lambda: False)
        self._scheduler: Scheduler | None = None  # made when the first prompt is known
        self._branches: dict[int, Branch] = {}  # of prefixes that can be extended
        self._claimed: set[int] = set()  # prefixes whose own tokens have been charged to an extension
        self._calls: list[Call] = []  # of `extend`, under way
        self._unshared = 0.0  # seconds of decodes in which no text grew: the next ones pay for their prompt
        self._usual_prompts = (0, 0)  # tokens of the longest, how many at once
        self._next_id = 0

    @property
    def recipe(self) -> Mapping[str, object]:
        """Prompt, sampler and token limit."""
        return {
            "template": self.model.chat_template,
            "prompt": asdict(self._prompt),
            "sampler": asdict(self._sampler),
            "max_tokens": self._max_tokens,
        }

    @property
    def load(self) -> Load:
        """How full its batches were, in the context now in use."""
        return Load(self._scheduler.session.decodes, self._scheduler.rows) if self._scheduler else Load()

    def expect(self, problems: Sequence[Problem]) -> None:
        """Size the context for the longest prompt, and for as many prompts at once as could fill the batch."""
        lengths = (len(self.encode(problem)) for problem in problems)
        fitting = [length for length in lengths if length + self._max_tokens <= self.model.context]
        if fitting:
            self._usual_prompts = (max(fitting), min(len(fitting), self.width))

    def encode(self, problem: Problem) -> list[int]:
        """The tokens of a problem up to where its solution begins."""
        return self._template.encode(self._prompt.messages(problem))

    def start(self, problem: Problem) -> Prefix:
        """The root of a problem; nothing is decoded until it is extended."""
        ids = self.encode(problem)
        need, context = len(ids) + self._max_tokens, self.model.context
        if need > context:
            fits = context - len(ids)
            raise PromptTooLong(
                f"the prompt takes {len(ids)} tokens and the answer up to {self._max_tokens}, "
                f"but {self.name} has a context of {context}",
                hint=f"--max-tokens {fits}" if fits > 0 else "shorten it, or choose a model with a longer context",
            )
        self._reserve(len(ids))
        return self._handle(Prefix(problem, 0, prompt_tokens=len(ids)), Branch(None, ids))

    def resume(self, root: Prefix, steps: Sequence[Step]) -> Prefix:
        """What was written elsewhere, or long ago, on a root: to be extended as if it had been drawn here.

        Each step is tokenized by itself, which may differ from the tokens that were drawn.
        """
        tokens = [token for step in steps for token in self.model.tokenize(step.text, special=False)]
        return self._handle(replace(root, steps=tuple(steps)), Branch(self._branches[root.id], tokens))

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[list[Growth | Extension]]:
        """Continue prefixes; see the protocol."""
        call = Call(requests, stop)
        self._calls.append(call)
        try:
            while self._pull(call):
                if not call.inbox and not self._step(call):
                    yield [self._cut(job, call.texts.pop(job)) for job in list(call.texts) if job.grown]
                    return
                yield self._read(call)
        finally:
            self._calls.remove(call)
            self._forget(call.texts)

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Free the cells of prefixes."""
        for prefix in prefixes:
            branch = self._branches.pop(prefix.id, None)
            if branch is not None:
                self.scheduler.release(branch)
            self._claimed.discard(prefix.id)

    def close(self) -> None:
        """Free the context."""
        if self._scheduler is not None:
            self._scheduler.session.close()
            self._scheduler = None
            self._branches.clear()

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler, for its statistics.

        Raises:
            ModelError: nothing has been started.
        """
        if self._scheduler is None:
            raise ModelError(f"{self.name} has not been given a problem")
        return self._scheduler

    def _reserve(self, prompt: int) -> None:
        """Have a context that holds this prompt and an answer; a small one is replaced while it holds nothing."""
        need = prompt + self._max_tokens
        if self._scheduler is not None:
            if need <= self._scheduler.session.longest:
                return
            if self._branches or self._scheduler.busy:
                raise PromptTooLong(
                    f"the prompt takes {prompt} tokens and the answer up to {self._max_tokens}, "
                    f"but the context in use has {self._scheduler.session.longest} cells",
                    hint="give it a run of its own",
                )
            self.close()
        longest, prompts = self._usual_prompts
        self._scheduler = Scheduler(self._session(max(longest, prompt), max(prompts, 1)))

    def _session(self, prompt: int, prompts: int) -> Session:
        """A context for so many prompts of this length: in streams on a CPU that has the memory, else in one buffer."""
        need, affordable = prompt + self._max_tokens, self._affordable(prompts)
        texts = affordable // (need + _CELL_BLOCK) - _SPARE - self._held
        # a GPU's memory is not known here, and one buffer takes less of it
        streams = self._cells is None and texts >= min(self.width, _ENOUGH) and not machine.has_gpu()
        if streams:
            self.width = min(self.width, texts)
        usual = prompts * prompt + (self.width + self._held) * min(self._max_tokens, _CELLS_PER_TEXT)
        return Session(
            self.model,
            cells=need if streams else max(need, self._cells or min(usual, affordable)),
            width=self.width,
            sequences=self.width + self._held + (_SPARE if streams else SPARE_SEQUENCES),
            streams=streams,
            threads=self._threads,
            flash_attention=not streams,
            observe=self._observe,
            halted=self._interrupted,
        )

    def _affordable(self, prompts: int) -> int:
        """Cells that may be taken: for one problem a modest part of any machine, for many as much as half of it."""
        memory = machine.available_memory()
        if memory is None:
            return self.model.context * self.width
        share = int(memory * _MEMORY_SHARE)
        return (share if prompts > 1 else min(share, _MODEST)) // self.model.cell_bytes

    def _handle(self, prefix: Prefix, branch: Branch) -> Prefix:
        self._next_id += 1
        self._branches[self._next_id] = branch
        return replace(prefix, id=self._next_id)

    def _pull(self, call: Call) -> bool:
        """Submit requests while there is room; whether anything is under way."""
        # a call that finds no place queues one request, lest it end before its turn has come
        while not (call.over or self._interrupted()) and (
            self._scheduler is None or not call.texts or self.scheduler.room > 0
        ):
            request = next(call.source, None)
            if request is None:
                break
            job, shared = self._submit(request)
            call.texts[job] = Text(call, next(call.numbers), request.prefix, shared)
        return bool(call.texts)

    def _submit(self, request: Extend) -> tuple[Job, int]:
        prefix = request.prefix
        branch = self._branches[prefix.id]
        sampler = self._sampler
        if request.temperature is not None:
            sampler = replace(sampler, temperature=request.temperature)
        until = Until(
            self._max_tokens - (branch.length - prefix.prompt_tokens),
            separator=self._prompt.step_separator,
            steps=request.steps if request.until == "step" else None,
        )
        job = Job(branch, sampler, until, generator(*request.seed))
        self.scheduler.submit(job)
        fresh = 0 if prefix.id in self._claimed else branch.pending
        self._claimed.add(prefix.id)
        return job, branch.length - fresh

    def _step(self, asking: Call) -> bool:
        """Let the texts of all calls grow by a token; False if that was called off, or the one asking is to stop."""
        for call in self._calls:
            if call.ends():
                self.scheduler.cancel(call.texts)
        if asking.over or self._interrupted():
            return False
        began = time.perf_counter()
        try:
            grown = self.scheduler.step()
        except Aborted:
            return False
        self._unshared += time.perf_counter() - began
        texts = {job: text for call in self._calls for job, text in call.texts.items()}
        for job, token in grown:
            texts[job].call.inbox.append((job, token))
            texts[job].seconds += self._unshared / len(grown)
        if grown:
            self._unshared = 0.0
        return True

    def _forget(self, jobs: Iterable[Job]) -> None:
        if self._scheduler is not None:
            self._scheduler.cancel(jobs)

    def _read(self, call: Call) -> list[Growth | Extension]:
        """What arrived for one call: tokens, and the extensions that are complete."""
        events: list[Growth | Extension] = []
        events.extend(Growth(call.texts[job].number, token) for job, token in call.inbox)
        finished = [
            job for job in dict.fromkeys(job for job, _ in call.inbox) if job.finished
        ]  # a new text is in twice
        events.extend(self._extension(job, call.texts.pop(job)) for job in finished)
        call.inbox.clear()
        return events

    def _cut(self, job: Job, text: Text) -> Extension:
        self.scheduler.cancel([job])
        if not job.finished:
            job.cut()
        return self._extension(job, text)

    def _extension(self, job: Job, text: Text) -> Extension:
        grown = replace(text.prefix, id=0, steps=(*text.prefix.steps, *job.steps), ended=job.ended)
        if job.ended is Ended.OPEN:
            grown = self._handle(grown, job.branch)
        return Extension(text.number, grown, job.grown, text.shared, text.seconds)
