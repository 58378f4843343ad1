"""What it brings that every text has KV cells of its own: the same decodes in streams and in one buffer for all.

    python benchmarks/streams.py [--width 32] [--prompt 100] [--own 150] [--turns 20] [--model NAME | --file F]

`width` texts share a prompt and have `own` tokens of their own, as in the middle of a solution; then the ways take
turns, a decode of each: with flash attention, as ttc has it, and in streams without. Told are milliseconds of processor
time per decode on one thread, which other processes disturb least: the least and the median of all turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

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
        began = time.process_time()
        self.session.decode([Piece(text, 1, True) for text in self._texts])
        self.seconds.append(time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--file", type=Path, help="a GGUF that is in no catalog")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--prompt", type=int, default=100)
    parser.add_argument("--own", type=int, default=150)
    parser.add_argument("--turns", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    model = Model(options.file or resolve(options.model, offline=False, progress=download_progress()).path)
    tokens = model.tokenize("The sum of these numbers is what we want to know. ", special=False)
    longest = options.prompt + options.own + options.turns + 1
    width, sequences = options.width, options.width + 1
    sessions = {
        "streams": Session(model, cells=longest, width=width, sequences=sequences, streams=True, threads=1),
        "one buffer": Session(model, cells=sequences * longest, width=width, sequences=sequences, threads=1),
        "streams, no flash attention": Session(
            model, cells=longest, width=width, sequences=sequences, streams=True, threads=1, flash_attention=False
        ),
    }
    ways = {name: Way(session, tokens, width, options.prompt, options.own) for name, session in sessions.items()}
    for turn in range(options.turns + 1):
        for way in ways.values():
            way.turn()
            if not turn:  # the first one builds the graph
                way.seconds.clear()
    told = {
        "model": str(options.file or options.model),
        "width": width,
        "turns": options.turns,
        "milliseconds": {
            name: {"min": round(1e3 * min(way.seconds), 2), "median": round(1e3 * statistics.median(way.seconds), 2)}
            for name, way in ways.items()
        },
    }
    print(json.dumps(told) if options.json else "\n".join(f"{key}: {value}" for key, value in told.items()))


if __name__ == "__main__":
    main()
