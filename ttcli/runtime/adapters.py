"""Trained adapters by name, and whether one belongs to a model."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

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


class Telling(NamedTuple):
    """How a reviser learned to be told which step is in doubt."""

    floor: float  # a step scored below it is in doubt
    verifier: str  # that scored the steps, as a user calls it


def telling(card: Mapping[str, Any]) -> Telling | None:
    """How a reviser learned to be told, by its card; None: it learned without."""
    chaining = card.get("chaining")
    told = chaining if isinstance(chaining, Mapping) else {}
    floor, verifier = told.get("tell"), told.get("verifier")
    return Telling(floor, verifier) if isinstance(floor, int | float) and isinstance(verifier, str) else None


def revising(card: Mapping[str, Any]) -> str:
    """The options that ask a reviser as it learned to be asked, by its card."""
    told = telling(card)
    if told is None:
        return "--method revise"
    return f"--method revise:tell={told.floor} --verifier {shlex.quote(told.verifier)}"


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
