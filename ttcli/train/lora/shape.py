"""What a network is, by the header of its GGUF: the families whose computation `net` knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ttcli.errors import ModelError
from ttcli.files.gguf import Array, read_header
from ttcli.files.parts import parts

FAMILIES = ("llama", "qwen2", "qwen3")  # llama.cpp's names; Mistral's models and SmolLM go by llama
MATRICES = ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down")  # of a layer


@dataclass(frozen=True, slots=True)
class Shape:
    """A network of one of the families."""

    family: str
    layers: int
    width: int
    inner: int  # of the feed-forward part
    heads: int
    shared_heads: int  # of keys and values
    head: int  # width of a head
    vocabulary: int
    epsilon: float  # of the norms
    base: float  # of the rotations
    rotated: int  # of a head: what is turned by the position
    tied: bool  # the table of tokens serves at the output too

    @property
    def interleaved(self) -> bool:
        """Whether neighbours are turned together, rather than halves."""
        return self.family == "llama"

    def matrix(self, name: str) -> tuple[int, int]:
        """The outputs and inputs of a matrix of a layer."""
        queries, keys = self.heads * self.head, self.shared_heads * self.head
        return {
            "attn_q": (queries, self.width),
            "attn_k": (keys, self.width),
            "attn_v": (keys, self.width),
            "attn_output": (self.width, queries),
            "ffn_gate": (self.inner, self.width),
            "ffn_up": (self.inner, self.width),
            "ffn_down": (self.width, self.inner),
        }[name]


def read_shape(path: Path) -> Shape:
    """The shape of the network in a GGUF, the first file of a split one.

    Raises:
        ModelError: it is of another family, or has parts that the family's usual computation does not.
    """
    headers = [read_header(part) for part in parts(path)]
    told = headers[0].metadata
    tensors = {tensor.name: tensor.shape for header in headers for tensor in header.tensors}
    family = str(told.get("general.architecture"))
    hint = f"a model of the families {', '.join(FAMILIES)}"
    if family not in FAMILIES:
        raise ModelError(f"{path.name} is of the architecture {family}, on which ttc trains no adapters", hint=hint)
    if odd := _odd(told, family, tensors):
        raise ModelError(f"{path.name} has {odd}, on which ttc trains no adapters", hint=hint)
    heads = _number(told, family, "attention.head_count")
    head = _number(told, family, "attention.key_length", _number(told, family, "embedding_length") // heads)
    return Shape(
        family=family,
        layers=_number(told, family, "block_count"),
        width=_number(told, family, "embedding_length"),
        inner=_number(told, family, "feed_forward_length"),
        heads=heads,
        shared_heads=_number(told, family, "attention.head_count_kv", heads),
        head=head,
        vocabulary=tensors["token_embd.weight"][1],
        epsilon=float(told[f"{family}.attention.layer_norm_rms_epsilon"]),
        base=float(told.get(f"{family}.rope.freq_base", 10000.0)),
        rotated=_number(told, family, "rope.dimension_count", head),
        tied="output.weight" not in tensors,
    )


def _number(told: Mapping[str, Any], family: str, name: str, default: int | None = None) -> int:
    value = told.get(f"{family}.{name}", default)
    if isinstance(value, Array):  # a value per layer
        value = value.values[0]
    assert value is not None, name  # llama.cpp has loaded it
    return int(value)


def _odd(told: Mapping[str, Any], family: str, tensors: Mapping[str, object]) -> str | None:
    """What is not as usual; None: nothing."""
    if any("_exps." in name for name in tensors):
        return "a mixture of experts"
    if str(told.get(f"{family}.rope.scaling.type", "none")) not in ("none", ""):
        return f"rotations scaled by {told[f'{family}.rope.scaling.type']}"
    if any(".attn_qkv." in name for name in tensors):
        return "queries, keys and values in one matrix"
    several = [
        key for key in ("head_count", "head_count_kv") if isinstance(told.get(f"{family}.attention.{key}"), Array)
    ]
    if any(len({*told[f"{family}.attention.{key}"].values}) > 1 for key in several):
        return "layers of different heads"
    return None
