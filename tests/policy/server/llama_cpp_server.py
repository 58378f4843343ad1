"""llama-cpp-python's own server, started as `python -m llama_cpp.server` does.

The engine's way to load the library comes first: it steers clear of kernels that this machine's build would crash in.
"""

from __future__ import annotations

import runpy

from ttcli.engine.library import library

if __name__ == "__main__":
    library()
    runpy.run_module("llama_cpp.server", run_name="__main__", alter_sys=True)
