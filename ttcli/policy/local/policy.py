"""Solutions from a GGUF model in this process: one prompt, many continuations in one batch."""

# over 300 lines: all of a protocol, on one context or two

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from ttcli.engine.adapter import Adapter
from ttcli.engine.branch import Branch
from ttcli.engine.certainty import LIKELIEST
from ttcli.engine.job import Job, StopCriteria
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams, ThinkParams
from ttcli.engine.sampling import generator
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Aborted
from ttcli.engine.thinking import Thinking
from ttcli.errors import PromptTooLong
from ttcli.policy.content import steps_counted
from ttcli.policy.local.call import Call, Text
from ttcli.policy.local.context import Context
from ttcli.policy.local.rewrite import change_of
from ttcli.policy.local.voice import Reviser, Voice
from ttcli.policy.prompt import Prompt
from ttcli.policy.rewriting import rewritten_steps
from ttcli.problem import Problem
from ttcli.seams import ASK, BOX_TOKENS, Extend, Extension, Growth, Load, Rewritten
from ttcli.solution import Attempt, Ended, Prefix, Step
from ttcli.thought import Thought, whole

_MOST = 0.8  # of a solution that is asked for its answer: less of it is no ground for one


class LocalPolicy:
    """A policy on the engine.

    Args:
        model: the weights; they stay the caller's to close.
        name: what the model is called in messages and records.
        max_tokens: sampled tokens of one solution at most, without its thought.
        width: texts that grow in one batch at most.
        think: whether it thinks before, and for how long.
        thinking: how the model thinks; None: as is seen by its template and vocabulary.
        traced: whether steps and thoughts carry how sure the model was of each token.
        streams: whether each text has a buffer of its own, where the memory allows it; None: by the size of the model.
        cells: KV cells; None: enough for `width` usual solutions, within the memory that is free.
        beams: prefixes that a search has side by side; 0: there will be no searches.
        attempts: earlier solutions that the prompt of a revision shows at most; 0: there will be no revisions.
        adapter: what changes the weights where no reviser draws; None: nothing.
        reviser: draws the revisions, in a context of its own, on the same weights or as a model of its own; None: the
            model itself draws them.
        observe: layers whose outputs the steps carry; see `Step.states`. Those of another model carry none.
        interrupted: asked during every decode.
        paused: likewise; what it calls off is done again.

    Raises:
        ModelError: the model has no chat template, cannot be branched, or has no such layers.
        UsageError: it does not think as `think` wants it to.
    """

    def __init__(  # over 60 lines: as many settings, handed on by name
        self,
        model: Model,
        *,
        name: str,
        prompt: Prompt,
        sampling: SamplingParams,
        max_tokens: int,
        width: int,
        think: ThinkParams | None = None,
        thinking: Thinking | None = None,
        traced: bool = False,
        streams: bool | None = None,
        cells: int | None = None,
        beams: int = 0,
        attempts: int = 0,
        adapter: Adapter | None = None,
        reviser: Adapter | Reviser | None = None,
        observe: Sequence[int] = (),
        threads: int | None = None,
        interrupted: Callable[[], bool] | None = None,
        paused: Callable[[], bool] = lambda: False,
    ) -> None:
        whole = reviser if isinstance(reviser, Reviser) else None
        speaks = partial(Voice, params=think or ThinkParams(), max_tokens=max_tokens)
        self._voice = speaks(model, prompt, thinking)
        self._second = speaks(whole.model, whole.prompt, whole.thinking) if whole else self._voice  # of revisions
        self.model = model
        self.name = name
        self.parameters = model.matmul_parameters
        self.reviser_parameters = self._second.model.matmul_parameters
        self.width = width
        self._sampling = sampling
        self._max_tokens = max_tokens
        self._traced = traced
        self.thought_tokens = max(self._voice.thoughts.tokens, self._second.thoughts.tokens)
        self._most = max_tokens + self.thought_tokens  # tokens of a solution, its thought included
        self._interrupted = interrupted or (lambda: False)
        self._paused = paused
        make = partial(
            Context,
            name=name,
            sampling=sampling,
            max_tokens=self._most,
            width=width,
            cells=cells,
            beams=beams,
            turn=self._second.turn if attempts else 0,
            threads=threads,
            interrupted=lambda: self._interrupted() or paused(),
        )
        own = partial(make, model, observe=tuple(observe), streams=streams)
        self._plain = own(attempts=0 if reviser else attempts, adapter=adapter)
        if whole is not None:
            self._revising = make(whole.model, attempts=attempts, adapter=None, observe=(), streams=whole.streams)
        elif isinstance(reviser, Adapter):
            self._revising = own(attempts=attempts, adapter=reviser)
        else:
            self._revising = self._plain
        self._contexts = list(dict.fromkeys((self._plain, self._revising)))
        self._claimed: set[int] = set()  # prefixes whose own tokens have been charged to an extension
        self._calls: list[Call] = []  # of `extend`, under way
        self._unshared = 0.0  # seconds of decodes in which no text grew: the next ones pay for their prompt
        self._next_id = 0

    @property
    def recipe(self) -> Mapping[str, object]:
        """Prompt, sampler and token limits."""
        return {
            **self._voice.recipe,
            "sampler": asdict(self._sampling),
            "max_tokens": self._max_tokens,
            **self._voice.thoughts.recipe,
            **({"certainty": LIKELIEST} if self._traced else {}),
        }

    @property
    def revisions(self) -> Mapping[str, object]:
        """The words that ask for them, and how a model of its own is asked that draws them."""
        asked = self._second.prompt.revisions
        return asked if self._second is self._voice else asked | self._second.recipe | self._second.thoughts.recipe

    @property
    def load(self) -> Load:
        """How full its batches were, in the contexts now in use."""
        loads = [context.load for context in self._contexts]
        return Load(sum(load.decodes for load in loads), sum(load.rows for load in loads))

    def holds(self, problems: int) -> bool:
        """Whether the beams of so many problems find room side by side."""
        return self._plain.holds(problems)

    def expect(self, problems: Sequence[Problem]) -> None:
        """Size the context for the longest prompt, and for as many prompts at once as could fill the batch."""
        lengths = [len(self.encode(problem)) for problem in problems]
        for context in self._contexts:
            context.expect(lengths)

    def encode(self, problem: Problem, attempts: Sequence[Attempt] = ()) -> list[int]:
        """The tokens of a problem, and of attempts at it, up to where a solution begins."""
        return (self._second if attempts else self._voice).encode(problem, attempts)

    def start(self, problem: Problem, *, attempts: Sequence[Attempt] = ()) -> Prefix:
        """The root of a problem, or of a revision; nothing is decoded until it is extended."""
        shown, ids = tuple(attempts), self.encode(problem, attempts)
        while shown and len(ids) + self._most > self._revising.longest:
            shown = shown[1:]
            ids = self.encode(problem, shown)
        voice = self._second if shown else self._voice
        if len(ids) + self._most > voice.model.context:
            raise voice.thoughts.too_long(len(ids), self.name)
        branch, known = self._revising.revision(ids) if shown else (self._plain.root(ids), 0)
        self.width = self._plain.width
        root = Prefix(problem, 0, prompt_tokens=len(ids), attempts=shown, known_tokens=known)
        return self._handle(root, branch)

    def resume(self, root: Prefix, steps: Sequence[Step], thought: str | None = None) -> Prefix:
        """What was written elsewhere, or long ago, on a root: to be extended as if it had been drawn here.

        Each step is tokenized by itself, which may differ from the tokens that were drawn; so is the thought before.
        """
        voice = self._voice_of(root)
        before = voice.thoughts.before(thought)
        tokens = [token for step in steps for token in voice.model.tokenize(step.text, special=False)]
        branch = Branch(self._context(root).branches[root.id], [*before, *tokens])
        thoughts = Thought(thought or "", len(before), None) if before else None
        return self._handle(replace(root, thought=thoughts, steps=tuple(steps)), branch)

    def ask(self, root: Prefix, solution: str, thought: str | None = None) -> Prefix:
        """A finished solution, to be extended until it has named its answer; see the protocol.

        Raises:
            PromptTooLong: there is no room for most of it.
        """
        context, voice = self._context(root), self._voice_of(root)
        told, asked = (voice.model.tokenize(text, special=False) for text in (solution, ASK))
        before = voice.thoughts.before(thought)
        told = [*before, *told]
        room = context.longest - root.prompt_tokens - len(asked) - BOX_TOKENS
        if room < _MOST * len(told):
            raise PromptTooLong(f"{len(told)} tokens of a solution and its answer do not fit the context in use")
        tokens = [*told[:room], *asked]
        branch = Branch(context.branches[root.id], tokens)
        return self._handle(replace(root, steps=(Step(solution + ASK, len(tokens), None),)), branch)

    def rewrites(self, problem: Problem) -> bool:  # noqa: ARG002 - as the protocol calls it
        """Always."""
        return True

    def rewrite(self, prefix: Prefix, keep: int, text: str) -> Rewritten | None:
        """A prefix that was stopped, with another end; see the protocol."""
        context = self._context(prefix)
        branch = context.branches[prefix.id]
        change = change_of(self._voice_of(prefix).model, branch, prefix.text, keep, text)
        if change is None:
            return None
        new, decoded = context.rewrite(branch, change)
        steps = rewritten_steps(prefix, keep, text, prefix.spoken_tokens - change.dropped + len(change.tokens))
        context.branches[prefix.id] = new
        return Rewritten(replace(prefix, steps=steps, partial=True), decoded)

    def speak(self, prefix: Prefix, words: str) -> Prefix:
        """A fork of a prefix whose thought is closed, and these words said; see the protocol."""
        voice = self._voice_of(prefix)
        thought, closing = prefix.thought, voice.thoughts.closing()
        assert thought is not None  # else there is nothing to close
        assert not thought.closed
        said = voice.model.tokenize(words, special=False)
        context = self._context(prefix)
        branch = Branch(context.branches[prefix.id], [*closing, *said])
        closed = thought.joined(Thought("", len(closing), 0.0, forced=len(closing)))
        steps = (Step(words, len(said), None),) if said else ()
        return self._handle(replace(prefix, thought=closed, steps=steps), branch)

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
            for job, text in call.texts.items():
                self._context(text.prefix).cancel([job])

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Free the cells of prefixes."""
        for prefix in prefixes:
            self._context(prefix).release(prefix.id)
            self._claimed.discard(prefix.id)

    def close(self) -> None:
        """Free the contexts."""
        for context in self._contexts:
            context.close()

    @property
    def scheduler(self) -> Scheduler:
        """The scheduler of all that is no work of a reviser, for its statistics.

        Raises:
            ModelError: nothing has been started.
        """
        return self._plain.scheduler

    def _context(self, prefix: Prefix) -> Context:
        return self._revising if prefix.attempts else self._plain

    def _voice_of(self, prefix: Prefix) -> Voice:
        return self._second if prefix.attempts else self._voice

    def _handle(self, prefix: Prefix, branch: Branch) -> Prefix:
        self._next_id += 1
        context = self._context(prefix)
        kept = context.branches if prefix.ended is Ended.OPEN else context.finished
        kept[self._next_id] = branch
        return replace(prefix, id=self._next_id)

    def _pull(self, call: Call) -> bool:
        """Submit requests while there is room; whether anything is under way."""
        # a call that finds no place queues one request, lest it end before its turn has come
        while not (call.over or self._interrupted()) and (
            not call.texts or all(context.room > 0 for context in self._contexts)
        ):
            request = next(call.source, None)
            if request is None:
                break
            job, shared = self._submit(request)
            call.texts[job] = Text(call, next(call.numbers), request.prefix, shared)
        return bool(call.texts)

    def _submit(self, request: Extend) -> tuple[Job, int]:
        prefix = request.prefix
        context, voice = self._context(prefix), self._voice_of(prefix)
        branch = context.branches[prefix.id]
        sampling = self._sampling.changed(temperature=request.temperature, top_p=request.top_p)
        thought = prefix.thought
        spoken = branch.length - prefix.prompt_tokens - (thought.tokens if thought else 0)
        left = min(self._max_tokens, request.max_tokens or self._max_tokens) - spoken
        if request.until == "box":
            until = StopCriteria(BOX_TOKENS, steps=1, closes=True)
        else:
            until = StopCriteria(
                left,
                separator=voice.prompt.step_separator,
                steps=request.steps if request.until == "step" else None,
                count=steps_counted(prefix.problem, voice.prompt.step_content),
                watch=request.watch,
                think=voice.thoughts.limit(prefix),
                pause=request.until if request.until in ("thought", "paragraph") else None,
            )
        begun = prefix.steps[-1] if prefix.partial else None
        rng = generator(*request.seed)
        job = Job(branch, sampling, until, rng, keep=request.keep, begun=begun, traced=self._traced)
        context.scheduler.submit(job)
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
        grown, halted = [], False
        try:
            for context in self._contexts:
                grown += context.step()
        except Aborted:
            halted = True  # what another context has drawn before counts
        self._unshared += time.perf_counter() - began
        texts = {job: text for call in self._calls for job, text in call.texts.items()}
        for update in grown:
            texts[update.job].call.inbox.append(update)
            texts[update.job].seconds += self._unshared / len(grown)
        if grown:
            self._unshared = 0.0
        return not halted or self._paused()

    def _read(self, call: Call) -> list[Growth | Extension]:
        """What arrived for one call: tokens, and the extensions that are complete."""
        events: list[Growth | Extension] = []
        events.extend(Growth(call.texts[job].number, text, thought) for job, text, thought in call.inbox)
        # a new text is in twice
        finished = [job for job in dict.fromkeys(update.job for update in call.inbox) if job.finished]
        events.extend(self._extension(job, call.texts.pop(job)) for job in finished)
        call.inbox.clear()
        return events

    def _cut(self, job: Job, text: Text) -> Extension:
        self._context(text.prefix).cancel([job])
        if not job.finished:
            job.cut()
        return self._extension(job, text)

    def _extension(self, job: Job, text: Text) -> Extension:
        before = text.prefix.steps[:-1] if text.prefix.partial else text.prefix.steps
        thought = whole((text.prefix.thought, job.thought))
        steps = (*before, *job.steps)
        grown = replace(text.prefix, id=0, thought=thought, steps=steps, ended=job.ended, partial=job.stopped)
        if job.ended is Ended.OPEN or (job.keep and job.ended is not Ended.CUT):
            grown = self._handle(grown, job.branch)
        return Extension(text.number, grown, job.grown, text.shared, text.seconds)
