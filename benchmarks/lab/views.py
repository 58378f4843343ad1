"""What a model makes of what is in view: how likely a right solution is with nothing, or with attempts before it.

    python benchmarks/lab/views.py train-problems.jsonl samples.jsonl MODEL.gguf [--adapter ADAPTER.gguf]

The right solution is one that the policy drew; in view is nothing, the wrong one that is closest to it, or the right
one itself. A model that reads finds the last of these more likely, a reviser the second one too. Problems are those
that `ttc train reviser train-problems.jsonl --limit 20000 --held-out 0.02` keeps to judge by, as far as they have a
right and a wrong solution. An adapter is one of `ttc train reviser`, on the weights of the model.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import words
from gguf import GGUFReader

from ttcli.cli.rows import choose_rows
from ttcli.problem import Problem
from ttcli.stats.intervals import percentile_interval, resamples
from ttcli.train.lora.net import Net, read_weights
from ttcli.train.lora.shape import read_shape
from ttcli.train.lora.trajectories import edit_distance
from ttcli.train.spec import split

VIEWS = ("nothing", "the closest wrong one", "itself")


def load(model: Path, adapter: Path | None) -> Net:
    """The network, with the adapter on it where there is one."""
    reader = GGUFReader(adapter) if adapter else None
    factors = {each.name: np.array(each.data) for each in reader.tensors} if reader else {}
    rank = next((len(data) for name, data in factors.items() if name.endswith("lora_a")), 1)
    alpha = float(reader.fields["adapter.lora.alpha"].contents()) if reader else 1.0
    net = Net(read_shape(model), read_weights(model), rank=rank, alpha=alpha)
    if factors:
        for name, weight in net.trained().items():
            weight.data = torch.from_numpy(factors[name])
    return net.eval()


def held_out(options: argparse.Namespace) -> Iterator[tuple[int, Problem, list[Mapping[str, Any]]]]:
    """Held-out problems, by their positions, with those of the policy's solutions that have an answer."""
    _, rows = choose_rows(str(options.problems), skip_bad=False, limit=options.limit, sample=None, seed=options.seed)
    held = sorted(split(rows, options.held_out, seed=options.seed, what="reviser"))
    drawn: dict[str, list[Mapping[str, Any]]] = {rows[at].problem.text: [] for at in held}
    with options.samples.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["problem"] in drawn and row["answer"] is not None:
                drawn[row["problem"]].append(row)
    for at in held:
        if solutions := drawn[rows[at].problem.text]:
            yield at, rows[at].problem, solutions


def examples(options: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Of each held-out problem: itself, a right solution, and the wrong one that is closest to it."""
    for _, problem, solutions in held_out(options):
        right, wrong = ([row["text"] for row in solutions if row["correct"] is kind] for kind in (True, False))
        if right and wrong:
            yield problem.text, right[0], min(wrong, key=lambda text: edit_distance(text, right[0]))


@torch.no_grad()
def likely(net: Net, problem: str, solution: str, view: Sequence[str]) -> float:
    """The probability of a solution and its end, with attempts in view."""
    asked, said = words.ask(problem, view), [*words.encode(solution), words.EOS]
    states = net(torch.tensor([[*asked, *said[:-1]]]))[0, len(asked) - 1 :]
    each = torch.log_softmax(net.logits(states).float(), -1).gather(-1, torch.tensor(said)[:, None])
    return float(each.sum().exp())


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options that say which problems are held out."""
    found = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    found.add_argument("problems", type=Path)
    found.add_argument("samples", type=Path)
    found.add_argument("model", type=Path)
    found.add_argument("--limit", type=int, default=20_000)
    found.add_argument("--held-out", type=float, default=0.02)
    found.add_argument("--threads", type=int, default=1)
    found.add_argument("--seed", type=int, default=0)
    return found


def main() -> None:
    asked = parser(__doc__)
    asked.add_argument("--adapter", type=Path)
    options = asked.parse_args()
    torch.set_num_threads(options.threads)
    net = load(options.model, options.adapter)
    found = np.array(
        [
            [likely(net, problem, right, view) for view in ((), (wrong,), (right,))]
            for problem, right, wrong in examples(options)
        ]
    )
    drawn = resamples(len(found), options.seed) / len(found)
    print(f"{len(found)} problems; the mean probability of a right solution")
    for name, own in zip(VIEWS, found.T, strict=True):
        low, high = percentile_interval(drawn @ own)
        more_low, more_high = percentile_interval(drawn @ (own - found[:, 0]))
        print(
            f"{name}: {100 * own.mean():.1f} % ({100 * low:.1f} to {100 * high:.1f}), against nothing "
            f"{100 * (own - found[:, 0]).mean():+.1f} points ({100 * more_low:+.1f} to {100 * more_high:+.1f})"
        )


if __name__ == "__main__":
    main()
