"""Trained adapters by name, and whether one belongs to a model."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from ttcli.catalog.fingerprint import fingerprint
from ttcli.catalog.stored import LocalModel, locate
from ttcli.errors import ModelError
from ttcli.files.paths import adapters_dir
from ttcli.files.trained import AdapterFacts, read_facts

if TYPE_CHECKING:
    from ttcli.engine.adapter import Adapter
    from ttcli.engine.model import Model

SUFFIX = ".gguf"
Kind = Literal["reviser", "prm"]
CALLED = {"reviser": "reviser", "prm": "process reward model"}
_USE = {"reviser": "--method revise --reviser {}", "prm": "--method best-of-n --verifier prm:{}"}


def adapter_names() -> list[str]:
    """Those trained here, in alphabetical order."""
    return sorted(file.name.removesuffix(SUFFIX) for file in adapters_dir().glob(f"*{SUFFIX}"))


def meant(name: str) -> str:
    """The file of the adapter that was trained here under a name; the name itself where there is none."""
    path = adapters_dir() / f"{name}{SUFFIX}"
    return str(path) if name and "/" not in name and path.is_file() else name


def adapter_facts(name: str) -> AdapterFacts | None:
    """What an adapter on this machine tells of itself, by what a user calls it; None: it is none, or not here."""
    local = locate(meant(name))
    facts = read_facts(local.path) if local else None
    return facts if facts and facts.adapter else None


def telling(card: Mapping[str, Any]) -> str | None:
    """The options that tell a reviser which step is in doubt, as its card says it learned; None: it did not."""
    chaining = card.get("chaining")
    told = chaining if isinstance(chaining, Mapping) else {}
    tell, verifier = told.get("tell"), told.get("verifier")
    if not isinstance(tell, int | float) or not isinstance(verifier, str):
        return None
    return f"--method revise:tell={tell} --verifier {shlex.quote(verifier)}"


def revising(card: Mapping[str, Any]) -> str:
    """The options that ask a reviser as it learned to be asked, by its card."""
    return telling(card) or "--method revise"


def load_adapter(adapter: LocalModel, kind: Kind, local: LocalModel, model: Model) -> Adapter:
    """An adapter on the weights of a model, to do what it was trained for.

    Raises:
        ModelError: it is none for this model, as its file tells or llama.cpp finds.
    """
    from ttcli.engine.adapter import Adapter  # llama.cpp: not before it is needed

    facts = read_facts(adapter.path)
    if facts.kind not in (None, kind):
        raise ModelError(
            f"{adapter.path} was trained as a {CALLED[facts.kind]}", hint=_USE[facts.kind].format(adapter.name)
        )
    if facts.weights is not None and facts.weights != fingerprint(local):
        raise ModelError(
            f"{adapter.path} was trained on {facts.model}, and {local.label} has other weights",
            hint=f"--model {facts.model} if you have it, or train one for this model: ttc train --help",
        )
    return Adapter(model, adapter.path)
