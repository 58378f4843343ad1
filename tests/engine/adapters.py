"""Small LoRA adapters for the small model."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

BLOCKS = (0, 7, 15)
RANK = 4
WIDTH = 576  # of the small model


def write_adapter(
    path: Path, *, scale: float = 1.0, architecture: str = "llama", kind: str = "adapter", width: int = WIDTH
) -> Path:
    """One on the query weights of some blocks; at scale 0 its second factor is nothing, so it changes nothing."""
    rng = np.random.default_rng(3)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(kind)
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 2.0 * RANK)
    for block in BLOCKS:
        name = f"blk.{block}.attn_q.weight"
        writer.add_tensor(f"{name}.lora_a", rng.normal(0, 0.1, (RANK, width)).astype(np.float32))
        writer.add_tensor(f"{name}.lora_b", scale * rng.normal(0, 0.1, (width, RANK)).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
