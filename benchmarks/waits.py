"""What it would bring if steps of a search did not wait for the longest one of their round: computed, no model runs.

    python benchmarks/waits.py [--share 0.5] [--repeats 4] [--problems N]

Rounds of N = 16 steps, M = 4, are put together from the lengths of steps that a model wrote (shared/data, rollouts of
qwen2.5-coder-0.5b on GSM8K train), scores are random, and a decode takes as long as was measured for so many texts
(RESULTS.md): with AVX-512, without, and on a GPU on which it takes the same however full it is. Times are over those of
a search in rounds, per token that it keeps or gives up as a search in rounds would.

    full    every decode has 16 texts, as other problems would fill it
    ahead   children of the likeliest survivors are begun in empty places, with the seeds that they would have, where
            the chance that their parent keeps its rank is `--share` at least; what turns out wrong is thrown away
    apart   DVTS, each subtree of which goes on when its own four steps have ended, over DVTS in rounds
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ttcli.engine.job import split_steps

FOLDER = Path(__file__).parents[2] / "shared" / "data"
FILES = [FOLDER / f"rollouts{number}_qwen2.5-coder-0.5b_gsm8k_train.jsonl" for number in ("", "2")]
N, M = 16, 4
ROUNDS = 40
MACHINES: dict[str, dict[int, float]] = {  # milliseconds of a decode, by texts
    "AVX-512": {1: 1e3 / 46, 8: 8e3 / 106, 16: 16e3 / 161},
    "AVX2": {1: 1e3 / 20, 8: 8e3 / 25.7, 16: 16e3 / 30.2},
    "GPU": {1: 1.0, 16: 1.0},
}
Solution = list[int]  # tokens by step
Cost = Callable[[int], float]


@dataclass(eq=False)
class Text:
    """A step that is written."""

    length: int
    ends: bool  # its solution
    score: float
    grown: int = 0

    @property
    def done(self) -> bool:
        """Whether it has come to its end."""
        return self.grown >= self.length


def read_problems() -> list[list[Solution]]:
    """Solutions by problem; a step's share of the tokens is that of the characters."""
    problems: defaultdict[tuple[int, int], list[Solution]] = defaultdict(list)
    for number, file in enumerate(FILES):
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            each = len(row["text"]) / max(1, row["tokens"])
            steps = [max(1, round(len(step) / each)) for step in split_steps(row["text"], "\n\n")]
            problems[number, row["problem_index"]].append(steps)
    return [solutions for solutions in problems.values() if len(solutions) >= M]


def cost_of(machine: str) -> Cost:
    """Milliseconds of a decode of so many texts, between those that were measured on a line."""
    known = sorted(MACHINES[machine].items())

    def cost(texts: int) -> float:
        for (low, before), (high, behind) in itertools.pairwise(known):
            if texts <= high:
                return before + (behind - before) * (texts - low) / (high - low)
        return known[-1][1]

    return cost


def child(rng: random.Random, solutions: Sequence[Solution], depth: int) -> Text | None:
    """A step of this depth; None: no solution is so long."""
    long = [each for each in solutions if len(each) > depth]
    if not long:
        return None
    chosen = rng.choice(long)
    return Text(chosen[depth], len(chosen) == depth + 1, rng.random())


def children(rng: random.Random, solutions: Sequence[Solution], depth: int, count: int) -> list[Text]:
    return [text for _ in range(count) if (text := child(rng, solutions, depth))]


def beam(rng: random.Random, solutions: Sequence[Solution], cost: Cost, share: float | None) -> tuple[float, int, int]:
    """Milliseconds, tokens and decodes of a search, which draws ahead from a chance of `share` on."""
    time, tokens, decodes = 0.0, 0, 0
    growing, finished = children(rng, solutions, 0, N), list[Text]()
    for depth in range(1, ROUNDS):
        begun: dict[tuple[Text, int], list[Text]] = {}  # by parent, and its rank among those that go on
        while writing := [text for text in growing if not text.done]:
            if share is not None:
                begun = ahead(rng, solutions, depth, begun, [*growing, *finished], len(writing), share)
            spare = [text for texts in begun.values() for text in texts if not text.done][: N - len(writing)]
            time += cost(len(writing) + len(spare))
            decodes += 1
            for text in (*writing, *spare):
                text.grown += 1
        tokens += sum(text.length for text in growing)
        kept = ranked([*growing, *finished])
        finished = [text for text in kept if text.ends]
        parents = [text for text in kept if not text.ends]
        growing = []
        for rank, parent in enumerate(parents):
            growing += begun.get((parent, rank)) or children(rng, solutions, depth, M)
        if not growing:
            break
    return time, tokens, decodes


def ranked(texts: Sequence[Text]) -> list[Text]:
    return sorted(texts, key=lambda text: -text.score)[: N // M]


def ahead(
    rng: random.Random,
    solutions: Sequence[Solution],
    depth: int,
    begun: dict[tuple[Text, int], list[Text]],
    texts: Sequence[Text],
    writing: int,
    share: float,
) -> dict[tuple[Text, int], list[Text]]:
    """Children begun before a round has ended: those of parents that have their rank still, and of new ones."""
    best = ranked([text for text in texts if text.done])
    going = [(place, text) for place, text in enumerate(best, start=1) if not text.ends]
    kept: dict[tuple[Text, int], list[Text]] = {}
    for rank, (place, text) in enumerate(going):
        if (text, rank) in begun:
            kept[text, rank] = begun[text, rank]
        elif (1 - place / max(len(texts), place + 1)) ** writing >= share:
            kept[text, rank] = children(rng, solutions, depth, M)
    return kept


def subtree(rng: random.Random, solutions: Sequence[Solution]) -> list[list[int]]:
    """The lengths of the steps of one, by round."""
    rounds: list[list[int]] = []
    for depth in range(ROUNDS):
        texts = children(rng, solutions, depth, M)
        if not texts:
            break
        rounds.append([text.length for text in texts])
        if texts[0].ends:
            break
    return rounds


def dvts(subtrees: Sequence[Sequence[Sequence[int]]], cost: Cost, *, apart: bool) -> float:
    """Milliseconds of a search with these."""
    texts: Counter[int] = Counter()  # that grow, by decode
    ends = [0] * len(subtrees)
    for depth in range(max(map(len, subtrees))):
        begin = max(ends)
        for number, rounds in enumerate(subtrees):
            if depth < len(rounds):
                first = ends[number] if apart else begin
                for length in rounds[depth]:
                    texts.update(range(first, first + length))
                ends[number] = first + max(rounds[depth])
    return sum(map(cost, texts.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=0.5)
    parser.add_argument("--repeats", type=int, default=4, help="searches of each problem")
    parser.add_argument("--problems", type=int, help="all, if not given")
    options = parser.parse_args()
    if not all(file.exists() for file in FILES):
        parser.error(f"{FILES[0]} is not here")
    problems = read_problems()[: options.problems] * options.repeats
    for machine in MACHINES:
        cost = cost_of(machine)
        plain, drawn = random.Random(0), random.Random(0)
        rounds = [beam(plain, each, cost, None) for each in problems]
        early = [beam(drawn, each, cost, options.share) for each in problems]
        time, tokens, decodes = (sum(column) for column in zip(*rounds, strict=True))
        per_token = sum(each[0] for each in early) / sum(each[1] for each in early)
        trees = [[subtree(plain, each) for _ in range(N // M)] for each in problems]
        waiting, apart = (sum(dvts(each, cost, apart=way) for each in trees) for way in (False, True))
        print(
            f"{machine:<8} {tokens / decodes / N:.2f} of the places filled;"
            f" full {tokens * cost(N) / N / time:.3f}, ahead {per_token / (time / tokens):.3f},"
            f" apart {apart / waiting:.3f}"
        )


if __name__ == "__main__":
    main()
