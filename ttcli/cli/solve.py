"""`ttc solve`: one problem, many candidates, one answer."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from ttcli.cli import options
from ttcli.cli.options import option
from ttcli.cli.run_options import run_options
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.errors import ProblemError, UsageError
from ttcli.terminal.messages import remark, say, say_json

if TYPE_CHECKING:
    from ttcli.events import Outcome, RunStarted
    from ttcli.problem import Problem
    from ttcli.runtime.reading import Reading
    from ttcli.runtime.settings import Settings

Show = Literal["auto", "tree", "lines", "none"]
Output = Literal["answer", "solution"]


class _Wishes(NamedTuple):
    """How the outcome is to be told."""

    as_json: bool
    quiet: bool
    show: Show
    show_solution: bool
    show_thinking: bool
    output: Output


@run_options(more=("offline",), says={"seed": "Same seed, same width: same texts."}, defaults={"repair": "auto"})
def solve(  # over 60 lines: most of them declare an option each
    *,
    problem: Annotated[
        str | None, typer.Argument(metavar="PROBLEM|@FILE|-", help="The problem, @ and a file, or - for stdin.")
    ] = None,
    settings: Settings,
    early: Reading | None,
    method: Annotated[
        str | None, option(env="METHOD", says="auto, majority, best-of-n, or a search such as beam:m=4.")
    ] = None,
    verifier: Annotated[
        str | None,
        option(env="VERIFIER", says="confidence, arithmetic, head, judge, prm:MODEL, likelihood:MODEL or command:CMD."),
    ] = None,
    budget: Annotated[
        str | None,
        option("--budget", "-b", env="BUDGET", says="16 generations, 20000tok or 30s at most.", default="16"),
    ] = None,
    as_json: Annotated[bool, option("--json", env=None, says="One JSON object on stdout.")] = False,
    quiet: Annotated[bool, option("--quiet", "-q", env="QUIET", says="Nothing but the answer.")] = False,
    show: Annotated[Show, option(env="SHOW", says="On stderr; auto: tree on a terminal, else lines.")] = "auto",
    ask_again: Annotated[
        bool,
        option(
            "--ask-again/--no-ask-again",
            env="ASK_AGAIN",
            says="Where most candidates end without a short answer, have these name it.",
            more=True,
        ),
    ] = True,
    show_solution: Annotated[
        bool, option("--show-solution", env="SHOW_SOLUTION", says="On stderr, above the answer.", more=True)
    ] = False,
    show_thinking: Annotated[
        bool, option("--show-thinking", env="SHOW_THINKING", says="On stderr, the thought before it.", more=True)
    ] = False,
    output: Annotated[Output, option(env="OUTPUT", says="What stdout gets.", more=True)] = "answer",
    log: Annotated[
        bool, option("--log/--no-log", env="LOG", says="Keep it on this machine for ttc show.", more=True)
    ] = True,
    ratio: options.Ratio = None,
    profile: options.Profile = None,
) -> int:
    """Solve one problem: draw many solutions at once, vote, print the answer.

    The last 200 problems and their solutions are kept on this machine, for ttc show; --no-log leaves this one out.

    Examples:

    ttc solve "What is 17 * 23?"

    ttc solve @problem.txt --method best-of-n --verifier judge --budget 8

    echo "What is 17 * 23?" | ttc solve --budget 30s --json

    ttc solve "What is 17 * 23?" --policy http://localhost:8000/v1
    """
    from ttcli.cost import Budget

    wishes = _Wishes(as_json, quiet, show, show_solution, show_thinking, output)
    if as_json and output == "solution":
        raise UsageError("--json tells all solutions already", hint="leave out --json, or --output")
    settings = replace(
        settings,
        method_name=next(iter(options.with_ratio([method] if method else [], ratio)), None),
        verifier_name=verifier,
        budget=Budget.parse(budget or "16"),
        ask_again=ask_again,
    )
    if budget and (drawn := settings.method.generations) and not quiet:
        remark(f"hint: {settings.method.name} draws {drawn} solution, whatever the --budget")
    asked = _problem(problem)
    if settings.method.advised:
        settings = options.advised(settings, profile, quiet=quiet)
    began, outcome = _run(settings, asked, early, quiet=quiet, show="none" if quiet else show)
    code = _report(began, outcome, settings, wishes)
    if log:
        _keep(began, outcome, quiet=quiet)
    if settings.method.advised and not quiet and (method is not None or sys.stderr.isatty()):
        options.tell_unadvised(settings, profile)
    return code


def _problem(argument: str | None) -> Problem:
    """The problem that the argument or stdin holds."""
    from ttcli.cli.rows import tell_waiting
    from ttcli.files.bounded import PROBLEM, read_file, read_stream
    from ttcli.problem import Problem

    if argument is None and sys.stdin.isatty():
        raise ProblemError("there is no problem to solve", hint='ttc solve "What is 17 * 23?"')
    source = "the problem"
    try:
        if argument is None or argument == "-":
            source = "stdin"
            text = read_stream(sys.stdin.buffer, PROBLEM).decode("utf-8-sig")
        elif argument.startswith("@"):
            source = argument[1:]
            if not source:
                raise ProblemError("there is no file name after the @", hint="ttc solve @problem.txt")
            tell_waiting(source)
            text = read_file(Path(source), PROBLEM).decode("utf-8-sig")
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


def _run(
    settings: Settings, problem: Problem, early: Reading | None, *, quiet: bool, show: Show
) -> tuple[RunStarted, Outcome]:
    """Load, then solve under the display; the display starts when llama.cpp has been loaded and says no more."""
    from ttcli.events import RunFinished, RunStarted
    from ttcli.interrupt import Interrupt
    from ttcli.runtime.runtime import load_runtime
    from ttcli.terminal.display import display
    from ttcli.terminal.download import download_progress

    interrupt = Interrupt()
    began, outcome = None, None
    with (
        load_runtime(settings, interrupt, download_progress(quiet=quiet), early=early) as bench,
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


def _report(began: RunStarted, outcome: Outcome, settings: Settings, wishes: _Wishes) -> int:
    """The answer on stdout, what stands behind it under it on a terminal; the exit code."""
    from ttcli.cost import Stopped
    from ttcli.printable import as_written
    from ttcli.record.encode import record
    from ttcli.terminal.answer import cut_note, printed, shown_thought, standing, weakness
    from ttcli.terminal.words import support, winner

    first = winner(outcome)
    if wishes.show_thinking and (thought := shown_thought(outcome)) is not None:
        for line in as_written(thought).split("\n"):
            remark(line)
    if wishes.show_solution and wishes.output == "answer" and first is not None:
        for line in as_written(first.text).split("\n"):
            remark(line)
    if wishes.as_json:
        say_json(record(began, outcome), ascii_only=False)
    elif first is not None:
        say(as_written(first.text) if wishes.output == "solution" else printed(outcome))
    interrupted = outcome.stopped is Stopped.INTERRUPT
    if outcome.answer is None:
        _tell_silence(outcome, settings, interrupted=interrupted)
    elif not wishes.quiet:
        if 2 * outcome.ballot.abstained > len(outcome.candidates):
            _tell_silence(outcome, settings, interrupted=interrupted)
        terminal, doubt = sys.stderr.isatty(), weakness(began, outcome)
        lined = wishes.show == "lines" or (wishes.show == "auto" and not terminal)
        if terminal and not lined and not wishes.as_json:
            remark(standing(began, outcome))
        elif doubt:  # the last of the lines tells how many agree
            remark(doubt.removeprefix(f"{support(outcome)}: ") if lined else doubt)
        if told := cut_note(outcome, settings.max_tokens):
            remark(told)
    return 130 if interrupted else 0 if outcome.answer is not None else 1


def _tell_silence(outcome: Outcome, settings: Settings, *, interrupted: bool) -> None:
    """Why there is no answer, or why most candidates have none."""
    from ttcli.terminal.answer import silence
    from ttcli.terminal.messages import complain
    from ttcli.terminal.words import support

    found = silence(outcome, settings.answer, settings.max_tokens)
    hint = None if interrupted else found.hint if found else "a larger --budget"
    reasons = f": {found.reasons}" if found else ""
    if outcome.answer is None:
        complain(f"{support(outcome)}{reasons}", hint)
    else:
        told = f"{outcome.ballot.abstained} of {len(outcome.candidates)} candidates have no answer{reasons}"
        remark(f"{told}; {hint}" if hint else told)


def _keep(began: RunStarted, outcome: Outcome, *, quiet: bool) -> None:
    """Have `ttc show` find it; where that cannot be, the answer is there all the same."""
    from ttcli.files.paths import solves_dir
    from ttcli.record.encode import record
    from ttcli.record.solves import Solves

    try:
        Solves(solves_dir()).add(record(began, outcome))
    except (OSError, RuntimeError) as error:  # the latter where there is no home
        if not quiet:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            remark(f"not kept for ttc show: {reason}; --no-log does not try")
