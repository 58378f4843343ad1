"""What kind of GGUF a header tells of: a language model, or something that goes by the same ending.

Keys and names are those of llama.cpp's converters (gguf-py/gguf/constants.py) and of ComfyUI's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

_ENCODERS = {
    *("bert", "modern-bert", "neo-bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "eurobert"),
    *("gemma-embedding", "llama-embed", "t5", "t5encoder", "wavtokenizer-dec"),
}
_DIFFUSION = {"dream", "llada", "llada-moe", "rnd1"}
_PICTURES = {"flux", "sd1", "sd3", "sdxl", "aura", "cosmos", "hidream", "hyvid", "ltxv", "lumina2", "qwen_image", "wan"}
_RECURRENT = {"mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"}
_STATES = (".ssm.", ".shortconv.", ".kda.", ".wkv.")  # keys of layers that keep a state
_TOWERS = ("v.", "mm.", "a.")  # what the tensors of a tower for pictures or sound begin with
_POOLED, _RANKED = ("1", "2", "3"), "4"  # llama.cpp's pooling types: mean, first, last; a classifier
# the width from which on the text models of an architecture have a table of their own at the output
_UNTIED = {"llama": 4096, "qwen2": 3584, "qwen3": 4096}
_HEAD_LOST = re.compile(  # reward models whose heads llama.cpp's conversion leaves behind
    r"qwen2\.5-math-(?:\w+-)?(?:prm|rm)|prm800k|prm-math-7b-reasoner|skywork-(?:o1-open-prm|reward|prm)|reasonflux-prm"
    r"|universalprm|eurus-rm|armorm|internlm2.*-reward|reward-model|(?:sequence|token)-?classification",
    re.IGNORECASE,
)
NAMES = ("general.name", "general.basename", "general.base_model.0.name")  # keys: what a file says it is called
LOST_HEAD = (
    "llama.cpp's conversion drops the reward head of such a model, so what is left can write text and score nothing"
)
OTHER_MODEL = "choose a model that writes text from left to right: ttc models list"


class Unfit(NamedTuple):
    """Why a file is not what it is wanted for, and what helps."""

    reason: str  # goes on from "FILE "
    hint: str


def is_adapter(told: Mapping[str, Any]) -> bool:
    """Whether a file is a change to the weights of another one, by its metadata."""
    return told.get("general.type") == "adapter" or "adapter.type" in told


def no_model(told: Mapping[str, Any], names: Collection[str]) -> Unfit | None:
    """Why a file is no language model; None: by its metadata and tensors it is one, or encodes text."""
    architecture, kind = str(told.get("general.architecture", "")), str(told.get("general.type", "model"))
    if is_adapter(told):
        return Unfit("is a LoRA adapter, and no model", "name the model it was made for; --reviser takes an adapter")
    if kind == "mmproj" or architecture == "clip":
        return Unfit("is a projector for pictures or sound (mmproj), and no model", "name the model it belongs to")
    if kind == "imatrix":
        return Unfit("is an importance matrix for quantizing, and no model", "name the model itself")
    if architecture == "controlvector":
        return Unfit("is a control vector, and no model", "name the model it was made for")
    if architecture in _PICTURES:
        return Unfit(f"makes pictures ({architecture}), and no text", OTHER_MODEL)
    if "token_embd.weight" in names and any(name.startswith(_TOWERS) for name in names):
        return Unfit(
            "holds a tower for pictures beside the text model, as Ollama packs some, which llama.cpp does not load",
            "take the text model as a GGUF of its own: --model hf:OWNER/REPO:Q4_K_M",
        )
    if not names and "tokenizer.ggml.model" in told and told.get("split.count", 0) in (0, 1):
        return Unfit("holds a vocabulary and no weights", "name the model itself")
    return None


def no_writer(told: Callable[[str], object], has_output: Callable[[], bool]) -> str | None:
    """Why a language model does not write text from left to right, going on from "FILE "; None: it does.

    Args:
        told: a value of the metadata by its key, as itself or as text; None: there is none.
        has_output: whether there is a table at the output (`output.weight`).
    """
    architecture = str(told("general.architecture"))
    pooling = str(told(f"{architecture}.pooling_type"))
    if architecture in _DIFFUSION:
        return "is a diffusion model: it does not write from left to right"
    both_ways = str(told(f"{architecture}.attention.causal")).lower() == "false"  # as most embedders
    if architecture in _ENCODERS or both_ways:
        return "is an encoder model: it does not write text from a prompt"
    if pooling in _POOLED:
        return "is an embedder: it makes vectors of texts, and no text"
    if pooling == _RANKED:
        return "has a classifier at its end, and writes no text"
    width = told(f"{architecture}.embedding_length")
    if width is not None and int(str(width)) >= _UNTIED.get(architecture, 1 << 31) and not has_output():
        return (
            "has no table at its output, as text models of its size have: "
            "it is an embedder, or a reward model whose head the conversion dropped"
        )
    return None


def lost_head(*names: object) -> bool:
    """Whether something called so is a reward model that a conversion to GGUF leaves without its head."""
    return any(_HEAD_LOST.search(re.sub(r"[\s_]+", "-", str(name))) for name in names)


def memory_kind(metadata: Mapping[str, Any]) -> str:
    """The memory of a model by its metadata: attention, hybrid or recurrent, as `engine.memory` has them."""
    architecture = str(metadata.get("general.architecture", ""))
    if architecture in _RECURRENT:
        return "recurrent"
    states = any(key.startswith(tuple(architecture + part for part in _STATES)) for key in metadata)
    return "hybrid" if states else "attention"
