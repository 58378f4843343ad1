"""Seconds that llama.cpp's own C++ server takes for N texts of one prompt, in process: a worker of engine.py.

    PEER/bin/python benchmarks/server.py MODEL.gguf TEXTS TOKENS THREADS < prompt.json

Runs in an environment of its own that has xllamacpp and not ttc. The prompt is a list of token ids; a line of JSON
comes out: seconds of a first call that warms up, with two tokens, and of one with all.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import xllamacpp


def complete(replies: list[dict[str, Any]], texts: int, count: int) -> bool:
    """Whether so many texts of so many tokens came; some versions count the tokens of one choice, and all are alike."""
    if len(replies) > 1:
        return sum(reply["tokens_predicted"] for reply in replies) == texts * count
    drawn = replies[0]["usage"]["completion_tokens"]
    return len(replies[0]["choices"]) == texts and drawn in (count, texts * count)


def main() -> None:
    path, texts, tokens, threads = sys.argv[1], *map(int, sys.argv[2:])
    prompt = json.load(sys.stdin)
    params = xllamacpp.CommonParams()
    params.model.path = path
    params.n_parallel = texts
    params.n_ctx = texts * 256 * -(-(len(prompt) + tokens + 1) // 256)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    server = xllamacpp.Server(params)
    seconds = []
    for count in (2, tokens):
        begin = time.perf_counter()
        told = server.handle_completions(
            {
                "prompt": prompt,
                "n": texts,
                "n_predict": count,
                "ignore_eos": True,
                "cache_prompt": False,
                "temperature": 0.8,
                "top_k": 40,
                "top_p": 0.95,
                "min_p": 0.0,
                "seed": 1,
            }
        )
        seconds.append(time.perf_counter() - begin)
        if not complete(told if isinstance(told, list) else [told], texts, count):
            sys.exit(f"the server did not draw {texts} texts of {count} tokens: {str(told)[:300]}")
    print(json.dumps({"warm": seconds[0], "seconds": seconds[1]}))


if __name__ == "__main__":
    main()
