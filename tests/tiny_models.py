"""Tiny GGUF models with random weights, one per kind of memory that people's models have: for mechanics, not answers.

Some 700 kB each: 4 layers of 64, a tokenizer of 256 bytes and a few control tokens, ChatML as chat template.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

ATTENTION = ("llama", "gemma3", "qwen3moe")  # plain; sliding windows; mixture of experts
ADAPTED = ("llama", "qwen2", "qwen3")  # on which adapters are trained
HYBRID = ("lfm2", "qwen35", "granitehybrid")  # short convolutions, a gated delta net, or Mamba 2 beside attention
RECURRENT = ("mamba",)
ARCHITECTURES = (*ATTENTION, *HYBRID, *RECURRENT)

_WIDTH, _INNER, _LAYERS, _HEADS, _KV_HEADS, _HEAD, _CONTEXT = 64, 128, 4, 4, 2, 16, 4096
_CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
_WORDS, _MERGES = ("Ye", "Yes", "No"), ("Y e", "Ye s", "N o")
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_EXPERTS = 4
THINK = ("<think>", "</think>")
# as Qwen3.5's: a switch, and the opening tag in the prompt
SWITCHED = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% else %}<think>\n{% endif %}{% endif %}"
)


def write_tiny(
    path: Path,
    architecture: str,
    *,
    seed: int = 0,
    template: str | None = _TEMPLATE,
    bos: bool = False,
    causal: bool = True,
    split: int = 0,
    words: tuple[str, ...] = (),
) -> Path:
    """Write a model of an architecture; the same seed, the same weights.

    Args:
        bos: whether prompts begin with a token of their own.
        causal: whether it reads from left to right only.
        split: tensors per file, NAME-00001-of-0000N.gguf and so on; 0: all in one.
        words: that are tokens of their own, such as tags.
    """
    writer = gguf.GGUFWriter(path, architecture, split_max_tensors=split)
    _head(writer, architecture, template, words)
    writer.add_add_bos_token(bos)
    if not causal:
        writer.add_causal_attention(False)
    tensors = _Tensors(writer, np.random.default_rng(seed))
    # gemma multiplies them by the root of their width
    scale = 0.125 if architecture == "gemma3" else 1.0
    tensors.random("token_embd.weight", len(_tokens()) + len(words), _WIDTH, scale=scale)
    tensors.filled("token_embd_norm.weight" if architecture == "lfm2" else "output_norm.weight", 1.0, _WIDTH)
    _WRITERS[architecture](writer, tensors)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


class _Tensors:
    """Adds tensors to a file."""

    def __init__(self, writer: gguf.GGUFWriter, rng: np.random.Generator) -> None:
        self._writer = writer
        self._rng = rng

    def random(self, name: str, *shape: int, scale: float | None = None) -> None:
        """Normal weights; `scale` None: such that sums over the last dimension are of the order of 1."""
        self.given(name, self._rng.normal(0, scale or 1.2 / np.sqrt(shape[-1]), shape))

    def filled(self, name: str, value: float, *shape: int) -> None:
        self.given(name, np.full(shape, value))

    def given(self, name: str, data: NDArray[np.float64]) -> None:
        self._writer.add_tensor(name, data.astype(np.float32))


def _tokens() -> list[str]:
    """The 256 bytes in GPT-2's printable stand-ins, the control tokens, and what a judge is to say."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [*(chr(byte if byte in printable else next(others)) for byte in range(256)), *_CONTROL, *_WORDS]


def _head(writer: gguf.GGUFWriter, architecture: str, template: str | None, own: tuple[str, ...]) -> None:
    tokens = [*_tokens(), *own]
    writer.add_name(f"tiny-{architecture}")
    writer.add_context_length(_CONTEXT)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(len(tokens))
    if architecture != "mamba":
        writer.add_head_count(_HEADS)
        writer.add_key_length(_HEAD)
        writer.add_value_length(_HEAD)
        writer.add_rope_freq_base(10000.0)
        writer.add_rope_dimension_count(_HEAD)
        writer.add_feed_forward_length(_INNER)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    words, control, tags = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL, gguf.TokenType.USER_DEFINED
    writer.add_token_types([words] * 256 + [control] * len(_CONTROL) + [words] * len(_WORDS) + [tags] * len(own))
    writer.add_token_merges(_MERGES)
    writer.add_bos_token_id(256)
    writer.add_eos_token_id(258)
    if template is not None:
        writer.add_chat_template(template)


def _attention(tensors: _Tensors, block: str, *, gated: bool = False, normed: bool = False) -> None:
    tensors.random(f"{block}.attn_q.weight", _HEADS * _HEAD * (2 if gated else 1), _WIDTH, scale=0.4)
    tensors.random(f"{block}.attn_k.weight", _KV_HEADS * _HEAD, _WIDTH, scale=0.4)
    tensors.random(f"{block}.attn_v.weight", _KV_HEADS * _HEAD, _WIDTH)
    tensors.random(f"{block}.attn_output.weight", _WIDTH, _HEADS * _HEAD)
    if normed:
        tensors.filled(f"{block}.attn_q_norm.weight", 1.0, _HEAD)
        tensors.filled(f"{block}.attn_k_norm.weight", 1.0, _HEAD)


def _feed_forward(tensors: _Tensors, block: str) -> None:
    for name, shape in (("gate", (_INNER, _WIDTH)), ("up", (_INNER, _WIDTH)), ("down", (_WIDTH, _INNER))):
        tensors.random(f"{block}.ffn_{name}.weight", *shape)


def _norms(tensors: _Tensors, block: str, *names: str) -> None:
    for name in names:
        tensors.filled(f"{block}.{name}.weight", 1.0, _WIDTH)


def _llama(writer: gguf.GGUFWriter, tensors: _Tensors) -> None:
    writer.add_head_count_kv(_KV_HEADS)
    for block in _blocks():
        _norms(tensors, block, "attn_norm", "ffn_norm")
        _attention(tensors, block)
        _feed_forward(tensors, block)


def _qwen2(writer: gguf.GGUFWriter, tensors: _Tensors) -> None:
    _llama(writer, tensors)
    for block in _blocks():
        for name, heads in (("attn_q", _HEADS), ("attn_k", _KV_HEADS), ("attn_v", _KV_HEADS)):
            tensors.random(f"{block}.{name}.bias", heads * _HEAD, scale=0.3)


def _qwen3(writer: gguf.GGUFWriter, tensors: _Tensors) -> None:
    _llama(writer, tensors)
    for block in _blocks():
        tensors.filled(f"{block}.attn_q_norm.weight", 1.1, _HEAD)
        tensors.filled(f"{block}.attn_k_norm.weight", 0.9, _HEAD)


def _gemma3(writer: gguf.GGUFWriter, tensors: _Tensors) -> None:
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_sliding_window(64)
    for block in _blocks():
        _norms(tensors, block, "attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm")
        _attention(tensors, block, normed=True)
        _feed_forward(tensors, block)


def _qwen3moe(writer: gguf.GGUFWriter, tensors: _Tensors) -> None:
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_expert_count(_EXPERTS)
    writer.add_expert_used_count(2)
    writer.add_expert_feed_forward_length(_INNER)
    for block in _blocks():
        _norms(tensors, block, "attn_norm", "ffn_norm")
        _attention(tensors, block, normed=True)
        tensors.random(f"{block}.ffn_gate_inp.weight", _EXPERTS, _WIDTH)
        for name, shape in (("gate", (_INNER, _WIDTH)), ("up", (_INNER, _WIDTH)), ("down", (_WIDTH, _INNER))):
            tensors.random(f"{block}.ffn_{name}_exps.weight", _EXPERTS, *shape)


def _lfm2(writer: gguf.GGUFWriter, tensors: _Tensors) -> None:
    writer.add_shortconv_l_cache(3)
    writer.add_head_count_kv([0, _KV_HEADS] * (_LAYERS // 2))
    for number, block in enumerate(_blocks()):
        _norms(tensors, block, "attn_norm", "ffn_norm")
        _feed_forward(tensors, block)
        if number % 2:
            _attention(tensors, block, normed=True)
        else:
            tensors.random(f"{block}.shortconv.conv.weight", _WIDTH, 3, scale=0.6)
            tensors.random(f"{block}.shortconv.in_proj.weight", 3 * _WIDTH, _WIDTH)
            tensors.random(f"{block}.shortconv.out_proj.weight", _WIDTH, _WIDTH)


def _qwen35(writer: gguf.GGUFWriter, tensors: _Tensors) -> None:
    state, groups, ranks, kernel = 16, 2, 4, 4  # head size; key heads; value heads; convolution
    key, value = state * groups, state * ranks
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_rope_dimension_sections([3, 3, 2, 0])
    _state_space(writer, kernel=kernel, inner=value, state=state, ranks=ranks)
    writer.add_ssm_group_count(groups)
    writer.add_uint32("qwen35.full_attention_interval", 2)
    for number, block in enumerate(_blocks()):
        _norms(tensors, block, "attn_norm", "post_attention_norm")
        _feed_forward(tensors, block)
        if number % 2:
            _attention(tensors, block, gated=True, normed=True)
            continue
        tensors.random(f"{block}.attn_qkv.weight", 2 * key + value, _WIDTH)
        tensors.random(f"{block}.attn_gate.weight", value, _WIDTH)
        tensors.random(f"{block}.ssm_conv1d.weight", 2 * key + value, kernel, scale=0.6)
        tensors.filled(f"{block}.ssm_dt.bias", 0.5, ranks)
        tensors.given(f"{block}.ssm_a", -np.linspace(0.1, 1.0, ranks))
        tensors.random(f"{block}.ssm_beta.weight", ranks, _WIDTH)
        tensors.random(f"{block}.ssm_alpha.weight", ranks, _WIDTH)
        tensors.filled(f"{block}.ssm_norm.weight", 1.0, state)
        tensors.random(f"{block}.ssm_out.weight", _WIDTH, value)


def _granitehybrid(writer: gguf.GGUFWriter, tensors: _Tensors) -> None:
    state, heads, kernel = 16, 8, 4
    mixed = _INNER + 2 * state
    writer.add_head_count_kv([0, _KV_HEADS] * (_LAYERS // 2))
    _state_space(writer, kernel=kernel, inner=_INNER, state=state, ranks=heads)
    writer.add_ssm_group_count(1)
    for number, block in enumerate(_blocks()):
        _norms(tensors, block, "attn_norm", "ffn_norm")
        _feed_forward(tensors, block)
        if number % 2:
            _attention(tensors, block)
            continue
        tensors.random(f"{block}.ssm_in.weight", _INNER + mixed + heads, _WIDTH)
        tensors.random(f"{block}.ssm_conv1d.weight", mixed, kernel, scale=0.6)
        tensors.filled(f"{block}.ssm_conv1d.bias", 0.0, mixed)
        tensors.filled(f"{block}.ssm_dt.bias", -1.0, heads)
        tensors.given(f"{block}.ssm_a", -np.linspace(0.1, 1.0, heads)[:, None])
        tensors.filled(f"{block}.ssm_d", 1.0, heads, 1)
        tensors.filled(f"{block}.ssm_norm.weight", 1.0, 1, _INNER)
        tensors.random(f"{block}.ssm_out.weight", _WIDTH, _INNER)


def _mamba(writer: gguf.GGUFWriter, tensors: _Tensors) -> None:
    state, ranks, kernel = 16, 4, 4
    writer.add_head_count(0)
    writer.add_feed_forward_length(0)
    _state_space(writer, kernel=kernel, inner=_INNER, state=state, ranks=ranks)
    for block in _blocks():
        _norms(tensors, block, "attn_norm")
        tensors.random(f"{block}.ssm_in.weight", 2 * _INNER, _WIDTH)
        tensors.random(f"{block}.ssm_conv1d.weight", _INNER, kernel, scale=0.6)
        tensors.filled(f"{block}.ssm_conv1d.bias", 0.0, _INNER)
        tensors.random(f"{block}.ssm_x.weight", ranks + 2 * state, _INNER)
        tensors.random(f"{block}.ssm_dt.weight", _INNER, ranks)
        tensors.filled(f"{block}.ssm_dt.bias", -1.0, _INNER)
        tensors.given(f"{block}.ssm_a", -np.tile(np.linspace(0.1, 1.0, state), (_INNER, 1)))
        tensors.filled(f"{block}.ssm_d", 1.0, _INNER)
        tensors.random(f"{block}.ssm_out.weight", _WIDTH, _INNER)


def _state_space(writer: gguf.GGUFWriter, *, kernel: int, inner: int, state: int, ranks: int) -> None:
    writer.add_ssm_conv_kernel(kernel)
    writer.add_ssm_inner_size(inner)
    writer.add_ssm_state_size(state)
    writer.add_ssm_time_step_rank(ranks)


def _blocks() -> list[str]:
    return [f"blk.{number}" for number in range(_LAYERS)]


_WRITERS: dict[str, Callable[[gguf.GGUFWriter, _Tensors], None]] = {
    "llama": _llama,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "gemma3": _gemma3,
    "qwen3moe": _qwen3moe,
    "lfm2": _lfm2,
    "qwen35": _qwen35,
    "granitehybrid": _granitehybrid,
    "mamba": _mamba,
}
