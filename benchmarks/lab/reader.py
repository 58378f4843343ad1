"""A policy of the laboratory that reads what stands in view, as models that people run do.

    python benchmarks/lab/reader.py reader.gguf [--steps 3500] [--threads 1]

The policy has never had a solution in view, and nothing in it looks for what follows where its own text stood before
(the induction heads of Olsson et al. 2022, arXiv 2209.11895). Here it learns that, with three layers more, from three
kinds of examples in turn: a text of any letters in view, to be written again; one of digits, that looks like a
solution; and problems and their reference solutions, with nothing in view. No wrong solution and no revision is among
them: what `ttc train reviser` makes of a model that reads is for it to show. All layers learn: new ones behind a
policy that stays as it is do not learn to read (see docs/training.md).

Beside the file comes a TOML with the model's `[template]`, since it is not of the catalog; a step in doubt is
told as it stands, without words around it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import entries
import make
import nets
import torch
from training import Example, Recipe, fit, next_token, solution_example

from ttcli.catalog.template import STEP

SEED = make.POOL_SEED + 3
LETTERS = "".join(map(chr, range(33, 127)))
LENGTH = (10, 60)  # of a text of these
SPREAD = (1, 1, 2)  # texts in view, the last of them to be written again
SOLVED = 4  # problems to be solved, for two texts to be written again


def readings() -> Iterator[Example]:
    """Texts to be written again, of any letters and of digits, and problems to be solved, in turn, without end."""
    rng = random.Random(SEED)
    fresh = make.others(SEED, easy=make.EASY)
    while True:
        any_letters = "".join(rng.choices(LETTERS, k=rng.randint(*LENGTH)))
        yield solution_example(next(fresh).problem, any_letters, [any_letters])
        shown = [unlike(rng, next(fresh).solution) for _ in range(rng.choice(SPREAD))]
        yield solution_example(next(fresh).problem, shown[-1], shown)
        for task in islice(fresh, SOLVED):
            yield solution_example(task.problem, task.solution)


def unlike(rng: random.Random, text: str) -> str:
    """A text with other digits, so that nothing in it can be reckoned."""
    return "".join(rng.choice("0123456789") if letter.isdigit() else letter for letter in text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", type=Path)
    parser.add_argument("--steps", type=int, default=3500)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    policy = nets.llama(96, make.POLICY_LAYERS, 3, 256)
    nets.read(policy, make.MODELS / "lab-policy.gguf")
    net = make.deeper(policy, make.LAYERS)
    recipe = Recipe(steps=options.steps, other_rate=1.5e-3, tokens=3000)
    done = fit(net, readings(), recipe, next_token, options.target.with_suffix(".pt"))
    nets.write(net, options.target, options.target.stem)
    options.target.with_suffix(".toml").write_text(f'{entries.TEMPLATE}doubt = "{STEP}"\n', encoding="utf-8")
    print(json.dumps(done))


if __name__ == "__main__":
    main()
