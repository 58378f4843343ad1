"""That llama.cpp's threads sleep at barriers while idle threads crowd libgomp, and spin again when these have gone.

    python benchmarks/barriers.py [--model smollm2-135m] [--decodes 10] [--json]

Eight texts grow, on as many threads as ttc takes; the machine is not looked at meanwhile. Told are, per decode, how
often a thread gave its core up by itself (`voluntary_ctxt_switches` of all threads, which is what sleeping is), and
milliseconds of the wall, which depend on what else the machine does.
"""

# ruff: noqa: SLF001  # the switch has no door

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

from ways import Endless

from ttcli.catalog.pull import resolve
from ttcli.engine import library, machine
from ttcli.engine.barriers import Barriers, Crowd
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.neighbours import Neighbours
from ttcli.engine.session import Session
from ttcli.terminal.download import download_progress

TEXTS = 8


def given_up() -> int:
    """How often the threads of this process have given their cores up by themselves."""
    lines = [line for file in Path("/proc/self/task").glob("*/status") for line in file.read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--decodes", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        os.environ.pop(name, None)
    model = Endless(resolve(options.model, offline=False, progress=download_progress()).path)
    parallel = library._barriers._parallel if library._barriers else None
    if parallel is None:
        sys.exit("how threads wait cannot be changed with this llama.cpp")
    library._barriers = Barriers(None, 0, Neighbours())
    session = Session(model, cells=512, width=TEXTS, sequences=TEXTS, streams=True)
    words = model.tokenize("The sum of these numbers is what we want to know.", special=False)
    texts = [Branch(None, words) for _ in range(TEXTS)]
    for text in texts:
        session.attach(text)
        session.decode([Piece(text, text.pending, False)])
    told: list[dict[str, object]] = []
    for state in ("spinning", "crowded", "spinning again"):
        crowd = Crowd(parallel, 2) if state == "crowded" else None
        for number in range(options.decodes + 1):
            if number == 1:  # the first one settles
                before, begin = given_up(), time.perf_counter()
            for text in texts:
                text.tokens.append(words[0])
            session.decode([Piece(text, 1, True) for text in texts])
        milliseconds = round((time.perf_counter() - begin) * 1e3 / options.decodes, 1)
        told.append({"state": state, "given_up": (given_up() - before) / options.decodes, "ms": milliseconds})
        if crowd is not None:
            crowd.leave()
    session.close()
    model.close()
    facts = {"model": options.model, "texts": TEXTS, "threads": machine.threads()}
    if options.json:
        print(json.dumps(facts | {"states": told}))
        return
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    for line in told:
        print(f"{line['state']:<16} gave up {line['given_up']:8.1f} times a decode, {line['ms']:9.1f} ms")


if __name__ == "__main__":
    main()
