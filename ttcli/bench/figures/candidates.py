"""The samples of a problem with what verifiers say of them, and as candidates that a vote is held over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.sample import Sample
from ttcli.bench.store.store import Store
from ttcli.problem import Problem
from ttcli.seams import StepScores
from ttcli.search.sampling import answering
from ttcli.solution import AnswerKind, Candidate, Prefix


class RatedSample(NamedTuple):
    """A sample and its scores."""

    sample: Sample
    scores: Mapping[str, StepScores | None]  # by what the user calls the verifier; None: it could not be scored

    def candidate(self, verifier: str, kind: AnswerKind) -> Candidate:
        """As a candidate with such an answer, and with the score that this verifier gave it; "": with none."""
        sample, scores = self.sample, self.scores.get(verifier)
        drawn = answering(sample.key.number, sample.on(Prefix(Problem(""), 0)), sample.answer, kind)
        return replace(
            drawn,
            score=scores.score if scores else None,
            step_scores=tuple(scores.steps) if scores else (),
        )


def rated_samples(store: Store, config: RunConfig, problem: str, count: int) -> list[RatedSample]:
    """Those of the first `count` samples of a problem's text that a run of this configuration can use, by number."""
    keys = {name: verifier.key for name, verifier in config.verifiers.items()}
    samples, ratings = store.samples(config).of(problem, keys)
    scores = {(rating.sample, rating.verifier): rating.scores for rating in ratings}
    wanted = {(config.temperature, config.seed, number) for number in range(count)}
    return [
        RatedSample(sample, {name: scores[sample.key, name] for name in keys if (sample.key, name) in scores})
        for sample in sorted(samples, key=lambda sample: sample.key.number)
        if sample.key in wanted
    ]


def first_candidates(store: Store, config: RunConfig, problem: str, verifier: str, count: int) -> list[Candidate]:
    """The first `count` samples of a problem as candidates, with the scores of a verifier; "": without scores."""
    return [rated.candidate(verifier, config.kind) for rated in rated_samples(store, config, problem, count)]
