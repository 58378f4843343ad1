"""A policy on a GGUF in this process: as the settings, the file and what was measured here say."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ttcli.interrupt import Interrupt
from ttcli.runtime.loader import Loaded, prompt_of, thinking_of
from ttcli.runtime.settings import Settings
from ttcli.runtime.width import streams_of, threads_of, width_of

if TYPE_CHECKING:
    from ttcli.engine.adapter import Adapter
    from ttcli.policy.local.policy import LocalPolicy
    from ttcli.policy.local.voice import Reviser


def local_policy(
    loaded: Loaded,
    settings: Settings,
    interrupt: Interrupt,
    stack: ExitStack,
    *,
    at_once: int | None = None,
    traced: bool = False,
    beams: int = 0,
    attempts: int = 0,
    adapter: Adapter | None = None,
    reviser: Adapter | Reviser | None = None,
    observe: Sequence[int] = (),
) -> LocalPolicy:
    """The policy, which is closed when the stack is.

    Args:
        at_once: texts that are wanted together at most; None: that is not known.

    The others are those of `LocalPolicy`, which says too what is raised.
    """
    # the engine brings numpy and llama.cpp: not before they are needed
    from ttcli.policy.local.policy import LocalPolicy

    local, model = loaded
    policy = LocalPolicy(
        model,
        name=local.label,
        prompt=prompt_of(local, settings),
        sampling=settings.sampling,
        max_tokens=settings.max_tokens,
        width=width_of(settings, local.path, at_once=at_once),
        streams=streams_of(settings, local.path),
        think=settings.thinking,
        thinking=thinking_of(model, local),
        traced=traced,
        beams=beams,
        attempts=attempts,
        adapter=adapter,
        reviser=reviser,
        observe=observe,
        threads=threads_of(settings),
        interrupted=interrupt,
        paused=lambda: interrupt.paused,
    )
    stack.callback(policy.close)
    return policy
