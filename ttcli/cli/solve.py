"""`ttc solve`: one problem, many candidates, one answer."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ttcli.cli import options
from ttcli.cli.options import option
from ttcli.cli.run_options import run_options
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.errors import ProblemError

if TYPE_CHECKING:
    from ttcli.events import Outcome, RunStarted
    from ttcli.problem import Problem
    from ttcli.runtime.settings import Settings

Show = Literal["auto", "tree", "lines", "none"]


@run_options(says={"seed": "Same seed, same width: same texts."})
def solve(
    *,
    problem: Annotated[
        str | None, typer.Argument(metavar="PROBLEM|@FILE|-", help="The problem, @ and a file, or - for stdin.")
    ] = None,
    settings: Settings,
    method: Annotated[
        str | None, option(env="METHOD", says="auto, majority, best-of-n, or a search such as beam:m=4.")
    ] = None,
    verifier: Annotated[
        str | None, option(env="VERIFIER", says="confidence, head, judge, prm:MODEL or command:CMD.")
    ] = None,
    budget: Annotated[
        str | None,
        option("--budget", "-b", env="BUDGET", says="16 generations, 20000tok or 30s at most.", default="16"),
    ] = None,
    as_json: Annotated[bool, option("--json", env=None, says="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, option("--quiet", "-q", env="QUIET", says="Nothing but the answer.")] = False,
    show: Annotated[Show, option(env="SHOW", says="On stderr; auto: tree on a terminal, else lines.")] = "auto",
    ratio: options.Ratio = None,
    profile: options.Profile = None,
) -> int:
    """Solve one problem: draw many solutions at once, vote, print the answer.

    Examples:

    ttc solve "What is 17 * 23?"

    ttc solve @problem.txt --method best-of-n --verifier judge --budget 8

    echo "What is 17 * 23?" | ttc solve --budget 30s --json

    ttc solve "What is 17 * 23?" --policy http://localhost:8000/v1
    """
    from ttcli.cost import Budget

    settings = replace(
        settings,
        method_name=next(iter(options.with_ratio([method] if method else [], ratio)), None),
        verifier_name=verifier,
        budget=Budget.parse(budget or "16"),
    )
    if budget and (drawn := settings.method.generations) and not quiet:
        print(f"hint: {settings.method.name} draws {drawn} solution, whatever the --budget", file=sys.stderr)
    asked = _problem(problem)
    if settings.method.advised:
        settings = options.advised(settings, profile, quiet=quiet)
    began, outcome = _run(settings, asked, quiet=quiet, show="none" if quiet else show)
    code = _report(began, outcome, as_json=as_json, summarise=not (quiet or as_json or show == "lines"))
    if settings.method.advised and not quiet and (method is not None or sys.stderr.isatty()):
        options.tell_unadvised(settings, profile)
    return code


def _problem(argument: str | None) -> Problem:
    """The problem that the argument or stdin holds."""
    from ttcli.problem import Problem

    if argument is None and sys.stdin.isatty():
        raise ProblemError("there is no problem to solve", hint='ttc solve "What is 17 * 23?"')
    source = "the problem"
    try:
        if argument is None or argument == "-":
            source = "stdin"
            text = sys.stdin.buffer.read().decode("utf-8-sig")
        elif argument.startswith("@"):
            source = argument[1:]
            if not source:
                raise ProblemError("there is no file name after the @", hint="ttc solve @problem.txt")
            text = Path(source).read_text(encoding="utf-8-sig")
        else:
            text = argument
            text.encode()
    except OSError as error:
        raise ProblemError(f"cannot read {source}: {error.strerror}", hint="ttc solve @FILE reads a file") from error
    except UnicodeError as error:
        raise ProblemError(f"{source} is not UTF-8 text", hint="a problem is plain text") from error
    if not text.strip():
        raise ProblemError(f"{source} is empty", hint='ttc solve "What is 17 * 23?"')
    return Problem(text.strip())


def _run(settings: Settings, problem: Problem, *, quiet: bool, show: Show) -> tuple[RunStarted, Outcome]:
    """Load, then solve under the display; the display starts when llama.cpp has been loaded and says no more."""
    from ttcli.events import RunFinished, RunStarted
    from ttcli.interrupt import Interrupt
    from ttcli.runtime.runtime import load_runtime
    from ttcli.terminal.display import display
    from ttcli.terminal.download import download_progress

    interrupt = Interrupt()
    began, outcome = None, None
    with (
        load_runtime(settings, interrupt, download_progress(quiet=quiet)) as bench,
        interrupted_by_ctrl_c(interrupt),
        display(show) as screen,
    ):
        for event in bench.solve(problem):
            screen.show(event)
            if isinstance(event, RunStarted):
                began = event
            elif isinstance(event, RunFinished):
                outcome = event.outcome
    if began is None or outcome is None:
        raise AssertionError("a run begins and ends")
    return began, outcome


def _report(began: RunStarted, outcome: Outcome, *, as_json: bool, summarise: bool) -> int:
    """The answer on stdout, what stands behind it under it on a terminal; the exit code."""
    from ttcli.cost import Stopped
    from ttcli.record.encode import record
    from ttcli.terminal.messages import complain
    from ttcli.terminal.words import one_line, spending, support

    if as_json:
        print(json.dumps(record(began, outcome), ensure_ascii=sys.stdout.encoding.lower() != "utf-8"))
    elif outcome.answer is not None:
        print(one_line(outcome.answer))
    interrupted = outcome.stopped is Stopped.INTERRUPT
    if outcome.answer is None:
        hint = None if interrupted else "a larger --budget or --max-tokens, or another --model"
        complain(support(outcome), hint)
    elif summarise and sys.stderr.isatty():
        print(f"{support(outcome)}; {spending(outcome.cost)}", file=sys.stderr)
    return 130 if interrupted else 0 if outcome.answer is not None else 1
