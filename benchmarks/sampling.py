"""What drawing a token costs, and how far off its log-probability is, on rows of logits that a model computes.

    python benchmarks/sampling.py [--texts 8] [--steps 40] [--top 48] [--model NAME] [--json]

Texts grow for some steps and their rows are kept. Then: microseconds of one thread per token to draw from 16 rows at
once (the least of 30 times), what one bare pass over the same rows takes (their maxima, nothing else), and the error of
the log-probability against sums in 64 bits.

And the same from the largest logits of each row, picked by llama.cpp while it decodes (`backend_sampling`): drawing,
what a decode of one thread takes with it and without, in turns (the least of each, reading included), and the Python
that each sequence id costs when a graph is built. On a CPU, that is: what a GPU makes of it was not measured.
"""

# ruff: noqa: SLF001  # clocks go where no door is

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from ways import SAMPLER, Endless, context, encoded

from ttcli.catalog.pull import resolve
from ttcli.engine import machine
from ttcli.engine.backend_sampling import BackendSampler
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.overview import Logits, Overlook, TopRows
from ttcli.engine.sampling import Sampler, generator
from ttcli.engine.session import Session
from ttcli.terminal.download import download_progress

AT_ONCE = 16
Rows: TypeAlias = "Logits | TopRows | None"


def rows_of(model: Endless, texts: int, steps: int) -> Logits:
    """The rows of some texts that grow: [texts * steps, n_vocab]."""
    prompt = encoded(model)
    session, sampler = context(model, len(prompt), texts, steps), Sampler(model.vocabulary)
    root = Branch(None, prompt)
    session.attach(root, aside=True)
    rows = np.repeat(session.decode([Piece(root, len(prompt), True)]), texts, axis=0)
    branches, rngs = [Branch(root) for _ in range(texts)], [generator(0, 0, n) for n in range(texts)]
    for branch in branches:
        session.attach(branch)
    seen = []
    for _ in range(steps):
        for branch, draw in zip(branches, sampler.draw(rows, [SAMPLER] * texts, rngs), strict=True):
            branch.tokens.append(draw.token)
        rows = session.decode([Piece(branch, 1, True) for branch in branches])
        seen.append(rows.copy())
    session.close()
    return np.concatenate(seen)


def least(function: Callable[[], object], tokens: int) -> float:
    """Microseconds of this thread per token, the least of 30 times."""
    times = []
    for _ in range(30):
        begin = time.thread_time()
        function()
        times.append(time.thread_time() - begin)
    return round(min(times) / tokens * 1e6, 1)


class Turns:
    """Texts of one thread that grow by a token each turn, and what of the thread's time that takes."""

    def __init__(self, model: Endless, texts: int, steps: int, top: int) -> None:
        prompt = encoded(model)
        self._session = Session(
            model,
            cells=(len(prompt) + steps + 1) * (1 if machine.streams(model.parameters) else texts + 1),
            width=texts,
            sequences=texts + 1,
            streams=machine.streams(model.parameters),
            threads=1,
            top=top,
        )
        self._decode = self._session.decode_top if top else self._session.decode
        root = Branch(None, prompt)
        self._session.attach(root, aside=True)
        self._decode([Piece(root, len(prompt), True)])
        self._texts = [Branch(root) for _ in range(texts)]
        for text in self._texts:
            self._session.attach(text)
        self._word = prompt[0]
        self.least = float("inf")  # seconds
        self.rows: Rows = None

    def turn(self) -> None:
        """One decode."""
        for text in self._texts:
            text.tokens.append(self._word)
        begin = time.thread_time()
        self.rows = self._decode([Piece(text, 1, True) for text in self._texts])
        self.least = min(self.least, time.thread_time() - begin)

    def close(self) -> None:
        """Free the context."""
        self._session.close()


def picked(model: Endless, texts: int, steps: int, top: int) -> dict[str, float]:
    """What the largest logits cost, picked by llama.cpp on this CPU: microseconds per token."""
    built, build = Counter(), BackendSampler._apply

    def clocked(*arguments: Any) -> None:
        begin = time.thread_time()
        build(*arguments)
        built.update(times=1, seconds=time.thread_time() - begin)

    BackendSampler._apply = clocked  # type: ignore[method-assign]
    whole, cut = Turns(model, texts, steps, 0), Turns(model, texts, steps, top)
    for _ in range(steps):
        whole.turn()
        cut.turn()
    rows, sampler, rngs = cut.rows, Sampler(model.vocabulary), [generator(0, 1, n) for n in range(texts)]
    assert isinstance(rows, TopRows)
    cut.close()
    whole.close()
    return {
        "logits": top,
        "sampling_us": least(lambda: sampler.draw(rows, [SAMPLER] * texts, rngs), texts),
        "decode_us": round(cut.least / texts * 1e6),
        "decode_whole_rows_us": round(whole.least / texts * 1e6),
        "graph_us": round(built["seconds"] / built["times"] * 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--texts", type=int, default=8)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--top", type=int, default=48, help="of the largest logits")
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    model = Endless(resolve(options.model, offline=False, progress=download_progress()).path)
    rows = rows_of(model, options.texts, options.steps)
    vocabulary = model.vocabulary
    from_top = picked(model, options.texts, options.steps, options.top)
    model.close()
    batch = rows[:AT_ONCE]
    sampler, rngs = Sampler(vocabulary), [generator(0, 1, n) for n in range(len(batch))]
    peaks = rows.max(axis=1).astype(np.float64)
    exact = [peak + np.log(np.exp(row.astype(np.float64) - peak).sum()) for row, peak in zip(rows, peaks, strict=True)]
    found = Overlook(vocabulary).look(rows, np.full(len(rows), SAMPLER.top_k)).log_totals
    median, most, worst = np.percentile(np.abs(found - exact), [50, 95, 100])
    told = {
        "model": options.model,
        "vocabulary": vocabulary,
        "rows": len(rows),
        "sampling_us": least(lambda: sampler.draw(batch, [SAMPLER] * len(batch), rngs), len(batch)),
        "bare_pass_us": least(lambda: batch.max(axis=1), len(batch)),
        "from_largest_logits": from_top,
        "logprob_error": {"median": float(median), "95 %": float(most), "max": float(worst)},
    }
    print(json.dumps(told) if options.json else "\n".join(f"{key}: {value}" for key, value in told.items()))


if __name__ == "__main__":
    main()
