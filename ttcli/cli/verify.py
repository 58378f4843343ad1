"""`ttc verify`: what a verifier says of solutions that are given."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from ttcli.cli.exit_codes import INTERRUPTED
from ttcli.cli.options import option
from ttcli.cli.rows import tell_bad, tell_waiting
from ttcli.cli.run_options import run_options
from ttcli.cli.signals import interrupted_by_ctrl_c
from ttcli.errors import UsageError
from ttcli.terminal.messages import remark, say_json

if TYPE_CHECKING:
    from ttcli.runtime.settings import Settings
    from ttcli.runtime.verify import Verified


@run_options(
    leave_out=(
        *("policy", "temperature", "max_tokens", "seed", "top_k", "top_p", "min_p", "width", "reviser"),
        *("answer", "repair", "prompt", "system"),
    )
)
def verify(
    *,
    solutions: Annotated[
        str | None, typer.Argument(metavar="FILE|-", help="JSONL with problem or question, and solution or text.")
    ] = None,
    verifier: Annotated[
        str | None, option(env="VERIFIER", says="arithmetic, head, judge, prm:MODEL, likelihood:MODEL or command:CMD.")
    ] = None,
    settings: Settings,
    as_json: Annotated[
        bool, option("--json", env=None, says="A JSON line per solution, as where stdout is no terminal.")
    ] = False,
    skip_bad: Annotated[bool, option("--skip-bad", env=None, says="Leave out bad rows.")] = False,
    quiet: Annotated[bool, option("--quiet", "-q", env="QUIET", says="Nothing but the scores.")] = False,
) -> int:
    """Score the steps of given solutions.

    Examples:

    ttc verify solutions.jsonl --verifier judge

    ttc verify --verifier prm:llama3.1-8b-prm --aggregate min < solutions.jsonl > scores.jsonl

    ttc verify solutions.jsonl --verifier "command:./run_tests.sh --fast"
    """
    from ttcli.data.solutions import read_solutions
    from ttcli.interrupt import Interrupt
    from ttcli.runtime.verify import separator, verifying
    from ttcli.runtime.verify import verify as verified_by
    from ttcli.terminal.download import download_progress
    from ttcli.terminal.verified import print_verified, summary

    if verifier is None:
        raise UsageError("there is no verifier", hint="--verifier judge")
    if solutions is None and sys.stdin.isatty():
        raise UsageError("there are no solutions to verify", hint=f"ttc verify solutions.jsonl --verifier {verifier}")
    settings = replace(settings, verifier_name=verifier)
    tell_waiting(solutions or "-")
    given = read_solutions(solutions or "-", skip_bad=skip_bad)
    tell_bad(given.bad)
    interrupt = Interrupt()
    drawn = sys.stdout.isatty() and not as_json
    done, tokens = 0, 0
    with verifying(settings, interrupt, download_progress(quiet=quiet)) as scorer, interrupted_by_ctrl_c(interrupt):
        for each in verified_by(given.rows, scorer, separator(settings)):
            if drawn:
                print_verified(each)
            else:
                say_json(_record(each))
            done += 1
            tokens += each.scores.tokens if each.scores else 0
    if done < len(given.rows):
        return INTERRUPTED
    if drawn and not quiet:
        remark(summary(done, tokens))
    return 0


def _record(verified: Verified) -> dict[str, object]:
    """A solution as JSON; null stands for a score that there is not."""
    scores = verified.scores
    known = scores.steps if scores else ()
    steps = [
        {"text": text, "score": known[number] if number < len(known) else None}
        for number, text in enumerate(verified.steps)
    ]
    return {
        "version": 1,
        "id": verified.solution.id,
        "score": scores.score if scores else None,
        "steps": steps,
        "tokens": scores.tokens if scores else 0,
    }
