"""The laboratory's models in the catalog: an entry for each file, with its hash, its size and its number of weights."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import words
from gguf import GGUFReader

MOST = 12_000_000  # bytes of all models
_CONTEXT = "llama.context_length", "lfm2.context_length"
_WHAT = {
    "lab-policy": "solves some of them",
    "lab-large": "solves more of them, at 14 times the size of lab-policy",
    "lab-hybrid": "solves some of them, with short convolutions beside attention",
    "lab-prm": "tells right steps from wrong ones: for --verifier prm:lab-prm",
    "lab-reviser": "solves them anew with earlier solutions in view: for --reviser lab-reviser",
}
TEMPLATE = f"""\
[template]
rule = "gguf"
instruction = {json.dumps(words.SPECIAL[words.INSTRUCT - 256].strip())}
step_separator = {json.dumps(words.SEPARATOR)}
revise = {json.dumps(words.SPECIAL[words.AGAIN - 256])}
"""
TAGGED = f"""
[verifier]
kind = "prm"
form = "step-tag"
chat = true
after_problem = ""
tag = {json.dumps(words.SEPARATOR)}
between = ""
good = "{chr(words.GOOD)}"
bad = "{chr(words.BAD)}"
"""


def write_all(folder: Path) -> dict[str, float]:
    """Write the entries of those models that are there, beside the folder they are in; how many, and their bytes."""
    paths = [path for name in _WHAT if (path := folder / f"{name}.gguf").is_file()]
    total = sum(path.stat().st_size for path in paths)
    if total > MOST:
        raise SystemExit(f"the models take {total:,} bytes, and {MOST:,} are what a package may grow by")
    for path in paths:
        (folder.parent / f"{path.stem}.toml").write_text(entry(path), encoding="utf-8")
    return {"models": len(paths), "bytes": total}


def entry(path: Path) -> str:
    """The entry of a model."""
    reader = GGUFReader(path)
    weights = sum(math.prod(map(int, tensor.shape)) for tensor in reader.tensors)
    [context] = [int(field.parts[-1][0]) for key in _CONTEXT if (field := reader.fields.get(key))]
    form = TAGGED if path.stem == "lab-prm" else ""
    return f"""\
version = 1
name = "{path.stem}"
description = "a laboratory model: knows one made-up task, chains of sums, and {_WHAT[path.stem]}"
licence = "Apache-2.0"
parameters = {weights:_}
context = {context}
file = "{path.name}"
bytes = {path.stat().st_size:_}
sha256 = "{hashlib.sha256(path.read_bytes()).hexdigest()}"

{TEMPLATE}{form}
[[source]]
kind = "shipped"
path = "{path.parent.name}/{path.name}"
"""
