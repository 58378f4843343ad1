"""Write a copy of a GGUF in another quantization, to time what arithmetic it costs: `python benchmarks/requantize.py`.

    python benchmarks/requantize.py smollm2-135m q4_0 OUT.gguf

What was lost by the first quantization stays lost: such copies are for clocks, not for answers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import llama_cpp

from ttcli.catalog.pull import resolve
from ttcli.terminal.download import download_progress

KINDS = {
    "f16": llama_cpp.LLAMA_FTYPE_MOSTLY_F16,
    "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0,
    "q4_1": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_1,
    "q4_k_m": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a name of the catalog, or a file")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    path = resolve(options.model, offline=False, progress=download_progress()).path
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype, params.allow_requantize = KINDS[options.kind], True
    if llama_cpp.llama_model_quantize(str(path).encode(), str(options.out).encode(), params):
        raise SystemExit(f"llama.cpp could not write {path.name} as {options.kind}")


if __name__ == "__main__":
    main()
