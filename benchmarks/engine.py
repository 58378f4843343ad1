"""How fast N solutions of one problem come: by ttc's engine, by llama-cpp-python's `Llama`, by llama.cpp's C++ server.

    python benchmarks/engine.py --keep engine.jsonl     the whole table, default model; run again, it measures what the
                                                        file does not have yet
    python benchmarks/engine.py --peer server ...       with xllamacpp besides, in an environment of its own
    python benchmarks/engine.py --quick --json          N = 16 and 1 for some seconds each, under 55 s; one JSON line

Every way runs alone, in a process of its own, in whole turns: `ways.py` says what they are, `server.py` is the last.
Each has its threads wait as it comes: defaults only. Ratios are of seconds per solution inside a round, the prompt's
included; above 1 ttc is faster.

    loop_ratio      N calls of `Llama` / engine
    ceiling_ratio   bare decodes / engine
    server_ratio    the server's one call with n = N / engine
    single_ratio    one call of `Llama` / engine, at N = 1
    sampling_us     microseconds of one core to draw a token at a vocabulary of 152k, log-probability included
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np
from ways import Endless, encoded

from ttcli.catalog.pull import resolve
from ttcli.engine import machine
from ttcli.engine.params import SamplingParams
from ttcli.engine.sampling import Sampler, generator
from ttcli.terminal.download import download_progress

HERE = Path(__file__).parent
PEER = Path("build/peers/xllamacpp")
QUICK = 46.0  # seconds in which the last way of a quick run begins to end
LAST = 52.0  # when it is cut off
START = 5.0  # seconds that a process takes before its clock runs: for a quick run's plan
VOCABULARY, ROWS = 151_936, 16


def sampling_us(rounds: int = 30) -> float:
    """Microseconds of this thread per token, of the quickest of some draws from rows like a model's."""
    numbers = np.random.default_rng(0)
    rows = numbers.normal(-5, 2.8, (ROWS, VOCABULARY)).astype(np.float32)
    rows[np.arange(ROWS), numbers.integers(VOCABULARY, size=ROWS)] = 20
    sampler, sampling = Sampler(VOCABULARY), [SamplingParams()] * ROWS
    rngs = [generator(0, 0, row) for row in range(ROWS)]
    seconds = []
    for _ in range(rounds):
        begin = time.thread_time()
        sampler.draw(rows, sampling, rngs)
        seconds.append(time.thread_time() - begin)
    return min(seconds) / ROWS * 1e6


def plain() -> dict[str, str]:
    """The environment, without what says how threads wait."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("OMP_", "GOMP_"))}


def timed(way: str, path: Path, texts: int, options: Any, patience: float, limit: float | None) -> dict[str, float]:
    """Seconds of the prompt and of each token, of one way in a process of its own, which may take `limit` seconds."""
    numbers = (texts, options.tokens, options.width, patience)
    command = [sys.executable, str(HERE / "ways.py"), way, str(path), *map(str, numbers)]
    done = subprocess.run(command, env=plain(), check=True, capture_output=True, text=True, timeout=limit)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def served(path: Path, texts: int, options: Any, prompt: list[int]) -> dict[str, float]:
    """The same of the server, prompt included in the tokens."""
    numbers = (texts, options.tokens, machine.threads())
    command = [str(PEER / "bin" / "python"), str(HERE / "server.py"), str(path), *map(str, numbers)]
    done = subprocess.run(
        command, env=plain(), check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        input=json.dumps(prompt),
    )  # fmt: skip
    line = next(line for line in reversed(done.stdout.splitlines()) if line.startswith('{"warm"'))
    return {"prompt": 0.0, "token": json.loads(line)["seconds"] / (texts * options.tokens)}


def has_peer() -> bool:
    """Whether the server's environment is there, or can be made; says so where it cannot."""
    python = PEER / "bin" / "python"
    try:
        if not python.exists():
            venv.create(PEER, with_pip=True)
            subprocess.run([str(python), "-m", "pip", "install", "-q", "xllamacpp"], check=True)
        subprocess.run([str(python), "-c", "import xllamacpp"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"no server is measured: xllamacpp cannot be had ({error})", file=sys.stderr)
        return False
    return True


class Kept:
    """Measurements, in a file of JSON lines where one is given."""

    def __init__(self, file: Path | None, settings: dict[str, Any]) -> None:
        self._file, self._settings = file, settings
        self._lines: list[dict[str, Any]] = []
        if file and file.exists():
            self._lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    def get(self, key: dict[str, Any]) -> dict[str, float] | None:
        """What was measured before by this key and the same settings."""
        same = self._settings | key
        return next((line["told"] for line in self._lines if {**line, **same} == line), None)

    def put(self, key: dict[str, Any], told: dict[str, float]) -> None:
        """Keep a measurement."""
        if self._file:
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{json.dumps(self._settings | key | {'told': told})}\n")


def per_solution(told: dict[str, float], texts: int, tokens: int) -> float:
    """Seconds."""
    return told["prompt"] / texts + tokens * told["token"]


def plan(counts: list[int], peer: bool) -> list[tuple[str, int]]:
    """The ways of a round: `Llama` is measured once, its calls are alike."""
    ways = [("engine", count) for count in counts] + [("llama", 1)]
    ways += [("ceiling", count) for count in counts if count > 1]
    return ways + [("server", count) for count in counts if peer]


def row(texts: int, tokens: int, rounds: list[dict[tuple[str, int], dict[str, float]]]) -> dict[str, Any]:
    """A line of the table."""
    mine = [per_solution(told["engine", texts], texts, tokens) for told in rounds]
    line: dict[str, Any] = {"texts": texts, "tokens_per_second": round(tokens / statistics.median(mine), 1)}
    for name, key in (("loop", ("llama", 1)), ("ceiling", ("ceiling", texts)), ("server", ("server", texts))):
        if key in rounds[0]:
            others = [per_solution(told[key], texts, tokens) for told in rounds]
            line[f"{name}_ratio"] = spread([other / own for other, own in zip(others, mine, strict=True)])
    return line


def spread(values: list[float]) -> dict[str, float]:
    return {"min": round(min(values), 3), "median": round(statistics.median(values), 3), "max": round(max(values), 3)}


def measure(path: Path, options: Any, begin: float) -> list[dict[tuple[str, int], dict[str, float]]]:
    """What every way took, round by round."""
    model = Endless(path)
    prompt = encoded(model)
    model.close()
    peer = options.peer == "server" and has_peer()
    kept = Kept(options.keep, {"model": options.model, "tokens": options.tokens, "width": options.width})
    rounds = []
    for number in range(options.rounds):
        ways = plan(options.counts, peer)
        found: dict[tuple[str, int], dict[str, float]] = {}
        for done, (way, texts) in enumerate(ways):
            key = {"round": number, "way": way, "texts": texts}
            told = kept.get(key)
            if told is None:
                left = (QUICK - (time.monotonic() - begin)) / (len(ways) - done) - START
                patience = max(1.0, left) if options.quick else 0.0
                limit = max(0.1, LAST - (time.monotonic() - begin)) if options.quick else None
                told = (
                    served(path, texts, options, prompt)
                    if way == "server"
                    else timed(way, path, texts, options, patience, limit)
                )
                kept.put(key, told)
            found[way, texts] = told
            speed = f"prompt {told['prompt']:.2f} s, {1 / told['token']:.1f} tokens/s"
            print(f"round {number + 1}, {way}, N = {texts}: {speed}", file=sys.stderr, flush=True)
        rounds.append(found)
    return rounds


def main() -> None:
    begin = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-0.5b")
    parser.add_argument("--counts", default="1,8,16,32,64", help="the N to measure")
    parser.add_argument("--tokens", type=int, default=64, help="of each text")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, help="texts in one batch; default: as ttc chooses")
    parser.add_argument("--peer", choices=["server"], help="another way besides")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="JSON lines, one for each way that has been measured")
    parser.add_argument("--quick", action="store_true", help="N = 16 and 1, one round of some seconds each")
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    options.width = options.width or machine.width()
    options.counts = [16, 1] if options.quick else [int(count) for count in options.counts.split(",")]
    if options.quick:
        options.rounds, options.keep, options.peer = 1, None, None
    path = resolve(options.model, offline=False, progress=download_progress()).path
    drawing = round(sampling_us(), 1)
    try:
        rounds = measure(path, options, begin)
    except subprocess.TimeoutExpired:
        print("error: this machine is too busy to measure that in a minute", file=sys.stderr)
        print(json.dumps({"sampling_us": drawing, "single_ratio": None, "loop_ratio": None, "ceiling_ratio": None}))
        sys.exit(1)
    rows = [row(count, options.tokens, rounds) for count in options.counts]
    told: dict[str, Any] = {"sampling_us": drawing}
    for line in rows:
        if line["texts"] == 1:
            told["single_ratio"] = line["loop_ratio"]["median"]
        elif line["texts"] == 16:
            told |= {name: line[name]["median"] for name in ("loop_ratio", "ceiling_ratio")}
    facts = {"model": options.model, "threads": machine.threads(), "width": options.width, "tokens": options.tokens}
    if options.json:
        print(json.dumps(told | facts | {"rounds": len(rounds), "rows": rows}))
        return
    print(f"{options.model}, {options.tokens} tokens a text, {machine.threads()} threads, width {options.width}")
    print(f"sampling: {drawing} us a token at a vocabulary of {VOCABULARY:,}")
    print("ratios of solutions per second: min, median, max")
    print("  N  tokens/s   engine / loop        engine / ceiling     engine / server")
    for line in rows:
        columns = [line.get(name) for name in ("loop_ratio", "ceiling_ratio", "server_ratio")]
        cells = ["  ".join(f"{value:5.2f}" for value in each.values()) if each else " " * 19 for each in columns]
        print(f"{line['texts']:>3}  {line['tokens_per_second']:>8}   {'  '.join(cells)}".rstrip())


if __name__ == "__main__":
    main()
