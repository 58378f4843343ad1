"""What a busy neighbour costs: the engine's speed alone and beside one process that keeps a core busy.

    python benchmarks/neighbour.py          default model, some 6 minutes

llama.cpp's OpenMP threads wait at a barrier after every operation. How they wait is fixed when the library loads, so
every setting runs in processes of its own:

    ttc       as ttc sets it: a short spin (GOMP_SPINCOUNT, see ttcli/engine/library.py)
    default   OpenMP's own: threads spin on
    passive   OMP_WAIT_POLICY=passive: threads sleep at once

Rounds are interleaved; ratios are taken inside a round, against `default` alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from ttcli.catalog.pull import resolve
from ttcli.engine.library import SPIN_COUNT
from ttcli.terminal.download import download_progress

WORKER = Path(__file__).with_name("speed.py")
SETTINGS = {
    "default": {"GOMP_SPINCOUNT": "30000000000"},  # libgomp's own value where threads fit the cores
    "ttc": {"GOMP_SPINCOUNT": SPIN_COUNT},
    "passive": {"OMP_WAIT_POLICY": "passive"},
}


def speed(path: Path, setting: str, texts: int, tokens: int) -> float:
    """Tokens per second of one run in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, str(WORKER), str(path), str(texts), str(tokens)]
    done = subprocess.run(command, env=environment | SETTINGS[setting], check=True, capture_output=True, text=True)
    return float(done.stdout)


def beside(path: Path, setting: str, texts: int, tokens: int) -> float:
    """The same beside a process that computes without pause."""
    neighbour = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        return speed(path, setting, texts, tokens)
    finally:
        neighbour.kill()
        neighbour.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--texts", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    path = resolve(options.model, offline=False, progress=download_progress()).path
    ratios: dict[str, list[float]] = {}
    for number in range(options.rounds):
        reference = 0.0
        for setting in SETTINGS:
            alone = speed(path, setting, options.texts, options.tokens)
            shared = beside(path, setting, options.texts, options.tokens)
            reference = reference or alone
            ratios.setdefault(f"{setting}, alone", []).append(alone / reference)
            ratios.setdefault(f"{setting}, one neighbour", []).append(shared / reference)
            print(f"round {number + 1}, {setting}: {alone:.1f} alone, {shared:.1f} tokens/s", file=sys.stderr)
    if options.json:
        print(json.dumps({name: [round(value, 3) for value in values] for name, values in ratios.items()}))
        return
    print(f"{options.model}, {options.texts} texts of {options.tokens} tokens; speed against the default alone")
    for name, values in ratios.items():
        print(f"{name:<24} min {min(values):.2f}  median {statistics.median(values):.2f}  max {max(values):.2f}")


if __name__ == "__main__":
    main()
