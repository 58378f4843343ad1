"""`ttc models`: the models ttc knows by name and those it fetched."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ttcli.cli import complete
from ttcli.cli.found import list_found
from ttcli.cli.heads import heads_app
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.printable import printable
from ttcli.terminal.messages import remark, say, say_json, say_path

if TYPE_CHECKING:
    from ttcli.catalog.entry import Entry
    from ttcli.catalog.stored import LocalModel

models_app = typer.Typer(
    no_args_is_help=True, help="The models ttc knows by name: list, describe, fetch and delete them."
)

models_app.add_typer(heads_app, name="heads")

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Name = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="A name of the catalog, or hf:OWNER/REPO[:Q4_K_M].", autocompletion=complete.models
    ),
]
NameOrPath = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="A name of the catalog, the path of a GGUF, hf:OWNER/REPO[:Q4_K_M] or ollama:NAME.",
        autocompletion=complete.models,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="One line on stderr for a download, nothing else.")]


@models_app.command("list")
def list_models(
    found: Annotated[
        bool, typer.Option("--found", help="What lies on this machine: of Ollama, LM Studio, llama.cpp and the hub.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show the models ttc knows by name and those it fetched.

    Example: ttc models list
    """
    if found:
        list_found(as_json=as_json)
        return
    from ttcli.catalog.entry import DEFAULT_MODEL, catalog
    from ttcli.catalog.stored import installed

    paths = {model.name: model for model in installed()}
    known = [_entry_facts(entry, paths.get(name)) for name, entry in catalog().items()]
    others = [
        {"name": name, "bytes": model.path.stat().st_size, "path": str(model.path)}
        for name, model in paths.items()
        if model.entry is None
    ]
    if as_json:
        say_json({"version": 1, "default": DEFAULT_MODEL, "models": known + others})
    else:
        say(_table([_row(each, DEFAULT_MODEL) for each in known + others]))


@models_app.command()
def info(
    model: NameOrPath,
    verify: Annotated[bool, typer.Option("--verify", help="Hash the file and compare it with the catalog.")] = False,
    as_json: Json = False,
) -> None:
    """Show what the catalog and the file itself say of a model; nothing is fetched.

    Example: ttc models info qwen2.5-coder-0.5b
    """
    from ttcli.catalog.entry import Entry
    from ttcli.catalog.pull import check_sha256
    from ttcli.catalog.stored import locate, not_installed, parse

    local = locate(model)
    what = parse(model)
    entry = local.entry if local is not None else what if isinstance(what, Entry) else None
    if verify and local is None:
        raise not_installed(model)
    if verify and entry is not None and local is not None:
        check_sha256(entry, local.path)
    facts = _info_facts(model, entry, local)
    if as_json:
        say_json({"version": 1, **facts})
    else:
        say(_listing(facts))


@models_app.command()
def pull(
    model: Name,
    source_file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Take the model from this file; it is verified.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", envvar="TTC_OFFLINE", help="Never use the network.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Hash a file that is already here.")] = False,
    quiet: Quiet = False,
) -> None:
    """Fetch a model and print its path; a broken transfer goes on where it stopped.

    Example: ttc models pull qwen2.5-coder-0.5b
    """
    from ttcli.catalog import pull as pulling
    from ttcli.catalog.entry import find
    from ttcli.terminal.download import download_progress

    progress = download_progress(quiet=quiet)
    if source_file is not None:
        path = pulling.pull(find(model), progress=progress, source_file=source_file, verify=verify)
    else:
        path = pulling.resolve(model, offline=offline, progress=progress, verify=verify).path
    say_path(path)


@models_app.command()
def tune(
    model: NameOrPath,
    threads: Annotated[int | None, typer.Option(envvar="TTC_THREADS", help="CPU threads.")] = None,
    as_json: Json = False,
) -> None:
    """Measure how many texts at once this machine decodes fastest with a model; later runs use what was found.

    Takes a minute or two; let nothing else run meanwhile. Example: ttc models tune qwen2.5-coder-0.5b
    """
    from ttcli.catalog.speeds import remember
    from ttcli.catalog.stored import locate, not_installed
    from ttcli.engine import machine
    from ttcli.engine.session import Aborted
    from ttcli.engine.tune import best, speeds
    from ttcli.interrupt import Interrupt
    from ttcli.runtime.settings import Machine
    from ttcli.runtime.tried import open_model

    Machine(threads=threads)  # complains before the work
    local = locate(model)
    if local is None:
        raise not_installed(model)
    interrupt, measured = Interrupt(), []
    weights = open_model(local)
    try:
        with interrupted_by_ctrl_c(interrupt):
            for speed in speeds(weights, threads=threads, halted=interrupt):
                remark(f"{speed.width:>4} texts at once: {speed.tokens_per_second:.1f} tokens/s")
                measured.append(speed)
    except Aborted as aborted:
        raise typer.Abort from aborted
    finally:
        weights.close()
    width = best(measured)
    found = {speed.width: round(speed.tokens_per_second, 1) for speed in measured}
    remember(local.path, threads or machine.threads(), width, found)
    if as_json:
        say_json({"version": 1, "model": model, "width": width, "tokens_per_second": found})
    else:
        say(f"{model} will decode {width} texts at once")


@models_app.command()
def path(model: Name) -> None:
    """Print where a model is; fails when it is not on this machine.

    Example: ls -l "$(ttc models path smollm2-135m)"
    """
    from ttcli.catalog.stored import locate, not_installed

    local = locate(model)
    if local is None:
        raise not_installed(model)
    say_path(local.path)


@models_app.command()
def rm(
    model: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a fetched model.

    Example: ttc models rm smollm2-135m --yes
    """
    from ttcli.catalog.progress import size_text
    from ttcli.catalog.stored import remove
    from ttcli.cli.options import confirm
    from ttcli.terminal.download import download_progress

    confirm(f"Delete {printable(model)}?", "ttc models rm", yes=yes)
    freed = remove(model, download_progress())
    remark(f"{model} deleted, {size_text(freed)} freed")


def _entry_facts(entry: Entry, local: LocalModel | None) -> dict[str, object]:
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
    }


def _info_facts(model: str, entry: Entry | None, local: LocalModel | None) -> dict[str, object]:
    facts: dict[str, object] = {"name": model, "path": None if local is None else str(local.path)}
    if entry is not None:
        facts = _entry_facts(entry, local)
        facts["template"] = entry.template.rule
        facts["system"] = entry.template.system
        facts["step_separator"] = entry.template.step_separator
        facts["verifier"] = entry.verifier.form if entry.verifier else None
        facts["step_content"] = entry.template.step_content
        facts["sources"] = [source.label for source in entry.sources]
    elif local is not None:
        facts["bytes"] = local.path.stat().st_size
    facts["heads"] = None if local is None else _heads(local)
    facts["header"] = None if local is None else _header(local)
    return facts


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


def _row(facts: dict[str, object], default: str) -> tuple[str, ...]:
    from ttcli.catalog.progress import size_text

    parameters, size = facts.get("parameters"), facts["bytes"]
    return (
        str(facts["name"]),
        f"{parameters / 1e6:,.0f} M" if isinstance(parameters, int) else "-",
        size_text(size) if isinstance(size, int) else "-",
        str(facts.get("licence", "-")),
        "yes" if facts["path"] else "no",
        "default" if facts["name"] == default else "",
    )


def _table(rows: list[tuple[str, ...]]) -> str:
    rows = [("name", "parameters", "size", "licence", "installed", ""), *(tuple(map(printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        f"{name:<{widths[0]}}  {parameters:>{widths[1]}}  {size:>{widths[2]}}  {licence:<{widths[3]}}  "
        f"{here:<{widths[4]}}  {mark}".rstrip()
        for name, parameters, size, licence, here, mark in rows
    )
    return "\n".join(lines)


def _listing(facts: dict[str, object]) -> str:
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
