"""The samples of a problem as candidates that a vote is held over."""

from __future__ import annotations

from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.store import Store
from ttcli.problem import Problem
from ttcli.solution import Candidate, Prefix


def first_candidates(store: Store, config: RunConfig, problem: str, verifier: str, count: int) -> list[Candidate]:
    """The first `count` samples of a problem's text that a run of this configuration can use, by number.

    With the scores of the verifier, as the user called it; "": without scores.
    """
    keys = {verifier: config.verifiers[verifier].key} if verifier else {}
    samples, ratings = store.samples(config).of(problem, keys)
    wanted = {(config.temperature, config.seed, number) for number in range(count)}
    opinions = {rating.sample: rating.scores for rating in ratings}
    candidates = []
    for sample in sorted((each for each in samples if each.key in wanted), key=lambda each: each.key.number):
        opinion = opinions.get(sample.key)
        prefix = sample.on(Prefix(Problem(problem), 0))
        candidates.append(
            Candidate(
                index=sample.key.number,
                text=prefix.text,
                answer=sample.answer,
                ended=sample.ended,
                tokens=sample.tokens,
                logprob=prefix.logprob,
                score=opinion.score if opinion else None,
                step_scores=tuple(opinion.steps) if opinion else (),
                kind=config.kind,
            )
        )
    return candidates
