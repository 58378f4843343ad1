"""How the laboratory trains: Muon for matrices, AdamW for the rest, by steps, with checkpoints."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import words
from nets import size
from torch.nn import functional

if TYPE_CHECKING:
    from transformers import PreTrainedModel

IGNORED = -100
_BATCHES_AT_ONCE = 40  # examples of so many batches are sorted by length together
_CHECKPOINT_SECONDS = 120.0

Batch = tuple[torch.Tensor, torch.Tensor]  # tokens and targets, both (examples, tokens)
Loss = Callable[["PreTrainedModel", torch.Tensor, torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Example:
    """Tokens, and a target for each; IGNORED where none is wanted."""

    tokens: list[int]
    targets: list[float]


@dataclass(frozen=True)
class Recipe:
    """How long, and how fast.

    Args:
        steps: of the optimiser.
        tokens: a step, padding with them.
        rate: of Muon, and `other_rate` of AdamW, at their height.
        warm: steps until they are reached.
        flat: the share of steps before they sink to zero.
        inherited: layers at the front, and embeddings, that have their weights from another net.
        gentle: the share of the rates that these learn with; 0: they stay as they are.
    """

    steps: int
    tokens: int = 2500
    rate: float = 0.02
    other_rate: float = 3e-3
    warm: int = 50
    flat: float = 0.5
    inherited: int = 0
    gentle: float = 0.0
    seed: int = 0


def solution_example(problem: str, text: str, attempts: Sequence[str] = ()) -> Example:
    """The chat up to a solution, with the loss on the solution's tokens only."""
    asked, said = words.ask(problem, attempts), [*words.encode(text), words.EOS]
    return Example([*asked, *said][:-1], [*[IGNORED] * (len(asked) - 1), *said])


def next_token(net: PreTrainedModel, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the wanted tokens, in nats a token."""
    wanted = targets != IGNORED
    states = net.model(tokens).last_hidden_state
    return functional.cross_entropy(net.lm_head(states[wanted]), targets[wanted].long())


def fit(
    net: PreTrainedModel, examples: Iterable[Example], recipe: Recipe, loss: Loss, checkpoint: Path
) -> dict[str, float]:
    """Train on a stream of examples; goes on from the checkpoint where there is one.

    Returns:
        steps, tokens (without padding), seconds, CPU seconds, and the loss, a running mean.
    """
    optimisers = _optimisers(net, recipe)
    done: dict[str, float] = {"steps": 0, "tokens": 0, "seconds": 0.0, "cpu_seconds": 0.0, "loss": float("nan")}
    if checkpoint.exists():
        kept = torch.load(checkpoint)
        net.load_state_dict(kept["net"])
        for optimiser, state in zip(optimisers, kept["optimisers"], strict=True):
            optimiser.load_state_dict(state)
        done = kept["done"]
    torch.manual_seed(recipe.seed)
    net.train()
    began, cpu, kept_at = time.monotonic(), time.process_time(), time.monotonic()
    before = dict(done)
    stream = batches(examples, recipe.tokens, random.Random(recipe.seed))
    for _ in range(int(done["steps"])):
        next(stream)  # what was seen already
    for step in range(int(done["steps"]), recipe.steps):
        tokens, targets = next(stream)
        value = loss(net, tokens, targets)
        value.backward()  # type: ignore[no-untyped-call]
        share = _schedule(step, recipe)
        for optimiser, rate in zip(optimisers, (recipe.rate, recipe.other_rate), strict=True):
            for group in optimiser.param_groups:
                group["lr"] = rate * share * group["part"]
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        done["steps"] = step + 1
        done["tokens"] += int((tokens != words.PAD).sum())
        done["loss"] = value.item() if step == 0 else 0.98 * done["loss"] + 0.02 * value.item()
        done["seconds"] = before["seconds"] + time.monotonic() - began
        done["cpu_seconds"] = before["cpu_seconds"] + time.process_time() - cpu
        if time.monotonic() - kept_at > _CHECKPOINT_SECONDS:
            kept_at = time.monotonic()
            _keep(net, optimisers, done, checkpoint)
        if (step + 1) % 100 == 0:
            left = done["seconds"] / done["steps"] * (recipe.steps - done["steps"])
            sys.stderr.write(
                f"{checkpoint.stem}: step {step + 1} of {recipe.steps}, loss {done['loss']:.4f}, "
                f"{done['tokens'] / max(done['cpu_seconds'], 1e-9):,.0f} tokens a CPU s, {left:.0f} s left\n"
            )
    _keep(net, optimisers, done, checkpoint)
    net.eval()
    return {"parameters": size(net), **{name: round(value, 4) for name, value in done.items()}}


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal by five Newton-Schulz steps (K. Jordan et al. 2024, "Muon"), for matrices.

    As `torch.optim.Muon`, but in 32 bits and with matrices of one shape together: on a CPU without 16-bit arithmetic
    that one takes as long as all the rest of a step.
    """

    def __init__(self, groups: Sequence[dict[str, Any]], *, rate: float) -> None:
        super().__init__(groups, {"lr": rate, "momentum": 0.95, "weight_decay": 0.01})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move every matrix by the learning rate, times the root of how much taller than wide it is."""
        assert closure is None
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for weight in group["params"]:
                shapes.setdefault(weight.shape, []).append(weight)
            for shape, weights in shapes.items():
                directions = _orthogonal(
                    torch.stack([self._direction(weight, group["momentum"]) for weight in weights])
                )
                tall = max(1.0, shape[0] / shape[1]) ** 0.5
                for weight, direction in zip(weights, directions, strict=True):
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(direction, alpha=-group["lr"] * tall)

    def _direction(self, weight: torch.nn.Parameter, momentum: float) -> torch.Tensor:
        assert weight.grad is not None
        state = self.state[weight]
        if not state:
            state["momentum"] = torch.zeros_like(weight)
        state["momentum"].mul_(momentum).add_(weight.grad)
        return weight.grad + momentum * state["momentum"]


def _orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """The nearest orthogonal matrices, nearly; (matrices, rows, columns)."""
    flat = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    tall = flat.shape[-2] > flat.shape[-1]
    if tall:
        flat = flat.mT
    for _ in range(5):
        square = flat @ flat.mT
        flat = 3.4445 * flat + (-4.7750 * square + 2.0315 * square @ square) @ flat
    return flat.mT if tall else flat


def _optimisers(net: PreTrainedModel, recipe: Recipe) -> list[torch.optim.Optimizer]:
    groups: dict[tuple[bool, float], list[torch.nn.Parameter]] = {}
    for name, weight in net.named_parameters():
        part = recipe.gentle if _inherited(name, recipe.inherited) else 1.0
        weight.requires_grad_(part > 0)
        if part:
            groups.setdefault((".layers." in name and weight.ndim == 2, part), []).append(weight)
    matrices, others = (
        [{"params": weights, "part": part} for (inside, part), weights in groups.items() if inside is wanted]
        for wanted in (True, False)
    )
    return [
        Muon(matrices, rate=recipe.rate),
        torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def _inherited(name: str, layers: int) -> bool:
    """Whether a weight is of the embeddings or the first layers, where such are inherited."""
    if not layers:
        return False
    return "embed_tokens" in name or any(f".layers.{number}." in name for number in range(layers))


def _schedule(step: int, recipe: Recipe) -> float:
    """The share of the rate's height at a step."""
    return min(1.0, (step + 1) / recipe.warm) * min(1.0, (1 - step / recipe.steps) / (1 - recipe.flat) + 0.02)


def _keep(
    net: PreTrainedModel, optimisers: Sequence[torch.optim.Optimizer], done: dict[str, float], checkpoint: Path
) -> None:
    beside = checkpoint.with_suffix(".part")
    states = [optimiser.state_dict() for optimiser in optimisers]
    torch.save({"net": net.state_dict(), "optimisers": states, "done": done}, beside)
    beside.replace(checkpoint)
    checkpoint.with_suffix(".json").write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")


def batches(examples: Iterable[Example], tokens: int, rng: random.Random) -> Iterator[Batch]:
    """Batches of about so many tokens, of examples of like lengths."""
    stream = iter(examples)
    while True:
        heap: list[Example] = []
        count = 0
        for example in stream:
            heap.append(example)
            count += len(example.tokens)
            if count >= tokens * _BATCHES_AT_ONCE:
                break
        if not heap:
            return
        heap.sort(key=lambda example: len(example.tokens))
        groups: list[list[Example]] = [[]]
        for example in heap:
            if groups[-1] and (len(groups[-1]) + 1) * len(example.tokens) > tokens:
                groups.append([])
            groups[-1].append(example)
        rng.shuffle(groups)
        for group in groups:
            yield _padded(group)


def _padded(group: Sequence[Example]) -> Batch:
    longest = max(len(example.tokens) for example in group)
    tokens = torch.full((len(group), longest), words.PAD)
    targets = torch.full((len(group), longest), float(IGNORED))
    for row, example in enumerate(group):
        tokens[row, : len(example.tokens)] = torch.tensor(example.tokens)
        targets[row, : len(example.targets)] = torch.tensor(example.targets)
    return tokens, targets
