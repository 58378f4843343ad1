"""A run as rows, one per sample and one per result of a method that is no vote over samples: JSONL, or Parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ttcli.answers import grade
from ttcli.bench.figures.candidates import rated_samples
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.store.store import Run, Store
from ttcli.errors import UsageError
from ttcli.files.atomic import writing
from ttcli.printable import json_line
from ttcli.record.encode import repairs_record
from ttcli.solution import total_logprob

_COLUMNS = {  # of a Parquet file, besides the scores
    **dict.fromkeys(("type", "run", "id", "level", "subject", "problem", "reference", "method"), "string"),
    "number": "int64",
    "answer": "string",
    "correct": "bool",
    "ungraded": "bool",
    **dict.fromkeys(("ended", "failed"), "string"),
    **dict.fromkeys(("tokens", "prompt_tokens", "repaired"), "int64"),
    **dict.fromkeys(("sum_logprob", "seconds"), "float64"),
    "text": "string",
}


def rows(store: Store, run: Run) -> Iterator[dict[str, Any]]:
    """All rows of a run, problem by problem."""
    for figures in load_figures(store, run):
        yield from _samples(store, run, figures)
        yield from _results(run, figures)


def write_parquet(store: Store, run: Run, path: Path) -> None:
    """The same rows as one Parquet file.

    Raises:
        UsageError: pyarrow is not installed.
        TtcError: the file cannot be written.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("Parquet needs the package pyarrow", hint="pip install 'ttcli[parquet]'") from error
    # named here: the two kinds of rows differ in their columns, and the first row does not have all of them
    schema = [(name, pyarrow.type_for_alias(kind)) for name, kind in _COLUMNS.items()]
    fields = [("at", pyarrow.int64()), *((name, pyarrow.string()) for name in ("wrote", "mended", "dropped"))]
    schema.append(("repairs", pyarrow.list_(pyarrow.struct(fields))))
    if verifiers := run.config.verifiers:  # Parquet knows no struct without a field
        schema.append(("scores", pyarrow.struct([(name, pyarrow.float64()) for name in verifiers])))
    table = pyarrow.Table.from_pylist([*rows(store, run)], pyarrow.schema(schema))
    with writing(path) as file:
        pyarrow.parquet.write_table(table, file)


def write_jsonl(store: Store, run: Run, path: Path) -> None:
    """The rows as one object per line.

    Raises:
        TtcError: the file cannot be written.
    """
    with writing(path) as file:
        file.writelines(f"{to_line(row)}\n".encode() for row in rows(store, run))


def to_line(row: dict[str, Any]) -> str:
    """A row as a line of JSONL."""
    return json_line(row, ascii_only=False)


def _problem(figures: ProblemFigures) -> dict[str, Any]:
    row = figures.row
    return {
        "id": row.problem.id,
        "level": row.level,
        "subject": row.subject,
        "problem": row.problem.text,
        "reference": row.problem.answer,
    }


def _verdict(right: bool | None, reference: str | None) -> dict[str, bool | None]:
    """Whether an answer is right; null where that could not be found out, as a key besides tells, or not asked."""
    if reference is None:
        return {"correct": None}
    return {"correct": right} if right is not None else {"correct": None, "ungraded": True}


def _samples(store: Store, run: Run, figures: ProblemFigures) -> Iterator[dict[str, Any]]:
    config = run.config
    reference = figures.row.problem.answer
    for sample, scores in rated_samples(store, config, figures.row.problem.text, config.depth):
        opinions = {name: scores.get(name) for name in config.verifiers}
        yield {
            "type": "sample",
            "run": run.id,
            **_problem(figures),
            "number": sample.key.number,
            "answer": sample.answer,
            **_verdict(grade(sample.answer, reference or "", figures.config.kind), reference),
            "ended": sample.ended.value,
            "tokens": sample.tokens,
            "prompt_tokens": sample.prompt_tokens,
            "sum_logprob": total_logprob(sample.steps),
            "seconds": sample.seconds,
            "text": "".join(step.text for step in sample.steps),
            **({"thought": sample.thought.text, "thought_tokens": sample.thought.tokens} if sample.thought else {}),
            **repairs_record(sample.repairs),
            "scores": {name: scored.score if scored else None for name, scored in opinions.items()},
        }


def _results(run: Run, figures: ProblemFigures) -> Iterator[dict[str, Any]]:
    for task in figures.config.tasks:
        figure = None if task.pooled else figures.figure(task)
        if figure is None:
            continue
        settled = figures.settled.get(task.key)
        yield {
            "type": "result",
            "run": run.id,
            **_problem(figures),
            "method": task.key,
            "answer": settled.answer if settled else None,
            **_verdict(None if settled and settled.ungraded else figure.right, figures.row.problem.answer),
            "failed": figures.failed.get(task.key),
            "tokens": int(figure.spending.tokens),
            "seconds": figure.spending.seconds,
        }
