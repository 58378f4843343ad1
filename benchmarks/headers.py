"""What becomes of GGUF files with damaged headers: `python benchmarks/headers.py [--count 1000] [--unchecked]`.

A tiny model is written, one thing in its header is changed at a time, and each of the files is given to the checks
that stand before llama.cpp, and what these let through to llama.cpp in a process of its own, as ttc does.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import gguf

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from engine.tiny import write_model

from ttcli.engine import trial
from ttcli.engine.library import library
from ttcli.errors import ModelError
from ttcli.files.gguf import check_model

_HANG = 20.0  # seconds of a model that loads in a hundredth of one
_EDGES = (0, 1, 2, 3, 7, 255, 513, 65536, 10**6, 2**31 - 1, 2**31, 2**32 - 1)
_FLOATS = (0.0, -0.0, -1.0, -1e-5, 1e38, 3e-45, float("nan"), float("inf"), float("-inf"))
_WORDS = (
    b"",
    b"none",
    b"no_vocab",
    b"llama",
    b"gpt2",
    b"bert",
    b"t5",
    b"rwkv",
    b"plamo2",
    b"mamba",
    b"qwen2",
    b"\xff\0",
)


def mutations(content: bytes, fields: list[tuple[int, int, int]], end: int) -> list[Callable[[random.Random], bytes]]:
    """Ways to damage a header that ends at `end`; `fields`: where each value begins, how long it is, of what type."""

    def replaced(at: int, length: int, by: bytes) -> bytes:
        return content[:at] + by + content[at + length :]

    def value(draw: random.Random) -> bytes:
        at, length, kind = draw.choice(fields)
        if kind == gguf.GGUFValueType.STRING:
            word = draw.choice(_WORDS)
            return replaced(at, length, struct.pack("<Q", len(word)) + word)
        if kind == gguf.GGUFValueType.FLOAT32:
            return replaced(at, 4, struct.pack("<f", draw.choice(_FLOATS)))
        return replaced(at, 4, struct.pack("<I", draw.choice(_EDGES)))

    def word(draw: random.Random) -> bytes:
        at = draw.randrange(4, end - 8)
        return replaced(at, 4, struct.pack("<I", draw.choice(_EDGES)))

    def byte(draw: random.Random) -> bytes:
        at = draw.randrange(0, end)
        return replaced(at, 1, bytes([draw.randrange(256)]))

    def short(draw: random.Random) -> bytes:
        return content[: draw.randrange(0, len(content))]

    def weights(draw: random.Random) -> bytes:
        at = draw.randrange(end, len(content) - 256) // 4 * 4
        return replaced(at, 64, struct.pack("<f", draw.choice(_FLOATS)) * 16)

    return [value] * 6 + [word] * 6 + [byte] * 4 + [short, weights]


def damaged(whole: Path, seed: int, count: int) -> Iterator[bytes]:
    """A model's file with one thing changed at a time."""
    content, read = whole.read_bytes(), gguf.GGUFReader(whole)
    fields = [
        (int(field.offset + sum(part.nbytes for part in field.parts[: field.data[0] - (kind == 8)])),
         int(sum(part.nbytes for part in field.parts[field.data[0] - (kind == 8) :])), int(kind))
        for name, field in read.fields.items()
        if not name.startswith("GGUF.") and (kind := field.types[0]) != gguf.GGUFValueType.ARRAY
    ]  # fmt: skip
    draw, ways = random.Random(seed), mutations(content, fields, read.data_offset)
    for _ in range(count):
        yield draw.choice(ways)(draw)


def outcome(path: Path, *, checked: bool = True) -> str:
    """What ttc makes of a file; what llama.cpp alone does, where it is not checked."""
    try:
        if checked:
            check_model(path)
    except ModelError:
        return "refused by the checks"
    pid = os.fork()
    if not pid:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os._exit(trial.works(path))
    deadline = time.monotonic() + _HANG
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return "loads" if code == 0 else "refused by llama.cpp" if code > 0 else "ended the trial process"
        time.sleep(0.002)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hung in the trial process"


def main() -> None:
    """Damage, try, count."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", type=Path, help="Where files that end the trial process are kept.")
    options.add_argument("--unchecked", action="store_true", help="What llama.cpp alone does.")
    options.add_argument("--json", action="store_true")
    wanted = options.parse_args()
    library()
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        whole = write_model(Path(folder) / "whole.gguf")
        counts[f"undamaged: {outcome(whole)}"] += 1
        for number, content in enumerate(damaged(whole, wanted.seed, wanted.count)):
            path = Path(folder) / "damaged.gguf"
            path.write_bytes(content)
            happened = outcome(path, checked=not wanted.unchecked)
            counts[happened] += 1
            if wanted.keep and happened.endswith("trial process"):
                (wanted.keep / f"{number}.gguf").write_bytes(content)
    if wanted.json:
        print(json.dumps({"seed": wanted.seed, "count": wanted.count, **counts}))
    else:
        print(*(f"{count:>6,}  {what}" for what, count in counts.most_common()), sep="\n")
    sys.exit(0)


if __name__ == "__main__":
    main()
