"""The likelihood of solutions by tiny models: what counts is that it is that of a prefill of the whole text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from tiny_models import ARCHITECTURES

from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.session import Session
from ttcli.engine.template import ChatTemplate
from ttcli.errors import PromptTooLong
from ttcli.problem import Problem
from ttcli.seams import Interrupted
from ttcli.solution import Prefix, Step
from ttcli.verifier import reader
from ttcli.verifier.likelihood import Likelihood

PROBLEM = Problem("What is 7 + 5?")
OTHER = Problem("And 5 + 7?")
STEPS = ("Seven and five\n\n", f"make {'twelve or so, ' * 8}\n\n", "So it is \\boxed{12}.")  # the second: two decodes
TINY = Callable[[str], Model]
MakeLikelihood = Callable[..., Likelihood]


def prefix(*steps: str, problem: Problem = PROBLEM) -> Prefix:
    return Prefix(problem, 1, steps=tuple(Step(text, 1, -1.0) for text in steps))


def encoded(model: Model, problem: Problem) -> list[int]:
    return ChatTemplate(model).encode([{"role": "user", "content": problem.text}])


@pytest.fixture
def make(tiny_model: TINY) -> Iterator[MakeLikelihood]:
    made: list[Likelihood] = []

    def make(architecture: str = "llama", halted: Callable[[], bool] | None = None) -> Likelihood:
        model = tiny_model(architecture)
        made.append(Likelihood(model, lambda problem: encoded(model, problem), threads=1, interrupted=halted))
        return made[-1]

    yield make
    for verifier in made:
        verifier.close()


def means(model: Model, steps: Sequence[str], problem: Problem = PROBLEM) -> list[float]:
    """The mean log-probability of each step, by a prefill of every beginning of the text in a context of its own."""
    ids, ends = encoded(model, problem), []
    first = len(ids)
    for step in steps:
        ids += model.tokenize(step, special=False)
        ends.append(len(ids))
    session = Session(model, cells=1024, width=1, flash_attention=False, threads=1)
    branch, found = Branch(None, ids[:-1]), []
    try:
        session.attach(branch)
        session.decode([Piece(branch, first - 1, False)])
        for token in ids[first:]:
            row = session.decode([Piece(branch, 1, True)])[0].astype(np.float64)
            found.append(float(row[token] - np.logaddexp.reduce(row)))
    finally:
        session.close()
    begins = [first, *ends[:-1]]
    return [float(np.mean(found[begin - first : end - first])) for begin, end in zip(begins, ends, strict=True)]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_scores_are_those_of_a_prefill_of_the_whole_text(
    make: MakeLikelihood, tiny_model: TINY, architecture: str
) -> None:
    model = tiny_model(architecture)
    (opinion,) = make(architecture).score([prefix(*STEPS)])
    told = means(model, STEPS)
    assert [math.log(score) for score in opinion.steps] == pytest.approx(told, rel=5e-4)
    sizes = [len(model.tokenize(step, special=False)) for step in STEPS]
    assert math.log(opinion.score) == pytest.approx(np.average(told, weights=sizes), rel=5e-4)
    assert opinion.current == opinion.score
    assert opinion.tokens == len(encoded(model, PROBLEM)) + sum(sizes) - 1  # the last token's own row tells nothing


@pytest.mark.parametrize("architecture", ["llama", "lfm2"])
def test_a_solution_that_grows_is_read_once_and_scored_alike(
    make: MakeLikelihood, tiny_model: TINY, architecture: str
) -> None:
    verifier = make(architecture)
    (whole,) = make(architecture).score([prefix(*STEPS)])
    tokens = 0
    for count in (1, 2, 3):
        price = verifier.price([prefix(*STEPS[:count])])
        (opinion,) = verifier.score([prefix(*STEPS[:count])])
        assert opinion.steps == pytest.approx(whole.steps[:count], abs=1e-4)
        assert opinion.tokens == price
        tokens += opinion.tokens
    assert tokens == whole.tokens == verifier._reader.decoded
    assert verifier.price([prefix(*STEPS)]) == 0


def test_forks_share_what_they_have_in_common(make: MakeLikelihood, tiny_model: TINY) -> None:
    verifier, model = make(), tiny_model("llama")
    paths = [(STEPS[0], f"{word} it is.") for word in ("perhaps", "surely", "oddly")]
    opinions = verifier.score([*(prefix(*path) for path in paths), prefix(*STEPS, problem=OTHER)])
    for path, opinion in zip(paths, opinions, strict=False):
        assert [math.log(score) for score in opinion.steps] == pytest.approx(means(model, path), rel=5e-4)
    assert [math.log(score) for score in opinions[-1].steps] == pytest.approx(means(model, STEPS, OTHER), rel=5e-4)
    own = [len(model.tokenize(path[1], special=False)) for path in paths]
    shared = len(encoded(model, PROBLEM)) + len(model.tokenize(STEPS[0], special=False)) - 1
    assert sum(opinion.tokens for opinion in opinions[:-1]) == shared + sum(own)


def test_what_has_lost_its_cells_is_read_again_and_keeps_its_score(
    make: MakeLikelihood, tiny_model: TINY, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_SEQUENCES", 4)
    verifier, model = make(), tiny_model("llama")
    paths = [(f"{first}\n\n", "then\n\n", "so") for first in ("one", "two", "three", "four", "five")]
    charged = 0
    for depth in (1, 2, 3):
        for path in paths:
            (opinion,) = verifier.score([prefix(*path[:depth])])
            charged += opinion.tokens
            assert [math.log(score) for score in opinion.steps] == pytest.approx(means(model, path[:depth]), rel=5e-4)
    assert charged == verifier._reader.decoded


def test_a_text_without_tokens_is_neither_likely_nor_unlikely(make: MakeLikelihood) -> None:
    empty, root, more = make().score([prefix(""), Prefix(PROBLEM, 0), prefix("", "so")])
    assert (empty.score, empty.steps) == (1.0, (1.0,))
    assert (root.score, root.steps) == (1.0, ())
    assert more.score == more.steps[1] < 1.0


def test_a_released_problem_leaves_nothing(make: MakeLikelihood) -> None:
    verifier = make()
    verifier.score([prefix(*STEPS)])
    verifier.release([Prefix(PROBLEM, 0)])
    assert verifier._reader.cells_used == 0
    assert verifier.price([prefix(*STEPS)]) > 0


def test_what_does_not_fit_is_refused_and_what_is_called_off_leaves_nothing(
    make: MakeLikelihood, tiny_model: TINY
) -> None:
    with pytest.raises(PromptTooLong, match="as likelihood:tiny-llama reads it"):
        make().score([prefix("a " * tiny_model("llama").context)])
    off = [True]
    verifier = make(halted=lambda: off[0])
    with pytest.raises(Interrupted):
        verifier.score([prefix(*STEPS)])
    off[0] = False
    assert verifier.score([prefix(*STEPS)]) == make().score([prefix(*STEPS)])
