from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from leaving import leave

from bench.scripts import FIVE, FOUR, SCRIPT, SILENT, SIX, CountingPolicy, CountingVerifier
from ttcli.bench.execute.pool import Flight, Pool, PooledPolicy, PooledVerifier
from ttcli.bench.store.sample import Rating, Sample, SampleKey
from ttcli.cost import Budget, Cost, Meter
from ttcli.errors import BackendError, PromptTooLong
from ttcli.events import Outcome, RunFinished
from ttcli.policy.script import Script, ScriptLine
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, StepScores
from ttcli.search.methods import METHODS
from ttcli.solution import Ended, Prefix

PROBLEM = Problem("What is 2 + 2 ?")
PROMPT = 6  # its tokens
TEMPERATURE = 0.8


class Bench:
    """A pool with a policy and a verifier that count what they are asked for."""

    def __init__(self, pool: Pool | None = None, script: Script = SCRIPT, *, width: int = 4) -> None:
        self.pool = Pool() if pool is None else pool
        self.flight = Flight()
        self.inner = CountingPolicy(script, width=width)
        self.verifier = CountingVerifier(script)

    def policy(self) -> PooledPolicy:
        return PooledPolicy(self.inner, self.pool, self.flight, temperature=TEMPERATURE)

    def solve(self, method: str, budget: Budget, *, seed: int = 0) -> Outcome:
        meter = Meter(budget, max_tokens=50)
        pooled = PooledVerifier(self.verifier, self.pool, "scripted")
        *_, last = METHODS[method].run(PROBLEM, self.policy(), pooled, meter, seed=seed)
        assert isinstance(last, RunFinished)
        assert self.flight.under_way == 0
        assert not self.inner.live
        return last.outcome

    def draw(self, count: int, **options: Any) -> list[Extension]:
        """Independent solutions, all at once."""
        policy = self.policy()
        root = policy.start(PROBLEM)
        requests = [ask(root, index, **options) for index in range(count)]
        found = [each for step in policy.extend(requests) for each in step if isinstance(each, Extension)]
        assert self.flight.under_way == 0
        return sorted(found, key=lambda each: each.request)


def ask(root: Prefix, index: int, seed: int = 0, **options: Any) -> Extend:
    return Extend(root, (seed, PROBLEM.key, index), **options)


def texts(found: list[Extension]) -> list[str]:
    return [each.prefix.text for each in found]


def known(*samples: Sample, ratings: tuple[Rating, ...] = ()) -> Pool:
    return Pool.of(samples, ratings)


def sample(number: int, line: ScriptLine = FOUR, **options: Any) -> Sample:
    """What drawing this line comes to."""
    policy = CountingPolicy(Script({"": [line]}))
    root = policy.start(PROBLEM)
    (found,) = [each for step in policy.extend([ask(root, 0)]) for each in step if isinstance(each, Extension)]
    return replace(Sample.of(SampleKey(TEMPERATURE, 0, number), found), **options)


# -- samples


def test_what_is_drawn_stays_in_the_pool_and_is_news() -> None:
    bench = Bench()
    drawn = bench.draw(5)
    assert [bench.pool.samples[SampleKey(TEMPERATURE, 0, number)].steps for number in range(5)] == [
        each.prefix.steps for each in drawn
    ]
    assert {each.key.number for each in bench.pool.news if isinstance(each, Sample)} == set(range(5))


def test_samples_that_are_known_come_back_at_once_and_are_not_drawn_again() -> None:
    first = Bench()
    drawn = first.draw(5)
    again = Bench(Pool.of(first.pool.samples.values(), ()))
    policy = again.policy()
    root = policy.start(PROBLEM)
    (step,) = policy.extend([ask(root, index) for index in range(5)])
    assert [each.request for each in step] == [0, 1, 2, 3, 4]
    assert [each.prefix.steps for each in step if isinstance(each, Extension)] == [each.prefix.steps for each in drawn]
    assert again.inner.asked == []
    assert again.pool.news == []


def test_a_sample_comes_back_on_the_root_that_asks_for_it() -> None:
    bench = Bench(known(sample(0, ended=Ended.LENGTH)))
    policy = bench.policy()
    other = Problem(PROBLEM.text, "with an id", "4")
    (step,) = policy.extend([ask(policy.start(other), 0)])
    assert isinstance(step[0], Extension)
    assert step[0].prefix == Prefix(other, 0, PROMPT, sample(0).steps, Ended.LENGTH)


def test_a_budget_of_eight_after_one_of_four_draws_four_more() -> None:
    bench = Bench()
    four = bench.solve("majority", Budget(4))
    assert len(bench.inner.asked) == 4
    eight = bench.solve("majority", Budget(8))
    assert [request.seed[2] for request in bench.inner.asked[4:]] == [4, 5, 6, 7]
    assert eight.candidates[:4] == four.candidates
    assert eight.candidates == Bench().solve("majority", Budget(8)).candidates


def test_known_and_drawn_samples_keep_the_numbers_of_their_requests() -> None:
    whole = texts(Bench().draw(8))
    first = Bench()
    first.draw(8)
    for kept in ({0, 1}, {6, 7}, {1, 3, 4}, {7}):
        some = Bench(Pool.of([each for key, each in first.pool.samples.items() if key.number in kept], ()))
        found = some.draw(8)
        assert [each.request for each in found] == list(range(8))
        assert texts(found) == whole
        assert {request.seed[2] for request in some.inner.asked} == set(range(8)) - kept


def test_another_temperature_seed_or_number_is_another_sample() -> None:
    bench = Bench()
    bench.draw(2)
    assert len(bench.inner.asked) == 2
    bench.draw(2, temperature=0.0)
    assert len(bench.inner.asked) == 4
    bench.draw(2, seed=1)
    assert len(bench.inner.asked) == 6
    bench.draw(3)
    assert len(bench.inner.asked) == 7
    bench.draw(2, temperature=TEMPERATURE)  # the policy's own, by name
    assert len(bench.inner.asked) == 7
    assert len(bench.pool.samples) == 7


def test_cut_candidates_are_not_kept() -> None:
    bench = Bench(script=Script({"": [FOUR]}))
    policy = bench.policy()
    root = policy.start(PROBLEM)
    growth = iter([False, False, True])
    found = [
        each
        for step in policy.extend([ask(root, 0), ask(root, 1)], stop=lambda _tokens: next(growth))
        for each in step
        if isinstance(each, Extension)
    ]
    assert [each.prefix.ended for each in found] == [Ended.CUT, Ended.CUT]
    assert bench.pool == Pool()
    assert bench.flight.under_way == 0


def test_steps_and_prefixes_that_are_no_roots_pass_through() -> None:
    line = ScriptLine("One.\n\nTwo.\n\nThree.")
    bench = Bench(known(sample(0, line), sample(1, line)), Script({"": [line]}))
    policy = bench.policy()
    root = policy.start(PROBLEM)
    ((*_, step),) = [each for each in policy.extend([ask(root, 0, until="step")]) if isinstance(each[-1], Extension)]
    assert isinstance(step, Extension)
    assert (step.prefix.text, step.prefix.ended) == ("One.\n\n", Ended.OPEN)
    *_, (*_, rest) = policy.extend([ask(step.prefix, 1)])
    assert isinstance(rest, Extension)
    assert rest.prefix.text == line.text
    assert rest.shared == PROMPT + 1  # as the policy itself says: prompt and step
    assert len(bench.inner.asked) == 2
    assert bench.pool.news == []
    policy.release([root, step.prefix])
    assert not bench.inner.live


def test_a_root_of_somebody_else_is_no_root_of_the_pool() -> None:
    bench = Bench(known(sample(0)))
    stranger = bench.inner.start(PROBLEM)
    assert next(iter(bench.policy().extend([ask(stranger, 0)])))
    assert len(bench.inner.asked) == 1


def test_the_prompt_is_shared_by_all_but_the_first_solution_of_a_root() -> None:
    bench = Bench(known(sample(1), sample(2)))
    policy = bench.policy()
    for _ in range(2):
        root = policy.start(PROBLEM)
        shared = [
            each.shared
            for step in policy.extend([ask(root, index) for index in range(4)])
            for each in step
            if isinstance(each, Extension)
        ]
        assert shared == [0, PROMPT, PROMPT, PROMPT]


def test_time_is_counted_as_if_all_had_been_drawn_now() -> None:
    bench = Bench(known(sample(0, seconds=2.0), sample(1, seconds=0.5)))
    policy = bench.policy()
    root = policy.start(PROBLEM)
    list(policy.extend([ask(root, 0), ask(root, 1), ask(root, 2)]))
    assert policy.seconds == 2.5  # and no time for a scripted one


# -- what a run costs does not depend on what the pool had

WORDS = st.sampled_from(["so", "so\n\n", "\\boxed{4}", "\\boxed{5}", "\\boxed{6}"])
SCRIPTS = st.lists(
    st.builds(
        ScriptLine,
        st.lists(WORDS, min_size=1, max_size=9).map(" ".join),
        logprob=st.floats(-3, 0),
        score=st.floats(0, 1),
        length=st.booleans(),
    ),
    min_size=1,
    max_size=4,
).map(lambda lines: Script({"": lines}))
METHOD = st.sampled_from(["majority", "best-of-n", "best-of-n-plain", "adaptive", "greedy"])


def costs(outcome: Outcome) -> Cost:
    return replace(outcome.cost, seconds=0.0)


def without_time(outcome: Outcome) -> Outcome:
    return replace(outcome, cost=costs(outcome))


@settings(deadline=None, max_examples=150)
@given(SCRIPTS, METHOD, st.integers(1, 12), st.integers(1, 6), st.sets(st.integers(0, 11)), st.integers(0, 2))
@example(SCRIPT, "best-of-n", 8, 4, {0, 1, 2, 3}, 0)
def test_a_run_comes_to_the_same_whatever_the_pool_had(
    script: Script, method: str, budget: int, width: int, kept: set[int], seed: int
) -> None:
    empty = Bench(script=script, width=width)
    expected = empty.solve(method, Budget(budget), seed=seed)
    assert expected.cost.shared_tokens == PROMPT * (expected.cost.generations - 1)
    samples = empty.pool.samples.values()
    half = Bench(Pool.of([each for each in samples if each.key.number in kept], ()), script, width=width)
    ratings = empty.pool.ratings.values()
    full = Bench(Pool.of(samples, ratings), script, width=width)
    assert without_time(half.solve(method, Budget(budget), seed=seed)) == without_time(expected)
    assert without_time(full.solve(method, Budget(budget), seed=seed)) == without_time(expected)
    assert full.inner.asked == []
    assert full.verifier.asked == []
    assert full.pool.news == []


@settings(deadline=None, max_examples=60)
@given(SCRIPTS, METHOD, st.integers(1, 12), st.integers(1, 6))
def test_a_pooled_run_comes_to_what_one_without_a_pool_does(
    script: Script, method: str, budget: int, width: int
) -> None:
    pooled = Bench(script=script, width=width).solve(method, Budget(budget))
    policy, verifier = CountingPolicy(script, width=width), CountingVerifier(script)
    *_, last = METHODS[method].run(PROBLEM, policy, verifier, Meter(Budget(budget), max_tokens=50), seed=0)
    assert isinstance(last, RunFinished)
    assert pooled.candidates == last.outcome.candidates
    assert pooled.ballot == last.outcome.ballot
    # a scripted prompt is decoded when it starts, a real one with the first text that grows from it
    assert costs(pooled) == replace(costs(last.outcome), shared_tokens=costs(last.outcome).shared_tokens - PROMPT)


# -- texts under way


def test_flight_counts_what_somebody_waits_for() -> None:
    bench = Bench(known(sample(0)), width=3)
    policy = bench.policy()
    root = policy.start(PROBLEM)
    growing = policy.extend([ask(root, index) for index in range(4)])
    next(growing)
    assert bench.flight.under_way == 3  # and one came from the pool
    list(growing)
    assert bench.flight.under_way == 0


def test_flight_is_empty_after_a_stop_before_the_first_token() -> None:
    bench = Bench()
    policy = bench.policy()
    root = policy.start(PROBLEM)
    assert [each for step in policy.extend([ask(root, 0)], stop=lambda _tokens: True) for each in step] == []
    assert bench.flight.under_way == 0


def test_flight_is_empty_after_closing_mid_way() -> None:
    bench = Bench()
    policy = bench.policy()
    root = policy.start(PROBLEM)
    for steps in range(4):
        growing = policy.extend([ask(root, index) for index in range(6)])
        for _ in range(steps):
            next(growing)
        leave(growing)
        assert bench.flight.under_way == 0


@pytest.mark.parametrize("method", ["majority", "best-of-n", "adaptive"])
def test_flight_is_empty_when_nobody_reads_a_method_on(method: str) -> None:
    for events in range(1, 40, 3):
        bench = Bench()
        verifier = PooledVerifier(bench.verifier, bench.pool, "scripted")
        run = METHODS[method].run(PROBLEM, bench.policy(), verifier, Meter(Budget(6), max_tokens=50), seed=0)
        for _ in range(events):
            next(run)
        leave(run)
        assert bench.flight.under_way == 0
        assert not bench.inner.live


def test_flight_is_empty_after_an_error_of_the_policy() -> None:
    steps = iter(range(3))

    def fail() -> None:
        if next(steps) == 2:
            raise BackendError("the engine failed")

    bench = Bench()
    bench.inner._between = fail
    with pytest.raises(BackendError):
        bench.solve("majority", Budget(8))
    assert bench.flight.under_way == 0
    assert not bench.inner.live


def test_flight_is_empty_after_an_error_of_the_verifier() -> None:
    bench = Bench()
    bench.verifier.error = BackendError("the verifier failed")
    with pytest.raises(BackendError):
        bench.solve("best-of-n", Budget(8))
    assert bench.flight.under_way == 0
    assert not bench.inner.live


# -- ratings


def rated(pool: Pool, verifier: CountingVerifier, *prefixes: Prefix) -> PooledVerifier:
    pooled = PooledVerifier(verifier, pool, "scripted")
    pooled.score(prefixes)
    return pooled


def on_root(each: Sample) -> Prefix:
    return each.on(Prefix(PROBLEM, 1, PROMPT))


def test_a_sample_is_rated_once() -> None:
    pool, verifier = known(sample(0), sample(1, FIVE)), CountingVerifier()
    prefixes = [on_root(each) for each in pool.samples.values()]
    first = PooledVerifier(verifier, pool, "scripted").score(prefixes)
    assert PooledVerifier(verifier, pool, "scripted").score(prefixes) == first
    assert verifier.asked == [FOUR.text, FIVE.text]
    assert [opinion.score for opinion in first] == [0.9, 0.2]
    assert [each.sample.number for each in pool.news if isinstance(each, Rating)] == [0, 1]


def test_samples_that_read_alike_share_a_rating() -> None:
    pool, verifier = known(sample(0), sample(1, FIVE), sample(2)), CountingVerifier()
    rated(pool, verifier, on_root(sample(0)))
    assert {key.number for key, _ in pool.ratings} == {0, 2}
    rated(pool, verifier, on_root(sample(2)))
    assert verifier.asked == [FOUR.text]


def test_a_sample_drawn_later_takes_over_the_rating_of_its_twin() -> None:
    first = sample(0)
    opinion = CountingVerifier().score([on_root(first)])[0]
    rating = Rating(first.key, "scripted", opinion, 1.5)
    pool, verifier = known(first, sample(4), ratings=(rating,)), CountingVerifier()
    pooled = rated(pool, verifier, on_root(sample(4)))
    assert verifier.asked == []
    assert pool.news == [rating._replace(sample=sample(4).key)]
    assert pooled.seconds == 1.5  # as if it had been scored now


def test_verifiers_do_not_share_ratings() -> None:
    pool, verifier = known(sample(0)), CountingVerifier()
    for spec in ("one", "two"):
        PooledVerifier(verifier, pool, spec).score([on_root(sample(0))])
    assert len(verifier.asked) == 2
    assert {spec for _, spec in pool.ratings} == {"one", "two"}


def test_what_is_no_sample_is_rated_and_not_kept() -> None:
    pool, verifier = Pool(), CountingVerifier()
    assert rated(pool, verifier, on_root(sample(0))).seconds > 0
    assert verifier.asked == [FOUR.text]
    assert pool == Pool()


def test_a_solution_too_long_for_the_verifier_is_kept_as_such_and_not_asked_about_again() -> None:
    pool, verifier = known(sample(0)), CountingVerifier()
    verifier.error = PromptTooLong("too long")
    for _ in range(2):
        with pytest.raises(PromptTooLong, match="does not fit the context of scripted"):
            rated(pool, verifier, on_root(sample(0)))
    assert len(verifier.asked) == 1
    (rating,) = pool.news
    assert isinstance(rating, Rating)
    assert rating.scores is None


def test_what_the_pool_has_not_is_asked_for_together() -> None:
    calls: list[int] = []

    class Calls(CountingVerifier):
        def score(self, prefixes: Sequence[Prefix]) -> list[StepScores]:
            calls.append(len(prefixes))
            return super().score(prefixes)

    pool, verifier = known(sample(0), sample(1, FIVE)), Calls()
    known_one = on_root(sample(0))
    PooledVerifier(verifier, pool, "scripted").score([known_one])
    others = [on_root(sample(1, FIVE)), known_one, on_root(sample(7, SIX))]
    opinions = PooledVerifier(verifier, pool, "scripted").score(others)
    assert calls == [1, 2]
    assert [opinion.score for opinion in opinions] == [0.2, 0.9, 0.4]
    assert {key.number for key, _ in pool.ratings} == {0, 1}


def test_of_several_prefixes_of_which_one_is_too_long_none_is_rated() -> None:
    pool, verifier = known(sample(0), sample(1, FIVE)), CountingVerifier()
    verifier.error = PromptTooLong("too long")
    pooled = PooledVerifier(verifier, pool, "scripted")
    with pytest.raises(PromptTooLong, match="too long"):
        pooled.score([on_root(sample(0)), on_root(sample(1, FIVE))])
    assert pool.news == []
    assert pooled.seconds > 0


def test_a_method_votes_without_what_is_too_long() -> None:
    bench = Bench(script=Script({"": [FOUR]}))
    bench.verifier.error = PromptTooLong("too long")
    outcome = bench.solve("best-of-n", Budget(3))
    assert (outcome.answer, [each.score for each in outcome.candidates]) == ("4", [None] * 3)
    assert len(bench.verifier.asked) == 1


def test_other_errors_of_a_verifier_leave_no_rating() -> None:
    pool, verifier = known(sample(0)), CountingVerifier()
    verifier.error = BackendError("the verifier failed")
    with pytest.raises(BackendError):
        rated(pool, verifier, on_root(sample(0)))
    assert pool.news == []


def test_silent_solutions_are_not_rated() -> None:
    bench = Bench(script=Script({"": [SILENT]}))
    bench.solve("best-of-n", Budget(3))
    assert bench.verifier.asked == []
    assert not bench.pool.ratings
