from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest

from bench.builder import Made, make_rows
from ttcli.bench.store import schema
from ttcli.bench.store.sample import Sample, SampleKey
from ttcli.bench.store.states import Rollout, stacked
from ttcli.bench.store.store import Run, Store
from ttcli.bench.store.task import News
from ttcli.solution import Ended, Step

ROWS = make_rows(2)
CONFIG = Made(ROWS).config
LAYERS = (3, 11)


def states(seed: int, width: int = 8) -> dict[int, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {layer: rng.normal(size=width).astype(np.float32) for layer in LAYERS}


def sample(number: int, *, carries: bool = True, steps: int = 3) -> Sample:
    made = tuple(Step(f"Step {at}.\n\n", 3, -0.5, states(10 * number + at) if carries else {}) for at in range(steps))
    return Sample(SampleKey(0.8, 0, number), made, Ended.STOP, "4", 60, 0.1)


def write(store: Store, *samples: Sample) -> tuple[Run, list[int]]:
    """The run, and the ids of the samples in the store."""
    run = store.begin(CONFIG, ROWS)
    for each in samples:
        store.write(run, ROWS[0].problem, News(0, each))
    facts = store.samples(CONFIG).facts(run.id, 0.8, 0, 100)
    return run, [fact.id for fact in facts]


def test_states_that_steps_carry_are_kept_with_their_sample(tmp_path: Path) -> None:
    first, second = sample(0), sample(1, steps=1)
    with Store(tmp_path / "s.db") as store:
        _, ids = write(store, first, second)
    with Store(tmp_path / "s.db") as store:
        assert store.states.layers(ids) == {each: set(LAYERS) for each in ids}
        for layer in LAYERS:
            found = store.states.read(ids, layer)
            for each, made in zip(ids, (first, second), strict=True):
                expected = np.stack([step.states[layer] for step in made.steps])
                assert found[each].shape == expected.shape
                assert found[each] == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_samples_without_states_have_none_until_they_are_added_once(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        _, ids = write(store, sample(0, carries=False))
        assert store.states.layers(ids) == {ids[0]: set()}
        assert store.states.read(ids, 3) == {}
        store.states.add(ids[0], {3: np.full((3, 8), 2.0, np.float32)})
        store.states.add(ids[0], {3: np.full((3, 8), 5.0, np.float32), 4: np.full((3, 8), 1.0, np.float32)})
        assert store.states.layers(ids) == {ids[0]: {3, 4}}
        assert (store.states.read(ids, 3)[ids[0]] == 2.0).all()


def test_a_sample_that_is_there_keeps_the_states_it_came_with(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        _, ids = write(store, sample(0, carries=False))
        write(store, sample(0), sample(1, carries=False))
        assert store.states.layers(ids) == {ids[0]: set()}


def test_steps_of_samples_come_back_without_their_states(tmp_path: Path) -> None:
    made = sample(0)
    with Store(tmp_path / "s.db") as store:
        _, ids = write(store, made)
        found = store.samples(CONFIG).steps(ids)
    assert found == {ids[0]: made.steps}
    assert not any(step.states for step in found[ids[0]])


def test_samples_come_with_the_states_that_are_asked_for_and_kept(tmp_path: Path) -> None:
    seen, blind, half = sample(0), sample(1, carries=False), sample(2, carries=False, steps=2)
    problem = ROWS[0].problem.text
    with Store(tmp_path / "s.db") as store:
        _, ids = write(store, seen, blind, half)
        store.states.add(ids[2], {3: np.full((2, 8), 2.0, np.float32)})
        plain, _ = store.samples(CONFIG).of(problem, {})
        found, _ = store.samples(CONFIG).of(problem, {}, LAYERS)
        third, _ = store.samples(CONFIG).of(problem, {}, [11, 7])
    assert found == plain == third == [seen, blind, half]
    assert not any(step.states for each in plain for step in each.steps)
    assert [[set(step.states) for step in each.steps] for each in found] == [[set(LAYERS)] * 3, [set()] * 3, [{3}] * 2]
    assert [[set(step.states) for step in each.steps] for each in third] == [[{11}] * 3, [set()] * 3, [set()] * 2]
    for step, made in zip(found[0].steps, seen.steps, strict=True):
        for layer in LAYERS:
            assert step.states[layer].dtype == np.float32
            assert step.states[layer] == pytest.approx(made.states[layer], rel=1e-3, abs=1e-4)


def test_what_half_precision_cannot_hold_is_kept_as_its_largest(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        _, ids = write(store, sample(0, carries=False))
        store.states.add(ids[0], {3: np.array([[1e9, -1e9, 1.0]] * 3, np.float32)})
        assert store.states.read(ids, 3)[ids[0]][0].tolist() == [65504.0, -65504.0, 1.0]


def test_layers_that_a_step_lacks_are_left_out() -> None:
    found = stacked([states(0), {3: states(1)[3]}])
    assert set(found) == {3}
    assert found[3].shape == (2, 8)
    assert stacked([]) == {}


def test_rollouts_come_back_in_order_and_stay_as_they_are(tmp_path: Path) -> None:
    with Store(tmp_path / "s.db") as store:
        _, ids = write(store, sample(0), sample(1))
        made = [
            Rollout(ids[0], 0, 0, "4", Ended.STOP, 30, 0.5),
            Rollout(ids[0], 0, 1, None, Ended.LENGTH, 99, 0.75),
            Rollout(ids[1], 2, 0, "é\0", Ended.STOP, 3, 0.0),
        ]
        for each in reversed(made):
            store.states.add_rollout(each)
        store.states.add_rollout(replace_answer(made[0]))
        assert store.states.rollouts(ids) == made
        assert store.states.rollouts(ids[1:]) == made[2:]


def test_the_steps_of_rollouts_and_their_states_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path) as store:
        run, ids = write(store, sample(0))
        steps = sample(1).steps
        store.states.add_rollout(Rollout(ids[0], 0, 2, "4", Ended.STOP, 30, 0.5, steps))
        (found,) = store.states.rollouts(ids)
        assert found.steps == steps
        for layer, kept in stacked([step.states for step in steps]).items():
            read = store.states.of_rollouts(ids, layer)
            assert list(read) == [(ids[0], 0, 2)]
            np.testing.assert_allclose(read[ids[0], 0, 2], kept, rtol=1e-3, atol=1e-3)
        store.remove(run, samples=True)
        assert store._database.read("SELECT count(*) FROM rollout_state") == [(0,)]


def replace_answer(rollout: Rollout) -> Rollout:
    return rollout._replace(answer="5")


def test_states_and_rollouts_go_with_their_samples(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with Store(path) as store:
        run, ids = write(store, sample(0), sample(1))
        store.states.add_rollout(Rollout(ids[0], 0, 0, "4", Ended.STOP, 30, 0.5))
        assert store.remove(run, samples=True) == 2
        for table in ("state", "rollout"):
            assert store._database.read(f"SELECT count(*) FROM {table}") == [(0,)]


# -- stores of the first version


def old_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A store as the first version left it, with a run in it."""
    with monkeypatch.context() as patch:
        patch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        with Store(path) as store:
            return store.begin(CONFIG, ROWS)


def version(path: Path) -> int:
    connection = sqlite3.connect(path)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()


def test_an_old_store_gets_the_new_tables_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    run = old_store(path, monkeypatch)
    assert version(path) == 1
    with Store(path) as store:
        assert store.runs() == [run]
        _, ids = write(store, sample(0))
        assert store.states.layers(ids) == {ids[0]: set(LAYERS)}
    assert version(path) == len(schema.MIGRATIONS)


def test_an_old_store_can_be_read_and_is_not_changed_by_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.db"
    run = old_store(path, monkeypatch)
    before = path.read_bytes()
    with Store(path, readonly=True) as store:
        assert store.runs() == [run]
        assert store.rows(run) == ROWS
    assert path.read_bytes() == before
