"""What else a verifier's adapter may learn from: losses between right and wrong solutions of one problem.

    ttc runs export RUN -o samples.jsonl
    python benchmarks/lab/objectives.py samples.jsonl --loss pairs [--model lab-large] [--steps 240] [--rank 16]

`ttc train prm` goes by the labels of all steps together, and learns which problems are hard. Here the same adapters
learn from pairs, a right and a wrong solution of a problem, from problems that have both:

* labels: the outcome behind the last step, of each by itself; what the others are compared with;
* pairs: the odds behind the last step, the right one's above the wrong one's (Burges et al. 2005);
* likelihood: the mean log-probability of the solution, likewise (SimPO, arXiv 2405.14734);
* ratio: the log-probability against that without the adapter, likewise: an implicit reward (arXiv 2412.01981).

Told is the AUC within a problem on other problems, three in ten, and on some of those that it learns from: where these
two part, it learns the solutions by heart. Samples are of the laboratory's policy, which `make.py more` names problems
for. Nothing is written.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import words
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ttcli.stats.auc import Ranking
from ttcli.stats.intervals import percentile_interval, resamples
from ttcli.train.lora.batches import height
from ttcli.train.lora.net import Net, read_weights
from ttcli.train.lora.shape import read_shape

MODELS = Path(__file__).parents[2] / "models" / "lab"
LOSSES = ("labels", "pairs", "likelihood", "ratio")
HELD = 0.3  # of the problems
LEARNED = 200  # problems that are learned from and looked at
PAIRS = 24  # a step
LOOKS = 6
DROPOUT = 0.05


class Text(NamedTuple):
    """A solution behind its problem."""

    problem: int
    right: bool
    written: tuple[int, ...]  # tokens, as the policy writes it
    own: int  # where the solution begins in it
    tagged: tuple[int, ...]  # as it is judged: behind the last of them


def read(path: Path) -> list[list[Text]]:
    """The solutions of each problem that have an answer."""
    found: dict[str, list[Text]] = {}
    with path.open(encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            if row["answer"] is None:
                continue
            own = found.setdefault(row["problem"], [])
            asked, steps = words.ask(row["problem"]), words.steps_of(row["text"])
            tokens, _ = words.tagged(row["problem"], steps)
            written = (*asked, *words.encode(row["text"]))
            own.append(Text(len(found) - 1, row["correct"], written, len(asked), tuple(tokens)))
    return [*found.values()]


class Learner:
    """An adapter on a model's weights, and what one of the losses makes of it."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.net, self.free = (self._net().train(mode) for mode in (True, False))  # the second stays as it is
        self.optimiser = torch.optim.AdamW(self.net.trained().values(), betas=(0.9, 0.95), weight_decay=0.0)

    def _net(self) -> Net:
        """The model with an adapter that changes nothing yet."""
        path, rank, seed = MODELS / f"{self.options.model}.gguf", self.options.rank, self.options.seed
        return Net(read_shape(path), read_weights(path), rank=rank, alpha=2.0 * rank, dropout=DROPOUT, seed=seed)

    @staticmethod
    def said(net: Net, texts: Sequence[Text]) -> Tensor:
        """(texts,) the log-probability of each solution."""
        tokens = _padded([text.written for text in texts])
        logits = net.logits(net(tokens[:, :-1])).float()
        each = functional.log_softmax(logits, -1).gather(-1, tokens[:, 1:, None])[..., 0]
        at = torch.arange(each.shape[1])[None]
        begin, end = (torch.tensor(values)[:, None] for values in zip(*map(_span, texts), strict=True))
        return torch.where((at >= begin) & (at < end), each, 0.0).sum(dim=1)

    def scores(self, texts: Sequence[Text]) -> Tensor:
        """(texts,) what they are ranked by."""
        if self.options.loss in ("labels", "pairs"):
            states = self.net(_padded([text.tagged for text in texts]))
            last = states[torch.arange(len(texts)), torch.tensor([len(text.tagged) - 1 for text in texts])]
            return last @ (self.net.table[words.GOOD] - self.net.table[words.BAD])
        if self.options.loss == "likelihood":
            return self.said(self.net, texts) / torch.tensor([float(len(text.written) - text.own) for text in texts])
        return self.said(self.net, texts) - self.unchanged(texts)

    @torch.no_grad()
    def unchanged(self, texts: Sequence[Text]) -> Tensor:
        """(texts,) the log-probability of each solution without an adapter."""
        return self.said(self.free, texts)

    def loss(self, texts: Sequence[Text]) -> Tensor:
        """Of texts that are a right and a wrong one in turn."""
        scores = self.scores(texts)
        if self.options.loss == "labels":
            right = torch.tensor([float(text.right) for text in texts])
            return functional.binary_cross_entropy_with_logits(scores, right)
        return -functional.logsigmoid(self.options.beta * (scores[0::2] - scores[1::2])).mean()

    def step(self, number: int, texts: Sequence[Text]) -> float:
        """Learn from them; their loss."""
        self.net.train()
        for group in self.optimiser.param_groups:
            group["lr"] = self.options.rate * height(number, self.options.steps)
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(texts)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.trained().values(), 1.0)
        self.optimiser.step()
        return float(loss.detach())

    @torch.no_grad()
    def over(self, problems: Sequence[Sequence[Text]], ask: Callable[[Sequence[Text]], Tensor]) -> NDArray[np.float64]:
        """(solutions,) of all problems."""
        self.net.eval()
        return np.concatenate([ask(texts).double().numpy() for texts in problems])


def _span(text: Text) -> tuple[int, int]:
    """Places whose next tokens are the solution's."""
    return text.own - 1, len(text.written) - 1


def _padded(texts: Sequence[Sequence[int]]) -> Tensor:
    tokens = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
    for row, text in enumerate(texts):
        tokens[row, : len(text)] = torch.tensor(text)
    return tokens


def told(problems: Sequence[Sequence[Text]], scores: NDArray[np.float64]) -> str:
    """The AUC within a problem, with an interval over problems."""
    texts = [text for own in problems for text in own]
    right, names = np.array([text.right for text in texts]), np.array([text.problem for text in texts], np.intp)
    each = Ranking.of(scores, right, names).each
    drawn = resamples(len(each), 0) / len(each)
    low, high = percentile_interval(drawn @ each)
    return f"{each.mean():.3f} ({low:.3f} to {high:.3f}, {len(each)} problems)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("samples", type=Path)
    parser.add_argument("--loss", choices=LOSSES, required=True)
    parser.add_argument("--model", default="lab-policy", help="whose weights the adapter is on")
    parser.add_argument("--steps", type=int, default=240)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--beta", type=float, default=1.0, help="what a difference of scores counts")
    parser.add_argument("--judged", type=int, default=300, help="problems that it is judged by, at most")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rng = np.random.default_rng(options.seed)
    problems = read(options.samples)
    order = rng.permutation(len(problems)).tolist()
    bound = round(HELD * len(problems))
    held, known = ([problems[at] for at in part] for part in (sorted(order[:bound]), sorted(order[bound:])))
    held, known = ([own for own in part if len({text.right for text in own}) == 2] for part in (held, known))
    held, learner = held[: options.judged], Learner(options)
    print(
        f"{options.loss}, rank {options.rank} on {options.model}: learns from {len(known)} problems "
        f"with {sum(map(len, known)):,} solutions; judged by {len(held)} others",
        flush=True,
    )
    print(f"log-probability without an adapter: {told(held, learner.over(held, learner.unchanged))}", flush=True)
    bounds = np.linspace(0, options.steps, LOOKS + 1).round().astype(int).tolist()
    began = time.monotonic()
    for begin, end in pairwise(bounds):
        losses = [learner.step(number, _drawn(known, rng)) for number in range(begin, end)]
        print(
            f"step {end}, {time.monotonic() - began:.0f} s: loss {np.mean(losses):.3f}, "
            f"AUC within a problem {told(held, learner.over(held, learner.scores))}, of those learned from "
            f"{told(known[:LEARNED], learner.over(known[:LEARNED], learner.scores))}",
            flush=True,
        )


def _drawn(problems: Sequence[Sequence[Text]], rng: np.random.Generator) -> list[Text]:
    """A right and a wrong solution of each of some problems."""
    texts = []
    for at in rng.integers(len(problems), size=PAIRS).tolist():
        for right in (True, False):
            own = [text for text in problems[at] if text.right == right]
            texts.append(own[int(rng.integers(len(own)))])
    return texts


if __name__ == "__main__":
    main()
