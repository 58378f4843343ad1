"""One way to N texts of the same length from one prompt with the same sampler settings, alone in a process.

    python benchmarks/ways.py engine|ceiling|llama MODEL.gguf TEXTS TOKENS WIDTH SECONDS

    engine   ttc's scheduler: prompt decoded once, N texts in one batch of at most `width`, sampled in numpy
    llama    N calls of `llama_cpp.Llama`, its prefix cache on, so that the prompt is decoded once there too
    ceiling  the same batches as `engine` by bare `llama_decode` calls: no sampling, no text, a fixed token each time

In none of them does the end of a turn end a text. After SECONDS (0: never) it stops and tells what it has seen: a line
of JSON with the seconds of the prompt and of each token.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ttcli.engine import machine
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.job import Job, StopCriteria
from ttcli.engine.library import library
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import generator
from ttcli.engine.scheduler import Scheduler
from ttcli.engine.session import Session
from ttcli.engine.template import ChatTemplate
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem

PROBLEM = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)
SAMPLER = SamplingParams()
LOOP_TOKENS = 8  # of the loop per turn: about as long as one wide decode


class Endless(Model):
    """A model whose turn never ends, so that every text has the same length in every way of drawing it."""

    def ends_generation(self, _token: int) -> bool:
        """Never."""
        return False


def context(model: Model, prompt: int, width: int, tokens: int) -> Session:
    """A context as `LocalPolicy` would have it here."""
    streams = machine.streams(model.parameters)
    cells = prompt + tokens + 1 if streams else prompt + width * (tokens + 1) + 64
    return Session(model, cells=cells, width=width, sequences=width + 4, streams=streams)


def engine(session: Session, prompt: list[int], texts: int, tokens: int) -> Iterator[int]:
    """Texts through the scheduler; yields the tokens of each step, the first of which decodes the prompt."""
    scheduler = Scheduler(session)
    root = Branch(None, prompt)
    for index in range(texts):
        scheduler.submit(Job(root, SAMPLER, StopCriteria(tokens, separator="\n\n"), generator(0, 0, index)))
    while scheduler.busy:
        yield len(scheduler.step())
    scheduler.release(root)


def ceiling(session: Session, prompt: list[int], texts: int, tokens: int) -> Iterator[int]:
    """The same decodes without sampling: waves of branches that take a fixed token each time."""
    root = Branch(None, prompt)
    session.attach(root, aside=True)
    session.decode([Piece(root, len(prompt), True)])
    yield 0
    for wave in range(0, texts, session.width):
        branches = [Branch(root, prompt[-1:] * tokens) for _ in range(min(session.width, texts - wave))]
        for branch in branches:
            session.attach(branch)
        extra = len(branches)  # a text's first token comes from the prompt's row, without a decode
        for _ in range(tokens - 1):
            session.decode([Piece(branch, 1, True) for branch in branches])
            yield len(branches) + extra
            extra = 0
        for branch in branches:
            session.detach(branch)
    session.detach(root)


def loop(path: Path, prompt: list[int], tokens: int) -> Iterator[int]:
    """One call of the high-level class after the other, for ever; yields tokens, 0 for the turn with the prompt."""
    llama = library().Llama(
        str(path),
        n_ctx=len(prompt) + tokens + 8,
        n_batch=512,
        n_threads=machine.threads(),
        n_threads_batch=machine.threads(),
        flash_attn=True,
        verbose=False,
    )
    try:
        llama.eval(prompt)
        yield 0
        while True:
            drawing = llama.generate(
                prompt,
                top_k=SAMPLER.top_k,
                top_p=SAMPLER.top_p,
                min_p=SAMPLER.min_p,
                temp=SAMPLER.temperature,
                repeat_penalty=1.0,
            )
            for begin in range(0, tokens, LOOP_TOKENS):
                count = min(LOOP_TOKENS, tokens - begin)
                for _ in range(count):
                    next(drawing)
                yield count
    finally:
        llama.close()


class Clock:
    """The time one of the ways has taken."""

    def __init__(self, way: Iterator[int]) -> None:
        self._way = way
        self._prompt: float | None = None  # seconds of the first turn
        self._decoding = 0.0  # seconds of the others
        self._tokens = 0

    def turn(self) -> bool:
        """Let the way take a turn; False if it is done."""
        begin = time.perf_counter()
        drawn = next(self._way, None)
        seconds = time.perf_counter() - begin
        if drawn is None:
            return False
        if self._prompt is None:
            self._prompt = seconds
        else:
            self._decoding += seconds
            self._tokens += drawn
        return True

    @property
    def tokens(self) -> int:
        """Of all turns but the first."""
        return self._tokens

    @property
    def tokens_per_second(self) -> float:
        """Of all turns but the first."""
        return self._tokens / self._decoding

    @property
    def prompt(self) -> float:
        """Seconds of the first turn."""
        return self._prompt or 0.0


def encoded(model: Model) -> list[int]:
    """The prompt."""
    return ChatTemplate(model).encode(Prompt(system="You are a helpful assistant.").messages(Problem(PROBLEM)))


def main() -> None:
    way, path = sys.argv[1], Path(sys.argv[2])
    texts, tokens, width = map(int, sys.argv[3:6])
    patience = float(sys.argv[6]) or float("inf")
    model = Endless(path)
    prompt = encoded(model)
    if way == "llama":
        model.close()
        clock = Clock(loop(path, prompt, tokens))
        patience = min(patience, 1e9)
        turns = 1 + 2 * -(-tokens // LOOP_TOKENS)  # of two texts: one is like another
    else:
        session = context(model, len(prompt), min(width, texts), tokens)
        clock = Clock({"engine": engine, "ceiling": ceiling}[way](session, prompt, texts, tokens))
        turns = sys.maxsize
    begin = time.perf_counter()
    while turns and clock.turn() and (time.perf_counter() - begin < patience or clock.tokens < texts):
        turns -= 1
    print(json.dumps({"prompt": clock.prompt, "token": 1 / clock.tokens_per_second}))


if __name__ == "__main__":
    main()
