"""What a fork costs: forks per second, and the bytes that one takes, for each kind of memory that models have.

    python benchmarks/memory.py [GGUF ...] [--texts 16] [--prompt 100] [--rounds 30] [--json]

Without files: the tiny models of the tests (random weights, 64 wide), which show what the mechanics cost and no more. A
prompt is forked for some texts, all of them take a token in one decode, then another one, and go; in one buffer and in
streams, each median over the rounds. The first token after a fork pays for the copy of a state, the second does not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.session import Session

_CELLS = 512  # of a text


def rounds(session: Session, texts: int, prompt: int, count: int) -> dict[str, float]:
    """Median rates per second: of forks that nothing follows, of first and of second tokens."""
    ids = session.model.tokenize("The sum of these numbers is what we want to know. ", special=False)
    root = Branch(None, (ids * prompt)[:prompt])
    session.attach(root, aside=True)
    session.decode([Piece(root, prompt, False)])
    seconds: dict[str, list[float]] = {"forks": [], "first tokens": [], "second tokens": []}
    for _ in range(count + 1):
        forks = [Branch(root, [ids[n % len(ids)]]) for n in range(texts)]
        began = time.perf_counter()
        for fork in forks:
            session.attach(fork)
        seconds["forks"].append(time.perf_counter() - began)
        for which in ("first tokens", "second tokens"):
            began = time.perf_counter()
            session.decode([Piece(fork, 1, True) for fork in forks])
            seconds[which].append(time.perf_counter() - began)
            for fork in forks:
                fork.tokens.append(ids[0])
        for fork in forks:
            session.detach(fork)
    return {name: texts / statistics.median(times[1:]) for name, times in seconds.items()}  # the first builds graphs


def measure(path: Path, texts: int, prompt: int, count: int) -> Iterator[dict[str, object]]:
    """A row in one buffer and one in streams."""
    model = Model(path)
    for streams in (False, True):
        session = Session(
            model,
            cells=_CELLS if streams else texts * 2 + prompt,
            width=texts,
            sequences=texts + 1,
            streams=streams,
            flash_attention=not streams,
        )
        rates = rounds(session, texts, prompt, count)
        memory = model.memory
        yield {
            "model": path.stem,
            "kind": memory.kind,
            "where": "streams" if streams else "one buffer",
            "bytes per fork": memory.state_bytes + (session.longest * memory.cell_bytes if streams else 0),
            "bytes per token": memory.cell_bytes,
            **{f"{name} per second": round(rate) for name, rate in rates.items()},
        }
        session.close()
    model.close()


@contextmanager
def tiny() -> Iterator[list[Path]]:
    """The tiny models of the tests."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from tiny_models import ARCHITECTURES, write_tiny

    with tempfile.TemporaryDirectory() as folder:
        yield [write_tiny(Path(folder) / f"tiny-{name}.gguf", name) for name in ARCHITECTURES]


def show(rows: Sequence[dict[str, object]]) -> None:
    names = list(rows[0])
    print("| " + " | ".join(names) + " |\n|" + "---|" * len(names))
    for row in rows:
        print(
            "| " + " | ".join(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()) + " |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="GGUF")
    parser.add_argument("--texts", type=int, default=16)
    parser.add_argument("--prompt", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tiny() as made:
        rows = [
            row
            for path in options.files or made
            for row in measure(path, options.texts, options.prompt, options.rounds)
        ]
    if options.json:
        print(json.dumps(rows))
    else:
        show(rows)


if __name__ == "__main__":
    main()
