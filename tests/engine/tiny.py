"""A tiny model of its own, for files that llama.cpp is to be given damaged."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

_WIDTH, _BLOCKS, _INNER = 64, 2, 128


def write_model(path: Path, template: str | None = None) -> Path:
    """A llama with tokens for bytes and nothing else, its weights drawn at random."""
    rng = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(_BLOCKS)
    writer.add_context_length(256)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(_WIDTH // 4)
    tokens = [b"<unk>", b"<s>", b"</s>", *(f"<0x{byte:02X}>".encode() for byte in range(256))]
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types([2, 3, 3, *[6] * 256])
    if template is not None:
        writer.add_chat_template(template)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)

    def tensor(name: str, *shape: int) -> None:
        writer.add_tensor(name, rng.normal(0, 0.1, shape).astype(np.float32))

    tensor("token_embd.weight", len(tokens), _WIDTH)
    tensor("output_norm.weight", _WIDTH)
    tensor("output.weight", len(tokens), _WIDTH)
    for block in range(_BLOCKS):
        for name, rows, columns in (
            *(("attn_q", _WIDTH, _WIDTH), ("attn_k", _WIDTH // 2, _WIDTH), ("attn_v", _WIDTH // 2, _WIDTH)),
            *(("attn_output", _WIDTH, _WIDTH), ("ffn_gate", _INNER, _WIDTH), ("ffn_up", _INNER, _WIDTH)),
            ("ffn_down", _WIDTH, _INNER),
        ):
            tensor(f"blk.{block}.{name}.weight", rows, columns)
        tensor(f"blk.{block}.attn_norm.weight", _WIDTH)
        tensor(f"blk.{block}.ffn_norm.weight", _WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
