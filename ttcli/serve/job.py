"""A request as the engine has it: what is to be drawn, for how long, and whom to tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ttcli.events import CandidateToken, Event
from ttcli.problem import Problem
from ttcli.runtime.settings import Settings
from ttcli.seams import AskingPolicy, Extend, Extension, Growth, Mended
from ttcli.serve.refusal import Refusal
from ttcli.solution import Attempt, Prefix, Step

Told = Event | Refusal  # the last one is RunFinished, or the refusal


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a request has its texts drawn, where it is not as the server would by itself."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None


class Job:
    """Made by whoever listens to the client; the engine alone works on it.

    Args:
        deadline: by `time.monotonic`; what there is by then is the reply.
        tell: called in the engine's thread.
        tokens: whether it is to be told of every token too.
        stops: a text is done with once it has one of these in it; where all are, so is the job.
    """

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        drawing: Drawing,
        *,
        deadline: float,
        tell: Callable[[Told], None],
        tokens: bool = False,
        stops: Sequence[str] = (),
    ) -> None:
        self.problem = problem
        self.settings = settings
        self.drawing = drawing
        self.deadline = deadline
        self.tokens = tokens
        self.alone = False  # it needs a larger context than the one in use
        self.left = False  # nobody waits for it any more
        self._tell = tell
        self._watch = _StopWatch(tuple(stops), int(settings.budget.amount)) if stops else None

    @property
    def expired(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() >= self.deadline

    def over(self) -> bool:
        """Whether nothing more is to be drawn for it."""
        return self.left or self.expired or bool(self._watch and self._watch.done)

    def tell(self, told: Told) -> None:
        """Pass on what happened, as far as it is wanted."""
        if isinstance(told, CandidateToken):
            if self._watch:
                self._watch.take(told)
            if not self.tokens:
                return
        if not self.left:
            self._tell(told)


@dataclass(slots=True)
class _StopWatch:
    """Looks for the words that end texts."""

    stops: tuple[str, ...]
    texts: int
    tails: dict[int, str] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def take(self, token: CandidateToken) -> None:
        if token.thought:
            return
        text = self.tails.get(token.candidate, "") + token.text
        if any(stop in text for stop in self.stops):
            self.ended.add(token.candidate)
        self.tails[token.candidate] = text[-max(map(len, self.stops)) :]

    @property
    def done(self) -> bool:
        return len(self.ended) >= self.texts


class JobPolicy:
    """The policy as one request has it: with its own temperature, top-p and limit of tokens."""

    def __init__(self, policy: AskingPolicy, drawing: Drawing) -> None:
        self.name = policy.name
        self.parameters = policy.parameters
        self.reviser_parameters = policy.reviser_parameters
        self._policy = policy
        self._drawing = drawing

    def start(self, problem: Problem, *, attempts: Sequence[Attempt] = ()) -> Prefix:
        """The root of a problem, or of a revision."""
        return self._policy.start(problem, attempts=attempts)

    def resume(self, root: Prefix, steps: Sequence[Step]) -> Prefix:
        """What was written before, on a root."""
        return self._policy.resume(root, steps)

    def speak(self, prefix: Prefix, words: str) -> Prefix:
        """A fork of a prefix whose thought is closed, and these words said."""
        return self._policy.speak(prefix, words)

    def ask(self, root: Prefix, solution: str, thought: str | None = None) -> Prefix:
        """A finished solution, to be extended until it has named its answer."""
        return self._policy.ask(root, solution, thought)

    def extend(
        self, requests: Iterable[Extend | None], *, stop: Callable[[int], bool] = lambda _tokens: False
    ) -> Iterator[Sequence[Growth | Mended | Extension]]:
        """Continue prefixes; see the protocol."""
        return self._policy.extend(map(self._changed, requests), stop=stop)

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Free what is kept for these."""
        self._policy.release(prefixes)

    def _changed(self, request: Extend | None) -> Extend | None:
        if request is None:
            return None
        wanted = self._drawing
        temperature = wanted.temperature if request.temperature is None else request.temperature
        return replace(request, temperature=temperature, top_p=wanted.top_p, max_tokens=wanted.max_tokens)
