"""Tokens per second of one batch, on stdout: the worker of neighbour.py.

python benchmarks/speed.py MODEL.gguf TEXTS TOKENS
"""

from __future__ import annotations

import sys
from pathlib import Path

from engine import PROBLEM, Endless, engine

from ttcli.engine.template import ChatTemplate
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem


def main() -> None:
    path, texts, tokens = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    model = Endless(path)
    prompt = ChatTemplate(model).encode(Prompt().messages(Problem(PROBLEM)))
    engine(model, prompt, texts, 2, texts)  # warm: pages in, kernels chosen
    print(texts * tokens / engine(model, prompt, texts, tokens, texts))


if __name__ == "__main__":
    main()
