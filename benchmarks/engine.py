"""How fast N solutions of one problem come: our engine, llama-cpp-python's `Llama` called N times, and the bare loop.

    python benchmarks/engine.py                         the whole table, default model, about 40 minutes on 2 cores
    python benchmarks/engine.py --quick --json          N = 16 alone, shorter texts, under 55 s; one JSON line

Three ways to get N texts of the same length from the same prompt with the same sampler settings:

    engine   ttc's scheduler: prompt decoded once, N texts in one batch of at most `width`, sampled in numpy
    loop     N calls of `llama_cpp.Llama`, its prefix cache on, so that the prompt is decoded once there too
    ceiling  the same batches as `engine` by bare `llama_decode` calls: no sampling, no text, a fixed token each time

Runs are interleaved (engine, loop, ceiling, engine, …) and ratios are taken inside each round, since the speed of a
shared machine drifts. End-of-turn tokens are not drawn in any of them, so that all texts reach the token limit.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ttcli.catalog.pull import resolve
from ttcli.engine import machine
from ttcli.engine.library import library
from ttcli.engine.model import Model
from ttcli.engine.sampling import Sampler, generator
from ttcli.engine.scheduler import Job, Scheduler, Until
from ttcli.engine.session import Branch, Piece, Session
from ttcli.engine.template import ChatTemplate
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.terminal.download import download_progress

PROBLEM = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)
SAMPLER = Sampler()


class Endless(Model):
    """A model whose turn never ends, so that every text has the same length in every way of drawing it."""

    def ends_generation(self, _token: int) -> bool:
        """Never."""
        return False


def engine(model: Model, prompt: list[int], texts: int, tokens: int, width: int) -> float:
    """Seconds for `texts` texts of `tokens` tokens through the scheduler."""
    session = Session(model, cells=cells(prompt, texts, tokens, width), width=width)
    scheduler = Scheduler(session)
    root = Branch(None, prompt)
    begin = time.perf_counter()
    for index in range(texts):
        scheduler.submit(Job(root, SAMPLER, Until(tokens, separator="\n\n"), generator(0, 0, index)))
    while scheduler.busy:
        scheduler.step()
    seconds = time.perf_counter() - begin
    session.close()
    return seconds


def ceiling(model: Model, prompt: list[int], texts: int, tokens: int, width: int) -> float:
    """Seconds for the same decodes without sampling: waves of `width` branches that take a fixed token each time."""
    session = Session(model, cells=cells(prompt, texts, tokens, width), width=width)
    root = Branch(None, prompt)
    begin = time.perf_counter()
    session.attach(root)
    session.decode([Piece(root, len(prompt), True)])
    for wave in range(0, texts, width):
        branches = [Branch(root, prompt[-1:] * tokens) for _ in range(min(width, texts - wave))]
        for branch in branches:
            session.attach(branch)
        for _ in range(tokens - 1):  # the first token of a text comes from the prompt's row
            session.decode([Piece(branch, 1, True) for branch in branches])
        for branch in branches:
            session.detach(branch)
    seconds = time.perf_counter() - begin
    session.close()
    return seconds


class Loop:
    """N calls of the high-level class, one after the other."""

    def __init__(self, path: Path, prompt: list[int], tokens: int) -> None:
        module = library()
        self._llama = module.Llama(
            str(path),
            n_ctx=len(prompt) + tokens + 8,
            n_batch=512,
            n_threads=machine.threads(),
            n_threads_batch=machine.threads(),
            flash_attn=True,
            verbose=False,
        )

    def __call__(self, prompt: list[int], texts: int, tokens: int) -> float:
        """Seconds for `texts` calls; the first decodes the prompt, the others find it in the prefix cache."""
        self._llama.reset()
        begin = time.perf_counter()
        for _text in range(texts):
            drawing = self._llama.generate(
                prompt,
                top_k=SAMPLER.top_k,
                top_p=SAMPLER.top_p,
                min_p=SAMPLER.min_p,
                temp=SAMPLER.temperature,
                repeat_penalty=1.0,
            )
            for _token in itertools.islice(drawing, tokens):
                pass
        return time.perf_counter() - begin

    def close(self) -> None:
        """Free the model."""
        self._llama.close()


def cells(prompt: list[int], texts: int, tokens: int, width: int) -> int:
    return len(prompt) + min(texts, width) * (tokens + 1) + 64


def spread(values: list[float]) -> dict[str, float]:
    return {"min": round(min(values), 3), "median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def measure(
    path: Path, counts: list[int], tokens: int, rounds: int, width: int, patience: float
) -> list[dict[str, object]]:
    """Rows of the table: for each N, the ratios over the rounds; after `patience` seconds no further round begins."""
    model = Endless(path)
    prompt = ChatTemplate(model).encode(Prompt(system="You are a helpful assistant.").messages(Problem(PROBLEM)))
    loop = Loop(path, prompt, tokens)
    loop(prompt, 1, 4)  # warm: pages in, kernels chosen
    begin = time.perf_counter()
    seconds: dict[tuple[int, str], list[float]] = {}
    for number in range(rounds):
        if number and (time.perf_counter() - begin) * (number + 1) / number > patience:
            break
        for texts in counts:
            looped = min(texts, 16)  # calls are independent: more of them would not be faster each
            ways: list[tuple[str, Callable[[], float]]] = [
                ("engine", lambda n=texts: engine(model, prompt, n, tokens, width) / n),
                ("loop", lambda n=looped: loop(prompt, n, tokens) / n),
                ("ceiling", lambda n=texts: ceiling(model, prompt, n, tokens, width) / n),
            ]
            for name, run in ways:
                took = run()
                seconds.setdefault((texts, name), []).append(took)
                print(f"round {number + 1}, N = {texts}: {name} {took:.2f} s a text", file=sys.stderr)
    loop.close()
    model.close()
    return [row(texts, tokens, *(seconds[texts, name] for name in ("engine", "loop", "ceiling"))) for texts in counts]


def row(texts: int, tokens: int, ours: list[float], looped: list[float], bare: list[float]) -> dict[str, object]:
    return {
        "texts": texts,
        "rounds": len(ours),
        "tokens_per_second": round(tokens / statistics.median(ours), 1),
        "loop_ratio": spread([b / a for a, b in zip(ours, looped, strict=True)]),
        "ceiling_ratio": spread([c / a for a, c in zip(ours, bare, strict=True)]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--counts", default="1,4,8,16,32,64", help="the N to measure")
    parser.add_argument("--tokens", type=int, default=128, help="of each text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, help="texts in one batch; default: as ttc chooses")
    parser.add_argument("--quick", action="store_true", help="N = 16, 20 tokens, as many rounds as fit 40 s")
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    path = resolve(options.model, offline=False, progress=download_progress()).path
    width = options.width or machine.width()
    if options.quick:
        rows = measure(path, [16], 20, 3, width, patience=40)
    else:
        rows = measure(path, [int(n) for n in options.counts.split(",")], options.tokens, options.rounds, width, np.inf)
    facts = {"model": options.model, "threads": machine.threads(), "width": width, "rows": rows}
    if options.json:
        ratios = {name: rows[-1][name]["median"] for name in ("loop_ratio", "ceiling_ratio")} if options.quick else {}
        print(json.dumps(ratios | facts))
        return
    print(f"{options.model}, {machine.threads()} threads, width {width}")
    print("ratios of solutions per second: min, median, max")
    print("  N  tokens/s   engine / loop        engine / ceiling")
    for each in rows:
        loop, bare = each["loop_ratio"].values(), each["ceiling_ratio"].values()
        told = ["  ".join(f"{value:5.2f}" for value in values) for values in (loop, bare)]
        print(f"{each['texts']:>3}  {each['tokens_per_second']:>8}   {told[0]}   {told[1]}")


if __name__ == "__main__":
    main()
