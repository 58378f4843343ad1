"""From the store of the runs to the published file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.task import held

from experiments.data import UNIT, VERIFIER
from experiments.plan import Share, Stage, shares
from ttcli.bench.figures.candidates import RatedSample, rated_samples
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import Task
from ttcli.solution import Ended
from ttcli.verifier.aggregate import aggregate

_SPENT = ("generations", "prompt_tokens", "policy_tokens", "verifier_tokens", "shared_tokens", "flops")


def rows(store: Store, todo: Sequence[Stage], work: Path, cores: int, large: str) -> Iterator[dict[str, Any]]:
    """A row for each stage that was begun, then one for each problem."""
    known = {run.config.command[1:]: run for run in store.runs()}
    problems: dict[int, _Problem] = {}
    for stage in todo:
        begun = [(share, known[share.command]) for share in shares(stage, work, cores) if share.command in known]
        if begun:
            yield _stage(begun)
        model = "large" if stage.model == large else "policy"
        for share, run in begun:
            for figures in load_figures(store, run):
                number = int(figures.row.problem.id)
                row = problems.setdefault(number, _Problem(number))
                row.take(store, run, share.stage, model, figures)
    yield from (problems[number].row for number in sorted(problems) if "samples" in problems[number].of("policy"))


def _stage(begun: Sequence[tuple[Share, Run]]) -> dict[str, Any]:
    share, config = begun[0][0], begun[0][1].config
    words = [Path(word).name if "/" in word else word for word in config.command[1:]]
    return {
        "type": "stage",
        "name": share.stage.name,
        "command": " ".join(["ttc", *words]),
        "model": config.model,
        "parameters": config.parameters,
        "verifiers": {name: config.verifiers[called].parameters for name, called in share.stage.verifiers.items()},
        "ttc": config.ttc,
    }


class _Problem:
    """A problem's row, as it grows."""

    def __init__(self, number: int) -> None:
        task = held()[number]
        self.row: dict[str, Any] = {
            "type": "problem", "id": number, "problem": task.problem, "answer": task.answer, "answers": [],
        }  # fmt: skip

    def of(self, model: str) -> dict[str, Any]:
        """What one of the models did."""
        known: dict[str, Any] = self.row.setdefault(model, {"results": {}})
        return known

    def take(self, store: Store, run: Run, stage: Stage, model: str, figures: ProblemFigures) -> None:
        """All that a run has of it."""
        own, config = self.of(model), run.config
        names = {called: name for name, called in stage.verifiers.items()}
        for task in config.tasks:
            settled = figures.settled.get(task.key)
            if settled is not None:
                spent = settled.spending._asdict()
                told = [round(spent[key]) for key in _SPENT]
                own["results"][_key(task, names)] = [self._place(settled.answer), *told]
        if any("revise" in task.method for task in config.tasks):
            self._chains(store, run, figures, names)
        if config.depth and all(figures.rated(name, config.depth) for name in config.verifiers):
            self._samples(own, rated_samples(store, config, figures.row.problem.text, config.depth), config, names)

    def _chains(self, store: Store, run: Run, figures: ProblemFigures, names: Mapping[str, str]) -> None:
        by_key = {task.key: task for task in run.config.tasks}
        for result in store.results(run, position=figures.position):
            if result.outcome is None:
                continue
            chains: dict[int, list[tuple[int, int]]] = {}
            for each in sorted(json.loads(result.outcome)["candidates"], key=lambda each: each["attempt"]):
                told = (self._place(each["answer"]), _whole(each["score"]))
                chains.setdefault(each["chain"], []).append(told)
            kept = [chains[number] for number in sorted(chains)]
            self.of("policy").setdefault("chains", {})[_key(by_key[result.task], names)] = kept

    def _samples(
        self, own: dict[str, Any], rated: Sequence[RatedSample], config: RunConfig, names: Mapping[str, str]
    ) -> None:
        scores, read = own.setdefault("scores", {}), own.setdefault("read", {})
        known = len(own.get("samples", {}).get("answer", ()))
        if len(rated) < config.depth:  # it was stopped in the middle
            return
        samples = [each.sample for each in rated]
        if len(samples) >= known:
            own["prompt"] = samples[0].prompt_tokens
            own["samples"] = {
                "answer": [self._place(each.answer) for each in samples],
                "tokens": [each.tokens for each in samples],
                "cut": [number for number, each in enumerate(samples) if each.ended is Ended.LENGTH],
            }
        for called in config.verifiers:
            opinions = [each.scores.get(called) for each in rated]
            name = names[called]
            if len(opinions) < len(scores.get(name, ())):
                continue
            scores[name] = [_whole(each.score if each else None) for each in opinions]
            if config.verifiers[called].parameters and not name.startswith("noise"):
                read[name] = [each.tokens if each else 0 for each in opinions]
            if name == VERIFIER:
                for how in ("min", "prod"):
                    scores[f"{VERIFIER} {how}"] = [
                        _whole(aggregate(each.steps, how) if each else None)  # type: ignore[arg-type]
                        for each in opinions
                    ]

    def _place(self, answer: str | None) -> int:
        """The number of an answer among those of the problem; -1: none."""
        if answer is None:
            return -1
        known: list[str] = self.row["answers"]
        if answer not in known:
            known.append(answer)
        return known.index(answer)


def _whole(score: float | None) -> int:
    """In parts of `UNIT`; -1: not scored."""
    return -1 if score is None else round(score * UNIT)


def _key(task: Task, names: Mapping[str, str]) -> str:
    """A task with its verifier called as in the data."""
    return task._replace(verifier=names[task.verifier] if task.verifier else "").key
