"""Where each millisecond of a step goes: llama.cpp, sampling, Python.

    python benchmarks/decode.py [--counts 1,8,32] [--steps 12] [--model NAME | --file MODEL.gguf] [--json]

The engine's scheduler lets N texts grow, and a clock runs around each part of a step. Milliseconds per step, the least
of all steps for each part, which other processes disturb least; `python` is what the main thread computes outside of
llama.cpp and the sampler (thread time), `asked` how often llama.cpp asked in the middle whether to stop.
"""

# ruff: noqa: SLF001  # clocks go where no door is

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ways import SAMPLER, Endless, context, encoded

from ttcli.catalog.pull import resolve
from ttcli.engine.branch import Branch
from ttcli.engine.job import Job, StopCriteria
from ttcli.engine.sampling import generator
from ttcli.engine.scheduler import Scheduler
from ttcli.terminal.download import download_progress


class Parts:
    """Seconds by part, step by step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []
        self._now: dict[str, float] = {}

    def around(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, with a clock around it."""

        def clocked(*arguments: Any) -> Any:
            begin, computing = time.perf_counter(), time.thread_time()
            try:
                return function(*arguments)
            finally:
                self._now[name] += time.perf_counter() - begin
                self._now["computed in parts"] += time.thread_time() - computing

        return clocked

    def step(self, function: Callable[[], object]) -> None:
        """A step, with a clock around it."""
        self._now = defaultdict(float)
        begin, computing = time.perf_counter(), time.thread_time()
        function()
        self._now["step"] = time.perf_counter() - begin
        self._now["python"] = time.thread_time() - computing - self._now.pop("computed in parts")
        self.steps.append(self._now)

    def least(self) -> dict[str, float]:
        """Milliseconds of each part."""
        return {name: round(1e3 * min(step[name] for step in self.steps), 3) for name in self.steps[0]}


class Llama:
    """The library, with a clock around its decode."""

    def __init__(self, library: Any, parts: Parts) -> None:
        self._library = library
        self.llama_decode = parts.around("llama.cpp", library.llama_decode)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._library, name)


def measure(model: Endless, texts: int, steps: int) -> dict[str, float]:
    """A column of the table."""
    prompt = encoded(model)
    session = context(model, len(prompt), texts, steps + 4)
    parts, asked = Parts(), [0]

    def counted() -> bool:
        asked[0] += 1
        return False

    session._halted = counted
    scheduler = Scheduler(session)
    root = Branch(None, prompt)
    for index in range(texts):
        scheduler.submit(Job(root, SAMPLER, StopCriteria(steps + 4, separator="\n\n"), generator(0, 0, index)))
    for _ in range(3):  # the prompt, the first tokens, and a graph for so many
        scheduler.step()
    session._lib = Llama(session._lib, parts)
    scheduler._sampler.draw = parts.around("sampling", scheduler._sampler.draw)  # type: ignore[method-assign]
    asked[0] = 0
    for _ in range(steps):
        parts.step(scheduler.step)
    session.close()
    least = parts.least()
    return least | {"python share": round(least["python"] / least["step"], 4), "asked": round(asked[0] / steps, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--file", type=Path, help="a GGUF that is in no catalog")
    parser.add_argument("--counts", default="1,8,32", help="texts in a batch")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    path = options.file or resolve(options.model, offline=False, progress=download_progress()).path
    model = Endless(path)
    columns = {int(count): measure(model, int(count), options.steps) for count in options.counts.split(",")}
    model.close()
    if options.json:
        print(json.dumps({"model": str(options.file or options.model), "ms": columns}))
        return
    print(f"{'ms per step at N =':<20}" + "".join(f"{count:>10}" for count in columns))
    for name in next(iter(columns.values())):
        print(f"{name:<20}" + "".join(f"{column[name]:>10g}" for column in columns.values()))


if __name__ == "__main__":
    main()
