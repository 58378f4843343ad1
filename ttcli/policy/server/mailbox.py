"""Where the thread that searches and the thread that talks to a server leave things for each other."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from ttcli.policy.server.chunk import Delta, Usage
from ttcli.policy.server.partial_text import PartialText
from ttcli.seams import Extend, Extension, Growth
from ttcli.solution import Ended
from ttcli.thought import whole

_BUSY = 0.002  # seconds to wait for news of one call while others have theirs unread


class ServerCall:
    """One call of `ServerPolicy.extend`."""

    def __init__(self, requests: Iterable[Extend | None], stop: Callable[[int], bool]) -> None:
        self.source = iter(requests)
        self.numbers = itertools.count()
        self.texts: dict[int, ServerText] = {}  # whose extension has not been read
        self.inbox: deque[Growth | Extension] = deque()
        self.tasks: set[asyncio.Task[None]] = set()
        self.failure: BaseException | None = None
        self.over = False  # nothing of it grows any more
        self._stop = stop

    def ends(self) -> bool:
        """Ask whether it is to stop: what has not been read counts, and a token more of each text."""
        growing = sum(not text.done for text in self.texts.values())
        self.over = self.over or self._stop(len(self.inbox) + growing)
        return self.over


@dataclass(eq=False, slots=True)
class ServerText:
    """A continuation under way."""

    call: ServerCall
    number: int  # of its request in the call
    request: Extend
    draft: PartialText
    done: bool = False  # its extension has been posted
    finish: Delta | None = None  # the piece that ended it in the request under way
    stops: bool = True  # whether its requests may end at a stop string
    requests: int = 0  # that went well
    stopped: bool = False  # by whoever watches it
    budget: int = 0  # tokens for a thought in the request under way, beside those of the text
    began: float | None = None  # seconds given out before it; None: it waits for its turn


@dataclass(slots=True)
class _Shares:
    """Deals out the time in equal parts to the texts that grow."""

    growing: int = 0
    given: float = 0.0  # seconds that each text would have got that grew from the beginning
    at: float = field(default_factory=time.perf_counter)

    def change(self, by: int) -> float:
        """So many texts more, or less; what has been given until now."""
        now = time.perf_counter()
        if self.growing:
            self.given += (now - self.at) / self.growing
        self.growing, self.at = self.growing + by, now
        return self.given


class Mailbox:
    """Guards texts under way: `lock` is held wherever a draft is changed or read."""

    def __init__(self) -> None:
        self.lock = threading.Condition()
        self._shares = _Shares()
        self._unread = 0
        self._ids = itertools.count(1)

    @property
    def growing(self) -> int:
        """Texts that grow."""
        return self._shares.growing

    def new_id(self) -> int:
        """For a prefix that can go on."""
        return next(self._ids)

    def begin(self, text: ServerText) -> None:
        """A text goes to the server."""
        with self.lock:
            text.began = self._shares.change(+1)

    def take(self, text: ServerText, piece: Delta) -> None:
        """A piece of a text came."""
        with self.lock:
            if not (text.done or text.call.over):
                for token in text.draft.take(piece):
                    self._post(text.call, Growth(text.number, token, text.draft.thinking))

    def conclude(self, text: ServerText, ended: Ended, usage: Usage | None = None) -> None:
        """A text is complete, or as complete as it will be."""
        with self.lock:
            if text.done or text.call.over:
                return
            self._post(text.call, self._extension(text, ended, usage))

    def fail(self, call: ServerCall, error: BaseException) -> None:
        """A call cannot go on."""
        with self.lock:
            call.failure = call.failure or error
            self.lock.notify_all()

    def wait(self, call: ServerCall, seconds: float) -> None:
        """Wait until there are news for a call, and not so long where others have some."""
        with self.lock:
            if not call.inbox and call.failure is None:
                self.lock.wait(_BUSY if self._unread else seconds)

    def read(self, call: ServerCall) -> list[Growth | Extension]:
        """The news of a call.

        Raises:
            BackendError, PromptTooLong: the server failed.
        """
        with self.lock:
            if call.failure is not None:
                raise call.failure
            return self._drain(call)

    def cut(self, call: ServerCall) -> list[Growth | Extension]:
        """The last news of a call that is over: what has begun to grow is cut."""
        with self.lock:
            news = self._drain(call)
            begun = [text for text in call.texts.values() if text.draft.sampled]
            return news + [self._extension(text, Ended.CUT, None) for text in begun]

    def drop(self, call: ServerCall) -> None:
        """Nobody asks for a call any more."""
        with self.lock:
            call.over = True
            self._drain(call)
            for text in call.texts.values():
                self._leave(text)

    def _post(self, call: ServerCall, news: Growth | Extension) -> None:
        call.inbox.append(news)
        self._unread += 1
        self.lock.notify_all()

    def _drain(self, call: ServerCall) -> list[Growth | Extension]:
        news = list(call.inbox)
        call.inbox.clear()
        self._unread -= len(news)
        for each in news:
            if isinstance(each, Extension):
                del call.texts[each.request]
        return news

    def _leave(self, text: ServerText) -> float:
        """The text grows no more; its share of the time in seconds."""
        if text.done or text.began is None:
            return 0.0
        return self._shares.change(-1) - text.began

    def _extension(self, text: ServerText, ended: Ended, usage: Usage | None) -> Extension:
        draft, prefix = text.draft, text.request.prefix
        if not draft.full:
            draft.end()
        seconds = self._leave(text)
        text.done = True
        steps = draft.steps()
        if prefix.partial:
            steps = (prefix.steps[-1].joined(steps[0]), *steps[1:]) if steps else prefix.steps[-1:]
        before = prefix.steps[:-1] if prefix.partial else prefix.steps
        grown = replace(
            prefix,
            id=self.new_id() if ended is Ended.OPEN else 0,
            prompt_tokens=usage.prompt if usage and not prefix.steps and not draft.kept else prefix.prompt_tokens,
            thought=whole((prefix.thought, draft.thought)),
            steps=(*before, *steps),
            ended=ended,
            partial=text.stopped,
        )
        return Extension(text.number, grown, draft.sampled, usage.cached if usage else 0, seconds)
