"""What a report tells of each problem, as JSON: a line of the list, and all that its entry unfolds to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ttcli.answers import is_correct
from ttcli.bench.figures.candidates import rated_samples
from ttcli.bench.figures.problem import ProblemFigures
from ttcli.bench.figures.summary import by_difficulty
from ttcli.bench.report.tree import Correct, nested
from ttcli.bench.store.store import Result, Run, Store
from ttcli.bench.store.task import Task
from ttcli.search.best_of_n import COUNTS
from ttcli.search.methods import parse_method
from ttcli.solution import Candidate


def index_record(run: Run, figures: Sequence[ProblemFigures]) -> dict[str, Any]:
    """The list of problems: for each what it is found, filtered and sorted by.

    `states` has a letter for each task: r right, w wrong, f failed, - not done.
    """
    bins = {member.position: name for _, name, members in by_difficulty(figures) for member in members}
    return {
        "tasks": [task.key for task in run.config.tasks],
        "verifiers": [*run.config.verifiers],
        "problems": [
            {
                "position": problem.position,
                "id": problem.row.problem.id,
                "text": problem.row.problem.text,
                "reference": problem.row.problem.answer,
                "level": problem.row.level,
                "subject": problem.row.subject,
                "difficulty": bins.get(problem.position),
                "right": int(problem.samples.correct.sum()) if problem.samples else 0,
                "samples": len(problem.facts),
                "states": "".join(state(problem, task) for task in run.config.tasks),
                "answers": [*dict.fromkeys(_answers(problem))],
            }
            for problem in figures
        ],
    }


def state(problem: ProblemFigures, task: Task) -> str:
    """A letter for what a task came to."""
    figure = problem.figure(task)
    if problem.failure(task) is not None:
        return "f"
    return "-" if figure is None else "r" if figure.right else "w"


def problem_records(store: Store, run: Run, figures: Sequence[ProblemFigures]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Position and details of every problem, one after the other: all of them may be many."""
    results: dict[int, dict[str, Result]] = {}
    for result in store.results(run):
        results.setdefault(result.position, {})[result.task] = result
    for problem in figures:
        samples, candidates = _samples(store, run, problem)
        own = results.get(problem.position, {})
        tasks = [_task(problem, task, candidates, own.get(task.key)) for task in run.config.tasks]
        yield problem.position, {"samples": samples, "tasks": tasks}


def _answers(problem: ProblemFigures) -> Iterator[str]:
    yield from (fact.answer for fact in problem.facts if fact.answer is not None)
    yield from (settled.answer for settled in problem.settled.values() if settled.answer is not None)


def _samples(store: Store, run: Run, problem: ProblemFigures) -> tuple[list[list[Any]], dict[str, list[Candidate]]]:
    """Samples as arrays, as the page expects them; and as candidates with the scores of each verifier, "" for none."""
    config = run.config
    rated = rated_samples(store, config, problem.row.problem.text, len(problem.facts))
    rows: list[list[Any]] = []
    for number, (sample, scores) in enumerate(rated):
        right = bool(problem.samples and problem.samples.correct[number])
        steps = [[step.text, step.tokens, _rounded(step.confidence)] for step in sample.steps]
        given = [scores.get(name) for name in config.verifiers]
        told = [[score.score, [*score.steps]] if score else None for score in given]
        rows.append([number, sample.answer, right, sample.ended, sample.tokens, steps, told])
    return rows, {name: [one.candidate(name, config.kind) for one in rated] for name in ("", *config.verifiers)}


def _task(
    problem: ProblemFigures,
    task: Task,
    candidates: Mapping[str, Sequence[Candidate]],
    result: Result | None,
) -> dict[str, Any]:
    reference, kind = problem.row.problem.answer or "", problem.config.kind

    def correct(answer: str | None) -> bool:
        return is_correct(answer, reference, kind)

    told: dict[str, Any] = {"key": task.key, "state": state(problem, task)}
    if told["state"] == "f":
        return told | {"why": problem.failure(task)}
    if told["state"] == "-":
        return told
    figure = problem.figure(task)
    told["spent"] = figure.spending._asdict() if figure else {}
    if task.pooled:
        count = COUNTS[parse_method(task.method).vote or "majority"]
        ballot = count(candidates[task.verifier][: int(task.budget.amount)])
        votes = [(vote.answer, vote.weight, len(vote.members)) for vote in ballot.votes]
        told |= _vote(votes, ballot.abstained, correct)
        return told
    assert result is not None  # it is done, and no vote over samples
    outcome = json.loads(result.outcome or "")
    votes = [(vote["answer"], vote["weight"], len(vote["members"])) for vote in outcome["votes"]]
    told |= _vote(votes, outcome["no_answer"], correct)
    told |= {"stopped": outcome["stopped"], "chose": outcome.get("chose")}
    told["tree"] = nested(task.key, outcome, correct)
    return told


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _vote(votes: Sequence[tuple[str, float, int]], silent: int, correct: Correct) -> dict[str, Any]:
    """A ballot: [answer, weight, number of members, right] by rank."""
    return {"votes": [[*vote, correct(vote[0])] for vote in votes], "silent": silent}
