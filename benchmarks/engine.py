"""How fast N solutions of one problem come: our engine, llama-cpp-python's `Llama` called N times, and the bare loop.

    python benchmarks/engine.py                         the whole table, default model, about 25 minutes on 2 cores
    python benchmarks/engine.py --quick --json          N = 16 alone, under 55 s; one JSON line

Three ways to get N texts of the same length from the same prompt with the same sampler settings:

    engine   ttc's scheduler: prompt decoded once, N texts in one batch of at most `width`, sampled in numpy
    loop     N calls of `llama_cpp.Llama`, its prefix cache on, so that the prompt is decoded once there too
    ceiling  the same batches as `engine` by bare `llama_decode` calls: no sampling, no text, a fixed token each time

The speed of a shared machine drifts by the second, so the three take turns: a decode of one, a decode of the next, a
few tokens of the third, each with its own clock. Ratios are of seconds per solution, the prompt's included, inside a
round. In none of them does the end of a turn end a text.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from ttcli.catalog.pull import resolve
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
from ttcli.terminal.download import download_progress

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
    """A context as `LocalPolicy` would have it here: streams on a CPU, one buffer on a GPU."""
    gpu = machine.has_gpu()
    longest = prompt + tokens + 1
    return Session(
        model,
        cells=prompt + width * (tokens + 1) + 64 if gpu else longest,
        width=width,
        sequences=width + 4,
        streams=not gpu,
        flash_attention=gpu,
    )


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

    def per_solution(self, texts: int, tokens: int) -> float:
        """Seconds for each of `texts` texts of so many tokens."""
        return (self._prompt or 0.0) / texts + tokens * self._decoding / self._tokens

    @property
    def tokens_per_second(self) -> float:
        """Of all turns but the first."""
        return self._tokens / self._decoding

    def close(self) -> None:
        """End the way."""
        self._way.close()


def compare(path: Path, model: Model, texts: int, tokens: int, width: int, patience: float) -> dict[str, float]:
    """Seconds per solution of each way in one round, which ends early after `patience` seconds."""
    prompt = ChatTemplate(model).encode(Prompt(system="You are a helpful assistant.").messages(Problem(PROBLEM)))
    width = min(width, texts)
    sessions = [context(model, len(prompt), width, tokens) for _ in range(2)]
    clocks = {
        "engine": Clock(engine(sessions[0], prompt, texts, tokens)),
        "loop": Clock(loop(path, prompt, tokens)),
        "ceiling": Clock(ceiling(sessions[1], prompt, texts, tokens)),
    }
    begin = time.perf_counter()
    while clocks["engine"].turn() and clocks["ceiling"].turn() and clocks["loop"].turn():
        if time.perf_counter() - begin > patience:
            break
    seconds = {name: clock.per_solution(texts, tokens) for name, clock in clocks.items()}
    for clock in clocks.values():
        clock.close()
    for session in sessions:
        session.close()
    return seconds


def row(texts: int, tokens: int, rounds: list[dict[str, float]]) -> dict[str, object]:
    """A line of the table."""
    return {
        "texts": texts,
        "rounds": len(rounds),
        "tokens_per_second": round(tokens / statistics.median(each["engine"] for each in rounds), 1),
        "loop_ratio": spread([each["loop"] / each["engine"] for each in rounds]),
        "ceiling_ratio": spread([each["ceiling"] / each["engine"] for each in rounds]),
    }


def spread(values: list[float]) -> dict[str, float]:
    return {"min": round(min(values), 3), "median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--counts", default="1,4,8,16,32,64", help="the N to measure")
    parser.add_argument("--tokens", type=int, default=64, help="of each text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, help="texts in one batch; default: as ttc chooses")
    parser.add_argument("--quick", action="store_true", help="N = 16 in two rounds of at most 20 s")
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    path = resolve(options.model, offline=False, progress=download_progress()).path
    model = Endless(path)
    width = options.width or machine.width()
    counts = [16] if options.quick else [int(count) for count in options.counts.split(",")]
    patience = 20.0 if options.quick else float("inf")
    rounds: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    for number in range(2 if options.quick else options.rounds):
        for count in counts:
            seconds = compare(path, model, count, options.tokens, width, patience)
            rounds[count].append(seconds)
            told = ", ".join(f"{name} {value:.2f}" for name, value in seconds.items())
            print(f"round {number + 1}, N = {count}: seconds per solution: {told}", file=sys.stderr, flush=True)
    model.close()
    rows = [row(count, options.tokens, rounds[count]) for count in counts]
    facts = {
        "model": options.model,
        "threads": machine.threads(),
        "width": width,
        "tokens": options.tokens,
        "rows": rows,
    }
    if options.json:
        ratios = {name: rows[-1][name]["median"] for name in ("loop_ratio", "ceiling_ratio")} if options.quick else {}
        print(json.dumps(ratios | facts))
        return
    print(f"{options.model}, {options.tokens} tokens a text, {machine.threads()} threads, width {width}")
    print("ratios of solutions per second: min, median, max")
    print("  N  tokens/s   engine / loop        engine / ceiling")
    for each in rows:
        told = ["  ".join(f"{value:5.2f}" for value in each[name].values()) for name in ("loop_ratio", "ceiling_ratio")]
        print(f"{each['texts']:>3}  {each['tokens_per_second']:>8}   {told[0]}   {told[1]}")


if __name__ == "__main__":
    main()
