"""Problems and summaries of a run as JSON objects; their keys are stable, `version` counts their changes."""

from __future__ import annotations

from typing import Any

from ttcli.bench.figures.problem import ProblemFigures, Spending
from ttcli.bench.figures.revisions import RevisionStep
from ttcli.bench.figures.summary import Summary, SummaryLine


def problem_record(figures: ProblemFigures) -> dict[str, Any]:
    """A problem that is done: a line of `ttc bench --json`."""
    problem, samples = figures.row.problem, figures.samples
    return {
        "version": 1,
        "type": "problem",
        "position": figures.position,
        "id": problem.id,
        "level": figures.row.level,
        "subject": figures.row.subject,
        "reference": problem.answer,
        "samples": len(figures.facts),
        "correct": int(samples.correct.sum()) if samples is not None else 0,
        "no_answer": sum(fact.answer is None for fact in figures.facts),
        "ungraded": figures.ungraded,
        "failed": next(iter(figures.failed.values()), None),
        "results": {
            task.key: {"accuracy": figure.accuracy, "right": figure.right, **_spending(figure.spending)}
            for task in figures.config.tasks
            if (figure := figures.figure(task)) is not None
        },
    }


def summary_record(summary: Summary) -> dict[str, Any]:
    """The last line of `ttc bench --json`."""
    config, headline = summary.run.config, summary.headline
    return {
        "version": 1,
        "type": "summary",
        "run": summary.run.id,
        "ttc": config.ttc,
        "model": config.model,
        "data": config.data,
        "seed": config.seed,
        "problems": summary.problems,
        "done": summary.done,
        "failed": summary.failed,
        "samples": summary.samples,
        "no_answer": summary.silent,
        "ungraded": summary.ungraded,
        "truncated": summary.truncated,
        "fill": summary.fill,
        "method": headline.key if headline else None,
        "accuracy": headline.accuracy if headline else None,
        "interval": list(headline.interval) if headline else None,
        "baseline": config.baseline,
        "chosen": [each._asdict() for each in summary.chosen],
        "lines": [_line(line) for line in summary.lines],
        "groups": [
            {
                "kind": group.kind,
                "name": group.name,
                "problems": group.problems,
                "lines": [_line(line) for line in group.lines],
            }
            for group in summary.groups
        ],
        "revisions": [
            {"method": revision.task, "attempts": [_revision_step(step) for step in revision.steps]}
            for revision in summary.revisions
        ],
    }


def _revision_step(step: RevisionStep) -> dict[str, Any]:
    shares = {"right": step.right, "right_to_wrong": step.spoiled, "wrong_to_right": step.mended}
    return {
        "attempt": step.place + 1,
        **{
            name: {"count": share.number, "of": share.of, "interval": list(share.interval) if share.interval else None}
            for name, share in shares.items()
        },
    }


def _line(line: SummaryLine) -> dict[str, Any]:
    told: dict[str, Any] = {
        "method": line.name,
        "budget": str(line.budget),
        "problems": line.problems,
        "accuracy": line.accuracy,
        "interval": list(line.interval),
        "cut": line.cut,
        **_spending(line.spending),
    }
    if against := line.against:
        told["against_baseline"] = {**against._asdict(), "interval": list(against.interval)}
    return told


def _spending(spending: Spending) -> dict[str, float]:
    return {**spending._asdict(), "tokens": spending.tokens}
