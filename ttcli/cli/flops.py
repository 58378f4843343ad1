"""`ttc flops`: a small model with test-time compute, or a larger one: which is better for the same FLOPs?"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ttcli.cli import options
from ttcli.cli.exit_codes import INTERRUPTED
from ttcli.cli.options import option
from ttcli.cli.rows import choose_rows
from ttcli.cli.run import resume, work_on
from ttcli.cli.run_options import run_options
from ttcli.errors import UsageError
from ttcli.terminal.messages import remark, say, say_json

if TYPE_CHECKING:
    from ttcli.bench.execute.worker import Description
    from ttcli.bench.session import BenchSpec
    from ttcli.bench.store.store import Store
    from ttcli.runtime.settings import Settings


@run_options(leave_out=("model", "policy", "reviser", "aggregate", "answer", "extract", "repair", "prompt", "system"))
def flops(  # over 60 lines: most of them declare an option each
    *,
    data: options.DataFile,
    small: Annotated[str, option("--small", env=None, says="A name, a GGUF file or hf:OWNER/REPO/FILE.gguf.")],
    large: Annotated[str, option("--large", env=None, says="Likewise; with more parameters.")],
    settings: Settings,
    method: Annotated[
        list[str] | None,
        option("--method", env=None, says="May be repeated; majority, or best-of-n with a verifier, if left out."),
    ] = None,
    verifier: Annotated[list[str] | None, option("--verifier", env=None, says="May be repeated.")] = None,
    budget: Annotated[str, option("--budget", "-b", env=None, says="Generations per problem.")] = "1,4,16",
    large_budget: Annotated[
        str | None,
        option(
            "--large-budget",
            env=None,
            says="Of the large one, besides its greedy solution; those of --budget that the largest of them pays for, "
            "if left out.",
        ),
    ] = None,
    ratio: Annotated[
        str, option("--ratio", env=None, says="Tokens of inference for each one of pre-training.")
    ] = "0.1,1,10",
    limit: options.Limit = None,
    sample: options.Sample = None,
    as_json: Annotated[bool, option("--json", env=None, says="One JSON object on stdout.")] = False,
    quiet: options.OnlyTables = False,
    plot: Annotated[Path | None, option("--plot", env=None, says="The paper's figure, as .png or .svg.")] = None,
    skip_bad: options.SkipBad = False,
    retry_failed: options.RetryFailed = False,
    store: options.StorePath = None,
) -> int:
    """Compare a small model with test-time compute and a larger one, at equal FLOPs of pre-training and inference.

    Whatever ends it, the same command goes on where it stopped. Examples:

    ttc flops gsm8k.jsonl --small qwen2.5-coder-0.5b --large qwen2.5-coder-1.5b --limit 100 --plot flops.svg

    ttc flops gsm8k.jsonl --small qwen2.5-coder-0.5b --large qwen2.5-coder-1.5b --verifier confidence --ratio 0.2,1,20
    """
    from ttcli.bench.figures.flops import check_tasks, matched, parse_ratios
    from ttcli.bench.plan import choose_baseline, make_tasks
    from ttcli.bench.session import BenchSpec
    from ttcli.bench.store.task import Task
    from ttcli.cost import Budget

    ratios = parse_ratios(ratio)
    methods = method or (["best-of-n"] if verifier else ["majority"])
    tasks = make_tasks(methods, verifier or (), budget)
    asked = make_tasks(methods, verifier or (), large_budget) if large_budget is not None else ()
    check_tasks((*tasks, *asked))
    if small == large:
        raise UsageError(f"--small and --large are both {small}", hint="--large with a model of more parameters")
    if plot is not None:
        options.check_picture(plot)
    settings = replace(settings, model=small)
    name, rows = choose_rows(
        data, skip_bad=skip_bad, limit=limit, sample=sample, seed=settings.seed, offline=settings.offline
    )
    command = ("ttc", *sys.argv[1:])
    spec = BenchSpec(settings, tasks, choose_baseline(tasks, None), name, rows, command, retry_failed)
    larger = replace(settings, model=large)
    with options.open_store(store) as opened:
        multiple = _multiple(*(_identify(each, quiet=quiet) for each in (settings, larger)))
        besides = asked or matched(tasks, multiple)
        other = replace(spec, settings=larger, tasks=(Task("greedy", "", Budget(1)), *besides), baseline="greedy")
        return _flops(opened, spec, other, multiple, ratios, as_json=as_json, quiet=quiet, plot=plot)


def _flops(
    store: Store,
    small: BenchSpec,
    large: BenchSpec,
    multiple: float,
    ratios: tuple[float, ...],
    *,
    as_json: bool,
    quiet: bool,
    plot: Path | None,
) -> int:
    """Two runs, one after the other; then tell."""
    from ttcli.bench.figures.flops import matches, reaches
    from ttcli.bench.figures.problem import load_figures
    from ttcli.terminal.flops import flops_lines

    sat = []
    for spec in (small, large):
        run, stopped = work_on(store, spec, quiet=quiet)
        if stopped:
            remark(f"all that was drawn is kept; go on with: {resume(spec)}")
            return INTERRUPTED
        sat.append(run)
    own, others = (load_figures(store, run) for run in sat)
    found = matches(own, others, multiple, ratios)
    names = sat[0].config.model, sat[1].config.model
    if as_json:
        told = [
            {**match._asdict(), "comparison": match.comparison._asdict(), "short": match.short, "wins": match.winner}
            for match in found
        ]
        runs = {"small": sat[0].id, "large": sat[1].id}
        say_json({"version": 1, "type": "flops", "runs": runs, "multiple": multiple, "matches": told})
    else:
        say(*flops_lines(found, names[0], names[1], multiple))
    if plot is not None:
        from ttcli.bench.report.flops_plot import flops_plot

        title = f"{names[0]} against {names[1]}, {sat[0].config.data}, {len(own)} problems"
        flops_plot(found, reaches(own, others), title, plot)
    return 0


def _identify(settings: Settings, *, quiet: bool) -> Description:
    from ttcli.bench.session import identify
    from ttcli.interrupt import Interrupt
    from ttcli.terminal.download import download_progress

    return identify(settings, Interrupt(), download_progress(quiet=quiet))


def _multiple(small: Description, large: Description) -> float:
    """How many times the parameters of the small model the large one has.

    Raises:
        UsageError: it has no more, or nobody knows.
    """
    for each in (small, large):
        if not each.parameters:
            raise UsageError(f"nobody knows how many parameters {each.name} has", hint="a model that runs here")
    if large.parameters <= small.parameters:
        counts = f"{large.parameters:,} parameters to {small.parameters:,}"
        raise UsageError(f"{large.name} is no larger than {small.name}: {counts}", hint="exchange --small and --large")
    return large.parameters / small.parameters
