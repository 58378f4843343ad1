"""`ttc show`: a run as a tree, from what was recorded of it."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ttcli.cli import options
from ttcli.errors import UsageError

if TYPE_CHECKING:
    from ttcli.bench.store.store import Run
    from ttcli.record.recording import Recorded

_SOLVE = 'ttc solve "What is 17 * 23?" --json > solved.json'


def show(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE|ID|-", help="What ttc solve --json wrote, or a run of ttc solve or ttc bench by its id."
        ),
    ] = None,
    problem: Annotated[int | None, typer.Option("--problem", help="Of a run: the number of the problem.")] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="Of a run: beam, or with verifier and budget too.")
    ] = None,
    node: Annotated[
        int | None, typer.Option("--node", help="Only the path down to this step, its texts whole.")
    ] = None,
    kept: Annotated[bool, typer.Option("--kept", help="Without the steps that were pruned.")] = False,
    dot: Annotated[bool, typer.Option("--dot", help="For Graphviz.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Watch it grow again.")] = False,
    speed: Annotated[float, typer.Option("--speed", help="Of the replay; 1: as it was then.")] = 1.0,
    store: options.StorePath = None,
) -> None:
    """Show a run as a tree: its steps with their scores, the way to the answer, what was pruned.

    Examples:

    ttc solve "What is 17 * 23?" --method beam; ttc show last

    ttc show solved.json --node 12

    ttc show last --problem 3 --method beam --replay --speed 4

    ttc show solved.json --dot | dot -Tsvg > tree.svg
    """
    chosen = [name for name, wanted in (("--node", node is not None), ("--dot", dot), ("--replay", replay)) if wanted]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} do not go together", hint=f"one of them: {chosen[0]}")
    if not 0 < speed < float("inf"):
        raise UsageError(f"--speed must be above 0, not {speed}", hint="--speed 4")
    run = _by_id(source, problem, method, store) if source and _names_run(source) else _from_file(source)
    from ttcli.terminal.show import print_dot, print_path, print_tree

    if node is not None:
        print_path(run, node)
    elif dot:
        print_dot(run, pruned=not kept)
    elif replay:
        _replay(run, speed)
    else:
        print_tree(run, pruned=not kept)


def _names_run(source: str) -> bool:
    """Whether it is the id of a run rather than a file: a file that is there goes first."""
    return bool(re.fullmatch(r"last|[0-9a-f]{1,8}", source)) and not Path(source).exists()


def _by_id(source: str, problem: int | None, method: str | None, store: str | None) -> Recorded:
    """A run of ttc solve or of ttc bench; what is said of a bench, or where its runs are, is about one of those."""
    from ttcli.files.paths import solves_dir
    from ttcli.record.solves import Solves

    kept = [] if problem is not None or method is not None or store is not None else Solves(solves_dir()).named(source)
    runs = _runs(source) if kept else []
    if source == "last":
        if kept and kept[0].when >= max((run.created for run in runs), default=0.0):
            return kept[0].read()
    elif len(kept) + len(runs) > 1:
        ids = ", ".join([*(each.id for each in kept), *(run.id for run in runs)])
        raise UsageError(f"{source} may be each of {ids}", hint="more digits of it")
    elif kept:
        return kept[0].read()
    return _from_run(source, problem, method, store)


def _runs(source: str) -> list[Run]:
    """The runs of ttc bench that are called so, all of them where it is the last; none where there is no store."""
    from ttcli.bench.store.store import Store

    path = options.store_path(None)
    if not path.is_file():
        return []
    with Store(path, readonly=True) as opened:
        return [run for run in opened.runs() if source == "last" or run.id.startswith(source)]


def _from_run(source: str, problem: int | None, method: str | None, store: str | None) -> Recorded:
    from ttcli.bench.figures.history import find_position, find_task, history

    with options.open_store(store, readonly=True) as opened:
        run = opened.run(source)
        position = find_position(opened, run, problem)
        return history(opened, run, position, find_task(run, method))


def _from_file(source: str | None) -> Recorded:
    from ttcli.cli.rows import tell_waiting
    from ttcli.files.bounded import read_file, read_stream
    from ttcli.record.recording import read_record

    if source is None and sys.stdin.isatty():
        raise UsageError("there is nothing to show", hint="ttc show FILE, or a run that ttc runs list lists")
    name = "stdin" if source in (None, "-") else str(source)
    try:
        tell_waiting(name)
        text = (read_stream(sys.stdin.buffer) if name == "stdin" else read_file(Path(name))).decode("utf-8-sig")
        return read_record(json.loads(text), name)
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}", hint=_SOLVE) from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is no JSON: {error}", hint=_SOLVE) from error


def _replay(run: Recorded, speed: float) -> None:
    """Draw the events on stdout with the pauses that they had."""
    from ttcli.terminal.display import display

    with display("auto", sys.stdout) as screen:
        for seconds, event in run.paced(speed):
            time.sleep(seconds)
            screen.show(event)
