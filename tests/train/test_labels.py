from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from train.fakes import make_rows
from ttcli.bench.figures.problem import ProblemFigures, load_figures
from ttcli.bench.store.config import RunConfig
from ttcli.bench.store.sample import Sample, SampleKey
from ttcli.bench.store.states import Rollout
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import News, Task
from ttcli.cost import Budget
from ttcli.solution import Ended, Step
from ttcli.train.labels import label

ROWS = make_rows(2)
CONFIG = RunConfig("tiny", {}, 1, (Task("majority", "", Budget(3)),), {}, 0.8, 0, "data", "majority", ("ttc",), "0.0.0")


def sample(number: int, answer: str | None, steps: int, *, carries: bool = True) -> Sample:
    """Its states are its number, then that of the step, in layer 1; ten times that in layer 2."""
    made = [
        Step("So.\n\n", 2, -0.1, {k: np.array([number, at], np.float32) * 10 ** (k - 1) for k in (1, 2)})
        for at in range(steps)
    ]
    bare = [Step(step.text, step.tokens, step.logprob) for step in made]
    return Sample(SampleKey(0.8, 0, number), tuple(made if carries else bare), Ended.STOP, answer, 9, 0.1)


def fill(store: Store, samples: Sequence[tuple[int, Sample]]) -> tuple[Run, list[ProblemFigures]]:
    run = store.begin(CONFIG, ROWS)
    for position, each in samples:
        store.write(run, ROWS[position].problem, News(position, each))
    return run, load_figures(store, run)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "s.db") as opened:
        yield opened


def test_every_step_has_the_outcome_of_its_solution_and_its_own_state(store: Store) -> None:
    _, figures = fill(store, [(0, sample(0, "4.0", 2)), (0, sample(1, "5", 3)), (1, sample(0, "4", 1))])
    found = label(store, figures, (1, 2))
    examples = found.examples
    assert examples.problem.tolist() == [0, 0, 1]
    assert examples.number.tolist() == [0, 1, 0]
    assert examples.correct.tolist() == [True, False, True]
    assert examples.steps.tolist() == [2, 3, 1]
    assert examples.labels.tolist() == [1, 1, 0, 0, 0, 1]
    assert examples.states[1].tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [1, 2], [0, 0]]
    assert examples.states[2].tolist() == [[0, 0], [0, 10], [10, 0], [10, 10], [10, 20], [0, 0]]
    assert (found.silent, found.rollouts, found.silent_rollouts) == (0, 0, 0)


def test_solutions_without_an_answer_are_counted_and_left_out(store: Store) -> None:
    _, figures = fill(store, [(0, sample(0, None, 2)), (0, sample(1, "4", 1)), (1, sample(0, None, 1))])
    found = label(store, figures, (1,))
    assert found.examples.number.tolist() == [1]
    assert found.silent == 2


def test_solutions_without_states_are_left_out(store: Store) -> None:
    _, figures = fill(store, [(0, sample(0, "4", 2, carries=False)), (0, sample(1, "4", 1))])
    assert label(store, figures, (1,)).examples.number.tolist() == [1]


def test_a_step_with_rollouts_has_their_mean_with_the_solution_itself(store: Store) -> None:
    run, figures = fill(store, [(0, sample(0, "4", 3)), (0, sample(1, "5", 3))])
    ids = [fact.id for fact in figures[0].facts]
    answers = ["4", "5", None, "7", "4"]
    for number, answer in enumerate(answers):
        store.states.add_rollout(Rollout(ids[0], 1, number, answer, Ended.STOP, 5, 0.1))
    store.states.add_rollout(Rollout(ids[1], 0, 0, "4", Ended.STOP, 5, 0.1))
    figures = load_figures(store, run)
    found = label(store, figures, (1,), rollouts=4)
    assert found.examples.labels.tolist() == [1, 0.5, 1, 0.5, 0, 0]
    assert (found.rollouts, found.silent_rollouts) == (4, 1)
    assert label(store, figures, (1,)).examples.labels.tolist() == [1, 1, 1, 0, 0, 0]


def test_a_rollout_whose_steps_are_kept_is_a_solution_of_which_its_own_steps_count(store: Store) -> None:
    run, figures = fill(store, [(0, sample(0, "4", 3)), (0, sample(1, "5", 2))])
    ids = [fact.id for fact in figures[0].facts]
    own = tuple(
        Step(f"Then {at}.\n\n", 2, -0.1, {k: np.array([7, at], np.float32) * 10 ** (k - 1) for k in (1, 2)})
        for at in (5, 6)
    )
    store.states.add_rollout(Rollout(ids[0], 0, 0, "5", Ended.STOP, 5, 0.1, own))
    store.states.add_rollout(Rollout(ids[0], 0, 1, "4", Ended.STOP, 5, 0.1))  # by a ttc that kept no steps
    store.states.add_rollout(Rollout(ids[1], 0, 0, None, Ended.STOP, 5, 0.1, own))
    found = label(store, load_figures(store, run), (1, 2), rollouts=4)
    examples = found.examples
    assert examples.number.tolist() == [0, 1, -1]
    assert examples.sampled.tolist() == [True, True, False]
    assert examples.correct.tolist() == [True, False, False]
    assert examples.steps.tolist() == [3, 2, 3]
    assert examples.labels.tolist() == [pytest.approx(2 / 3), 1, 1, 0, 0, 0, 0, 0]
    assert examples.weights is not None
    assert examples.weights.tolist() == [3, 1, 1, 1, 1, 0, 1, 1]
    assert examples.states[1].tolist()[-3:] == [[0, 0], [7, 5], [7, 6]]
    assert examples.states[2].tolist()[-3:] == [[0, 0], [70, 50], [70, 60]]
    assert examples.visible is not None
    assert len(examples.visible) == 8
    assert (found.rollouts, found.silent_rollouts) == (2, 1)
    assert label(store, load_figures(store, run), (1, 2)).examples.number.tolist() == [0, 1]


def test_a_run_without_solutions_gives_no_examples(store: Store) -> None:
    _, figures = fill(store, [])
    found = label(store, figures, (1,))
    assert len(found.examples.problem) == len(found.examples.labels) == 0
