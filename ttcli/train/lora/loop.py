"""The training itself: AdamW on the adapters, in steps, with checkpoints, until it stops to help on other problems."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint as recomputed

from ttcli.errors import BackendError, ModelError, UsageError
from ttcli.train.lora.batches import Padded, Plan, padded, together
from ttcli.train.lora.checkpoint import Arrays, Checkpoint, Progress
from ttcli.train.lora.encoding import Example, Probe
from ttcli.train.lora.gather import Prepared
from ttcli.train.lora.learning import Fitted, Forecast, Learning
from ttcli.train.lora.net import Net, read_weights
from ttcli.train.lora.shape import read_shape
from ttcli.train.lora.spec import Fitting

_CHECKPOINT = 120.0  # seconds between two
_BETAS = (0.9, 0.95)
_CLIP = 1.0  # the gradient's norm at most
_ROWS = 256  # rows of the vocabulary that are held at once
_FORWARD = 1 / 3  # of the work of a step
_OTHERWISE = 0.5  # of the spread of logits: torch and llama.cpp do not compute the same any more


def fit(
    prepared: Prepared,
    fitting: Fitting,
    configuration: Mapping[str, Any],
    path: Path,
    *,
    seed: int,
    threads: int,
    interrupted: Callable[[], bool],
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Forecast | Learning | Fitted]:
    """Train, going on from the checkpoint at `path` where there is one; the last is `Fitted`, unless interrupted.

    Raises:
        ModelError: the network is none that torch computes as llama.cpp does.
        UsageError: the checkpoint is of another configuration; no such device.
        StoreError: a checkpoint cannot be written or read.
        BackendError: the loss is no number.
    """
    known = Checkpoint.read(path, configuration)
    torch.set_num_threads(threads)
    trainer = _Trainer(prepared, fitting, seed=seed, interrupted=interrupted)
    plan = Plan(prepared.examples, fitting, seed=seed)
    if known is not None:
        trainer.restore(known)
    state = known or Checkpoint(configuration, Progress(), trainer.arrays(), trainer.arrays(), ({}, {}))
    try:
        yield from _learn(trainer, plan, state, prepared, fitting, path, clock)
    except _Stopped:
        trainer.keep(state, path)
        return
    state.progress.done = True
    trainer.keep(state, path)
    yield Fitted(state.best, state.progress, trainer.net.shape.family, trainer.parameters)


def _learn(
    trainer: _Trainer,
    plan: Plan,
    state: Checkpoint,
    prepared: Prepared,
    fitting: Fitting,
    path: Path,
    clock: Callable[[], float],
) -> Iterator[Forecast | Learning]:
    """Step by step, as far as is left; looks at the problems kept for that come first, and now and then."""
    progress = state.progress
    if progress.done:
        return
    pace = _Pace(plan, prepared, trainer.seconds_a_token(prepared.examples, clock))
    yield Forecast(
        *(len(prepared.examples), len(prepared.stopping), plan.steps, progress.step, plan.tokens),
        *(pace.left(progress.step), trainer.parameters, str(trainer.device)),
    )
    kept = began = clock()
    before = progress.seconds
    while True:
        due = progress.step % plan.looks == 0 or progress.step == plan.steps
        if due and (not progress.looks or progress.looks[-1][0] < progress.step):
            progress.looks.append((progress.step, trainer.loss(prepared.stopping)))
            if progress.worse() == 0:
                state.best = trainer.arrays()
        progress.done = progress.worse() >= fitting.patience or progress.step == plan.steps
        progress.seconds = before + clock() - began
        if progress.step:
            yield Learning(replace(progress, looks=[*progress.looks]), plan.steps, pace.left(progress.step))
        if progress.done:
            return
        if clock() - kept >= _CHECKPOINT:
            kept = clock()
            trainer.keep(state, path)
        loss = trainer.step(plan, progress.step)
        progress.tokens += sum(len(each.tokens) for each in plan.batch(progress.step))
        progress.step += 1
        progress.loss = loss if progress.loss is None else 0.9 * progress.loss + 0.1 * loss


class _Stopped(Exception):
    """Somebody asked for the stop in the middle of a step, which leaves nothing behind."""


class _Pace:
    """How long the rest may take."""

    def __init__(self, plan: Plan, prepared: Prepared, seconds: float) -> None:
        """`seconds`: of a token, forth and back."""
        self._plan = plan
        self._step = plan.tokens * seconds
        self._look = sum(len(each.tokens) for each in prepared.stopping) * seconds * _FORWARD

    def left(self, done: int) -> float:
        """Seconds after so many steps."""
        steps = self._plan.steps - done
        return steps * self._step + max(1, steps // self._plan.looks) * self._look


class _Trainer:
    """A network, its optimiser, and what is to be learned."""

    def __init__(self, prepared: Prepared, fitting: Fitting, *, seed: int, interrupted: Callable[[], bool]) -> None:
        self._fitting = fitting
        self._interrupted = interrupted
        self._seed = seed
        self._labels = prepared.labels
        shape = read_shape(prepared.weights)
        self.net = Net(
            shape,
            read_weights(prepared.weights),
            rank=fitting.rank,
            alpha=fitting.alpha,
            dropout=fitting.dropout,
            seed=seed,
        )
        self._check(prepared.probe, prepared.weights)
        self.device = device_of(fitting.device)
        narrow = self.device.type == "cuda" and torch.cuda.is_bf16_supported()
        self._trained = self.net.trained()
        trained = {id(each) for each in self._trained.values()}
        for weight in self.net.parameters():
            if narrow and id(weight) not in trained:
                weight.data = weight.data.bfloat16()
        self.net.to(self.device)
        self.parameters = sum(each.numel() for each in self._trained.values())
        self._optimiser = torch.optim.AdamW(self._trained.values(), betas=_BETAS, weight_decay=0.0)

    def _check(self, probe: Probe, path: Path) -> None:
        """Raise ModelError where torch computes something else than llama.cpp."""
        self.net.eval()
        with torch.no_grad():
            own = self.net.logits(self.net(torch.tensor([probe.tokens]))[0, -1]).double().numpy()
        off = float(np.sqrt(np.mean((own - probe.logits) ** 2)))
        if not off <= _OTHERWISE * float(probe.logits.std()):
            raise ModelError(
                f"torch computes {path.name} otherwise than llama.cpp does: logits are {off:.2f} apart, "
                f"and {probe.logits.std():.2f} is their spread",
                hint="a model of a usual kind: Llama, Mistral, SmolLM2, Qwen2.5 or Qwen3",
            )

    # -- what is kept

    def arrays(self) -> Arrays:
        """What is trained, as it is now."""
        return {name: each.detach().float().cpu().numpy().copy() for name, each in self._trained.items()}

    def keep(self, state: Checkpoint, path: Path) -> None:
        """Write a checkpoint."""
        state.now = self.arrays()
        moments = [self._optimiser.state.get(each, {}) for each in self._trained.values()]
        if all(moments):
            pairs = [*zip(self._trained, moments, strict=True)]
            first, second = (
                {name: own[key].float().cpu().numpy().copy() for name, own in pairs}
                for key in ("exp_avg", "exp_avg_sq")
            )
            state.moments = first, second
        state.write(path)

    def restore(self, state: Checkpoint) -> None:
        """Go on from a checkpoint."""
        for name, each in self._trained.items():
            each.data = torch.from_numpy(state.now[name]).to(self.device)
            if state.moments[0]:
                first, second = (torch.from_numpy(own[name]).to(self.device) for own in state.moments)
                steps = torch.tensor(float(state.progress.step))
                self._optimiser.state[each] = {"step": steps, "exp_avg": first, "exp_avg_sq": second}

    # -- work

    def step(self, plan: Plan, number: int) -> float:
        """Learn from the examples of a step; their mean loss."""
        self.net.train()
        torch.manual_seed((self._seed << 20) + number)  # of dropout: a training that goes on is the same one
        self._optimiser.zero_grad(set_to_none=True)
        batch = plan.batch(number)
        total, weight = 0.0, _weight(batch)
        for part in self._parts(batch):
            loss = self._losses(part).sum() / weight
            loss.backward()
            total += float(loss.detach())
        if not np.isfinite(total):
            raise BackendError("the loss is no number any more", hint="a lower --learning-rate")
        for group in self._optimiser.param_groups:
            group["lr"] = plan.rate(number)
        torch.nn.utils.clip_grad_norm_(self._trained.values(), _CLIP)
        self._optimiser.step()
        return total

    @torch.no_grad()
    def loss(self, examples: Sequence[Example]) -> float:
        """The mean loss on examples that are not learned from."""
        self.net.eval()
        total = sum(float(self._losses(part).sum()) for part in self._parts(examples))
        return total / _weight(examples)

    def seconds_a_token(self, examples: Sequence[Example], clock: Callable[[], float]) -> float:
        """What a token takes, forth and back, by one example of middling length; nothing is learned."""
        middle = sorted(examples, key=lambda each: len(each.tokens))[len(examples) // 2]
        times = []
        for _ in range(2):  # the first is slow
            began = clock()
            self._losses(padded([middle])).sum().backward()
            self._optimiser.zero_grad(set_to_none=True)
            times.append(clock() - began)
        return times[-1] / len(middle.tokens)

    def _parts(self, examples: Sequence[Example]) -> Iterator[Padded]:
        for part in together(examples, self._fitting.tokens):
            if self._interrupted():
                raise _Stopped
            yield part

    def _losses(self, part: Padded) -> Tensor:
        """(places,) the loss at each, times its weight."""
        tokens, rows, columns = (torch.from_numpy(each).to(self.device) for each in part[:3])
        states = self.net(tokens)[rows, columns]
        targets, weights = (torch.from_numpy(each).to(self.device, torch.float32) for each in part[3:])
        if self._labels is None:
            return self._said(states, targets.long()) * weights
        good, bad = self._labels
        odds = functional.linear(states, (self.net.table[good] - self.net.table[bad])[None])[:, 0].float()
        return functional.binary_cross_entropy_with_logits(odds, targets, reduction="none") * weights

    def _said(self, states: Tensor, tokens: Tensor) -> Tensor:
        """(places,) the cross-entropy of the next token; the rows of the vocabulary are computed again on the way."""

        def part(own: Tensor, wanted: Tensor) -> Tensor:
            return functional.cross_entropy(self.net.logits(own).float(), wanted, reduction="none")

        pairs = zip(states.split(_ROWS), tokens.split(_ROWS), strict=True)
        return torch.cat([recomputed(part, own, wanted, use_reentrant=False) for own, wanted in pairs])


def device_of(wanted: str) -> torch.device:
    """The device to train on.

    Raises:
        UsageError: this machine, or this torch, has none of the kind.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    chosen = next(name for name in ("cuda", "mps", "cpu") if there[name]) if wanted == "auto" else wanted
    if not there[chosen]:
        raise UsageError(f"torch sees no {chosen} device here", hint="--device cpu")
    return torch.device(chosen)


def _weight(examples: Sequence[Example]) -> float:
    return sum(each.weight * len(each.places) for each in examples)
