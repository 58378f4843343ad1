"""Lets texts grow through a server's API: which request, for whom, and what becomes of its end."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from ttcli.engine.params import THINK_BUDGET, SamplingParams, ThinkParams
from ttcli.errors import BackendError
from ttcli.policy.prompt import Prompt
from ttcli.policy.server.chunk import AllTold, Delta, Usage
from ttcli.policy.server.client import ChatApi, Trouble
from ttcli.policy.server.dialect import Dialect
from ttcli.policy.server.mailbox import Mailbox, ServerText
from ttcli.policy.server.retry import with_retries
from ttcli.problem import Problem
from ttcli.seams import BOX_TOKENS
from ttcli.solution import Ended, Prefix

_ENDS = {"length": Ended.LENGTH, "max_tokens": Ended.LENGTH, "content_filter": Ended.CUT}  # all else: end of turn
_LENGTHS = [reason for reason, ended in _ENDS.items() if ended is Ended.LENGTH]
_BROKEN = {"abort", "error", "cancelled"}  # reasons that are none
_PROBE = "1"  # a word of one token, or of two where the tokenizer puts a space before it
_PROBE_TOKENS = (1, 2)
_NO_MANY = (200, 500, 501)  # what servers say to n > 1 that do not know it, besides 400


class Completions:
    """Runs on the loop of its API alone; drafts are changed under the mailbox's lock."""

    def __init__(
        self,
        api: ChatApi,
        dialect: Dialect,
        mailbox: Mailbox,
        *,
        model: str,
        prompt: Prompt,
        sampling: SamplingParams,
        max_tokens: int,
        thinking: ThinkParams,
        likeliest: int = 1,
    ) -> None:
        self._dialect = dialect
        self._api = api
        self._mailbox = mailbox
        self._model = model
        self._prompt = prompt
        self._sampling = sampling
        self._max_tokens = max_tokens
        self._thinking = thinking
        self._likeliest = likeliest
        self._with_retries = partial(with_retries, api, dialect)
        self._checking = asyncio.Lock()
        self.asked: set[int] = set()  # ids of prefixes whose one attempt is asked for its answer, and not for another

    async def write(self, texts: Sequence[ServerText]) -> None:
        """Bring texts that begin alike to their ends.

        Raises:
            BackendError, PromptTooLong: the server fails, refuses, or cannot go on with a partial answer.
        """
        if any(text.request.until == "step" or text.request.prefix.text for text in texts):
            await self._require_continuation(texts[0].request.prefix.problem)
        while waiting := [text for text in texts if not text.done]:
            if len(waiting) > 1 and not self._fit_one_request(waiting):
                await self._write_each(waiting)
                return
            await self._with_retries(partial(self._request, waiting))

    def _fit_one_request(self, texts: Sequence[ServerText]) -> bool:
        """Whether the server may draw all of them at once."""
        in_steps = texts[0].request.until == "step"
        return (
            self._dialect.many is not False
            and all(text.draft.fresh and text.stops for text in texts)
            and (not in_steps or self._dialect.names_stops)
        )

    async def _write_each(self, texts: Sequence[ServerText]) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for text in texts:
                    group.create_task(self.write([text]))
        except ExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _request(self, texts: Sequence[ServerText]) -> None:
        """One request for those of these texts that are not done; some may need another one after it."""
        texts = [text for text in texts if not text.done]
        if len(texts) > 1 and not self._fit_one_request(texts):
            return  # an earlier attempt has taught that
        with self._mailbox.lock:
            for text in texts:
                text.draft.rewind()
                text.budget = self._budget
                text.draft.admit(max(1, self._left(text)))
                text.finish = None
        body = self._body(texts)
        usage, all_told = None, False
        try:
            async with aclosing(self._api.stream(body)) as happenings:
                async for happening in happenings:
                    if isinstance(happening, Usage):
                        usage = happening
                    elif isinstance(happening, AllTold):
                        all_told = True
                    elif happening.choice < len(texts):
                        self._take(texts[happening.choice], happening, alone=len(texts) == 1)
                    if all(text.done and text.finish is None for text in texts):
                        break  # the steps that were wanted are there, and more would come
        except Trouble as trouble:
            if "n" in body and self._dialect.many is None and trouble.status in _NO_MANY:
                self._dialect.single()
                return
            if not all(text.done or text.finish for text in texts):
                raise
        if all_told:
            self._conclude_unexplained(texts)
        self._settle(texts, usage)

    def _conclude_unexplained(self, texts: Sequence[ServerText]) -> None:
        """Take the end of a request for that of its texts, where its server never says more."""
        open_ones = [text for text in texts if not (text.done or text.finish or text.draft.empty)]
        if open_ones and self._dialect.unexplained():
            for text in open_ones:
                text.finish = Delta(0, "", finish="stop")
                if len(texts) > 1:
                    self._finish(text, text.finish, None)

    def _take(self, text: ServerText, piece: Delta, *, alone: bool) -> None:
        """A piece of a text; one that is alone waits for the usage of its request."""
        if piece.choice > 0:
            self._dialect.many = True
        self._mailbox.take(text, piece)
        self._dialect.thinks |= bool(piece.thought)
        if piece.finish in _BROKEN:
            raise Trouble(f"it ended a text by {piece.finish}")
        self._dialect.explains |= piece.finish is not None
        if self._stopped(text, ended=False) or text.draft.full:
            self._conclude(text, Ended.OPEN, None)
        elif text.draft.over:
            self._conclude(text, Ended.LENGTH, None)
        elif piece.finish:
            text.finish = piece
            if not alone:
                self._finish(text, piece, None)

    def _settle(self, texts: Sequence[ServerText], usage: Usage | None) -> None:
        """Make sense of the end of a request."""
        if len(texts) == 1:
            text = texts[0]
            if text.finish is not None:
                self._finish(text, text.finish, usage)
            elif not text.done:
                raise Trouble("it ended a text in the middle")
            return
        if not any(text.finish or text.done for text in texts):
            raise Trouble("it ended a text in the middle")
        if self._dialect.many is None:
            self._dialect.many = False  # only the first choice came

    def _finish(self, text: ServerText, piece: Delta, usage: Usage | None) -> None:
        """The server says that a text ended: it did, or a step of it did."""
        text.requests += 1
        separator = self._prompt.step_separator
        with self._mailbox.lock:
            if usage is not None:
                text.draft.charge(usage.completion)
            if piece.finish == "stop" and piece.stopped_by == separator:
                if text.draft.blank:
                    text.stops = False  # it began with a separator, which ends no step: the next request goes on
                    return
                text.draft.separate()
                text.draft.keep()
                if text.draft.full or self._left(text) <= 0:
                    self._conclude(text, Ended.OPEN, usage)
            elif piece.finish in _LENGTHS and text.draft.thinking and text.budget < self._budget:
                return  # nobody knew that it thinks: the next request has room for that
            else:
                ended = _ENDS.get(piece.finish or "", Ended.STOP)
                if ended is Ended.STOP and self._stopped(text, ended=True):
                    ended = Ended.OPEN
                self._conclude(text, ended, usage)

    def _conclude(self, text: ServerText, ended: Ended, usage: Usage | None) -> None:
        with self._mailbox.lock:
            if ended is Ended.OPEN and self._left(text) <= 0:
                ended = Ended.LENGTH
            self._mailbox.conclude(text, ended, usage)

    def _stopped(self, text: ServerText, *, ended: bool) -> bool:
        """Ask whoever watches a text."""
        watch = text.request.watch
        if watch is not None and not text.done:
            with self._mailbox.lock:
                text.stopped = watch(text.draft.text, ended)
        return text.stopped

    def _left(self, text: ServerText) -> int:
        """Tokens that a text may still take."""
        thought = text.request.prefix.thought
        budget = max(text.budget, thought.tokens if thought else 0)
        most = min(self._max_tokens, text.request.max_tokens or self._max_tokens)
        return most + budget - text.request.prefix.tokens - text.draft.tokens

    @property
    def _budget(self) -> int:
        """Tokens for a thought: as many as were said, or the usual number from a server that has told of one."""
        params = self._thinking
        if params.think == "off":
            return 0
        usual = THINK_BUDGET if params.think == "on" or self._dialect.thinks else 0
        return usual if params.think_budget is None else params.think_budget

    def _body(self, texts: Sequence[ServerText]) -> dict[str, Any]:
        first = texts[0]
        request = first.request
        sampling = self._sampling.changed(temperature=request.temperature, top_p=request.top_p)
        body = self._dialect.body(
            self._model,
            self._messages(request.prefix, first.draft.kept),
            sampling,
            max_tokens=max(1, min(self._left(first), BOX_TOKENS) if request.until == "box" else self._left(first)),
            seed=seed_of(*request.seed, first.requests),
            thinking=self._thinking,
            likeliest=self._likeliest,
        )
        if request.until == "step" and first.stops and self._dialect.names_stops:
            body["stop"] = [self._prompt.step_separator]
        if len(texts) > 1:
            body["n"] = len(texts)
        return body

    def _messages(self, prefix: Prefix, more: str) -> list[dict[str, str]]:
        """The chat of a prefix that has grown by this much more; a thought is no part of it."""
        answer = prefix.text + more
        partial_answer = [{"role": "assistant", "content": answer}] if answer else []
        if prefix.id in self.asked:
            return [*self._prompt.again(prefix.problem, prefix.attempts[-1].text), *partial_answer]
        return [*self._prompt.messages(prefix.problem, prefix.attempts), *partial_answer]

    async def _require_continuation(self, problem: Problem) -> None:
        """Make sure that the server goes on with a partial answer.

        Raises:
            BackendError: it does not.
        """
        if not await self.continues(problem):
            raise BackendError(
                f"{self._api.address.name} cannot continue a partial answer, so step searches cannot run on it",
                hint="--method best-of-n",
            )

    async def continues(self, problem: Problem) -> bool:
        """Find out, once, whether the server goes on with a partial answer: it costs two requests of one token.

        A partial answer of one word makes the prompt longer by that word. A server that closes the turn after it and
        opens another one adds their marks too.
        """
        async with self._checking:
            if self._dialect.continues is None:
                plain = await self._with_retries(partial(self._probe, problem, ""))
                begun = await self._with_retries(partial(self._probe, problem, _PROBE))
                self._dialect.continues = bool(plain and begun) and begun - plain in _PROBE_TOKENS
        return self._dialect.continues

    async def _probe(self, problem: Problem, answer: str) -> int:
        """Tokens of the prompt; 0 where the server does not tell."""
        greedy = SamplingParams(temperature=0)
        body = self._dialect.body(self._model, self._messages(Prefix(problem, 0), answer), greedy, max_tokens=1, seed=0)
        for name in ("stream_options", "logprobs", "top_logprobs"):
            body.pop(name, None)
        tokens = 0
        for happening in await self._api.reply(body):
            if isinstance(happening, Usage):
                tokens = happening.prompt
            elif isinstance(happening, Delta):
                self._dialect.names_stops = happening.names_stops
        return tokens


def seed_of(*key: int) -> int:
    """31 bits that depend on the key alone."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") >> 1
