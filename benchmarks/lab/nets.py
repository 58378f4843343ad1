"""The laboratory's networks, as transformers has them, and how they are written as GGUF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
import torch
import words
from gguf.quants import quantize
from numpy.typing import NDArray

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CONTEXT = 1024
THETA = 10_000.0
_EPSILON = 1e-5


def llama(width: int, layers: int, heads: int, inner: int) -> PreTrainedModel:
    """A transformer of the llama family with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            num_key_value_heads=heads,
            intermediate_size=inner,
            rms_norm_eps=_EPSILON,
            **_common(width),
        )
    )


def lfm2(width: int, kinds: str, heads: int, inner: int) -> PreTrainedModel:
    """A hybrid of short convolutions and attention; `kinds` has a letter per layer, c or a."""
    from transformers import Lfm2Config, Lfm2ForCausalLM

    return Lfm2ForCausalLM(
        Lfm2Config(
            hidden_size=width,
            num_hidden_layers=len(kinds),
            num_attention_heads=heads,
            num_key_value_heads=heads,
            intermediate_size=inner,
            block_auto_adjust_ff_dim=False,
            norm_eps=_EPSILON,
            conv_L_cache=3,
            layer_types=["conv" if kind == "c" else "full_attention" for kind in kinds],
            **_common(width),
        )
    )


def _common(width: int) -> dict[str, Any]:
    return {
        "initializer_range": width**-0.5,
        "vocab_size": words.SIZE,
        "max_position_embeddings": CONTEXT,
        "rope_theta": THETA,
        "tie_word_embeddings": False,
        "bos_token_id": words.BOS,
        "eos_token_id": words.EOS,
        "pad_token_id": words.PAD,
    }


def size(net: torch.nn.Module) -> int:
    """How many weights it has."""
    return sum(weight.numel() for weight in net.parameters())


def write(net: PreTrainedModel, path: Path, name: str, *, kind: str = "Q8_0", template: str = words.TEMPLATE) -> None:
    """Write a network as GGUF; `kind` is that of the matrices, F16, F32 or Q8_0, and `template` that of its chat."""
    family = net.config.model_type
    writer = gguf.GGUFWriter(path, family)
    _head(writer, net, name)
    writer.add_chat_template(template)
    for ours, theirs in net.state_dict().items():
        _put(writer, _named(ours), _turned(ours, theirs, net, family), kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _head(writer: gguf.GGUFWriter, net: PreTrainedModel, name: str) -> None:
    config = net.config
    heads = config.num_attention_heads
    writer.add_name(name)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(heads)
    if config.model_type == "lfm2":
        writer.add_head_count_kv([0 if kind == "conv" else heads for kind in config.layer_types])
        writer.add_shortconv_l_cache(config.conv_L_cache)
    else:
        writer.add_head_count_kv(heads)
    writer.add_layer_norm_rms_eps(_EPSILON)
    writer.add_rope_dimension_count(config.hidden_size // heads)
    writer.add_rope_freq_base(THETA)
    writer.add_vocab_size(words.SIZE)
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    letters = [chr(byte if byte in printable else next(others)) for byte in range(256)]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([*letters, *words.SPECIAL])
    kinds = gguf.TokenType
    special = [kinds.CONTROL if token in words.CONTROL else kinds.USER_DEFINED for token in range(256, words.SIZE)]
    writer.add_token_types([kinds.NORMAL] * 256 + special)
    writer.add_token_merges([f"{letters[0]} {letters[1]}"])  # the key must be there; two bytes that never meet
    writer.add_bos_token_id(words.BOS)
    writer.add_eos_token_id(words.EOS)
    writer.add_pad_token_id(words.PAD)
    writer.add_add_bos_token(True)


def read(net: PreTrainedModel, path: Path) -> None:
    """Give a network of the llama family the weights that `write` has written, as exact as they are in the file."""
    found = gguf.GGUFReader(path).tensors
    tensors = {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in found}
    heads = net.config.num_attention_heads
    with torch.no_grad():
        for ours, theirs in net.state_dict().items():
            data = tensors[_named(ours)]
            if _turns(ours, "llama"):
                rows, columns = data.shape
                data = data.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)
            theirs.copy_(torch.from_numpy(np.array(data)))


_PARTS = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.out_proj": "attn_output",
    "self_attn.q_layernorm": "attn_q_norm",
    "self_attn.k_layernorm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "feed_forward.w1": "ffn_gate",
    "feed_forward.w3": "ffn_up",
    "feed_forward.w2": "ffn_down",
    "input_layernorm": "attn_norm",
    "operator_norm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "ffn_norm": "ffn_norm",
    "conv.conv": "shortconv.conv",
    "conv.in_proj": "shortconv.in_proj",
    "conv.out_proj": "shortconv.out_proj",
}
_WHOLE = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "model.embedding_norm.weight": "token_embd_norm.weight",  # where llama.cpp looks for lfm2's last norm
    "lm_head.weight": "output.weight",
}


def _named(name: str) -> str:
    """What llama.cpp calls a tensor."""
    if name in _WHOLE:
        return _WHOLE[name]
    _, _, block, part = name.removesuffix(".weight").split(".", 3)
    return f"blk.{block}.{_PARTS[part]}.weight"


def _turned(name: str, weight: torch.Tensor, net: PreTrainedModel, family: str) -> NDArray[np.float32]:
    """A tensor as llama.cpp wants it: llama's queries and keys turn pairs that lie side by side there."""
    data: NDArray[np.float32] = weight.detach().float().numpy()
    if _turns(name, family):
        heads = net.config.num_attention_heads
        rows, columns = data.shape
        data = data.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    if name.endswith("conv.conv.weight"):
        data = data[:, 0, :]
    return np.ascontiguousarray(data)


def _turns(name: str, family: str) -> bool:
    """Whether rows of a tensor stand in another order in a file."""
    return family == "llama" and ("q_proj" in name or "k_proj" in name)


def _put(writer: gguf.GGUFWriter, name: str, data: NDArray[np.float32], kind: str) -> None:
    if data.ndim == 1 or "shortconv.conv" in name or kind == "F32":
        writer.add_tensor(name, data)
    elif kind == "F16":
        writer.add_tensor(name, data.astype(np.float16))
    else:
        quantization = gguf.GGMLQuantizationType[kind]
        writer.add_tensor(name, quantize(data, quantization), raw_dtype=quantization)
