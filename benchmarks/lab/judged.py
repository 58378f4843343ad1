"""A whole model as a reviser, by the measure of the cards of `ttc train reviser`.

    python benchmarks/lab/judged.py train-problems.jsonl samples.jsonl models/lab/lab-reviser.gguf [--most 150]

Chains begin with the policy's samples of problems that `ttc train reviser train-problems.jsonl --limit 20000 --held-out
0.02` keeps to judge by; against them stand draws of the same model that see no attempt. The model is judged with an
adapter on it that changes nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import views
import words

from ttcli.engine.job import split_steps
from ttcli.engine.params import SamplingParams
from ttcli.interrupt import Interrupt
from ttcli.runtime.settings import Machine, Settings
from ttcli.solution import Step
from ttcli.terminal.lora import revision_verdict, step_table
from ttcli.train.lora.adapter_file import write_adapter
from ttcli.train.lora.judge import Chains, judge_reviser
from ttcli.train.lora.pool import PooledProblem, PooledSolution
from ttcli.train.lora.spec import Chaining
from ttcli.train.lora.transitions import transitions

CHAINS, LENGTH = 4, 4  # as a card has them
TEMPERATURE, MOST = 1.0, 160  # as the samples were drawn


def pool(options: argparse.Namespace) -> Iterator[PooledProblem]:
    """The held-out problems with the policy's solutions."""
    for at, problem, rows in views.held_out(options):
        steps = [tuple(Step(part, 1, None) for part in split_steps(row["text"], words.SEPARATOR)) for row in rows]
        solutions = [PooledSolution(0, number, step, rows[number]["correct"]) for number, step in enumerate(steps)]
        yield PooledProblem(at, problem, tuple(solutions), None)


def main() -> None:
    asked = views.parser(__doc__)
    asked.add_argument("--most", type=int, default=150, help="problems, at most")
    options = asked.parse_args()
    net = views.load(options.model, None)
    arrays = {name: weight.detach().numpy() for name, weight in net.trained().items()}
    settings = Settings(
        model=str(options.model),
        seed=options.seed,
        sampling=SamplingParams(temperature=TEMPERATURE),
        max_tokens=MOST,
        machine=Machine(threads=options.threads),
    )
    with TemporaryDirectory() as folder:
        adapter = Path(folder) / "nothing.gguf"
        card = {"kind": "reviser", "model": options.model.stem, "weights": ""}
        write_adapter(adapter, arrays, card, alpha=1.0, family=net.shape.family)
        for heard in judge_reviser(
            settings,
            adapter,
            [*islice(pool(options), options.most)],
            Chaining(),
            chains=CHAINS,
            length=LENGTH,
            interrupt=Interrupt(),
            download=lambda *_: None,
        ):
            if isinstance(heard, Chains):
                found = transitions(heard, seed=options.seed)
                print("\n".join((*step_table(found), *revision_verdict(found))))


if __name__ == "__main__":
    main()
