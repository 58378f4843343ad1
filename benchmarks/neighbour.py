"""What a busy neighbour costs: the engine's speed alone and beside one process that keeps a core busy.

    python benchmarks/neighbour.py                      default model, some 6 minutes
    python benchmarks/neighbour.py --spins 2000,10000   short spins besides

llama.cpp's OpenMP threads wait at a barrier after every operation. How they wait is fixed when the library loads, so
every setting runs in processes of its own:

    ttc       as ttc has it: threads spin or sleep as the machine is just then (see ttcli/engine/barriers.py)
    default   they spin on
    sleep     they sleep at once
    spin N    they spin N times, then sleep

The neighbour computes without pause, or comes and goes: two seconds of work, two of sleep.

Rounds begin with another setting each; ratios are taken inside a round, against the mean of `default` alone, which runs
twice in it.
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
from ttcli.terminal.download import download_progress

WORKER = Path(__file__).with_name("speed.py")
SETTINGS = {
    "default": {"GOMP_SPINCOUNT": "30000000000"},
    "ttc": {},
    "sleep": {"OMP_WAIT_POLICY": "passive"},
}
BUSY = "while True: pass"
RESTLESS = """
import time
while True:
    end = time.monotonic() + 2
    while time.monotonic() < end: pass
    time.sleep(2)
"""


def speed(path: Path, setting: str, texts: int, tokens: int) -> float:
    """Tokens per second of one run in a process of its own."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, str(WORKER), str(path), str(texts), str(tokens)]
    done = subprocess.run(command, env=environment | SETTINGS[setting], check=True, capture_output=True, text=True)
    return float(done.stdout)


def beside(path: Path, setting: str, texts: int, tokens: int, work: str) -> float:
    """The same beside a process that does some work."""
    neighbour = subprocess.Popen([sys.executable, "-c", work])
    try:
        return speed(path, setting, texts, tokens)
    finally:
        neighbour.kill()
        neighbour.wait()


def steady(path: Path, setting: str, texts: int, tokens: int) -> float:
    """Beside one that computes without pause."""
    return beside(path, setting, texts, tokens, BUSY)


def restless(path: Path, setting: str, texts: int, tokens: int) -> float:
    """Beside one that comes and goes."""
    return beside(path, setting, texts, tokens, RESTLESS)


RUNS = {"alone": speed, "one neighbour": steady, "one that comes and goes": restless}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--texts", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--spins", default="", help="more values of GOMP_SPINCOUNT, separated by commas")
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    path = resolve(options.model, offline=False, progress=download_progress()).path
    SETTINGS.update({f"spin {spin}": {"GOMP_SPINCOUNT": spin} for spin in options.spins.split(",") if spin})
    runs = [(setting, place) for setting in SETTINGS for place in RUNS] + [("default", "alone")]
    ratios: dict[str, list[float]] = {}
    for number in range(options.rounds):
        found: dict[str, list[float]] = {}
        for setting, place in runs[number:] + runs[:number]:
            name = f"{setting}, {place}"
            found.setdefault(name, []).append(RUNS[place](path, setting, options.texts, options.tokens))
            print(f"round {number + 1}, {name}: {found[name][-1]:.1f} tokens/s", file=sys.stderr, flush=True)
        reference = statistics.mean(found["default, alone"])
        for name, speeds in found.items():
            ratios.setdefault(name, []).append(statistics.mean(speeds) / reference)
    if options.json:
        print(json.dumps({name: [round(value, 3) for value in values] for name, values in ratios.items()}))
        return
    print(f"{options.model}, {options.texts} texts of {options.tokens} tokens; speed against the default alone")
    for name, values in ratios.items():
        print(f"{name:<32} min {min(values):.2f}  median {statistics.median(values):.2f}  max {max(values):.2f}")


if __name__ == "__main__":
    main()
