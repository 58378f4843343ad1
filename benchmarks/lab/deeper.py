"""A model with more layers behind its last, which change nothing yet (block expansion, arXiv 2401.02415).

    python benchmarks/lab/deeper.py models/lab/lab-policy.gguf deeper.gguf --layers 3

They are copies of the last one whose two matrices that write to the stream are zero, so the model says what it said,
and what is trained on it has layers of its own. Beside a GGUF out of the catalog belongs a TOML of its name with the
model's `[template]`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np

WRITING = ("attn_output", "ffn_down")  # to the stream
FAMILY, BLOCKS = "general.architecture", "{}.block_count"


class Layer(NamedTuple):
    """A tensor of the deeper model."""

    name: str
    tensor: gguf.ReaderTensor
    nothing: bool  # whether it is to be zero


def tensors(reader: gguf.GGUFReader, layers: int, more: int) -> Iterator[Layer]:
    """Those of the model, and those of so many more layers."""
    yield from (Layer(each.name, each, nothing=False) for each in reader.tensors)
    for number in range(layers, layers + more):
        for each in reader.tensors:
            _, last, name = each.name.partition(f"blk.{layers - 1}.")
            if last:
                yield Layer(f"blk.{number}.{name}", each, nothing=name.partition(".")[0] in WRITING)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--layers", type=int, default=3)
    options = parser.parse_args()
    reader = gguf.GGUFReader(options.model)
    told = {name: field for name, field in reader.fields.items() if not name.startswith("GGUF.")}
    family = str(told[FAMILY].contents())
    blocks = BLOCKS.format(family)
    layers = int(told[blocks].contents())
    writer = gguf.GGUFWriter(options.target, family)
    for name, field in told.items():
        if name != FAMILY:
            value = layers + options.layers if name == blocks else field.contents()
            writer.add_key_value(name, value, field.types[0], field.types[-1] if len(field.types) > 1 else None)
    for each in tensors(reader, layers, options.layers):
        if each.nothing:
            shape = [*reversed(each.tensor.shape.tolist())]
            writer.add_tensor(each.name, np.zeros(shape, np.float16))
        else:
            writer.add_tensor(each.name, each.tensor.data, raw_dtype=each.tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
