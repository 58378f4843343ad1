"""Heads on the small model: the states of a solution by prefill are those that its steps carry when it is drawn."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from ttcli.bench.execute.pool import Pool, PooledVerifier
from ttcli.bench.store.sample import Rating, Sample, SampleKey
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.params import SamplingParams
from ttcli.engine.session import Session
from ttcli.engine.template import ChatTemplate
from ttcli.errors import ModelError, PromptTooLong
from ttcli.policy.local.policy import LocalPolicy
from ttcli.policy.prompt import Prompt
from ttcli.problem import Problem
from ttcli.seams import Extend, Extension, Interrupted, StepScores
from ttcli.solution import Attempt, Ended, Prefix, Step
from ttcli.verifier.head_verifier import HeadVerifier
from ttcli.verifier.states import StateReader
from verifier.heads import random_head

LAYER = 12  # of 30
PROBLEM = Problem("Tom has 2 apples and buys 3 more. How many are there?")
OTHER = Problem("What is 2 + 3?")
STEPS = ("First we count.\n\n", "2 + 3 = 5\n\n", "So there are \\boxed{5}.")

Make = Callable[..., Any]


@pytest.fixture
def encode(small_model: Model) -> Callable[[Problem], list[int]]:
    template = ChatTemplate(small_model)
    return lambda problem: template.encode(Prompt().messages(problem))


@pytest.fixture
def make_reader(small_model: Model, encode: Callable[[Problem], list[int]]) -> Iterator[Make]:
    made: list[StateReader] = []

    def make(**options: Any) -> StateReader:
        made.append(StateReader(small_model, "head:test", encode, [LAYER], **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def make_verifier(small_model: Model, encode: Callable[[Problem], list[int]]) -> Iterator[Make]:
    made: list[HeadVerifier] = []

    def make(carried: bool = True, **head: Any) -> HeadVerifier:
        options: dict[str, Any] = {"layer": LAYER, "aggregation": "mean"} | head
        made.append(
            HeadVerifier(
                random_head(small_model.width, **options), "head:test", small_model, encode, carried=carried, threads=2
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def prefix(*steps: str, problem: Problem = PROBLEM, ended: Ended = Ended.OPEN) -> Prefix:
    return Prefix(problem, 0, steps=tuple(Step(text, 1, None) for text in steps), ended=ended)


def likeness(one: Any, other: Any) -> float:
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def reference(model: Model, prompt: Sequence[int], given: Prefix) -> list[Any]:
    """The states of each step by a decode of the whole text in a context of its own."""
    ends, tokens = [], [*prompt]
    for number, step in enumerate(given.steps):
        tokens += model.tokenize(step.text, special=False)
        stopped = given.ended is Ended.STOP and number == len(given.steps) - 1
        ends.append(max(len(tokens) - (1 if stopped else 2), len(prompt) - 1))
    session = Session(model, cells=1024, width=1, sequences=1, observe=[LAYER], flash_attention=False)
    found = {}
    try:
        branch = Branch(None, tokens)
        session.attach(branch)
        for end in sorted(set(ends)):
            session.decode([Piece(branch, end + 1 - branch.cached, True)])
            found[end] = session.states[0][LAYER]
    finally:
        session.close()
    return [found[end] for end in ends]


@pytest.mark.parametrize("ended", [Ended.OPEN, Ended.STOP, Ended.LENGTH])
def test_states_are_those_of_the_token_before_the_last_of_a_step(
    make_reader: Make, small_model: Model, encode: Callable[[Problem], list[int]], ended: Ended
) -> None:
    given = prefix(*STEPS, ended=ended)
    [reading] = make_reader().read([given])
    expected = reference(small_model, encode(PROBLEM), given)
    for states, other in zip(reading.steps, expected, strict=True):
        assert likeness(states[LAYER], other) > 0.999


@pytest.mark.parametrize("seed", range(2))
def test_states_do_not_depend_on_how_solutions_came_to_be_read(
    make_reader: Make, small_model: Model, encode: Callable[[Problem], list[int]], seed: int
) -> None:
    """One by one, many at once, as they grow, as beginnings of others, after a release, of one token or none."""
    rng = random.Random(seed)
    words = ["a", "b\n\n", "", " c and so on\n\n", "1 + 1 = 2"]
    texts = [
        prefix(
            *rng.choices(words, k=rng.randint(1, 4)),
            problem=rng.choice([PROBLEM, OTHER]),
            ended=rng.choice([Ended.OPEN, Ended.STOP]),
        )
        for _ in range(6)
    ]
    reader = make_reader()
    left = [*texts]
    while left:
        some = [left.pop() for _ in range(min(len(left), rng.randint(1, 4)))]
        for given, reading in zip(some, reader.read(some), strict=True):
            expected = reference(small_model, encode(given.problem), given)
            for states, other in zip(reading.steps, expected, strict=True):
                assert likeness(states[LAYER], other) > 0.999
        reader.release(rng.sample(texts, 2))
        if rng.random() < 0.2:
            reader.release([Prefix(PROBLEM, 0)])
    reader.release([Prefix(PROBLEM, 0), Prefix(OTHER, 0)])
    assert not reader._roots
    assert reader._reader.cells_used == 0


def test_only_what_is_new_is_decoded_and_charged(
    make_reader: Make, small_model: Model, encode: Callable[[Problem], list[int]]
) -> None:
    reader = make_reader()
    lengths = [len(small_model.tokenize(text, special=False)) for text in STEPS]
    first = prefix(STEPS[0])
    assert reader.price([first]) == len(encode(PROBLEM)) + lengths[0] - 1
    assert reader.read([first])[0].tokens == len(encode(PROBLEM)) + lengths[0] - 1
    assert reader.price([first]) == reader.read([first])[0].tokens == 0
    second = prefix(*STEPS[:2])
    assert reader.price([second, second]) == lengths[1]
    assert [reading.tokens for reading in reader.read([second, second])] == [lengths[1], 0]
    ended = prefix(*STEPS, ended=Ended.STOP)
    assert reader.read([ended])[0].tokens == lengths[2] + 1


def test_a_solution_too_long_for_the_model_is_refused(make_reader: Make) -> None:
    with pytest.raises(PromptTooLong, match="head:test"):
        make_reader().read([prefix("word " * 9000)])


def test_a_reading_that_is_called_off_can_be_taken_again(make_reader: Make) -> None:
    halting = [True]
    reader = make_reader(interrupted=lambda: halting[0])
    with pytest.raises(Interrupted):
        reader.read([prefix(*STEPS)])
    halting[0] = False
    assert len(reader.read([prefix(*STEPS)])[0].steps) == 3


# -- the verifier


@pytest.fixture
def drawn(small_model: Model) -> list[Prefix]:
    """Solutions whose steps carry states."""
    prompt = Prompt(step_separator=" ")
    policy = LocalPolicy(
        small_model, name="small", prompt=prompt, sampling=SamplingParams(), max_tokens=12, width=4, observe=(LAYER,)
    )
    try:
        root = policy.start(PROBLEM)
        happenings = [each for some in policy.extend(Extend(root, (0, n)) for n in range(4)) for each in some]
    finally:
        policy.close()
    return [each.prefix for each in happenings if isinstance(each, Extension)]


def bare(prefix: Prefix) -> Prefix:
    return dataclasses.replace(prefix, steps=tuple(dataclasses.replace(step, states={}) for step in prefix.steps))


@pytest.mark.parametrize("aggregation", ["last", "min", "mean", "prod"])
def test_a_solution_with_states_is_scored_without_a_token(
    make_verifier: Make, drawn: list[Prefix], aggregation: str
) -> None:
    verifier = make_verifier(aggregation=aggregation)
    assert verifier.price(drawn) == 0
    head = random_head(len(drawn[0].steps[0].states[LAYER]), layer=LAYER)
    for prefix, opinion in zip(drawn, verifier.score(drawn), strict=True):
        expected = head.scores(np.stack([step.states[LAYER] for step in prefix.steps]))
        assert opinion.steps == pytest.approx(expected)
        whole = {"last": expected[-1], "min": expected.min(), "mean": expected.mean(), "prod": expected.prod()}
        assert opinion.score == pytest.approx(whole[aggregation])
        assert opinion.tokens == 0
    assert verifier._reader._reader._scheduler is None  # it never had a context


def test_a_solution_without_states_is_read_and_charged(make_verifier: Make, drawn: list[Prefix]) -> None:
    verifier = make_verifier()
    mixed = [bare(drawn[0]), drawn[1], bare(drawn[2])]
    assert verifier.price(mixed) > 0
    opinions = verifier.score(mixed)
    assert [opinion.tokens > 0 for opinion in opinions] == [True, False, True]
    assert [len(opinion.steps) for opinion in opinions] == [len(each.steps) for each in mixed]
    verifier.release([Prefix(PROBLEM, 0)])
    assert verifier._reader._reader.cells_used == 0


def test_the_states_of_another_model_are_left_alone(make_verifier: Make, drawn: list[Prefix]) -> None:
    assert all(opinion.tokens for opinion in make_verifier(carried=False).score(drawn[:1]))


def test_the_states_of_a_revision_are_left_alone_and_its_text_is_read_as_any_solution(
    make_verifier: Make, drawn: list[Prefix]
) -> None:
    verifier = make_verifier()
    revised = dataclasses.replace(drawn[0], attempts=(Attempt("It is 3."),))
    assert verifier.price([revised]) > 0 == verifier.price([drawn[0]])
    [opinion, as_read] = verifier.score([revised, bare(drawn[0])])
    assert opinion.tokens > 0
    assert opinion.steps == as_read.steps


def test_what_was_read_and_what_was_carried_score_alike(make_verifier: Make, drawn: list[Prefix]) -> None:
    """The steps of these texts are words, which the model draws as the tokenizer writes them."""
    verifier = make_verifier()
    for one, other in zip(verifier.score(drawn), verifier.score([bare(each) for each in drawn]), strict=True):
        assert np.median(np.abs(np.subtract(one.steps, other.steps))) < 0.05


def test_a_root_has_no_fault_yet(make_verifier: Make) -> None:
    assert make_verifier().score([Prefix(PROBLEM, 1)])[0] == StepScores(1.0, (), 0)


@pytest.mark.parametrize(("width", "layer"), [(0, 29), (0, 40), (1, 3)])
def test_a_head_that_cannot_be_for_this_model_is_refused(
    small_model: Model, encode: Callable[[Problem], list[int]], width: int, layer: int
) -> None:
    head = random_head(small_model.width + width, layer=layer)
    with pytest.raises(ModelError, match="30 layers of 576") as caught:
        HeadVerifier(head, "head:test", small_model, encode, carried=True)
    assert caught.value.hint


def test_a_sample_whose_states_were_not_kept_is_scored_by_prefill(make_verifier: Make, drawn: list[Prefix]) -> None:
    stored = bare(drawn[0])
    key = SampleKey(0.8, 0, 0)
    pool = Pool.of([Sample(key, stored.steps, stored.ended, None, 20, 0.1)], [])
    pooled = PooledVerifier(make_verifier(), pool, "head:test")
    again = pool.samples[key].on(Prefix(PROBLEM, 1, 20))
    [opinion] = pooled.score([again])
    assert opinion.tokens > 0
    assert len(opinion.steps) == len(stored.steps)
    assert [each.scores for each in pool.news if isinstance(each, Rating)] == [opinion]
