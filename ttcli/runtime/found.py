"""What the models that lie on this machine are, and which of them fits it; headers are read once per file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ttcli.catalog.found import FoundModel, found_models
from ttcli.catalog.places import Places
from ttcli.engine import machine
from ttcli.engine.library import knows
from ttcli.errors import TtcError
from ttcli.files import remembered
from ttcli.files.gguf import check_model
from ttcli.files.kinds import LOST_HEAD, NAMES, lost_head, memory_kind, no_writer
from ttcli.files.paths import home
from ttcli.thought import written_tags

_VERSION = 2
_OVERHEAD = 1.2  # of a model's file: with the cells and buffers of a search
_OFTEN = 100  # runs without a hint, after which another look is taken


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header of a file says."""

    family: str  # llama.cpp's name of the architecture; "": not known
    memory: str  # attention, hybrid or recurrent; "": not known
    thinking: bool  # by its chat template
    problem: str | None  # why it can be no policy; None: it can


@dataclass(frozen=True, slots=True)
class Described:
    """A model that was found, and what it is."""

    model: FoundModel
    facts: Facts


def describe(models: Iterable[FoundModel]) -> list[Described]:
    """What models are; what was read of a file is remembered until it changes, or ttc or llama.cpp does."""
    content = _recalled()
    known = content.get("headers")
    headers: dict[str, Any] = known if isinstance(known, dict) else {}
    described, kept = [], {}
    for model in models:
        if model.path is None or model.problem is not None:
            described.append(Described(model, Facts("", "", False, model.problem)))
            continue
        key = _key(model.path)
        try:
            facts = Facts(**headers[key])
        except (KeyError, TypeError):  # nothing, or by another version of ttc
            facts = _read(model)
        kept[key] = asdict(facts)
        described.append(Described(model, facts))
    if any(key not in headers for key in kept):
        _remember({**content, "headers": headers | kept})
    return described


def largest_fitting(models: Iterable[FoundModel]) -> Described | None:
    """The largest model that can be a policy and fits the memory; None: there is none, or nobody tells the memory."""
    memory = _memory()
    fitting = (model for model in models if memory is not None and model.bytes * _OVERHEAD <= memory)
    for model in sorted(fitting, key=lambda model: -model.bytes):
        [described] = describe([model])
        if described.facts.problem is None:
            return described
    return None


def worth_naming(than: str) -> Described | None:
    """A model on this machine that is larger than the one used, to be named once; None: not now.

    Folders are looked into at the first call, and as long as nothing was named at every hundredth.
    """
    content = _recalled()
    calls = count if isinstance(count := content.get("calls"), int) else 0
    if content.get("named"):
        return None
    named = None
    if calls % _OFTEN == 0:
        models = found_models(Places())
        used = max((model.bytes for model in models if model.name == than), default=0)
        named = largest_fitting(model for model in models if model.bytes > used and model.name != than)
    _remember({**_recalled(), "calls": calls + 1, "named": named.model.name if named else None})
    return named


def _read(model: FoundModel) -> Facts:
    assert model.path is not None
    try:
        headers = check_model(model.path)
    except (TtcError, OSError) as error:
        return Facts("", "", False, str(error).removeprefix(f"{model.path} "))
    told = headers[0].metadata
    family, template = str(told["general.architecture"]), told.get("tokenizer.chat_template")
    names = {tensor.name for header in headers for tensor in header.tensors}
    problem = no_writer(told.get, lambda: "output.weight" in names)
    if problem is None and lost_head(*map(told.get, NAMES), model.name, model.path.name):
        problem = f"is a reward model without its head: {LOST_HEAD}"
    if problem is None and not knows(family):
        problem = f"is of the architecture {family}, which this llama.cpp does not know"
    if problem is None and not isinstance(template, str):
        problem = "has no chat template"
    return Facts(family, memory_kind(told), isinstance(template, str) and written_tags(template) is not None, problem)


def _key(path: Path) -> str:
    with suppress(OSError):
        facts = path.stat()
        return f"{path.absolute()}, {facts.st_size} bytes, {facts.st_mtime_ns}"
    return str(path)


def _memory() -> int | None:
    """Bytes that a model may take: what is free, or half of what there is where the system does not tell that."""
    free = machine.available_memory()
    if free is not None:
        return free
    with suppress(AttributeError, OSError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    return None


def _recalled() -> Mapping[str, Any]:
    content = remembered.recalled(_file())
    return content if content.get("version") == _stamp() else {}


def _remember(content: Mapping[str, Any]) -> None:
    remembered.remember(_file(), {**content, "version": _stamp()})


def _stamp() -> str:
    return f"{_VERSION}, llama-cpp-python {version('llama-cpp-python')}"


def _file() -> Path:
    return home() / "found.json"
