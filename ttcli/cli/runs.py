"""`ttc runs`: the runs of `ttc bench` that the store holds; `ttc compare` and `ttc report`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ttcli.cli import complete, options
from ttcli.errors import UsageError
from ttcli.printable import printable
from ttcli.terminal.messages import remark, say, say_json, say_path

if TYPE_CHECKING:
    from ttcli.bench.store.store import Run

runs_app = typer.Typer(no_args_is_help=True, help="The runs of ttc bench: list, show, export and delete them.")

_PAGE = Path("report.html")
_OTHERS = {".csv", ".tsv", ".xls", ".xlsx", ".ods", ".arrow", ".feather", ".sqlite", ".db", ".html", ".yaml", ".xml"}

Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Id = Annotated[
    str, typer.Argument(metavar="RUN", help="The first digits of a run's id, or last.", autocompletion=complete.runs)
]


@runs_app.command("list")
def list_runs(
    solves: Annotated[bool, typer.Option("--solves", help="Those of ttc solve that are kept.")] = False,
    store: options.StorePath = None,
    as_json: Json = False,
) -> None:
    """Show all runs, oldest first.

    Examples:

    ttc runs list

    ttc runs list --solves
    """
    if solves:
        _list_solves(as_json=as_json)
        return
    from ttcli.terminal.runs import runs_lines

    with options.open_store(store, readonly=True) as opened:
        listed = [(run, opened.progress(run)) for run in opened.runs()]
    if as_json:
        say_json({"version": 1, "runs": [_facts(run) | progress._asdict() for run, progress in listed]})
    elif listed:
        say(*runs_lines(listed))
    else:
        remark("no runs yet; ttc bench makes them")


def _list_solves(*, as_json: bool) -> None:
    """The runs of ttc solve; what cannot be read is named on stderr."""
    from ttcli.files.paths import solves_dir
    from ttcli.record.solves import Solves
    from ttcli.terminal.runs import solves_lines

    listed = []
    for kept in Solves(solves_dir()).all():
        try:
            listed.append((kept, kept.read()))
        except UsageError as error:
            remark(f"{kept.id} left out: {error}")
    if as_json:
        told = [
            {
                "id": kept.id,
                "created": datetime.fromtimestamp(kept.when).astimezone().isoformat(timespec="seconds"),
                "model": run.began.model,
                "method": run.began.method,
                "answer": run.outcome.answer,
                "problem": run.began.problem.text,
            }
            for kept, run in listed
        ]
        say_json({"version": 1, "solves": told})
    elif listed:
        say(*solves_lines(listed))
    else:
        remark("none kept yet; ttc solve keeps its last ones")


@runs_app.command()
def show(run: Id = "last", store: options.StorePath = None, as_json: Json = False) -> None:
    """Show the tables of a run, from the store alone.

    Example: ttc runs show last
    """
    from ttcli.bench.figures.records import summary_record
    from ttcli.bench.figures.summary import summarise
    from ttcli.terminal.runs import summary_lines

    with options.open_store(store, readonly=True) as opened:
        found = opened.run(run)
        summary, damage = summarise(opened, found), opened.damaged(found)
    if as_json:
        say_json(summary_record(summary) | ({"damaged": damage} if damage else {}))
    else:
        say(*summary_lines(summary))
    options.refuse_damage(damage)


@runs_app.command()
def rm(
    run: Id,
    samples: Annotated[bool, typer.Option("--samples", help="And the samples that no other run could use.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: options.StorePath = None,
) -> None:
    """Delete a run; its samples stay for other runs unless told otherwise.

    Example: ttc runs rm 3dd2 --samples --yes
    """

    with options.open_store(store, readonly=True) as opened:
        opened.run(run)
    with options.open_store(store) as opened:
        found = opened.run(run)
        options.confirm(f"Delete run {printable(found.id)}?", "ttc runs rm", yes=yes)
        with opened.working_on(found):
            freed = opened.remove(found, samples=samples)
    remark(f"run {found.id} deleted{f', with {freed} samples' if samples else ''}")


@runs_app.command()
def export(
    run: Id,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; stdout if left out (JSONL only).")
    ] = None,
    form: Annotated[
        Literal["jsonl", "parquet"] | None, typer.Option("--format", help="By the suffix of the file if left out.")
    ] = None,
    store: options.StorePath = None,
) -> None:
    """Write all samples of a run with their texts, answers and scores, one per row.

    Example: ttc runs export last -o samples.parquet
    """
    from ttcli.bench.report.export import rows, write_jsonl, write_parquet

    if form is None and output is not None and output.suffix.lower() in _OTHERS:
        hint = f"-o {output.with_suffix('.jsonl')}, or --format jsonl"
        raise UsageError(f"{output} would hold lines of JSON", hint=hint)
    chosen = form or ("parquet" if output is not None and output.suffix.lower() == ".parquet" else "jsonl")
    with options.open_store(store, readonly=True) as opened:
        found = opened.run(run)
        if chosen == "parquet":
            if output is None:
                raise UsageError("Parquet goes into a file", hint="-o samples.parquet")
            write_parquet(opened, found, output)
        elif output is None:
            for row in rows(opened, found):
                say_json(row, ascii_only=False)
        else:
            write_jsonl(opened, found, output)


def compare(
    runs: Annotated[
        list[str],
        typer.Argument(metavar="RUN RUN …", help="Each is compared with the first.", autocompletion=complete.runs),
    ],
    store: options.StorePath = None,
    as_json: Json = False,
) -> None:
    """Compare runs problem by problem: is one really better?

    Example: ttc compare 3dd2 last
    """
    from ttcli.answers import CHECKER
    from ttcli.bench.figures.compare import pairings
    from ttcli.bench.figures.problem import check_graded, load_figures
    from ttcli.terminal.runs import comparison_lines

    if len(runs) < 2:
        raise UsageError("it takes two runs to compare", hint=f"ttc runs show {runs[0]} compares the methods of one")
    with options.open_store(store, readonly=True) as opened:
        found = [opened.run(run) for run in runs]
        CHECKER.require()
        figures = [load_figures(opened, run) for run in found]
        damage = [row for run in found for row in opened.damaged(run)]
    for run, own in zip(found, figures, strict=True):
        check_graded(run, own)
    for run, own in zip(found[1:], figures[1:], strict=True):
        pairs = pairings(figures[0], own)
        if not pairs:
            raise UsageError(f"runs {found[0].id} and {run.id} have no method on a problem in common")
        if as_json:
            told = [pair._asdict() | {"comparison": pair.comparison._asdict()} for pair in pairs]
            say_json({"version": 1, "first": found[0].id, "second": run.id, "pairings": told})
        else:
            say(*comparison_lines(pairs, _name(found[0]), _name(run)))
    options.refuse_damage(damage)


def report(
    run: Id = "last",
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = _PAGE,
    store: options.StorePath = None,
) -> None:
    """Write a run as one HTML page: tables, pictures, every problem with its candidates.

    Example: ttc report last -o gsm8k.html
    """
    from ttcli.bench.report.report import write_report

    if output is _PAGE and output.is_symlink():  # that nobody has named
        raise UsageError(f"{output} is a link to {output.resolve()}", hint=f"-o {output} writes there all the same")
    with options.open_store(store, readonly=True) as opened:
        found = opened.run(run)
        write_report(opened, found, output)
        damage = opened.damaged(found)
    say_path(output)
    options.refuse_damage(damage)


def _facts(run: Run) -> dict[str, object]:
    config = run.config
    return {
        "id": run.id,
        "created": datetime.fromtimestamp(run.created).astimezone().isoformat(timespec="seconds"),
        "model": config.model,
        "data": config.data,
        "methods": [task.key for task in config.tasks],
        "seed": config.seed,
    }


def _name(run: Run) -> str:
    return f"run {run.id}, {run.config.model}, {run.config.data}"
