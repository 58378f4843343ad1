"""Problems with known answers, and what a way of spending comes to on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttcli.bench.measure import run

__all__ = ["run"]


def __getattr__(name: str) -> Any:
    if name == "run":  # not before it is asked for: it brings all the others
        from ttcli.bench import measure

        return measure.run
    raise AttributeError(f"module 'ttcli.bench' has no attribute {name!r}")
