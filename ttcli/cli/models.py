"""`ttc models`: the models ttc knows by name and those it fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ttcli.cli import complete
from ttcli.cli.found import list_found
from ttcli.cli.heads import heads_app
from ttcli.cli.model_facts import entry_facts, info_facts, listing, row, table
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.printable import printable
from ttcli.terminal.messages import remark, say, say_json, say_path

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
    known = [entry_facts(entry, paths.get(name)) for name, entry in catalog().items()]
    others = [
        {"name": name, "bytes": model.path.stat().st_size, "path": str(model.path)}
        for name, model in paths.items()
        if model.entry is None
    ]
    if as_json:
        say_json({"version": 1, "default": DEFAULT_MODEL, "models": known + others})
    else:
        say(table([row(each, DEFAULT_MODEL) for each in known + others]))


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
    facts = info_facts(model, entry, local)
    if as_json:
        say_json({"version": 1, **facts})
    else:
        say(listing(facts))


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

    So is whether texts have buffers of their own or share one. Takes a minute or two; let nothing else run meanwhile.
    Example: ttc models tune qwen2.5-coder-0.5b
    """
    from ttcli.catalog.speeds import remember
    from ttcli.catalog.stored import locate, not_installed
    from ttcli.engine import machine
    from ttcli.engine.session import Aborted
    from ttcli.engine.tune import best, in_streams, speeds
    from ttcli.interrupt import Interrupt
    from ttcli.runtime.reading import open_model
    from ttcli.runtime.settings import Machine

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
            width = best(measured)
            streams = None
            if not machine.has_gpu():
                usual, way = machine.streams(weights.parameters), next(s for s in measured if s.width == width)
                [other] = speeds(weights, widths=(width,), streams=not usual, threads=threads, halted=interrupt)
                said = "in one buffer" if usual else "in buffers of their own"
                remark(f"{width:>4} texts at once, {said}: {other.tokens_per_second:.1f} tokens/s")
                streams = in_streams(weights, way, other)
    except Aborted as aborted:
        raise typer.Abort from aborted
    finally:
        weights.close()
    found = {speed.width: round(speed.tokens_per_second, 1) for speed in measured}
    if streams is not None and streams != usual:
        found[width] = round(other.tokens_per_second, 1)
    remember(local.path, threads or machine.threads(), width, found, streams=streams)
    if as_json:
        say_json({"version": 1, "model": model, "width": width, "streams": streams, "tokens_per_second": found})
    else:
        where = {True: ", each in a buffer of its own", False: ", in one buffer", None: ""}[streams]
        say(f"{model} will decode {width} texts at once{where}")


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
