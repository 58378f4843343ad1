"""The network of a GGUF in torch, with a low-rank adapter on every matrix of its layers.

Tensors are named and laid out as llama.cpp has them, so that an adapter goes into a GGUF as it is: rows of queries and
keys stand as the file has them, and the rotation turns those together that llama.cpp turns. The weights are frozen; of
W x + (alpha / rank) B A x (Hu et al. 2021, arXiv 2106.09685) A and B are trained.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ttcli.files.parts import parts
from ttcli.train.lora.shape import MATRICES, Shape

Arrays = Mapping[str, NDArray[np.float32]]


def read_weights(path: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """The tensors of a GGUF by name, dequantised."""
    for part in parts(path):
        for tensor in gguf.GGUFReader(part).tensors:
            yield tensor.name, np.array(gguf.dequantize(tensor.data, tensor.tensor_type), np.float32)


class LowRank(nn.Module):
    """A frozen matrix and the change to it, [outputs, inputs]."""

    def __init__(self, outputs: int, inputs: int, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs), requires_grad=False)
        self.bias: nn.Parameter | None = None
        self.a = nn.Parameter(torch.empty(rank, inputs))
        self.b = nn.Parameter(torch.zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.a, a=5**0.5)
        self.scale = alpha / rank
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[..., inputs] -> [..., outputs]."""
        change = functional.linear(functional.linear(self.dropout(x), self.a.to(x.dtype)), self.b.to(x.dtype))
        return functional.linear(x, self.weight, self.bias) + self.scale * change


class _Norm(nn.Module):
    """Divides by the root of the mean square, and scales."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width), requires_grad=False)
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        normed = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return normed.to(x.dtype) * self.weight


class _Layer(nn.Module):
    def __init__(self, shape: Shape, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        self.shape = shape
        self.attn_norm, self.ffn_norm = (_Norm(shape.width, shape.epsilon) for _ in range(2))
        for name in MATRICES:
            self.add_module(name, LowRank(*shape.matrix(name), rank, alpha, dropout))
        if shape.family == "qwen3":
            self.attn_q_norm, self.attn_k_norm = (_Norm(shape.head, shape.epsilon) for _ in range(2))

    def forward(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        x = x + self._attend(self.attn_norm(x), turn)
        inner = self.ffn_norm(x)
        return x + self.ffn_down(functional.silu(self.ffn_gate(inner)) * self.ffn_up(inner))

    def _attend(self, x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
        shape, (texts, tokens, _) = self.shape, x.shape
        q = self.attn_q(x).view(texts, tokens, shape.heads, shape.head)
        k = self.attn_k(x).view(texts, tokens, shape.shared_heads, shape.head)
        v = self.attn_v(x).view(texts, tokens, shape.shared_heads, shape.head)
        if shape.family == "qwen3":
            q, k = self.attn_q_norm(q), self.attn_k_norm(k)
        q, k = (_turned(each, turn, shape) for each in (q, k))
        groups = shape.heads // shape.shared_heads
        k, v = (each.repeat_interleave(groups, dim=2) for each in (k, v))
        found = functional.scaled_dot_product_attention(*(each.transpose(1, 2) for each in (q, k, v)), is_causal=True)
        return self.attn_output(found.transpose(1, 2).reshape(texts, tokens, shape.heads * shape.head))


class Net(nn.Module):
    """The whole; what is trained of it are the adapters.

    Args:
        weights: tensors by name, as `read_weights` gives them.
        alpha: the change counts alpha / rank times.
        dropout: of what an adapter is given, while it is trained.
        seed: of the adapters, which begin as no change.
    """

    def __init__(
        self,
        shape: Shape,
        weights: Iterator[tuple[str, NDArray[np.float32]]],
        *,
        rank: int,
        alpha: float,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.shape = shape
        self.token_embd = nn.Parameter(torch.empty(shape.vocabulary, shape.width), requires_grad=False)
        self.output: nn.Parameter | None = None
        self.output_norm = _Norm(shape.width, shape.epsilon)
        self.layers = nn.ModuleList(_Layer(shape, rank, alpha, dropout) for _ in range(shape.layers))
        angles = shape.base ** (-torch.arange(0, shape.rotated, 2, dtype=torch.float64) / shape.rotated)
        self.register_buffer("angles", angles.float(), persistent=False)
        for name, values in weights:
            self._take(name, torch.from_numpy(values))

    def _take(self, name: str, values: Tensor) -> None:
        """Put a tensor of the file in its place."""
        match name.split("."):
            case ["token_embd", "weight"]:
                self.token_embd.data = values
            case ["output", "weight"]:
                self.output = nn.Parameter(values, requires_grad=False)
            case ["output_norm", "weight"]:
                self.output_norm.weight.data = values
            case ["rope_freqs", "weight"]:
                self.angles.data = self.angles / values  # as Llama 3.1 stretches them
            case ["blk", number, part, kind]:
                module = self.layers[int(number)].get_submodule(part)
                if kind == "bias":
                    module.bias = nn.Parameter(values, requires_grad=False)
                else:
                    module.weight.data = values
            case _:
                raise AttributeError(name)

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens [texts, length] -> hidden states behind the last norm, [texts, length, width].

        What stands behind a text's end changes nothing before it.
        """
        x = functional.embedding(tokens, self.token_embd)
        angles = torch.outer(torch.arange(tokens.shape[1], device=tokens.device).float(), self.angles)
        turn = (angles.cos()[:, None].to(x.dtype), angles.sin()[:, None].to(x.dtype))
        for layer in self.layers:
            x = layer(x, turn)
        return self.output_norm(x)

    @property
    def table(self) -> Tensor:
        """The rows of the vocabulary at the output, [vocabulary, width]."""
        return self.token_embd if self.output is None else self.output

    def logits(self, states: Tensor) -> Tensor:
        """[..., width] -> [..., vocabulary]."""
        return functional.linear(states, self.table)

    def trained(self) -> dict[str, nn.Parameter]:
        """What is trained, by the names that a GGUF adapter has for it."""
        return {
            f"blk.{number}.{name}.weight.lora_{part}": getattr(layer.get_submodule(name), part)
            for number, layer in enumerate(self.layers)
            for name in MATRICES
            for part in ("a", "b")
        }


def _turned(x: Tensor, turn: tuple[Tensor, Tensor], shape: Shape) -> Tensor:
    """Rotate [texts, tokens, heads, head] by the positions."""
    cosine, sine = turn
    own, rest = x[..., : shape.rotated], x[..., shape.rotated :]
    if shape.interleaved:
        one, other = own[..., 0::2], own[..., 1::2]
    else:
        one, other = own.chunk(2, dim=-1)
    pair = (one * cosine - other * sine, one * sine + other * cosine)
    turned = torch.stack(pair, dim=-1).flatten(-2) if shape.interleaved else torch.cat(pair, dim=-1)
    return torch.cat([turned, rest], dim=-1) if rest.shape[-1] else turned
