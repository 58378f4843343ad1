"""A layer that sees how likely the layers before it found the token that then came.

To tell a wrong digit a net must hold each token against the prediction made one place before. A layer can do that with
one head and a few rows of its feed-forward part, but training from random weights hardly finds it (an AUC within a
problem of 0.57 after 1,200 steps, where the plain likelihood has 0.80). So it begins there, and is trained on:

* the head looks at the place before: its queries and keys are trained to, by themselves, in a minute; its values are
  the logits of the tokens that solutions consist of;
* in the feed-forward part a row for each such token opens where it is the one that came, and lets its log-probability
  through; what is read off the states for that is found by least squares, and all of it then trained by itself too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import nets
import torch
import words
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from transformers import PreTrainedModel

TOKENS = [*b"0123456789+-*=#", words.STEP]  # that solutions consist of
_OPEN = 10.0
_STEPS, _AT_ONCE = 400, 10  # of the head's training, and texts a step
_LESSONS = 1500  # of the feed-forward part's training
_LEAST = -15.0  # log-probability
_RIDGE = 1e-3


@torch.no_grad()
def make_comparing(net: PreTrainedModel, number: int, texts: Sequence[Sequence[int]]) -> None:
    """Give a layer these weights; `texts`: tokens of solutions behind their problems, to read states off."""
    layer = net.model.layers[number]
    attention, forward = layer.self_attn, layer.mlp
    before, came, expected = _states(net, number, texts)
    lengths, width = [len(text) for text in texts], before.shape[-1]
    norm = net.model.norm.weight
    layer.input_layernorm.weight.fill_(1.0)
    layer.post_attention_layernorm.weight.fill_(1.0)

    inside = _normed(before)
    size = attention.head_dim
    query, key = _look_back(inside, lengths, size)
    attention.q_proj.weight[:size], attention.k_proj.weight[:size] = query, key
    attention.v_proj.weight[:size] = 0.0
    attention.v_proj.weight[: len(TOKENS)] = net.lm_head.weight[TOKENS] * norm
    spare = _spare(before, len(TOKENS) + 1)  # (directions, width)
    scale = before.pow(2).mean().sqrt() * width**0.5 / 60.0
    attention.o_proj.weight[:, :size] = 0.0
    attention.o_proj.weight[:, : len(TOKENS)] = scale * spare[: len(TOKENS)].T

    logits = inside @ attention.v_proj.weight[: len(TOKENS)].T
    here = before[1:] + scale * logits[:-1] @ spare[: len(TOKENS)]
    follows = came[1:] >= 0
    here, came, expected = _normed(here[follows]), came[1:][follows], expected[:-1][follows]
    place = came[:, None] == torch.tensor(TOKENS)  # (tokens, one for each that may come)
    likely = torch.where(place, expected, 0.0).sum(1).clamp(min=_LEAST)
    known = place.any(1)
    gate, up, down = _learn(here[known], place[known].float(), expected[known], likely[known], forward)
    forward.gate_proj.weight.copy_(gate)
    forward.up_proj.weight.copy_(up)
    forward.down_proj.weight.copy_(scale * spare[-1][:, None] * down)


@torch.enable_grad()
def _learn(
    states: Tensor, came: Tensor, expected: Tensor, likely: Tensor, forward: torch.nn.Module
) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of a feed-forward part that tells how likely a token was: gate and up (inner, width), down (inner,).

    A row for each token begins as one that opens where it came, and lets its log-probability through.
    """
    rows = came.shape[1]
    gate, up = (getattr(forward, name).weight.detach().clone() for name in ("gate_proj", "up_proj"))
    one = _read(states, torch.ones(len(states), 1))[0]
    gate[:rows] = _OPEN * (_read(states, came) - 0.5 * one)
    up[:rows] = _read(states, expected.clamp(min=_LEAST))
    down = torch.zeros(len(gate))
    down[:rows] = 2 / _OPEN
    weights = [torch.nn.Parameter(each) for each in (gate, up, down)]
    optimiser = torch.optim.Adam(weights, lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _LESSONS)
    for _ in range(_LESSONS):
        chosen = torch.randint(len(states), (2048,))
        inner = functional.silu(states[chosen] @ weights[0].T) * (states[chosen] @ weights[1].T)
        optimiser.zero_grad()
        functional.mse_loss(inner @ weights[2], likely[chosen]).backward()
        optimiser.step()
        schedule.step()
    return weights[0].detach(), weights[1].detach(), weights[2].detach()


def _states(net: PreTrainedModel, number: int, texts: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor, Tensor]:
    """Of every token: the state before a layer, the token, and the log-probabilities of what follows it.

    The token is -1 where none was expected: at the beginning of a text.
    """
    states: list[Tensor] = []
    hook: Any = net.model.layers[number].register_forward_pre_hook(lambda _, given: states.append(given[0][0]))
    came, expected = [], []
    for text in texts:
        whole = torch.tensor([text])
        net.model(whole)
        logits = net.lm_head(net.model.norm(states[-1]))
        expected.append(logits.log_softmax(-1)[:, TOKENS])
        came.append(torch.cat([torch.tensor([-1]), whole[0, 1:]]))
    hook.remove()
    return torch.cat(states), torch.cat(came), torch.cat(expected)


@torch.enable_grad()
def _look_back(states: Tensor, lengths: Sequence[int], size: int) -> tuple[Tensor, Tensor]:
    """Queries and keys (size, width) of a head that attends to the place before each."""
    query, key = (torch.nn.Parameter(torch.randn(size, states.shape[1]) * 0.1) for _ in range(2))
    optimiser = torch.optim.Adam([query, key], lr=0.02)
    angles = torch.arange(max(lengths))[:, None] * nets.THETA ** (-torch.arange(0, size, 2) / size)
    cosine, sine = angles.cos().repeat(1, 2), angles.sin().repeat(1, 2)

    def turned(x: Tensor) -> Tensor:
        one, other = x.chunk(2, dim=-1)
        return x * cosine[: len(x)] + torch.cat([-other, one], dim=-1) * sine[: len(x)]

    for step in range(_STEPS):
        losses = []
        for text in states.split(list(lengths))[step * _AT_ONCE % len(lengths) :][:_AT_ONCE]:
            scores = turned(text @ query.T) @ turned(text @ key.T).T / size**0.5
            past = torch.ones_like(scores).tril().bool()
            shares = scores.masked_fill(~past, -torch.inf).log_softmax(-1)
            losses.append(-shares.diagonal(-1))
        optimiser.zero_grad()
        torch.cat(losses).mean().backward()
        optimiser.step()
    return query.detach(), key.detach()


def _normed(states: Tensor) -> Tensor:
    return states / (states.pow(2).mean(-1, keepdim=True) + 1e-5).sqrt()


def _read(states: Tensor, wanted: Tensor) -> Tensor:
    """The rows (wanted, width) that read something off states, by least squares."""
    square = states.T @ states + _RIDGE * len(states) * torch.eye(states.shape[1])
    return torch.linalg.solve(square, states.T @ wanted).T


def _spare(states: Tensor, count: int) -> Tensor:
    """Directions (count, width) in which states differ least."""
    _, vectors = torch.linalg.eigh(torch.cov(states.T))
    return vectors[:, :count].T
