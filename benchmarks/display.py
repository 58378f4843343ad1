"""How much of a second the live display takes: a synthetic beam search of 64 beams over 20 rounds, at 50 tokens/s.

    python benchmarks/display.py [--beams 64] [--rounds 20] [--speed 50] [--columns 100] [--lines 40] [--json]

The events come without a wait; the display's clock says how far they would be at that many tokens per second, so that
it draws the frames it would draw then. What it takes is processor time of the process: all of it, and that of what the
terminal would get, which is written to memory.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import time
from collections.abc import Iterator

from ttcli.cost import Budget, Cost
from ttcli.events import (
    CostUpdated,
    Event,
    Outcome,
    RunFinished,
    RunStarted,
    StepFinished,
    StepScored,
    StepsSelected,
    StepStarted,
    StepToken,
)
from ttcli.problem import Problem
from ttcli.solution import Ended, Node
from ttcli.tally import Tally
from ttcli.terminal.live import LiveDisplay

_STEP = 30  # tokens
_EXPAND = 4
_WORDS = ("so", "we", "take", "seventeen", "times", "twenty", "which", "is", "340", "and", "add", "the", "rest")


class Terminal(io.StringIO):
    """A terminal that keeps what it is told."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """It is one."""
        return True


def search(beams: int, rounds: int) -> Iterator[Event]:
    """The events of a beam search; all its steps grow side by side."""
    rng = random.Random(0)
    yield RunStarted(Problem("What is 17 * 23?"), "beam", "synthetic", "prm", Budget(beams), 0)
    parents, last, tokens = [0] * beams, 0, 0
    for number in range(1, rounds + 1):
        steps = range(last + 1, last + beams + 1)
        yield from (StepStarted(step, parent) for step, parent in zip(steps, parents, strict=True))
        texts: dict[int, list[str]] = {step: [] for step in steps}
        for _ in range(_STEP):
            for step in steps:
                texts[step].append(f" {rng.choice(_WORDS)}")
                yield StepToken(step, texts[step][-1])
            tokens += beams
            yield CostUpdated(Cost(beams, 9, tokens))
        scores = {step: rng.random() for step in steps}
        for step, parent in zip(steps, parents, strict=True):
            yield StepFinished(Node(step, parent, "".join(texts[step]), _STEP, -1.0, Ended.OPEN))
        yield from (StepScored(step, score) for step, score in scores.items())
        kept = sorted(sorted(steps, key=lambda step: -scores[step])[: beams // _EXPAND])
        yield StepsSelected(number, tuple(kept), tuple(sorted(set(steps) - set(kept))))
        parents, last = [step for step in kept for _ in range(_EXPAND)], steps[-1]
    yield RunFinished(Outcome(None, Tally(), (), Cost(beams, 9, tokens), None))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beams", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--speed", type=float, default=50.0)
    parser.add_argument("--columns", type=int, default=100)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ |= {"COLUMNS": str(options.columns), "LINES": str(options.lines), "TERM": "xterm-256color"}
    events = [*search(options.beams, options.rounds)]
    tokens = sum(isinstance(event, StepToken) for event in events)
    now = 0.0
    terminal = Terminal()
    began = time.process_time()
    with LiveDisplay(terminal, lambda: now) as display:
        for event in events:
            now += isinstance(event, StepToken) / options.speed
            display.show(event)
    spent = time.process_time() - began
    told = {
        "beams": options.beams,
        "rounds": options.rounds,
        "tokens": tokens,
        "run_seconds": tokens / options.speed,
        "display_seconds": spent,
        "share": spent * options.speed / tokens,  # of the time of one processor
        "frames": display.frames,
        "bytes": len(terminal.getvalue().encode()),
    }
    told["milliseconds_per_frame"] = 1000 * spent / max(1, told["frames"])
    print(json.dumps(told) if options.json else "\n".join(f"{name}: {value:.4g}" for name, value in told.items()))


if __name__ == "__main__":
    main()
