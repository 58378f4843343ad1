"""Both forms on the small model, which is no such model: what counts is that scores are what a whole prefill gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from ttcli.catalog.forms import PrmForm
from ttcli.engine.branch import Branch, Piece
from ttcli.engine.model import Model
from ttcli.engine.session import Session
from ttcli.engine.template import ChatTemplate
from ttcli.errors import PromptTooLong
from ttcli.problem import Problem
from ttcli.seams import Interrupted, StepScores
from ttcli.solution import Prefix, Step
from ttcli.verifier import reader
from ttcli.verifier.form import Form, StepTag, StepTurn
from ttcli.verifier.prm import Prm

PROBLEM = Problem("Tom has 2 apples and buys 3 more. How many are there?")
OTHER = Problem("What is 2 + 3?\n")
STEPS = ("Tom has 2 apples.\n\n", "He buys 3 more:\n2 + 3 = 5.\n\n", "So there are \\boxed{5}.")
TAG = "ки"
MakePrm = Callable[..., Prm]


def prefix(*steps: str, problem: Problem = PROBLEM) -> Prefix:
    return Prefix(problem, 1, steps=tuple(Step(text, 1, -1.0) for text in steps))


@pytest.fixture(params=["step-tag", "step-turn"])
def form(request: pytest.FixtureRequest, small_model: Model) -> Form:
    if request.param == "step-tag":
        return StepTag(small_model, PrmForm("step-tag", "+", "-", TAG))
    return StepTurn(small_model, PrmForm("step-turn", "+", "-"))


@pytest.fixture
def make_prm(small_model: Model, form: Form) -> Iterator[MakePrm]:
    made: list[Prm] = []

    def make(halted: Callable[[], bool] | None = None) -> Prm:
        made.append(Prm(small_model, form, interrupted=halted))
        return made[-1]

    yield make
    for prm in made:
        prm.close()


@pytest.fixture
def prm(make_prm: MakePrm) -> Prm:
    return make_prm()


def whole(model: Model, form: Form, problem: Problem, steps: Sequence[str]) -> list[int]:
    """All of it tokenised at once, as the models were trained."""
    said = [step.strip() for step in steps]
    if isinstance(form, StepTurn):
        turns = [f"{problem.text.strip()} {said[0]}", *said[1:]]
        chat = [
            {"role": role, "content": text} for turn in turns for role, text in (("user", turn), ("assistant", "+"))
        ]
        return ChatTemplate(model).encode(chat[:-1])
    solution = "\n".join(f"{step} {TAG}" for step in said)
    bos = [] if model.bos is None else [model.bos]
    return [*bos, *model.tokenize(f"{problem.text.strip()} {solution}", special=False)]


_KNOWN: dict[tuple[int, ...], float] = {}


def reference(model: Model, form: Form, problem: Problem, steps: Sequence[str]) -> float:
    """The last step's score by a prefill of the whole text in a context of its own."""
    ids = tuple(whole(model, form, problem, steps))
    if ids not in _KNOWN:
        _KNOWN[ids] = prefilled(model, ids)
    return _KNOWN[ids]


def prefilled(model: Model, ids: Sequence[int]) -> float:
    branch = Branch(None, ids)
    session = Session(model, cells=1536, width=1, flash_attention=False)
    try:
        session.attach(branch)
        while branch.pending > session.batch:
            session.decode([Piece(branch, session.batch, False)])
        row = session.decode([Piece(branch, branch.pending, True)])[0].astype(np.float64)
    finally:
        session.close()
    (good,), (bad,) = (model.tokenize(label, special=False) for label in "+-")
    return float(1 / (1 + np.exp(row[bad] - row[good])))


def references(model: Model, form: Form, steps: Sequence[str], problem: Problem = PROBLEM) -> list[float]:
    return [reference(model, form, problem, steps[:count]) for count in range(1, len(steps) + 1)]


def test_tokens_appended_step_by_step_are_those_of_the_whole_text(small_model: Model, form: Form) -> None:
    for problem in (PROBLEM, OTHER):
        ids = form.head(problem.text)
        for number, text in enumerate(STEPS):
            ids += form.step(text, first=number == 0)
            assert ids == whole(small_model, form, problem, STEPS[: number + 1])


def test_a_solution_scored_at_once_has_the_score_of_a_prefill_at_each_step(
    prm: Prm, small_model: Model, form: Form
) -> None:
    (opinion,) = prm.score([prefix(*STEPS)])
    assert opinion.steps == pytest.approx(references(small_model, form, STEPS), abs=1e-3)
    assert opinion.score == opinion.steps[-1]
    assert len(set(opinion.steps)) == 3
    assert opinion.tokens == len(whole(small_model, form, PROBLEM, STEPS))


def test_step_by_step_gives_the_same_scores_and_decodes_nothing_twice(prm: Prm, small_model: Model, form: Form) -> None:
    told = references(small_model, form, STEPS)
    decoded = 0
    for count in (1, 2, 3):
        price = prm.price([prefix(*STEPS[:count])])
        (opinion,) = prm.score([prefix(*STEPS[:count])])
        assert opinion.steps == pytest.approx(told[:count], abs=1e-3)
        assert opinion.tokens == price
        decoded += opinion.tokens
    assert decoded == len(whole(small_model, form, PROBLEM, STEPS)) == prm._reader.decoded
    assert prm.price([prefix(*STEPS)]) == 0
    assert prm.score([prefix(*STEPS), prefix(*STEPS[:2])])[1].tokens == 0


def test_a_batch_of_forks_decodes_each_step_once(prm: Prm, small_model: Model, form: Form) -> None:
    texts = ["2 + 3 = 5.\n\n", "2 * 3 = 6.\n\n", "There are none.\n\n", "Who knows?"]
    paths = [(STEPS[0], one, *more) for one in texts for more in ((), ("It is 5.",))]
    opinions = prm.score([prefix(*path) for path in paths] + [prefix(*STEPS, problem=OTHER)])
    for path, opinion in zip(paths, opinions, strict=False):
        assert opinion.steps == pytest.approx(references(small_model, form, path), abs=1e-3)
    assert opinions[-1].steps == pytest.approx(references(small_model, form, STEPS, OTHER), abs=1e-3)
    once = form.head(PROBLEM.text) + form.step(STEPS[0], first=True)
    for text in texts:
        once += form.step(text, first=False) + form.step("It is 5.", first=False)
    assert sum(opinion.tokens for opinion in opinions[:-1]) == len(once)
    assert sum(opinion.tokens for opinion in opinions) == prm._reader.decoded


def test_one_more_step_for_many_solutions_is_one_decode(prm: Prm) -> None:
    prm.score([prefix(STEPS[0])])
    session = prm._reader._scheduler.session  # type: ignore[union-attr]
    before = session.decodes
    prm.score([prefix(STEPS[0], f"Perhaps {number}.") for number in range(8)])
    assert session.decodes == before + 1


def test_a_released_tree_leaves_no_cells_and_is_scored_anew(prm: Prm, small_model: Model, form: Form) -> None:
    prm.score([prefix(*STEPS), prefix(STEPS[0], "No.")])
    prm.release([Prefix(PROBLEM, 0)])
    assert prm._reader.cells_used == 0
    (opinion,) = prm.score([prefix(*STEPS)])
    assert opinion.steps == pytest.approx(references(small_model, form, STEPS), abs=1e-3)
    assert opinion.tokens == len(whole(small_model, form, PROBLEM, STEPS))


def test_a_pruned_step_frees_its_own_cells_and_those_nobody_needs_any_more(prm: Prm, form: Form) -> None:
    head = len(form.head(PROBLEM.text))
    prm.score([prefix(STEPS[0])])
    kept = prm._reader.cells_used
    prm.score([prefix(*STEPS[:2]), prefix(STEPS[0], "No.")])
    prm.release([prefix(STEPS[0], "No.")])
    prm.release([prefix(STEPS[0])])  # somebody stands on it
    assert prm._reader.cells_used == kept + len(form.step(STEPS[1], first=False))
    (opinion,) = prm.score([prefix(*STEPS)])
    assert opinion.tokens == len(form.step(STEPS[2], first=False))
    prm.release([prefix(*STEPS), prefix(*STEPS[:2])])
    assert prm._reader.cells_used == head
    assert prm.score([prefix(STEPS[0])])[0].tokens == kept - head


def test_what_was_evicted_is_decoded_again_and_counted(
    make_prm: MakePrm, small_model: Model, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_SEQUENCES", 5)
    prm = make_prm()
    rng = random.Random(1)
    paths: list[tuple[str, ...]] = [()]
    charged = 0
    for number in range(16):
        path = (*rng.choice(paths[-8:]), f"Step {number} says {rng.randint(1, 9)} + {rng.randint(1, 9)}.\n\n")
        if len(path) > 3:
            path = path[-1:]
        paths.append(path)
        (opinion,) = prm.score([prefix(*path)])
        charged += opinion.tokens
        assert opinion.score == pytest.approx(reference(small_model, form, PROBLEM, path), abs=1e-3)
    assert charged == prm._reader.decoded
    places = sum(len(place.ids) for place in prm._roots[PROBLEM].all())
    assert charged > places  # some of it was decoded again


def test_a_solution_longer_than_usual_gets_a_larger_context(
    make_prm: MakePrm, small_model: Model, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_TOKENS", 256)
    prm = make_prm()
    prm.score([prefix(*STEPS)])
    long = (*STEPS[:2], "and so on " * 80)
    (opinion,) = prm.score([prefix(*long)])
    assert opinion.score == pytest.approx(reference(small_model, form, PROBLEM, long), abs=1e-3)
    assert opinion.tokens == len(whole(small_model, form, PROBLEM, long))  # the new context knew nothing
    (again,) = prm.score([prefix(*STEPS[:2], "No.")])
    assert again.tokens == len(form.step("No.", first=False))


def test_a_solution_beyond_the_context_is_said_to_be_too_long(prm: Prm, small_model: Model) -> None:
    with pytest.raises(PromptTooLong, match=f"context of {small_model.context}") as caught:
        prm.score([prefix(STEPS[0], "and so on " * small_model.context)])
    assert "--max-tokens" in (caught.value.hint or "")
    assert prm.score([prefix(STEPS[0])])


def test_an_interrupt_leaves_nothing_half_done(make_prm: MakePrm, small_model: Model, form: Form) -> None:
    halted = False
    prm = make_prm(lambda: halted)
    prm.score([prefix(STEPS[0])])
    held = prm._reader.cells_used
    halted = True
    with pytest.raises(Interrupted):
        prm.score([prefix(*STEPS), prefix(STEPS[0], "No.")])
    assert prm._reader.cells_used == held
    halted = False
    (opinion,) = prm.score([prefix(*STEPS)])
    assert opinion.steps == pytest.approx(references(small_model, form, STEPS), abs=1e-3)


def test_a_problem_without_a_step_has_nothing_against_it(prm: Prm) -> None:
    assert prm.score([Prefix(PROBLEM, 0)]) == [StepScores(1.0, (), 0)]


def test_the_name_tells_the_model(prm: Prm, small_model: Model) -> None:
    assert prm.name == f"prm:{small_model.path.stem}"
    assert prm.parameters == small_model.matmul_parameters
    assert prm.partial
