"""What a busy neighbour costs: the engine's speed alone and beside one process that keeps a core busy.

    python benchmarks/neighbour.py                      default model, some 6 minutes
    python benchmarks/neighbour.py --spins 2000,10000   short spins besides

llama.cpp's OpenMP threads wait at a barrier after every operation. How they wait is fixed when the library loads, so
every setting runs in processes of its own:

    ttc       as ttc sets it: threads sleep at once (OMP_WAIT_POLICY, see ttcli/engine/library.py)
    default   OpenMP's own: threads spin on
    spin N    they spin N times, then sleep

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
from ttcli.engine.library import WAIT_POLICY
from ttcli.terminal.download import download_progress

WORKER = Path(__file__).with_name("speed.py")
SETTINGS = {
    "default": {"GOMP_SPINCOUNT": "30000000000"},  # libgomp's own value where threads fit the cores
    "ttc": {"OMP_WAIT_POLICY": WAIT_POLICY},
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
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--spins", default="", help="more values of GOMP_SPINCOUNT, separated by commas")
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    path = resolve(options.model, offline=False, progress=download_progress()).path
    SETTINGS.update({f"spin {spin}": {"GOMP_SPINCOUNT": spin} for spin in options.spins.split(",") if spin})
    runs = [(setting, run) for setting in SETTINGS for run in (speed, beside)] + [("default", speed)]
    ratios: dict[str, list[float]] = {}
    for number in range(options.rounds):
        found: dict[str, list[float]] = {}
        for setting, run in runs[number:] + runs[:number]:
            name = f"{setting}, {'alone' if run is speed else 'one neighbour'}"
            found.setdefault(name, []).append(run(path, setting, options.texts, options.tokens))
            print(f"round {number + 1}, {name}: {found[name][-1]:.1f} tokens/s", file=sys.stderr, flush=True)
        reference = statistics.mean(found["default, alone"])
        for name, speeds in found.items():
            ratios.setdefault(name, []).append(statistics.mean(speeds) / reference)
    if options.json:
        print(json.dumps({name: [round(value, 3) for value in values] for name, values in ratios.items()}))
        return
    print(f"{options.model}, {options.texts} texts of {options.tokens} tokens; speed against the default alone")
    for name, values in ratios.items():
        print(f"{name:<24} min {min(values):.2f}  median {statistics.median(values):.2f}  max {max(values):.2f}")


if __name__ == "__main__":
    main()
