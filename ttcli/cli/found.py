"""The models that other programs keep on this machine, as `ttc models list --found` and a hint show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ttcli.terminal.messages import remark, say, say_json

if TYPE_CHECKING:
    from ttcli.runtime.found import Described


def list_found(*, as_json: bool) -> None:
    """Show them, and on stderr which is the largest that fits the memory."""
    from ttcli.catalog.found import found_models
    from ttcli.catalog.places import Places
    from ttcli.runtime.found import describe, largest_fitting
    from ttcli.terminal.words import columns

    places = Places()
    models = found_models(places)
    described = describe(models)
    largest = largest_fitting(models)
    if as_json:
        name = largest.model.name if largest else None
        say_json({"version": 1, "largest_fitting": name, "models": [_facts(each) for each in described]})
        return
    if not described:
        folders = [*places.ollama, *places.lm_studio, *places.llama_cpp, *places.hubs]
        remark("no models found in " + ", ".join(map(str, folders)))
        return
    say(*columns([("model", "from", "size", "family", "memory", "thinking", "usable"), *map(_row, described)]))
    if largest is not None:
        remark(f"the largest that fits the memory: --model {largest.model.name}")


def tell_found(used: str) -> None:
    """A line on stderr about a model on this machine that is larger than the one used by default; not again."""
    from ttcli.catalog.progress import size_text
    from ttcli.runtime.found import worth_naming

    larger = worth_naming(used)
    if larger is not None:
        size = size_text(larger.model.bytes)
        remark(f"hint: {larger.model.name} ({size}) lies on this machine and fits: --model {larger.model.name}")


def _facts(described: Described) -> dict[str, object]:
    model, facts = described.model, described.facts
    return {
        "name": model.name,
        "from": model.source,
        "path": str(model.path) if model.path else None,
        "bytes": model.bytes,
        "family": facts.family or None,
        "memory": facts.memory or None,
        "hybrid": facts.memory == "hybrid",
        "thinking": facts.thinking,
        "usable": facts.problem is None,
        "reason": facts.problem,
    }


def _row(described: Described) -> tuple[str, ...]:
    from ttcli.catalog.progress import size_text

    model, facts = described.model, described.facts
    return (
        model.name,
        model.source,
        size_text(model.bytes) if model.bytes else "-",
        facts.family or "-",
        facts.memory or "-",
        ("yes" if facts.thinking else "no") if facts.family else "-",
        "yes" if facts.problem is None else f"no: {facts.problem}",
    )
