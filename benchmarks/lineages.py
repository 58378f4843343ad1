"""How the settings of searches do in a world where it is known which step is right: what the defaults were chosen by.

    python benchmarks/lineages.py [--problems 300] [--seeds 4] [--quick] [--json]

The world: a solution has four steps and an answer. A step is wrong with a chance that depends on the problem (of one
sample 5 to 80 % come out right), and then so is all that follows, with one of 20 wrong answers by Zipf's law, chosen
where the error is made: what grows from one error mostly agrees, as texts of a model do. The verifier's value of a
prefix has the AUC named (within a problem, at every step), half of its noise comes from the prefix above. Of the wrong
steps 15 % state a false equation, and are scored 0.01. The methods are those of `ttcli.search`, run as they are.

Every method has N generations of the same world and seed; what is reported is accuracy with its 95 % interval over
problems (Student's t), and the paired difference to the weighted vote over N samples (best-of-n).
"""

from __future__ import annotations

import argparse
import json
import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np
from scipy.stats import t as student

from ttcli.cost import Budget, Meter
from ttcli.events import RunFinished
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Growth, StepScores
from ttcli.search.methods import parse_method
from ttcli.solution import Ended, Prefix, Step

STEPS = 4
WRONG = 20
SURE = 0.15  # of the wrong steps: they state a false equation
SHARED = 0.5  # of the variance of a value that comes from the prefix above
ZIPF = [1 / rank for rank in range(1, WRONG + 1)]
METHODS = (
    "majority",
    "best-of-n",
    "beam:m=2",
    "beam:m=4",
    "beam:m=sqrt",
    "beam:m=2,vote=lineage",
    "beam:m=4,vote=lineage",
    "beam:m=2,floor=0",
    "beam:m=2,vote=best",
    "dvts:m=2",
    "dvts:m=4",
    "rebase",
    "rebase:floor=0",
    "particles",
    "particles:t=2",
)


class World:
    """A policy and a verifier at once; what is true of a path stands in the texts of its steps."""

    parameters = 0
    name = "world"
    partial = True

    def __init__(self, rate: float, auc: float) -> None:
        self._right = rate ** (1 / STEPS)  # the chance of each step
        self._apart = NormalDist().inv_cdf(auc) / math.sqrt(2) if auc > 0.5 else 0.0
        self._ids = iter(range(1, 1 << 60))

    def start(self, problem: Problem, *, attempts: Sequence[str] = ()) -> Prefix:  # noqa: ARG002
        """A root."""
        return Prefix(problem, next(self._ids), prompt_tokens=1)

    def extend(
        self,
        requests: Iterable[Extend | None],
        *,
        stop: Callable[[int], bool] = lambda _tokens: False,  # noqa: ARG002 - as the protocol calls it
    ) -> Iterator[list[Growth | Extension]]:
        """A step, or all of them."""
        for number, request in enumerate(requests):
            if request is None:
                return
            rng = random.Random(repr(request.seed))
            prefix = request.prefix
            while prefix.ended is Ended.OPEN:
                prefix = self._grown(prefix, rng)
                if request.until == "step":
                    break
            yield [Extension(number, prefix, len(prefix.steps) - len(request.prefix.steps), 0)]

    def _grown(self, prefix: Prefix, rng: random.Random) -> Prefix:
        answer, noise = _read(prefix.steps[-1].text) if prefix.steps else (0, 0.0)
        sure = False
        if answer == 0 and rng.random() > self._right:
            answer, sure = rng.choices(range(1, WRONG + 1), ZIPF)[0], rng.random() < SURE
        noise = math.sqrt(SHARED) * noise + math.sqrt(1 - SHARED) * rng.gauss(0, 1) if prefix.steps else rng.gauss(0, 1)
        ends = len(prefix.steps) + 1 == STEPS
        text = f"{answer} {noise:.4f} {'false' if sure else 'fine'}" + (f" \\boxed{{{answer}}}" if ends else "\n\n")
        return replace(
            prefix,
            id=next(self._ids),
            steps=(*prefix.steps, Step(text, 1, -0.5)),
            ended=Ended.STOP if ends else Ended.OPEN,
        )

    def release(self, prefixes: Iterable[Prefix]) -> None:
        """Nothing is kept."""

    def price(self, prefixes: Sequence[Prefix]) -> int:  # noqa: ARG002
        """Nothing."""
        return 0

    def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
        """The value of each step."""
        return [StepScores(steps[-1], steps, 0) for steps in map(self._values, prefixes)]

    def _values(self, prefix: Prefix) -> tuple[float, ...]:
        values, false = [], False
        for step in prefix.steps:
            answer, noise = _read(step.text)
            false |= " false" in step.text
            z = noise + (self._apart if answer == 0 else -self._apart)
            values.append(
                0.01 if false else 1 / (1 + math.exp(-(2 * self._apart * z - 1)))
            )  # the odds, at a rate of 27 %
        return tuple(values)

    def close(self) -> None:
        """Nothing to free."""


def _read(text: str) -> tuple[int, float]:
    """The answer that a path is bound for (0: the right one), and the noise of its value."""
    answer, noise, *_ = text.split()
    return int(answer), float(noise)


def solved(method: str, beams: int, world: World, seed: int, problem: Problem) -> bool:
    """Whether a run comes to the right answer."""
    meter = Meter(Budget(beams), max_tokens=100)
    for event in parse_method(method).run(problem, world, world, meter, seed=seed):  # type: ignore[arg-type]
        if isinstance(event, RunFinished):
            return event.outcome.answer == "0"
    raise AssertionError("a run ends with an outcome")


def interval(values: np.ndarray) -> tuple[float, float, float]:
    """Mean and 95 % interval, in points."""
    mean, spread = float(values.mean()), float(values.std(ddof=1) / math.sqrt(len(values)))
    half = float(student.ppf(0.975, len(values) - 1)) * spread
    return 100 * mean, 100 * (mean - half), 100 * (mean + half)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--beams", type=int, nargs="*", default=[8, 16, 32])
    parser.add_argument("--auc", type=float, nargs="*", default=[0.6, 0.65, 0.75])
    parser.add_argument("--quick", action="store_true", help="60 problems, one seed, 16 beams, AUC 0.65; seconds")
    parser.add_argument("--json", action="store_true", help="one JSON line on stdout")
    options = parser.parse_args()
    if options.quick:
        options.problems, options.seeds, options.beams, options.auc = 60, 1, [16], [0.65]
    told: list[dict[str, object]] = []
    for auc in options.auc:
        for beams in options.beams:
            rates = np.geomspace(0.05, 0.8, options.problems)
            right: dict[str, np.ndarray] = {}
            for method in METHODS:
                right[method] = np.array(
                    [
                        np.mean(
                            [
                                solved(method, beams, World(rate, auc), seed, Problem(f"{number}"))
                                for seed in range(options.seeds)
                            ]
                        )
                        for number, rate in enumerate(rates)
                    ]
                )
            for method in METHODS:
                accuracy, more = interval(right[method]), interval(right[method] - right["best-of-n"])
                told.append({"auc": auc, "n": beams, "method": method, "accuracy": accuracy, "over_best_of_n": more})
                if not options.json:
                    print(
                        f"AUC {auc}  N {beams:3}  {method:24} {accuracy[0]:5.1f} %"
                        f"  {more[0]:+5.1f} ({more[1]:+5.1f} to {more[2]:+5.1f})",
                        flush=True,
                    )
    if options.json:
        print(json.dumps({"problems": options.problems, "seeds": options.seeds, "results": told}))


if __name__ == "__main__":
    main()
