"""Seconds that llama.cpp's own C++ server takes for N texts of one prompt, in process: a worker of engine.py.

    PEER/bin/python benchmarks/server.py MODEL.gguf TEXTS TOKENS THREADS < prompt.json

Runs in an environment of its own that has xllamacpp and not ttc. The prompt is a list of token ids; a line of JSON
comes out: seconds of a first call that warms up, with two tokens, and of one with all.
"""

from __future__ import annotations

import json
import sys
import time

import xllamacpp


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
        drawn = sum(
            each["usage"]["completion_tokens"] if "usage" in each else each["tokens_predicted"]
            for each in (told if isinstance(told, list) else [told])
        )
        if drawn != texts * count:
            sys.exit(f"the server drew {drawn} tokens instead of {texts} x {count}: {str(told)[:300]}")
    print(json.dumps({"warm": seconds[0], "seconds": seconds[1]}))


if __name__ == "__main__":
    main()
