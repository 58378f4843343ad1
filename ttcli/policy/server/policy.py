"""Solutions from an OpenAI-compatible server: vLLM, SGLang, llama-server, llama-cpp-python's server, hosted ones.

What a server does not tell is not made up. The tokens of a prompt are 0 in a root, and in what grew from it those that
the server told; where it gives no log-probabilities, steps have none, and a verifier that lives on them says so. Those
it gives are taken for what `Step` wants, at temperature 1 over the full vocabulary, as vLLM, llama-server and OpenAI
give them; SGLang can be set up otherwise.
"""

# over 300 lines: every call of the protocol is one method here

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from itertools import groupby

from ttcli.engine.params import SamplingParams, ThinkParams
from ttcli.errors import BackendError, UsageError
from ttcli.policy.content import steps_counted
from ttcli.policy.prompt import Prompt
from ttcli.policy.rewriting import rewritten_steps
from ttcli.policy.server.address import Address
from ttcli.policy.server.background import Background
from ttcli.policy.server.chunk import LIKELIEST
from ttcli.policy.server.client import ChatApi
from ttcli.policy.server.completions import Completions
from ttcli.policy.server.dialect import Dialect
from ttcli.policy.server.key import Key
from ttcli.policy.server.mailbox import Mailbox, ServerCall, ServerText
from ttcli.policy.server.partial_text import PartialText
from ttcli.policy.server.patience import Patience
from ttcli.policy.server.retry import with_retries
from ttcli.problem import Problem
from ttcli.seams import ASK, Extend, Extension, Growth, Rewritten
from ttcli.solution import Attempt, Prefix, Step

WIDTH = 8  # texts at once, unless another number is asked for
_NAMED = 8  # models of a server that a message has room for
_GLANCE = 0.1  # seconds that a call waits for news at most, all calls under way together


class ServerPolicy:
    """A policy behind an HTTP API.

    Texts grow on the server, several requests side by side and several texts in one request where they begin alike and
    the server can do that. A candidate's seed is sent with it; whether the same seed gives the same text is the
    server's affair, and of those that share a request only the first one's counts.

    Args:
        model: a name that the server knows; None: the only one that it has, for which it is asked here.
        max_tokens: of one solution.
        thinking: passed on to the server; a thought has its budget besides, once one has come.
        traced: whether steps are to carry how sure the model was of each token.
        width: texts that grow at once at most.
        insecure: whether the key may go unencrypted to another machine.
        notice: told on `close`, once each, what the server does not understand.
        interrupted: asked ten times a second.

    Raises:
        UsageError: the key cannot be sent; `model` is None and the server has several.
        BackendError: `model` is None and the server does not tell.
    """

    parameters = reviser_parameters = 0

    def __init__(
        self,
        address: Address,
        *,
        model: str | None,
        prompt: Prompt,
        sampling: SamplingParams,
        max_tokens: int,
        thinking: ThinkParams | None = None,
        traced: bool = False,
        width: int = WIDTH,
        insecure: bool = False,
        patience: Patience | None = None,
        notice: Callable[[str], None] = lambda _message: None,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self.width = width
        self._address = address
        self._prompt = prompt
        self._sampling = sampling
        self._max_tokens = max_tokens
        self._thinking = thinking or ThinkParams()
        self._traced = traced
        self.thought_tokens = self._thinking.think_budget or 0
        self._notice = notice
        self._interrupted = interrupted
        self._calls: list[ServerCall] = []
        self._queue: deque[tuple[ServerText, ...]] = deque()  # pulled, and waiting for a place
        self._mailbox = Mailbox()
        self._api = ChatApi(address, Key.from_environment(address, insecure=insecure), patience or Patience())
        self._background = Background("ttc-server")
        self._dialect = Dialect(address.name)
        try:
            self.name = model if model is not None else self._only_model()
        except BaseException:
            self.close()
            raise
        self._writer = Completions(
            self._api,
            self._dialect,
            self._mailbox,
            model=self.name,
            prompt=prompt,
            sampling=sampling,
            max_tokens=max_tokens,
            thinking=self._thinking,
            likeliest=LIKELIEST if traced else 1,
        )

    @property
    def recipe(self) -> Mapping[str, object]:
        """Server, model, prompt, sampler and token limit; not the key."""
        return {
            "server": self._address.url,
            "model": self.name,
            "prompt": dict(self._prompt.recipe),
            "sampler": asdict(self._sampling),
            "max_tokens": self._max_tokens,
            **({} if self._thinking.usual else {"thinking": asdict(self._thinking)}),
            **({"certainty": LIKELIEST} if self._traced else {}),
        }

    @property
    def revisions(self) -> Mapping[str, object]:
        """The words that ask for them."""
        return self._prompt.revisions

    @property
    def load(self) -> None:
        """Its batches are not seen from here."""
        return

    def holds(self, problems: int) -> bool:  # noqa: ARG002 - as the protocol calls it
        """As far as is known here."""
        return True

    def expect(self, problems: Sequence[Problem]) -> None:
        """Any problem finds room, as far as is known here."""

    def start(self, problem: Problem, *, attempts: Sequence[Attempt] = ()) -> Prefix:
        """The root of a problem, or of a revision.

        Nothing is sent until it is extended. The tokens of its prompt are not known here, so no attempt is left out;
        what the server does not compute again it says itself.
        """
        return Prefix(problem, self._mailbox.new_id(), attempts=tuple(attempts))

    def resume(self, root: Prefix, steps: Sequence[Step]) -> Prefix:
        """What was written before, on a root; the server is not told before it goes on."""
        return replace(root, id=self._mailbox.new_id(), steps=tuple(steps))

    def speak(self, prefix: Prefix, words: str) -> Prefix:  # noqa: ARG002 - as the protocol calls it
        """Not here.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            f"{self._address.name} cannot go on in the middle of a thought, so probe cannot run on it",
            hint="--method short, or a model that runs here",
        )

    def ask(self, root: Prefix, solution: str, thought: str | None = None) -> Prefix:  # noqa: ARG002 - not to be sent
        """A finished solution, to be extended until it has named its answer; see the protocol.

        Where the server cannot go on with a partial answer, it is asked for in a turn of its own.

        Raises:
            BackendError: the server fails, or refuses.
        """
        number = self._mailbox.new_id()
        if self._background.run(self._writer.continues(root.problem), self._interrupted):
            return Prefix(root.problem, number, steps=(Step(solution + ASK, 0, None),))
        self._writer.asked.add(number)
        return Prefix(root.problem, number, attempts=(Attempt(solution),))

    def rewrites(self, problem: Problem) -> bool:
        """Always: where the server cannot, nobody who asks for it is left in the dark.

        Raises:
            BackendError: the server cannot go on with a partial answer; it fails, or refuses.
        """
        if not self._background.run(self._writer.continues(problem), self._interrupted):
            raise BackendError(
                f"{self._address.name} cannot continue a partial answer, so nothing can be mended in one",
                hint="--repair off",
            )
        return True

    def rewrite(self, prefix: Prefix, keep: int, text: str) -> Rewritten | None:
        """A prefix with another end; the server is not told before it goes on."""
        written = prefix.text
        tokens = max(1, round(prefix.spoken_tokens * (keep + len(text)) / max(len(written), 1)))
        steps = rewritten_steps(prefix, keep, text, tokens)
        return Rewritten(replace(prefix, id=self._mailbox.new_id(), steps=steps, partial=True), 0)

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[list[Growth | Extension]]:
        """Continue prefixes; see the protocol. A server does not wait to be asked: it can pass `stop` by some tokens.

        Raises:
            BackendError: the server fails, refuses, or cannot do what is asked.
            PromptTooLong: it says so.
        """
        call = ServerCall(requests, stop)
        self._calls.append(call)
        try:
            while self._pull(call):
                if self._stopped(call):
                    yield self._mailbox.cut(call)
                    return
                self._launch()
                self._mailbox.wait(call, _GLANCE / len(self._calls))
                yield self._mailbox.read(call)
        finally:
            self._calls.remove(call)
            self._cancel(call)
            self._mailbox.drop(call)

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Nothing is kept for a prefix."""

    def close(self) -> None:
        """Cancel what is under way, close all connections, say what there was to notice."""
        self._background.close(self._api.close)
        while self._dialect.notices:
            self._notice(self._dialect.notices.pop(0))

    def _only_model(self) -> str:
        models = self._background.run(with_retries(self._api, self._dialect, self._api.models), self._interrupted)
        if len(models) != 1:
            more = f" and {len(models) - _NAMED:,} more" if len(models) > _NAMED else ""
            named = f"has several models: {', '.join(models[:_NAMED])}{more}" if models else "names no model"
            raise UsageError(f"{self._address.name} {named}", hint=f"--model {models[0] if models else 'NAME'}")
        return models[0]

    def _pull(self, call: ServerCall) -> bool:
        """Take requests while there is room; whether anything is under way."""
        pulled: list[ServerText] = []
        waiting = sum(map(len, self._queue))
        # a call that finds no place queues one request, lest it end before its turn has come
        while not (call.over or self._interrupted()) and (
            not call.texts or self._mailbox.growing + waiting + len(pulled) < self.width
        ):
            request = next(call.source, None)
            if request is None:
                break
            draft = PartialText(
                self._prompt.step_separator,
                request.steps if request.until == "step" else None,
                steps_counted(request.prefix.problem, self._prompt.step_content),
                goes_on=request.prefix.partial,
                begins=not request.prefix.steps,
            )
            text = ServerText(call, next(call.numbers), request, draft)
            call.texts[text.number] = text
            pulled.append(text)
        self._queue.extend(tuple(group) for _, group in groupby(pulled, key=_kind))
        return bool(call.texts)

    def _stopped(self, asking: ServerCall) -> bool:
        """Ask all calls whether they are to stop: what one waits for goes on in the others."""
        for call in self._calls:
            if not call.over and call.ends():
                self._cancel(call)
        return asking.over or self._interrupted()

    def _launch(self) -> None:
        """Begin what has waited, as far as there are places."""
        while self._queue and self._mailbox.growing + len(self._queue[0]) <= self.width:
            texts = self._queue.popleft()
            for text in texts:
                self._mailbox.begin(text)
            self._background.post(self._start, texts)

    def _start(self, texts: Sequence[ServerText]) -> None:
        """On the loop: write these texts, unless they have been called off."""
        call = texts[0].call
        if not call.over:
            task = asyncio.create_task(self._writer.write(texts))
            call.tasks.add(task)
            task.add_done_callback(partial(self._end, call))

    def _end(self, call: ServerCall, task: asyncio.Task[None]) -> None:
        """On the loop: a task is over."""
        call.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._mailbox.fail(call, error)

    def _cancel(self, call: ServerCall) -> None:
        call.over = True
        self._queue = deque(texts for texts in self._queue if texts[0].call is not call)
        self._background.post(_cancel_all, call.tasks)


def _kind(text: ServerText) -> tuple[object, ...]:
    """What texts have in common that one request may draw."""
    request = text.request
    return request.prefix, request.until, request.steps, request.temperature, request.watch


def _cancel_all(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
