"""What `ttc models` tells of a model, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ttcli.errors import ConfigError
from ttcli.printable import printable
from ttcli.terminal.messages import remark

if TYPE_CHECKING:
    from ttcli.catalog.entry import Entry
    from ttcli.catalog.stored import LocalModel


def entry_facts(entry: Entry, local: LocalModel | None) -> dict[str, object]:
    """What the catalog says of a model, and where it is."""
    return {
        "name": entry.name,
        "description": entry.description,
        "licence": entry.licence,
        "parameters": entry.parameters,
        "context": entry.context,
        "file": entry.file,
        "bytes": entry.bytes,
        "sha256": entry.sha256,
        "path": None if local is None else str(local.path),
        "shipped": entry.shipped is not None,
    }


def info_facts(model: str, entry: Entry | None, local: LocalModel | None) -> dict[str, object]:
    """All that is known of a model without loading its weights."""
    facts: dict[str, object] = {"name": model, "path": None if local is None else str(local.path)}
    if entry is not None:
        facts = entry_facts(entry, local)
        facts |= _template(entry, local)
        facts["verifier"] = entry.verifier.form if entry.verifier else None
        facts["sources"] = [source.label for source in entry.sources]
    elif local is not None:
        facts["bytes"] = local.path.stat().st_size
        facts |= _template(None, local)
    facts["heads"] = None if local is None else _heads(local)
    facts["header"] = None if local is None else _header(local)
    return facts


def _template(entry: Entry | None, local: LocalModel | None) -> dict[str, object]:
    """How problems are put to it, where the catalog or the TOML beside its file tells."""
    try:
        told = local.beside.template if local else None
    except ConfigError as error:
        return {"template": f"not known: {error}"}
    words = told or (entry.template if entry else None)
    if words is None:
        return {}
    besides = {"instruction": words.instruction, "revise": words.revise, "doubt": words.doubt}
    return {
        "template": words.rule,
        "system": words.system,
        "step_separator": words.step_separator,
        "step_content": words.step_content,
        **{key: text for key, text in besides.items() if text is not None},
    }


def _heads(local: LocalModel) -> str | None:
    """The verifier heads for this model, as --verifier takes them; None: there are none."""
    from ttcli.catalog.fingerprint import fingerprint
    from ttcli.runtime.heads import head_files, heads_for

    found = heads_for(fingerprint(local), remark) if head_files() else []
    return ", ".join(f"head:{each.name}" for each in found) or None


def _header(local: LocalModel) -> dict[str, str | int]:
    """What the GGUF says of itself, and what it can be as a verifier."""
    from ttcli.runtime.facts import facts

    return facts(local)


def row(facts: dict[str, object], default: str) -> tuple[str, ...]:
    """A model as a line of the table."""
    from ttcli.catalog.progress import size_text

    parameters, size = facts.get("parameters"), facts["bytes"]
    return (
        str(facts["name"]),
        _millions(parameters) if isinstance(parameters, int) else "-",
        size_text(size) if isinstance(size, int) else "-",
        str(facts.get("licence", "-")),
        "yes" if facts["path"] else "no",
        "default" if facts["name"] == default else "comes with ttc, a laboratory model" if facts.get("shipped") else "",
    )


def _millions(parameters: int) -> str:
    return f"{parameters / 1e6:,.{0 if parameters >= 10_000_000 else 1}f} M"


def table(rows: list[tuple[str, ...]]) -> str:
    """The lines of models below their heading."""
    rows = [("name", "parameters", "size", "licence", "installed", ""), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        f"{name:<{widths[0]}}  {parameters:>{widths[1]}}  {size:>{widths[2]}}  {licence:<{widths[3]}}  "
        f"{here:<{widths[4]}}  {mark}".rstrip()
        for name, parameters, size, licence, here, mark in rows
    )
    return "\n".join(lines)


def listing(facts: dict[str, object]) -> str:
    """What is known of a model, a line each."""
    lines = []
    for key, value in facts.items():
        if isinstance(value, dict):
            lines += [
                "the file says:",
                *(f"  {inner:<14}  {printable(_value_text(told, inner))}" for inner, told in value.items()),
            ]
            if facts.get("parameters") not in (None, value.get("parameters")):
                lines.append("  (not as the publisher counts: a file may hold the table of embeddings twice)")
        elif key == "path":
            lines.append(f"{key:<16}  {printable(str(value)) if value else 'not on this machine'}")
        elif value is not None:
            lines.append(f"{key:<16}  {_value_text(value, key)}")
    return "\n".join(lines)


def _value_text(value: object, key: str) -> str:
    if key == "parameters" and isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return printable(", then ".join(map(str, value)))
    text = str(value)
    return text if text.isprintable() else repr(text)  # a step separator is white space
