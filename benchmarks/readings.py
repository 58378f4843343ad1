"""What a process reward model reads again while several searches take turns in its context.

    python benchmarks/readings.py [--searches 8:2:11,64:16:2] [--rounds 6] [--json]

Each of COUNT searches has N steps a round, all different and drawn at random, and goes on from K of them, as beam
search does (`N:K:COUNT`); lab-prm reads the new ones. Printed: tokens read, over those of the steps and the problems.
"""

from __future__ import annotations

import argparse
import json
import random

from ttcli.catalog.forms import PrmForm
from ttcli.catalog.pull import resolve
from ttcli.engine.model import Model
from ttcli.problem import Problem
from ttcli.solution import Prefix, Step
from ttcli.terminal.download import download_progress
from ttcli.verifier.form import StepTag
from ttcli.verifier.prm import Prm

Steps = tuple[str, ...]


def prefix(problem: Problem, steps: Steps) -> Prefix:
    return Prefix(problem, 1, steps=tuple(Step(text, 1, -1.0) for text in steps))


def measure(model: Model, beams: int, kept: int, count: int, rounds: int) -> float:
    """Tokens read, over those that there are."""
    rng = random.Random(0)
    form = StepTag(model, PrmForm("step-tag", "+", "-", "?"))
    prm = Prm(model, form)
    problems = [Problem(f"{number} + 1") for number in range(count)]
    growing: dict[Problem, list[Steps]] = {problem: [()] for problem in problems}
    read, there = 0, sum(len(form.head(problem.text)) for problem in problems)
    for _ in range(rounds):
        for problem in problems:
            parents = [growing[problem][at % len(growing[problem])] for at in range(beams)]
            steps = [(*each, f"{''.join(rng.choices('0123456789', k=rng.randint(3, 9)))}+1=2\n\n") for each in parents]
            read += sum(opinion.tokens for opinion in prm.score([prefix(problem, each) for each in steps]))
            there += sum(len(form.step(each[-1], first=len(each) == 1)) for each in steps)
            chosen = rng.sample(steps, kept)
            gone = [*(each for each in steps if each not in chosen), *(each for each in growing[problem] if each)]
            prm.release([prefix(problem, each) for each in gone])
            growing[problem] = chosen
    prm.close()
    return read / there


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--searches", default="16:4:5,8:2:11,4:2:20,64:16:2,16:4:8", help="N:K:COUNT, with commas")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    model = Model(resolve("lab-prm", offline=True, progress=download_progress()).path)
    told = {}
    for name in options.searches.split(","):
        beams, kept, count = map(int, name.split(":"))
        told[name] = round(measure(model, beams, kept, count, options.rounds), 3)
        if not options.json:
            print(f"{count:>3} searches of N = {beams:<3} going on from {kept:<3}  {told[name]:.3f}", flush=True)
    model.close()
    if options.json:
        print(json.dumps(told))


if __name__ == "__main__":
    main()
