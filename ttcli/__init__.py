"""Spend test-time compute well with small local GGUF models (after Snell et al. 2024, arXiv 2408.03314).

`ttcli.load` is where programs begin; `ttcli.answers` and `ttcli.bench` have what needs no model, and runs over many
problems. All of it is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttcli.api.result import Result, Score
    from ttcli.api.runtime import Runtime, load

__all__ = ["Result", "Runtime", "Score", "load"]
__version__ = "0.1.0"

_PLACES = {"load": "runtime", "Runtime": "runtime", "Result": "result", "Score": "result"}  # in ttcli.api


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(f"ttcli.api.{_PLACES[name]}"), name)
    if name in ("answers", "bench"):
        return import_module(f"ttcli.{name}")
    raise AttributeError(f"module 'ttcli' has no attribute {name!r}")
