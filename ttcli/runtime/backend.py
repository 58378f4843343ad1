"""Backend sampling is tried with a model before it is trusted, and what was found is remembered."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.memories import recall, remember
from ttcli.catalog.progress import Progress
from ttcli.catalog.stored import LocalModel
from ttcli.runtime.settings import Machine

if TYPE_CHECKING:
    from ttcli.engine.backend_trial import Finding
    from ttcli.engine.model import Model

_ENDED = "the process ended while it was tried"


def learn_backend_sampling(model: Model, local: LocalModel, machine: Machine, progress: Progress) -> None:
    """Have a policy's model know whether the largest logits of its rows are to be picked on the GPU.

    They are where llama.cpp is built for one, is of a version that was looked into, and agreed with numpy when it was
    tried with these weights. What ends the process meanwhile is not tried again.
    """
    key = _key(local, machine.gpu_layers)
    if key is None or model.cannot_branch():
        return
    from ttcli.engine.backend_trial import Finding, try_backend_sampling

    finding = _recalled(key)
    if finding is None:
        remember(key, asdict(Finding(agrees=False, on_cpu=False, reason=_ENDED)))
        try:
            finding = try_backend_sampling(model, threads=machine.threads)
        except BaseException:  # Ctrl-C says nothing of it
            remember(key, {})
            raise
        remember(key, asdict(finding))
        if not finding.agrees:
            progress.note(f"whole rows of logits are read from the GPU, which takes longer: {finding.reason}")
    model.backend_sampling = finding.pays


def backend_fact(local: LocalModel) -> dict[str, str]:
    """What is known of it, for `ttc models info`: nothing in a build for the CPU."""
    key = _key(local, None)
    if key is None:
        return {}
    finding = _recalled(key)
    return {"top-k on the GPU": finding.summary if finding else "not tried yet"}


def _key(local: LocalModel, gpu_layers: int | None) -> str | None:
    """What a finding is kept under; None: it is not offered."""
    from ttcli.engine.backend_sampling import version_offering

    version = None if gpu_layers == 0 else version_offering()
    layers = "all" if gpu_layers is None else gpu_layers
    return version and f"{fingerprint(local)}, llama-cpp-python {version}, GPU, {layers} layers, backend sampling"


def _recalled(key: str) -> Finding | None:
    from ttcli.engine.backend_trial import Finding

    try:
        return Finding(**recall(key) or {})
    except TypeError:  # nothing, or by another version of ttc
        return None
