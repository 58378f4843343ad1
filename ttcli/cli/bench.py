"""`ttc bench`: methods over a data set, with figures that can be believed."""

from __future__ import annotations

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
from ttcli.terminal.messages import remark, say, say_json

if TYPE_CHECKING:
    from ttcli.bench.figures.problem import ProblemFigures
    from ttcli.bench.figures.summary import Summary
    from ttcli.bench.session import BenchSpec
    from ttcli.bench.store.store import Run, Store
    from ttcli.runtime.settings import Settings


@run_options(more=("answer",))
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
    junit: Annotated[
        Path | None, option("--junit", env=None, says="A test per problem, for continuous integration.", more=True)
    ] = None,
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
    no_grade: Annotated[
        bool, option("--no-grade", env=None, says="Write answers; rows need no reference answer.")
    ] = False,
    columns: options.Columns = None,
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

    ttc bench questions.jsonl --no-grade > answers.jsonl
    """
    from ttcli.bench.plan import choose_baseline, make_tasks
    from ttcli.bench.session import BenchSpec
    from ttcli.search.methods import parse_method

    if fail_under is not None and not 0 <= fail_under <= 1:
        raise UsageError(f"--fail-under must be from 0 to 1, not {fail_under}", hint="--fail-under 0.6")
    wishes = _BenchOutput(as_json, quiet, plot, report, fail_under, junit)
    if no_grade:
        _check_ungraded(wishes, baseline)
    methods = options.with_ratio(method or (["majority"] if no_grade and not verifier else []), ratio)
    tasks = make_tasks(methods, verifier or (), budget, fixed=fixed)  # complains before a model is looked at
    advised = any(parse_method(task.method).advised for task in tasks)
    if advised or any(task.budget.shared for task in tasks):
        settings = options.advised(settings, profile, quiet=quiet)
        if advised and not quiet:
            options.tell_unadvised(settings, profile)
        tasks = make_tasks(methods, verifier or (), budget, profile=settings.profile, fixed=fixed)
    graded = not no_grade
    name, rows = choose_rows(
        data,
        graded=graded,
        skip_bad=skip_bad,
        limit=limit,
        sample=sample,
        seed=settings.seed,
        columns=columns,
        offline=settings.offline,
    )
    command = ("ttc", *sys.argv[1:])
    spec = BenchSpec(settings, tasks, choose_baseline(tasks, baseline), name, rows, command, retry_failed, ray)
    with options.open_store(store) as opened:
        if dry_run:
            return tell_forecast(opened, spec, as_json=as_json)
        return _answer(opened, spec, wishes) if no_grade else _run(opened, spec, wishes)


@dataclass(frozen=True, slots=True)
class _BenchOutput:
    """How the outcome is to be told."""

    as_json: bool
    quiet: bool
    plot: Path | None
    report: Path | None
    fail_under: float | None
    junit: Path | None


def _run(store: Store, spec: BenchSpec, wishes: _BenchOutput) -> int:
    """Work until all is done or somebody stops it; then tell."""
    from ttcli.bench.figures.records import problem_record
    from ttcli.bench.figures.summary import summarise

    def tell(_: Run, figures: ProblemFigures) -> None:
        if wishes.as_json:
            say_json(problem_record(figures))

    _check_outputs(wishes)
    run, stopped = work_on(store, spec, quiet=wishes.quiet, done=tell)
    summary = summarise(store, run)
    _tell(summary, store, wishes)
    if stopped:
        remark(f"{summary.done} of {summary.problems} problems done; go on with: {resume(spec)}")
        return INTERRUPTED
    accuracy = summary.headline.accuracy if summary.headline else 0.0
    return FAILED_UNDER if wishes.fail_under is not None and accuracy < wishes.fail_under else 0


def _answer(store: Store, spec: BenchSpec, wishes: _BenchOutput) -> int:
    """Work until all is done or somebody stops it; an answer is told when its problem is done."""
    from ttcli.bench.figures.answers import answers_of
    from ttcli.terminal.runs import answer_line

    as_json = wishes.as_json or not sys.stdout.isatty()
    done = 0

    def tell(run: Run, figures: ProblemFigures) -> None:
        nonlocal done
        done += 1
        for answer in answers_of(store, run, figures):
            record = {"version": 1, "type": "answer", "run": run.id, **answer._asdict()}
            say_json(record) if as_json else say(answer_line(answer))

    run, stopped = work_on(store, spec, quiet=wishes.quiet, done=tell)
    if stopped:
        remark(f"{done} of {len(spec.rows)} problems done; go on with: {resume(spec)}")
    elif not wishes.quiet:
        remark(f"{done} problems; ttc show {run.id} --problem N shows the candidates of one")
    return INTERRUPTED if stopped else 0


def _tell(summary: Summary, store: Store, wishes: _BenchOutput) -> None:
    """The tables, or the summary as JSON, on stdout; the pictures in their files."""
    from ttcli.bench.figures.cut import cut_warning
    from ttcli.bench.figures.records import summary_record
    from ttcli.terminal.runs import summary_lines

    if wishes.as_json:
        say_json(summary_record(summary))
    else:
        say(*summary_lines(summary))
    if not wishes.quiet and (warning := cut_warning(summary.run.config, summary.truncated)):
        remark(warning)
    if wishes.plot:
        from ttcli.bench.report.plots import accuracy_plot

        accuracy_plot([summary], wishes.plot)
    if wishes.junit:
        from ttcli.bench.report.junit import write_junit

        write_junit(store, summary, wishes.junit, least=wishes.fail_under)
    if wishes.report:
        from ttcli.bench.report.report import write_report

        write_report(store, summary.run, wishes.report)


def _check_ungraded(wishes: _BenchOutput, baseline: str | None) -> None:
    """Complain about options that tell right from wrong."""
    given = {
        "--plot": wishes.plot,
        "--report": wishes.report,
        "--junit": wishes.junit,
        "--fail-under": wishes.fail_under,
        "--baseline": baseline,
    }
    for name, value in given.items():
        if value is not None:
            raise UsageError(f"{name} tells of right and wrong, and --no-grade of neither", hint=f"leave out {name}")


def _check_outputs(wishes: _BenchOutput) -> None:
    """Complain before the work, not after it, about a picture or page that cannot be written."""
    if wishes.plot is not None:
        options.check_picture(wishes.plot)
    if wishes.report is not None:
        options.check_output(wishes.report, (".html", ".htm"))
    if wishes.junit is not None:
        options.check_output(wishes.junit, (".xml",))
