"""What it brings that every text has KV cells of its own: the same decodes in streams and in one buffer for all.

    python benchmarks/streams.py [--width 32] [--prompt 100] [--own 150] [--turns 20] [--model NAME] [--json]

`width` texts share a prompt and have `own` tokens of their own, as in the middle of a solution; then both ways take
turns, a decode of one and a decode of the other, with flash attention, as ttc has it. The ratio is that of tokens per
second, streams / one buffer.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

from ttcli.catalog.pull import resolve
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.session import Session
from ttcli.terminal.download import download_progress


class Way:
    """Texts in the middle of their growth."""

    def __init__(self, session: Session, tokens: list[int], width: int, prompt: int, own: int) -> None:
        self.session = session
        self.seconds: list[float] = []
        self._token = tokens[0]
        root = Branch(None, (tokens * prompt)[:prompt])
        session.attach(root, aside=True)
        session.decode([Piece(root, prompt, False)])
        self._texts = [Branch(root, (tokens * own)[:own]) for _ in range(width)]
        for text in self._texts:
            session.attach(text)
            while text.pending:
                session.decode([Piece(text, min(text.pending, session.batch), False)])

    def turn(self) -> None:
        """One decode of all texts."""
        for text in self._texts:
            text.tokens.append(self._token)
        began = time.perf_counter()
        self.session.decode([Piece(text, 1, True) for text in self._texts])
        self.seconds.append(time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--prompt", type=int, default=100)
    parser.add_argument("--own", type=int, default=150)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = Model(resolve(options.model, offline=False, progress=download_progress()).path)
    tokens = model.tokenize("The sum of these numbers is what we want to know. ", special=False)
    longest = options.prompt + options.own + options.turns + 1
    width, sequences = options.width, options.width + 1
    sessions = {
        "streams": Session(model, cells=longest, width=width, sequences=sequences, streams=True),
        "one buffer": Session(model, cells=sequences * longest, width=width, sequences=sequences),
    }
    ways = {name: Way(session, tokens, width, options.prompt, options.own) for name, session in sessions.items()}
    for turn in range(options.turns + 1):
        for way in ways.values():
            way.turn()
            if not turn:  # the first one builds the graph
                way.seconds.clear()
    ratios = [one / own for own, one in zip(ways["streams"].seconds, ways["one buffer"].seconds, strict=True)]
    told = {
        "model": options.model,
        "width": width,
        "turns": len(ratios),
        "tokens_per_second": {name: round(width / statistics.median(way.seconds), 1) for name, way in ways.items()},
        "ratio": {"min": min(ratios), "median": statistics.median(ratios), "max": max(ratios)},
    }
    print(json.dumps(told) if options.json else "\n".join(f"{key}: {value}" for key, value in told.items()))


if __name__ == "__main__":
    main()
