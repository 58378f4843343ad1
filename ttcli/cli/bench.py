"""`ttc bench`: methods over a data set, with figures that can be believed."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ttcli.cli import options
from ttcli.cli.exit_codes import FAILED_UNDER, INTERRUPTED
from ttcli.cli.options import option
from ttcli.cli.rows import choose_rows
from ttcli.cli.run import resume, tell_forecast, work_on
from ttcli.cli.run_options import run_options
from ttcli.errors import UsageError

if TYPE_CHECKING:
    from ttcli.bench.figures.problem import ProblemFigures
    from ttcli.bench.figures.summary import Summary
    from ttcli.bench.run import BenchSpec
    from ttcli.bench.store.store import Store
    from ttcli.runtime.settings import Settings


@run_options()
def bench(  # over 60 lines: most of them declare an option each
    *,
    data: options.DataFile,
    settings: Settings,
    method: Annotated[
        list[str] | None, option("--method", env=None, says="May be repeated; majority and best-of-n if left out.")
    ] = None,
    verifier: Annotated[
        list[str] | None, option("--verifier", env=None, says="May be repeated; confidence if left out.")
    ] = None,
    budget: Annotated[
        str, option("--budget", "-b", env="BUDGET", says="Per problem; several: 4,16,64; on the average: 16/problem.")
    ] = "16",
    limit: options.Limit = None,
    sample: options.Sample = None,
    as_json: Annotated[bool, option("--json", env=None, says="A JSON line per problem, then a summary.")] = False,
    quiet: options.OnlyTables = False,
    plot: Annotated[Path | None, option("--plot", env=None, says="Accuracy against budget, as .png or .svg.")] = None,
    report: Annotated[Path | None, option("--report", env=None, says="All of it as one HTML page.")] = None,
    dry_run: options.DryRun = False,
    fail_under: Annotated[
        float | None, option("--fail-under", env=None, says="Exit 3 if the first method is less accurate.", more=True)
    ] = None,
    baseline: Annotated[
        str | None, option("--baseline", env=None, says="The method to compare with; majority if left out.", more=True)
    ] = None,
    fixed: Annotated[
        bool, option("--fixed", env=None, says="As many for each problem, also of 16/problem.", more=True)
    ] = False,
    skip_bad: options.SkipBad = False,
    retry_failed: options.RetryFailed = False,
    ray: options.Ray = None,
    store: options.StorePath = None,
    ratio: options.Ratio = None,
    profile: options.Profile = None,
) -> int:
    """Run methods over a data set: how accurate, at what cost, is one really better than the other.

    Whatever ends it, the same command goes on where it stopped. Examples:

    ttc bench gsm8k.jsonl --limit 50 --budget 4,16

    ttc bench math.jsonl --method majority --method best-of-n --verifier judge --report math.html
    """
    from ttcli.bench.plan import choose_baseline, make_tasks
    from ttcli.bench.run import BenchSpec
    from ttcli.bench.store.store import Store
    from ttcli.search.methods import parse_method

    if fail_under is not None and not 0 <= fail_under <= 1:
        raise UsageError(f"--fail-under must be from 0 to 1, not {fail_under}", hint="--fail-under 0.6")
    wishes = _Wishes(as_json, quiet, plot, report, fail_under)
    methods = options.with_ratio(method or (), ratio)
    tasks = make_tasks(methods, verifier or (), budget, fixed=fixed)  # complains before a model is looked at
    advised = any(parse_method(task.method).advised for task in tasks)
    if advised or any(task.budget.shared for task in tasks):
        settings = options.advised(settings, profile, quiet=quiet)
        if advised and not quiet:
            options.tell_unadvised(settings, profile)
        tasks = make_tasks(methods, verifier or (), budget, profile=settings.profile, fixed=fixed)
    name, rows = choose_rows(data, skip_bad=skip_bad, limit=limit, sample=sample, seed=settings.seed)
    command = ("ttc", *sys.argv[1:])
    spec = BenchSpec(settings, tasks, choose_baseline(tasks, baseline), name, rows, command, retry_failed, ray)
    with Store(options.store_path(store)) as opened:
        if dry_run:
            return tell_forecast(opened, spec, as_json=as_json)
        return _run(opened, spec, wishes)


@dataclass(frozen=True, slots=True)
class _Wishes:
    """How the outcome is to be told."""

    as_json: bool
    quiet: bool
    plot: Path | None
    report: Path | None
    fail_under: float | None


def _run(store: Store, spec: BenchSpec, wishes: _Wishes) -> int:
    """Work until all is done or somebody stops it; then tell."""
    from ttcli.bench.figures.records import problem_record
    from ttcli.bench.figures.summary import summarise

    def tell(figures: ProblemFigures) -> None:
        if wishes.as_json:
            print(json.dumps(problem_record(figures)), flush=True)

    _check_outputs(wishes)
    run, stopped = work_on(store, spec, quiet=wishes.quiet, done=tell)
    summary = summarise(store, run)
    _tell(summary, store, wishes)
    if stopped:
        print(f"{summary.done} of {summary.problems} problems done; go on with: {resume(spec)}", file=sys.stderr)
        return INTERRUPTED
    accuracy = summary.headline.accuracy if summary.headline else 0.0
    return FAILED_UNDER if wishes.fail_under is not None and accuracy < wishes.fail_under else 0


def _tell(summary: Summary, store: Store, wishes: _Wishes) -> None:
    """The tables, or the summary as JSON, on stdout; the pictures in their files."""
    from ttcli.bench.figures.records import summary_record
    from ttcli.terminal.runs import summary_lines

    if wishes.as_json:
        print(json.dumps(summary_record(summary)))
    else:
        print(*summary_lines(summary), sep="\n")
    if wishes.plot:
        from ttcli.bench.report.plots import accuracy_plot

        accuracy_plot([summary], wishes.plot)
    if wishes.report:
        from ttcli.bench.report.report import write_report

        write_report(store, summary.run, wishes.report)


def _check_outputs(wishes: _Wishes) -> None:
    """Complain before the work, not after it, about a picture or page that cannot be written."""
    if wishes.plot is not None:
        options.check_picture(wishes.plot)
    if wishes.report is not None:
        options.check_output(wishes.report, (".html", ".htm"))
