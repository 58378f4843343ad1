"""`ttc grade`: which answers are right, by their reference answers; no model is loaded."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, Literal, cast

import typer

from ttcli.cli.options import option
from ttcli.cli.rows import tell_bad, tell_waiting
from ttcli.errors import UsageError
from ttcli.printable import json_line
from ttcli.terminal.messages import remark

if TYPE_CHECKING:
    from ttcli.data.responses import Grade, Response


def grade(  # over 60 lines: most of them declare an option each, or are help
    responses: Annotated[
        str | None,
        typer.Argument(metavar="FILE|-", help="JSONL, gzipped or not, with answer, gold or reference, and text."),
    ] = None,
    output: Annotated[
        Path | None, option("--output", "-o", env=None, says="A file for the rows; stdout if left out.")
    ] = None,
    form: Annotated[
        Literal["text", "candidate"] | None,
        option("--from", env=None, says="Read whole solutions, or answers as they are; left out: by the field's name."),
    ] = None,
    field: Annotated[str | None, option("--field", env=None, says="That holds the text or the answer.")] = None,
    reference: Annotated[
        str | None, option("--reference", env=None, says="The field that holds the right answer.")
    ] = None,
    as_json: Annotated[
        bool, option("--json", env=None, says="A JSON line per row, as where stdout is no terminal.")
    ] = False,
    skip_bad: Annotated[bool, option("--skip-bad", env=None, says="Leave out bad rows.")] = False,
    quiet: Annotated[bool, option("--quiet", "-q", env="QUIET", says="Nothing but the rows.")] = False,
) -> None:
    """Grade answers, or solutions that state one, against reference answers.

    Each row comes back with what was extracted and whether it is right: true, false, or null for no answer. One that
    takes too long to compare counts as wrong, and says `ungraded`.

    Examples:

    ttc grade solutions.jsonl

    ttc grade - --reference target --field model_output < samples.jsonl > graded.jsonl

    ttc runs export last | ttc grade --skip-bad -o graded.jsonl
    """
    from ttcli.answers import CHECKER
    from ttcli.data.responses import grade as graded
    from ttcli.data.responses import read_responses
    from ttcli.terminal.grades import grading_bar

    if responses is None and sys.stdin.isatty():
        raise UsageError("there is nothing to grade", hint="ttc grade solutions.jsonl")
    tell_waiting(responses or "-")
    given = read_responses(responses or "-", form=form, field=field, reference=reference, skip_bad=skip_bad)
    tell_bad(given.bad)
    CHECKER.require()
    drawn = sys.stdout.isatty() and not as_json
    printed = output is None and not drawn
    verdicts: Counter[bool | None] = Counter()
    wrong: list[tuple[Response, Grade]] = []
    ungraded = 0
    shown = not quiet and not (printed and sys.stdout.isatty())  # a bar among rows would spoil both
    with _rows_to(output, printed=printed) as file, grading_bar(given.rows, shown=shown) as rows:
        for response in rows:
            verdict = graded(response)
            verdicts[verdict.right] += 1
            ungraded += not verdict.graded
            if drawn and not verdict.right:
                wrong.append((response, verdict))
            if file:
                file.write(_line(response, verdict))
                file.flush()
    if drawn or not quiet:
        _tell(verdicts, ungraded, [] if quiet else wrong, drawn=drawn)


def _tell(
    verdicts: Counter[bool | None], ungraded: int, wrong: Sequence[tuple[Response, Grade]], *, drawn: bool
) -> None:
    """The figures: as tables on a terminal, on stderr elsewhere."""
    from ttcli.terminal.grades import print_grades, summary

    if drawn:
        print_grades(verdicts, ungraded, wrong)
    else:
        remark(summary(verdicts, ungraded))


@contextmanager
def _rows_to(output: Path | None, *, printed: bool) -> Iterator[BinaryIO | None]:
    """Where rows go: a file, stdout or nowhere."""
    from ttcli.files.atomic import writing

    if output:
        with writing(output) as file:
            yield file
    else:
        yield cast(BinaryIO, sys.stdout.buffer) if printed else None


def _line(response: Response, verdict: Grade) -> bytes:
    """A row with its grade, in UTF-8 whatever the terminal speaks."""
    row = {**response.fields, "extracted": verdict.extracted, "right": verdict.right}
    if not verdict.graded:
        row["ungraded"] = True
    return f"{json_line(row, ascii_only=False)}\n".encode()
