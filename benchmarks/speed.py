"""Tokens per second of one batch, its prompt apart, on stdout: the worker of neighbour.py.

python benchmarks/speed.py MODEL.gguf TEXTS TOKENS
"""

from __future__ import annotations

import sys
from pathlib import Path

from ways import PROBLEM, Clock, Endless, context, engine

from ttcli.engine.template import ChatTemplate
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem


def main() -> None:
    path, texts, tokens = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    model = Endless(path)
    prompt = ChatTemplate(model).encode(Prompt().messages(Problem(PROBLEM)))
    session = context(model, len(prompt), texts, tokens)
    clock = Clock(engine(session, prompt, texts, tokens))
    while clock.turn():
        pass
    print(clock.tokens_per_second)


if __name__ == "__main__":
    main()
